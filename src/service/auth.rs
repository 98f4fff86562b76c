//! Who calls, and what they may do: a file of tokens and names of certificates, five roles and one
//! table of rights.
//!
//! Knows neither sockets nor what a call does; [`door`] asks for every request of both ports. The
//! table below is the one printed in `docs/OPERATIONS.md`. Made by `app` from `server.tokens_file`.

pub mod certificate;
pub mod door;
pub mod filled;
mod login;
pub mod meter;
pub(crate) mod origin;
mod rotate;
mod session;
mod wrong;

use crate::hex;
use certificate::Certified;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
pub use rotate::follow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The largest file of tokens that is read: some ten thousand lines.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a caller's name: it stands in logs and beside every hand that is laid on.
const NAME_BYTES_MAX: usize = 64;
/// What a digest begins with, so that another kind can be told apart one day.
const DIGEST_PREFIX: &str = "sha256:";

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks, and lays hands on and off.
    Operator,
    /// Does everything.
    Admin,
    /// Reports spend and traffic.
    Producer,
    /// Reads tables, draws allowances, reports spend and traffic.
    Bidder,
}

impl Role {
    /// Every role, in the order of the table.
    pub const ALL: [Self; 5] =
        [Self::Viewer, Self::Operator, Self::Admin, Self::Producer, Self::Bidder];

    /// Its word in the file and in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Producer => "producer",
            Self::Bidder => "bidder",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Ask whether the service is well.
    Probe,
    /// Look at campaigns, books, metrics, the protocol.
    Look,
    /// Lay hands on and off, accept counters, resolve suspense.
    Steer,
    /// Make or edit advertisers, groups, campaigns and shapes.
    Enter,
    /// Report spend and opportunities.
    Report,
    /// Follow tables and draw allowances.
    Bid,
}

/// The table of rights: who may do what. A probe is everybody's, also without a token.
const RIGHTS: [(Deed, &[Role]); 6] = [
    (Deed::Probe, &Role::ALL),
    (Deed::Look, &[Role::Viewer, Role::Operator, Role::Admin]),
    (Deed::Steer, &[Role::Operator, Role::Admin]),
    (Deed::Enter, &[Role::Admin]),
    (Deed::Report, &[Role::Admin, Role::Producer, Role::Bidder]),
    (Deed::Bid, &[Role::Admin, Role::Bidder]),
];

impl Deed {
    /// Whether a role may do it.
    #[must_use]
    pub fn is_allowed(self, role: Role) -> bool {
        RIGHTS.iter().any(|(deed, roles)| *deed == self && roles.contains(&role))
    }

    /// Its word in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Look => "look",
            Self::Steer => "steer",
            Self::Enter => "enter campaigns",
            Self::Report => "report",
            Self::Bid => "bid",
        }
    }

    /// What a call of the RPC port amounts to, by its path `/package.Service/Method`. A call that
    /// is not listed is an administrator's, so that a new one is closed until somebody decides.
    #[must_use]
    pub fn of_call(path: &str) -> Self {
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or(("", path));
        match (service, method) {
            ("grpc.health.v1.Health", _) => Self::Probe,
            ("grpc.reflection.v1.ServerReflection", _) => Self::Look,
            (
                "paceline.v1.SpendService",
                "ReportSpend" | "ReportOpportunities" | "ReportOutcomes",
            ) => Self::Report,
            (
                "paceline.v1.MultiplierService",
                "WatchMultipliers" | "GetMultipliers" | "DrawAllowance",
            ) => Self::Bid,
            (
                "paceline.v1.AdminService",
                "ListCampaigns" | "ExplainCampaign" | "ExplainPast" | "ExplainBid" | "GetTotals"
                | "ListOverrides" | "ListSuspense" | "PartitionOf" | "GetStatus" | "GetCatalogue"
                | "ListAudit" | "PreviewChange" | "ListNotices",
            ) => Self::Look,
            (
                "paceline.v1.AdminService",
                "SetOverride" | "ClearOverride" | "AcceptCounter" | "ResolveSuspense"
                | "UndoChange",
            ) => Self::Steer,
            _ => Self::Enter,
        }
    }

    /// What a request of the pages amounts to.
    #[must_use]
    pub fn of_page(path: &str, is_safe: bool) -> Self {
        match path {
            "/livez" | "/readyz" => Self::Probe,
            _ if is_safe => Self::Look,
            // An edit of what is configured, by whichever door.
            _ if path.ends_with("/budget") => Self::Enter,
            _ => Self::Steer,
        }
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// As the file of tokens names them.
    pub name: Arc<str>,
    /// What they are.
    pub role: Role,
}

/// Why a file of tokens was refused. Never shows a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// When the file is missing or may not be read.
    #[error("reading server.tokens_file = {}", .path.display())]
    Unreadable {
        /// As configured.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// When a line breaks a rule.
    #[error("server.tokens_file: line {line}: {field} {rule}")]
    Line {
        /// From 1.
        line: usize,
        /// Which of the line's three words.
        field: &'static str,
        /// The rule it breaks, with the value unless it is secret.
        rule: String,
    },
    /// When no line names anybody: nobody could enter.
    #[error("server.tokens_file: names nobody: a line is `role name sha256:…`, dns:… or uri:…")]
    Empty,
    /// When the file never comes to rest.
    #[error("server.tokens_file: is written again and again, and was never the same at two looks")]
    Restless,
}

