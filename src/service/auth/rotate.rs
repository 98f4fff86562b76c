//! The file of tokens, looked at again and again, so that a token is given or taken without a
//! restart.
//!
//! What two looks saw alike is taken, so that half a file that is being written is not; a file with
//! a fault is told of once and the last good one stays in force. Run by `app` when
//! `server.tokens_file` is set.

use super::{AuthError, Keyring};
use crate::settled::{INTERVAL, Look, Settled, Stamp, stamp};
use crate::telemetry::event;
use std::path::{Path, PathBuf};

/// Looks at the file for ever.
pub async fn follow(ring: Keyring, path: PathBuf) {
    let mut watch = Watch::default();
    loop {
        tokio::time::sleep(INTERVAL).await;
        watch.look(&ring, &path);
    }
}

/// What earlier looks found.
#[derive(Default)]
struct Watch {
    seen: Settled<(Stamp, Result<String, String>)>,
    fault: Option<String>,
}

impl Watch {
    /// Takes what the file says now, if it has come to rest, is sound and says something else. A
    /// file that cannot be read may be one that is just being put there; the same fault is told
    /// once.
    fn look(&mut self, ring: &Keyring, path: &Path) {
        let stamp = stamp(path);
        let text = Keyring::text(path);
        let seen = text.as_ref().map(Clone::clone).map_err(|error| crate::error_chain(error));
        match self.seen.look((stamp, seen)) {
            Look::Rest => self.take(ring, text.and_then(|text| Keyring::parse(&text))),
            Look::Moving => {}
            Look::Restless => self.take(ring, Err(AuthError::Restless)),
        }
    }

    fn take(&mut self, ring: &Keyring, read: Result<Keyring, AuthError>) {
        match read {
            Ok(now) => {
                self.fault = None;
                if !ring.is_alike(&now) {
                    event::tokens_read(ring.adopt(&now));
                }
            }
            Err(error) => {
                event::file_refused("tokens");
                let told = crate::error_chain(&error);
                if self.fault.as_ref() != Some(&told) {
                    event::tokens_refused(&error);
                    self.fault = Some(told);
                }
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

    fn twice(watch: &mut Watch, ring: &Keyring, path: &Path) {
        watch.look(ring, path);
        watch.look(ring, path);
    }

    #[test]
    fn half_a_file_that_reads_as_a_whole_one_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let (anna, bert) = (line("viewer", "anna", "a"), line("admin", "bert", "b"));
        let whole = anna.clone() + &bert;
        std::fs::write(&path, &whole).unwrap();
        let ring = Keyring::read(&path).unwrap();
        let mut watch = Watch::default();
        watch.look(&ring, &path);
        std::fs::write(&path, &anna).unwrap();
        watch.look(&ring, &path);
        assert!(ring.caller("b").is_some(), "the file is half written");
        // Half of a later writing, of the same bytes.
        let later = stamp(&path).unwrap() + std::time::Duration::from_millis(1);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        watch.look(&ring, &path);
        assert!(ring.caller("b").is_some(), "it was written again meanwhile");
        // A line cut short is no fault either before it has stood for two looks.
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        watch.look(&ring, &path);
        assert_eq!(watch.fault, None);
        std::fs::write(&path, &anna).unwrap();
        twice(&mut watch, &ring, &path);
        assert!(ring.caller("b").is_none(), "it came to rest: bert was struck out");
        assert!(ring.caller("a").is_some());
    }

    #[test]
    fn a_file_that_is_written_at_every_look_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let (anna, bert) = (line("viewer", "anna", "a"), line("admin", "bert", "b"));
        std::fs::write(&path, anna.clone() + &bert).unwrap();
        let ring = Keyring::read(&path).unwrap();
        let mut watch = Watch::default();
        std::fs::write(&path, &anna).unwrap();
        let first = stamp(&path).unwrap();
        for look in 1..=16 {
            assert_eq!(watch.fault, None, "look {look}");
            let later = first + std::time::Duration::from_secs(look);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
            watch.look(&ring, &path);
        }
        assert!(watch.fault.as_ref().is_some_and(|told| told.contains("again and again")));
        assert!(ring.caller("b").is_some());
        watch.look(&ring, &path);
        assert!(watch.fault.is_none() && ring.caller("b").is_none(), "it came to rest");
    }

    #[test]
    fn a_token_is_given_and_taken_without_a_restart_and_a_fault_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, line("viewer", "anna", "old")).unwrap();
        let ring = Keyring::read(&path).unwrap();
        let (copy, mut watch) = (ring.clone(), Watch::default());
        let name = |token| copy.caller(token).map(|caller| caller.name.to_string());
        std::fs::write(&path, line("viewer", "anna", "new") + &line("admin", "bert", "b")).unwrap();
        twice(&mut watch, &ring, &path);
        assert_eq!((name("old"), name("new")), (None, Some("anna".to_owned())));
        assert_eq!(name("b").as_deref(), Some("bert"));
        for broken in ["", "admin bert hunter2\n"] {
            std::fs::write(&path, broken).unwrap();
            twice(&mut watch, &ring, &path);
            assert!(watch.fault.is_some());
            assert_eq!(name("b").as_deref(), Some("bert"), "the last good one stays in force");
        }
        std::fs::remove_file(&path).unwrap();
        twice(&mut watch, &ring, &path);
        assert_eq!(name("b").as_deref(), Some("bert"));
        std::fs::write(&path, line("admin", "bert", "c")).unwrap();
        twice(&mut watch, &ring, &path);
        assert_eq!((watch.fault, name("b"), name("new")), (None, None, None));
        assert_eq!(name("c").as_deref(), Some("bert"));
    }
}
