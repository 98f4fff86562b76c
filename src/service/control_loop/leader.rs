//! A term of leadership: catch up with the log, then tick, answer, renew, have it written down.

use super::bridge::Bridge;
use super::fold::Fold;
use super::herald::tell_notices;
use super::intake::Intake;
use super::obstacle::Obstacle;
use super::scribe::{Order, Scribe};
use super::{Answer, Ending, Event, LoopError, LoopFacts, LoopParts, Submission, term};
use crate::audit::Trail;
use crate::clock::Stopwatch;
use crate::store::{LeadAnswer, LeadClaim, LeadLease, Offset, PAGE_RECORDS_MAX, Store, StoreError};
use crate::telemetry::event;
use crate::trace::{self, Parents, Rounds};
use paceline_core::engine::{Applied, Engine, Tick};
use paceline_core::input::{Input, Published, Stamped};
use paceline_core::overrides::OverrideChange;
use paceline_core::report::Reason;
use paceline_core::units::{Epoch, PartitionId, Span, Timestamp};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The longest wait for news of the log: bounds how late a renewal or a tick can be.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// The pause after the store failed, doubling up to a second: the loop has nothing else to do.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What outlives a term.
pub(super) struct Staff {
    pub(super) scribe: Scribe,
    pub(super) bridge: Bridge,
    pub(super) rounds: Rounds,
}

/// The one who decides.
pub(super) struct Leader<'a> {
    pub(super) parts: &'a LoopParts,
    facts: &'a LoopFacts,
    pub(super) engine: Engine,
    trail: Trail,
    pub(super) lease: LeadLease,
    pub(super) intake: Intake,
    staff: &'a mut Staff,
    /// The last record applied.
    at: Offset,
    /// Rounds decided and not yet let out; one, but for failures.
    decided: Vec<Tick>,
    next_tick: Timestamp,
    ticked_at: Timestamp,
    checkpoint_at: Timestamp,
    has_news: bool,
    failures: u32,
}

impl<'a> Leader<'a> {
    /// Restores the state, catches up with the log, and opens the term in it. A term that cannot
    /// keep time with the log is given back at once: whoever's clock is right may have it.
    pub(super) async fn begin(
        parts: &'a LoopParts,
        lease: LeadLease,
        facts: &'a LoopFacts,
        staff: &'a mut Staff,
    ) -> Result<Self, Obstacle> {
        // What a follower read is not built upon: the store may have lost its log since.
        let Fold { engine, trail, at, .. } = Fold::restore(&parts.source(), false).await?;
        if let Err(broken) = trail.verify() {
            event::trail_broken(u16::from(parts.partition.0), &broken);
        }
        parts.directory.learn(parts.partition, engine.campaigns());
        keep_time(parts, &lease, engine.now()).await?;
        let now = parts.clock.now();
        let mut leader = Self {
            parts,
            facts,
            engine,
            trail,
            lease,
            intake: Intake::new(
                &parts.clock,
                matches!(parts.store, Store::Redis(_)),
                parts.settings.counters_interval.is_some(),
            ),
            staff,
            at,
            decided: Vec::new(),
            next_tick: now,
            ticked_at: Timestamp::MIN,
            checkpoint_at: now,
            has_news: false,
            failures: 0,
        };
        leader.catch_up().await?;
        // Reports may have entered an emptied log before anybody led it: its clock alone does not
        // tell that rounds are missing.
        let has_lost = leader.engine.now() < facts.last_tick()
            || leader.engine.table().generation < parts.publisher.generation();
        if has_lost {
            event::log_fell_back(u16::from(parts.partition.0), parts.store.kind());
        }
        keep_time(parts, &leader.lease, leader.engine.now()).await?;
        if leader.engine.epoch() >= leader.lease.epoch {
            leader.rise_above(leader.engine.epoch()).await?;
        }
        let epoch = leader.lease.epoch;
        leader.append(vec![Input::Lead(epoch)]).await?;
        let shades = leader.engine.shades();
        parts.publisher.restore(leader.engine.table(), shades, has_lost);
        parts.directory.complete(parts.partition);
        leader.staff.bridge.take_sides(true);
        facts.leads.store(true, Ordering::Release);
        event::lead_gained(u16::from(parts.partition.0), epoch.0);
        event::store_reached(parts.store.kind());
        Ok(leader)
    }

    /// How long until something is due.
    pub(super) fn until_due(&self) -> Duration {
        let clock = &self.parts.clock;
        let due = self.next_tick.min(self.intake.due());
        let renewal = Duration::from(self.renew_at() - clock.world());
        clock.real((due - clock.now()).max(Span::ZERO)).min(renewal).min(WAIT_MAX)
    }

