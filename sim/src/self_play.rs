//! Self-play: a stationary market in which every campaign is paced by the same law, held against
//! what such a market comes to rest at.
//!
//! Where winners pay their bids, multipliers are held against the first-price pacing equilibrium;
//! where they pay the price to beat, every campaign in turn leaves the law for a constant
//! multiplier and may gain by it no more than a little. Called by the command line and by tests.

mod against_equilibrium;
mod deviations;
mod page;
mod render;
mod second_half;
mod stationary;

pub use against_equilibrium::{Against, AgainstEquilibrium, DIFFERENCE_MOST, EVENTS_LEAST, Seen};
pub use deviations::{Chosen, Deviations, GAIN_MOST, STEPS};
pub use second_half::SecondHalf;

use crate::contender::Contender;
use crate::equilibrium::Unsettled;
use crate::number::length;
use crate::scenario::{Scenario, ScenarioError};
use paceline_core::bid::AuctionType;
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Typical auctions that an equilibrium is reckoned from: its own error is then some tenths of a
/// per cent, and is told.
pub const SAMPLE: u64 = 400_000;

/// How to play.
#[derive(Debug, Clone)]
pub struct SelfPlayOptions {
    /// Who paces.
    pub contender: Contender,
    /// Every world is played with each, the first of them choosing deviations; at least one, and
    /// two for a second-price world.
    pub seeds: Vec<u64>,
    /// Typical auctions for an equilibrium, at least two.
    pub sample: u64,
    /// Runs at a time.
    pub threads: usize,
}

/// Why self-play cannot be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelfPlayError {
    /// When a world is not one for it, or cannot be run.
    #[error(transparent)]
    World(#[from] ScenarioError),
    /// When there are too few seeds.
    #[error("--seeds: {world} needs at least two, one to choose by and others to judge by")]
    Seeds {
        /// Which world.
        world: String,
    },
    /// When the equilibrium is not known well enough.
    #[error("the equilibrium of {world}")]
    Equilibrium {
        /// Which world.
        world: String,
        /// Why.
        source: Unsettled,
    },
}

impl SelfPlayError {
    /// Whether it is the asking that is at fault, and no run.
    #[must_use]
    pub const fn is_of_asking(&self) -> bool {
        matches!(self, Self::World(_) | Self::Seeds { .. })
    }
}

/// What came of one world.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Winners pay their bids.
    FirstPrice(AgainstEquilibrium),
    /// They pay the price to beat.
    SecondPrice(Deviations),
}

impl World {
    /// Whether the bound was missed.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        match self {
            Self::FirstPrice(against) => against.is_missed(),
            Self::SecondPrice(deviations) => deviations.is_missed(),
        }
    }
}

/// Self-play in some worlds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfPlay {
    /// Who paced.
    pub law: String,
    /// The seeds, in order.
    pub seeds: Vec<u64>,
    /// In the order asked for.
    pub worlds: Vec<World>,
}

/// Plays every world with every seed. The result does not depend on the number of threads.
/// `progress` is told the share done.
///
/// # Errors
/// [`SelfPlayError`]; all worlds are checked before the first run.
pub fn play(
    scenarios: &[Scenario],
    options: &SelfPlayOptions,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<SelfPlay, SelfPlayError> {
    let mut kinds = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        let kind = stationary::price_rule(scenario)?;
        if kind == AuctionType::SecondPrice && options.seeds.len() < 2 {
            return Err(SelfPlayError::Seeds { world: scenario.name.clone() });
        }
        kinds.push(kind);
    }
    let steps = scenarios.iter().zip(&kinds).map(|(scenario, kind)| match kind {
        AuctionType::SecondPrice => deviations::runs(scenario, options),
        AuctionType::FirstPrice | AuctionType::FixedPrice(_) => against_equilibrium::runs(options),
    });
    let pace = Pace { total: steps.sum(), done: AtomicUsize::new(0), progress };
    let worlds = scenarios.iter().zip(kinds).map(|(scenario, kind)| match kind {
        AuctionType::SecondPrice => {
            Ok(World::SecondPrice(Deviations::play(scenario, options, &pace)?))
        }
        AuctionType::FirstPrice | AuctionType::FixedPrice(_) => {
            Ok(World::FirstPrice(AgainstEquilibrium::play(scenario, options, &pace)?))
        }
    });
    let worlds = worlds.collect::<Result<_, SelfPlayError>>()?;
    Ok(SelfPlay { law: options.contender.name().to_owned(), seeds: options.seeds.clone(), worlds })
}

/// Tells how far it is, a run at a time.
struct Pace<'a> {
    total: usize,
    done: AtomicUsize,
    progress: &'a (dyn Fn(f64) + Sync),
}

impl Pace<'_> {
    /// So many runs more are done.
    fn done(&self, runs: usize) {
        let done = self.done.fetch_add(runs, Ordering::Relaxed) + runs;
        (self.progress)(length(done) / length(self.total.max(1)));
    }
}
