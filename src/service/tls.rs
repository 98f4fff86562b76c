//! The certificate of our ports, and whose certificates they take: read at start, and again
//! whenever the files change and have come to rest.
//!
//! Knows files and their form; which files is config's affair, what somebody may do is `auth`'s.
//! Made by `app`, which has [`follow`] look at the files; both ports accept with what is in force.

mod expiry;

use crate::config::ServerConfig;
use crate::settled::{INTERVAL, Look, Settled, Stamp, stamp};
use crate::telemetry::event;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::rustls::server::{
    NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
};
use tokio_rustls::{TlsAcceptor, rustls};

/// Longest time to agree on a key: a connection that says nothing must not hold a place for ever.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be used where certificates of callers are taken: whose word counts is
/// asked when it begins, so that an authority that was taken out counts no longer than this.
pub const AGE_MAX: Duration = Duration::from_secs(3_600);
/// Certificates and keys have some kilobytes, a list of authorities some hundred.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// When a file is missing or unreadable.
    #[error("reading {key}")]
    Unreadable {
        /// The setting that names it.
        key: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// When a file is not PEM, or holds none of what it should.
    #[error("reading {key}")]
    File {
        /// The setting that names it.
        key: &'static str,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// When certificate and key are not a pair.
    #[error("pairing server.tls_certificate_file with server.tls_key_file")]
    Pair(#[source] rustls::Error),
    /// When a certificate of an authority cannot be used.
    #[error("reading server.tls_client_authority_file")]
    Authority(#[source] rustls::Error),
    /// When there is no authority in the file.
    #[error("server.tls_client_authority_file vouches for nobody")]
    NoAuthority(#[source] VerifierBuilderError),
    /// When the files never come to rest.
    #[error(
        "certificate, key or authorities are written again and again, and were never the same at \
         two looks"
    )]
    Restless,
}

impl TlsError {
    /// The setting that is at fault.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { key, .. } | Self::File { key, .. } => key,
            Self::Pair(_) | Self::Restless => CERTIFICATE,
            Self::Authority(_) | Self::NoAuthority(_) => AUTHORITY,
        }
    }
}

const CERTIFICATE: &str = "server.tls_certificate_file";
const KEY: &str = "server.tls_key_file";
const AUTHORITY: &str = "server.tls_client_authority_file";

/// What the files say.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authority: Option<Vec<u8>>,
}

/// What both ports encrypt with.
struct InForce {
    pages: TlsAcceptor,
    calls: TlsAcceptor,
    files: Files,
}

/// What encrypts connections. A copy is the same: what [`follow`] takes holds for all.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<InForce>>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// As configured; `None` where no certificate is.
    ///
    /// # Errors
    /// [`TlsError`] names the setting, never the secret.
    pub fn read(config: &ServerConfig) -> Result<Option<Self>, TlsError> {
        let Some(files) = Files::read(config)? else { return Ok(None) };
        files.tell_expiry();
        Ok(Some(Self(Arc::new(RwLock::new(files.in_force(config)?)))))
    }

    /// Accepts connections of the pages.
    #[must_use]
    pub fn pages(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).pages.clone()
    }

    /// Accepts connections of the RPC port.
    #[must_use]
    pub fn calls(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).calls.clone()
    }

    /// Takes what the files say; whether they say something else than before.
    ///
    /// # Errors
    /// [`TlsError`], and then what was in force stays so.
    fn adopt(&self, files: Files, config: &ServerConfig) -> Result<bool, TlsError> {
        if self.0.read().unwrap_or_else(PoisonError::into_inner).files == files {
            return Ok(false);
        }
        let in_force = files.in_force(config)?;
        in_force.files.tell_expiry();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = in_force;
        Ok(true)
    }
}

/// Looks at the files for ever. A fault is told once, and what was in force stays so; connections
/// that are open go on as they began.
pub async fn follow(tls: Tls, config: ServerConfig) {
    let mut watch = Watch::default();
    loop {
        tokio::time::sleep(INTERVAL).await;
        watch.look(&tls, &config);
    }
}

/// What earlier looks found.
#[derive(Default)]
struct Watch {
    seen: Settled<([Stamp; 3], Result<Files, String>)>,
    fault: Option<String>,
}

