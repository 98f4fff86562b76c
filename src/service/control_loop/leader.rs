//! A term of leadership: catch up with the log, then tick, answer, renew, write down.

use super::intake::Intake;
use super::{Event, LoopError, LoopFacts, LoopParts, term};
use crate::clock::Stopwatch;
use crate::store::{Checkpoint, LeadLease, Offset, PAGE_RECORDS_MAX, StoreError};
use crate::telemetry::event;
use paceline_core::engine::{Applied, Engine, EngineState, Tick};
use paceline_core::input::{Input, Stamped};
use paceline_core::overrides::OverrideChange;
use paceline_core::pace::ShippedState;
use paceline_core::report::Reason;
use paceline_core::table::Lease;
use paceline_core::units::{PartitionId, Span, Timestamp};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The longest wait for news of the log: bounds how late a renewal or a tick can be.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// The first byte of a checkpoint; a change of the state's shape takes the next one.
const CHECKPOINT_VERSION: u8 = 1;
/// The pause after the store failed, doubling up to a second: the loop has nothing else to do.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The one who decides.
pub(super) struct Leader<'a> {
    pub(super) parts: &'a LoopParts,
    facts: &'a LoopFacts,
    pub(super) engine: Engine,
    pub(super) lease: LeadLease,
    pub(super) intake: Intake,
    /// The last record applied.
    at: Offset,
    next_tick: Timestamp,
    ticked_at: Timestamp,
    checkpoint_at: Timestamp,
    has_news: bool,
    failures: u32,
}

impl<'a> Leader<'a> {
    /// Restores the state, catches up with the log, and opens the term in it.
    pub(super) async fn begin(
        parts: &'a LoopParts,
        lease: LeadLease,
        facts: &'a LoopFacts,
    ) -> Result<Self, StoreError> {
        let (engine, at) = restore(parts).await?;
        parts.directory.learn(parts.partition, engine.campaigns());
        parts.clock.not_before(engine.now());
        let now = parts.clock.now();
        let mut leader = Self {
            parts,
            facts,
            engine,
            lease,
            intake: Intake::new(&parts.clock),
            at,
            next_tick: now,
            ticked_at: Timestamp::MIN,
            checkpoint_at: now,
            has_news: false,
            failures: 0,
        };
        let end = parts.store.end(parts.partition).await?;
        leader.read_through(end, 0).await?;
        parts.clock.not_before(leader.engine.now());
        let epoch = leader.lease.epoch;
        leader.append(vec![Input::Lead(epoch)]).await?;
        parts.publisher.restore(leader.engine.table());
        facts.leads.store(true, Ordering::Release);
        event::lead_gained(u16::from(parts.partition.0), epoch.0);
        event::store_reached(parts.store.kind());
        Ok(leader)
    }

    /// How long until something is due.
    pub(super) fn until_due(&self) -> Duration {
        let due = self.next_tick.min(self.renew_at()).min(self.intake.due(&self.parts.store));
        let ahead = due - self.parts.clock.now();
        self.parts.clock.real(ahead.max(Span::ZERO)).min(WAIT_MAX)
    }

    fn renew_at(&self) -> Timestamp {
        let span = self.parts.settings.lead_span;
        self.lease.until - span + term::renewal(span)
    }

    /// Waits for news of the log, or until something is due.
    pub(super) async fn wait(&mut self, patience: Duration) -> Result<(), StoreError> {
        if patience.is_zero() {
            return Ok(());
        }
        self.has_news |= self.parts.store.wait(self.parts.partition, self.at, patience).await?;
        Ok(())
    }

