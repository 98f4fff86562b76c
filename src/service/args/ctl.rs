//! What may be typed after `paceline ctl`.
//!
//! Knows flags, their help and the form of their values; not what is asked of whom.

mod bulk;
mod changes;
mod preview;

use crate::config::value::Value;
pub use bulk::{BulkArgs, BulkCommand, BulkHandArgs, ExtendArgs, FilterArgs, WaitArgs};
pub use changes::{AuditArgs, AuditCommand, AuditListArgs, DiffArgs, ExportArgs, UndoArgs};
use clap::{Args, Subcommand};
use paceline_core::overrides::OVERRIDE_SPAN_MAX;
use paceline_core::units::{PacingMultiplier, Ppm, Span, Timestamp};
pub use preview::{PreviewArgs, PreviewCommand};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  paceline ctl apply -f campaigns.toml --dry-run
  paceline ctl list --state run
  paceline ctl explain spring
  paceline ctl explain spring --from 2026-12-01T09:00:00Z --until 2026-12-01T12:00:00Z
  paceline ctl pause spring --for 2h --reason \"wrong creative\"
  paceline ctl fix spring 35% --for 30m --reason \"a test with the exchange\"
  paceline ctl totals --json

Exit codes: 0 done, 1 failed, 64 wrong usage or a value that breaks a rule.
Answers go to standard output, complaints to standard error.";

/// `paceline ctl`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CtlArgs {
    /// The controller's RPC address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7410", global = true)]
    pub endpoint: String,
    /// For an https endpoint: PEM file of whoever vouches for its certificate.
    #[arg(long, value_name = "FILE", global = true)]
    pub ca_file: Option<PathBuf>,
    /// PEM file of a certificate of your own, where the service asks for one; with --key-file.
    #[arg(long, value_name = "FILE", global = true, requires = "key_file")]
    pub certificate_file: Option<PathBuf>,
    /// PEM file of that certificate's key.
    #[arg(long, value_name = "FILE", global = true, requires = "certificate_file")]
    pub key_file: Option<PathBuf>,
    /// File that holds your token and nothing else, where the service asks for one.
    #[arg(long, value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,
    /// Answer in JSON, for scripts: money in nanos, ratios in parts per million.
    #[arg(long, global = true)]
    pub json: bool,
    /// Longest wait for an answer.
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = timeout, global = true)]
    pub timeout: Span,
    /// What to ask.
    #[command(subcommand)]
    pub command: CtlCommand,
}

/// What to ask.
#[derive(Debug, Clone, Subcommand)]
pub enum CtlCommand {
    /// Enter a file of advertisers, groups, campaigns and shapes: all of it or nothing.
    Apply(ApplyArgs),
    /// What a file would change, field by field; nothing is entered.
    Diff(DiffArgs),
    /// What a command would do to spend: type it after this word; nothing is done.
    Preview(PreviewArgs),
    /// What is in force, as a file that apply takes.
    Export(ExportArgs),
    /// Who changed what, when and why.
    Audit(AuditArgs),
    /// Take a change back: what it touched is as it was before.
    Undo(UndoArgs),
    /// The portfolio, a campaign a line.
    List(ListArgs),
    /// Why a campaign's numbers are what they are, or were.
    Explain(ExplainArgs),
    /// The books, to the nano.
    Totals(TotalsArgs),
    /// No bids until it ends.
    Pause(HandArgs),
    /// Keep what is published now.
    Freeze(HandArgs),
    /// Publish exactly this multiplier.
    Fix(FixArgs),
    /// Never publish more than this multiplier.
    Cap(CapArgs),
    /// Take an override off before it ends.
    #[command(visible_alias = "release")]
    Clear(ClearArgs),
    /// One hand on each of many campaigns, counted before it is done.
    Bulk(BulkArgs),
    /// Another end for an override: later or earlier.
    Extend(ExtendArgs),
    /// The overrides that are on, those that end first at the top.
    Overrides(OverridesArgs),
    /// Decide about spend counters.
    Counter(CounterArgs),
    /// Money set aside: list it, post it, drop it.
    Suspense(SuspenseArgs),
    /// What a person should hear of: what stands, or what was over of late.
    Notices(NoticesArgs),
    /// Which partition an advertiser lives in.
    PartitionOf(PartitionOfArgs),
    /// How the service fares, and which table each bidder runs.
    Status,
    /// Wait until bidders run what has been changed up to now.
    Wait(WaitArgs),
}