    /// When the lead is to be prolonged, on the world's clock like the lead itself.
    fn renew_at(&self) -> Timestamp {
        let span = self.parts.settings.lead_span;
        self.lease.until - span + term::renewal(span)
    }

    /// Prolongs the lead when a third of it has passed.
    async fn renew_if_due(&mut self) -> Result<(), StoreError> {
        let now = self.parts.clock.world();
        if now >= self.renew_at() {
            let (partition, span) = (self.parts.partition, self.parts.settings.lead_span);
            self.lease = self.parts.store.renew_lead(partition, &self.lease, span, now).await?;
        }
        Ok(())
    }

    /// Waits for news of the log, or until something is due.
    pub(super) async fn wait(&mut self, patience: Duration) -> Result<(), StoreError> {
        if patience.is_zero() {
            return Ok(());
        }
        self.has_news |= self.parts.store.wait(self.parts.partition, self.at, patience).await?;
        Ok(())
    }

    /// Bidders know of a term that the store has forgotten: takes one above it.
    async fn rise_above(&mut self, above: Epoch) -> Result<(), StoreError> {
        let claim = LeadClaim {
            holder: self.lease.holder.clone(),
            span: self.parts.settings.lead_span,
            above,
            now: self.parts.clock.world(),
        };
        // When another has it now, the next fenced write says so.
        if let LeadAnswer::Ours(lease) =
            self.parts.store.acquire_lead(self.parts.partition, &claim).await?
        {
            event::lead_gained(u16::from(self.parts.partition.0), lease.epoch.0);
            self.lease = lease;
        }
        Ok(())
    }

