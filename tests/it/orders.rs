//! Campaigns and spend that tests are made of, against the service's own clock.
//!
//! Used by tests that need something to pace and somebody who spends.

use crate::harness::Service;
use jiff::{SignedDuration, Timestamp};
use paceline_proto::v1;
use std::path::PathBuf;

/// The service's own time, which in a rehearsal is not ours.
pub(crate) async fn now(service: &Service) -> Timestamp {
    let asked = service.admin().get_status(v1::GetStatusRequest {}).await;
    moment(&asked.unwrap().into_inner().server_time.unwrap())
}

pub(crate) fn moment(at: &prost_types::Timestamp) -> Timestamp {
    Timestamp::new(at.seconds, at.nanos).unwrap()
}

pub(crate) fn message(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// The text of a campaign file: each campaign of an advertiser of its own, named after it, with one
/// flight of ten days around now.
pub(crate) fn file_text(now: Timestamp, campaigns: &[&str], budget: &str) -> String {
    let hour = SignedDuration::from_hours(1);
    let start = Timestamp::from_second(now.as_second()).unwrap() - hour;
    let end = start + hour * 240;
    let mut text = String::new();
    for name in campaigns {
        text += &format!("[[advertisers]]\nname = \"{name}-ltd\"\ncurrency = \"USD\"\n");
        text += &format!("[[campaigns]]\nname = \"{name}\"\nadvertiser = \"{name}-ltd\"\n");
        text += &format!(
            "flights = [{{ start = \"{start}\", end = \"{end}\", budget = \"{budget}\" }}]\n"
        );
    }
    text
}

/// The same as a file in the test's folder.
pub(crate) fn file(service: &Service, name: &str, text: &str) -> PathBuf {
    let path = service.folder().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Enters campaigns by the command line.
pub(crate) async fn enter(service: &Service, campaigns: &[&str], budget: &str) {
    let text = file_text(now(service).await, campaigns, budget);
    let path = file(service, "campaigns.toml", &text);
    let told = service.ctl(&["apply", "-f", path.to_str().unwrap()]).await;
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
}

/// A billing of `nanos` at `at`.
pub(crate) fn billing(id: &str, campaign: &str, nanos: i64, at: Timestamp) -> v1::SpendEvent {
    v1::SpendEvent {
        event_id: id.to_owned(),
        campaign_id: campaign.to_owned(),
        kind: v1::SpendKind::Billing.into(),
        price_nanos: nanos,
        occurred_at: Some(message(at)),
        expected_results_millionths: 0,
        ..v1::SpendEvent::default()
    }
}
