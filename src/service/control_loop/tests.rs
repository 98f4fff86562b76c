//! The loop on the store in memory, on a clock that is moved by hand.

use super::*;
use crate::clock::Replay;
use crate::store::{EmbeddedStore, LeadAnswer, LeadClaim, Offset, StoreFault};
use paceline_core::budget::{Budgets, Flight};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    LawChoice, RefundPolicy, ShadingTerms, SpendSource,
};
use paceline_core::input::{
    BidderChange, CatalogueChange, CounterAcceptance, Elsewhere, HeldAllowance, Stamped,
};
use paceline_core::units::{
    AdvertiserId, BidderId, CampaignId, Currency, Epoch, Generation, Name, Nanos, PacingMultiplier,
    ProducerId, Timestamp, Window, ZoneId,
};
use std::time::Duration;

fn parts(store: &Store, clock: &Clock) -> LoopParts {
    let partition = PartitionId(0);
    LoopParts {
        partition,
        store: store.clone(),
        clock: clock.clone(),
        engine: EngineConfig::default(),
        settings: LoopSettings {
            holder: "test".to_owned(),
            // Longer than any test moves the clock at once.
            lead_span: Span::HOUR,
            ..LoopSettings::default()
        },
        publisher: Publisher::new(partition),
        directory: Directory::default(),
    }
}

fn none() -> CatalogueChange {
    CatalogueChange::default()
}

fn payer() -> AdvertiserSpec {
    AdvertiserSpec {
        id: AdvertiserId::of("acme"),
        name: Name::try_new("acme").unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        zone: ZoneId::of("UTC"),
        zone_name: Name::try_new("UTC").unwrap(),
        budgets: Budgets::default(),
        holidays: Vec::new(),
    }
}

fn campaign(name: &str) -> CampaignSpec {
    let start = Timestamp::from_micros(1_800_000_000_000_000);
    let window = Window::try_new(start, start + Span::DAY).unwrap();
    let flight = Flight { window, budget: Some(Nanos::from_units(100)) };
    CampaignSpec {
        id: CampaignId::of(name),
        name: Name::try_new(name).unwrap(),
        advertiser: AdvertiserId::of("acme"),
        group: None,
        budgets: Budgets { flights: vec![flight], caps: Vec::new() },
        delivery: DeliveryMode::Even,
        terms: DeliveryTerms::default(),
        law: LawChoice::LogPid,
        billing: BillingEvent::Impression,
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Hold,
        shading: ShadingTerms::default(),
        multiplier_max: PacingMultiplier::ONE,
        value_cap: None,
        returns: None,
        shape: None,
        status: CampaignStatus::Active,
    }
}

struct Bench {
    store: Store,
    clock: Clock,
    replay: Replay,
}

impl Bench {
    fn new() -> Self {
        let (clock, replay) = Clock::replayed(Timestamp::from_micros(1_800_000_000_000_000));
        let store = Store::from(EmbeddedStore::in_memory(1).unwrap());
        Self { store, clock, replay }
    }

    async fn generation(handle: &LoopHandle) -> Generation {
        handle.ask(|engine| engine.table().generation).await.unwrap_or_default()
    }

