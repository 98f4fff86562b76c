//! Config: everything an operator may set, checked, typed and complete.
//!
//! Made only by [`load`], from a file, the environment and flags, in that order; what none of them
//! says is [`Config::default`]. Knows nothing of what the settings are used for. Called by `main`;
//! every other part is handed the section it needs. `config/paceline.toml` tells the same as the
//! defaults below, with the reason of each.

pub mod address;
pub mod check;
mod pairs;
pub mod print;
pub mod raw;
pub mod value;

pub use address::Address;
pub(crate) use pairs::{RESOURCE_KEYS, pairs};

pub use check::{Complaint, ConfigError};
pub use print::Effective;
pub use raw::{Origin, RawConfig, Sources};
pub use value::{Bytes, ClockKind, LogFormat, LogLevel, Secret, StoreKind};

use paceline_core::units::{Currency, Ppm, Span};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Reads every source and checks the whole.
///
/// # Errors
/// [`ConfigError`] holds every complaint, not only the first.
pub fn load(sources: &Sources) -> Result<Effective, ConfigError> {
    let mut complaints = Vec::new();
    let raw = RawConfig::read(sources, &mut complaints);
    check::check(raw, complaints)
}

/// Everything an operator may set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where state lives.
    pub store: StoreConfig,
    /// How many parts the advertisers are shared out into: 1 to 64, fixed at first start.
    pub partitions: u16,
    /// Where campaigns come from.
    pub catalog: CatalogConfig,
    /// The control loop's clockwork; section `loop`.
    pub control_loop: LoopConfig,
    /// How long a table holds.
    pub lease: LeaseConfig,
    /// Money bidders may commit between ticks.
    pub allowance: AllowanceConfig,
    /// The slow outer loop.
    pub plan: PlanConfig,
    /// The fast inner loop.
    pub law: LawConfig,
    /// The books.
    pub ledger: LedgerConfig,
    /// The log and its shortcut.
    pub log: LogConfig,
    /// What one spend report may hold.
    pub ingest: IngestConfig,
    /// Who may reach us, and where.
    pub server: ServerConfig,
    /// The pages for people.
    pub console: ConsoleConfig,
    /// How often each caller may ask.
    pub limits: LimitsConfig,
    /// Spend read from cumulative counters.
    pub counters: CountersConfig,
    /// How bids are shaded.
    pub shading: ShadingConfig,
    /// How long each stage of stopping may take.
    pub shutdown: ShutdownConfig,
    /// Who else hears of notices.
    pub notices: NoticesConfig,
    /// What is told to people.
    pub telemetry: TelemetryConfig,
    /// How time passes.
    pub clock: ClockConfig,
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// One folder on this machine, or Redis.
    pub kind: StoreKind,
    /// The embedded store's folder.
    pub path: PathBuf,
    /// `redis://`, `rediss://` or `redis+unix://`, without a password.
    pub redis_url: String,
    /// User known to Redis; empty for its default user.
    pub redis_username: String,
    /// File that holds the password and nothing else.
    pub redis_password_file: Secret,
    /// PEM file with the authority that signed the certificate of a `rediss://` server; absent: the
    /// system's.
    pub redis_authority_file: Option<PathBuf>,
    /// Longest time to reach the store.
    pub connect_timeout: Span,
    /// Longest time for one answer of the store.
    pub command_timeout: Span,
}

/// Where campaigns come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogConfig {
    /// A catalogue file; `None`: campaigns come by `AdminService` alone.
    pub file: Option<PathBuf>,
    /// How often the file is looked at.
    pub reload_interval: Span,
}

/// The control loop's clockwork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopConfig {
    /// Time between decision rounds, 1 s to 60 s.
    pub tick: Span,
    /// Least time between two rounds when a hand asks for one at once.
    pub min_tick_interval: Span,
    /// How long a lead lasts without renewal; at most a table's lease.
    pub lead: Span,
    /// Bound of the queue in front of the loop, in events.
    pub inbox_events_max: u32,
    /// Without a spend log for longer than this, leases are renewed no more.
    pub blind_limit: Span,
    /// A spend source silent for longer than this is no longer waited for.
    pub source_timeout: Span,
}

/// How long a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseConfig {
    /// Used as it is for so long after publication; at least three ticks.
    pub valid: Span,
    /// Glides to the safe values for so long after that.
    pub grace: Span,
}

/// Money bidders may commit between ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowanceConfig {
    /// Whether spend is bounded by allowances.
    pub enabled: bool,
    /// For how long one lasts at the planned rate: a lease and a failover.
    pub horizon: Span,
}

