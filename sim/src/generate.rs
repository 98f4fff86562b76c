//! Traces made up from published parameters: same options and seed, same bytes.
//!
//! Two models. *Mystique* (Yahoo's budget pacing simulation): cosine traffic, daily budgets whose
//! logarithm is Gamma, log-normal bids by budget class, two untracked rivals, first price.
//! *AuctionNet*: one day in half hours with two peaks, smooth log-normal prices, second price.
//! Every file satisfies this crate's own readers. Called by `paceline-sim generate`.

mod auctions;
mod campaigns;
mod curve;
mod spend;
mod traffic;

use crate::trace::TraceError;
use paceline_core::units::{Span, Timestamp};
use std::path::Path;

/// Nanos of currency in one unit: a value of one unit an impression is 10⁹ micros per thousand.
const CPM_MICROS_PER_UNIT: f64 = 1e9;

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum GenerateKind {
    /// One row a request.
    Auctions,
    /// One row a campaign.
    Campaigns,
    /// One row a slot of time.
    Traffic,
    /// One row a billing event, with duplicates and late arrivals.
    Spend,
}

/// Whose parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Model {
    /// Yahoo's simulation.
    #[default]
    Mystique,
    /// Alibaba's benchmark.
    Auctionnet,
}

/// Everything the content of a file depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerateOptions {
    /// What to make.
    pub kind: GenerateKind,
    /// Whose parameters.
    pub model: Model,
    /// Seed of every stream.
    pub seed: u64,
    /// Auctions, campaigns or events; not used for traffic.
    pub rows: u64,
    /// Days covered, 1 to 366.
    pub days: u16,
    /// First instant.
    pub start: Timestamp,
    /// Campaigns among which spend is spread; not used for other kinds.
    pub campaigns: u16,
}

impl GenerateOptions {
    /// First instant after the days covered.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start + Span::DAY.times(i64::from(self.days))
    }

    /// Rows made where nobody says how many.
    #[must_use]
    pub const fn rows_by_default(kind: GenerateKind, model: Model) -> u64 {
        match (kind, model) {
            (GenerateKind::Campaigns, Model::Mystique) => 100,
            (GenerateKind::Campaigns, Model::Auctionnet) => 48,
            (GenerateKind::Auctions, _) => 100_000,
            (GenerateKind::Spend | GenerateKind::Traffic, _) => 10_000,
        }
    }
}

/// Writes a file; tells how many rows it has.
///
/// # Errors
/// [`TraceError`] when the file cannot be written.
pub fn generate(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    match options.kind {
        GenerateKind::Auctions => auctions::write(path, options),
        GenerateKind::Campaigns => campaigns::write(path, options),
        GenerateKind::Traffic => traffic::write(path, options),
        GenerateKind::Spend => spend::write(path, options),
    }
}

/// Rounded to the nearest integer and kept inside `[least, most]`.
#[expect(clippy::cast_possible_truncation, reason = "clamped to integers below 2⁵³")]
fn rounded(value: f64, least: i64, most: i64) -> i64 {
    (libm::round(value) as i64).clamp(least, most)
}
