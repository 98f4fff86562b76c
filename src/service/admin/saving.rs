//! What shading saves a campaign: asked of every partition, since its bids go to exchanges that are
//! learnt in any of them.
//!
//! Called by the explanations and by the console's page.

use super::find::Engine;
use crate::control_loop::LoopError;
use crate::partition::Partitions;
use crate::wire::admin as message;
use paceline_core::units::CampaignId;

/// What all partitions led here told; those led elsewhere are counted.
pub(crate) async fn of(partitions: &Partitions, campaign: CampaignId) -> Option<message::Saved> {
    let (mut told, mut missing) = (Vec::new(), 0);
    for handle in partitions.all() {
        match handle.ask(move |engine: &Engine| message::bid_groups(engine, campaign)).await {
            Ok(groups) => told.extend(groups),
            Err(
                LoopError::NotLeader { .. } | LoopError::Unavailable { .. } | LoopError::Stopped,
            ) => {
                missing += 1;
            }
        }
    }
    message::saving_message(&told, missing)
}
