//! What shading saves a campaign: asked of every partition, since its bids go to exchanges that are
//! learnt in any of them.
//!
//! Called by the explanations and by the console's page.

use super::find::Engine;
use crate::partition::Partitions;
use crate::wire::admin as message;
use paceline_core::units::CampaignId;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a partition is waited for; all are asked at once. A loop answers between two rounds,
/// in milliseconds; the rest of the page should not wait for one that does not.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// What all partitions led here told; those led elsewhere or silent are counted.
pub(crate) async fn of(partitions: &Partitions, campaign: CampaignId) -> Option<message::Saved> {
    let mut asked = JoinSet::new();
    for handle in partitions.all() {
        let handle = handle.clone();
        asked.spawn(async move {
            let question = move |engine: &Engine| message::bid_groups(engine, campaign);
            let answer = timeout(ANSWER_WAIT, handle.ask(question)).await;
            (handle.partition(), answer.ok().and_then(Result::ok))
        });
    }
    let mut answers = asked.join_all().await;
    // Sums are the same whoever answers first.
    answers.sort_unstable_by_key(|(partition, _)| *partition);
    let (mut told, mut missing) = (Vec::new(), 0);
    for (_, answer) in answers {
        match answer {
            Some(groups) => told.extend(groups),
            None => missing += 1,
        }
    }
    message::saving_message(&told, missing)
}
