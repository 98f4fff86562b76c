//! The line to a controller: address, certificate, token, time limit; what to say when it fails.
//!
//! Knows no command. Called by every one, and by whoever else goes to a controller with the same
//! flags.

use super::CtlError;
use crate::args::ctl::CtlArgs;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status};

/// The longest wait for a connection, unless a shorter time was asked for: a machine that is not
/// there answers nothing at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is taken: pages are bounded to a few megabytes by the service; how each
/// bidder of 256 partitions fares takes some 25 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Shows the caller's token with every question, if there is one.
#[derive(Debug, Clone)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Token {
    /// The token in this file, or none.
    ///
    /// # Errors
    /// [`CtlError::Credential`] when the file cannot be read, or holds anything but one line.
    pub fn read(path: Option<&Path>) -> Result<Self, CtlError> {
        Ok(Self(token(path)?))
    }

    /// The `authorization` header that shows it.
    #[must_use]
    pub fn header(&self) -> Option<&MetadataValue<Ascii>> {
        self.0.as_ref()
    }
}

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// Files by which both sides of a line are known to each other.
#[derive(Debug, Clone, Default)]
struct Certificates {
    /// Of whoever vouches for the service's.
    ca_file: Option<PathBuf>,
    /// A certificate of our own and its key, where the service asks for one.
    own: Option<(PathBuf, PathBuf)>,
}

/// Asks a controller.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) client: AdminServiceClient<InterceptedService<Channel, Token>>,
    pub(super) is_json: bool,
    /// It is one of several, of which each is asked for what it leads.
    pub(super) is_led_only: bool,
    endpoint: String,
    certificates: Certificates,
    timeout: Duration,
    token: Token,
}

impl Caller {
    /// The line is made with the first question.
    pub(super) fn new(args: &CtlArgs) -> Result<Self, CtlError> {
        let timeout = Duration::from(args.timeout);
        let token = Token::read(args.token_file.as_deref())?;
        let own = args.certificate_file.clone().zip(args.key_file.clone());
        let certificates = Certificates { ca_file: args.ca_file.clone(), own };
        Self::at(args.endpoint.clone(), (certificates, token, timeout), args.json)
    }

    /// Where it asks.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn at(
        endpoint: String,
        (certificates, token, timeout): (Certificates, Token, Duration),
        is_json: bool,
    ) -> Result<Self, CtlError> {
        let line = mutual(&endpoint, &certificates)?;
        let line = line.connect_timeout(CONNECT_TIMEOUT.min(timeout)).timeout(timeout);
        let client = AdminServiceClient::with_interceptor(line.connect_lazy(), token.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self { client, is_json, is_led_only: false, endpoint, certificates, timeout, token })
    }

    /// Another instance, asked in the same way for what it leads.
    pub(super) fn beside(&self, address: &str) -> Result<Self, CtlError> {
        let scheme = self.endpoint.split_once("://").map_or("http", |(scheme, _)| scheme);
        let manner = (self.certificates.clone(), self.token.clone(), self.timeout);
        let other = Self::at(format!("{scheme}://{address}"), manner, self.is_json)?;
        Ok(Self { is_led_only: true, ..other })
    }

    /// Who leads each partition: an address, and nothing where it is whoever is asked.
    pub(super) async fn led(&mut self) -> Result<BTreeMap<u32, Option<String>>, CtlError> {
        let asked = self.client.get_status(v1::GetStatusRequest {}).await;
        let partitions = self.answer(asked)?.partitions.into_iter();
        let who = |part: v1::PartitionStatus| {
            let is_other = part.role() == v1::PartitionRole::Following;
            (part.partition, is_other.then_some(part.leader_address))
        };
        Ok(partitions.map(who).collect())
    }

    /// Whoever leads a partition, each once: a list of everything is theirs together.
    pub(super) fn leaders(
        &self,
        led: &BTreeMap<u32, Option<String>>,
    ) -> Result<Vec<Self>, CtlError> {
        let others: BTreeMap<&str, u32> = led
            .iter()
            .filter_map(|(partition, address)| Some((address.as_deref()?, *partition)))
            .collect();
        if let Some((address, partition)) = others.iter().find(|(it, _)| !it.contains(':')) {
            let who = if address.is_empty() { "nobody yet" } else { address };
            return Err(CtlError::Failed(format!(
                "partition {partition} is led by {who}, which gives no address, so that it is out \
                 of reach; try again, or set server.advertised_address there"
            )));
        }
        let mut leaders: Vec<Self> =
            others.keys().map(|address| self.beside(address)).collect::<Result<_, _>>()?;
        if others.is_empty() || led.values().any(Option::is_none) {
            let manner = (self.certificates.clone(), self.token.clone(), self.timeout);
            let own = Self::at(self.endpoint.clone(), manner, self.is_json)?;
            leaders.insert(0, Self { is_led_only: !others.is_empty(), ..own });
        }
        Ok(leaders)
    }

    /// What an answer says, or what to tell of the refusal.
    pub(super) fn answer<T>(&self, result: Result<Response<T>, Status>) -> Result<T, CtlError> {
        result.map(Response::into_inner).map_err(|status| self.trouble(&status))
    }

    fn trouble(&self, status: &Status) -> CtlError {
        let endpoint = self.endpoint.clone();
        let text = status.message();
        match status.code() {
            Code::InvalidArgument => CtlError::Refused(text.to_owned()),
            Code::Unavailable if status.source().is_some() => {
                CtlError::Away { endpoint, why: innermost(status) }
            }
            Code::Cancelled | Code::DeadlineExceeded => CtlError::Slow { endpoint },
            Code::Unavailable => CtlError::Busy(text.to_owned()),
            Code::Unauthenticated => {
                CtlError::Failed(format!("{text}; --token-file names a file with yours"))
            }
            Code::Unimplemented => CtlError::Failed(format!(
                "{endpoint} answers, but not as a controller of this version"
            )),
            Code::Unknown => CtlError::Failed(format!("{endpoint} does not answer as it should")),
            _ => CtlError::Failed(text.to_owned()),
        }
    }
}

