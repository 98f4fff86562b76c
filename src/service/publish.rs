//! What a partition publishes: the table in force, patched at each tick, and who waits for it.
//!
//! Never blocks the control loop: short critical sections, and watchers that miss steps.

use paceline_core::engine::Tick;
use paceline_core::table::{Lease, MultiplierTable};
use paceline_core::units::{PartitionId, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// One partition's publisher. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    table: Arc<Mutex<MultiplierTable>>,
    news: Arc<watch::Sender<u64>>,
}

impl Publisher {
    /// Nothing published yet.
    #[must_use]
    pub fn new(partition: PartitionId) -> Self {
        let lease = Lease { valid_until: Timestamp::MIN, grace_until: Timestamp::MIN };
        let table = Arc::new(Mutex::new(MultiplierTable::empty(partition, lease)));
        Self { table, news: Arc::new(watch::Sender::new(0)) }
    }

    /// A round was decided and is durable.
    pub fn publish(&self, tick: &Tick) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.patch(&tick.delta).expect("the loop publishes every round, in order");
        drop(table);
        self.news.send_modify(|count| *count += 1);
    }

    /// A term began: this is the table in force.
    pub fn restore(&self, table: &MultiplierTable) {
        table.clone_into(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.send_modify(|count| *count += 1);
    }

    /// The log cannot be reached: the table in force holds a little longer.
    pub fn renew(&self, lease: Lease, _now: Timestamp) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).lease = lease;
        self.news.send_modify(|count| *count += 1);
    }

    /// The table in force.
    #[must_use]
    pub fn table(&self) -> MultiplierTable {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
