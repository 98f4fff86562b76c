//! Keeps the board current: the stream of tables, grants and heartbeats, and draws of money.
//!
//! Reconnects for ever, with a bounded back-off and jitter; states what it holds, refuses what is
//! not newer, fetches anew what does not fit, and acknowledges what is live. Runs in the client's
//! one background task; bidding threads never wait for it.

use crate::board_writer::{ApplyError, BoardWriter};
use crate::lease_board::SkewEstimate;
use crate::line::Line;
use crate::shade_books::ShadesDropped;
use crate::stats::Fact;
use crate::wire::{self, WireError};
use futures_util::StreamExt as _;
use paceline_core::units::{CampaignId, Nanos, Span, Timestamp};
use paceline_proto::v1;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// The largest message taken: a page of 2 MiB and its grants, with room to spare.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Acknowledgements that may wait to be sent; when there are more, the newest is left out and the
/// next one tells as much.
const ACKNOWLEDGEMENTS_MAX: usize = 64;
/// A stream without any message for this long is dead: heartbeats come every tick.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often draws go out. Several times faster than an auction's end, seldom enough to be cheap.
const DRAW_INTERVAL: Duration = Duration::from_millis(20);
/// Draws under way at a time.
const DRAWS_MAX: usize = 32;
const DRAW_TIMEOUT: Duration = Duration::from_secs(1);
/// For how many rounds of draws, a second in all, a campaign that was refused is not asked for.
const DRAW_PAUSE_ROUNDS: u32 = 50;
/// How often holds and windows are looked through: a twentieth of a hold's time.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// Waits between tries: doubled from the first to the longest, each cut by a random share of a
/// half, so that a fleet does not come back at once.
#[derive(Debug)]
pub(crate) struct BackOff {
    next: Duration,
}

impl BackOff {
    const FIRST: Duration = Duration::from_millis(200);
    /// A service that is back within a lease is found well within it.
    const LONGEST: Duration = Duration::from_secs(2);

    pub(crate) const fn new() -> Self {
        Self { next: Self::FIRST }
    }

    pub(crate) fn reset(&mut self) {
        self.next = Self::FIRST;
    }

    pub(crate) async fn wait(&mut self) {
        let wait = self.next;
        self.next = (wait * 2).min(Self::LONGEST);
        let half = wait / 2;
        tokio::time::sleep(half + half.mul_f64(fastrand::f64())).await;
    }
}

/// The bidder's clock between two asks: its latest time, and the sweeps that have passed since. At
/// most one sweep slow, which makes the server look that much further ahead, and a lease shorter.
#[derive(Debug, Default)]
struct BidderClock {
    latest: Timestamp,
    since: Span,
}

/// What the background task's parts share; never locked while waiting.
#[derive(Debug)]
pub(crate) struct Desk {
    inner: Mutex<Inner>,
    bidder_id: Option<String>,
}

