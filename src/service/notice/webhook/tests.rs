//! What a receiver gets, also of one that fails, hangs and recovers.

use super::*;
use crate::config::ClockKind;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const SECRET: &str = "sixteen bytes and more";

fn config(folder: &Path, url: String) -> NoticesConfig {
    let file = folder.join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    NoticesConfig {
        webhook_url: url.into(),
        webhook_secret_file: crate::config::Secret::parse(file.to_str().unwrap()).unwrap(),
        webhook_authority_file: None,
        webhook_timeout: Span::from_millis(500),
    }
}

fn open(config: &NoticesConfig) -> Webhook {
    let webhook = Webhook::open(config, Clock::of(ClockKind::System)).unwrap().unwrap();
    Webhook { pause: Duration::from_millis(5), ..webhook }
}

/// A request, read to its end.
async fn heard(stream: &mut (impl AsyncRead + Unpin)) -> (String, String) {
    let mut text = Vec::new();
    loop {
        let seen = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = seen.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                return (head.to_owned(), body.to_owned());
            }
        }
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "cut off: {seen}");
        text.extend(&part[..count]);
    }
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), status: &str) {
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Checks a signature the way a receiver does.
fn is_signed(head: &str, body: &str) -> bool {
    let line = head.lines().find_map(|line| line.strip_prefix("paceline-signature: ")).unwrap();
    let (time, tag) = line.split_once(",v1=").unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let tag: Vec<u8> = (0..tag.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&tag[at..at + 2], 16).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, format!("{time}.{body}").as_bytes(), &tag).is_ok()
}

#[tokio::test]
async fn a_receiver_that_fails_then_hangs_then_recovers_gets_each_notice_once_and_signed() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/one?a=b", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (notifier, work) = open(&config(folder.path(), url)).start(stop.clone());
    notifier.tell(&Told::sample("first"));
    let over = Told { cleared_at: Some(Timestamp::MAX), ..Told::sample("first") };
    notifier.tell(&over);
    let receiver = async {
        let mut seen = Vec::new();
        let (mut failing, _) = listener.accept().await.unwrap();
        seen.push(heard(&mut failing).await);
        answer(&mut failing, "503 Service Unavailable").await;
        // It says nothing, and is given up.
        let (mut hanging, _) = listener.accept().await.unwrap();
        seen.push(heard(&mut hanging).await);
        for _ in 0..2 {
            let (mut well, _) = listener.accept().await.unwrap();
            seen.push(heard(&mut well).await);
            answer(&mut well, "204 No Content").await;
        }
        // Its answers are read before it is stopped.
        let mut end = [0; 1];
        assert_eq!(hanging.read(&mut end).await.unwrap_or(0), 0);
        stop.cancel();
        seen
    };
    let (seen, ()) = tokio::join!(receiver, work);
    assert!(seen[0].0.starts_with("POST /hooks/one?a=b HTTP/1.1\r\n"), "{}", seen[0].0);
    assert_eq!((&seen[0].1, &seen[1].1), (&seen[1].1, &seen[2].1), "the same each time");
    for (head, body) in &seen {
        assert!(is_signed(head, body), "{head}");
        assert!(!is_signed(head, &format!("{body} ")), "of another body");
    }
    let bodies: Vec<serde_json::Value> =
        seen[2..].iter().map(|one| serde_json::from_str(&one.1).unwrap()).collect();
    assert_eq!(bodies[0]["stage"], "raised");
    assert_eq!(bodies[1]["stage"], "cleared");
    assert_eq!(bodies[0]["cause"], "runaway");
    assert_eq!(bodies[0]["object_id"], "first");
    assert_eq!(bodies[0]["spent_nanos"], 7);
    assert_ne!(bodies[0]["id"], bodies[1]["id"]);
}

#[tokio::test]
async fn a_receiver_that_refuses_is_not_asked_again_and_the_next_notice_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (notifier, work) = open(&config(folder.path(), url)).start(stop.clone());
    notifier.tell(&Told::sample("refused"));
    notifier.tell(&Told::sample("taken"));
    let receiver = async {
        let mut names = Vec::new();
        for status in ["410 Gone", "200 OK"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (head, body) = heard(&mut stream).await;
            assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            names.push(body["object_id"].as_str().unwrap().to_owned());
            answer(&mut stream, status).await;
        }
        stop.cancel();
        names
    };
    let (names, ()) = tokio::join!(receiver, work);
    assert_eq!(names, ["refused", "taken"]);
}

