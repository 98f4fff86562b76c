//! What shading saves: bids that were shaded beside those of the control group.
//!
//! A row counts by the inverse of how likely its auction was to be bid for so (Horvitz and
//! Thompson, JASA 1952), so that each group stands for all auctions; a group's mean is a ratio of
//! two such sums (Hájek 1971), and its variance that of the ratio linearised (Särndal, Swensson and
//! Wretman, "Model Assisted Survey Sampling", 1992, section 5.5). CONTROL.md (49) to (51). A row
//! that stands for many auctions is one observation of so much weight: where rows are sums and not
//! samples, intervals are wider than they need be. Knows no curves. Called by the engine.

use super::outcome::{BidTrial, Outcome};
use super::recency::Recency;
use super::schedule::BidRole;
use crate::units::{CampaignId, CpmMicros, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was told counts half after this: long enough for a hundredth of the auctions to be many,
/// short enough that the market is still the same.
const HALF_LIFE: Span = Span::from_mins(7 * 24 * 60);
/// Campaigns compared at most, some 480 bytes each; one more takes the place of the one silent the
/// longest.
const CAMPAIGNS_MAX: usize = 20_000;
/// Wins' worth of evidence without which nothing is told: with fewer the mean of a ratio is not
/// normal even in the logarithm.
const WINS_LEAST: f64 = 20.0;
/// Deviations that hold the truth 19 times in 20.
const DEVIATIONS: f64 = 1.96;

/// Sums over the rows of one role. Weighted ones are by count over propensity.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BidGroup {
    /// Auctions, unweighted.
    pub auctions: f64,
    /// Auctions won, unweighted.
    pub wins: f64,
    all: f64,
    won: f64,
    paid: f64,
    /// What was paid for wins that told a value, and their value.
    valued: f64,
    value: f64,
    all_all: f64,
    won_won: f64,
    won_paid: f64,
    paid_paid: f64,
    valued_valued: f64,
    valued_value: f64,
    value_value: f64,
}

/// A ratio of two sums: the ends of its fraction, their squares and their product.
struct Ratio {
    over: f64,
    under: f64,
    over_over: f64,
    over_under: f64,
    under_under: f64,
}

impl Ratio {
    /// Logarithm, and the variance of it. `None` where there is too little to go by.
    fn log(&self) -> Option<(f64, f64)> {
        let is_told = self.over > 0.0 && self.under > 0.0;
        let variance = self.over_over / (self.over * self.over)
            - 2.0 * self.over_under / (self.over * self.under)
            + self.under_under / (self.under * self.under);
        is_told.then(|| (libm::log(self.over / self.under), variance.max(0.0)))
    }

    /// How many rows alike in weight would tell as much (Kish 1965), of whichever end has fewer.
    fn evidence(&self) -> f64 {
        let over = self.over * self.over / self.over_over;
        let under = self.under * self.under / self.under_under;
        if over.is_finite() && under.is_finite() { over.min(under) } else { 0.0 }
    }
}

impl BidGroup {
    /// Mean price of a win, per thousand; nothing without one.
    #[must_use]
    pub fn price(&self) -> Option<f64> {
        (self.won > 0.0).then(|| self.paid / self.won)
    }

    /// Whether no auction of it was lost, as far as weights tell.
    fn is_all_won(&self) -> bool {
        self.won >= self.all * (1.0 - 1e-9)
    }

    fn add(&mut self, outcome: &Outcome, trial: &BidTrial) {
        let count = f64::from(outcome.count);
        let weight = count / trial.drawn.propensity.as_f64().max(1e-6);
        self.auctions += count;
        self.all += weight;
        self.all_all += weight * weight;
        if !outcome.won {
            return;
        }
        // A first-price winner pays its bid, unless it was told otherwise.
        let price = super::number::real(outcome.clearing.unwrap_or(outcome.bid).get());
        let paid = weight * price;
        self.wins += count;
        self.won += weight;
        self.paid += paid;
        self.won_won += weight * weight;
        self.won_paid += weight * paid;
        self.paid_paid += paid * paid;
        let Some(value) = trial.value else { return };
        let value = weight * super::number::real(value.get());
        self.valued += paid;
        self.value += value;
        self.valued_valued += paid * paid;
        self.valued_value += paid * value;
        self.value_value += value * value;
    }

    /// Each row counts for so much of what it did.
    fn faded(self, kept: f64) -> Self {
        let square = kept * kept;
        Self {
            auctions: kept * self.auctions,
            wins: kept * self.wins,
            all: kept * self.all,
            won: kept * self.won,
            paid: kept * self.paid,
            valued: kept * self.valued,
            value: kept * self.value,
            all_all: square * self.all_all,
            won_won: square * self.won_won,
            won_paid: square * self.won_paid,
            paid_paid: square * self.paid_paid,
            valued_valued: square * self.valued_valued,
            valued_value: square * self.valued_value,
            value_value: square * self.value_value,
        }
    }

    fn with(self, other: Self) -> Self {
        Self {
            auctions: self.auctions + other.auctions,
            wins: self.wins + other.wins,
            all: self.all + other.all,
            won: self.won + other.won,
            paid: self.paid + other.paid,
            valued: self.valued + other.valued,
            value: self.value + other.value,
            all_all: self.all_all + other.all_all,
            won_won: self.won_won + other.won_won,
            won_paid: self.won_paid + other.won_paid,
            paid_paid: self.paid_paid + other.paid_paid,
            valued_valued: self.valued_valued + other.valued_valued,
            valued_value: self.valued_value + other.valued_value,
            value_value: self.value_value + other.value_value,
        }
    }

    const fn price_of_a_win(&self) -> Ratio {
        Ratio {
            over: self.paid,
            under: self.won,
            over_over: self.paid_paid,
            over_under: self.won_paid,
            under_under: self.won_won,
        }
    }

