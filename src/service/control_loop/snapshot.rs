//! What a checkpoint holds: the engine's state, what people changed, and how long the log before it
//! is.
//!
//! Knows no store. Written by the scribe; read by whoever takes up a partition or dumps its log.

use crate::audit::Trail;
use crate::store::Offset;
use paceline_core::engine::EngineState;
use paceline_core::pace::ShippedState;
use serde::{Deserialize, Serialize};

/// The first byte of a checkpoint; a change of the state's shape takes the next one.
const VERSION: u8 = 17;
/// Stretches told apart: with a checkpoint a minute, a quarter of an hour at least, and as long as
/// the log is quiet much more. Too few would trim in large steps.
const SEGMENTS_MAX: usize = 256;

/// The log between two checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Segment {
    /// Its last record.
    end: Offset,
    /// As encoded, without what the store adds to each entry.
    bytes: u64,
}

/// The log from the first record that is kept up to the checkpoint, in stretches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments(Vec<Segment>);

impl Segments {
    /// Its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().fold(0, |sum, segment| sum.saturating_add(segment.bytes))
    }

    /// A checkpoint at `end`, `bytes` after the one before.
    pub(super) fn close(&mut self, end: Offset, bytes: u64) {
        self.0.push(Segment { end, bytes });
        if self.0.len() > SEGMENTS_MAX {
            // The two neighbours that are shortest together become one.
            let pairs = self.0.windows(2).map(|pair| pair[0].bytes.saturating_add(pair[1].bytes));
            let shortest = pairs.enumerate().min_by_key(|(_, bytes)| *bytes);
            let (first, bytes) = shortest.expect("there are hundreds");
            self.0[first + 1].bytes = bytes;
            self.0.remove(first);
        }
    }

    /// Forgets the oldest stretches until no more than `bytes_max` are left, but never the latest.
    /// The end of the last one forgotten: everything before it may go.
    pub(super) fn shorten(&mut self, bytes_max: u64) -> Option<Offset> {
        let mut bytes = self.bytes();
        let mut gone = 0;
        while bytes > bytes_max && gone + 1 < self.0.len() {
            bytes -= self.0[gone].bytes;
            gone += 1;
        }
        self.0.drain(..gone).next_back().map(|segment| segment.end)
    }
}

/// A checkpoint's bytes.
pub(crate) fn encode(
    segments: &Segments,
    trail: &Trail,
    state: &EngineState<ShippedState>,
) -> Result<Vec<u8>, postcard::Error> {
    let bytes = postcard::to_extend(segments, vec![VERSION])?;
    let bytes = postcard::to_extend(trail, bytes)?;
    postcard::to_extend(state, bytes)
}

/// The state that a checkpoint's bytes hold; nothing when another version wrote them.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<EngineState<ShippedState>> {
    let (_, _, state) = parts(bytes)?;
    postcard::from_bytes(state).ok()
}

/// How long the log before it is, what people changed, and the bytes of the state.
pub(super) fn parts(bytes: &[u8]) -> Option<(Segments, Trail, &[u8])> {
    let (&version, body) = bytes.split_first()?;
    if version != VERSION {
        return None;
    }
    let (segments, body) = postcard::take_from_bytes(body).ok()?;
    let (trail, state) = postcard::take_from_bytes(body).ok()?;
    Some((segments, trail, state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::engine::{Engine, EngineConfig};

    fn offset(entry: u64) -> Offset {
        format!("{entry}-0.0").parse().unwrap()
    }

    #[test]
    fn a_checkpoint_is_read_back_as_written_and_another_version_is_not() {
        let engine = Engine::new(EngineConfig::default());
        let mut segments = Segments::default();
        segments.close(offset(7), 1_000);
        let trail = Trail::default();
        let mut bytes = encode(&segments, &trail, engine.state()).unwrap();
        assert_eq!(decode(&bytes).as_ref(), Some(engine.state()));
        let (held, kept, _) = parts(&bytes).unwrap();
        assert_eq!((held, kept), (segments, trail));
        bytes[0] = VERSION - 1;
        assert_eq!(decode(&bytes), None);
        assert_eq!(decode(&[]), None);
    }

    #[test]
    fn the_oldest_go_first_and_the_latest_never() {
        let mut segments = Segments::default();
        for entry in 1..=4 {
            segments.close(offset(entry), 100);
        }
        assert_eq!(segments.shorten(400), None);
        assert_eq!(segments.shorten(399), Some(offset(1)));
        assert_eq!(segments.bytes(), 300);
        assert_eq!(segments.shorten(0), Some(offset(3)));
        assert_eq!((segments.bytes(), segments.shorten(0)), (100, None));
    }

    #[test]
    fn short_neighbours_become_one() {
        let mut segments = Segments::default();
        let count = u64::try_from(SEGMENTS_MAX).unwrap() + 50;
        for entry in 1..=count {
            segments.close(offset(entry), if entry == 2 { 9_000 } else { entry });
        }
        assert_eq!(segments.0.len(), SEGMENTS_MAX);
        assert_eq!(segments.bytes(), count * (count + 1) / 2 - 2 + 9_000);
        assert!(segments.0.is_sorted_by_key(|segment| segment.end));
        assert_eq!(segments.0.last().unwrap().end, offset(count));
    }
}