#[derive(Debug)]
struct Inner {
    writer: BoardWriter,
    skew: SkewEstimate,
    clock: BidderClock,
    /// Campaigns that were refused a draw, and for how many rounds they still wait.
    draws_paused: BTreeMap<CampaignId, u32>,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error("the service ended the stream")]
    Ended,
    #[error("the stream was silent for too long")]
    Silent,
    #[error("the service answered with an error")]
    Status(#[from] tonic::Status),
    #[error("a message broke the contract")]
    Message(#[from] WireError),
    #[error("a table is to be fetched anew")]
    Refetch(#[source] ApplyError),
    #[error("shading schedules are to be fetched anew")]
    Shades(#[from] ShadesDropped),
}

impl Inner {
    /// The bidder's time now; `None` before it told any.
    fn now(&mut self) -> Option<Timestamp> {
        let latest = self.writer.latest()?;
        if latest != self.clock.latest {
            self.clock = BidderClock { latest, since: Span::ZERO };
        }
        Some(latest + self.clock.since)
    }

    /// Takes one piece of news. The acknowledgement to send, if a new table is live.
    fn apply(
        &mut self,
        update: &v1::PartitionUpdate,
    ) -> Result<Option<v1::WatchAcknowledgement>, WatchError> {
        let partition = wire::partition(update.partition)?;
        let server_time = wire::timestamp("server_time", update.server_time)?;
        let now = self.now();
        if let Some(now) = now {
            let skew = self.skew.sample(server_time, now);
            self.writer.set_skew(skew);
        }
        if let Some(shading) = &update.shading {
            self.apply_shades(partition, shading)?;
        }
        let applied = self.apply_news(partition, update)?;
        for grant in &update.allowances {
            self.writer.grant(&wire::allowance(grant)?, now.unwrap_or(server_time));
        }
        match applied {
            Ok(live) => Ok(live.map(|generation| v1::WatchAcknowledgement {
                partition: update.partition,
                generation: Some(wire::to_generation(generation)),
            })),
            Err(ApplyError::NotNewer { .. }) => Ok(None),
            Err(error) => Err(WatchError::Refetch(error)),
        }
    }

    /// Takes schedules; what breaks a rule drops what is held of the partition as well.
    fn apply_shades(
        &mut self,
        partition: paceline_core::units::PartitionId,
        update: &v1::ShadingUpdate,
    ) -> Result<(), WatchError> {
        match wire::shades(partition, update) {
            Ok(part) => Ok(self.writer.apply_shades(&part)?),
            Err(error) => {
                self.writer.drop_shades(partition);
                Err(error.into())
            }
        }
    }

    /// The generation that is live now, if it is a new one.
    fn apply_news(
        &mut self,
        partition: paceline_core::units::PartitionId,
        update: &v1::PartitionUpdate,
    ) -> Result<Result<Option<paceline_core::units::Generation>, ApplyError>, WireError> {
        use v1::partition_update::News;
        let Some(news) = &update.news else { return Ok(Ok(None)) };
        let lease = wire::lease(update.lease)?;
        Ok(match news {
            News::Page(page) => {
                let (head, entries) = wire::page(partition, lease, page)?;
                let (before, total) = (page.entries_before, page.entries_total);
                let applied = self.writer.apply_page(&head, before, total, entries);
                applied.map(|is_live| is_live.then_some(head.generation))
            }
            News::Delta(delta) => {
                let delta = wire::delta(partition, lease, delta)?;
                let applied =
                    self.writer.apply_delta(&delta.head, delta.base, delta.changed, delta.removed);
                applied.map(|()| Some(delta.head.generation))
            }
            News::Heartbeat(heartbeat) => {
                let generation = wire::generation("heartbeat.generation", heartbeat.generation)?;
                self.writer.renew(partition, generation, lease).map(|()| None)
            }
        })
    }
}

impl Desk {
    pub(crate) fn new(writer: BoardWriter, bidder_id: Option<String>) -> Self {
        let clock = BidderClock::default();
        let skew = SkewEstimate::default();
        let inner = Inner { writer, skew, clock, draws_paused: BTreeMap::new() };
        Self { inner: Mutex::new(inner), bidder_id }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bidder's time now; `None` before it told any.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.lock().now()
    }

    /// Ends what is over, for ever.
    pub(crate) async fn sweep(&self) {
        let mut interval = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            interval.tick().await;
            let mut inner = self.lock();
            let step = i64::try_from(SWEEP_INTERVAL.as_micros()).unwrap_or(0);
            inner.clock.since = inner.clock.since + Span::from_micros(step);
            if let Some(now) = inner.now() {
                inner.writer.sweep(now);
            }
        }
    }

    /// Runs `read` on the writer.
    pub(crate) fn with_writer<T>(&self, read: impl FnOnce(&BoardWriter) -> T) -> T {
        read(&self.lock().writer)
    }

    fn hello(&self) -> v1::WatchMultipliersRequest {
        let mut inner = self.lock();
        let now = inner.now().unwrap_or_default();
        let held = inner.writer.held_allowances(now);
        inner.writer.begin_shades();
        let hello = v1::WatchHello {
            bidder_id: self.bidder_id.clone(),
            held_tables: inner.writer.held().map(wire::to_held_table).collect(),
            held_allowances: held.iter().map(wire::to_held_allowance).collect(),
            wants_shading: inner.writer.board().limits.segments_max > 0,
            held_shading: inner.writer.held_shades().map(wire::to_held_table).collect(),
        };
        let message = v1::watch_multipliers_request::Message::Hello(hello);
        v1::WatchMultipliersRequest { message: Some(message) }
    }

    fn note(&self, fact: Fact) {
        self.lock().writer.board().stats.note(fact, 1);
    }

    /// Follows the stream for ever.
    pub(crate) async fn watch(&self, line: &Line) {
        let mut client = v1::multiplier_service_client::MultiplierServiceClient::new(line.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let mut back_off = BackOff::new();
        loop {
            if let Err(WatchError::Message(_)) = self.watch_once(&mut client, &mut back_off).await {
                self.note(Fact::MessageRefused);
            }
            back_off.wait().await;
        }
    }

    async fn watch_once(
        &self,
        client: &mut v1::multiplier_service_client::MultiplierServiceClient<Line>,
        back_off: &mut BackOff,
    ) -> Result<(), WatchError> {
        let (tx, rx) = mpsc::channel(ACKNOWLEDGEMENTS_MAX);
        let _ = tx.try_send(self.hello());
        let mut stream = client.watch_multipliers(ReceiverStream::new(rx)).await?.into_inner();
        self.note(Fact::Connected);
        loop {
            let message = tokio::time::timeout(SILENCE_MAX, stream.message()).await;
            let message = message.map_err(|_| WatchError::Silent)??.ok_or(WatchError::Ended)?;
            let update = message.update.ok_or(WireError::Absent("update"))?;
            let applied = self.lock().apply(&update)?;
            back_off.reset();
            if let Some(acknowledgement) = applied {
                let message =
                    v1::watch_multipliers_request::Message::Acknowledgement(acknowledgement);
                let _ = tx.try_send(v1::WatchMultipliersRequest { message: Some(message) });
            }
        }
    }

    /// Asks for money, for ever, for campaigns that had demand and none.
    pub(crate) async fn draw(&self, line: &Line) {
        let Some(bidder_id) = &self.bidder_id else { return };
        let client = v1::multiplier_service_client::MultiplierServiceClient::new(line.clone());
        let mut interval = tokio::time::interval(DRAW_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            futures_util::stream::iter(self.wants())
                .for_each_concurrent(DRAWS_MAX, |(campaign, price)| {
                    self.draw_one(client.clone(), bidder_id, campaign, price)
                })
                .await;
        }
    }

    /// What is wanted and was not refused of late; at most as many as the set of wants holds.
    fn wants(&self) -> Vec<(CampaignId, Nanos)> {
        let mut inner = self.lock();
        inner.draws_paused.retain(|_, rounds| {
            *rounds = rounds.saturating_sub(1);
            *rounds > 0
        });
        let wants: Vec<_> = inner.writer.take_wants().collect();
        wants.into_iter().filter(|(id, _)| !inner.draws_paused.contains_key(id)).collect()
    }

    async fn draw_one(
        &self,
        mut client: v1::multiplier_service_client::MultiplierServiceClient<Line>,
        bidder_id: &str,
        campaign: CampaignId,
        price: Nanos,
    ) {
        let request = v1::DrawAllowanceRequest {
            bidder_id: bidder_id.to_owned(),
            campaign_key: campaign.key(),
            price_nanos: price.get(),
        };
        let answer = tokio::time::timeout(DRAW_TIMEOUT, client.draw_allowance(request)).await;
        let mut inner = self.lock();
        let now = inner.now();
        let granted = answer.ok().and_then(Result::ok).and_then(|answer| {
            let answer = answer.into_inner();
            let grant = wire::allowance(answer.allowance.as_ref()?).ok()?;
            let server_time = wire::timestamp("server_time", answer.server_time).ok()?;
            inner.writer.grant(&grant, now.unwrap_or(server_time));
            Some(())
        });
        if granted.is_none() {
            inner.draws_paused.insert(campaign, DRAW_PAUSE_ROUNDS);
        }
        let fact = if granted.is_some() { Fact::DrawGranted } else { Fact::DrawRefused };
        inner.writer.board().stats.note(fact, 1);
    }
}