    const fn price_of_value(&self) -> Ratio {
        Ratio {
            over: self.valued,
            under: self.value,
            over_over: self.valued_valued,
            over_under: self.valued_value,
            under_under: self.value_value,
        }
    }

    /// A win is one of the auctions: their product is the win's own square.
    const fn share_won(&self) -> Ratio {
        Ratio {
            over: self.won,
            under: self.all,
            over_over: self.won_won,
            over_under: self.won_won,
            under_under: self.all_all,
        }
    }
}

/// The three groups of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BidGroups {
    /// Bid for by the schedule's best.
    pub shaded: BidGroup,
    /// Left unshaded.
    pub control: BidGroup,
    /// Bid for off the best, to learn. Compared with nothing: its cost is bounded elsewhere.
    pub explored: BidGroup,
}

impl BidGroups {
    fn of(&mut self, role: BidRole) -> &mut BidGroup {
        match role {
            BidRole::Best => &mut self.shaded,
            BidRole::Control => &mut self.control,
            BidRole::Explore => &mut self.explored,
        }
    }

    fn faded(self, kept: f64) -> Self {
        Self {
            shaded: self.shaded.faded(kept),
            control: self.control.faded(kept),
            explored: self.explored.faded(kept),
        }
    }

    /// These and what was told elsewhere, as of the same time.
    #[must_use]
    pub fn with(self, other: &Self) -> Self {
        Self {
            shaded: self.shaded.with(other.shaded),
            control: self.control.with(other.control),
            explored: self.explored.with(other.explored),
        }
    }

    /// What shading saves, as far as enough was told.
    #[must_use]
    pub fn saving(&self) -> Saving {
        let compared = |of: fn(&BidGroup) -> Ratio| {
            let (shaded, control) = (of(&self.shaded), of(&self.control));
            if shaded.evidence().min(control.evidence()) < WINS_LEAST {
                return None;
            }
            let (shaded, control) = (shaded.log()?, control.log()?);
            let deviation = libm::sqrt(shaded.1 + control.1);
            Some(Estimate::of_log(shaded.0 - control.0, deviation))
        };
        // Whoever tells of wins alone says nothing of the chance to win, and says it surely.
        let is_one_sided = self.shaded.is_all_won() || self.control.is_all_won();
        Saving {
            per_win: compared(BidGroup::price_of_a_win).map(Estimate::less),
            per_value: compared(BidGroup::price_of_value).map(Estimate::less),
            wins_kept: compared(BidGroup::share_won).filter(|_| !is_one_sided),
        }
    }
}

/// A share, and between which it lies 19 times in 20.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The likeliest.
    pub middle: f64,
    /// At least this.
    pub low: f64,
    /// At most this.
    pub high: f64,
}

impl Estimate {
    fn of_log(middle: f64, deviation: f64) -> Self {
        let spread = DEVIATIONS * deviation;
        Self {
            middle: libm::exp(middle),
            low: libm::exp(middle - spread),
            high: libm::exp(middle + spread),
        }
    }

    /// What is missing to one.
    fn less(self) -> Self {
        Self { middle: 1.0 - self.middle, low: 1.0 - self.high, high: 1.0 - self.low }
    }
}

/// What shading saves against the control group. Each is absent while either group has too few
/// wins that tell of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Saving {
    /// Share of the control group's price of a win that is saved.
    pub per_win: Option<Estimate>,
    /// The same of its price of a unit of expected value, over wins that told theirs.
    pub per_value: Option<Estimate>,
    /// Chance to win, as a share of the control group's; absent where either group told of wins
    /// alone.
    pub wins_kept: Option<Estimate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Book {
    groups: BidGroups,
    faded_at: Timestamp,
    heard_at: Timestamp,
}

impl Book {
    fn at(&self, now: Timestamp) -> BidGroups {
        let lives = (now - self.faded_at).ratio_to(HALF_LIFE).max(0.0);
        self.groups.faded(libm::exp2(-lives))
    }
}

/// The groups of every campaign, bounded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Savings {
    books: BTreeMap<CampaignId, Book>,
    order: Recency<CampaignId>,
    given_up: u64,
}

impl Savings {
    /// An outcome was learnt from: if it told of a draw, its group has one more.
    pub fn note(&mut self, now: Timestamp, outcome: &Outcome) {
        let Some(trial) = &outcome.trial else { return };
        let id = trial.campaign;
        let known = self.books.get(&id).map(|book| book.heard_at);
        if known.is_none()
            && self.books.len() >= CAMPAIGNS_MAX
            && let Some((at, silent)) = self.order.oldest()
        {
            self.books.remove(&silent);
            self.order.forget(at, silent);
            self.given_up += 1;
        }
        let heard_at = self.order.touch(id, known, now);
        let fresh = Book { groups: BidGroups::default(), faded_at: now, heard_at };
        let book = self.books.entry(id).or_insert(fresh);
        book.heard_at = heard_at;
        if now - book.faded_at >= Span::MINUTE {
            book.groups = book.at(now);
            book.faded_at = now;
        }
        book.groups.of(trial.drawn.role).add(outcome, trial);
    }

    /// What was told of a campaign, as of now.
    #[must_use]
    pub fn of(&self, campaign: CampaignId, now: Timestamp) -> Option<BidGroups> {
        self.books.get(&campaign).map(|book| book.at(now))
    }

    /// Campaigns that had to make room for others so far.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// A mean price as it is told: rounded, never negative.
#[must_use]
pub fn told_price(price: f64) -> CpmMicros {
    CpmMicros::new(super::number::price(libm::round(price)))
}

#[cfg(test)]
mod tests;
