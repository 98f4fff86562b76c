//! `demo`: starts by itself, tells where its pages are, and ends in order when interrupted.

use super::{eventually, interrupt, program};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a GET is answered, head and body.
async fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_its_pages_and_ends_in_order_when_interrupted() {
    let mut child = program()
        .args(["demo", "--campaigns", "3", "--bidders", "2", "--hours", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut lines, address) = tokio::task::spawn_blocking(move || {
        let mut told = String::new();
        loop {
            let before = told.len();
            assert!(lines.read_line(&mut told).unwrap() > 0, "it ended with: {told}");
            if let Some(rest) = told[before..].strip_prefix("pages    http://") {
                let address = rest.trim().trim_end_matches('/').to_owned();
                return (lines, address);
            }
        }
    })
    .await
    .unwrap();
    let page = eventually("the portfolio shows the market's campaigns", || async {
        get(&address, "/").await.filter(|page| page.contains("demo-1.00i-02"))
    })
    .await;
    assert!(page.contains("<svg") || page.contains("<table"), "{page}");
    let ready = eventually("the service is ready", || get(&address, "/readyz")).await;
    assert!(ready.ends_with('}') || !ready.is_empty());
    interrupt(&child);
    let (status, rest) = tokio::task::spawn_blocking(move || {
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        (child.wait().unwrap(), rest)
    })
    .await
    .unwrap();
    assert!(status.success(), "{status}: {rest}");
    assert!(rest.contains("the service has stopped in order"), "{rest}");
    assert!(TcpStream::connect(&address).await.is_err(), "nobody listens any more");
}
