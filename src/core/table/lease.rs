//! What a table is worth at its age: fresh, then grace, then safe.
//!
//! Called by bidders on every request with their own `now`; costs two comparisons when fresh.

use crate::units::{PacingMultiplier, Ppm, Timestamp};
use serde::{Deserialize, Serialize};

/// Until when a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Fresh before this.
    pub valid_until: Timestamp,
    /// Gliding to the safe values before this; safe from then on.
    pub grace_until: Timestamp,
}

/// How far along its lease a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// Use it as it is.
    Fresh,
    /// Glide towards the safe values.
    Grace,
    /// Use the safe values.
    Safe,
}

impl Lease {
    /// Its state at `now`.
    #[inline]
    #[must_use]
    pub fn state(self, now: Timestamp) -> LeaseState {
        if now < self.valid_until {
            LeaseState::Fresh
        } else if now < self.grace_until {
            LeaseState::Grace
        } else {
            LeaseState::Safe
        }
    }

    /// The multiplier in force at `now`: linear in its logarithm from the published to the safe
    /// one over the grace period. A safe value above the published one is not glided up to: losing
    /// sight of the budget is never a reason to bid more.
    #[inline]
    #[must_use]
    pub fn multiplier(
        self,
        now: Timestamp,
        published: PacingMultiplier,
        safe: PacingMultiplier,
    ) -> PacingMultiplier {
        let safe = safe.min(published);
        match self.state(now) {
            LeaseState::Fresh => published,
            LeaseState::Safe => safe,
            LeaseState::Grace if safe == published || safe.ppm() == Ppm::default() => published,
            LeaseState::Grace => {
                let done = (now - self.valid_until).ratio_to(self.grace_until - self.valid_until);
                let ratio = safe.ppm().as_f64() / published.ppm().as_f64();
                let glided = published.ppm().as_f64() * libm::exp(libm::log(ratio) * done);
                PacingMultiplier::clamped(glided, published)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        Lease {
            valid_until: Timestamp::from_micros(30_000_000),
            grace_until: Timestamp::from_micros(120_000_000),
        }
    }

    fn multiplier(ppm: u32) -> PacingMultiplier {
        PacingMultiplier::try_new(Ppm::new(ppm)).unwrap()
    }

    #[test]
    fn a_lease_goes_from_fresh_to_grace_to_safe() {
        let at = |seconds: i64| lease().state(Timestamp::from_micros(seconds * 1_000_000));
        assert_eq!(
            [at(0), at(29), at(30), at(119), at(120)],
            [
                LeaseState::Fresh,
                LeaseState::Fresh,
                LeaseState::Grace,
                LeaseState::Grace,
                LeaseState::Safe,
            ]
        );
    }

    #[test]
    fn grace_glides_in_the_logarithm() {
        // Half of the grace period from 1.0 to 0.25 is the geometric mean, 0.5.
        let half = Timestamp::from_micros(75_000_000);
        let glided = lease().multiplier(half, multiplier(1_000_000), multiplier(250_000));
        assert!(glided.ppm().get().abs_diff(500_000) <= 1, "{glided:?}");
    }

    #[test]
    fn grace_never_raises_a_bid() {
        let late = Timestamp::from_micros(110_000_000);
        assert_eq!(lease().multiplier(late, multiplier(100), multiplier(900)), multiplier(100));
    }
}
