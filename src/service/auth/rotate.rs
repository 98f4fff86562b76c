//! The file of tokens, looked at again and again, so that a token is given or taken without a
//! restart.
//!
//! A file with a fault is told of once and the last good one stays in force. Run by `app` when
//! `server.tokens_file` is set.

use super::Keyring;
use crate::telemetry::event;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the file is looked at, in the world's time: as long as a stolen token still opens the
/// door once it is struck out.
const INTERVAL: Duration = Duration::from_secs(2);

/// Looks at the file for ever.
pub async fn follow(ring: Keyring, path: PathBuf) {
    let mut fault = None;
    loop {
        tokio::time::sleep(INTERVAL).await;
        look(&ring, &path, &mut fault);
    }
}

/// Takes what the file says now, if it is sound and says something else. The same fault is told
/// once.
fn look(ring: &Keyring, path: &Path, fault: &mut Option<String>) {
    match Keyring::read(path) {
        Ok(now) => {
            *fault = None;
            if !ring.is_alike(&now) {
                event::tokens_read(ring.adopt(&now));
            }
        }
        Err(error) => {
            event::file_refused("tokens");
            let told = crate::error_chain(&error);
            if fault.as_ref() != Some(&told) {
                event::tokens_refused(&error);
                *fault = Some(told);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(role: &str, name: &str, token: &str) -> String {
        use ring::digest::{SHA256, digest};
        let digest = digest(&SHA256, token.as_bytes());
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{role} {name} sha256:{digest}\n")
    }

    #[test]
    fn a_token_is_given_and_taken_without_a_restart_and_a_fault_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, line("viewer", "anna", "old")).unwrap();
        let ring = Keyring::read(&path).unwrap();
        let (copy, mut fault) = (ring.clone(), None);
        let name = |token| copy.caller(token).map(|caller| caller.name.to_string());
        std::fs::write(&path, line("viewer", "anna", "new") + &line("admin", "bert", "b")).unwrap();
        look(&ring, &path, &mut fault);
        assert_eq!((name("old"), name("new")), (None, Some("anna".to_owned())));
        assert_eq!(name("b").as_deref(), Some("bert"));
        for broken in ["", "admin bert hunter2\n"] {
            std::fs::write(&path, broken).unwrap();
            look(&ring, &path, &mut fault);
            assert!(fault.is_some());
            assert_eq!(name("b").as_deref(), Some("bert"), "the last good one stays in force");
        }
        std::fs::remove_file(&path).unwrap();
        look(&ring, &path, &mut fault);
        assert_eq!(name("b").as_deref(), Some("bert"));
        std::fs::write(&path, line("admin", "bert", "c")).unwrap();
        look(&ring, &path, &mut fault);
        assert_eq!((fault, name("b"), name("new")), (None, None, None));
        assert_eq!(name("c").as_deref(), Some("bert"));
    }
}
