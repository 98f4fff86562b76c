//! The bytes of schedules and of whose they are: fixed width, little-endian.
//!
//! Written once, beside the codec of tables. What breaks a rule is refused by name, since a
//! schedule decides what is paid. Called by the service's publisher and by the client.

use super::schedule::{KNOTS_MAX, ShadingSchedule, WORDS};
use super::shader::ScheduleId;
use crate::units::SegmentId;

/// Bytes of a schedule with its number.
pub const SCHEDULE_BYTES: usize = 4 + 8 * WORDS;
/// Bytes of a segment and the number of its schedule.
pub const SEGMENT_BYTES: usize = 12;

/// Values are narrowed to 32 bits by at most this.
const SHIFT_MAX: u64 = 31;

/// Why records were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShadeCodecError {
    /// When the bytes are not a whole number of records.
    #[error("records are {width} bytes each, and {bytes} bytes are not a whole number of them")]
    Length {
        /// How many bytes there are.
        bytes: usize,
        /// How wide a record is.
        width: usize,
    },
    /// When a schedule breaks a rule. `record` is its place, from 0.
    #[error("schedule of record {record} {rule}")]
    Schedule {
        /// Place in the list.
        record: usize,
        /// What it should hold.
        rule: &'static str,
    },
}

/// The records of schedules, one after another.
#[must_use]
pub fn encode_schedules(schedules: &[(ScheduleId, ShadingSchedule)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(schedules.len() * SCHEDULE_BYTES);
    for (id, schedule) in schedules {
        bytes.extend(id.get().to_le_bytes());
        bytes.extend(schedule.words().iter().flat_map(|word| word.to_le_bytes()));
    }
    bytes
}

/// The records of segments, one after another.
#[must_use]
pub fn encode_segments(segments: &[(SegmentId, ScheduleId)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(segments.len() * SEGMENT_BYTES);
    for (segment, id) in segments {
        bytes.extend(segment.key().to_le_bytes());
        bytes.extend(id.get().to_le_bytes());
    }
    bytes
}

/// Schedules, each checked.
///
/// # Errors
/// [`ShadeCodecError`].
pub fn decode_schedules(
    bytes: &[u8],
) -> Result<Vec<(ScheduleId, ShadingSchedule)>, ShadeCodecError> {
    let read = |(record, part): (usize, &[u8])| {
        let words: [u64; WORDS] = std::array::from_fn(|at| word(part, 4 + 8 * at, 8));
        let schedule = ShadingSchedule::from_words(&words);
        match fault(&schedule, &words) {
            None => Ok((ScheduleId::new(number(part, 0)), schedule)),
            Some(rule) => Err(ShadeCodecError::Schedule { record, rule }),
        }
    };
    records(bytes, SCHEDULE_BYTES)?.enumerate().map(read).collect()
}

/// Segments and whose schedule each uses.
///
/// # Errors
/// [`ShadeCodecError::Length`].
pub fn decode_segments(bytes: &[u8]) -> Result<Vec<(SegmentId, ScheduleId)>, ShadeCodecError> {
    let read =
        |part: &[u8]| (SegmentId::from_key(word(part, 0, 8)), ScheduleId::new(number(part, 8)));
    Ok(records(bytes, SEGMENT_BYTES)?.map(read).collect())
}

fn records(bytes: &[u8], width: usize) -> Result<std::slice::ChunksExact<'_, u8>, ShadeCodecError> {
    if !bytes.len().is_multiple_of(width) {
        return Err(ShadeCodecError::Length { bytes: bytes.len(), width });
    }
    Ok(bytes.chunks_exact(width))
}

/// Little-endian; bytes that are not there count as zero.
fn word(part: &[u8], from: usize, count: usize) -> u64 {
    let bytes = part.iter().skip(from).take(count).rev();
    bytes.fold(0, |word, &byte| word << 8 | u64::from(byte))
}

fn number(part: &[u8], from: usize) -> u32 {
    u32::try_from(word(part, from, 4)).unwrap_or(u32::MAX)
}

/// The rule that a schedule breaks.
fn fault(schedule: &ShadingSchedule, words: &[u64; WORDS]) -> Option<&'static str> {
    let is_wide = words[WORDS - 1] >> 52 & 0x3f > SHIFT_MAX;
    if schedule.words() != *words || is_wide {
        return Some("has bits that stand for nothing");
    }
    if schedule.control() > crate::units::Ppm::ONE || schedule.explore() > crate::units::Ppm::ONE {
        return Some("must leave unshaded and explore at most all auctions");
    }
    let knots: Vec<_> = schedule.knots().collect();
    let rises = knots.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1);
    if knots.len() > KNOTS_MAX || !rises {
        return Some("must have at most 12 knots, rising");
    }
    let is_above = knots.iter().any(|(value, bid)| bid > value);
    is_above.then_some("must never be above the paced value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shade::surplus::{Envelope, Market};
    use crate::shade::{TieRule, WinCurve};
    use crate::units::CpmMicros;

    fn schedule() -> ShadingSchedule {
        let ends = vec![99_999, 100_000, 399_999, 400_000, 9_000_000_000_000];
        let curve = WinCurve::from_masses(ends, &[0.0, 0.5, 0.0, 0.4, 0.05]);
        let market = Market { curve: &curve, tie: TieRule::Lose, tick: CpmMicros::new(10) };
        ShadingSchedule::fit(&market, &Envelope::of(&market)).schedule.with_shares(0.01, 0.2)
    }

    #[test]
    fn schedules_and_segments_come_back_as_they_were() {
        let identity = ShadingSchedule::identity(TieRule::Win, CpmMicros::new(1));
        let list = [(ScheduleId::MARKET, identity), (ScheduleId::new(70_000), schedule())];
        let bytes = encode_schedules(&list);
        assert_eq!(bytes.len(), 2 * SCHEDULE_BYTES);
        assert_eq!(decode_schedules(&bytes), Ok(list.to_vec()));
        let list = [(SegmentId::of("adx/top"), ScheduleId::UNSHADED)];
        assert_eq!(decode_segments(&encode_segments(&list)), Ok(list.to_vec()));
    }

    #[test]
    fn a_damaged_schedule_is_refused() {
        let sound = encode_schedules(&[(ScheduleId::MARKET, schedule())]);
        assert!(decode_schedules(&sound[1..]).is_err());
        // The first knot's bid far above its value; a share above one; a tie rule that is none.
        let refused = |at: usize, byte: u8| {
            let mut bytes = sound.clone();
            bytes[at] = byte;
            decode_schedules(&bytes).unwrap_err().to_string()
        };
        assert!(refused(7, 0xff).contains("knots") || refused(7, 0xff).contains("paced value"));
        assert!(refused(4 + 8 * 12 + 3, 0xff).contains("at most all auctions"));
        assert!(refused(4 + 8 * 13 + 7, 0xff).contains("bits"));
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        for seed in 0..2_000_u64 {
            let part = |at: u64| crate::hash::mix(seed.wrapping_mul(31).wrapping_add(at));
            let bytes: Vec<u8> = (0..15).flat_map(|at| part(at).to_le_bytes()).take(116).collect();
            let _ = decode_schedules(&bytes);
        }
    }
}
