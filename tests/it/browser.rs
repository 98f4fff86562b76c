//! A real browser, driven by the WebDriver protocol (W3C, "WebDriver", 2018) through chromedriver.
//!
//! The few commands that the journeys need, as JSON over plain HTTP. Nothing of the world outside
//! is in the browser's reach: every name but this machine's is unknown to it. Left out where there
//! is no chromium or no chromedriver, except in CI, where that fails. Used by tests of the console.

use crate::harness::{DEADLINE, until};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What the browser is called on the systems we know.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// What its driver is called.
const DRIVER: &str = "chromedriver";
/// Under which name the protocol sends an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The key that moves the focus on.
const TAB: char = '\u{E004}';
/// The key that opens what has the focus.
pub(crate) const ENTER: char = '\u{E007}';

/// Which of these programs is there; none where there is none, except in CI.
fn installed<'a>(names: &[&'a str]) -> Option<&'a str> {
    let answers = |name: &&str| {
        let asked = Command::new(name).arg("--version").stdout(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    let found = names.iter().copied().find(answers);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{names:?}: one is needed in CI");
        eprintln!("skipping the browser: none of {names:?} is installed");
    }
    found
}

/// The browser's name; none where there is none, except in CI.
pub(crate) fn name() -> Option<&'static str> {
    installed(&NAMES)
}

/// A running browser with one window. Closed when dropped.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    folder: TempDir,
    shots: PathBuf,
}

