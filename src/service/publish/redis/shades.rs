//! Shading schedules in Redis, for readers without an RPC: `docs/REDIS.md` says how they read them.
//!
//! As with the table, one task a partition follows the publisher and writes the pages that changed,
//! fenced by the epoch of the table in force. Knows nothing of keys. Run by `app`.

use super::{is_behind, next_turn};
use crate::publish::Publisher;
use crate::store::redis::table::{Pages, SHADES_PAGE, StoredShades};
use crate::store::{RedisStore, StoreError};
use crate::telemetry::event::{self, Outcome, Sink};
use bytes::Bytes;
use paceline_core::hash::Digest;
use paceline_core::shade::ShadeSet;
use paceline_core::shade::codec::{
    SCHEDULE_BYTES, SEGMENT_BYTES, encode_schedules, encode_segments,
};
use paceline_core::units::{Generation, PartitionId};
use tokio_util::sync::CancellationToken;

/// Keeps the schedules in Redis up to date until `stop`, and then once more.
pub async fn follow(
    publisher: Publisher,
    partition: PartitionId,
    store: RedisStore,
    stop: CancellationToken,
) {
    let mut news = publisher.subscribe();
    let mut written = None;
    let mut has_failed = false;
    loop {
        let is_last = stop.is_cancelled();
        // Marked before the look: what comes during the write wakes again.
        news.mark_unchanged();
        let is_to_repeat = match write(&publisher, partition, &store, &mut written).await {
            Ok(wrote) => {
                has_failed &= !wrote;
                event::published(Sink::RedisShading, Outcome::Done, u64::from(wrote));
                false
            }
            // Another leads, or led since: its schedules stand.
            Err(error) if is_behind(&error) => false,
            Err(error) => {
                event::published(Sink::RedisShading, Outcome::Failed, 1);
                if !std::mem::replace(&mut has_failed, true) {
                    let error = crate::error_chain(&error);
                    tracing::warn!(partition = partition.0, error, "no schedules in redis");
                }
                true
            }
        };
        if is_last {
            return;
        }
        next_turn(&mut news, is_to_repeat, &stop).await;
    }
}

/// What stands in Redis, as far as is known.
struct Held {
    generation: Generation,
    digest: Digest,
    pages: Vec<Bytes>,
}

/// Writes the set in force, if it is not there yet; whether it wrote. An empty one is written as
/// well: an earlier term may have left schedules that nobody learns on.
async fn write(
    publisher: &Publisher,
    partition: PartitionId,
    store: &RedisStore,
    written: &mut Option<Held>,
) -> Result<bool, StoreError> {
    let set = publisher.shade_set();
    let known = written.as_ref().map(|held| (held.generation, held.digest));
    let is_known = known == Some((set.generation(), set.digest()));
    let standing = publisher.standing().0;
    // Before the first table there is no term to write in.
    if is_known || standing == Generation::default() {
        return Ok(false);
    }
    let shades = stored(&set, standing);
    drop(set);
    let held = written.take();
    let changed = held.map(|held| {
        let numbers = 0..shades.pages.len();
        let numbers = numbers.filter(|&page| held.pages.get(page) != shades.pages.get(page));
        (held.generation, numbers.collect::<Vec<usize>>())
    });
    let is_done = match &changed {
        Some((over, numbers)) => {
            let pages = Pages::Changed { over: *over, numbers };
            store.put_shades(partition, &shades, pages).await?
        }
        None => false,
    };
    if !is_done {
        store.put_shades(partition, &shades, Pages::All).await?;
    }
    let StoredShades { generation, digest, pages, .. } = shades;
    *written = Some(Held { generation, digest, pages });
    Ok(true)
}

/// A set cut into pages.
fn stored(set: &ShadeSet, standing: Generation) -> StoredShades {
    let whole = set.whole();
    let paged = |bytes: Vec<u8>, width: usize| {
        let (bytes, page) = (Bytes::from(bytes), SHADES_PAGE * width);
        let pages = (0..bytes.len()).step_by(page);
        pages.map(|from| bytes.slice(from..bytes.len().min(from + page))).collect::<Vec<_>>()
    };
    let mut pages = paged(encode_schedules(&whole.schedules), SCHEDULE_BYTES);
    let schedule_pages = pages.len();
    pages.extend(paged(encode_segments(&whole.segments), SEGMENT_BYTES));
    StoredShades {
        generation: set.generation(),
        standing,
        digest: set.digest(),
        counts: (whole.schedules.len(), whole.segments.len()),
        schedule_pages,
        pages,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::shade::{ScheduleId, ShadeDelta, ShadingSchedule, TieRule};
    use paceline_core::units::{CpmMicros, Epoch, SegmentId};

    #[test]
    fn pages_of_schedules_come_before_pages_of_segments() {
        let plain = ShadingSchedule::identity(TieRule::Win, CpmMicros::new(1));
        let count = SHADES_PAGE + 1;
        let delta = ShadeDelta {
            schedules: (0..2).map(|id| (ScheduleId::new(id), plain)).collect(),
            segments: (1..=count)
                .map(|key| (SegmentId::from_key(key as u64), ScheduleId::MARKET))
                .collect(),
        };
        let at = Generation { epoch: Epoch(1), sequence: 7 };
        let told = stored(&ShadeSet::new(at, &delta), at.next());
        let sizes: Vec<_> = told.pages.iter().map(Bytes::len).collect();
        assert_eq!(sizes, [2 * SCHEDULE_BYTES, SHADES_PAGE * SEGMENT_BYTES, SEGMENT_BYTES]);
        assert_eq!((told.schedule_pages, told.counts), (1, (2, count)));
        assert_eq!((told.generation, told.standing), (at, at.next()));
    }
}
