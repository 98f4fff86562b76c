//! Somebody at the console: the program behind its door, a market that runs, a browser, and what
//! must hold of every page that is stopped at.
//!
//! Knows what pages must never do, not what is done on them. Called by the journeys.

use crate::browser::{Browser, ENTER};
use crate::harness::{Service, Setup, until};
use crate::market::{Bidder, FastClock, Order, catalogue};
use paceline_client::Builder;
use paceline_core::units::{CampaignId, Timestamp};
use paceline_proto::v1;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::metadata::{Ascii, MetadataValue};

/// A budget that no market of this kind can take.
pub(crate) const BEHIND: &str = "far behind";
/// One that is spent without trouble.
pub(crate) const STEADY: &str = "steady";
/// Seconds of the market in one of ours: an hour passes in fifteen.
const FACTOR: u32 = 240;
/// Everybody's token is their name followed by this.
const SUFFIX: &str = "-7f3c";
/// What is wrong with a page for whoever cannot see it well.
const SOUND: &str = include_str!("sound.js");

/// All that a journey needs.
pub(crate) struct Visit {
    pub(crate) browser: Browser,
    service: Service,
    clock: FastClock,
    bidders: Vec<Bidder>,
    tokens: PathBuf,
    _folder: TempDir,
}

fn bearer(name: &str) -> MetadataValue<Ascii> {
    format!("Bearer {name}{SUFFIX}").parse().unwrap()
}

fn of<T>(name: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", bearer(name));
    request
}

/// The line that lets somebody in.
fn line(role: &str, name: &str) -> String {
    let token = format!("{name}{SUFFIX}");
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    let digest: String = digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    format!("{role} {name} sha256:{digest}\n")
}

impl Visit {
    pub(crate) async fn begin(browser: Browser) -> Self {
        Self::begin_with(browser, &[]).await
    }

