//! The certificate of our ports, read once at start.
//!
//! Knows files and their form; which files is config's affair. Called by `app`: [`acceptor`] for
//! the pages, [`server`] for the RPC port, both from the same two files.

use crate::config::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::{TlsAcceptor, rustls};
use tonic::transport::{Identity, ServerTlsConfig};

/// Longest time to agree on a key: a connection that says nothing must not hold a place for ever.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// When a file is missing, unreadable or not PEM.
    #[error("reading {key}")]
    File {
        /// The setting that names it.
        key: &'static str,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// When a file was read a moment ago and cannot be read again.
    #[error("reading {key}")]
    Gone {
        /// The setting that names it.
        key: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// When certificate and key are not a pair.
    #[error("pairing server.tls_certificate_file with server.tls_key_file")]
    Pair(#[source] rustls::Error),
}

/// What encrypts connections; `None` when no certificate is configured.
///
/// # Errors
/// [`TlsError`] names the setting, never the secret.
pub fn acceptor(config: &ServerConfig) -> Result<Option<TlsAcceptor>, TlsError> {
    let files = (&config.tls_certificate_file, config.tls_key_file.file());
    let (Some(certificate), Some(key)) = files else { return Ok(None) };
    let chain = chain(certificate).map_err(file("server.tls_certificate_file"))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(file("server.tls_key_file"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

/// The same for the RPC port; `None` when no certificate is configured.
///
/// # Errors
/// As [`acceptor`], which judges the files: this only hands them on.
pub fn server(config: &ServerConfig) -> Result<Option<ServerTlsConfig>, TlsError> {
    let files = (&config.tls_certificate_file, config.tls_key_file.file());
    let (Some(certificate), Some(key)) = files else { return Ok(None) };
    acceptor(config)?;
    let read =
        |path: &PathBuf, key| std::fs::read(path).map_err(|source| TlsError::Gone { key, source });
    let certificate = read(certificate, "server.tls_certificate_file")?;
    let identity = Identity::from_pem(certificate, read(key, "server.tls_key_file")?);
    Ok(Some(ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIMEOUT)))
}

fn chain(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    CertificateDer::pem_file_iter(path)?.collect()
}

fn file(key: &'static str) -> impl Fn(rustls_pki_types::pem::Error) -> TlsError {
    move |source| TlsError::File { key, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::config::value::Value;

    #[test]
    fn without_files_ports_are_plain() {
        assert!(acceptor(&ServerConfig::default()).unwrap().is_none());
        assert!(server(&ServerConfig::default()).unwrap().is_none());
    }

    #[test]
    fn a_missing_certificate_is_told_by_its_setting() {
        let missing = "no-such.pem";
        let config = ServerConfig {
            tls_certificate_file: Some(PathBuf::from(missing)),
            tls_key_file: Secret::parse(missing).unwrap(),
            ..ServerConfig::default()
        };
        let error = acceptor(&config).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "reading server.tls_certificate_file");
    }
}
