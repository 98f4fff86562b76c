//! The partitions this process has loops for.
//!
//! An advertiser, with everything it owns, lives in one partition; nothing crosses partitions.
//! Called by everything that answers requests.

use crate::clock::Clock;
use crate::control_loop::LoopHandle;
use crate::directory::Directory;
use crate::publish::Publisher;
use crate::store::{Store, StoreError};
use paceline_core::input::{Input, Stamped};
use paceline_core::units::{CampaignId, Name, PartitionId};
use std::sync::Arc;

/// All partitions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Partitions(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    loops: Vec<(LoopHandle, Publisher)>,
    directory: Directory,
    store: Store,
    clock: Clock,
}

impl Partitions {
    /// Loops and publishers in order of partition; at least one.
    #[must_use]
    pub fn new(
        loops: Vec<(LoopHandle, Publisher)>,
        directory: Directory,
        store: Store,
        clock: Clock,
    ) -> Self {
        assert!(!loops.is_empty(), "there is at least one partition");
        Self(Arc::new(Parts { loops, directory, store, clock }))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u8 {
        u8::try_from(self.0.loops.len()).unwrap_or(u8::MAX)
    }

    /// Every partition's loop.
    pub fn all(&self) -> impl Iterator<Item = &LoopHandle> {
        self.0.loops.iter().map(|(handle, _)| handle)
    }

    /// One partition's loop.
    #[must_use]
    pub fn get(&self, partition: PartitionId) -> Option<&LoopHandle> {
        self.0.loops.get(usize::from(partition.0)).map(|(handle, _)| handle)
    }

    /// The loop of an advertiser's partition.
    #[must_use]
    pub fn of_advertiser(&self, name: &str) -> &LoopHandle {
        let partition = PartitionId::of(name, self.count());
        self.get(partition).unwrap_or(&self.0.loops[0].0)
    }

    /// The partition of a known campaign.
    #[must_use]
    pub fn of_campaign(&self, campaign: CampaignId) -> Option<PartitionId> {
        self.0.directory.partition(campaign)
    }

    /// A partition whose campaigns are not all known yet, if any.
    #[must_use]
    pub fn unread(&self) -> Option<PartitionId> {
        self.all().map(LoopHandle::partition).find(|at| !self.0.directory.knows(*at))
    }

    /// What a known campaign is called.
    #[must_use]
    pub fn campaign_name(&self, campaign: CampaignId) -> Option<Name> {
        self.0.directory.find(campaign).map(|(_, name)| name)
    }

    /// Appends spend or opportunities to a partition's log without a fence, stamped with this
    /// process's clock. Returns once durable; the partition's leader applies it.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn append(
        &self,
        partition: PartitionId,
        inputs: Vec<Input>,
    ) -> Result<(), StoreError> {
        let at = self.0.clock.now();
        let records: Vec<Stamped> = inputs.into_iter().map(|input| Stamped { at, input }).collect();
        self.0.store.append(partition, None, &records).await.map(|_| ())
    }

    /// What a partition publishes.
    ///
    /// # Panics
    /// When there is no such partition: ids come from [`Self::all`] or [`Self::of_campaign`].
    #[must_use]
    pub fn publisher(&self, partition: PartitionId) -> &Publisher {
        &self.0.loops[usize::from(partition.0)].1
    }

    /// What time it is.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where the logs lie.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }
}