/// The way to an address: in the clear, or to whom the authority in `ca_file` vouches for.
///
/// # Errors
/// [`CtlError::Endpoint`] and [`CtlError::Unvouched`] when it leads nowhere,
/// [`CtlError::InTheClear`] and [`CtlError::Credential`] when the file does not help.
pub fn way(endpoint: &str, ca_file: Option<&Path>) -> Result<Endpoint, CtlError> {
    mutual(endpoint, &Certificates { ca_file: ca_file.map(Path::to_owned), own: None })
}

/// The same, with a certificate of our own where there is one.
fn mutual(endpoint: &str, certificates: &Certificates) -> Result<Endpoint, CtlError> {
    let ca_file = certificates.ca_file.as_deref();
    let named = || endpoint.to_owned();
    let is_secret = endpoint.starts_with("https://");
    let is_address = is_secret || endpoint.starts_with("http://");
    let line = Endpoint::from_shared(named()).ok().filter(|_| is_address);
    let line = line.ok_or_else(|| CtlError::Endpoint { endpoint: named() })?;
    if !is_secret {
        // Whoever names an authority believes the line to be encrypted.
        return ca_file.map_or(Ok(line), |_| Err(CtlError::InTheClear { endpoint: named() }));
    }
    let path = ca_file.ok_or_else(|| CtlError::Unvouched { endpoint: named() })?;
    let ca = Certificate::from_pem(read("--ca-file", path)?);
    let mut tls = ClientTlsConfig::new().ca_certificate(ca);
    if let Some((certificate, key)) = &certificates.own {
        let certificate = read("--certificate-file", certificate)?;
        tls = tls.identity(Identity::from_pem(certificate, read("--key-file", key)?));
    }
    let told = line.tls_config(tls);
    told.map_err(|error| unusable("--ca-file", path, innermost(&error)))
}

fn unusable(flag: &'static str, path: &Path, why: String) -> CtlError {
    CtlError::Credential { flag, path: path.to_owned(), why }
}

fn read(flag: &'static str, path: &Path) -> Result<String, CtlError> {
    std::fs::read_to_string(path).map_err(|error| unusable(flag, path, error.to_string()))
}

/// The header that shows the token of a file.
fn token(path: Option<&Path>) -> Result<Option<MetadataValue<Ascii>>, CtlError> {
    let Some(path) = path else { return Ok(None) };
    let text = read("--token-file", path)?;
    let header = format!("Bearer {}", text.trim()).parse::<MetadataValue<Ascii>>();
    let header = header.ok().filter(|_| !text.trim().is_empty());
    let rule = || "it must hold one line of plain characters".to_owned();
    let mut header = header.ok_or_else(|| unusable("--token-file", path, rule()))?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// The cause below all others: what the system said.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_goes_with_an_encrypted_line_and_only_there() {
        let file = Some(Path::new("no-such.pem"));
        let told = |endpoint, file| way(endpoint, file).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(told("http://127.0.0.1:7410", None), Ok(()));
        let clear = told("http://127.0.0.1:7410", file).unwrap_err();
        assert!(clear.contains("must begin with https:// where --ca-file is given"), "{clear}");
        assert!(told("https://127.0.0.1:7410", None).unwrap_err().contains("needs --ca-file"));
        assert!(told("https://127.0.0.1:7410", file).unwrap_err().contains("cannot be used"));
    }
}
