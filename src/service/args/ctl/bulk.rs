//! What may be typed about many campaigns at once, about an override's end, and about waiting until
//! bidders hold what was changed.
//!
//! Knows flags, their help and the form of their values; not what is asked of whom.

use super::{TermArgs, multiplier, parsed, share};
use clap::{Args, Subcommand};
use paceline_core::units::{Ppm, Span};

/// `ctl bulk`.
#[derive(Debug, Clone, Args)]
pub struct BulkArgs {
    /// What to do to each.
    #[command(subcommand)]
    pub command: BulkCommand,
}

/// What to do to every campaign that fits.
#[derive(Debug, Clone, Subcommand)]
pub enum BulkCommand {
    /// No bids until it ends.
    Pause(BulkHandArgs),
    /// Keep what is published now; with no filter, of the whole fleet.
    Freeze(BulkHandArgs),
    /// Publish exactly this multiplier.
    Fix {
        /// Which, how long, why.
        #[command(flatten)]
        hand: BulkHandArgs,
        /// The multiplier, at most each campaign's maximum: 35%.
        #[arg(value_name = "MULTIPLIER", value_parser = multiplier)]
        multiplier: Ppm,
    },
    /// Never publish more than this multiplier.
    Cap {
        /// Which, how long, why.
        #[command(flatten)]
        hand: BulkHandArgs,
        /// The most that may be published: 35%.
        #[arg(value_name = "MULTIPLIER", value_parser = multiplier)]
        multiplier: Ppm,
    },
    /// Take every override off that lies on these campaigns themselves.
    Clear {
        /// Which.
        #[command(flatten)]
        filter: FilterArgs,
        /// Why, for the record: at most 500 bytes.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
}

/// Which campaigns.
#[derive(Debug, Clone, Args)]
pub struct FilterArgs {
    /// Only of this advertiser.
    #[arg(long, value_name = "ID")]
    pub advertiser: Option<String>,
    /// Only of this group.
    #[arg(long, value_name = "ID")]
    pub group: Option<String>,
    /// Only in this state.
    #[arg(long, value_name = "STATE", value_parser = ["run", "paused", "exhausted", "safe"])]
    pub state: Option<String>,
    /// Only with ids that fit: * stands for any letters, ? for one.
    #[arg(long = "match", value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Do it. Without this it is only told how many campaigns fit, and which.
    #[arg(long)]
    pub yes: bool,
}

/// Which campaigns, how long, why.
#[derive(Debug, Clone, Args)]
pub struct BulkHandArgs {
    /// Which.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// How long it lasts.
    #[command(flatten)]
    pub term: TermArgs,
    /// Why, for those who find it: 1 to 500 bytes.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Makes a retry harmless: 1 to 40 bytes, followed by each campaign's key.
    #[arg(long, value_name = "ID", value_parser = base)]
    pub request_id: Option<String>,
}

/// `ctl extend`.
#[derive(Debug, Clone, Args)]
pub struct ExtendArgs {
    /// The override, as `ctl overrides` lists it: 16 hexadecimal digits.
    #[arg(value_name = "ID")]
    pub id: String,
    /// How long it lasts from now on; shorter than before ends it earlier.
    #[command(flatten)]
    pub term: TermArgs,
    /// Why: 1 to 500 bytes.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `ctl wait`.
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// How large a share of the connected bidders has to run what was changed.
    #[arg(long, value_name = "SHARE", default_value = "97%", value_parser = share)]
    pub share: Ppm,
    /// The longest wait, in the world's time.
    #[arg(long = "for", value_name = "SPAN", default_value = "1m", value_parser = patience)]
    pub patience: Span,
}

/// What a campaign's key of seventeen characters still fits after.
fn base(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 40 {
        return Err("must have 1 to 40 bytes".to_owned());
    }
    Ok(text.to_owned())
}

fn patience(text: &str) -> Result<Span, String> {
    let span: Span = parsed(text)?;
    if span <= Span::ZERO || span > Span::HOUR {
        return Err("must be above 0s and at most 1h".to_owned());
    }
    Ok(span)
}