    /// Does what is due: news first, then renewal, tick, checkpoint.
    pub(super) async fn work(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.has_news) {
            let page = self.read_page().await?;
            self.has_news = page.len() == PAGE_RECORDS_MAX;
        }
        self.release(Stopwatch::start()).await?;
        if self.engine.epoch() > self.lease.epoch {
            // The engine stands just above what a bidder holds; the store may be there already.
            self.rise_above(Epoch(self.engine.epoch().0 - 1)).await?;
            self.append(vec![Input::Lead(self.lease.epoch)]).await?;
        }
        self.renew_if_due().await?;
        let now = self.parts.clock.now();
        self.take_in(now).await?;
        if now >= self.next_tick {
            self.tick(now).await?;
        }
        self.staff.scribe.look().await;
        if now - self.checkpoint_at >= self.parts.settings.checkpoint_interval {
            self.order_checkpoint(now);
        }
        if std::mem::take(&mut self.failures) > 0 {
            event::store_reached(self.parts.store.kind());
        }
        Ok(())
    }

    /// A decision round: durable in the log before its table leaves.
    async fn tick(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let period = self.parts.engine.tick;
        if self.ticked_at > Timestamp::MIN && now - self.next_tick > period {
            self.facts.ticks_late.fetch_add(1, Ordering::AcqRel);
            let late = self.parts.clock.real(now - self.next_tick);
            event::tick_late(u16::from(self.parts.partition.0), late);
        }
        let spans = self.staff.rounds.begin();
        let decided = trace::within(Parents::of(&spans), async {
            let begun = Stopwatch::start();
            let _ = self.append(vec![Input::Tick]).await?;
            self.release(begun).await
        });
        let decided = decided.await;
        trace::end(spans, &decided);
        decided?;
        self.ticked_at = now;
        self.next_tick = (self.next_tick + period).max(now + self.parts.settings.tick_min);
        Ok(())
    }

    /// Campaigns that went bad in a round: somebody must look.
    fn tell_notes(&self, tick: &Tick) {
        for note in &tick.report.notes {
            let name = self.engine.campaign(note.campaign).map_or("", |spec| spec.name.as_str());
            match note.after {
                Reason::CounterFault => event::counter_went_back(name),
                Reason::Quarantined => {
                    event::campaign_quarantined(name, "an owner's numbers are not finite");
                }
                _ => {}
            }
        }
    }

    /// Lets out what was decided, once the log holds its digest as well.
    async fn release(&mut self, begun: Stopwatch) -> Result<(), StoreError> {
        let count = self.decided.len();
        if count == 0 {
            return Ok(());
        }
        let published = self.decided.iter().map(|tick| {
            let generation = tick.delta.generation;
            Input::Published(Published { generation, digest: tick.digest })
        });
        let _ = self.append(published.collect()).await?;
        let _publish = trace::begin("publish");
        let rounds: Vec<Tick> = self.decided.drain(..count).collect();
        for tick in rounds {
            told(self.parts.partition, &tick, begun.elapsed());
            self.tell_notes(&tick);
            tell_notices(&self.parts.settings.notifier, &self.engine, &tick);
            self.parts.publisher.publish(&tick);
            let micros = u64::try_from(tick.report.now.as_micros()).unwrap_or(0);
            self.facts.last_tick.store(micros, Ordering::Release);
        }
        Ok(())
    }

    /// Several requests to append, in one batch. Answers each.
    pub(super) async fn submit(&mut self, requests: Vec<Submission>) {
        let (mut inputs, mut traces) = (Vec::new(), Parents::default());
        let mut waiting = Vec::with_capacity(requests.len());
        for asked in requests {
            waiting.push((asked.inputs.len(), asked.reply));
            inputs.extend(asked.inputs);
            traces.join(asked.traces);
        }
        let appended = trace::within(traces.clone(), self.append(inputs)).await;
        if appended.is_ok() {
            self.staff.rounds.note(traces);
        }
        let mut answers = appended.map(Vec::into_iter);
        for (count, reply) in waiting {
            let answer: Answer = match &mut answers {
                Ok(answers) => Ok(answers.take(count).collect()),
                Err(error) => Err(LoopError::failed(error)),
            };
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }

    /// One request.
    pub(super) async fn handle(&mut self, event: Event) {
        match event {
            Event::Submit(asked) => self.submit(vec![asked]).await,
            Event::Ask { question, is_current, refuse } => {
                let caught_up = if is_current { self.catch_up().await } else { Ok(()) };
                match caught_up {
                    Ok(()) => question(&self.engine, &self.trail),
                    // Whoever asked may have gone.
                    Err(error) => drop(refuse.send(LoopError::failed(&error))),
                }
            }
            Event::Hasten => {
                let soon = self.ticked_at + self.parts.settings.tick_min;
                self.next_tick = self.next_tick.min(soon.max(self.parts.clock.now()));
            }
            Event::End(step, done) => {
                let _ = done.send(self.end(step).await);
            }
        }
    }

    /// Appends inputs and applies the log up to them; the answers to them, in order.
    pub(super) async fn append(&mut self, inputs: Vec<Input>) -> Result<Vec<Applied>, StoreError> {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let at = self.parts.clock.now();
        let records: Vec<Stamped> = inputs.into_iter().map(|input| Stamped { at, input }).collect();
        let fence = Some(self.lease.epoch);
        let append = self.parts.store.append(self.parts.partition, fence, &records);
        let last = trace::step("append", append).await?;
        self.read_through(last, records.len()).await
    }

    /// Applies everything that is in the log now.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let end = self.parts.store.end(self.parts.partition).await?;
        self.read_through(end, 0).await.map(|_| ())
    }

    /// Applies the log up to `last`; the answers to the `keep` records that end there.
    pub(super) async fn read_through(
        &mut self,
        last: Offset,
        keep: usize,
    ) -> Result<Vec<Applied>, StoreError> {
        let mut answers = Vec::new();
        while self.at < last {
            // A long log must not outlast the lead: two would take it from each other for ever.
            self.renew_if_due().await?;
            let page = self.read_page().await?;
            if page.is_empty() {
                break;
            }
            for (offset, answer) in page {
                if offset <= last {
                    answers.push(answer);
                }
            }
            let old = answers.len().saturating_sub(keep);
            answers.drain(..old);
        }
        Ok(answers)
    }

    /// Applies the next page of the log.
    async fn read_page(&mut self) -> Result<Vec<(Offset, Applied)>, StoreError> {
        let read = self.parts.store.read(self.parts.partition, self.at, PAGE_RECORDS_MAX);
        let page = trace::step("read", read).await?;
        let _apply = trace::begin("apply");
        let mut answers = Vec::with_capacity(page.len());
        for (offset, record) in page {
            let answer = self.trail.apply(&mut self.engine, &record);
            self.at = offset;
            answers.push((offset, self.observe(record.input.bare(), answer)));
        }
        Ok(answers)
    }

    /// Takes note of what happened. A round stays here until it is let out; while catching up, only
    /// the last one's table matters.
    fn observe(&mut self, input: &Input, answer: Applied) -> Applied {
        match (input, &answer) {
            (Input::Campaign(spec), Applied::Done) => {
                self.parts.directory.learn(self.parts.partition, std::iter::once(spec));
            }
            (Input::Catalogue(change), Applied::Done) => {
                self.parts.directory.learn(self.parts.partition, change.campaigns.iter());
            }
            _ => {}
        }
        // What is read again after a start was told in an earlier life.
        if !self.facts.leads() {
            return answer;
        }
        tell(input, &answer);
        match answer {
            Applied::Ticked(tick) => {
                self.decided.push(*tick);
                Applied::Done
            }
            other => other,
        }
    }

    /// Has the state as it is now written down, unless that is under way. The log is the truth: a
    /// checkpoint is only a shortcut.
    fn order_checkpoint(&mut self, now: Timestamp) {
        let table = self.engine.table();
        let order = Order {
            source: self.parts.source(),
            epoch: self.lease.epoch,
            through: self.at,
            table: (table.generation, table.digest),
            at: now,
            log_bytes_max: self.parts.settings.log_bytes_max,
        };
        if self.staff.scribe.begin(order) {
            self.checkpoint_at = now;
        }
    }

    /// Something failed. Whether the lead is lost; otherwise the standing table is kept alive for a
    /// while and the work is tried again.
    pub(super) async fn give_up(&mut self, error: &StoreError) -> bool {
        let partition = self.parts.partition.0;
        let is_lost = !error.is_transient() || self.parts.clock.world() >= self.lease.until;
        if is_lost {
            let why = crate::error_chain(error);
            event::lead_lost(u16::from(partition), self.lease.epoch.0, &why);
            return true;
        }
        if self.failures == 0 {
            event::store_lost(self.parts.store.kind(), error);
        }
        event::store_retried(self.parts.store.kind());
        self.staff.bridge.carry(self.parts, self.facts);
        let pause = PAUSE_FIRST.saturating_mul(1 << self.failures.min(6)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(pause).await;
        false
    }

    /// One step of ending.
    async fn end(&mut self, step: Ending) -> Result<(), LoopError> {
        let now = self.parts.clock.now();
        let done = match step {
            Ending::Drain => self.catch_up().await,
            Ending::LastTick => self.tick(now).await,
            Ending::Checkpoint => {
                // One that was under way and failed is made good by this one.
                let _ = self.staff.scribe.finish().await;
                self.order_checkpoint(now);
                let written = self.staff.scribe.finish().await;
                return written.map_err(|error| LoopError::failed(&error));
            }
            Ending::Resign => self.parts.store.resign_lead(self.parts.partition, &self.lease).await,
        };
        done.map_err(|error| LoopError::failed(&error))
    }
}

