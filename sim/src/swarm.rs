//! Random worlds and faults, searched for one in which something does not hold that always must.
//!
//! A seed makes a whole scenario; it is run in the same engine as every other and checked; what
//! fails is shrunk to a small scenario file that `run` plays again. The same seeds say the same on
//! any number of threads. Called by the command line and by tests.

pub mod attempt;
mod books;
pub mod check;
pub mod draw;
pub mod shrink;

use crate::contender::Contender;
use crate::number::length;
use crate::run::each_on_threads;
use crate::scenario::draft::Draft;
use attempt::{Size, attempt};
use check::Breach;
use paceline_core::units::Nanos;
use serde::Serialize;
use shrink::{Shrunk, shrink};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One world in so many is run twice: it costs as much again, and what differs once differs often.
const REPEATED: u64 = 8;
/// Worlds tried to shrink one: a failing world has some fifty parts to leave out, and each is tried
/// a few times.
pub const ATTEMPTS_MAX: usize = 400;
/// Failing worlds that are shrunk, the first by seed: more of them mostly fail alike, and each
/// costs hundreds of runs.
pub const SHRUNK_MAX: usize = 4;

/// A seed's world and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The seed.
    pub seed: u64,
    /// How large a world it is.
    #[serde(flatten)]
    pub size: Size,
    /// Rules that were broken, the gravest first.
    pub broken: Vec<Breach>,
}

/// A failing world made small.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Find {
    /// Its seed.
    pub seed: u64,
    /// What is broken in the small one.
    pub breach: Breach,
    /// Worlds tried on the way.
    pub attempts: usize,
    /// Whether nothing more could be left out.
    pub is_least: bool,
    /// The small scenario, with a comment of what fails.
    pub text: String,
}

/// What a swarm found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Swarm {
    /// Who paced: a law, or `own`, as each world says.
    pub law: String,
    /// Every seed, in order.
    pub lines: Vec<Line>,
    /// The first failing worlds, made small.
    pub finds: Vec<Find>,
}

/// Runs the worlds of all seeds under a contender on at most `threads` threads, then shrinks the
/// first that fail. `progress` is told the share of runs done; shrinking counts as one stretch of
/// its own, from 0 again.
#[must_use]
pub fn search(
    seeds: &[u64],
    contender: Contender,
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
) -> Swarm {
    let try_out = |draft: &Draft, is_repeated| attempt(draft, contender, is_repeated);
    search_with(seeds, contender.name(), threads, progress, &try_out)
}

/// Tries a world out, twice if told to.
type TryOut<'a> = dyn Fn(&Draft, bool) -> (Size, Vec<Breach>) + Sync + 'a;

/// The same with any check.
#[must_use]
pub fn search_with(
    seeds: &[u64],
    law: &str,
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
    try_out: &TryOut<'_>,
) -> Swarm {
    let count = AtomicUsize::new(0);
    let tell = |all: f64| progress(length(count.fetch_add(1, Ordering::Relaxed) + 1) / all);
    let lines: Result<Vec<Line>, Infallible> = each_on_threads(seeds, threads, |&seed| {
        let (size, broken) = try_out(&draw::world(seed), seed.is_multiple_of(REPEATED));
        tell(length(seeds.len()));
        Ok(Line { seed, size, broken })
    });
    let Ok(lines) = lines;
    let failing: Vec<&Line> =
        lines.iter().filter(|line| !line.broken.is_empty()).take(SHRUNK_MAX).collect();
    count.store(0, Ordering::Relaxed);
    let finds: Result<Vec<Find>, Infallible> = each_on_threads(&failing, threads, |line| {
        let breach = line.broken[0].clone();
        let is_repeated = breach.rule == check::Rule::SameBytes;
        let mut fails = |draft: &Draft| {
            tell(length(failing.len() * ATTEMPTS_MAX));
            try_out(draft, is_repeated).1
        };
        let shrunk = shrink(&draw::world(line.seed), breach, ATTEMPTS_MAX, &mut fails);
        Ok(Find::new(line.seed, law, shrunk))
    });
    let Ok(finds) = finds;
    Swarm { law: law.to_owned(), finds, lines }
}

impl Find {
    fn new(seed: u64, law: &str, shrunk: Shrunk) -> Self {
        let Shrunk { draft, breach, attempts, is_least } = shrunk;
        let under = if law == Contender::Own.name() {
            "its own laws".to_owned()
        } else {
            format!("{law} (run it with --law {law})")
        };
        let end = if is_least { "nothing more can be left out" } else { "attempts ran out" };
        let text = format!(
            "# Seed {seed} of the swarm, made small by {attempts} attempts ({end}), under \
             {under}.\n\
             # Must hold: {}.\n# Found: {}\n{}",
            breach.rule.as_str(),
            breach.found.replace('\n', " "),
            draft.to_text(),
        );
        Self { seed, breach, attempts, is_least, text }
    }

    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("swarm-{}.toml", self.seed)
    }
}

impl Swarm {
    /// Seeds whose worlds broke a rule.
    pub fn failing(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.broken.is_empty())
    }

    /// As JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// What was run, then a line for every seed that failed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let sum = |take: fn(&Size) -> u64| -> u64 {
            self.lines.iter().map(|line| take(&line.size)).sum()
        };
        let spend: i64 = self.lines.iter().map(|line| line.size.spend_nanos).sum();
        let mut text = format!(
            "{} worlds under {}: {} campaigns, {} faults, {} deeds of operators, {} auctions, {} \
             events, {:.2} units spent; {} failed\n",
            self.lines.len(),
            self.law,
            sum(|size| size.campaigns),
            sum(|size| size.faults),
            sum(|size| size.actions),
            sum(|size| size.auctions),
            sum(|size| size.events),
            Nanos::new(spend).as_f64() / 1e9,
            self.failing().count(),
        );
        for line in self.failing() {
            for broken in &line.broken {
                let (rule, found) = (broken.rule.as_str(), &broken.found);
                text.push_str(&format!("seed {}: {rule}: {found}\n", line.seed));
            }
        }
        text
    }
}
