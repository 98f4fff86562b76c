//! How many billing events are in a lump of spend that came without their number.
//!
//! Spend reported once a minute says how much, not how often; but money that comes by chance events
//! scatters the more the dearer the event. For a compound Poisson process the variance of a lump
//! over its mean is E[price²] ÷ E[price], so that ratio, taken from successive lumps (which a slow
//! change of pace leaves alone), is the price of an event as control feels it. Called by the
//! dialogue, once a step for every campaign.

/// Share of the newest lump in the running sums: about the last hundred lumps.
const GAIN: f64 = 0.01;
/// Lumps before the estimate is believed.
const LUMPS_MIN: u32 = 8;
/// A lump is split into no more pieces than this: at one a minute that is 92 160 events a day, far
/// beyond what the law's gain asks for.
const PIECES_MAX: f64 = 64.0;

/// What is kept of a campaign's lumps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lumps {
    /// Of the step that is running.
    pending: f64,
    last: f64,
    squares: f64,
    sum: f64,
    seen: u32,
}

impl Lumps {
    /// Spend of unknown count came, in nanos.
    pub(super) fn note(&mut self, amount: f64) {
        self.pending += amount;
    }

    /// A step has passed: what came in it is one lump, maybe empty.
    pub(super) fn close_step(&mut self) {
        let lump = std::mem::take(&mut self.pending);
        if lump <= 0.0 && self.last <= 0.0 {
            return;
        }
        let away = lump - self.last;
        self.squares += GAIN * (away * away - self.squares);
        self.sum += GAIN * (lump - self.sum);
        self.last = lump;
        self.seen = self.seen.saturating_add(u32::from(lump > 0.0));
    }

    /// In how many equal events an amount is posted: at least one.
    pub(super) fn pieces(&self, amount: f64) -> u64 {
        if self.seen < LUMPS_MIN || self.squares <= 0.0 || self.sum <= 0.0 {
            return 1;
        }
        let price = self.squares / (2.0 * self.sum);
        crate::number::whole((amount / price).round().clamp(1.0, PIECES_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    /// Feeds `steps` lumps of `per_step` events on average, each of price 1 000.
    fn fed(per_step: f64, steps: u32) -> Lumps {
        let mut stream = Stream::numbered(7, "lumps", 0);
        let mut lumps = Lumps::default();
        for _ in 0..steps {
            lumps.note(1_000.0 * crate::number::real(stream.poisson(per_step)));
            lumps.close_step();
        }
        lumps
    }

    #[test]
    fn a_campaign_of_single_events_is_left_whole() {
        for per_step in [0.002, 0.05, 0.5] {
            assert_eq!(fed(per_step, 20_000).pieces(1_000.0), 1, "{per_step} a step");
        }
    }

    #[test]
    fn a_large_lump_is_split_near_its_number_of_events() {
        let pieces = fed(20.0, 1_440).pieces(20_000.0);
        assert!((14..=28).contains(&pieces), "{pieces} pieces");
    }

    #[test]
    fn before_enough_was_seen_nothing_is_split() {
        assert_eq!(fed(20.0, 3).pieces(20_000.0), 1);
        assert_eq!(Lumps::default().pieces(5.0), 1);
    }
}
