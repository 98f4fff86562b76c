//! The return law: keeps what results cost on average under a ceiling.
//!
//! PI on the cumulative gap between what results are worth at their target and what they cost, in
//! the logarithm of the multiplier, like the default law; equations (28) to (31) of
//! `docs/CONTROL.md`. It says how high a campaign may bid for its returns' sake and knows no
//! budget: the campaign takes the lesser of this and what its budgets' laws say, and what does not
//! bind follows what is applied. Called by the engine for campaigns with a return target.

use super::limit::{self, X_MIN};
use crate::units::PacingMultiplier;
use serde::{Deserialize, Serialize};

/// d ln(worth ÷ cost) / d ln(multiplier), downwards: half a per cent of return for a per cent of
/// bid. Halved or doubled it moves a settling time by as much and no more.
const ELASTICITY: f64 = 0.5;
/// Closed-loop time constant as a share of the window, and its bounds in minutes: those of the
/// default law.
const SETTLING_SHARE: f64 = 0.075;
const SETTLING_MINUTES_MIN: f64 = 5.0;
const SETTLING_MINUTES_MAX: f64 = 107.0;
/// Integral time in closed-loop time constants: a damping of 0.707.
const INTEGRAL_RATIO: f64 = 2.0;
/// Wins a day from which the gain is whole, and its least share.
const WHOLE_GAIN_WINS: f64 = 1_000.0;
const NOISE_SHARE_MIN: f64 = 0.25;
/// Gaps beyond this share of a day's spend count as this.
const ERROR_CLIP: f64 = 0.15;
/// Standard deviations of what chance may take in a settling time that are kept in hand, so that a
/// flight ends above its target and not about it: 39 of 40 times by the normal law.
const RESERVE_DEVIATIONS: f64 = 2.0;
/// At least this share of a day's spend is kept in hand: what the loop itself misses when prices
/// move, where wins are many and chance is small.
const RESERVE_SHARE: f64 = 0.005;
/// How far x may move in a minute of traffic time: as the default law.
const SLEW_PER_MINUTE: f64 = 0.248;
/// Longer windows are controlled in units of a day.
const WINDOW_MINUTES_MAX: f64 = 1_440.0;

/// What the law sees at a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReturnSample {
    /// Traffic time since the last step in minutes, at least 0; 0 holds the law. More than
    /// [`limit::STEP_MINUTES_MAX`] counts as that.
    pub traffic_minutes: f64,
    /// What the window's results so far are worth at the target, in nanos.
    pub worth: f64,
    /// What they cost, in nanos.
    pub cost: f64,
    /// Sum over wins of the square of worth less cost, in nanos².
    pub squares: f64,
    /// Wins so far.
    pub wins: f64,
    /// Minutes of the window that are over, and that are left.
    pub gone_minutes: f64,
    /// See above.
    pub left_minutes: f64,
    /// The most the multiplier may be.
    pub multiplier_max: PacingMultiplier,
}

/// What a sample comes to.
#[derive(Debug, Clone, Copy)]
struct Reading {
    error: f64,
    gain: f64,
    reserve: f64,
    integral_minutes: f64,
}

impl ReturnSample {
    /// CONTROL.md (28) to (30).
    fn read(&self) -> Option<Reading> {
        let sum = self.worth + self.cost + self.squares + self.wins;
        let window = (self.gone_minutes + self.left_minutes).clamp(1.0, WINDOW_MINUTES_MAX);
        // A producer that says of no win what it may bring is no reason to stop bidding.
        let is_known = self.worth > 0.0 && self.cost > 0.0;
        if !(sum.is_finite() && is_known && self.gone_minutes > 0.0) {
            return None;
        }
        let settling = (SETTLING_SHARE * window).clamp(SETTLING_MINUTES_MIN, SETTLING_MINUTES_MAX);
        let days = self.gone_minutes.max(settling / 4.0) / window;
        let ahead = settling.min(self.left_minutes.max(0.0)) / self.gone_minutes.max(1.0);
        let daily = self.cost / days;
        let chance = RESERVE_DEVIATIONS * (self.squares.max(0.0) * ahead).sqrt();
        let reserve = chance.max(RESERVE_SHARE * daily);
        let gap = (self.worth - self.cost - reserve) / daily;
        let noise = (self.wins / days / WHOLE_GAIN_WINS).sqrt().clamp(NOISE_SHARE_MIN, 1.0);
        Some(Reading {
            error: gap.clamp(-ERROR_CLIP, ERROR_CLIP),
            gain: window / (ELASTICITY * settling) * noise,
            reserve,
            integral_minutes: INTEGRAL_RATIO * settling,
        })
    }
}

/// What the law remembers. Every field is finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReturnState {
    /// Integral part of x.
    pub integral: f64,
    /// Output: ln(multiplier × participation) may be no higher.
    pub x: f64,
    /// Gap less reserve, in shares of a day's spend, of the last step.
    pub error: f64,
    /// Gain of the last step.
    pub gain: f64,
    /// Kept in hand at the last step, in nanos.
    pub reserve: f64,
}

