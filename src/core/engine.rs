//! The engine: state is a fold over inputs; at each tick it decides the table.
//!
//! Holds all state of one partition; does no I/O, reads no clock. [`Engine::apply`] takes in one
//! fact, [`Engine::tick`] is one decision round. Neither can fail: what could not be used is said
//! in the answer. Called by the service's control loop and by the simulator, which are thereby
//! alike.

mod allowances;
mod breakers;
mod campaign;
mod catalogue;
mod config;
mod decide;
mod diagnosis;
mod excerpt;
mod explain;
mod feasibility;
mod feed;
mod forecast;
mod hands;
mod learn;
mod members;
mod minimum;
mod outcomes;
mod owner;
mod past;
mod preview;
mod projection;
mod reading;
mod reports;
mod request;
mod returns;
mod round;
mod state;
mod traffic;
mod watch;

use crate::budget::BudgetOwner;
use crate::campaign::{SpecError, SpendSource};
use crate::days::KnownDays;
use crate::event::{CounterRead, OpportunityBatch, SpendBatch, SpendEvent, SpendKind, Verdict};
use crate::hash::Digest;
use crate::input::{BidderChange, HeldAllowance, Input, SuspenseChange};
use crate::ledger::{CounterVerdict, Posted, Slot, SpendLedger};
use crate::overrides::{OverrideChange, OverrideSet};
use crate::pace::{PacingLaw, ShippedLaw};
use crate::plan::TrafficShape;
use crate::report::TickReport;
use crate::shade::ShadeNews;
use crate::table::{Allowance, BidderAllowances, MultiplierTable, TableDelta};
use crate::units::{BidderId, CampaignId, Epoch, EventId, Generation, ProducerId, Span, Timestamp};
use campaign::CampaignState;
pub use config::{EngineConfig, Laws, ShadingMarket};
pub use feasibility::EXAMINED_MAX;
pub use outcomes::OutcomesTaken;
use owner::Owner;
use reports::Reports;
use state::Bidder;
pub use state::EngineState;

/// Shapes held; each is at most 3 KB.
const SHAPES_MAX: usize = 10_000;

/// What became of an input.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub enum Applied {
    /// Taken in.
    Done,
    /// Spend: a verdict for each event, in order.
    Verdicts(Vec<Verdict>),
    /// A counter read.
    Counter(CounterVerdict),
    /// Outcomes: how many were taken, and why others were not.
    Outcomes(OutcomesTaken),
    /// Broke these rules; nothing changed.
    Refused(Vec<SpecError>),
    /// A draw: the bidder's allowance now, or nothing while headroom is short.
    Granted(Option<Allowance>),
    /// A tick's round.
    Ticked(Box<Tick>),
}

/// One decision round.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Tick {
    /// What changed in the table; a heartbeat when nothing did.
    pub delta: TableDelta,
    /// What changed in shading schedules; absent when nothing did.
    pub shades: Option<Box<ShadeNews>>,
    /// What each bidder may commit.
    pub allowances: Vec<BidderAllowances>,
    /// Of table and allowances: parity means the same digests.
    pub digest: Digest,
    /// Why.
    pub report: TickReport,
}

/// Decides multipliers for one partition.
#[derive(Debug, Clone)]
pub struct Engine<L: PacingLaw = ShippedLaw> {
    config: EngineConfig<L>,
    state: EngineState<L::State>,
    flat: TrafficShape,
}

impl<L: PacingLaw> Engine<L> {
    /// Knows nobody yet.
    #[must_use]
    pub fn new(config: EngineConfig<L>) -> Self {
        let state = EngineState::new(&config);
        Self { config, state, flat: TrafficShape::flat() }
    }

    /// Goes on from where a snapshot was taken, within the bounds of this configuration.
    #[must_use]
    pub fn restore(config: EngineConfig<L>, mut state: EngineState<L::State>) -> Self {
        state.ledger.rebound(&config.ledger);
        state.shading =
            state.shading.zip(config.shading).and_then(|(held, market)| held.configured(market));
        Self { config, state, flat: TrafficShape::flat() }
    }

    /// All state, to be written down.
    #[must_use]
    pub fn state(&self) -> &EngineState<L::State> {
        &self.state
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &EngineConfig<L> {
        &self.config
    }

    /// The term it decides in: of the lead, or above it once a bidder held a table of a later one.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.state.generation.epoch
    }

