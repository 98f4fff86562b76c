//! Both ports of the whole service behind certificate and tokens, as callers meet them.

mod certificates;
mod limits;
mod matrix;
mod storm;

use super::*;
use clap::Parser as _;
use metrics_exporter_prometheus::PrometheusBuilder;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsConnector, rustls};
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};

/// Everybody's token is their name followed by this.
const SUFFIX: &str = "-7f3c";

/// Certificate, key and tokens in a folder, and the settings that name them.
fn guarded(folder: &Path) -> (Config, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let mut tokens = String::new();
    for role in ["viewer", "operator", "admin", "producer", "bidder"] {
        let digest =
            ring::digest::digest(&ring::digest::SHA256, (role.to_owned() + SUFFIX).as_bytes());
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        tokens += &format!("{role} the-{role} sha256:{digest}\n");
    }
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let flags = [
        ("server.grpc_listen", "127.0.0.1:0".to_owned()),
        ("server.http_listen", "127.0.0.1:0".to_owned()),
        ("server.tls_certificate_file", write("chain.pem", &pem)),
        ("server.tls_key_file", write("key.pem", &key)),
        ("server.tokens_file", write("tokens", &tokens)),
        ("store.path", folder.join("data").display().to_string()),
    ];
    let flags = flags.map(|(key, value)| ("--set", key.to_owned(), value)).to_vec();
    let sources = crate::config::Sources { flags, ..crate::config::Sources::default() };
    (crate::config::load(&sources).unwrap().config, pem)
}

async fn channel(address: SocketAddr, pem: &str) -> Channel {
    let tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await.unwrap()
}

