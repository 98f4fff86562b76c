//! What may be typed about changes: the trail of them, taking one back, and the file that would be
//! a change.
//!
//! Knows flags, their help and the form of their values; not what is asked of whom.

use super::moment;
use clap::{Args, Subcommand};
use paceline_core::units::Timestamp;
use std::path::PathBuf;

/// `ctl audit`.
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What to do with the trail of changes.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Who changed what, when and why, the newest first.
    List(AuditListArgs),
    /// One change, field by field.
    Show {
        /// The change, as `ctl audit list` shows it: partition-number.
        #[arg(value_name = "CHANGE", value_parser = change)]
        change: (u32, u64),
    },
    /// Every change that is kept, with its seal, as a file that `verify` takes.
    Export {
        /// Only of this partition.
        #[arg(long, value_name = "NUMBER")]
        partition: Option<u32>,
        /// The file to write; one that is there already is left alone. Without it, the answer.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Whether changes are as they were sealed: in a file, or without one in the service.
    Verify {
        /// A file that `export` wrote; nothing needs to run.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// `ctl audit list`.
#[derive(Debug, Clone, Args)]
pub struct AuditListArgs {
    /// Only of this kind of object.
    #[arg(long, value_name = "KIND",
        value_parser = ["advertiser", "group", "campaign", "shape", "event"])]
    pub kind: Option<String>,
    /// Only of the object with this id.
    #[arg(long, value_name = "ID")]
    pub object: Option<String>,
    /// Only by this author.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Only from then on, such as 2026-12-01T18:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Only before then.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub most: u32,
}

/// `ctl undo`.
#[derive(Debug, Clone, Args)]
pub struct UndoArgs {
    /// The change, as `ctl audit list` shows it: partition-number.
    #[arg(value_name = "CHANGE", value_parser = change)]
    pub change: (u32, u64),
    /// Why: 1 to 500 bytes.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Also when it was changed later; what came later is lost.
    #[arg(long)]
    pub force: bool,
    /// Makes a retry harmless: the same id is the same undoing.
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
}

/// `ctl export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The file to write; one that is there already is left alone. Without it, the answer.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `ctl diff`.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// The file, as `ctl apply` takes it.
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
}

/// `3-17`: the seventeenth change of partition three.
fn change(text: &str) -> Result<(u32, u64), String> {
    let read = || {
        let (partition, number) = text.split_once('-')?;
        Some((partition.parse().ok()?, number.parse().ok()?))
    };
    read().ok_or_else(|| "must be partition-number, such as 0-17, as listed".to_owned())
}
