//! The stores under test, and the values tests are made of.

use crate::server::Server;
use paceline::store::{EmbeddedStore, LeadAnswer, LeadClaim, LeadLease, Offset, RedisStore, Store};
use paceline_core::event::{SpendBatch, SpendEvent, SpendKind};
use paceline_core::input::{Input, Stamped};
use paceline_core::units::{
    ArmId, CampaignId, Epoch, EventId, Nanos, PartitionId, Ppb, Results, Span, Timestamp,
};
use tempfile::TempDir;

/// How many partitions every store under test has.
pub(crate) const PARTITIONS: u8 = 4;
/// The partition most tests use.
pub(crate) const P: PartitionId = PartitionId(2);

/// What keeps a store's medium alive.
pub(crate) enum Keep {
    Memory,
    Folder(#[expect(dead_code, reason = "removed when dropped")] TempDir),
    Server(#[expect(dead_code, reason = "stopped when dropped")] Server),
}

/// A fresh store.
pub(crate) struct Arm {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    #[expect(dead_code, reason = "its drop ends the medium")]
    keep: Keep,
}

impl Arm {
    fn memory() -> Self {
        let store = EmbeddedStore::in_memory(PARTITIONS).unwrap().into();
        Self { name: "memory", store, keep: Keep::Memory }
    }

    fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), PARTITIONS).unwrap().into();
        Self { name: "file", store, keep: Keep::Folder(folder) }
    }

    async fn redis(name: &'static str, server: Option<Server>) -> Option<Self> {
        let server = server?;
        let store = RedisStore::connect(&server.config(), PARTITIONS).await.unwrap().into();
        Some(Self { name, store, keep: Keep::Server(server) })
    }

    /// Whether leases run out by the caller's clock, so that a test need not wait.
    pub(crate) fn has_virtual_time(&self) -> bool {
        matches!(self.store, Store::Embedded(_))
    }
}

/// Runs a test on a fresh store of each kind.
pub(crate) async fn on_each(test: impl AsyncFn(Arm)) {
    let redis = Arm::redis("redis", Server::start().await).await;
    let cluster = Arm::redis("redis cluster", Server::start_cluster().await).await;
    for arm in [Some(Arm::memory()), Some(Arm::file()), redis, cluster].into_iter().flatten() {
        eprintln!("on {}", arm.name);
        test(arm).await;
    }
}

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A tick at `micros`.
pub(crate) fn tick(micros: i64) -> Stamped {
    Stamped { at: at(micros), input: Input::Tick }
}

/// Ticks at each of `times`.
pub(crate) fn ticks(times: std::ops::Range<i64>) -> Vec<Stamped> {
    times.map(tick).collect()
}

/// One win, with every kind of field set or absent.
pub(crate) fn win(number: i64) -> Stamped {
    let event = SpendEvent {
        event_id: EventId::of(&format!("event-{number}")),
        sequence: None,
        campaign: CampaignId::of("shoes"),
        arm: ArmId(1),
        kind: SpendKind::Win,
        win_id: None,
        price: Nanos::new(-number),
        bill_probability: Ppb::new(250_000_000).unwrap(),
        expected_results: Results::ZERO,
        served_at: Some(at(number)),
        occurred_at: at(number),
    };
    let batch = SpendBatch { producer: None, reported_through: None, events: vec![event] };
    Stamped { at: at(number), input: Input::Spend(batch) }
}

/// Everything after `after`, read in pages of `max`.
pub(crate) async fn read_all(store: &Store, mut after: Offset, max: usize) -> Vec<Stamped> {
    let mut all = Vec::new();
    loop {
        let page = store.read(P, after, max).await.unwrap();
        assert!(page.len() <= max);
        let Some((last, _)) = page.last() else {
            return all;
        };
        assert!(page.is_sorted_by(|a, b| a.0 < b.0) && *last > after);
        after = *last;
        all.extend(page.into_iter().map(|(_, record)| record));
    }
}

pub(crate) fn claim(holder: &str, micros: i64) -> LeadClaim {
    LeadClaim {
        holder: holder.to_owned(),
        span: Span::from_secs(30),
        above: Epoch(0),
        now: at(micros),
    }
}

/// The lease of a claim that must be granted.
pub(crate) async fn lead(store: &Store, claim: &LeadClaim) -> LeadLease {
    match store.acquire_lead(P, claim).await.unwrap() {
        LeadAnswer::Ours(lease) => lease,
        LeadAnswer::Theirs { holder, epoch } => panic!("{holder} leads in epoch {}", epoch.0),
    }
}
