//! One life of the program: its process, its log as it comes, its pages by plain HTTP.
//!
//! Knows flags and lines, not what is tested. Called by the harness alone.

use super::until;
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Lines of the log that are kept; what a failing test shows is near the end.
const LINES_MAX: usize = 5_000;
/// The longest wait for one page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// The program with the caller's settings but not the environment's.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    let ours = |name: &str| name.starts_with("PACELINE_");
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
}

/// Settings as flags.
pub(super) fn words(settings: &[(String, String)]) -> Vec<String> {
    settings
        .iter()
        .flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")])
        .collect()
}

/// What the log has told.
#[derive(Default)]
struct Heard {
    lines: VecDeque<String>,
    grpc: Option<SocketAddr>,
    http: Option<SocketAddr>,
}

impl Heard {
    /// Takes in a line; one says where a port is.
    fn hear(&mut self, line: String) {
        let told: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if told["message"] == "listening" {
            let address = told["address"].as_str().and_then(|text| text.parse().ok());
            match told["service"].as_str() {
                Some("grpc") => self.grpc = address,
                Some("http") => self.http = address,
                _ => {}
            }
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// A process, killed when dropped.
pub(super) struct Process {
    child: Child,
    heard: Arc<Mutex<Heard>>,
}

impl Process {
    /// `paceline run` with these settings.
    pub(super) fn run(settings: &[(String, String)]) -> Self {
        let mut child = program()
            .arg("run")
            .args(words(settings))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let hears = Arc::clone(&heard);
        // Reads to the end of the process, or it would stand still with a full pipe.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                hears.lock().unwrap().hear(line);
            }
        });
        Self { child, heard }
    }

    /// Where it listens: RPCs, pages.
    pub(super) async fn addresses(&mut self) -> (SocketAddr, SocketAddr) {
        until("the service listens", async || {
            self.expect_running();
            let heard = self.heard.lock().unwrap();
            heard.grpc.zip(heard.http)
        })
        .await
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.heard.lock().unwrap().lines.iter().cloned().collect()
    }

    /// Fails with its log when it has ended.
    pub(super) fn expect_running(&mut self) {
        if let Some(status) = self.ended() {
            panic!("the service ended with {status}:\n{}", self.log().join("\n"));
        }
    }

    /// How it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        // Already dead is as good.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    /// A signal. The standard library sends only SIGKILL; every shell has a `kill` of its own.
    pub(super) fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the service's log:\n{}", self.log().join("\n"));
        }
        self.kill();
    }
}

/// What a command that ends by itself said.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its exit code; 255 stands for none.
    pub(crate) code: i32,
    /// What it wrote for its caller.
    pub(crate) out: String,
    /// What it wrote for people.
    pub(crate) err: String,
}

impl Told {
    /// The answer in JSON of a command that came off.
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Runs the program with these words to its end.
pub(super) fn run_to_end(words: &[String]) -> Told {
    let output = program().args(words).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Told {
        code: output.status.code().unwrap_or(255),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A page over plain HTTP: status and body. `None` when nobody answers.
pub(super) fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PAGE_TIMEOUT).ok()?;
    stream.set_read_timeout(Some(PAGE_TIMEOUT)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