/// The slow outer loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanConfig {
    /// Time between re-plans.
    pub replan_interval: Span,
    /// Share of a day at which its plan is complete.
    pub finish_share: Ppm,
}

/// The fast inner loop.
#[derive(Debug, Clone, PartialEq)]
pub struct LawConfig {
    /// Per cent of spend that one per cent of multiplier moves, where nothing better is known.
    pub elasticity: f64,
    /// Time in which the law closes most of an error, in traffic time.
    pub time_constant: Span,
    /// Most a multiplier's logarithm moves in a minute of traffic time.
    pub slew_per_minute: f64,
    /// Weight of billed against expected spend in the measurement.
    pub billed_share: Ppm,
}

/// The books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerConfig {
    /// How long an event with an opaque id is remembered.
    pub dedup_window: Span,
    /// Bound of that memory, per partition.
    pub dedup_events_max: u32,
    /// Bound of the producers known by sequence, per partition: those silent the longest make room.
    pub producers_max: u32,
    /// How far a producer's sequence may run ahead of a gap; a multiple of 64.
    pub producer_gap_bits: u32,
}

/// How much of the log is kept, and its shortcut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Bound of what is kept before the last checkpoint, over all partitions.
    pub journal_max: Bytes,
    /// Time between checkpoints.
    pub checkpoint_interval: Span,
}

/// What one spend report may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestConfig {
    /// Events in one batch.
    pub batch_events_max: u32,
    /// Bytes in one batch.
    pub batch_bytes_max: Bytes,
}

/// Who may reach us, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Address of the RPC services; port 0 takes a free one.
    pub grpc_listen: SocketAddr,
    /// Address of pages, probes and metrics; port 0 takes a free one.
    pub http_listen: SocketAddr,
    /// Host and port under which others reach the RPC services; empty: the address listened on.
    pub advertised_address: String,
    /// Serve others without encryption or credentials.
    pub insecure: bool,
    /// PEM file with the certificate chain of both ports.
    pub tls_certificate_file: Option<PathBuf>,
    /// PEM file with its private key.
    pub tls_key_file: Secret,
    /// PEM file of the authorities whose word on callers' certificates counts; absent: none is
    /// asked for.
    pub tls_client_authority_file: Option<PathBuf>,
    /// Whether a connection without such a certificate is refused.
    pub tls_client_required: bool,
    /// File with one `role name sha256:<digest of the token>` a line, or `role name dns:<name>` of
    /// a certificate.
    pub tokens_file: Secret,
}

/// The pages for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// A session that was not used for so long has ended.
    pub session_idle_max: Span,
    /// A session ends after so long, however it is used.
    pub session_age_max: Span,
}

/// How often each caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Calls of the RPC port taken from one caller in a second.
    pub calls_per_second: u32,
    /// Calls taken at once after a pause.
    pub calls_burst: u32,
    /// Pages asked for by one caller in a second.
    pub pages_per_second: u32,
    /// Pages shown at once after a pause.
    pub pages_burst: u32,
}

/// Spend read from cumulative counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountersConfig {
    /// Whether counters are read at all.
    pub enabled: bool,
    /// Time between two readings; at most a tick.
    pub poll_interval: Span,
}

/// How bids are shaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadingConfig {
    /// Of the prices that outcomes tell; absent: no outcomes are taken, and nobody is shaded.
    pub currency: Option<Currency>,
    /// Whether a bid that ties for the win wins.
    pub tie_wins: bool,
    /// An exchange of which nothing was told for longer than this is not shaded.
    pub silence: Span,
}

/// How long each stage of stopping may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownConfig {
    /// Time given to load balancers to look elsewhere.
    pub not_ready_wait: Span,
    /// To finish the batches in hand.
    pub stop_intake_deadline: Span,
    /// To apply what was accepted.
    pub drain_inbox_deadline: Span,
    /// To publish once more with a full lease.
    pub last_tick_deadline: Span,
    /// To write a checkpoint.
    pub checkpoint_deadline: Span,
    /// To hand over the lead.
    pub resign_lead_deadline: Span,
    /// To say goodbye to bidders.
    pub close_streams_deadline: Span,
}

/// Who else hears of notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticesConfig {
    /// Where each is posted to; empty: nowhere.
    pub webhook_url: Address,
    /// File that holds what the posts are signed with, and nothing else.
    pub webhook_secret_file: Secret,
    /// PEM file with the authority that signed the receiver's certificate; absent: the system's.
    pub webhook_authority_file: Option<PathBuf>,
    /// Longest time for one attempt.
    pub webhook_timeout: Span,
}