/// The message as `role` sends it.
fn from<T>(role: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(format!("Bearer {role}{SUFFIX}")).unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// A page over TLS; the whole answer.
async fn page(address: SocketAddr, pem: &str, path: &str, credentials: &str) -> String {
    ask(address, pem, &format!("GET {path}"), credentials).await
}

/// One request of the pages over TLS, as method and path; the whole answer.
async fn ask(address: SocketAddr, pem: &str, what: &str, credentials: &str) -> String {
    use rustls_pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let request = format!("{what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{credentials}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A peer that closes without a farewell has still sent everything.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn calls_are_judged_by_role(grpc: SocketAddr, pem: &str) {
    let channel = channel(grpc, pem).await;
    let mut admin = AdminServiceClient::new(channel.clone());
    let mut spend = SpendServiceClient::new(channel.clone());

    let refused = admin.get_status(v1::GetStatusRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().starts_with("authorization is absent or unknown and must be"));
    let refused = admin.get_status(from("nobody", v1::GetStatusRequest {})).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(!refused.message().contains(SUFFIX), "no token is ever echoed");

    for role in ["viewer", "operator", "admin"] {
        let told = admin.get_status(from(role, v1::GetStatusRequest {})).await.unwrap();
        assert_eq!(told.get_ref().partitions.len(), 1, "{role}");
    }
    let clear = || v1::ClearOverrideRequest {
        override_id: "00000000000000aa".to_owned(),
        request_id: "r".to_owned(),
        ..Default::default()
    };
    let refused = admin.clear_override(from("viewer", clear())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.message(), "the-viewer has the role viewer, which may not steer");
    // Allowed, and then there is no such hand.
    let refused = admin.clear_override(from("operator", clear())).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let apply = v1::ApplyCatalogueRequest::default;
    let refused = admin.apply_catalogue(from("operator", apply())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    admin.apply_catalogue(from("admin", apply())).await.unwrap();

    let report = v1::ReportSpendRequest::default;
    let refused = spend.report_spend(from("viewer", report())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    spend.report_spend(from("producer", report())).await.unwrap();
    let refused = admin.get_status(from("bidder", v1::GetStatusRequest {})).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

async fn pages_are_judged_too(http: SocketAddr, pem: &str) {
    let told = page(http, pem, "/livez", "").await;
    assert!(told.starts_with("HTTP/1.1 200 "), "probes need no token: {told}");
    let told = page(http, pem, "/", "").await;
    assert!(told.starts_with("HTTP/1.1 401 "), "{told}");
    assert!(told.to_lowercase().contains("www-authenticate: basic realm=\"paceline\""), "{told}");
    // A browser sends a name and the token as password.
    use base64::Engine as _;
    let pair = base64::prelude::BASE64_STANDARD.encode(format!("anna:viewer{SUFFIX}"));
    let told = page(http, pem, "/metrics", &format!("Authorization: Basic {pair}\r\n")).await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    let bearer = format!("Authorization: Bearer producer{SUFFIX}\r\n");
    let told = page(http, pem, "/", &bearer).await;
    assert!(told.starts_with("HTTP/1.1 403 "), "{told}");
    assert!(told.contains("the-producer has the role producer, which may not look"), "{told}");
}

/// What `paceline ctl` makes of these words, said by `role`.
async fn ctl(grpc: SocketAddr, folder: &Path, role: &str, words: &[&str]) -> crate::ctl::Outcome {
    let (ca, token) = (folder.join("chain.pem"), folder.join("token"));
    std::fs::write(&token, format!("{role}{SUFFIX}\n")).unwrap();
    let endpoint = format!("https://localhost:{}", grpc.port());
    let (ca, token) = (ca.to_str().unwrap(), token.to_str().unwrap());
    let line = ["paceline", "ctl", "--endpoint", &endpoint, "--ca-file", ca, "--token-file", token];
    let line = line.iter().chain(words);
    match crate::args::Arguments::try_parse_from(line).unwrap().command {
        crate::args::Command::Ctl(args) => crate::ctl::run(*args).await,
        other => panic!("{other:?}"),
    }
}

async fn the_command_line_is_judged_alike(grpc: SocketAddr, folder: &Path) {
    let told = ctl(grpc, folder, "viewer", &["status"]).await;
    assert!(told.trouble.is_none() && told.text.contains("leading"), "{told:?}");
    let told = ctl(grpc, folder, "viewer", &["clear", "00000000000000aa"]).await;
    let trouble = told.trouble.unwrap();
    assert_eq!(trouble.to_string(), "the-viewer has the role viewer, which may not steer");
    let told = ctl(grpc, folder, "nobody", &["status"]).await;
    let trouble = told.trouble.unwrap().to_string();
    assert!(trouble.ends_with("; --token-file names a file with yours"), "{trouble}");
}

#[tokio::test]
async fn behind_a_certificate_and_tokens_nobody_passes_without_a_right() {
    let folder = tempfile::tempdir().unwrap();
    let (config, pem) = guarded(folder.path());
    let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel::<Addresses>();
    let guide = async {
        let addresses = announced.await.unwrap();
        calls_are_judged_by_role(addresses.grpc, &pem).await;
        pages_are_judged_too(addresses.http, &pem).await;
        the_command_line_is_judged_alike(addresses.grpc, folder.path()).await;
        let plain = Endpoint::from_shared(format!("http://{}", addresses.grpc)).unwrap();
        let mut plain = AdminServiceClient::new(plain.connect_lazy());
        let told = plain.get_status(from("admin", v1::GetStatusRequest {})).await;
        assert!(told.is_err(), "the RPC port speaks to nobody in the clear");
        hand.send(()).await.unwrap();
    };
    let (result, ()) = tokio::join!(run(config, page, signals, announce), guide);
    result.unwrap();
}

#[tokio::test]
async fn a_faulty_file_of_tokens_keeps_the_service_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let (config, _) = guarded(folder.path());
    std::fs::write(folder.path().join("tokens"), "admin anna hunter2\n").unwrap();
    let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (_hand, signals) = Signals::manual();
    let error = run(config, page, signals, oneshot::channel().0).await.unwrap_err();
    assert!(error.to_string().starts_with("server.tokens_file: line 1: digest must be sha256:"));
}
