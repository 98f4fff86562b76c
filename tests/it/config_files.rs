//! The catalogue file: entered at start, looked at again, never half taken.

use crate::harness::{Service, Setup, until};
use paceline_proto::v1;
use std::path::Path;

/// A file with one advertiser and these campaigns, each with a day's cap and a flight around now.
pub(crate) fn campaigns(currency: &str, names: &[&str]) -> String {
    let now = jiff::Timestamp::now();
    let start = now - jiff::SignedDuration::from_hours(24);
    let end = now + jiff::SignedDuration::from_hours(24 * 30);
    let mut text = format!("[[advertisers]]\nname = \"north\"\ncurrency = \"{currency}\"\n");
    for name in names {
        text += &format!(
            "[[campaigns]]\nname = \"{name}\"\nadvertiser = \"north\"\nlaw = \"asap\"\n\
             flights = [{{ start = \"{start:.0}\", end = \"{end:.0}\", \
             budget = \"1000.00 {currency}\" }}]\ncaps = {{ day = \"100.00 {currency}\" }}\n"
        );
    }
    text
}

async fn listed(service: &Service) -> Vec<String> {
    let asked = v1::ListCampaignsRequest::default();
    let told = service.admin().list_campaigns(asked).await.unwrap().into_inner();
    told.campaigns.into_iter().map(|line| line.campaign_id).collect()
}

/// Waits for a line of the log that holds all of `words`.
async fn said(service: &Service, words: &[&str]) {
    until(&format!("the log says {words:?}"), async || {
        let lines = service.log();
        lines.iter().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_catalogue_file_is_watched_and_never_half_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("campaigns.toml");
    let write = |text: &str| {
        // In one go, as editors do: a reader must never see half a file.
        let beside = folder.path().join("beside");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, &path).unwrap();
    };
    write(&campaigns("USD", &["one"]));
    let file = Path::new(&path).display().to_string();
    let setup = Setup::embedded().with("catalog.file", &file).with("catalog.reload_interval", "1s");
    let service = setup.start().await;
    assert_eq!(listed(&service).await, ["one"], "ready means that the file is in force");

    let bad_law = campaigns("USD", &["one", "two"]).replacen("law = \"asap\"", "law = \"pid\"", 1);
    write(&bad_law);
    said(&service, &["catalogue refused", "line 7: campaigns[0].law", "pid"]).await;
    assert_eq!(listed(&service).await, ["one"], "nothing of a faulty file is taken");

    write(&campaigns("EUR", &["one", "two", "three"]));
    said(&service, &["catalogue refused", "advertisers[0].currency = EUR", "may not change"]).await;
    assert_eq!(listed(&service).await, ["one"], "nor of one that the engine refuses");
    let (status, page) = service.get("/readyz").await.unwrap();
    assert_eq!(status, 200, "the last good file stays in force: {page}");

    write(&campaigns("USD", &["one", "two"]));
    until("the good file is taken", async || (listed(&service).await.len() == 2).then_some(()))
        .await;
    let (_, page) = service.get("/metrics").await.unwrap();
    assert!(page.contains("paceline_catalog_loads_total{result=\"failed\"} 2\n"), "{page}");
}
