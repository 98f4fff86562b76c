//! A step of time: what was reported is posted, the calendar is filled, the round is run.
//!
//! Called by the dialogue.

use super::{Dialogue, producer};
use crate::bridge::answer::{self, Round, Taken};
use crate::bridge::fields::Complaint;
use crate::bridge::message::Advance;
use paceline_core::engine::{Engine, EngineConfig, Tick};
use paceline_core::event::{OpportunityCount, SpendBatch, Verdict};
use paceline_core::input::Input;
use paceline_core::units::{ArmId, SegmentId, Span, Timestamp};
use serde_json::json;

/// The longest step taken: the calendar is filled ten days ahead at each.
const STEP_MAX: Span = Span::DAY.times(7);
/// The calendar reaches at least this far ahead, so that plans see the days they need.
const AHEAD_MIN: Span = Span::DAY.times(9);

impl Dialogue {
    /// Moves the clock to `step.now` and answers with every campaign's entry from then on.
    pub(super) fn advance(&mut self, step: &Advance, out: &mut Vec<u8>) -> Result<(), Complaint> {
        self.check_step(step.now)?;
        let mut movements = Vec::with_capacity(step.spend.len());
        for (name, amount) in &step.spend {
            movements.push(self.weigh(name, "spend", *amount, None, None)?);
        }
        let mut counts = Vec::with_capacity(step.asks.len());
        for (name, asks) in &step.asks {
            let unknown = || Complaint::new("asks", &json!(name), "must be a known campaign");
            counts.push(OpportunityCount {
                campaign: self.known.get(name).ok_or_else(unknown)?.id,
                segment: SegmentId::of(""),
                arm: ArmId(0),
                asks: *asks,
                bids: 0,
                below_floor: 0,
                wins: 0,
            });
        }
        let mut unposted = Vec::new();
        for (movement, (name, _)) in movements.iter().zip(&step.spend) {
            let (verdict, taken) = self.post(movement);
            if !matches!(verdict, Verdict::Posted | Verdict::PostedLate) {
                unposted.push(Taken {
                    ok: "spend",
                    id: name,
                    verdict: verdict.as_str(),
                    amount_nanos: taken.get(),
                });
            }
        }
        self.count(counts);
        let tick = self.step_to(step.now)?;
        self.tell(&tick, unposted, out);
        Ok(())
    }

    fn check_step(&self, now: Timestamp) -> Result<(), Complaint> {
        let refuse = |rule: String| Complaint::new("now", &json!(answer::seconds(now)), rule);
        match self.clock {
            Some(clock) if now <= clock => {
                Err(refuse(format!("must be after {}", answer::seconds(clock))))
            }
            Some(clock) if now - clock > STEP_MAX => {
                Err(refuse(format!("must be at most {} s on", STEP_MAX.as_seconds())))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn step_to(&mut self, now: Timestamp) -> Result<Tick, Complaint> {
        for known in self.known.values_mut() {
            known.lumps.close_step();
        }
        if let Some(clock) = self.clock {
            self.keep_time(now - clock);
        }
        self.look_ahead(now)?;
        self.clock = Some(now);
        if !self.is_told {
            self.hear(now)?;
        }
        Ok(self.engine.tick(now))
    }

    /// Everything before `through` is in.
    pub(super) fn hear(&mut self, through: Timestamp) -> Result<(), Complaint> {
        self.through = self.through.max(through);
        let batch = SpendBatch {
            producer: Some(producer()),
            reported_through: Some(self.through),
            events: Vec::new(),
        };
        self.apply_checked(&Input::Spend(batch))
    }

    /// The engine's periods follow the length of the other side's steps. An engine with other
    /// periods costs a copy of its state, so a change of less than a tenth is let be.
    fn keep_time(&mut self, step: Span) {
        let off = (step - self.config.tick).as_seconds().abs();
        if off <= 0.1 * self.config.tick.as_seconds() {
            return;
        }
        let usual = EngineConfig::default();
        let config = &mut self.config;
        config.tick = step;
        config.lease_valid = usual.lease_valid.max(step.times(3));
        config.lease_grace = usual.lease_grace.max(step.times(9));
        config.blind_limit = usual.blind_limit.max(step.times(30));
        config.source_timeout = usual.source_timeout.max(step.times(12));
        self.engine = Engine::restore(self.config, self.engine.state().clone());
    }

    /// Tells the engine the days around `now` in every zone in use.
    pub(super) fn look_ahead(&mut self, now: Timestamp) -> Result<(), Complaint> {
        let needed = (now + AHEAD_MIN).min(Timestamp::MAX);
        let mut changes = Vec::new();
        for zone in self.zones.values() {
            match self.engine.days_known_until(zone.id()) {
                Some(until) if until >= needed => {}
                _ => changes.push(zone.outlook(now)),
            }
        }
        changes.into_iter().try_for_each(|change| self.apply_checked(&Input::Calendar(change)))
    }

    fn tell(&self, tick: &Tick, unposted: Vec<Taken<'_>>, out: &mut Vec<u8>) {
        let changed = &tick.delta.changed;
        let is_told = |campaign| {
            !self.only_changed || changed.binary_search_by_key(&campaign, |e| e.campaign).is_ok()
        };
        let entries = self.engine.overviews().filter_map(|overview| {
            let entry = overview.entry.filter(|entry| is_told(entry.campaign))?;
            Some(answer::entry(&overview, entry, self.unit))
        });
        let round = Round {
            ok: "advance",
            now: answer::seconds(self.now()),
            entries: entries.collect(),
            unposted,
        };
        answer::write(out, &round);
    }
}
