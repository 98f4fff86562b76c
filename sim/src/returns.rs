//! Return targets by a published protocol: many campaigns that may pay no more for a click than it
//! is worth, under our laws and under those of the guide that the protocol is from.
//!
//! Balseiro, Bhawalkar, Feng, Lu, Mirrokni, Sivan, Wang: "A Field Guide for Pacing Budget and ROS
//! Constraints", ICML 2024, section 6. There as here: a day of 144 periods; clicks are Poisson
//! about a landscape, what they cost and what they are worth has a tenth of noise by period; the
//! yardstick is the best multiplier held throughout, were the landscape all there is to it. Their
//! landscapes are not public: these are drawn, clicks at log-normal prices. Our side is the engine
//! itself. Called by the command line and by tests.

mod guide;
pub mod landscape;
mod paced;
pub mod render;

pub use guide::{Guide, Rule};

use crate::number::length;
use crate::run::each_told;
use landscape::Landscape;
use serde::Serialize;

/// Steps that the guide's duals are searched over, each with each.
pub const STEPS: [f64; 8] = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
/// A campaign is within a tolerance when what it paid is at most so much above what it got.
pub const TOLERANCES: [f64; 5] = [0.0, 0.05, 0.1, 0.15, f64::INFINITY];

/// What a campaign paid and got in its day, in units of what a click is worth.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Got {
    /// Paid.
    pub cost: f64,
    /// Worth of its clicks.
    pub worth: f64,
}

impl Got {
    /// How much was paid above what was got, as a share of that; below zero is within the target.
    #[must_use]
    pub fn error(self) -> f64 {
        match (self.cost > 0.0, self.worth > 0.0) {
            (_, true) => self.cost / self.worth - 1.0,
            (true, false) => f64::INFINITY,
            (false, false) => 0.0,
        }
    }
}

/// Campaigns within a tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Within {
    /// How many of all.
    pub share: f64,
    /// What those got over the yardstick, mean over all campaigns: others count as nothing.
    pub value: f64,
    /// The same in sum over the sum of all yardsticks.
    pub value_in_sum: f64,
}

/// One contender's score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Who.
    pub name: String,
    /// By tolerance.
    pub within: [Within; TOLERANCES.len()],
}

impl Score {
    fn of(name: String, fleet: &[Landscape], got: &[Got]) -> Self {
        let all: f64 = fleet.iter().map(|one| one.best().1).sum();
        let within = TOLERANCES.map(|tolerance| {
            let good = fleet.iter().zip(got).filter(|(_, got)| got.error() <= tolerance);
            let count = length(fleet.len()).max(1.0);
            Within {
                share: length(good.clone().count()) / count,
                value: good.clone().map(|(one, got)| got.worth / one.best().1).sum::<f64>() / count,
                value_in_sum: good.map(|(_, got)| got.worth).sum::<f64>() / all,
            }
        });
        Self { name, within }
    }

    /// Campaigns that kept their targets.
    #[must_use]
    pub const fn kept(&self) -> Within {
        self.within[0]
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Returned {
    /// The seeds.
    pub seeds: (u64, u64),
    /// Campaigns of each.
    pub campaigns: usize,
    /// Share of them whose budget binds before their target.
    pub budget_binds: f64,
    /// Ours, then the guide's joint and least rule with the steps that served each best.
    pub scores: Vec<Score>,
}

impl Returned {
    /// Whether ours keep their targets as often, and get as much by it, as was set out: 65 in 100
    /// of both, and three points more than the guide's joint rule.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let [ours, joint] = [0, 1].map(|place| self.scores[place].kept());
        ours.share >= 0.65
            && ours.value >= 0.65
            && ours.share >= joint.share
            && ours.value >= joint.value + 0.03
    }
}

/// Runs as many campaigns for each seed, on at most `threads` threads. `progress` is told the share
/// done. The guide's steps are the ones that are best in these very worlds, which is to its
/// advantage; ours has no steps to choose.
#[must_use]
pub fn play(
    seeds: &[u64],
    campaigns: usize,
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
) -> Returned {
    let rules = [Rule::Joint, Rule::Least];
    let guides: Vec<Guide> = rules
        .into_iter()
        .flat_map(|rule| STEPS.map(|returns| (rule, returns)))
        .flat_map(|(rule, returns)| STEPS.map(|budget| Guide { rule, returns, budget }))
        .collect();
    let of_seed = |&seed: &u64| {
        let fleet: Vec<Landscape> =
            (0..campaigns).map(|number| Landscape::draw(seed, number)).collect();
        let ours = paced::run(&fleet);
        let theirs: Vec<Vec<Got>> = guides.iter().map(|guide| guide.run(&fleet)).collect();
        Ok::<_, std::convert::Infallible>((fleet, ours, theirs))
    };
    let Ok(runs) = each_told(seeds, threads, progress, of_seed);
    let fleet: Vec<Landscape> = runs.iter().flat_map(|run| run.0.iter().copied()).collect();
    let ours: Vec<Got> = runs.iter().flat_map(|run| run.1.iter().copied()).collect();
    let mut scores = vec![Score::of("log-pid and return law".to_owned(), &fleet, &ours)];
    for rule in rules {
        let tried = guides.iter().enumerate().filter(|(_, guide)| guide.rule == rule);
        let scored = tried.map(|(place, guide)| {
            let got: Vec<Got> = runs.iter().flat_map(|run| run.2[place].iter().copied()).collect();
            Score::of(guide.to_string(), &fleet, &got)
        });
        scores.extend(scored.max_by(|a, b| a.kept().value.total_cmp(&b.kept().value)));
    }
    let binds = fleet.iter().filter(|one| one.is_budget_limited()).count();
    Returned {
        seeds: (seeds.first().copied().unwrap_or(0), seeds.last().copied().unwrap_or(0)),
        campaigns,
        budget_binds: length(binds) / length(fleet.len()).max(1.0),
        scores,
    }
}