impl Default for ReturnState {
    /// At full bids as they are asked: where bids are what an impression is worth at the target, no
    /// win of a second-price auction costs more than that.
    fn default() -> Self {
        Self { integral: 0.0, x: 0.0, error: 0.0, gain: 0.0, reserve: 0.0 }
    }
}

impl ReturnState {
    /// One step. CONTROL.md (31). Numbers that are not finite, and no results yet, hold it.
    pub fn advance(&mut self, seen: &ReturnSample) {
        let x_max = limit::x_max(seen.multiplier_max);
        let minutes = seen.traffic_minutes.clamp(0.0, limit::STEP_MINUTES_MAX);
        let reading = seen.read().filter(|_| seen.traffic_minutes.is_finite() && minutes > 0.0);
        let Some(Reading { error, gain, reserve, integral_minutes }) = reading else {
            self.x = self.x.min(x_max);
            return;
        };
        (self.error, self.gain, self.reserve) = (error, gain, reserve);
        let raw = self.integral + gain * error;
        let is_stuck = (raw >= x_max && error > 0.0) || (raw <= X_MIN && error < 0.0);
        if !is_stuck {
            self.integral += gain * error * minutes / integral_minutes;
        }
        self.integral = self.integral.clamp(X_MIN, x_max);
        let target = (self.integral + gain * error).clamp(X_MIN, x_max);
        self.x = limit::slew(self.x, target, SLEW_PER_MINUTE * minutes);
    }

    /// It does not bind: budgets or hands hold the campaign at `applied_x`. Its integral goes no
    /// further above that than its proportional part reaches, and above break-even not at all.
    pub fn bound(&mut self, applied_x: f64) {
        if applied_x.is_finite() && self.x > applied_x {
            let room = self.gain * self.error.abs();
            self.integral = self.integral.min(applied_x.max(0.0) + room);
            let standing = self.integral + self.gain * self.error;
            self.x = self.x.min(standing.max(applied_x));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Ppm;

    /// A market where what a win costs rises with the bid: at a multiplier of exp(x) a day has
    /// `wins` × exp(x) wins that are worth one each and cost exp(x/2) × `price`.
    struct Market {
        state: ReturnState,
        worth: f64,
        cost: f64,
        squares: f64,
        wins: f64,
        minute: f64,
    }

    impl Market {
        fn new() -> Self {
            let state = ReturnState::default();
            Self { state, worth: 0.0, cost: 0.0, squares: 0.0, wins: 0.0, minute: 0.0 }
        }

        fn run(&mut self, minutes: u32, price: f64) {
            for _ in 0..minutes {
                let (wins, each) =
                    (2.0 * libm::exp(self.state.x), price * libm::exp(self.state.x / 2.0));
                self.minute += 1.0;
                self.wins += wins;
                self.worth += wins;
                self.cost += wins * each;
                self.squares += wins * (1.0 - each) * (1.0 - each);
                self.state.advance(&ReturnSample {
                    traffic_minutes: 1.0,
                    worth: self.worth,
                    cost: self.cost,
                    squares: self.squares,
                    wins: self.wins,
                    gone_minutes: self.minute,
                    left_minutes: 1_440.0 - self.minute,
                    multiplier_max: PacingMultiplier::try_new(Ppm::new(4_000_000)).unwrap(),
                });
            }
        }
    }

    #[test]
    fn a_day_ends_with_results_worth_a_little_more_than_they_cost() {
        for price in [0.6, 0.8, 1.0, 1.3] {
            let mut market = Market::new();
            market.run(1_440, price);
            let left = market.worth / market.cost - 1.0;
            assert!((0.0..0.05).contains(&left), "{price}: {left}");
        }
    }

    #[test]
    fn cheap_results_leave_it_at_the_most_and_it_comes_down_when_they_grow_dear() {
        let mut market = Market::new();
        market.run(600, 0.4);
        assert!((market.state.x - libm::log(4.0)).abs() < 1e-9, "{:?}", market.state);
        market.run(840, 1.0);
        let left = market.worth / market.cost - 1.0;
        assert!(left >= 0.0 && market.state.x < 0.2, "{left} {:?}", market.state);
    }

    #[test]
    fn where_a_budget_binds_it_stays_at_hand() {
        let mut market = Market::new();
        for _ in 0..600 {
            market.run(1, 0.5);
            market.state.bound(-1.0);
        }
        assert!(market.state.integral <= 0.0 + market.state.gain * market.state.error.abs());
    }

    #[test]
    fn nothing_known_and_nothing_sound_hold_it() {
        let mut state = ReturnState::default();
        let seen = ReturnSample {
            traffic_minutes: 1.0,
            worth: f64::NAN,
            cost: 1.0,
            squares: 0.0,
            wins: 1.0,
            gone_minutes: 1.0,
            left_minutes: 10.0,
            multiplier_max: PacingMultiplier::ONE,
        };
        state.advance(&seen);
        state.advance(&ReturnSample { worth: 0.0, cost: 0.0, ..seen });
        assert_eq!(state, ReturnState::default());
    }
}
