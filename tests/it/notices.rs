//! A runaway is told of on the first page, on the command line, to a webhook and in the metrics,
//! and it is still known of after a restart.

use crate::harness::{Setup, until};
use crate::orders;
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const SECRET: &str = "of sixteen bytes and more";

/// Whether a post bears the tag that its receiver is told to work out: HMAC-SHA256, under the
/// secret, of the header's seconds, a full stop and the body as it came.
fn is_ours(text: &str) -> bool {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let header = head.lines().find_map(|line| line.strip_prefix("paceline-signature: ")).unwrap();
    let (seconds, tag) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    let own = ring::hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let own: String = own.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    own == tag
}

/// One POST, answered; all of it, and its body.
async fn posted(listener: &TcpListener, status: &str) -> (String, Value) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    let body = loop {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "cut off: {text}");
        text += std::str::from_utf8(&part[..count]).unwrap();
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
        if let Some(body) = body.and_then(|body| serde_json::from_str(body).ok()) {
            break body;
        }
    };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    (text, body)
}

#[tokio::test]
async fn a_runaway_is_told_of_wherever_somebody_looks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), format!("{SECRET}\n")).unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let mut service = Setup::embedded()
        .with("loop.tick", "1s")
        .with("notices.webhook_url", &url)
        .with("notices.webhook_secret_file", secret.path().to_str().unwrap())
        .start()
        .await;
    let told = service.ctl(&["notices", "--json"]).await.json();
    assert_eq!(told["standing_count"], 0);
    orders::enter(&service, &["spring"], "800.00 USD").await;
    until("the campaign is planned for", async || {
        let told = service.ctl(&["explain", "spring", "--json"]).await.json();
        (!told["owners"][0]["plan"].is_null()).then_some(())
    })
    .await;
    let now = orders::now(&service).await;
    // Twenty times ten dollars at once; eighty a day are planned.
    let events = (0..20).map(|n| orders::billing(&format!("e-{n}"), "spring", 10_000_000_000, now));
    let request = v1::ReportSpendRequest {
        producer_id: Some("bidder-1".to_owned()),
        reported_through: Some(orders::message(now)),
        events: events.collect(),
    };
    let told = SpendServiceClient::new(service.channel()).report_spend(request).await;
    assert_eq!(told.unwrap().into_inner().refusals, []);

    // It fails at first, and is tried again.
    let (first, failed) = posted(&listener, "500 Internal Server Error").await;
    let (head, raised) = posted(&listener, "200 OK").await;
    assert_eq!(failed, raised);
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    assert!(is_ours(&first) && is_ours(&head), "{head}");
    assert!(!is_ours(&format!("{head} ")), "of another body");
    assert_eq!(raised["cause"], "runaway");
    assert_eq!(raised["stage"], "raised");
    assert_eq!(raised["currency"], "USD");

    let told = service.ctl(&["notices", "--json"]).await.json();
    let own = told["standing"].as_array().unwrap().iter().find(|one| one["object_id"] == "spring");
    let own = own.unwrap();
    assert_eq!(own["cause"], "runaway");
    assert_eq!(own["object_kind"], "campaign");
    assert!(own["spent_nanos"].as_i64() > own["planned_nanos"].as_i64(), "{own}");
    assert!(own["cleared_at"].is_null(), "{own}");
    let text = service.ctl(&["notices"]).await.out;
    assert!(text.contains("runaway") && text.contains("campaign spring"), "{text}");
    let (_, page) = service.get("/").await.unwrap();
    assert!(page.contains("Notices") && page.contains("cut to 2 %"), "{page}");
    let sent = until("the post is counted", async || {
        let (_, page) = service.get("/metrics").await?;
        let line = page.lines().find(|line| line.contains("posts_total{result=\"sent\"}"))?;
        (!line.ends_with(" 0")).then(|| page.clone())
    })
    .await;
    assert!(sent.contains("paceline_notice_posts_total{result=\"retried\"} 1"), "{sent}");

    service.kill();
    service.restart().await;
    let told = service.ctl(&["notices", "--json"]).await.json();
    assert!(told["standing"].as_array().unwrap().iter().any(|one| one["object_id"] == "spring"));
    let log = service.log().join("\n");
    assert!(!log.contains("of sixteen bytes"), "the secret is never shown");
}
