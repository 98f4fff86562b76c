//! What a partition publishes: the table in force, its latest deltas, its allowances; and news of
//! it.
//!
//! Written by the control loop, which never waits here: critical sections are short, nothing is
//! encoded inside one, and watchers that are slow miss steps and get a full table. Everything is
//! encoded once for all bidders.

pub mod grpc;
pub mod redis;
mod shades;

use bytes::Bytes;
use paceline_core::engine::Tick;
use paceline_core::hash::Digest;
use paceline_core::shade::ShadeSet;
use paceline_core::table::{Allowance, Lease, MultiplierTable, TableDelta, codec};
use paceline_core::units::{BidderId, Generation, PartitionId, Timestamp};
pub use shades::EncodedShades;
use shades::Shades;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Deltas kept for bidders that are behind: five minutes of ticks. Beyond it a full table is
/// cheaper.
const DELTAS_MAX: usize = 32;

/// A delta, encoded.
#[derive(Debug, Clone)]
pub struct EncodedDelta {
    /// What it fits on and makes; entries left out.
    pub head: TableDelta,
    /// Entries new or changed.
    pub changed: Bytes,
    /// Entries gone.
    pub removed: Bytes,
}

/// A full table, encoded.
#[derive(Debug, Clone)]
pub struct EncodedTable {
    /// Which one; entries left out.
    pub head: MultiplierTable,
    /// How many entries.
    pub count: usize,
    /// All of them.
    pub entries: Bytes,
}

/// What a bidder that holds some table is to be told.
#[derive(Debug, Clone)]
pub enum News {
    /// It holds the table in force.
    Nothing,
    /// It is a few steps behind.
    Deltas(Vec<Arc<EncodedDelta>>),
    /// It holds nothing that can be patched.
    Table(Arc<EncodedTable>),
}

#[derive(Debug)]
struct Published {
    /// Shared with whoever encodes it; nobody else keeps it.
    table: Arc<MultiplierTable>,
    deltas: VecDeque<Arc<EncodedDelta>>,
    allowances: BTreeMap<BidderId, Vec<Allowance>>,
    shades: Shades,
    has_table: bool,
    /// Who leads instead of this process, as far as it was told.
    led_by: Option<String>,
    /// Terms that began on a log which had lost the end of what was published here.
    losses: u64,
}

/// A whole set of schedules, encoded; its generation and digest say which.
type EncodedSet = ((Generation, Digest), Arc<[Arc<EncodedShades>]>);

/// One partition's publisher. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    published: Arc<Mutex<Published>>,
    /// The latest full table that was encoded. Held while encoding: bidders that want the same
    /// wait for it, the loop does not.
    encoded: Arc<Mutex<Option<Arc<EncodedTable>>>>,
    /// The same of schedules, and of which set they are.
    encoded_shades: Arc<Mutex<Option<EncodedSet>>>,
    news: Arc<watch::Sender<u64>>,
}

impl Publisher {
    /// Nothing published yet.
    #[must_use]
    pub fn new(partition: PartitionId) -> Self {
        let lease = Lease { valid_until: Timestamp::MIN, grace_until: Timestamp::MIN };
        let published = Published {
            table: Arc::new(MultiplierTable::empty(partition, lease)),
            deltas: VecDeque::new(),
            allowances: BTreeMap::new(),
            shades: Shades::default(),
            has_table: false,
            led_by: None,
            losses: 0,
        };
        Self {
            published: Arc::new(Mutex::new(published)),
            encoded: Arc::default(),
            encoded_shades: Arc::default(),
            news: Arc::new(watch::Sender::new(0)),
        }
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        // Every section leaves it whole, so a panic elsewhere does not spoil it.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round was decided and is durable.
    pub fn publish(&self, tick: &Tick) {
        let delta = Arc::new(EncodedDelta {
            changed: Bytes::from(codec::encode_entries(&tick.delta.changed)),
            removed: Bytes::from(codec::encode_removed(&tick.delta.removed)),
            head: TableDelta { changed: Vec::new(), removed: Vec::new(), ..tick.delta.clone() },
        });
        // While it is being encoded the table is shared: then the next one is a copy, made here and
        // not inside the section.
        let copy = self.copy_if_shared();
        let mut published = self.published();
        if let Some(copy) = copy {
            published.table = copy;
        }
        Arc::make_mut(&mut published.table)
            .patch(&tick.delta)
            .expect("the loop publishes every round, in order");
        published.has_table = true;
        if published.deltas.len() == DELTAS_MAX {
            published.deltas.pop_front();
        }
        published.deltas.push_back(delta);
        if let Some(news) = &tick.shades {
            published.shades.publish(news);
        }
        let held = tick.allowances.iter();
        published.allowances = held.map(|held| (held.bidder, held.allowances.clone())).collect();
        drop(published);
        self.wake();
    }

    /// A copy of the table, when somebody encodes it.
    fn copy_if_shared(&self) -> Option<Arc<MultiplierTable>> {
        let table = Arc::clone(&self.published().table);
        // Ours here and the publisher's are two.
        (Arc::strong_count(&table) > 2).then(|| Arc::new(MultiplierTable::clone(&table)))
    }

    /// The last table that was let out.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.published().table.generation
    }

