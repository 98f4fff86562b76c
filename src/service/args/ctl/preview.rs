//! What may be typed after `paceline ctl preview`: a command that changes something.
//!
//! Knows no flags of its own: those of the commands are taken as they are.

use super::{ApplyArgs, CapArgs, ClearArgs, FixArgs, HandArgs};
use clap::{Args, Subcommand};

/// `ctl preview`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  paceline ctl preview apply -f campaigns.toml
  paceline ctl preview fix spring 35% --for 2h --reason \"a test\" --json")]
pub struct PreviewArgs {
    /// What to try.
    #[command(subcommand)]
    pub command: PreviewCommand,
}

/// A command that can be tried.
#[derive(Debug, Clone, Subcommand)]
pub enum PreviewCommand {
    /// What entering a file would do.
    Apply(ApplyArgs),
    /// What no bids would do.
    Pause(HandArgs),
    /// What keeping what is published would do.
    Freeze(HandArgs),
    /// What exactly this multiplier would do.
    Fix(FixArgs),
    /// What never more than this multiplier would do.
    Cap(CapArgs),
    /// What taking an override off would do.
    #[command(visible_alias = "release")]
    Clear(ClearArgs),
}
