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

/// Writes the file in one go, as editors do: a reader must never see half of it.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("beside");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
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
    let write = |text: &str| replace(&path, text);
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

#[tokio::test]
async fn a_campaign_that_is_taken_out_of_the_file_goes_on_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("campaigns.toml");
    let write = |text: &str| replace(&path, text);
    write(&campaigns("USD", &["one", "two"]));
    let file = Path::new(&path).display().to_string();
    let setup = Setup::embedded().with("catalog.file", &file).with("catalog.reload_interval", "1s");
    let service = setup.start().await;

    write(&campaigns("USD", &["one"]));
    said(&service, &["no longer in the catalogue file", "\"count\":1", "\"two\""]).await;
    assert_eq!(listed(&service).await, ["one", "two"]);
    let (_, page) = service.get("/metrics").await.unwrap();
    assert!(page.contains("paceline_catalog_gone 1\n"), "{page}");

    let both = campaigns("USD", &["one", "two"]);
    let (one, two) = both.split_once("name = \"two\"").unwrap();
    write(&format!("{one}name = \"two\"\nstatus = \"archived\"{two}"));
    said(&service, &["names every campaign that goes on"]).await;
    write(&campaigns("USD", &["one"]));
    until("the last file is taken", async || {
        let lines = service.log();
        let loads = lines.iter().filter(|line| line.contains("catalogue loaded")).count();
        (loads == 4).then_some(())
    })
    .await;
    let told = service.log();
    let told = told.iter().filter(|line| line.contains("no longer in the catalogue file"));
    assert_eq!(told.count(), 1, "one that has ended is missed by nobody");
}