/// Has the clock go on from where the log ends, or gives the lead back.
async fn keep_time(
    parts: &LoopParts,
    lease: &LeadLease,
    through: Timestamp,
) -> Result<(), Obstacle> {
    if parts.clock.go_on_from(through, parts.engine.lease_valid) {
        return Ok(());
    }
    parts.store.resign_lead(parts.partition, lease).await?;
    Err(Obstacle::LogAhead(through))
}

/// The round's report, as metrics and log lines.
fn told(partition: PartitionId, tick: &Tick, took: Duration) {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let report = &tick.report;
    let (generation, changed) = (tick.delta.generation, count(report.changed));
    event::tick_done(u16::from(partition.0), generation, took, changed);
    if let Some(shading) = &report.shading {
        event::markets_learnt(u16::from(partition.0), shading);
    }
    if report.sources_buried > 0 {
        event::sources_lost(u16::from(partition.0), u64::from(count(report.sources_buried)));
    }
}

/// What became of an input, as numbers and lines.
fn tell(input: &Input, answer: &Applied) {
    match (input, answer) {
        (Input::Override(change), Applied::Done) => tell_hand(change),
        (_, Applied::Granted(granted)) => {
            let granted = u64::from(granted.is_some());
            event::allowances_drawn(granted, 1 - granted);
        }
        (_, Applied::Outcomes(told)) => event::outcomes_judged(told),
        (_, Applied::Verdicts(verdicts)) => {
            for &verdict in verdicts {
                event::spend_received(verdict, 1);
            }
        }
        _ => {}
    }
}

/// A hand, as a line of the log.
fn tell_hand(change: &OverrideChange) {
    match change {
        OverrideChange::Set(hand) => {
            let (id, owner) = (hand.id.to_string(), hand.target.to_string());
            event::override_changed(&id, Some(&owner), hand.action.as_str(), &hand.author);
        }
        OverrideChange::Clear { id, author } => {
            event::override_changed(&id.to_string(), None, "cleared", author);
        }
    }
}
