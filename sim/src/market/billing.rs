//! What a win costs and when: at once by the impression, or later by the click.
//!
//! A click-billed win at cleared price p and click probability q is billed p ÷ q when it is
//! clicked, so that its expected cost is p. Called by the world at each win.

use super::draw::{self, Use};
use crate::number::whole;
use paceline_core::units::{CpmMicros, Nanos, Ppb, Span};

/// How a campaign's wins are billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Billing {
    /// Each win, at once.
    Impression,
    /// A click, after between `soonest` and `latest`.
    Click {
        /// The least delay.
        soonest: Span,
        /// The longest delay.
        latest: Span,
    },
}

/// What one win will cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Price of the billing event.
    pub price: Nanos,
    /// Chance of it.
    pub probability: Ppb,
    /// How long after the win it comes; absent when it never does.
    pub after: Option<Span>,
}

/// The price of one click at a cleared price per impression, rounded down; never above what an
/// integer of nanos holds, for the smallest probability is one in a billion.
#[must_use]
pub fn click_price(cleared: CpmMicros, probability: Ppb) -> Nanos {
    cleared.per_impression().mul_div(1_000_000_000, u64::from(probability.get()))
}

/// Whether the impression is clicked if shown: fixed by the auction, whoever asks.
#[must_use]
pub fn is_clicked(salt: u64, auction: u64, chance: f64) -> bool {
    draw::unit(Use::Click, salt, auction) < chance
}

impl Billing {
    /// The charge for a win at `cleared`. `clicked` says whether it is clicked where that is known
    /// better than by the probability.
    #[must_use]
    pub fn charge(
        self,
        salt: u64,
        auction: u64,
        cleared: CpmMicros,
        probability: Ppb,
        clicked: Option<bool>,
    ) -> Charge {
        match self {
            Self::Impression => Charge {
                price: cleared.per_impression(),
                probability: Ppb::ONE,
                after: Some(Span::ZERO),
            },
            Self::Click { soonest, latest } => {
                let is_clicked =
                    clicked.unwrap_or_else(|| is_clicked(salt, auction, probability.as_f64()));
                let after = is_clicked.then(|| {
                    let width = Nanos::new((latest - soonest).as_micros()).as_f64();
                    let along = draw::unit(Use::ClickDelay, salt, auction) * width;
                    soonest + Span::from_micros(i64::try_from(whole(along)).unwrap_or(i64::MAX))
                });
                Charge { price: click_price(cleared, probability), probability, after }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_costs_the_cleared_price_on_average() {
        let probability = Ppb::new(20_000_000).unwrap();
        let billing = Billing::Click { soonest: Span::from_secs(5), latest: Span::from_mins(5) };
        let cleared = CpmMicros::new(1_000_000);
        let (mut billed, mut clicks) = (0_i64, 0_i64);
        for key in 0..200_000 {
            let charge = billing.charge(9, key, cleared, probability, None);
            assert_eq!(charge.price, Nanos::new(50_000_000));
            if let Some(after) = charge.after {
                assert!((Span::from_secs(5)..=Span::from_mins(5)).contains(&after));
                billed += charge.price.get();
                clicks += 1;
            }
        }
        // 4 000 clicks expected, sigma 63.
        assert!((clicks - 4_000).abs() < 250, "{clicks}");
        assert_eq!(billed, clicks * 50_000_000);
    }
}
