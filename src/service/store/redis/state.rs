//! Lead and checkpoint on Redis: small scripts, each fenced by the epoch.

use super::RedisStore;
use super::keys::{Key, Side};
use super::scripts::Reply;
use crate::store::checkpoint::{Checkpoint, PART_BYTES};
use crate::store::error::StoreFault;
use crate::store::lead::{LeadAnswer, LeadClaim, LeadLease};
use paceline_core::units::{Epoch, PartitionId, Span, Timestamp};

/// How often a checkpoint that is replaced while it is read is begun again. Checkpoints are
/// minutes apart.
const LOAD_ATTEMPTS: usize = 3;

/// What is stored of a checkpoint beside its parts.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    epoch: Epoch,
    offset: String,
    bytes: usize,
    parts: usize,
    side: String,
}

fn millis(span: Span) -> i64 {
    // Up: Redis must not let a lease run out before its holder believes it does.
    (span.as_micros() + 999) / 1_000
}

impl RedisStore {
    pub(in crate::store) async fn acquire_lead(
        &self,
        partition: PartitionId,
        claim: &LeadClaim,
    ) -> Result<LeadAnswer, StoreFault> {
        let mut call = self.scripts.lead.prepare_invoke();
        call.key(Key::Lead.of(partition)).key(Key::Epoch.of(partition));
        call.arg(&claim.holder).arg(millis(claim.span)).arg(claim.above.0).arg(u32::MAX);
        let touched = [(Key::Lead, partition), (Key::Epoch, partition)];
        let reply = Reply::new(self.link.script(0, &touched, &call).await?)?;
        if reply.word() == "theirs" {
            return Ok(LeadAnswer::Theirs { holder: reply.get(0)?, epoch: Epoch(reply.get(1)?) });
        }
        let epoch = Epoch(reply.done_in(claim.above)?.get(0)?);
        let until = claim.now + claim.span;
        Ok(LeadAnswer::Ours(LeadLease { holder: claim.holder.clone(), epoch, until }))
    }

    pub(in crate::store) async fn renew_lead(
        &self,
        partition: PartitionId,
        lease: &LeadLease,
        span: Span,
        now: Timestamp,
    ) -> Result<LeadLease, StoreFault> {
        let mut call = self.scripts.renew.prepare_invoke();
        call.key(Key::Lead.of(partition)).key(Key::Epoch.of(partition));
        call.arg(&lease.holder).arg(lease.epoch.0).arg(millis(span));
        let touched = [(Key::Lead, partition), (Key::Epoch, partition)];
        Reply::new(self.link.script(0, &touched, &call).await?)?.done_in(lease.epoch)?;
        Ok(LeadLease { until: now + span, ..lease.clone() })
    }

    pub(in crate::store) async fn resign_lead(
        &self,
        partition: PartitionId,
        lease: &LeadLease,
    ) -> Result<(), StoreFault> {
        let mut call = self.scripts.resign.prepare_invoke();
        call.key(Key::Lead.of(partition)).key(Key::Epoch.of(partition));
        call.arg(&lease.holder).arg(lease.epoch.0);
        let touched = [(Key::Lead, partition), (Key::Epoch, partition)];
        Reply::new(self.link.script(0, &touched, &call).await?)?.done_in(lease.epoch)?;
        Ok(())
    }

    pub(in crate::store) async fn save_checkpoint(
        &self,
        partition: PartitionId,
        checkpoint: Checkpoint,
    ) -> Result<(), StoreFault> {
        let epoch = checkpoint.epoch;
        let head = self.checkpoint_head(partition).await?;
        let side = Side::other_than(head.as_ref().map_or("", |head| head.side.as_str()));
        let written = Key::CheckpointSide(side);
        let parts = checkpoint.bytes.chunks(PART_BYTES);
        let count = parts.len();
        for (index, part) in parts.enumerate() {
            let mut call = self.scripts.part.prepare_invoke();
            call.key(Key::Epoch.of(partition)).key(written.of(partition));
            call.arg(epoch.0).arg(index).arg(part);
            let touched = [(Key::Epoch, partition), (written, partition)];
            let answer = self.link.script(part.len(), &touched, &call).await?;
            Reply::new(answer)?.done_in(epoch)?;
        }
        let other = Key::CheckpointSide(Side::other_than(side.as_str()));
        let mut call = self.scripts.checkpoint.prepare_invoke();
        call.key(Key::Epoch.of(partition)).key(Key::Checkpoint.of(partition));
        call.key(other.of(partition)).arg(epoch.0).arg(checkpoint.offset.to_string());
        call.arg(checkpoint.bytes.len()).arg(count).arg(side.as_str());
        let touched = [Key::Epoch, Key::Checkpoint, other].map(|key| (key, partition));
        Reply::new(self.link.script(0, &touched, &call).await?)?.done_in(epoch)?;
        Ok(())
    }

    async fn checkpoint_head(&self, partition: PartitionId) -> Result<Option<Head>, StoreFault> {
        type Fields = Option<(Epoch32, String, usize, usize, String)>;
        type Epoch32 = u32;
        let mut command = redis::cmd("HMGET");
        command.arg(Key::Checkpoint.of(partition));
        command.arg(&["epoch", "offset", "bytes", "parts", "side"]);
        let answer: redis::Value =
            self.link.call(&[(Key::Checkpoint, partition)], &command).await?;
        if let redis::Value::Array(values) = &answer
            && values.contains(&redis::Value::Nil)
        {
            return Ok(None);
        }
        let read: Fields = redis::from_redis_value(answer)
            .map_err(|error| StoreFault::unreadable("the checkpoint's head", error))?;
        Ok(read.map(|(epoch, offset, bytes, parts, side)| Head {
            epoch: Epoch(epoch),
            offset,
            bytes,
            parts,
            side,
        }))
    }

    pub(in crate::store) async fn load_checkpoint(
        &self,
        partition: PartitionId,
    ) -> Result<Option<Checkpoint>, StoreFault> {
        for _ in 0..LOAD_ATTEMPTS {
            let Some(head) = self.checkpoint_head(partition).await? else {
                return Ok(None);
            };
            let bytes = self.checkpoint_bytes(partition, &head).await?;
            // A head that changed meanwhile: the parts may be of another checkpoint.
            if self.checkpoint_head(partition).await?.as_ref() != Some(&head) {
                continue;
            }
            if bytes.len() != head.bytes {
                let why = format!("{} of {} bytes are there", bytes.len(), head.bytes);
                return Err(StoreFault::unreadable("the checkpoint", why));
            }
            let offset = head
                .offset
                .parse()
                .map_err(|error| StoreFault::unreadable("the checkpoint's offset", error))?;
            return Ok(Some(Checkpoint { epoch: head.epoch, offset, bytes }));
        }
        Err(StoreFault::unreadable("the checkpoint", "it is replaced again and again"))
    }

    async fn checkpoint_bytes(
        &self,
        partition: PartitionId,
        head: &Head,
    ) -> Result<Vec<u8>, StoreFault> {
        let side = if head.side == "a" { Side::A } else { Side::B };
        let key = Key::CheckpointSide(side);
        let mut bytes = Vec::new();
        for part in 0..head.parts {
            let mut command = redis::cmd("HGET");
            command.arg(key.of(partition)).arg(part);
            let part: Option<Vec<u8>> =
                self.link.call_large(PART_BYTES, &[(key, partition)], &command).await?;
            bytes.extend(part.unwrap_or_default());
        }
        Ok(bytes)
    }
}
