//! Schedules by poll: one change or part of a partition's set an answer, and tokens for the rest.
//!
//! A token names partition, set and part; when the set has gone meanwhile, the newest is told from
//! its first part. Called by `MultiplierService`.

use super::Multipliers;
use crate::publish::EncodedShades;
use crate::wire::Refusal;
use crate::wire::multiplier::{self as wire, Generation, PartitionId, Telling};
use paceline_proto::v1;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use tonic::Status;

/// What tokens of schedules begin with.
pub(super) const SHADES: &str = "s";
/// Bytes after which no further partition's schedules join an answer: what a reader takes in one
/// message by default, less what heads of a change may take.
const ANSWER_BYTES: usize = (4 << 20) - (64 << 10);

impl Multipliers {
    /// Adds what is new of the schedules to whoever holds these, as far as it fits the answer; what
    /// does not is told at a later poll, when there is less of others. The first partition is
    /// another at each poll, so that none waits behind those whose schedules always change.
    pub(super) fn add_shades(
        &self,
        held: Option<&BTreeMap<PartitionId, Generation>>,
        updates: &mut Vec<v1::PartitionUpdate>,
    ) {
        let Some(held) = held else { return };
        let mut bytes: usize = updates.iter().map(Message::encoded_len).sum();
        let mut handles: Vec<_> = self.partitions.all().collect();
        let first = self.polls.fetch_add(1, Ordering::Relaxed) % handles.len().max(1);
        handles.rotate_left(first);
        for handle in handles {
            let partition = handle.partition();
            let publisher = self.partitions.publisher(partition);
            if publisher.led_by().is_some() {
                continue;
            }
            let Some(first) = publisher.shades(held.get(&partition).copied()).into_iter().next()
            else {
                continue;
            };
            let update = self.shade_update(partition, &first);
            let size = update.encoded_len();
            if bytes > 0 && bytes + size > ANSWER_BYTES {
                continue;
            }
            bytes += size;
            updates.push(update);
        }
    }

    fn shade_update(&self, partition: PartitionId, part: &EncodedShades) -> v1::PartitionUpdate {
        let (standing, lease) = self.partitions.publisher(partition).standing();
        let now = self.partitions.clock().now();
        let telling = Telling { partition, now, lease, standing, allowances: &[] };
        let mut update = wire::shading_update(&telling, part);
        let (at, count) = part.part;
        if let Some(shading) = update.shading.as_mut().filter(|_| at + 1 < count) {
            let Generation { epoch, sequence } = part.generation;
            shading.next_page_token =
                format!("{SHADES}{}.{}.{sequence}.{}", partition.0, epoch.0, at + 1);
        }
        update
    }

    /// One part of a set that was begun by poll.
    pub(super) fn shade_part(&self, token: &str) -> Result<v1::PartitionUpdate, Status> {
        let refuse = || Refusal::new("page_token", token, "must be one that was given out");
        let parts = token.strip_prefix(SHADES).map(|rest| rest.split('.').collect::<Vec<_>>());
        let Some([partition, epoch, sequence, at]) = parts.as_deref() else {
            return Err(refuse().into());
        };
        let partition: u32 = partition.parse().map_err(|_| refuse())?;
        let partition = crate::wire::partition("page_token", partition)?;
        let epoch: u32 = epoch.parse().map_err(|_| refuse())?;
        let sequence: u64 = sequence.parse().map_err(|_| refuse())?;
        let at: usize = at.parse().map_err(|_| refuse())?;
        self.partitions.get(partition).ok_or_else(refuse)?;
        let told = self.partitions.publisher(partition).shade_parts();
        let asked = crate::wire::generation(v1::Generation { epoch, sequence });
        let is_it = |part: &&std::sync::Arc<EncodedShades>| part.generation == asked;
        let part = told.get(at).filter(is_it).or_else(|| told.first());
        let part = part.ok_or_else(|| Status::internal("a set has a part at least"))?;
        Ok(self.shade_update(partition, part))
    }
}