/// Everyone who has a token, or a name that a certificate may show. Of tokens it holds digests
/// alone, so nothing that opens a door lies in memory or on disk; and since they are looked up by
/// digest, how long that takes tells nothing of a token. A copy is the same ring: what
/// [`Keyring::adopt`] changes holds for all.
#[derive(Debug, Clone)]
pub struct Keyring(Arc<RwLock<Callers>>);

/// By what somebody is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Credential {
    /// The digest of a token.
    Token([u8; SHA256_OUTPUT_LEN]),
    /// A name of a certificate, with its kind before it.
    Name(String),
}

type Callers = BTreeMap<Credential, Caller>;

impl Keyring {
    /// Reads a file of tokens.
    ///
    /// # Errors
    /// [`AuthError`] names line, word and rule.
    pub fn read(path: &Path) -> Result<Self, AuthError> {
        Self::parse(&Self::text(path)?)
    }

    /// What the file says, unread as yet.
    fn text(path: &Path) -> Result<String, AuthError> {
        let unreadable = |source| AuthError::Unreadable { path: path.to_path_buf(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        if text.len() > FILE_BYTES_MAX {
            let why = format!("has {} bytes, at most {FILE_BYTES_MAX} are read", text.len());
            return Err(unreadable(std::io::Error::new(std::io::ErrorKind::InvalidData, why)));
        }
        Ok(text)
    }

    /// Reads lines of `role name sha256:<64 hexadecimal digits>`, or with `dns:` or `uri:` and a
    /// name of a certificate instead; `#` at a word's beginning begins a comment.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self, AuthError> {
        let mut callers = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            // Within a word it belongs to it: a URI may have a fragment.
            let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
            let words: Vec<&str> = words.collect();
            if words.is_empty() {
                continue;
            }
            let refuse = |field, rule| AuthError::Line { line: at + 1, field, rule };
            let (credential, caller) =
                entry(&words).map_err(|(field, rule)| refuse(field, rule))?;
            if callers.insert(credential, caller).is_some() {
                let rule = "is the same as on an earlier line: a token, or a name, is one caller's";
                return Err(refuse("digest", rule.to_owned()));
            }
        }
        if callers.is_empty() {
            return Err(AuthError::Empty);
        }
        Ok(Self(Arc::new(RwLock::new(callers))))
    }

    /// Whose token this is.
    #[must_use]
    pub fn caller(&self, token: &str) -> Option<Caller> {
        self.by_digest(&token_digest(token))
    }

    /// Whose token has this digest.
    fn by_digest(&self, digest: &[u8; SHA256_OUTPUT_LEN]) -> Option<Caller> {
        self.callers().get(&Credential::Token(*digest)).cloned()
    }

    /// Whose certificate this is. Nobody's, where its names are those of several callers: which of
    /// them is meant cannot be told.
    #[must_use]
    pub fn certified(&self, certified: &Certified) -> Option<Caller> {
        let callers = self.callers();
        let named = certified.names();
        let mut known = named.filter_map(|name| callers.get(&Credential::Name(name.to_owned())));
        let first = known.next()?;
        known.all(|other| other == first).then(|| first.clone())
    }

    /// Everyone who has a token, as it is now.
    fn callers(&self) -> std::sync::RwLockReadGuard<'_, Callers> {
        // Written in one step, so that a panic elsewhere does not spoil it.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both name the same callers by the same tokens.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        *self.callers() == *other.callers()
    }

    /// From now on the other's callers are known, and no one else; how many they are.
    pub fn adopt(&self, other: &Self) -> usize {
        let callers = other.callers().clone();
        let count = callers.len();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = callers;
        count
    }
}

fn token_digest(token: &str) -> [u8; SHA256_OUTPUT_LEN] {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

type Entry = (Credential, Caller);

fn entry(words: &[&str]) -> Result<Entry, (&'static str, String)> {
    let &[role, name, credential] = words else {
        let rule = format!(
            "has {} words, must be `role name sha256:…`, or dns:… or uri:… instead",
            words.len()
        );
        return Err(("the line", rule));
    };
    let known = Role::ALL.into_iter().find(|known| known.as_str() == role);
    let role = known.ok_or_else(|| {
        let all = Role::ALL.map(Role::as_str).join(", ");
        ("role", format!("is {role:?} and must be one of {all}"))
    })?;
    if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let rule = format!("has {} bytes, must have 1 to 64 and no control characters", name.len());
        return Err(("name", rule));
    }
    let rule = || {
        let rule = "must be sha256: and 64 hexadecimal digits, of the token without a line end; \
                    the token itself must not stand here; or dns: or uri: and a name of a \
                    certificate, of at most 253 plain characters";
        ("digest", rule.to_owned())
    };
    let digest = credential.strip_prefix(DIGEST_PREFIX).and_then(hex::digest);
    let named = || certificate::name(credential).map(Credential::Name);
    let credential = digest.map(Credential::Token).or_else(named).ok_or_else(rule)?;
    Ok((credential, Caller { name: name.into(), role }))
}

#[cfg(test)]
mod tests;
