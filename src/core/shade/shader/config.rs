//! What a shader is told, and what it counts. Called by `shader`, by the engine and by reports.

use super::super::outcome::{Fault, TieRule};
use crate::units::{CpmMicros, Span};
use serde::{Deserialize, Serialize};

/// What a shader is told; each default's reason stands in CONTROL.md.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShaderConfig {
    /// What a tie does.
    pub tie: TieRule,
    /// The least by which one bid is above another; at least one micro.
    pub tick: CpmMicros,
    /// After so long an outcome counts half; above zero.
    pub half_life: Span,
    /// The same while a drift test holds; above zero.
    pub drift_half_life: Span,
    /// How long an alarm holds.
    pub drift_hold: Span,
    /// An exchange of which nothing was told for longer than this is not shaded.
    pub silence: Span,
    /// Segments, and levels above them, kept at most; at least one.
    pub nodes_max: u32,
    /// When there are as many, the segment silent the longest makes room for a new one, if it has
    /// been silent for this long.
    pub give_up: Span,
    /// Refits a step, at most.
    pub refits_max: u32,
    /// Outcomes without which a node is not refitted.
    pub refit_least: f64,
    /// The same, as a share of its evidence.
    pub refit_share: f64,
    /// Mean move of bids in the logarithm, an hour, at most.
    pub motion_per_hour: f64,
    /// Auctions left unshaded, as a share, at most.
    pub control_share: f64,
    /// What those may cost, as a share of what is spent.
    pub control_cost: f64,
    /// What exploring may cost, as a share of the surplus, where no outcome tells its price.
    pub explore_cost: f64,
    /// Outcomes' worth of exploring at first: a node of that much evidence explores all the time,
    /// one of ten times that a tenth.
    pub explore_first: f64,
}

impl Default for ShaderConfig {
    fn default() -> Self {
        Self {
            tie: TieRule::Win,
            tick: CpmMicros::new(1),
            half_life: Span::from_mins(48 * 60),
            drift_half_life: Span::from_mins(20),
            drift_hold: Span::from_mins(60),
            silence: Span::from_mins(30),
            nodes_max: 120_000,
            give_up: Span::from_mins(24 * 60),
            refits_max: 400,
            refit_least: 8.0,
            refit_share: 0.03,
            motion_per_hour: 0.1,
            control_share: 0.01,
            control_cost: 0.02,
            explore_cost: 0.003,
            explore_first: 25.0,
        }
    }
}

/// What was done so far; for metrics and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShaderCounts {
    /// Outcomes taken in.
    pub taken: u64,
    /// Left out, in the order of [`Fault::ALL`].
    pub left_out: [u64; Fault::ALL.len()],
    /// Curves fitted.
    pub refits: u64,
    /// Schedules published.
    pub published: u64,
    /// Fits that foretold held-out outcomes worse than the curve in force.
    pub refused_loss: u64,
    /// Fits that were off the middle of what was held out.
    pub refused_calibration: u64,
    /// Fits that came in only in part, to bound the motion of bids.
    pub motion_bounded: u64,
    /// Fits that came in whole while little was known before or a drift test held.
    pub motion_lifted: u64,
    /// Drift alarms.
    pub alarms: u64,
    /// Outcomes of segments beyond those that are kept: the nearest above learnt from them.
    pub no_room: u64,
    /// Exchanges whose schedules were withdrawn for silence.
    pub silenced: u64,
    /// Segments, and levels above them, that made room for others.
    pub given_up: u64,
    /// Schedules withdrawn at an alarm, until the next fit.
    pub withdrawn: u64,
}
