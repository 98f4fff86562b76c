//! The webhook's sink: one POST of JSON for each notice that begins and each that is over.
//!
//! Whoever tells never waits: what the queue does not hold is dropped and counted, and so is what
//! could not be handed over after some attempts. Signs what it sends; never shows its secret. Knows
//! no engine. Started by `app`; told by the control loop.

use super::{Told, advice};
use crate::clock::Clock;
use crate::config::NoticesConfig;
use crate::config::value::Value as _;
use crate::telemetry::event;
use axum::body::Body;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{Request, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use paceline_core::hash;
use paceline_core::units::{Span, Timestamp};
use ring::hmac;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::{TlsConnector, rustls};
use tokio_util::sync::CancellationToken;

/// Notices that may wait: a bad night's, of some 300 bytes each.
const QUEUE_MAX: usize = 1_000;
/// How often a notice is tried: half a minute of pauses in all. Who is away for longer asks for
/// what it missed.
const ATTEMPTS_MAX: u32 = 6;
/// The first pause; each is twice the one before, and up to half of it longer by chance.
const PAUSE: Duration = Duration::from_secs(1);
/// A secret of fewer bytes can be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// Why the webhook cannot be used. Never shows the secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// When the address is none.
    #[error("notices.webhook_url is {url} and must be an http:// or https:// address with a host")]
    Address {
        /// As it may be shown.
        url: String,
    },
    /// When a file cannot be used.
    #[error("{key} = {} {why}", .path.display())]
    File {
        /// The setting that names it.
        key: &'static str,
        /// As configured.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// When this machine has no authorities and none are named.
    #[error(
        "no authority of this machine vouches for anybody: name some in \
             notices.webhook_authority_file"
    )]
    NoAuthority,
    /// When encryption cannot be set up.
    #[error("setting up encryption for notices.webhook_url")]
    Encryption(#[source] rustls::Error),
}

/// Where notices are told. Cheap to clone; tells nobody where no webhook is configured.
#[derive(Debug, Clone, Default)]
pub struct Notifier(Option<mpsc::Sender<Told>>);

impl Notifier {
    /// Hands a notice over, at once: what does not fit is dropped and counted.
    pub fn tell(&self, told: &Told) {
        if let Some(queue) = &self.0
            && queue.try_send(told.clone()).is_err()
        {
            event::notice_dropped();
        }
    }
}

/// Where to post, and how.
pub struct Webhook {
    host: String,
    port: u16,
    /// As the `Host` header has it.
    authority: String,
    path: PathAndQuery,
    /// Absent in the clear.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    secret: hmac::Key,
    timeout: Duration,
    pause: Duration,
    clock: Clock,
}

impl Webhook {
    /// Reads what is configured; nothing where no address is.
    ///
    /// # Errors
    /// [`WebhookError`] names the setting.
    pub fn open(config: &NoticesConfig, clock: Clock) -> Result<Option<Self>, WebhookError> {
        let url = config.webhook_url.as_str();
        if url.is_empty() {
            return Ok(None);
        }
        let wrong = || WebhookError::Address { url: config.webhook_url.show() };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?.clone();
        let is_encrypted = uri.scheme_str() == Some("https");
        // Without the brackets of an address of version six.
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = if is_encrypted {
            let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
            Some((connector(config.webhook_authority_file.as_ref())?, name))
        } else {
            None
        };
        Ok(Some(Self {
            host,
            port: authority.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")),
            tls,
            secret: secret(config)?,
            timeout: config.webhook_timeout.into(),
            pause: PAUSE,
            clock,
        }))
    }

    /// Posts what is told until `stop`. What waits then is tried once each, for one time-out in
    /// all; the rest is dropped and counted.
    pub fn start(
        self,
        stop: CancellationToken,
    ) -> (Notifier, impl Future<Output = ()> + Send + 'static) {
        let (queue, mut waiting) = mpsc::channel(QUEUE_MAX);
        let work = async move {
            let mut left = VecDeque::new();
            while let Some(Some(told)) = stop.run_until_cancelled(waiting.recv()).await {
                if stop.run_until_cancelled(self.hand_over(&told)).await.is_none() {
                    // It may have been taken already: whoever gets it twice knows it by its id.
                    left.push_back(told);
                }
            }
            left.extend(std::iter::from_fn(|| waiting.try_recv().ok()));
            // Beyond the time-out: whoever is slow cannot hold up the stop.
            let _ = tokio::time::timeout(self.timeout, self.take_leave(&mut left)).await;
            for _ in left {
                event::notice_dropped();
            }
        };
        (Notifier(Some(queue)), work)
    }

    /// Tries each once, from the first on; what was not answered is still there.
    async fn take_leave(&self, left: &mut VecDeque<Told>) {
        while let Some(told) = left.front() {
            match self.post(&body(told)).await {
                Ok(status) if status.is_success() => event::notice_sent(),
                Ok(status) => {
                    let trouble = format!("it answered {}", status.as_u16());
                    event::notice_failed(told.cause.as_str(), &told.name, &trouble);
                }
                Err(error) => event::notice_failed(told.cause.as_str(), &told.name, &error),
            }
            left.pop_front();
        }
    }