    /// The latest moment it was told of.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state.now
    }

    /// The table in force.
    #[must_use]
    pub fn table(&self) -> &MultiplierTable {
        &self.state.table
    }

    /// The calendar as far as it is known.
    #[must_use]
    pub fn days(&self) -> &KnownDays {
        &self.state.days
    }

    /// The books.
    #[must_use]
    pub fn ledger(&self) -> &SpendLedger {
        &self.state.ledger
    }

    /// The hands on the wheel.
    #[must_use]
    pub fn overrides(&self) -> &OverrideSet {
        &self.state.overrides
    }

    /// Takes in one fact. Time that goes back counts as the latest seen.
    pub fn apply(&mut self, now: Timestamp, input: &Input) -> Applied {
        let now = now.max(self.state.now);
        self.state.now = now;
        match input {
            Input::Advertiser(spec) => answer(self.enter_advertiser(spec)),
            Input::Group(spec) => answer(self.enter_group(spec)),
            Input::Campaign(spec) => answer(self.enter_campaign(now, spec)),
            Input::Catalogue(change) => answer(self.enter_catalogue(now, change)),
            Input::Calendar(change) => {
                answer(self.state.days.learn(now, change).map_err(|error| vec![error]))
            }
            Input::Shape(change) => answer(self.learn_shape(change)),
            Input::Spend(batch) => self.take_spend(now, batch),
            Input::Counter(read) => self.take_counter(now, read),
            Input::CounterAccept(taken) => answer(self.accept_counter(taken.campaign)),
            Input::Outcomes(report) => self.take_outcomes(now, report),
            Input::Opportunities(batch) => self.take_opportunities(now, batch),
            Input::Bidder(change) => self.take_bidder(now, change),
            Input::Draw(draw) => Applied::Granted(self.draw(now, draw)),
            Input::Override(change) => answer(self.take_override(change)),
            Input::Suspense(change) => answer(self.resolve_suspense(now, change)),
            Input::Lead(epoch) => {
                self.lead(*epoch);
                self.state.led_from = now;
                self.state.event_sources.listen(now);
                self.state.counter_sources.listen(now);
                Applied::Done
            }
            Input::Elsewhere(elsewhere) => {
                self.state.ledger.note_elsewhere(now, elsewhere);
                Applied::Done
            }
            Input::Published(_) => Applied::Done,
            Input::Decided(decision) => self.take_decision(now, decision),
            Input::Tick => Applied::Ticked(Box::new(self.tick(now))),
        }
    }

    fn take_spend(&mut self, now: Timestamp, batch: &SpendBatch) -> Applied {
        let mut verdicts = Vec::with_capacity(batch.events.len());
        let mut latest = None;
        for event in &batch.events {
            let posted = self.state.ledger.post(now, &self.state.days, batch.producer, event);
            latest = latest.max(Some(event.occurred_at));
            self.follow_posting(now, batch.producer, event, &posted);
            verdicts.push(posted.verdict);
        }
        if let Some(through) = batch.reported_through.or(latest) {
            self.state.event_sources.hear(now, batch.producer, through);
        }
        self.hear_bidder(now, batch.producer);
        Applied::Verdicts(verdicts)
    }

    /// What a posting means for allowance, brake and event price.
    fn follow_posting(
        &mut self,
        now: Timestamp,
        producer: Option<ProducerId>,
        event: &SpendEvent,
        posted: &Posted,
    ) {
        let Some(slot) = self.state.ledger.slot_of(event.campaign) else { return };
        let is_cost = posted.committed > crate::units::Nanos::ZERO;
        // A win's results count once, also where it was free or its billing overtook it.
        let is_booked = matches!(posted.verdict, Verdict::Posted | Verdict::PostedLate);
        if is_booked && (event.kind == SpendKind::Win || is_cost) {
            self.state.campaigns[slot].note_win(posted, event.expected_results);
        }
        if !is_cost {
            return;
        }
        let planned_rate = self.planned_rate(slot);
        self.state.campaigns[slot].note_cost(now, planned_rate, posted.committed);
        if let Some(producer) = producer
            && let Some(grants) = self.state.grants.get_mut(&slot)
        {
            let bidder = BidderId::from_key(producer.key());
            grants.note_report(now, bidder, posted.served_at, posted.committed);
        }
        for owner in self.state.ledger.campaign(slot).owners.iter() {
            if let Some(pace) = &mut self.state.owners[owner].pace {
                pace.brake.post(now, posted.served_at, posted.committed);
            }
        }
        self.post_velocity(now, slot, (posted.served_at, posted.served_at), posted.committed);
    }

    /// What a campaign's own plan spends now, in nanos a minute; 0 while it has none.
    fn planned_rate(&self, slot: Slot) -> f64 {
        let own = self.state.ledger.campaign(slot).owners.own();
        self.state.owners[own].pace.as_ref().map_or(0.0, |pace| pace.sample.planned_rate)
    }

    fn take_counter(&mut self, now: Timestamp, read: &CounterRead) -> Applied {
        let verdict = self.state.ledger.post_counter(&self.state.days, read);
        if let CounterVerdict::Posted(growth) = verdict {
            self.follow_counter(now, read, growth);
        }
        if matches!(verdict, CounterVerdict::Posted(_) | CounterVerdict::WentBack) {
            self.state.counter_sources.hear(now, None, read.read_at);
        }
        Applied::Counter(verdict)
    }

    fn accept_counter(&mut self, campaign: CampaignId) -> Result<(), Vec<SpecError>> {
        let slot = self.slot_of(campaign)?;
        if self.state.campaigns[slot].entered.spec.spend_source != SpendSource::Counters {
            let rule = "its spend comes by events, so that there is no counter to accept";
            return Err(vec![SpecError::new("campaign", rule)]);
        }
        self.state.ledger.accept_counter(slot);
        Ok(())
    }

    fn slot_of(&self, campaign: CampaignId) -> Result<Slot, Vec<SpecError>> {
        let unknown = || vec![SpecError::new("campaign", "no such campaign")];
        self.state.ledger.slot_of(campaign).ok_or_else(unknown)
    }

    fn take_opportunities(&mut self, now: Timestamp, batch: &OpportunityBatch) -> Applied {
        if let (Some(producer), Some(sequence)) = (batch.producer, batch.sequence)
            && !self.state.reports.note(now, producer, sequence, self.config.sources_max)
        {
            return Applied::Done;
        }
        for count in &batch.counts {
            let Some(slot) = self.state.ledger.slot_of(count.campaign) else { continue };
            if let Some(producer) = batch.producer {
                let bidder = BidderId::from_key(producer.key());
                if self.state.bidders.contains_key(&bidder) {
                    #[expect(clippy::cast_precision_loss, reason = "counts for control")]
                    let asks = count.asks as f64;
                    let grants = self.state.grants.entry(slot).or_default();
                    grants.note_demand(now, bidder, asks);
                }
            }
            let planned_rate = self.planned_rate(slot);
            self.state.campaigns[slot].note_counts(now, planned_rate, count);
            let owners = self.state.ledger.campaign(slot).owners;
            self.note_asks(owners.own(), count.asks);
            for owner in owners.iter() {
                let pending = &mut self.state.owners[owner].traffic.pending;
                *pending = Some(pending.unwrap_or(0).saturating_add(count.asks));
            }
        }
        self.hear_bidder(now, batch.producer);
        Applied::Done
    }

    fn hear_bidder(&mut self, now: Timestamp, producer: Option<ProducerId>) {
        let bidder = producer.map(|producer| BidderId::from_key(producer.key()));
        if let Some(known) = bidder.and_then(|bidder| self.state.bidders.get_mut(&bidder)) {
            known.heard_at = now;
        }
    }

    fn take_bidder(&mut self, now: Timestamp, change: &BidderChange) -> Applied {
        match change {
            BidderChange::Joined { bidder, holds, held } => {
                let Some(known) = self.enter_bidder(now, *bidder) else { return too_many() };
                known.runs = *holds;
                if holds.is_some_and(|holds| holds > self.state.generation) {
                    self.learn(now, *holds);
                }
                if now < self.state.learning_until {
                    self.adopt(now, *bidder, held);
                }
            }
            BidderChange::Acknowledged { bidder, generation } => {
                let Some(known) = self.enter_bidder(now, *bidder) else { return too_many() };
                known.runs = known.runs.max(Some(*generation));
            }
            BidderChange::Left { bidder } => {
                if let Some(known) = self.state.bidders.get_mut(bidder) {
                    known.has_left = true;
                }
                self.state.event_sources.leave(ProducerId::from_key(bidder.key()));
            }
        }
        Applied::Done
    }

    /// A bidder was heard: known from now on, also when it had been given up after a silence.
    /// Nothing while there are too many others.
    fn enter_bidder(&mut self, now: Timestamp, bidder: BidderId) -> Option<&mut Bidder> {
        let is_full = self.state.bidders.len() >= self.config.sources_max;
        if is_full && !self.state.bidders.contains_key(&bidder) {
            return None;
        }
        let fresh = Bidder { heard_at: now, runs: None, has_left: false };
        let known = self.state.bidders.entry(bidder).or_insert(fresh);
        known.heard_at = now;
        known.has_left = false;
        Some(known)
    }

    /// A bidder holds a table newer than any this engine knows of: the store was rolled back. Take
    /// an epoch above it, and issue nothing for a horizon beyond what bidders say they hold.
    fn learn(&mut self, now: Timestamp, holds: Option<Generation>) {
        let horizon = self.config.allowance_horizon.unwrap_or(Span::ZERO);
        if let Some(holds) = holds {
            self.lead(Epoch(holds.epoch.0.saturating_add(1)));
        }
        self.state.learning_until = now + horizon;
    }

    /// Takes a bidder's word for what it holds. Those that come after the first find an epoch above
    /// theirs, and what they hold counts all the same.
    fn adopt(&mut self, now: Timestamp, bidder: BidderId, held: &[HeldAllowance]) {
        let horizon = self.config.allowance_horizon.unwrap_or(Span::ZERO);
        for allowance in held {
            let Some(slot) = self.state.ledger.slot_of(allowance.campaign) else { continue };
            let window = self.guard_window(slot, allowance.window_start);
            let grants = self.state.grants.entry(slot).or_default();
            grants.adopt(now, horizon, bidder, window, allowance.left);
        }
    }

    fn lead(&mut self, epoch: Epoch) {
        if epoch > self.state.generation.epoch {
            self.state.generation = Generation { epoch, sequence: 0 };
        }
    }

    fn take_override(&mut self, change: &OverrideChange) -> Result<(), Vec<SpecError>> {
        match change {
            OverrideChange::Set(hand) => {
                let mut complaints = hand.check();
                if !self.knows(hand.target) {
                    complaints
                        .push(SpecError::new("target", "no such campaign, group or advertiser"));
                }
                if !complaints.is_empty() {
                    return Err(complaints);
                }
                let has_room = self.state.overrides.set(hand.clone());
                let full = || vec![SpecError::new("target", "at most 10000 overrides at once")];
                has_room.then_some(()).ok_or_else(full)
            }
            OverrideChange::Clear { id, .. } => {
                let unknown = || vec![SpecError::new("id", "no such override")];
                self.state.overrides.clear(*id).map(|_| ()).ok_or_else(unknown)
            }
        }
    }

    fn knows(&self, owner: BudgetOwner) -> bool {
        match owner {
            BudgetOwner::Campaign(id) => self.state.ledger.slot_of(id).is_some(),
            BudgetOwner::Group(id) => self.state.groups.contains_key(&id),
            BudgetOwner::Advertiser(id) => self.state.advertisers.contains_key(&id),
        }
    }

    fn resolve_suspense(
        &mut self,
        now: Timestamp,
        change: &SuspenseChange,
    ) -> Result<(), Vec<SpecError>> {
        let (event, post): (EventId, bool) = match change {
            SuspenseChange::Post { event_id, .. } => (*event_id, true),
            SuspenseChange::Drop { event_id, .. } => (*event_id, false),
        };
        let resolved = self.state.ledger.resolve_suspense(now, &self.state.days, event, post);
        let unknown = || vec![SpecError::new("event_id", "no such event in suspense")];
        resolved.map(|_| ()).ok_or_else(unknown)
    }
}

fn too_many() -> Applied {
    Applied::Refused(vec![SpecError::new("bidder", "more bidders than sources_max")])
}

fn answer(result: Result<(), Vec<SpecError>>) -> Applied {
    match result {
        Ok(()) => Applied::Done,
        Err(complaints) => Applied::Refused(complaints),
    }
}

#[cfg(test)]
mod tests;