#[tokio::test]
async fn whoever_tells_never_waits_though_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let url = "http://127.0.0.1:9/".to_owned();
    let (notifier, work) = open(&config(folder.path(), url)).start(stop.clone());
    // Ten times as many as may wait, before anything is sent.
    for _ in 0..10 * QUEUE_MAX {
        notifier.tell(&Told::sample("one of many"));
    }
    let Notifier(Some(queue)) = &notifier else { panic!("it has a queue") };
    assert_eq!(queue.capacity(), 0, "full, and no fuller");
    stop.cancel();
    work.await;
    Notifier::default().tell(&Told::sample("nobody asked for"));
}

#[tokio::test]
async fn an_encrypted_receiver_is_believed_if_its_authority_is_ours() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let mut config = config(folder.path(), url);
    config.webhook_timeout = Span::from_secs(10);
    let stranger = open(&config);
    config.webhook_authority_file = Some(authority);
    let known = open(&config);
    let receiver = async {
        let (stream, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stream).await.is_err(), "a stranger is not believed");
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let _ = heard(&mut stream).await;
        answer(&mut stream, "200 OK").await;
    };
    let sender = async {
        assert!(stranger.post("{}").await.unwrap_err().contains("certificate"));
        assert_eq!(known.post("{}").await.unwrap(), StatusCode::OK);
    };
    tokio::join!(receiver, sender);
}

#[test]
fn what_cannot_be_used_is_told_by_its_setting_and_without_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let of = |config: &NoticesConfig| Webhook::open(config, Clock::of(ClockKind::System));
    assert!(of(&NoticesConfig::default()).unwrap().is_none());
    let good = config(folder.path(), "http://localhost/".to_owned());
    assert!(of(&good).unwrap().is_some());
    let error = |config: &NoticesConfig| of(config).err().unwrap().to_string();
    std::fs::write(good.webhook_secret_file.file().unwrap(), "hunter2").unwrap();
    let said = error(&good);
    assert!(
        said.starts_with("notices.webhook_secret_file = ") && !said.contains("hunter2"),
        "{said}"
    );
    let good = config(folder.path(), "https://localhost/".to_owned());
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nobody\n").unwrap();
    let nobody = NoticesConfig { webhook_authority_file: Some(empty), ..good.clone() };
    let said = error(&nobody);
    assert!(said.starts_with("notices.webhook_authority_file = "), "{said}");
    assert!(said.ends_with("must hold a certificate of an authority, and holds none"), "{said}");
    let missing = NoticesConfig { webhook_authority_file: Some("no-such.pem".into()), ..good };
    let said = error(&missing);
    assert!(
        said.starts_with("notices.webhook_authority_file = no-such.pem cannot be read"),
        "{said}"
    );
}

#[tokio::test]
async fn what_waits_at_a_stop_is_tried_once_each_for_one_time_out_in_all() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    // Long enough for a machine that is busy.
    let config =
        NoticesConfig { webhook_timeout: Span::from_secs(3), ..config(folder.path(), url) };
    let (notifier, work) = open(&config).start(stop.clone());
    for name in ["first", "second", "third"] {
        notifier.tell(&Told::sample(name));
    }
    stop.cancel();
    let receiver = async {
        let mut names = Vec::new();
        for status in ["503 Service Unavailable", "204 No Content"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let body: serde_json::Value =
                serde_json::from_str(&heard(&mut stream).await.1).unwrap();
            names.push(body["object_id"].as_str().unwrap().to_owned());
            answer(&mut stream, status).await;
        }
        // The last one is never answered, and is left.
        let (hanging, _) = listener.accept().await.unwrap();
        (names, hanging)
    };
    let ((names, _hanging), ()) = tokio::join!(receiver, work);
    assert_eq!(names, ["first", "second"]);
}
