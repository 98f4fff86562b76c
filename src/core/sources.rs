//! How far the world has been seen: the watermark over the live sources of spend.
//!
//! A silent source holds the watermark back, so that silence never reads as "behind plan". One that
//! stays silent while others speak is taken for dead after a time-out, and how far it had told is
//! kept; the last one never is.

use crate::units::{ProducerId, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name under which events without a producer report.
const ANONYMOUS: ProducerId = ProducerId::from_key(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    through: Timestamp,
    heard_at: Timestamp,
}

/// The sources of one kind of spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    timeout: Span,
    most: usize,
    live: BTreeMap<ProducerId, Source>,
    /// Those taken for dead, and how far they had reported: the latest, as many as may live.
    lost: BTreeMap<ProducerId, Timestamp>,
}

impl Sources {
    /// None heard yet.
    #[must_use]
    pub fn new(timeout: Span, most: usize) -> Self {
        Self { timeout, most, live: BTreeMap::new(), lost: BTreeMap::new() }
    }

    /// A source reports everything before `through`. A clock ahead of ours lifts nothing; a source
    /// beyond the bound is not waited for.
    pub fn hear(&mut self, now: Timestamp, producer: Option<ProducerId>, through: Timestamp) {
        let producer = producer.unwrap_or(ANONYMOUS);
        if self.live.len() >= self.most && !self.live.contains_key(&producer) {
            return;
        }
        self.lost.remove(&producer);
        let through = through.min(now);
        let source = self.live.entry(producer).or_insert(Source { through, heard_at: now });
        source.through = source.through.max(through);
        source.heard_at = now;
    }

    /// A source says goodbye, or its bidder is gone.
    pub fn leave(&mut self, producer: ProducerId) {
        if self.live.len() > 1 {
            self.live.remove(&producer);
        }
    }

    /// A new term begins: while nobody led, nobody could be heard, so that every source's time-out
    /// begins anew.
    pub fn listen(&mut self, now: Timestamp) {
        for source in self.live.values_mut() {
            source.heard_at = source.heard_at.max(now);
        }
    }

    /// Takes the long silent for dead, as long as somebody speaks. How many.
    pub fn bury(&mut self, now: Timestamp) -> usize {
        let timeout = self.timeout;
        let is_dead = |source: &Source| now - source.heard_at > timeout;
        if self.live.values().all(is_dead) {
            return 0;
        }
        let dead: Vec<_> = self.live.extract_if(.., |_, source| is_dead(source)).collect();
        self.lost.extend(dead.iter().map(|&(producer, source)| (producer, source.through)));
        while self.lost.len() > self.most {
            let oldest = self.lost.iter().min_by_key(|&(_, &through)| through);
            let Some((&oldest, _)) = oldest else { break };
            self.lost.remove(&oldest);
        }
        dead.len()
    }

    /// Everything before this has been reported by every live source. `None` before the first.
    #[must_use]
    pub fn watermark(&self) -> Option<Timestamp> {
        self.live.values().map(|source| source.through).min()
    }

    /// How far one source has reported.
    #[must_use]
    pub fn through(&self, producer: ProducerId) -> Option<Timestamp> {
        self.live.get(&producer).map(|source| source.through)
    }

    /// The same, of one that is taken for dead as well.
    #[must_use]
    pub fn last_through(&self, producer: ProducerId) -> Option<Timestamp> {
        self.through(producer).or_else(|| self.lost.get(&producer).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_live_source_decides_and_the_last_is_never_buried() {
        let mut sources = Sources::new(Span::from_secs(120), 8);
        let at = |seconds: i64| Timestamp::from_micros(Span::from_secs(seconds).as_micros());
        let (a, b) = (ProducerId::from_key(1), ProducerId::from_key(2));
        assert_eq!(sources.watermark(), None);
        sources.hear(at(10), Some(a), at(9));
        sources.hear(at(10), Some(b), at(50));
        assert_eq!(sources.watermark(), Some(at(9)), "a clock ahead of ours lifts nothing");
        sources.hear(at(200), Some(b), at(199));
        assert_eq!(sources.bury(at(200)), 1);
        assert_eq!(sources.watermark(), Some(at(199)));
        assert_eq!((sources.through(a), sources.last_through(a)), (None, Some(at(9))));
        assert_eq!(sources.bury(at(9_000)), 0);
        assert_eq!(sources.watermark(), Some(at(199)));
    }

    #[test]
    fn a_silence_in_which_nobody_listened_buries_nobody() {
        let mut sources = Sources::new(Span::from_secs(120), 8);
        let at = |seconds: i64| Timestamp::from_micros(Span::from_secs(seconds).as_micros());
        let (a, b) = (ProducerId::from_key(1), ProducerId::from_key(2));
        sources.hear(at(10), Some(a), at(9));
        sources.hear(at(10), Some(b), at(10));
        sources.listen(at(1_000));
        sources.hear(at(1_001), Some(b), at(1_001));
        assert_eq!(sources.bury(at(1_010)), 0);
        assert_eq!(sources.watermark(), Some(at(9)));
        assert_eq!(sources.bury(at(1_121)), 1, "the other speaks, and this one had its time");
    }
}