impl Browser {
    /// Opens one whose screenshots go to a folder of this name beside the build. `None` where
    /// browser or driver is missing.
    pub(crate) async fn open(shots: &str) -> Option<Self> {
        let binary = which(name()?);
        installed(&[DRIVER])?;
        let mut driver = Command::new(DRIVER)
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // Reads on, or the driver would stand still with a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("the driver tells its port")));
        let program = std::env::current_exe().unwrap();
        let shots = program.ancestors().nth(2).unwrap().join(shots);
        std::fs::create_dir_all(&shots).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, address, session: String::new(), folder, shots };
        browser.begin(binary).await;
        Some(browser)
    }

    async fn begin(&mut self, binary: PathBuf) {
        let profile = format!("--user-data-dir={}", self.folder.path().join("profile").display());
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
            "--window-size=1280,1000",
            &profile,
        ];
        let wanted = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "binary": binary, "args": arguments },
        });
        let asked = json!({ "capabilities": { "alwaysMatch": wanted } });
        let told = self.ask("POST", "/session", &asked).await.unwrap();
        self.session = told["sessionId"].as_str().unwrap().to_owned();
    }

    /// One command; what the driver says went wrong.
    async fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // It keeps the line open, whatever it is told: what it says of the length counts.
            while body_of(&answer).is_none() {
                assert!(
                    stream.read_buf(&mut answer).await.unwrap() > 0,
                    "{method} {path}: cut off"
                );
            }
            body_of(&answer).unwrap()
        };
        let told = tokio::time::timeout(DEADLINE, talk).await;
        let told = told.unwrap_or_else(|_| panic!("{method} {path}: not within {DEADLINE:?}"));
        match told["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", told["value"]["message"])),
            None => Ok(told["value"].clone()),
        }
    }

    async fn command(&self, command: &str, body: &Value) -> Result<Value, String> {
        self.ask("POST", &format!("/session/{}/{command}", self.session), body).await
    }

    /// Opens an address and waits until it is there.
    pub(crate) async fn go(&self, url: &str) {
        self.command("url", &json!({ "url": url })).await.unwrap();
    }

    /// Where it is.
    pub(crate) async fn address(&self) -> String {
        self.script("return location.pathname + location.search", &[])
            .await
            .as_str()
            .unwrap()
            .into()
    }

    /// What a script of ours says; asked again where the page was loaded meanwhile.
    pub(crate) async fn script(&self, script: &str, args: &[Value]) -> Value {
        until(script, async || {
            self.command("execute/sync", &json!({ "script": script, "args": args })).await.ok()
        })
        .await
    }

    /// All that can be read on the page.
    pub(crate) async fn text(&self) -> String {
        // A page that loads itself again is not whole for a moment.
        let script = "return document.readyState === 'complete' ? document.body.innerText : null";
        until("a whole page", async || self.script(script, &[]).await.as_str().map(str::to_owned))
            .await
    }

    /// Looks again until the page says this; whoever reads it may load it again in between.
    pub(crate) async fn reads(&self, words: &str) -> String {
        until(&format!("the page says {words:?}"), async || {
            Some(self.text().await).filter(|text| text.contains(words))
        })
        .await
    }

    /// Loads an address again and again until the page says this.
    pub(crate) async fn comes_to_read(&self, url: &str, words: &str) -> String {
        until(&format!("{url} says {words:?}"), async || {
            self.go(url).await;
            Some(self.text().await).filter(|text| text.contains(words))
        })
        .await
    }

    async fn find(&self, xpath: &str) -> Result<String, String> {
        let found = self.command("element", &json!({ "using": "xpath", "value": xpath })).await?;
        Ok(found[ELEMENT].as_str().unwrap().to_owned())
    }

    /// Does something to an element, looking it up again where the page was loaded in between.
    async fn on(&self, xpath: &str, what: &str, body: &Value) {
        until(&format!("{what} on {xpath}"), async || {
            let element = self.find(xpath).await.ok()?;
            self.command(&format!("element/{element}/{what}"), body).await.ok()
        })
        .await;
    }

    /// Follows the first link of this text. A page that loads itself again in that moment may come
    /// before the click, or undo it: it is done when the link's own address is reached.
    pub(crate) async fn follow(&self, text: &str) {
        let xpath = format!("//a[normalize-space()={}]", quoted(text));
        let href =
            "return document.evaluate(arguments[0], document, null, 9).singleNodeValue?.href";
        let mut wanted = Value::Null;
        until(&format!("following {text:?}"), async || {
            if wanted == self.script("return location.href", &[]).await {
                return Some(());
            }
            let element = self.find(&xpath).await.ok()?;
            wanted = self.script(href, &[json!(xpath)]).await;
            // Whether it was done is seen by where the browser is.
            let _ = self.command(&format!("element/{element}/click"), &json!({})).await;
            None
        })
        .await;
    }

    /// Presses the button of this text, and waits for the page that answers: pages with buttons
    /// do not load themselves again.
    pub(crate) async fn press(&self, text: &str) {
        let xpath = format!("//button[normalize-space()={}]", quoted(text));
        let is_new = "return !window.isHere && document.readyState === 'complete'";
        until(&format!("pressing {text:?}"), async || {
            let element = self.find(&xpath).await.ok()?;
            self.script("window.isHere = true", &[]).await;
            match self.command(&format!("element/{element}/click"), &json!({})).await {
                Ok(_) => Some(()),
                // The page may be gone because it was done.
                Err(_) => (self.script(is_new, &[]).await == true).then_some(()),
            }
        })
        .await;
        until(&format!("an answer to {text:?}"), async || {
            (self.script(is_new, &[]).await == true).then_some(())
        })
        .await;
    }

    /// Fills in the field of this label.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let xpath = format!("//label[normalize-space(span)={}]/input", quoted(label));
        self.on(&xpath, "clear", &json!({})).await;
        self.on(&xpath, "value", &json!({ "text": text })).await;
    }

    /// Chooses of those that the field of this label offers.
    pub(crate) async fn choose(&self, label: &str, text: &str) {
        let (label, text) = (quoted(label), quoted(text));
        let xpath = format!("//label[normalize-space(span)={label}]/select/option[.={text}]");
        self.on(&xpath, "click", &json!({})).await;
    }

    /// Presses a key.
    pub(crate) async fn key(&self, key: char) {
        let press = |kind: &str| json!({ "type": kind, "value": key });
        let keys = json!({ "type": "key", "id": "keys",
            "actions": [press("keyDown"), press("keyUp")] });
        self.command("actions", &json!({ "actions": [keys] })).await.unwrap();
    }

    /// A cookie as it is sent, also one that scripts cannot read; nothing where there is none.
    pub(crate) async fn cookie(&self, name: &str) -> Option<String> {
        let path = format!("/session/{}/cookie/{name}", self.session);
        let told = self.ask("GET", &path, &Value::Null).await.ok()?;
        Some(format!("{name}={}", told["value"].as_str()?))
    }

    /// Presses the tabulator, and tells what has the focus then: its text, label or name.
    pub(crate) async fn tab(&self) -> String {
        self.key(TAB).await;
        let script = "const on = document.activeElement; return on === document.body ? '' : \
                      (on.tagName + ' ' + (on.labels?.[0] ?? on).innerText.trim().split('\\n')[0])";
        self.script(script, &[]).await.as_str().unwrap().to_owned()
    }

    /// Light or dark, as its reader prefers.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        let command = json!({ "cmd": "Emulation.setEmulatedMedia",
            "params": { "features": [feature] } });
        self.command("goog/cdp/execute", &command).await.unwrap();
    }

    /// Keeps what is seen as a picture beside the build.
    pub(crate) async fn shoot(&self, name: &str) {
        use base64::Engine as _;
        let path = format!("/session/{}/screenshot", self.session);
        let picture = self.ask("GET", &path, &Value::Null).await.unwrap();
        let picture = base64::prelude::BASE64_STANDARD.decode(picture.as_str().unwrap()).unwrap();
        std::fs::write(self.shots.join(name).with_extension("png"), picture).unwrap();
    }

    /// What was logged since the last look: by the pages (`browser`), or every request among other
    /// things (`performance`).
    pub(crate) async fn log(&self, kind: &str) -> Vec<Value> {
        let told = self.command("se/log", &json!({ "type": kind })).await.unwrap();
        told.as_array().unwrap().clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The session's end closes the browser; a driver that is killed would leave it behind.
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
            self.session, self.address
        );
        if let Ok(mut stream) = std::net::TcpStream::connect(self.address) {
            use std::io::{Read as _, Write as _};
            drop(stream.set_read_timeout(Some(std::time::Duration::from_secs(10))));
            drop(stream.write_all(request.as_bytes()).and_then(|()| stream.read(&mut [0; 512])));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// What an answer holds, once all of it is there.
fn body_of(answer: &[u8]) -> Option<Value> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let body = &answer[end + 4..];
    (body.len() >= length.unwrap()).then(|| serde_json::from_slice(body).unwrap())
}

/// Where a program lies: the driver asks for the whole path.
fn which(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name));
    found.into_iter().find(|path| path.is_file()).unwrap()
}

/// Text as a literal of XPath, which has no escapes.
fn quoted(text: &str) -> String {
    assert!(!text.contains('\''), "{text}");
    format!("'{text}'")
}
