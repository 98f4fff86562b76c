//! The rows of the past on Redis: a hash for each stretch of time, a field for each campaign, gone
//! by itself when its time is over.

use super::RedisStore;
use super::keys::Key;
use super::scripts::Reply;
use crate::store::error::StoreFault;
use crate::store::past::{KeptStretch, STRETCH_BYTES_MAX, starts};
use paceline_core::past::Grain;
use paceline_core::units::{CampaignId, Epoch, PartitionId, Timestamp};
use std::collections::BTreeMap;

impl RedisStore {
    pub(in crate::store) async fn keep_past(
        &self,
        partition: PartitionId,
        epoch: Epoch,
        stretches: &[KeptStretch],
    ) -> Result<(), StoreFault> {
        let mut by_key: BTreeMap<(Grain, Timestamp), Vec<&KeptStretch>> = BTreeMap::new();
        for kept in stretches {
            by_key.entry((kept.grain, kept.start)).or_default().push(kept);
        }
        for ((grain, start), stretches) in by_key {
            let key = Key::Past(grain, start);
            let mut call = self.scripts.past.prepare_invoke();
            call.key(Key::Epoch.of(partition)).key(key.of(partition));
            // From its last write on, which is at its end: never too early.
            let life = (grain.kept() + grain.stretch()).as_micros() / 1_000;
            call.arg(epoch.0).arg(life);
            let mut bytes = 0;
            for kept in stretches {
                call.arg(kept.campaign.to_string()).arg(&kept.bytes);
                bytes += kept.bytes.len();
            }
            let touched = [(Key::Epoch, partition), (key, partition)];
            Reply::new(self.link.script(bytes, &touched, &call).await?)?.done_in(epoch)?;
        }
        Ok(())
    }

    pub(in crate::store) async fn load_past(
        &self,
        partition: PartitionId,
        campaign: CampaignId,
        (grain, from, until): (Grain, Timestamp, Timestamp),
    ) -> Result<Vec<Vec<u8>>, StoreFault> {
        let mut found = Vec::new();
        let starts: Vec<Timestamp> = starts(grain, from, until).collect();
        // A day's at a time, so that no answer is large.
        for starts in starts.chunks(144) {
            let mut commands = redis::pipe();
            let mut touched = Vec::with_capacity(starts.len());
            for &start in starts {
                let key = Key::Past(grain, start);
                commands.cmd("HGET").arg(key.of(partition)).arg(campaign.to_string());
                touched.push((key, partition));
            }
            let told: Vec<Option<Vec<u8>>> = self.link.pipeline(&touched[..1], &commands).await?;
            found.extend(told.into_iter().flatten().filter(|one| one.len() <= STRETCH_BYTES_MAX));
        }
        Ok(found)
    }
}
