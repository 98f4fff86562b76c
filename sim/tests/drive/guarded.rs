//! `drive` against a service behind a certificate and tokens: it passes with both, and says what is
//! missing without.

use super::drive::{read, said};
use super::service::Service;
use super::{eventually, interrupt, program};
use paceline::config::{Config, Sources, load};
use paceline::ctl::line::{Token, way};
use paceline_proto::v1;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const SCALE: u32 = 60;
/// An administrator's token.
const TOKEN: &str = "drive-7f3c";
/// What the service knows of it.
const DIGEST: &str = "b99be49f5364422c8339f36c51cc50a0931234198cba712f5c2b6ddc458d7f91";

/// Certificate, key, tokens and the caller's token in a folder.
struct Guard(TempDir);

impl Guard {
    fn new() -> Self {
        let guard = Self(TempDir::new().unwrap());
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(guard.file("chain.pem"), made.cert.pem()).unwrap();
        std::fs::write(guard.file("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let tokens = format!("admin driver sha256:{DIGEST}\n");
        std::fs::write(guard.file("tokens"), tokens).unwrap();
        std::fs::write(guard.file("token"), format!("{TOKEN}\n")).unwrap();
        guard
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> Config {
        let files = [
            ("server.tls_certificate_file", "chain.pem"),
            ("server.tls_key_file", "key.pem"),
            ("server.tokens_file", "tokens"),
        ];
        let flags = files
            .map(|(key, name)| ("--set", key.to_owned(), self.file(name).display().to_string()));
        load(&Sources { flags: flags.to_vec(), ..Sources::default() }).unwrap().config
    }

    /// A drive that shows these of the caller's files.
    fn drive(&self, endpoint: &str, shown: &[(&str, &str)], json: &Path) -> Command {
        let mut command = program();
        command.args(["drive", "--endpoint", endpoint, "--campaigns", "3", "--bidders", "2"]);
        command.args(["--hours", "24", "--json"]).arg(json);
        for (flag, name) in shown {
            command.arg(flag).arg(self.file(name));
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_shows_its_token_to_a_service_that_is_vouched_for() {
    let guard = Guard::new();
    let service = Service::start_as(guard.config(), SCALE, None).await;
    let endpoint = format!("https://localhost:{}", service.addresses.grpc.port());
    let json = guard.file("out.json");

    let fails = async |shown: &[(&str, &str)]| {
        let mut command = guard.drive(&endpoint, shown, &json);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{shown:?}: {}", said(&output));
        said(&output)
    };
    let told = fails(&[]).await;
    assert!(told.contains("needs --ca-file: who vouches for its certificate"), "{told}");
    let told = fails(&[("--ca-file", "chain.pem")]).await;
    assert!(told.contains("authorization is absent or unknown"), "{told}");

    let shown = [("--ca-file", "chain.pem"), ("--token-file", "token")];
    let child = guard.drive(&endpoint, &shown, &json).spawn().unwrap();
    let line = way(&endpoint, Some(&guard.file("chain.pem"))).unwrap().connect_lazy();
    let token = Token::read(Some(&guard.file("token"))).unwrap();
    let admin = AdminServiceClient::with_interceptor(line, token);
    eventually("something is spent by clients that were let in", || {
        let mut admin = admin.clone();
        async move {
            let told = admin.list_campaigns(v1::ListCampaignsRequest::default()).await.ok()?;
            let spent = told.into_inner().campaigns.iter().map(|line| line.spent_nanos).sum();
            Some(spent).filter(|sum: &i64| *sum > 0)
        }
    })
    .await;
    interrupt(&child);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(read(&json)["total"]["spend_nanos"].as_i64().unwrap() > 0, "{}", said(&output));
    service.stop().await;
}