/// `ctl apply`.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// The file; config/campaigns.toml shows every key.
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Only check, here and with the service, and say what would be entered.
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record: at most 500 bytes.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// For the record: by which request; at most 64 bytes.
    #[arg(long, value_name = "ID", default_value = "")]
    pub request_id: String,
}

/// `ctl list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only of this advertiser.
    #[arg(long, value_name = "ID")]
    pub advertiser: Option<String>,
    /// Only of this group.
    #[arg(long, value_name = "ID")]
    pub group: Option<String>,
    /// Only in this state.
    #[arg(long, value_name = "STATE", value_parser = ["run", "paused", "exhausted", "safe"])]
    pub state: Option<String>,
}

/// `ctl explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Its id.
    #[arg(value_name = "CAMPAIGN")]
    pub campaign: String,
    /// Explain its bid in this segment instead, from value to price.
    #[arg(long, value_name = "SEGMENT", requires = "value")]
    pub segment: Option<String>,
    /// What the impression is worth there, in micros per thousand.
    #[arg(long, value_name = "MICROS", requires = "segment")]
    pub value: Option<i64>,
    /// The lowest bid taken there, in micros per thousand.
    #[arg(long, value_name = "MICROS", requires = "segment", default_value_t = 0)]
    pub floor: i64,
    /// Explain a past moment instead: 2026-12-01T14:05:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "segment")]
    pub at: Option<Timestamp>,
    /// Explain a past period instead, from then on.
    #[arg(
        long,
        value_name = "TIME",
        value_parser = moment,
        conflicts_with_all = ["segment", "at"]
    )]
    pub from: Option<Timestamp>,
    /// Until when that period lasts; until now when not stated.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "from")]
    pub until: Option<Timestamp>,
}

/// `ctl totals`.
#[derive(Debug, Clone, Args)]
pub struct TotalsArgs {
    /// Only of this campaign; may be repeated.
    #[arg(long = "campaign", value_name = "ID")]
    pub campaigns: Vec<String>,
}

/// Whom an override is for.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// A campaign's id; a group's or an advertiser's with the flags below.
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// TARGET is a group.
    #[arg(long)]
    pub group: bool,
    /// TARGET is an advertiser.
    #[arg(long, conflicts_with = "group")]
    pub advertiser: bool,
}

/// When an override ends: one of the two.
#[derive(Debug, Clone, Copy, Args)]
pub struct TermArgs {
    /// How long it lasts by the service's clock, at most 90 days: 30m, 2h, 1d.
    #[arg(
        long = "for",
        value_name = "SPAN",
        value_parser = lasting,
        required_unless_present = "until",
        conflicts_with = "until"
    )]
    pub lasts: Option<Span>,
    /// When it ends instead: 2026-12-01T18:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
}

/// When an override ends and why it is laid on.
#[derive(Debug, Clone, Args)]
pub struct HandArgs {
    /// Whom it is for.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How long it lasts.
    #[command(flatten)]
    pub term: TermArgs,
    /// Why, for those who find it: 1 to 500 bytes.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Makes a retry harmless: the same id is the same override. Made up when not stated.
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
}

/// `ctl fix`.
#[derive(Debug, Clone, Args)]
pub struct FixArgs {
    /// Whom, how long, why.
    #[command(flatten)]
    pub hand: HandArgs,
    /// The multiplier, at most the campaign's maximum: 35%.
    #[arg(value_name = "MULTIPLIER", value_parser = multiplier)]
    pub multiplier: Ppm,
    /// The participation rate, at most 100%. Kept as it is when not stated.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub participation: Option<Ppm>,
}

