//! Which partition a campaign is in, and what it is called.
//!
//! Filled by the loops as they learn of campaigns, read by everything that answers requests. Knows
//! no loop.

use paceline_core::campaign::CampaignSpec;
use paceline_core::units::{CampaignId, Name, PartitionId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Which partition a campaign is in, and what it is called. Cheap to clone; shared by all loops.
#[derive(Debug, Clone, Default)]
pub struct Directory(Arc<RwLock<HashMap<CampaignId, (PartitionId, Name)>>>);

impl Directory {
    /// These campaigns are in that partition.
    pub fn learn<'a>(
        &self,
        partition: PartitionId,
        campaigns: impl Iterator<Item = &'a CampaignSpec>,
    ) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for spec in campaigns {
            known.insert(spec.id, (partition, spec.name.clone()));
        }
    }

    /// Where a campaign is and what it is called.
    #[must_use]
    pub fn find(&self, campaign: CampaignId) -> Option<(PartitionId, Name)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&campaign).cloned()
    }

    /// Where a campaign is.
    #[must_use]
    pub fn partition(&self, campaign: CampaignId) -> Option<PartitionId> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&campaign).map(|&(partition, _)| partition)
    }
}