    /// A term began: these are the table and the schedules in force. `has_lost`: the log ends
    /// before what was published here, so that the new leader does not know what bidders hold until
    /// they say it again.
    pub fn restore(&self, table: &MultiplierTable, shades: ShadeSet, has_lost: bool) {
        let table = Arc::new(table.clone());
        let mut published = self.published();
        published.has_table = table.generation != Generation::default();
        published.table = table;
        published.deltas.clear();
        published.shades = Shades::new(shades);
        published.led_by = None;
        if has_lost {
            published.losses += 1;
            published.allowances.clear();
        }
        drop(published);
        self.wake();
    }

    /// Another process leads: nothing that stands here is in force any more.
    pub fn give_way(&self, leader: &str) {
        let mut published = self.published();
        if published.led_by.as_deref() != Some(leader) {
            published.led_by = Some(leader.to_owned());
            drop(published);
            self.wake();
        }
    }

    /// Who leads, when it is known to be another.
    #[must_use]
    pub fn led_by(&self) -> Option<String> {
        self.published().led_by.clone()
    }

    /// How often what bidders hold was forgotten: a stream that began before must begin anew.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.published().losses
    }

    /// The log cannot be reached: the table in force holds a little longer.
    pub fn renew(&self, lease: Lease) {
        let copy = self.copy_if_shared();
        let mut published = self.published();
        if let Some(copy) = copy {
            published.table = copy;
        }
        Arc::make_mut(&mut published.table).lease = lease;
        drop(published);
        self.wake();
    }

    /// A draw was granted between ticks: the bidder's cumulative allowance now.
    pub fn note_draw(&self, bidder: BidderId, allowance: Allowance) {
        let mut published = self.published();
        let held = published.allowances.entry(bidder).or_default();
        let same = |other: &&mut Allowance| {
            (other.campaign, other.window_start) == (allowance.campaign, allowance.window_start)
        };
        match held.iter_mut().find(same) {
            Some(known) => *known = allowance,
            None => held.push(allowance),
        }
    }

    fn wake(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Wakes at every round.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The table's generation and lease now.
    #[must_use]
    pub fn standing(&self) -> (Generation, Lease) {
        let published = self.published();
        (published.table.generation, published.table.lease)
    }

    /// What one bidder may commit.
    #[must_use]
    pub fn allowances(&self, bidder: BidderId) -> Vec<Allowance> {
        self.published().allowances.get(&bidder).cloned().unwrap_or_default()
    }

    /// What to tell whoever holds `held`, and the lease that comes with it.
    #[must_use]
    pub fn news(&self, held: Option<Generation>) -> (News, Lease) {
        let published = self.published();
        let lease = published.table.lease;
        // A reader may hold a newer one, of a term that the store has forgotten: the next tick is
        // above it.
        let is_newest = held.is_some_and(|held| held >= published.table.generation);
        if !published.has_table || is_newest {
            return (News::Nothing, lease);
        }
        let from =
            held.and_then(|held| published.deltas.iter().position(|delta| delta.head.base == held));
        if let Some(from) = from {
            return (News::Deltas(published.deltas.iter().skip(from).cloned().collect()), lease);
        }
        drop(published);
        (News::Table(self.whole(encode)), lease)
    }

    /// What to tell whoever holds these shading schedules: changes, the whole set in parts, or
    /// nothing. What is whole is encoded outside the section, by whoever comes first.
    #[must_use]
    pub fn shades(&self, held: Option<Generation>) -> Vec<Arc<EncodedShades>> {
        let news = self.published().shades.news(held);
        news.unwrap_or_else(|whole| self.whole_shades(&whole).to_vec())
    }

    /// All schedules in force.
    #[must_use]
    pub fn shade_set(&self) -> Arc<ShadeSet> {
        self.published().shades.set()
    }

    /// The whole set in parts.
    #[must_use]
    pub fn shade_parts(&self) -> Arc<[Arc<EncodedShades>]> {
        let whole = self.shade_set();
        self.whole_shades(&whole)
    }

    /// Readers that want the same set wait for whoever encodes it; the loop does not.
    fn whole_shades(&self, set: &ShadeSet) -> Arc<[Arc<EncodedShades>]> {
        let mut encoded = self.encoded_shades.lock().unwrap_or_else(PoisonError::into_inner);
        let which = (set.generation(), set.digest());
        if let Some((_, parts)) = encoded.as_ref().filter(|(held, _)| *held == which) {
            return Arc::clone(parts);
        }
        let parts: Arc<[_]> = shades::parts(set).into();
        *encoded = Some((which, Arc::clone(&parts)));
        parts
    }

    /// The full table, encoded by whoever comes first. It may be a round behind by the time it is
    /// told; deltas lead on from it.
    fn whole(&self, encode: impl FnOnce(&MultiplierTable) -> EncodedTable) -> Arc<EncodedTable> {
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        let table = Arc::clone(&self.published().table);
        // Generations never mean two tables, except the first of all.
        let is_held = |held: &&Arc<EncodedTable>| held.head.generation == table.generation;
        if let Some(held) = encoded.as_ref().filter(is_held) {
            return Arc::clone(held);
        }
        let whole = Arc::new(encode(&table));
        *encoded = Some(Arc::clone(&whole));
        whole
    }
}

fn encode(table: &MultiplierTable) -> EncodedTable {
    EncodedTable {
        head: shallow(table),
        count: table.entries.len(),
        entries: Bytes::from(codec::encode_entries(&table.entries)),
    }
}

/// The table without its entries.
fn shallow(table: &MultiplierTable) -> MultiplierTable {
    MultiplierTable {
        partition: table.partition,
        generation: table.generation,
        as_of: table.as_of,
        lease: table.lease,
        entries: Vec::new(),
        digest: table.digest,
    }
}

#[cfg(test)]
mod tests;