    /// Polls until the loop has decided after `before`.
    async fn ticked(&self, handle: &LoopHandle, before: Generation) -> Generation {
        for _ in 0..2_000 {
            let now = Self::generation(handle).await;
            if now > before {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no tick within ten seconds");
    }
}

#[test]
fn others_are_told_the_address_of_a_holder_or_its_life() {
    let at = Timestamp::from_micros;
    let named = holder(Some("pacer-1:7410"), at(1));
    assert_eq!(whereabouts(&named), "pacer-1:7410");
    assert_ne!(named, holder(Some("pacer-1:7410"), at(2)), "another life is another holder");
    let nameless = holder(None, at(1));
    assert_eq!(whereabouts(&nameless), nameless);
}

#[tokio::test]
async fn the_loop_ticks_by_the_clock_and_goes_on_where_it_stopped() {
    let bench = Bench::new();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let first = bench.ticked(&handle, Generation::default()).await;
    bench.replay.advance_to(bench.clock.now() + Span::from_secs(10));
    let second = bench.ticked(&handle, first).await;
    assert_eq!(second, first.next());
    let state = handle.ask(|engine| engine.state().clone()).await.unwrap();
    handle.stop().await;
    thread.join().unwrap();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let third = bench.ticked(&handle, second.next()).await;
    assert!(third.epoch > second.epoch, "a new life is a new term: {third}");
    assert_ne!(handle.ask(|engine| engine.state().clone()).await.unwrap(), state);
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_clock_that_runs_ahead_of_the_world_takes_nobodys_lead() {
    let store = Store::from(EmbeddedStore::in_memory(1).unwrap());
    // A tick takes three milliseconds; a lead of a minute, on that clock, seventeen.
    let clock = Clock::scaled(3_600);
    let mut parts = parts(&store, &clock);
    parts.settings.is_alone = false;
    parts.settings.lead_span = Span::MINUTE;
    let (handle, thread) = start(parts).unwrap();
    let begun = clock.now();
    until(|| handle.facts().leads() && clock.now() - begun > Span::HOUR.times(2)).await;
    assert_eq!(Bench::generation(&handle).await.epoch, Epoch(1), "the first term lasts");
    let claim = LeadClaim {
        holder: "other".to_owned(),
        span: Span::MINUTE,
        above: Epoch(0),
        now: clock.world(),
    };
    let answer = store.acquire_lead(PartitionId(0), &claim).await.unwrap();
    let holder = "test".to_owned();
    assert_eq!(answer, LeadAnswer::Theirs { holder, epoch: Epoch(1) });
    handle.stop().await;
    thread.join().unwrap();
}

/// A log whose last record is of `at`.
async fn log_through(at: Timestamp) -> Store {
    let store = Store::from(EmbeddedStore::in_memory(1).unwrap());
    let record = Stamped { at, input: Input::Tick };
    store.append(PartitionId(0), None, &[record]).await.unwrap();
    store
}

#[tokio::test]
async fn nobody_leads_by_a_clock_that_is_far_behind_the_log() {
    let clock = Clock::system();
    let store = log_through(clock.now() + Span::HOUR).await;
    let end = store.end(PartitionId(0)).await.unwrap();
    let (handle, thread) = start(parts(&store, &clock)).unwrap();
    until(|| handle.facts().obstacle().is_some()).await;
    let Err(LoopError::Unavailable { why }) = handle.ask(|_| ()).await else { panic!("it leads") };
    assert!(why.starts_with("partition 0 is not led: its log goes up to 2"), "{why}");
    assert!(!handle.facts().leads());
    assert_eq!(store.end(PartitionId(0)).await.unwrap(), end, "nothing is decided");
    assert_eq!(clock.jumps_back(), 0);
    // One with the right clock need not wait.
    let other = LeadClaim {
        holder: "other".to_owned(),
        span: Span::MINUTE,
        above: Epoch(0),
        now: clock.world(),
    };
    let answer = store.acquire_lead(PartitionId(0), &other).await.unwrap();
    assert!(matches!(answer, LeadAnswer::Ours(_)), "{answer:?}");
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_clock_a_little_behind_the_log_goes_on_from_it_and_that_is_counted() {
    let clock = Clock::system();
    let ahead = clock.now() + Span::from_secs(20);
    let (handle, thread) = start(parts(&log_through(ahead).await, &clock)).unwrap();
    until(|| handle.facts().leads()).await;
    assert!(clock.now() >= ahead);
    assert_eq!(clock.jumps_back(), 1);
    assert_eq!(handle.facts().obstacle(), None);
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn inputs_are_answered_in_order_once_they_are_applied() {
    let bench = Bench::new();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let _ = bench.ticked(&handle, Generation::default()).await;
    let unknown = Input::CounterAccept(CounterAcceptance {
        campaign: CampaignId::of("nobody"),
        author: "us".to_owned(),
        reason: "a test".to_owned(),
    });
    let answers = handle.submit(vec![unknown.clone(), Input::Tick, unknown]).await.unwrap();
    let kinds: Vec<bool> =
        answers.iter().map(|answer| matches!(answer, Applied::Refused(_))).collect();
    assert_eq!(kinds, [true, false, true]);
    handle.stop().await;
    assert!(matches!(handle.submit(vec![Input::Tick]).await, Err(LoopError::Stopped)));
    thread.join().unwrap();
}

/// Bidders that leave: small records that change little.
fn small_records(count: usize) -> Vec<Input> {
    let left = |number| BidderChange::Left { bidder: BidderId::of(&format!("bidder-{number}")) };
    (0..count).map(|number| Input::Bidder(left(number))).collect()
}

/// Polls until it holds.
async fn until(holds: impl Fn() -> bool) {
    for _ in 0..4_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("did not come about within twenty seconds");
}

#[tokio::test]
async fn the_loop_answers_while_its_state_is_written_down() {
    let bench = Bench::new();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let _ = bench.ticked(&handle, Generation::default()).await;
    for page in 0..4 {
        let campaigns = (0..2_000).map(|number| campaign(&format!("c{page}-{number}")));
        let change = CatalogueChange {
            campaigns: campaigns.collect(),
            advertisers: vec![payer()],
            ..none()
        };
        let answers = handle.submit(vec![Input::Catalogue(change)]).await.unwrap();
        assert_eq!(answers, [Applied::Done]);
    }
    bench.replay.advance_to(bench.clock.now() + Span::MINUTE);
    until(|| handle.facts().is_checkpointing()).await;
    let mut answered = 0;
    while handle.facts().is_checkpointing() {
        handle.ask(|_| ()).await.unwrap();
        answered += 1;
    }
    assert!(answered > 10, "{answered} questions were answered meanwhile");
    assert!(handle.facts().checkpoint_micros() > 0);
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn the_log_is_trimmed_to_its_bound_and_a_restart_needs_no_more() {
    let bench = Bench::new();
    let settings =
        LoopSettings { log_bytes_max: 4_000, ..parts(&bench.store, &bench.clock).settings };
    let bounded = || LoopParts { settings: settings.clone(), ..parts(&bench.store, &bench.clock) };
    let (handle, thread) = start(bounded()).unwrap();
    let mut written = 0;
    for _ in 0..10 {
        let _ = handle.submit(small_records(100)).await.unwrap();
        bench.replay.advance_to(bench.clock.now() + Span::MINUTE);
        until(|| handle.facts().checkpoint_micros() > written).await;
        written = handle.facts().checkpoint_micros();
    }
    let kept = handle.facts().log_bytes();
    assert!((1_000..=4_000).contains(&kept), "{kept} bytes are kept");
    let partition = PartitionId(0);
    let gone = bench.store.read(partition, Offset::START, 1).await.unwrap_err();
    let StoreFault::Trimmed { through } = gone.fault() else { panic!("{gone}") };
    let covered = bench.store.load_checkpoint(partition).await.unwrap().unwrap().offset;
    assert!(*through < covered, "what came after the checkpoint stays");
    let generation = Bench::generation(&handle).await;
    handle.stop().await;
    thread.join().unwrap();
    let (handle, thread) = start(bounded()).unwrap();
    let next = bench.ticked(&handle, generation.next()).await;
    assert!(next.epoch > generation.epoch);
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_last_checkpoint_that_fails_is_told_to_whoever_ends_the_loop() {
    let bench = Bench::new();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let epoch = bench.ticked(&handle, Generation::default()).await.epoch;
    // Another life of the same holder has the lead: nothing of this one is written any more.
    let claim = LeadClaim {
        holder: "test".to_owned(),
        span: Span::HOUR,
        above: epoch,
        now: bench.clock.world(),
    };
    let _ = bench.store.acquire_lead(PartitionId(0), &claim).await.unwrap();
    let ended = handle.end(Ending::Checkpoint).await;
    let Err(LoopError::Unavailable { why }) = ended else { panic!("{ended:?}") };
    assert!(why.contains("saving a checkpoint of"), "{why}");
    assert_eq!(handle.facts().checkpoint_micros(), 0);
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_follower_knows_the_campaigns_of_the_log() {
    let bench = Bench::new();
    let partition = PartitionId(0);
    let claim = LeadClaim {
        holder: "another".to_owned(),
        span: Span::HOUR,
        above: Epoch(0),
        now: bench.clock.now(),
    };
    let _ = bench.store.acquire_lead(partition, &claim).await.unwrap();
    let told = parts(&bench.store, &bench.clock);
    let directory = told.directory.clone();
    assert!(!directory.knows(partition), "before its log was read a partition is unknown");
    let (handle, thread) = start(told).unwrap();
    until(|| directory.knows(partition)).await;
    assert_eq!(directory.partition(CampaignId::of("shoes")), None);
    let change = CatalogueChange {
        campaigns: vec![campaign("shoes")],
        advertisers: vec![payer()],
        ..none()
    };
    let record = Stamped { at: bench.clock.now(), input: Input::Catalogue(change) };
    bench.store.append(partition, Some(Epoch(1)), &[record]).await.unwrap();
    until(|| directory.partition(CampaignId::of("shoes")) == Some(partition)).await;
    let asked = handle.ask(|_| ()).await;
    assert!(
        matches!(asked, Err(LoopError::NotLeader { leader: Some(leader) }) if leader == "another")
    );
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_question_about_now_sees_what_was_appended_beside_the_loop() {
    let bench = Bench::new();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let _ = bench.ticked(&handle, Generation::default()).await;
    let producer = ProducerId::of("p");
    for sequence in 1..=20 {
        let batch = Elsewhere { producer, sequences: vec![sequence] };
        let record = Stamped { at: bench.clock.now(), input: Input::Elsewhere(batch) };
        bench.store.append(PartitionId(0), None, &[record]).await.unwrap();
        let question = move |engine: &Engine| engine.ledger().sequence_max(producer);
        assert_eq!(handle.ask_current(question).await.unwrap(), Some(sequence));
    }
    handle.stop().await;
    thread.join().unwrap();
}

/// What a bidder says that holds a table of a term this store knows nothing of.
fn joined(epoch: u32, left: i64) -> Input {
    let held = HeldAllowance {
        campaign: CampaignId::of("nobody"),
        window_start: Timestamp::from_micros(1_800_000_000_000_000),
        left: Nanos::new(left),
    };
    Input::Bidder(BidderChange::Joined {
        bidder: BidderId::of("bidder.1"),
        holds: Some(Generation { epoch: Epoch(epoch), sequence: 4 }),
        held: vec![held],
    })
}

#[tokio::test]
async fn a_store_that_was_rolled_back_goes_on_above_what_bidders_hold() {
    let bench = Bench::new();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let first = bench.ticked(&handle, Generation::default()).await;
    assert!(first.epoch < Epoch(9), "a new store begins with the first terms");
    let _ = handle.submit(vec![joined(9, 5)]).await.unwrap();
    bench.replay.advance_to(bench.clock.now() + Span::from_secs(10));
    let second = bench.ticked(&handle, first).await;
    assert_eq!(second.epoch, Epoch(10), "{second}");
    // The store knows of the term as well: what the old one still has in hand is refused.
    let tick = [Stamped { at: bench.clock.now(), input: Input::Tick }];
    let stale = bench.store.append(PartitionId(0), Some(first.epoch), &tick).await.unwrap_err();
    assert!(stale.is_fenced(), "{}", stale.fault());
    handle.stop().await;
    thread.join().unwrap();
    // Nor does a restart fall back.
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let third = bench.ticked(&handle, second.next()).await;
    assert!(third.epoch > second.epoch, "{third}");
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn every_round_has_its_digest_in_the_log_before_anybody_sees_its_table() {
    let bench = Bench::new();
    let told = parts(&bench.store, &bench.clock);
    let publisher = told.publisher.clone();
    let mut news = publisher.subscribe();
    let (handle, thread) = start(told).unwrap();
    for _ in 0..3 {
        let before = publisher.standing().0;
        while publisher.standing().0 == before {
            tokio::time::timeout(Duration::from_secs(10), news.changed()).await.unwrap().unwrap();
        }
        let seen = publisher.standing().0;
        let log = bench.store.read(PartitionId(0), Offset::START, 1_000).await.unwrap();
        let marked = log.iter().filter_map(|(_, record)| match record.input {
            Input::Published(published) => Some(published.generation),
            _ => None,
        });
        assert!(marked.max() >= Some(seen), "{seen} left before its digest was in the log");
        bench.replay.advance_to(bench.clock.now() + Span::from_secs(10));
    }
    handle.stop().await;
    thread.join().unwrap();
}