impl Watch {
    /// Takes the files once all of them have come to rest: a certificate whose key is not written
    /// yet is no fault, and half a list of authorities is not the list.
    fn look(&mut self, tls: &Tls, config: &ServerConfig) {
        let stamps = Files::stamps(config);
        let Some(read) = Files::read(config).transpose() else { return };
        let seen = read.as_ref().map(Clone::clone).map_err(|error| crate::error_chain(error));
        match self.seen.look((stamps, seen)) {
            Look::Rest => self.tell(read.and_then(|files| tls.adopt(files, config))),
            Look::Moving => {}
            Look::Restless => self.tell(Err(TlsError::Restless)),
        }
    }

    fn tell(&mut self, adopted: Result<bool, TlsError>) {
        match adopted {
            Ok(is_new) => {
                self.fault = None;
                if is_new {
                    event::certificates_read();
                }
            }
            Err(error) => {
                event::file_refused("certificates");
                let told = crate::error_chain(&error);
                if self.fault.as_ref() != Some(&told) {
                    event::certificates_refused(&error);
                    self.fault = Some(told);
                }
            }
        }
    }
}

impl Files {
    fn read(config: &ServerConfig) -> Result<Option<Self>, TlsError> {
        let files = (&config.tls_certificate_file, config.tls_key_file.file());
        let (Some(certificate), Some(key)) = files else { return Ok(None) };
        let authority = config.tls_client_authority_file.as_deref();
        Ok(Some(Self {
            certificate: bytes(CERTIFICATE, certificate)?,
            key: bytes(KEY, key)?,
            authority: authority.map(|path| bytes(AUTHORITY, path)).transpose()?,
        }))
    }

    /// When each was written last.
    fn stamps(config: &ServerConfig) -> [Stamp; 3] {
        let files = [
            config.tls_certificate_file.as_ref(),
            config.tls_key_file.file(),
            config.tls_client_authority_file.as_ref(),
        ];
        files.map(|path| path.and_then(|path| stamp(path)))
    }

    /// Tells when the first of our own chain runs out; authorities are others' affair.
    fn tell_expiry(&self) {
        event::certificate_expires(expiry::earliest(&self.certificate));
    }

    fn in_force(self, config: &ServerConfig) -> Result<InForce, TlsError> {
        let pages = self.server(config.tls_client_required)?;
        let mut calls = pages.clone();
        calls.alpn_protocols = vec![b"h2".to_vec()];
        let [pages, calls] = [pages, calls].map(|server| TlsAcceptor::from(Arc::new(server)));
        Ok(InForce { pages, calls, files: self })
    }

    fn server(&self, is_required: bool) -> Result<rustls::ServerConfig, TlsError> {
        let chain = certificates(CERTIFICATE, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|source| TlsError::File { key: KEY, source })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?;
        let builder = match &self.authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = rustls::RootCertStore::empty();
                for one in certificates(AUTHORITY, authority)? {
                    roots.add(one).map_err(TlsError::Authority)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier =
                    if is_required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().map_err(TlsError::NoAuthority)?)
            }
        };
        let mut server = builder.with_single_cert(chain, key).map_err(TlsError::Pair)?;
        if self.authority.is_some() {
            // A session that is taken up again is not looked into again: a certificate that ran
            // out meanwhile would open the door.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        }
        Ok(server)
    }
}

