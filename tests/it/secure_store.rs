//! Redis over an encrypted line: trusted by the authority that was named, and by no other.

use crate::harness::{Setup, Told, until};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A redis-server that speaks TLS alone, stopped by its id.
struct Secure {
    child: Child,
    port: u16,
}

impl Secure {
    /// Starts one with its own certificate; none where redis-server is missing, except in CI.
    async fn start(folder: &Path) -> Option<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (pem, key) = (folder.join("chain.pem"), folder.join("key.pem"));
        std::fs::write(&pem, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let spawned = Command::new("redis-server")
            .args(["--port", "0", "--bind", "127.0.0.1", "--tls-port", &port.to_string()])
            .args(["--tls-auth-clients", "no", "--save", "", "--loglevel", "warning"])
            .arg("--tls-cert-file")
            .arg(&pem)
            .arg("--tls-key-file")
            .arg(&key)
            .arg("--tls-ca-cert-file")
            .arg(&pem)
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "redis-server is needed in CI: {error}");
                eprintln!("skipping the encrypted redis: redis-server cannot be started: {error}");
                return None;
            }
        };
        let secure = Self { child, port };
        until("redis-server listens", async || TcpStream::connect(("127.0.0.1", port)).ok()).await;
        Some(secure)
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        // Already dead is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn an_encrypted_redis_is_trusted_by_the_authority_that_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(redis) = Secure::start(folder.path()).await else { return };
    let url = format!("rediss://localhost:{}", redis.port);
    let authority = folder.path().join("chain.pem").display().to_string();
    let setup = Setup::embedded()
        .with("store.kind", "redis")
        .with("store.redis_url", &url)
        .with("store.redis_authority_file", &authority)
        .with("store.command_timeout", "20s")
        .with("partitions", "1");
    let service = setup.start().await;
    let (_, page) = service.get("/readyz").await.unwrap();
    assert!(page.contains("store_reachable: yes"), "{page}");

    // The system's authorities know nothing of this certificate.
    let mut words = vec!["run".to_owned()];
    words.extend(service.settings());
    words.extend(["--set".to_owned(), "store.redis_authority_file=".to_owned()]);
    words.extend(["--set".to_owned(), "store.command_timeout=2s".to_owned()]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Told { code, err, .. } = service.command(&words).await;
    assert_eq!(code, 1, "{err}");
    let said = err.lines().last().unwrap_or_default();
    assert!(said.starts_with("paceline: the store cannot be opened"), "{err}");
    assert!(said.contains(&url) && said.contains("UnknownIssuer"), "{err}");
}