    /// Does what is due: news first, then renewal, tick, checkpoint.
    pub(super) async fn work(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.has_news) {
            let page = self.read_page().await?;
            self.has_news = page.len() == PAGE_RECORDS_MAX;
        }
        let now = self.parts.clock.now();
        if now >= self.renew_at() {
            let span = self.parts.settings.lead_span;
            let renewed =
                self.parts.store.renew_lead(self.parts.partition, &self.lease, span, now).await?;
            self.lease = renewed;
        }
        self.take_in(now).await?;
        if now >= self.next_tick {
            self.tick(now).await?;
        }
        if now - self.checkpoint_at >= self.parts.settings.checkpoint_interval {
            self.checkpoint(now).await?;
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
        let begun = Stopwatch::start();
        let answers = self.append(vec![Input::Tick]).await?;
        for answer in answers {
            if let Applied::Ticked(tick) = answer {
                told(self.parts.partition, &tick, begun.elapsed());
                self.tell_notes(&tick);
            }
        }
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

    /// A round was decided; while catching up, only the last one's table matters.
    fn publish(&self, tick: &Tick) {
        if self.facts.leads() {
            self.parts.publisher.publish(tick);
        }
        let micros = u64::try_from(tick.report.now.as_micros()).unwrap_or(0);
        self.facts.last_tick.store(micros, Ordering::Release);
    }

    /// One request.
    pub(super) async fn handle(&mut self, event: Event) -> Result<(), StoreError> {
        match event {
            Event::Submit(inputs, reply) => {
                let answer = self.append(inputs).await;
                let told = answer.as_ref().err().map(LoopError::store);
                // Whoever asked may have gone.
                let _ = match answer {
                    Ok(answers) => reply.send(Ok(answers)),
                    Err(_) => reply.send(Err(told.expect("an error was told"))),
                };
            }
            Event::Ask(question, refuse) => {
                question(&self.engine);
                drop(refuse);
            }
            Event::Hasten => {
                let soon = self.ticked_at + self.parts.settings.tick_min;
                self.next_tick = self.next_tick.min(soon.max(self.parts.clock.now()));
            }
            Event::Stop(_) => {}
        }
        Ok(())
    }

    /// Appends inputs and applies the log up to them; the answers to them, in order.
    pub(super) async fn append(&mut self, inputs: Vec<Input>) -> Result<Vec<Applied>, StoreError> {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let at = self.parts.clock.now();
        let records: Vec<Stamped> = inputs.into_iter().map(|input| Stamped { at, input }).collect();
        let fence = Some(self.lease.epoch);
        let last = self.parts.store.append(self.parts.partition, fence, &records).await?;
        self.read_through(last, records.len()).await
    }

    /// Applies the log up to `last`; the answers to the `keep` records that end there.
    pub(super) async fn read_through(
        &mut self,
        last: Offset,
        keep: usize,
    ) -> Result<Vec<Applied>, StoreError> {
        let mut answers = Vec::new();
        while self.at < last {
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
        let page = self.parts.store.read(self.parts.partition, self.at, PAGE_RECORDS_MAX).await?;
        let mut answers = Vec::with_capacity(page.len());
        for (offset, record) in page {
            let answer = self.engine.apply(record.at, &record.input);
            self.at = offset;
            self.observe(&record.input, &answer);
            answers.push((offset, answer));
        }
        Ok(answers)
    }

    fn observe(&self, input: &Input, answer: &Applied) {
        match (input, answer) {
            (Input::Campaign(spec), Applied::Done) => {
                self.parts.directory.learn(self.parts.partition, std::iter::once(spec));
            }
            (Input::Catalogue(change), Applied::Done) => {
                self.parts.directory.learn(self.parts.partition, change.campaigns.iter());
            }
            (_, Applied::Ticked(tick)) => self.publish(tick),
            _ => {}
        }
        // What is read again after a start was told in an earlier life.
        if self.facts.leads() {
            tell(input, answer);
        }
    }

    /// Writes down the state. The log is the truth: a checkpoint is only a shortcut.
    async fn checkpoint(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.checkpoint_at = now;
        let partition = u16::from(self.parts.partition.0);
        let begun = Stopwatch::start();
        let bytes = match postcard::to_extend(self.engine.state(), vec![CHECKPOINT_VERSION]) {
            Ok(bytes) => bytes,
            Err(error) => {
                // The log still holds everything: the next term only takes longer to catch up.
                event::checkpoint_failed(partition, &error);
                return Ok(());
            }
        };
        let checkpoint = Checkpoint { epoch: self.lease.epoch, offset: self.at, bytes };
        self.parts.store.save_checkpoint(self.parts.partition, checkpoint).await?;
        let micros = u64::try_from(now.as_micros()).unwrap_or(0);
        self.facts.checkpoint_at.store(micros, Ordering::Release);
        event::checkpoint_written(partition, begun.elapsed());
        Ok(())
    }

    /// Something failed. Whether the lead is lost; otherwise the standing table is kept alive for a
    /// while and the work is tried again.
    pub(super) async fn give_up(&mut self, error: &StoreError) -> bool {
        let partition = self.parts.partition.0;
        let now = self.parts.clock.now();
        let is_lost = !error.is_transient() || now >= self.lease.until;
        if is_lost {
            let why = crate::error_chain(error);
            event::lead_lost(u16::from(partition), self.lease.epoch.0, &why);
            return true;
        }
        if self.failures == 0 {
            event::store_lost(self.parts.store.kind(), error);
        }
        event::store_retried(self.parts.store.kind());
        if now - self.ticked_at < self.parts.engine.blind_limit && now >= self.next_tick {
            let valid_until = now + self.parts.engine.lease_valid;
            let grace_until = valid_until + self.parts.engine.lease_grace;
            self.parts.publisher.renew(Lease { valid_until, grace_until }, now);
        }
        let pause = PAUSE_FIRST.saturating_mul(1 << self.failures.min(6)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(pause).await;
        false
    }

    /// The last round, the last checkpoint, the end of the term.
    pub(super) async fn end(mut self) {
        let now = self.parts.clock.now();
        let mut last = self.tick(now).await;
        if last.is_ok() {
            last = self.checkpoint(now).await;
        }
        if last.is_ok() {
            last = self.parts.store.resign_lead(self.parts.partition, &self.lease).await;
        }
        if let Err(error) = last {
            let error = crate::error_chain(&error);
            tracing::warn!(error, "the term did not end in order; the log holds what happened");
        }
    }
}

/// The round's report, as metrics and log lines.
fn told(partition: PartitionId, tick: &Tick, took: Duration) {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let report = &tick.report;
    let (generation, changed) = (tick.delta.generation, count(report.changed));
    event::tick_done(u16::from(partition.0), generation, took, changed);
}

/// What became of an input, as numbers and lines.
fn tell(input: &Input, answer: &Applied) {
    match (input, answer) {
        (Input::Override(change), Applied::Done) => tell_hand(change),
        (_, Applied::Granted(granted)) => {
            let granted = u64::from(granted.is_some());
            event::allowances_drawn(granted, 1 - granted);
        }
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
            let owner = format!("{:?}", hand.target);
            event::override_changed(&owner, hand.action.as_str(), &hand.author);
        }
        OverrideChange::Clear { id, author } => {
            event::override_changed(&id.to_string(), "cleared", author);
        }
    }
}

/// The engine as the checkpoint has it, or a new one, and the offset it stands at.
async fn restore(parts: &LoopParts) -> Result<(Engine, Offset), StoreError> {
    let Some(checkpoint) = parts.store.load_checkpoint(parts.partition).await? else {
        return Ok((Engine::new(parts.engine), Offset::START));
    };
    let state = match checkpoint.bytes.split_first() {
        Some((&CHECKPOINT_VERSION, state)) => {
            postcard::from_bytes::<EngineState<ShippedState>>(state).ok()
        }
        _ => None,
    };
    if let Some(state) = state {
        return Ok((Engine::restore(parts.engine, state), checkpoint.offset));
    }
    tracing::warn!(
        partition = parts.partition.0,
        "the checkpoint is of another version; the log is read from its beginning"
    );
    Ok((Engine::new(parts.engine), Offset::START))
}