fn bytes(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { key, source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > FILE_BYTES_MAX {
        let why = format!("has {length} bytes, at most {FILE_BYTES_MAX} are read");
        return Err(unreadable(std::io::Error::new(std::io::ErrorKind::InvalidData, why)));
    }
    std::fs::read(path).map_err(unreadable)
}

fn certificates(key: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let none = || Err(rustls_pki_types::pem::Error::NoItemsFound);
    let all = all.and_then(|all| if all.is_empty() { none() } else { Ok(all) });
    all.map_err(|source| TlsError::File { key, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::config::value::Value;
    use std::path::PathBuf;

    /// Certificate and key in a folder, and the settings that name them.
    fn pair(folder: &Path) -> ServerConfig {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let key = write("key.pem", made.signing_key.serialize_pem());
        ServerConfig {
            tls_certificate_file: Some(write("chain.pem", made.cert.pem())),
            tls_key_file: Secret::parse(key.to_str().unwrap()).unwrap(),
            ..ServerConfig::default()
        }
    }

    #[test]
    fn without_files_ports_are_plain() {
        assert!(Tls::read(&ServerConfig::default()).unwrap().is_none());
    }

    #[test]
    fn a_file_that_does_not_help_is_told_by_its_setting() {
        let folder = tempfile::tempdir().unwrap();
        let sound = pair(folder.path());
        let missing = Some(PathBuf::from("no-such.pem"));
        let told = |config: &ServerConfig| Tls::read(config).map(|_| ()).unwrap_err();
        let error = told(&ServerConfig { tls_certificate_file: missing.clone(), ..sound.clone() });
        assert_eq!(error.to_string(), "reading server.tls_certificate_file");
        let error = told(&ServerConfig { tls_client_authority_file: missing, ..sound.clone() });
        assert_eq!(error.to_string(), "reading server.tls_client_authority_file");
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nobody\n").unwrap();
        let error = told(&ServerConfig { tls_client_authority_file: Some(empty), ..sound.clone() });
        assert_eq!(error.key(), AUTHORITY);
        let other = tempfile::tempdir().unwrap();
        let key = pair(other.path()).tls_key_file;
        let error = told(&ServerConfig { tls_key_file: key, ..sound });
        assert!(error.to_string().starts_with("pairing "), "{error}");
    }

    #[test]
    fn files_are_read_again_and_a_fault_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let config = pair(folder.path());
        let tls = Tls::read(&config).unwrap().unwrap();
        let mut watch = Watch::default();
        let twice = |watch: &mut Watch| {
            watch.look(&tls, &config);
            watch.look(&tls, &config);
        };
        let first = tls.in_force();
        twice(&mut watch);
        assert!(Arc::ptr_eq(&first.0, &tls.in_force().0), "they say the same");
        pair(folder.path());
        twice(&mut watch);
        let second = tls.in_force();
        assert!(first.1 != second.1 && !Arc::ptr_eq(&first.0, &second.0), "another pair");
        assert!(second.1 == Files::read(&config).unwrap().unwrap());
        std::fs::write(folder.path().join("key.pem"), "nonsense").unwrap();
        twice(&mut watch);
        assert!(watch.fault.is_some_and(|told| told.starts_with("reading server.tls_key_file")));
        let third = tls.in_force();
        assert!(second.1 == third.1 && Arc::ptr_eq(&second.0, &third.0));
    }

    #[test]
    fn half_a_list_of_authorities_is_not_taken_and_half_a_pair_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let authority = |name: &str| {
            let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
            made.cert.pem()
        };
        let (one, two) = (authority("one"), authority("two"));
        let list = folder.path().join("authorities.pem");
        std::fs::write(&list, one.clone() + &two).unwrap();
        let listed = Some(list.clone());
        let config = ServerConfig { tls_client_authority_file: listed, ..pair(folder.path()) };
        let tls = Tls::read(&config).unwrap().unwrap();
        let first = tls.in_force();
        let mut watch = Watch::default();
        watch.look(&tls, &config);
        std::fs::write(&list, &one).unwrap();
        watch.look(&tls, &config);
        assert!(Arc::ptr_eq(&first.0, &tls.in_force().0), "the list is half written");
        std::fs::write(&list, one.clone() + &two).unwrap();
        watch.look(&tls, &config);
        let other = tempfile::tempdir().unwrap();
        pair(other.path());
        let copy = |name: &str| {
            std::fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
        };
        copy("chain.pem");
        watch.look(&tls, &config);
        assert_eq!(watch.fault, None, "its key is on the way");
        copy("key.pem");
        watch.look(&tls, &config);
        assert!(Arc::ptr_eq(&first.0, &tls.in_force().0));
        watch.look(&tls, &config);
        assert!(!Arc::ptr_eq(&first.0, &tls.in_force().0), "all have come to rest");
        assert_eq!(watch.fault, None);
    }

    impl Tls {
        /// What connections are encrypted with, and the files that say so.
        fn in_force(&self) -> (Arc<rustls::ServerConfig>, Files) {
            let in_force = self.0.read().unwrap();
            (Arc::clone(in_force.calls.config()), in_force.files.clone())
        }
    }
}
