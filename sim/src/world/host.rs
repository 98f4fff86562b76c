//! Where the engine runs: its log, its snapshots, its death and return.
//!
//! Called by the world. What the engine is told here is exactly what a service would tell it, and
//! in one order.

use crate::fault::{Fault, FaultKind};
use crate::report::tally::MinuteView;
use crate::scenario::Scenario;
use paceline_core::engine::{Applied, Engine, EngineConfig, EngineState, Tick};
use paceline_core::hash::Digest;
use paceline_core::input::{Input, Stamped};
use paceline_core::pace::PacingLaw;
use paceline_core::table::{EntryState, TableEntry};
use paceline_core::units::{ArmId, CampaignId, Epoch, Span, Timestamp};
use std::collections::BTreeSet;

/// How often a snapshot is taken where a crash is to come.
const SNAPSHOT_EVERY: Span = Span::from_mins(5);

/// What a crash needs: the last snapshot and the log since.
#[derive(Debug)]
struct Journal<S> {
    snapshot: EngineState<S>,
    taken_at: Timestamp,
    since: Vec<Stamped>,
    digests: Vec<Digest>,
    /// How much of `since` the engine saw before it was killed.
    seen: usize,
}

/// An engine and its log.
#[derive(Debug)]
pub(super) struct Host<L: PacingLaw> {
    config: EngineConfig<L>,
    /// Absent while it is dead.
    engine: Option<Engine<L>>,
    epoch: Epoch,
    journal: Option<Journal<L::State>>,
    record: Option<Vec<Stamped>>,
    /// Tables that differed when the log was folded again.
    pub(super) mismatches: u64,
}

impl<L: PacingLaw + Copy> Host<L> {
    /// A new engine. With a journal it can be killed; with a record its log is kept whole.
    pub(super) fn new(config: EngineConfig<L>, has_journal: bool, has_record: bool) -> Self {
        let engine = Engine::new(config);
        let journal = has_journal.then(|| Journal {
            snapshot: engine.state().clone(),
            taken_at: Timestamp::MIN,
            since: Vec::new(),
            digests: Vec::new(),
            seen: 0,
        });
        Self {
            config,
            engine: Some(engine),
            epoch: Epoch(0),
            journal,
            record: has_record.then(Vec::new),
            mismatches: 0,
        }
    }

    /// The engine, unless it is dead.
    pub(super) const fn engine(&self) -> Option<&Engine<L>> {
        self.engine.as_ref()
    }

    /// The log, if it was kept.
    pub(super) fn into_record(self) -> Option<Vec<Stamped>> {
        self.record
    }

    fn log(&mut self, at: Timestamp, input: &Input) {
        let stamped = || Stamped { at, input: input.clone() };
        if let Some(journal) = &mut self.journal {
            journal.since.push(stamped());
        }
        if let Some(record) = &mut self.record {
            record.push(stamped());
        }
    }

    /// An input reaches the log, and the engine if it lives.
    pub(super) fn apply(&mut self, at: Timestamp, input: &Input) -> Option<Applied> {
        self.log(at, input);
        self.engine.as_mut().map(|engine| engine.apply(at, input))
    }

    /// A decision round; none while dead.
    pub(super) fn tick(&mut self, at: Timestamp) -> Option<Tick> {
        self.engine.as_ref()?;
        self.log(at, &Input::Tick);
        let engine = self.engine.as_mut()?;
        let tick = engine.tick(at);
        if let Some(journal) = &mut self.journal {
            journal.digests.push(tick.digest);
            if at - journal.taken_at >= SNAPSHOT_EVERY {
                journal.snapshot = engine.state().clone();
                journal.taken_at = at;
                journal.since.clear();
                journal.digests.clear();
            }
        }
        Some(tick)
    }

    /// The process is killed. What reaches the log from now on waits in it.
    pub(super) fn kill(&mut self) {
        self.engine = None;
        if let Some(journal) = &mut self.journal {
            journal.seen = journal.since.len();
        }
    }

    /// A new process folds the log from the last snapshot and takes the lead. Returns what each
    /// input that had waited came to, in order.
    pub(super) fn revive(&mut self, at: Timestamp) -> Vec<(Stamped, Applied)> {
        let Some(journal) = &mut self.journal else { return Vec::new() };
        let mut engine = Engine::restore(self.config, journal.snapshot.clone());
        let mut digests = journal.digests.iter();
        let mut waited = Vec::new();
        for (place, stamped) in journal.since.iter().enumerate() {
            match engine.apply(stamped.at, &stamped.input) {
                Applied::Ticked(tick) => {
                    self.mismatches += u64::from(digests.next() != Some(&tick.digest));
                }
                applied if place >= journal.seen => waited.push((stamped.clone(), applied)),
                _ => {}
            }
        }
        self.engine = Some(engine);
        self.epoch = Epoch(self.epoch.0 + 1);
        let lead = Input::Lead(self.epoch);
        let _ = self.apply(at, &lead);
        waited
    }
}

/// Campaigns whose events are planted to be told of too often.
pub(super) fn miscounted(scenario: &Scenario, campaigns: &[CampaignId]) -> BTreeSet<CampaignId> {
    let faults = scenario.faults.iter().filter(|fault| fault.kind == FaultKind::Miscount);
    let struck =
        |fault: &Fault, place| fault.campaigns.is_empty() || fault.campaigns.contains(&place);
    let all = campaigns.iter().enumerate();
    let told = all.filter(|&(place, _)| faults.clone().any(|fault| struck(fault, place)));
    told.map(|(_, &id)| id).collect()
}

/// Multiplier × participation as published; zero where there are no bids.
pub(super) fn signal_of(entry: &Option<TableEntry>) -> f64 {
    entry.as_ref().map_or(0.0, |entry| match entry.state {
        EntryState::Run | EntryState::Safe => {
            entry.multiplier.ppm().as_f64() * entry.participation.ppm().as_f64()
        }
        EntryState::Paused | EntryState::Exhausted => 0.0,
    })
}

/// What a report's minute is made of.
pub(super) fn view_of<L: PacingLaw>(engine: &Engine<L>, campaign: CampaignId) -> MinuteView {
    let entry = engine.table().get(campaign, ArmId(0)).copied();
    let plan = engine.explain(campaign).and_then(|told| {
        let own = told.owners.first()?.plan?;
        Some((own.planned, own.measured, own.planned_at))
    });
    let ratio = |take: fn(&TableEntry) -> f64| entry.as_ref().map_or(0.0, take);
    MinuteView {
        signal: signal_of(&entry),
        multiplier: ratio(|entry| entry.multiplier.ppm().as_f64()),
        participation: ratio(|entry| entry.participation.ppm().as_f64()),
        plan,
    }
}
