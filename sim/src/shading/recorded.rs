//! Recorded prices: each row scored before anyone learns from it, against the best constant bid in
//! hindsight.
//!
//! Every auction is first price, a tie wins, and an impression is worth the same throughout; so the
//! yardsticks are the ones of the golden file. Called by the study.

use super::contender::{Ask, Feedback, NAMES, Told, contender};
use crate::number::amount;
use crate::trace::TraceError;
use crate::trace::auctions::{self, AuctionOptions};
use paceline_core::hash;
use paceline_core::shade::SegmentPath;
use paceline_core::units::{CpmMicros, Timestamp};
use serde::Serialize;
use std::path::Path;

/// How far below the best constant the shader may be, by kind of feedback.
pub const BELOW: [f64; 3] = [0.01, 0.03, 0.06];

/// One replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recorded {
    /// Which file.
    pub trace: String,
    /// Whether segment and floor of a row are told, or all rows look the same.
    pub has_context: bool,
    /// What is told afterwards.
    pub feedback: Feedback,
    /// Worth of each impression, micros per thousand.
    pub value: i64,
    /// The best constant bid in hindsight, and what it leaves over, in nanos.
    pub constant: (i64, i64),
    /// What the shader and each rival leave over, in nanos.
    pub surplus: Vec<(&'static str, i64)>,
}

impl Recorded {
    /// The shader's surplus over the best constant's.
    #[must_use]
    pub fn share(&self) -> f64 {
        amount(self.surplus[0].1.into()) / amount(self.constant.1.into()).max(1.0)
    }

    /// Whether no rival has more.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.surplus[1..].iter().all(|rival| rival.1 < self.surplus[0].1)
    }
}

/// A row, as far as shading needs it.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// When the request came.
    pub at: Timestamp,
    /// Fingerprint of its id.
    pub key: u64,
    /// From its segment's name, a level for each part up to a bar.
    pub path: SegmentPath,
    /// Lowest bid taken.
    pub floor: i64,
    /// What ties for the win.
    pub least: i64,
}

/// Rows of a trace in the file's order.
///
/// # Errors
/// [`TraceError`] when it cannot be read.
pub fn read(path: &Path) -> Result<Vec<Row>, TraceError> {
    let mut reader = auctions::open(path, &AuctionOptions::default())?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next() {
        let row = row?;
        let name = reader.segments().name(row.segment.key()).unwrap_or("");
        let ends = name.match_indices('|').map(|(at, _)| at).chain([name.len()]);
        let levels: Vec<u64> = ends.map(|end| hash::key(&name.as_bytes()[..end])).collect();
        rows.push(Row {
            at: row.at,
            key: row.request,
            path: SegmentPath::new(&levels),
            floor: row.floor.map_or(0, CpmMicros::get),
            least: row.min_to_win.get(),
        });
    }
    Ok(rows)
}

/// The best constant bid: a price that was met, since no other wins more for its money.
#[must_use]
pub fn best_constant(rows: &[Row], value: i64) -> (i64, i64) {
    let mut prices: Vec<i64> = rows.iter().map(|row| row.least).collect();
    prices.sort_unstable();
    let mut best = (0, 0);
    for (won, &price) in (1_i64..).zip(&prices) {
        let surplus = (value - price).saturating_mul(won);
        if price > 0 && surplus > best.1 {
            best = (price, surplus);
        }
    }
    best
}

/// Replays rows for every contender.
#[must_use]
pub fn play(
    trace: &str,
    rows: &[Row],
    (value, feedback, has_context): (i64, Feedback, bool),
) -> Recorded {
    let surplus = |place: usize| {
        let mut who = contender(place, 5);
        let mut sum = 0_i64;
        for row in rows {
            let blind = SegmentPath::new(&[1]);
            let (path, floor) = if has_context { (row.path, row.floor) } else { (blind, 0) };
            let ask = Ask { key: row.key, path, floor, value };
            let placed = who.place(&ask);
            let won = placed.bid >= row.least;
            sum += if won { value - placed.bid } else { 0 };
            who.learn(row.at, &ask, placed.bid, Told { won, least: feedback.told(row.least, won) });
        }
        (NAMES[place], sum)
    };
    Recorded {
        trace: trace.to_owned(),
        has_context,
        feedback,
        value,
        constant: best_constant(rows, value),
        surplus: (0..NAMES.len()).map(surplus).collect(),
    }
}
