//! Which partition a campaign is in, and what it is called.
//!
//! Filled by the loops as they learn of campaigns, read by everything that answers requests. Knows
//! no loop.

use paceline_core::campaign::CampaignSpec;
use paceline_core::units::{CampaignId, Name, PartitionId};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Debug, Default)]
struct Names {
    campaigns: HashMap<CampaignId, (PartitionId, Name)>,
    /// Partitions whose log was read to its end at least once.
    complete: BTreeSet<PartitionId>,
}

/// Which partition a campaign is in, and what it is called. Cheap to clone; shared by all loops.
#[derive(Debug, Clone, Default)]
pub struct Directory(Arc<RwLock<Names>>);

impl Directory {
    fn read(&self) -> RwLockReadGuard<'_, Names> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Names> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// These campaigns are in that partition.
    pub fn learn<'a>(
        &self,
        partition: PartitionId,
        campaigns: impl Iterator<Item = &'a CampaignSpec>,
    ) {
        let mut names = self.write();
        for spec in campaigns {
            names.campaigns.insert(spec.id, (partition, spec.name.clone()));
        }
    }

    /// Every campaign that was in the partition's log by now is known.
    pub fn complete(&self, partition: PartitionId) {
        if !self.knows(partition) {
            self.write().complete.insert(partition);
        }
    }

    /// Whether the partition's campaigns are known. Before that a campaign that is not found may
    /// be there all the same.
    #[must_use]
    pub fn knows(&self, partition: PartitionId) -> bool {
        self.read().complete.contains(&partition)
    }

    /// Where a campaign is and what it is called.
    #[must_use]
    pub fn find(&self, campaign: CampaignId) -> Option<(PartitionId, Name)> {
        self.read().campaigns.get(&campaign).cloned()
    }

    /// Where a campaign is.
    #[must_use]
    pub fn partition(&self, campaign: CampaignId) -> Option<PartitionId> {
        self.read().campaigns.get(&campaign).map(|&(partition, _)| partition)
    }
}