impl Default for NoticesConfig {
    fn default() -> Self {
        Self {
            webhook_url: Address::default(),
            webhook_secret_file: Secret::NONE,
            webhook_authority_file: None,
            webhook_timeout: Span::from_secs(5),
        }
    }
}

/// What is told to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// Least severity that is logged.
    pub log_level: LogLevel,
    /// For people or for machines.
    pub log_format: LogFormat,
    /// Where spans are sent, by OTLP over gRPC; empty: nowhere, and none are made.
    pub traces_endpoint: String,
    /// Share of the traces that begin here and are recorded; a caller's are if the caller's is.
    pub traces_share: Ppm,
    /// What the service is called in traces.
    pub traces_service_name: String,
    /// What else is told of it, as `key=value,key=value`.
    pub traces_attributes: String,
    /// Bound of the queue of spans in front of the collector.
    pub traces_queue_max: u32,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
            traces_endpoint: String::new(),
            traces_share: Ppm::new(10_000),
            traces_service_name: "paceline".to_owned(),
            traces_attributes: String::new(),
            traces_queue_max: 4_096,
        }
    }
}

/// How time passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockConfig {
    /// The system's time, or that time sped up.
    pub kind: ClockKind,
}

/// Partitions when nothing is said, by store.
#[must_use]
pub const fn default_partitions(kind: StoreKind) -> u16 {
    match kind {
        StoreKind::Embedded => 1,
        StoreKind::Redis => 16,
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreConfig::default(),
            partitions: default_partitions(StoreKind::Embedded),
            catalog: CatalogConfig { file: None, reload_interval: Span::from_secs(10) },
            control_loop: LoopConfig::default(),
            lease: LeaseConfig { valid: Span::from_secs(30), grace: Span::from_secs(90) },
            allowance: AllowanceConfig { enabled: true, horizon: Span::from_secs(120) },
            plan: PlanConfig { replan_interval: Span::HOUR, finish_share: Ppm::new(985_000) },
            law: LawConfig {
                elasticity: 1.5,
                time_constant: Span::from_mins(107),
                slew_per_minute: 0.25,
                billed_share: Ppm::new(500_000),
            },
            ledger: LedgerConfig {
                dedup_window: Span::from_mins(30),
                dedup_events_max: 2_000_000,
                producers_max: 4_096,
                producer_gap_bits: 16_384,
            },
            log: LogConfig {
                journal_max: Bytes::new(2_000_000_000),
                checkpoint_interval: Span::MINUTE,
            },
            ingest: IngestConfig {
                batch_events_max: 10_000,
                batch_bytes_max: Bytes::new(4_000_000),
            },
            server: ServerConfig::default(),
            console: ConsoleConfig {
                session_idle_max: Span::from_mins(30),
                session_age_max: Span::from_mins(10 * 60),
            },
            limits: LimitsConfig::default(),
            counters: CountersConfig { enabled: false, poll_interval: Span::from_secs(2) },
            shading: ShadingConfig { currency: None, tie_wins: true, silence: Span::from_mins(30) },
            shutdown: ShutdownConfig::default(),
            notices: NoticesConfig::default(),
            telemetry: TelemetryConfig::default(),
            clock: ClockConfig { kind: ClockKind::System },
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            kind: StoreKind::Embedded,
            path: PathBuf::from("paceline-data"),
            redis_url: "redis://127.0.0.1:6379".to_owned(),
            redis_username: String::new(),
            redis_password_file: Secret::NONE,
            redis_authority_file: None,
            connect_timeout: Span::from_secs(2),
            command_timeout: Span::from_secs(1),
        }
    }
}

impl Default for LoopConfig {
    fn default() -> Self {
        Self {
            tick: Span::from_secs(10),
            min_tick_interval: Span::from_millis(200),
            lead: Span::from_secs(15),
            inbox_events_max: 65_536,
            blind_limit: Span::from_mins(5),
            source_timeout: Span::from_mins(2),
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            grpc_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7410)),
            http_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7411)),
            advertised_address: String::new(),
            insecure: false,
            tls_certificate_file: None,
            tls_key_file: Secret::NONE,
            tls_client_authority_file: None,
            tls_client_required: false,
            tokens_file: Secret::NONE,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            calls_per_second: 10_000,
            calls_burst: 20_000,
            pages_per_second: 500,
            pages_burst: 5_000,
        }
    }
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            not_ready_wait: Span::ZERO,
            stop_intake_deadline: Span::from_secs(5),
            drain_inbox_deadline: Span::from_secs(10),
            last_tick_deadline: Span::from_secs(5),
            checkpoint_deadline: Span::from_secs(30),
            resign_lead_deadline: Span::from_secs(5),
            close_streams_deadline: Span::from_secs(5),
        }
    }
}
