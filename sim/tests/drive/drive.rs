//! `drive`: the service paces real clients within the bounds, on both stores; and what becomes of a
//! drive that is cut short, or finds nobody.

use super::service::{Redis, Service};
use super::{eventually, interrupt, program};
use paceline_proto::v1;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use serde_json::Value;
use std::path::Path;
use std::process::{Output, Stdio};
use tempfile::TempDir;
use tonic::transport::Endpoint;

/// Two hours are two minutes at sixty times the world's pace, and ticks six in a second.
const SCALE: u32 = 60;

pub(crate) fn read(json: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Drives two hours; the figures and what was said.
async fn drive(service: &Service) -> (Value, String) {
    let folder = TempDir::new().unwrap();
    let json = folder.path().join("out.json");
    let mut command = program();
    command
        .args(["drive", "--endpoint", &service.endpoint(), "--campaigns", "100"])
        .args(["--bidders", "4", "--hours", "2", "--json"])
        .arg(&json);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    (read(&json), said)
}

/// The bounds, once more and by hand: the program could judge by others.
fn judge(store: &str, report: &Value, said: &str) {
    let number = |value: &Value, name: &str| {
        value[name].as_f64().unwrap_or_else(|| panic!("{store}: {name} of {value}"))
    };
    let total = &report["total"];
    assert!(number(total, "utilisation") >= 0.97, "{store}: {said}");
    assert!(number(total, "overspend_ratio") <= 0.005, "{store}: {said}");
    assert!(number(total, "dark_hours") < 0.5, "{store}: {said}");
    assert!(number(total, "wins") > 50_000.0 && number(total, "clicks") > 1_000.0, "{store}");
    assert!(number(&report["run"], "audit_failures") < 0.5, "{store}: {said}");
    // Seven hundred and twenty at ten seconds each; a busy machine may be late for some.
    let ticks = number(&report["run"], "ticks");
    assert!(ticks > 360.0, "{store}: {said}");
    let campaigns = report["campaigns"].as_array().unwrap();
    assert_eq!(campaigns.len(), 100);
    let mut by_click = Vec::new();
    for one in campaigns {
        // The guard holds back what clicks on their way may cost: much of so short a flight, and
        // more or less of it by luck.
        let is_by_click = number(one, "clicks") > 0.0;
        let (least, used) = (if is_by_click { 0.90 } else { 0.97 }, number(one, "utilisation"));
        assert!(used >= least, "{store}: {one}");
        by_click.extend(is_by_click.then_some(used));
        assert!(number(one, "overspend_beyond_event_ratio") <= 0.02, "{store}: {one}");
        assert!(number(one, "feasible_nanos") <= number(one, "budget_nanos"), "{store}: {one}");
    }
    let mean = by_click.iter().sum::<f64>() / f64::from(u32::try_from(by_click.len()).unwrap());
    assert!(mean >= 0.95, "{store}: {mean:.4} of {} campaigns by the click", by_click.len());
    let least = by_click.iter().copied().fold(1.0, f64::min);
    println!("{store}: {ticks} ticks, by the click {mean:.4} on average, {least:.4} at least");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_paces_real_clients_within_the_bounds_on_both_stores() {
    let redis = Redis::start().await;
    let embedded = Service::start(SCALE, None).await;
    let (report, said) = match &redis {
        None => drive(&embedded).await,
        Some(redis) => {
            let service = Service::start(SCALE, Some(redis)).await;
            let (first, second) = tokio::join!(drive(&embedded), drive(&service));
            judge("redis", &second.0, &second.1);
            service.stop().await;
            first
        }
    };
    judge("embedded", &report, &said);
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_cut_short_tells_what_it_measured_and_takes_its_campaigns_away() {
    let service = Service::start(SCALE, None).await;
    let folder = TempDir::new().unwrap();
    let (json, html) = (folder.path().join("out.json"), folder.path().join("out.html"));
    let child = program()
        .args(["drive", "--endpoint", &service.endpoint(), "--campaigns", "5", "--bidders", "2"])
        .args(["--hours", "24", "--name", "cut", "--json"])
        .arg(&json)
        .arg("--html")
        .arg(&html)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = Endpoint::from_shared(service.endpoint()).unwrap().connect_lazy();
    let admin = AdminServiceClient::new(line);
    let spent = |line: &v1::CampaignSummary| line.spent_nanos;
    let total = || {
        let mut admin = admin.clone();
        async move {
            let request = v1::ListCampaignsRequest::default();
            let lines = admin.list_campaigns(request).await.ok()?.into_inner().campaigns;
            Some(lines.iter().map(spent).sum::<i64>()).filter(|sum| *sum > 0)
        }
    };
    eventually("something is spent", total).await;
    interrupt(&child);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = output.await.unwrap();
    let told = said(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("stopped before the end"), "{told}");
    let report = read(&json);
    assert!(report["total"]["spend_nanos"].as_i64().unwrap() > 0, "{told}");
    assert_eq!(report["run"]["audit_failures"], 0, "{told}");
    assert!(std::fs::read_to_string(&html).unwrap().contains("cut.00i-00"));
    let state = || {
        let mut admin = admin.clone();
        async move {
            let request = v1::ListCampaignsRequest::default();
            let lines = admin.list_campaigns(request).await.ok()?.into_inner().campaigns;
            let is_running = |line: &v1::CampaignSummary| line.state() == v1::EntryState::Run;
            (lines.len() == 5 && !lines.iter().any(is_running)).then_some(())
        }
    };
    eventually("the campaigns are taken out of the table", state).await;
    service.stop().await;
}

#[test]
fn where_no_service_answers_that_is_said() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let output = program()
        .args(["drive", "--endpoint", &endpoint, "--campaigns", "1", "--bidders", "1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = said(&output);
    assert!(told.contains(&format!("no service answers at {endpoint}")), "{told}");
}