    /// The same with settings of its own.
    pub(crate) async fn begin_with(browser: Browser, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::write(&tokens, people(&["anna", "vera"])).unwrap();
        let clock = FastClock::new(FACTOR);
        let setup = Setup::embedded().with("clock.kind", &clock.setting());
        let setup = setup.with("partitions", "1");
        let setup = settings.iter().fold(setup, |setup, (key, value)| setup.with(key, value));
        let service = setup.with("server.tokens_file", &tokens.display().to_string()).start().await;
        let order = |name: &str, budget: i64| Order {
            name: name.to_owned(),
            budget_micros: budget * 1_000_000,
            law: v1::PacingLaw::LogPid,
        };
        let orders = [order(BEHIND, 90_000), order(STEADY, 100)];
        let request = of("ada", catalogue(&clock, &orders));
        let told = service.admin().apply_catalogue(request).await.unwrap().into_inner();
        assert!(told.complaints.is_empty(), "{told:?}");
        let bidder = |name: &str| {
            let builder = Builder::new(service.channel()).with_authorization(bearer("bob"));
            Bidder::start_with(builder, name, &clock, &[BEHIND, STEADY])
        };
        let bidders = ["bidder-1", "bidder-2"].map(bidder).into();
        Self { browser, service, clock, bidders, tokens, _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.service.page_url(path)
    }

    pub(crate) fn campaign(&self, name: &str) -> String {
        self.url(&format!("/campaigns/{}", name.replace(' ', "%20")))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Impressions that a campaign won so far, of all bidders.
    pub(crate) fn sales(&self, campaign: CampaignId) -> usize {
        let sales = self.bidders.iter().flat_map(Bidder::sales);
        sales.filter(|sale| sale.campaign == campaign).count()
    }

    /// Which table each bidder runs, as the service heard.
    pub(crate) async fn generations(&self) -> BTreeMap<u64, (u64, u64)> {
        let asked = of("ada", v1::GetStatusRequest {});
        let told = self.service.admin().get_status(asked).await.unwrap().into_inner();
        let all = told.partitions.into_iter().flat_map(|part| part.bidder_list);
        let runs = all.filter_map(|bidder| Some((bidder.bidder_key, bidder.runs?)));
        runs.map(|(key, runs)| (key, (runs.epoch.into(), runs.sequence))).collect()
    }

    /// What the door of the RPC port says to somebody.
    pub(crate) async fn ask_as(&self, name: &str) -> tonic::Code {
        let told = self.service.admin().get_status(of(name, v1::GetStatusRequest {})).await;
        told.map_or_else(|status| status.code(), |_| tonic::Code::Ok)
    }

    /// What the pages answer to whoever sends this cookie.
    pub(crate) async fn status_with(&self, cookie: &str) -> u16 {
        let address = self.url("");
        let address = address.strip_prefix("http://").unwrap().to_owned();
        let head = format!(
            "GET /budgets HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\
             Connection: close\r\n\r\n"
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Begins a session.
    pub(crate) async fn log_in(&self, name: &str) {
        self.browser.go(&self.url("/login")).await;
        self.browser.fill("Token", &format!("{name}{SUFFIX}")).await;
        self.browser.press("Log in").await;
        self.browser.reads("Portfolio").await;
    }

    /// Ends it.
    pub(crate) async fn log_out(&self) {
        self.browser.go(&self.url("/login")).await;
        self.browser.press("Log out").await;
        self.browser.reads("Token").await;
    }

    /// Whose tokens hold from now on, beside those of programs.
    pub(crate) fn give_tokens(&self, names: &[&str]) {
        let beside = self.tokens.with_extension("beside");
        std::fs::write(&beside, people(names)).unwrap();
        std::fs::rename(&beside, &self.tokens).unwrap();
    }

    /// A stop: a picture in each scheme, nothing that keeps anybody out, nothing in the log but
    /// answers of these kinds, no request to anywhere else.
    pub(crate) async fn sound(&self, name: &str, refusals: &[u16]) {
        for scheme in ["dark", "light"] {
            self.browser.prefer(scheme).await;
            let faults = until("a whole page", async || {
                Some(self.browser.script(SOUND, &[]).await).filter(|faults| !faults.is_null())
            })
            .await;
            assert_eq!(faults, Value::Array(Vec::new()), "{name}, {scheme}: {faults:#}");
            self.browser.shoot(&format!("{name}-{scheme}")).await;
        }
        self.quiet(name, refusals).await;
    }

    /// No warning or error in the log but answers of these kinds, and no request to anywhere else.
    pub(crate) async fn quiet(&self, name: &str, refusals: &[u16]) {
        for entry in self.browser.log("browser").await {
            // Below are recommendations of taste.
            if !["WARNING", "SEVERE"].contains(&entry["level"].as_str().unwrap()) {
                continue;
            }
            let text = entry["message"].as_str().unwrap();
            let is_due = refusals.iter().any(|code| text.contains(&format!("status of {code} ")));
            assert!(is_due, "{name}: the browser says {entry:#}");
        }
        let own = self.url("/");
        let mut requests = 0;
        for entry in self.browser.log("performance").await {
            let told: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            if told["message"]["method"] == "Network.requestWillBeSent" {
                let url = told["message"]["params"]["request"]["url"].as_str().unwrap();
                // The browser's own pages, of its first empty window, are inside of it.
                let inside = ["data:", "chrome:"].iter().any(|kind| url.starts_with(kind));
                let is_own = url.starts_with(&own) || inside;
                assert!(is_own, "{name}: {url} was asked for");
                requests += u32::from(!inside);
            }
        }
        assert!(requests > 0, "{name}: no request was seen, so none was looked at");
    }

    /// The tabulator reaches everything that can be used, in the order in which it is read.
    pub(crate) async fn walks_by_keyboard(&self) {
        let script = "const all = [...document.querySelectorAll('a[href],button,select,summary,\
                      input:not([type=hidden]),[tabindex=\"0\"]')];\
                      return all.filter(on => on.checkVisibility()).map(on => on.tagName + ' ' + \
                      (on.labels?.[0] ?? on).innerText.trim().split('\\n')[0])";
        let due = self.browser.script(script, &[]).await;
        let due = due.as_array().unwrap();
        assert!(due.len() > 5, "{due:?}");
        for place in due {
            assert_eq!(self.browser.tab().await, place.as_str().unwrap(), "of {due:?}");
            let script = "return getComputedStyle(document.activeElement).outlineStyle";
            assert_eq!(self.browser.script(script, &[]).await, "solid", "{place} shows its focus");
        }
    }

    /// The tabulator reaches what begins with these words, and the enter key opens it.
    pub(crate) async fn opens_by_keyboard(&self, words: &str) {
        let due = format!("SUMMARY {words}");
        for _ in 0..100 {
            if self.browser.tab().await.starts_with(&due) {
                return self.browser.key(ENTER).await;
            }
        }
        panic!("the tabulator does not reach {words:?}");
    }

    pub(crate) async fn end(self) {
        for bidder in self.bidders {
            bidder.stop().await;
        }
    }
}

/// The file of tokens: these people, and the programs.
fn people(names: &[&str]) -> String {
    let all = [("operator", "anna"), ("viewer", "vera"), ("admin", "ada"), ("bidder", "bob")];
    let is_in = |name: &str| ["ada", "bob"].contains(&name) || names.contains(&name);
    all.iter().filter(|(_, name)| is_in(name)).map(|(role, name)| line(role, name)).collect()
}