    /// Tries until it is taken, refused, or was tried often enough.
    async fn hand_over(&self, told: &Told) {
        let body = body(told);
        let mut pause = self.pause;
        let mut trouble = String::new();
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                event::notice_retried();
                tokio::time::sleep(pause + jitter(pause, told, attempt)).await;
                pause *= 2;
            }
            match tokio::time::timeout(self.timeout, self.post(&body)).await {
                Ok(Ok(status)) if status.is_success() => return event::notice_sent(),
                Ok(Ok(status)) => {
                    trouble = format!("it answered {}", status.as_u16());
                    let is_later = matches!(
                        status,
                        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
                    );
                    if !status.is_server_error() && !is_later {
                        break;
                    }
                }
                Ok(Err(error)) => trouble = error,
                Err(_) => "it did not answer in time".clone_into(&mut trouble),
            }
        }
        event::notice_failed(told.cause.as_str(), &told.name, &trouble);
    }

    async fn post(&self, body: &str) -> Result<StatusCode, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| crate::error_chain(&error))?;
        let now = self.clock.now();
        let request = Request::post(self.path.as_str())
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("paceline/", env!("CARGO_PKG_VERSION")))
            .header("paceline-signature", signature(&self.secret, now, body))
            .body(Body::from(body.to_owned()))
            .map_err(|error| crate::error_chain(&error))?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                exchange(stream.map_err(|error| crate::error_chain(&error))?, request).await
            }
        }
    }
}

/// One request on a connection of its own: a notice an hour needs none that is kept open.
async fn exchange<S>(stream: S, request: Request<Body>) -> Result<StatusCode, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let begun = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = begun.map_err(|error| crate::error_chain(&error))?;
    let mut asked = pin!(sender.send_request(request));
    let mut connection = pin!(connection);
    let answer = tokio::select! {
        biased;
        answer = &mut asked => answer,
        _ = &mut connection => asked.await,
    };
    // Nobody reads the body: the connection is closed with it.
    answer.map(|answer| answer.status()).map_err(|error| crate::error_chain(&error))
}

/// What a receiver checks: `t=SECONDS,v1=HEX`, with HMAC-SHA256 of `SECONDS.BODY` under the secret.
fn signature(secret: &hmac::Key, now: Timestamp, body: &str) -> String {
    let seconds = now.as_micros().div_euclid(Span::from_secs(1).as_micros());
    let tag = hmac::sign(secret, format!("{seconds}.{body}").as_bytes());
    let mut text = format!("t={seconds},v1=");
    for byte in tag.as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The same for every attempt, so that a receiver can tell repeats by `id`.
fn body(told: &Told) -> String {
    let stage = if told.cleared_at.is_some() { "cleared" } else { "raised" };
    let time = |at: Timestamp| jiff::Timestamp::from_microsecond(at.as_micros()).ok();
    let time = |at: Timestamp| time(at).map(|at| at.to_string());
    let cause = told.cause.as_str();
    let raised = told.raised_at.as_micros();
    serde_json::json!({
        "id": format!("{}/{cause}/{}/{}/{raised}/{stage}", told.partition, told.kind, told.name),
        "stage": stage,
        "partition": told.partition,
        "cause": cause,
        "object_kind": told.kind,
        "object_id": told.name,
        "since": time(told.since),
        "raised_at": time(told.raised_at),
        "cleared_at": told.cleared_at.and_then(time),
        "spent_nanos": told.spent.get(),
        "planned_nanos": told.planned.get(),
        "currency": told.currency.map(|currency| currency.to_string()),
        "advice": advice(told.cause),
    })
    .to_string()
}

/// Up to half of a pause, by when a notice was raised and which attempt it is: instances that lost
/// the same receiver do not come back to it at once.
fn jitter(pause: Duration, told: &Told, attempt: u32) -> Duration {
    let key = told.raised_at.as_micros().unsigned_abs();
    let drawn = u32::try_from(hash::mix(key ^ u64::from(attempt)) % 512).unwrap_or(0);
    pause * drawn / 1_024
}

fn secret(config: &NoticesConfig) -> Result<hmac::Key, WebhookError> {
    let key = "notices.webhook_secret_file";
    let path = config.webhook_secret_file.file().cloned().unwrap_or_default();
    let fault = |why: String| WebhookError::File { key, path: path.clone(), why };
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| fault(format!("cannot be read: {error}")))?;
    let text = text.trim();
    if text.len() < SECRET_BYTES_MIN {
        return Err(fault(format!("must hold {SECRET_BYTES_MIN} bytes or more")));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))
}

/// Encrypts towards whom the authorities of a file vouch for; of the system where none is named.
fn connector(authority: Option<&PathBuf>) -> Result<TlsConnector, WebhookError> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(path) = authority {
        let key = "notices.webhook_authority_file";
        let fault = |why: String| WebhookError::File { key, path: path.clone(), why };
        let all = CertificateDer::pem_file_iter(path);
        for one in all.map_err(|error| fault(format!("cannot be read: {error}")))? {
            let one = one.map_err(|error| fault(format!("is not PEM: {error}")))?;
            roots.add(one).map_err(|error| fault(format!("holds no authority: {error}")))?;
        }
        if roots.is_empty() {
            return Err(fault(
                "must hold a certificate of an authority, and holds none".to_owned(),
            ));
        }
    } else {
        // What of the system's own cannot be used vouches for nobody.
        let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(WebhookError::NoAuthority);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(WebhookError::Encryption)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(client)))
}

#[cfg(test)]
mod tests;