/// `ctl cap`.
#[derive(Debug, Clone, Args)]
pub struct CapArgs {
    /// Whom, how long, why.
    #[command(flatten)]
    pub hand: HandArgs,
    /// The most that may be published: 35%.
    #[arg(value_name = "MULTIPLIER", value_parser = multiplier)]
    pub multiplier: Ppm,
}

/// `ctl clear`.
#[derive(Debug, Clone, Args)]
pub struct ClearArgs {
    /// The override, as `ctl overrides` lists it: 16 hexadecimal digits.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Why, for the record: at most 500 bytes.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// `ctl overrides`.
#[derive(Debug, Clone, Args)]
pub struct OverridesArgs {
    /// Only on this campaign, and not on its group or advertiser.
    #[arg(long, value_name = "ID")]
    pub campaign: Option<String>,
}

/// `ctl counter`.
#[derive(Debug, Clone, Args)]
pub struct CounterArgs {
    /// What to decide.
    #[command(subcommand)]
    pub command: CounterCommand,
}

/// What to decide about a counter.
#[derive(Debug, Clone, Subcommand)]
pub enum CounterCommand {
    /// Accept that a campaign's counter went back, and go on from what it says now.
    Accept {
        /// Its id.
        #[arg(value_name = "CAMPAIGN")]
        campaign: String,
        /// Why: 1 to 500 bytes.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `ctl suspense`.
#[derive(Debug, Clone, Args)]
pub struct SuspenseArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SuspenseCommand,
}

/// What to do with money set aside.
#[derive(Debug, Clone, Subcommand)]
pub enum SuspenseCommand {
    /// What waits for a decision, in order of receipt.
    List {
        /// Only of this campaign.
        #[arg(long, value_name = "ID")]
        campaign: Option<String>,
    },
    /// Put an event into the books.
    Post(ResolveArgs),
    /// Put an event away; its money never counts.
    Drop(ResolveArgs),
}

/// Which event, and why.
#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// The event's key, as `ctl suspense list` shows it: 16 hexadecimal digits.
    #[arg(value_name = "EVENT")]
    pub event: String,
    /// Why: 1 to 500 bytes.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `ctl notices`.
#[derive(Debug, Clone, Copy, Args)]
pub struct NoticesArgs {
    /// Those that were over of late instead, the newest first; --json always tells both.
    #[arg(long)]
    pub recent: bool,
}

/// `ctl partition-of`.
#[derive(Debug, Clone, Args)]
pub struct PartitionOfArgs {
    /// Its id; it need not exist.
    #[arg(value_name = "ADVERTISER")]
    pub advertiser: String,
}

fn parsed<T: Value>(text: &str) -> Result<T, String> {
    T::parse(text).ok_or_else(|| format!("must be {}", T::WHAT))
}

fn share(text: &str) -> Result<Ppm, String> {
    at_most(text, Ppm::ONE)
}

/// The campaign's own maximum is the service's affair.
fn multiplier(text: &str) -> Result<Ppm, String> {
    at_most(text, PacingMultiplier::HARD_MAX.ppm())
}

fn at_most(text: &str, most: Ppm) -> Result<Ppm, String> {
    let share: Ppm = parsed(text)?;
    if share > most { Err(format!("must be from 0% to {}", most.show())) } else { Ok(share) }
}

fn timeout(text: &str) -> Result<Span, String> {
    let span: Span = parsed(text)?;
    if span < Span::from_millis(1) || span > Span::HOUR {
        return Err("must be from 1ms to 1h".to_owned());
    }
    Ok(span)
}

/// How long an override may last. The service has the last word.
fn lasting(text: &str) -> Result<Span, String> {
    let span: Span = parsed(text)?;
    if span <= Span::ZERO || span > OVERRIDE_SPAN_MAX {
        return Err("must be above 0s and at most 90d".to_owned());
    }
    Ok(span)
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let rule = |error| format!("must be a time such as 2026-12-01T18:00:00Z: {error}");
    let at: jiff::Timestamp = text.parse().map_err(rule)?;
    Ok(Timestamp::from_micros(at.as_microsecond()))
}
