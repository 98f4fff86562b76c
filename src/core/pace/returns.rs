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
pub const ELASTICITY: f64 = 0.5;
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
/// flight ends above its target and not about it. Two would do 39 of 40 times by the normal law,
/// but wins of an hour share their luck, of which single ones tell too little.
const RESERVE_DEVIATIONS: f64 = 3.5;
/// The proportional part goes no lower than this: with spend ~ exp(1.5 x) and a return that falls
/// by half as fast as the bid rises, a gap is made up for fastest at 2 ln 1.5 below break-even, and
/// slower further down, where next to nothing is won.
const DEPTH_MAX: f64 = 0.81;
/// A gap is closing when a minute mends a twentieth of what a minute costs on average, however
/// large it is: asking for more would lower bids that mend it.
const CLOSING_MAX: f64 = 0.05;
/// How long what was won of late says whether the gap is closing, as a share of the settling time.
const DRIFT_SHARE: f64 = 0.25;
/// Of a level found too low to win, a third is left after so many minutes without a win, counted
/// from one settling time on.
const FORGET_MINUTES: f64 = 1_440.0;
/// At least this share of a day's spend is kept in hand: what the loop itself misses when prices
/// move, where wins are many and chance is small.
const RESERVE_SHARE: f64 = 0.005;
/// How far x may move in a minute of traffic time: as the default law.
const SLEW_PER_MINUTE: f64 = 0.23;
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
    /// Sum over wins that cost more than they are worth of the square of the difference, in nanos².
    pub losses: f64,
    /// Wins so far.
    pub wins: f64,
    /// Minutes of the window that are over.
    pub gone_minutes: f64,
    /// Minutes of it that are left.
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
    settling: f64,
    /// How fast a gap should close, in nanos a minute.
    closing: f64,
}

impl ReturnSample {
    /// In minutes.
    fn window(&self) -> f64 {
        (self.gone_minutes + self.left_minutes).clamp(1.0, WINDOW_MINUTES_MAX)
    }

    /// τ, in minutes.
    fn settling(&self) -> f64 {
        (SETTLING_SHARE * self.window()).clamp(SETTLING_MINUTES_MIN, SETTLING_MINUTES_MAX)
    }

    /// CONTROL.md (28) to (30); nothing while nobody has said what a win may bring.
    fn read(&self) -> Option<Reading> {
        let sum = self.worth + self.cost + self.losses + self.wins;
        // A producer that says of no win what it may bring is no reason to stop bidding.
        let is_known = self.worth > 0.0 && self.cost > 0.0;
        if !(sum.is_finite() && is_known && self.gone_minutes > 0.0) {
            return None;
        }
        let (window, settling) = (self.window(), self.settling());
        let days = self.gone_minutes.max(settling / 4.0) / window;
        let ahead = settling.min(self.left_minutes.max(0.0)) / self.gone_minutes.max(1.0);
        let daily = self.cost / days;
        // Luck is as often good as bad: the losses are half of its variance.
        let chance = RESERVE_DEVIATIONS * (2.0 * self.losses.max(0.0) * ahead).sqrt();
        let reserve = chance.max(RESERVE_SHARE * daily);
        let gap = (self.worth - self.cost - reserve) / daily;
        let noise = (self.wins / days / WHOLE_GAIN_WINS).sqrt().clamp(NOISE_SHARE_MIN, 1.0);
        Some(Reading {
            error: gap.clamp(-ERROR_CLIP, ERROR_CLIP),
            gain: window / (ELASTICITY * settling) * noise,
            reserve,
            settling,
            closing: (-gap * daily / (INTEGRAL_RATIO * settling)).min(CLOSING_MAX * daily / window),
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
    /// Worth less cost of late, in nanos a minute.
    drift: f64,
    /// Gap and wins of the last step.
    gap: f64,
    wins: f64,
    /// Traffic minutes since a win.
    silent: f64,
}

impl Default for ReturnState {
    /// At full bids as they are asked: where bids are what an impression is worth at the target, no
    /// win of a second-price auction costs more than that.
    fn default() -> Self {
        Self {
            integral: 0.0,
            x: 0.0,
            error: 0.0,
            gain: 0.0,
            reserve: 0.0,
            drift: 0.0,
            gap: 0.0,
            wins: 0.0,
            silent: 0.0,
        }
    }
}

impl ReturnState {
    /// Where the next flight begins: at the level that this one found.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { integral: self.integral, x: self.integral, ..Self::default() }
    }

    /// One step. CONTROL.md (31). Numbers that are not finite hold it.
    pub fn advance(&mut self, seen: &ReturnSample) {
        let x_max = limit::x_max(seen.multiplier_max);
        let minutes = seen.traffic_minutes.clamp(0.0, limit::STEP_MINUTES_MAX);
        if !seen.traffic_minutes.is_finite() || minutes <= 0.0 {
            self.x = self.x.min(x_max);
            return;
        }
        let has_won = self.hear(seen, minutes);
        if let Some(Reading { error, gain, reserve, settling, closing }) = seen.read() {
            (self.error, self.gain, self.reserve) = (error, gain, reserve);
            let raw = self.raw();
            let is_stuck = raw >= x_max && error > 0.0;
            // Down only by what is won: a gap that closes as fast as it should needs no lower bid,
            // and a bid that wins nothing closes none.
            let is_worse = has_won && self.drift < closing;
            if (error > 0.0 && !is_stuck) || (error < 0.0 && is_worse) {
                self.integral += gain * error * minutes / (INTEGRAL_RATIO * settling);
            }
        }
        if self.silent > seen.settling() && self.integral < 0.0 {
            self.integral *= libm::exp(-minutes / FORGET_MINUTES);
        }
        self.integral = self.integral.clamp(X_MIN, x_max);
        let target = self.raw().clamp(X_MIN, x_max);
        self.x = limit::slew(self.x, target, SLEW_PER_MINUTE * minutes);
    }

    /// What was won since the last step; whether anything was.
    fn hear(&mut self, seen: &ReturnSample, minutes: f64) -> bool {
        let gap = seen.worth - seen.cost;
        let has_won = seen.wins > self.wins;
        if gap.is_finite() {
            let kept = libm::exp(-minutes / (DRIFT_SHARE * seen.settling()));
            self.drift = kept * self.drift + (1.0 - kept) * (gap - self.gap) / minutes;
            self.gap = gap;
        }
        self.wins = seen.wins;
        self.silent = if has_won { 0.0 } else { self.silent + minutes };
        has_won
    }

    fn raw(&self) -> f64 {
        self.integral + (self.gain * self.error).max(-DEPTH_MAX)
    }

    /// It does not bind: budgets hold the campaign at `applied_x`. Its integral goes no further
    /// above that, or above break-even if that is more, than its proportional part reaches.
    pub fn bound(&mut self, applied_x: f64) {
        if applied_x.is_finite() && self.x > applied_x {
            let room = self.gain * self.error.abs();
            self.integral = self.integral.min(applied_x.max(0.0) + room);
            self.x = self.x.min(self.raw().max(applied_x));
        }
    }

    /// A hand holds the campaign at `applied_x`: who lets go expects it to stay there.
    pub fn follow(&mut self, applied_x: f64) {
        if applied_x.is_finite() {
            self.x = applied_x.max(X_MIN);
            self.integral = self.x - (self.raw() - self.integral);
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
        losses: f64,
        wins: f64,
        minute: f64,
        length: f64,
    }

    impl Market {
        fn new() -> Self {
            let state = ReturnState::default();
            let length = 1_440.0;
            Self { state, worth: 0.0, cost: 0.0, losses: 0.0, wins: 0.0, minute: 0.0, length }
        }

        fn days(&mut self, more: u32) {
            self.length += 1_440.0 * f64::from(more);
        }

        fn nothing(&mut self, minutes: u32) {
            for _ in 0..minutes {
                self.minute += 1.0;
                self.see();
            }
        }

        fn see(&mut self) {
            self.state.advance(&ReturnSample {
                traffic_minutes: 1.0,
                worth: self.worth,
                cost: self.cost,
                losses: self.losses,
                wins: self.wins,
                gone_minutes: self.minute,
                left_minutes: self.length - self.minute,
                multiplier_max: PacingMultiplier::try_new(Ppm::new(4_000_000)).unwrap(),
            });
        }

        fn run(&mut self, minutes: u32, price: f64) {
            for _ in 0..minutes {
                let (wins, each) =
                    (2.0 * libm::exp(self.state.x), price * libm::exp(self.state.x / 2.0));
                self.minute += 1.0;
                self.wins += wins;
                self.worth += wins;
                self.cost += wins * each;
                self.losses += wins * (each - 1.0).max(0.0) * (each - 1.0).max(0.0);
                self.see();
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
        assert!(left >= -0.001 && market.state.x < 0.2, "{left} {:?}", market.state);
    }

    #[test]
    fn where_a_budget_binds_it_stays_at_hand() {
        let mut market = Market::new();
        // A surplus of a whole day's spend, by far.
        market.run(300, 0.3);
        assert!(market.state.integral > 0.0, "{:?}", market.state);
        (market.state.gain, market.state.error) = (10.0, 0.01);
        market.state.bound(-1.0);
        assert!(market.state.integral <= 0.1 && market.state.x <= 0.2, "{:?}", market.state);
    }

    #[test]
    fn what_a_hand_or_a_jump_of_prices_lost_is_made_up_for() {
        let mut market = Market::new();
        market.run(300, 0.9);
        // Six hours at full bids that cost three times what they bring.
        for _ in 0..360 {
            market.run(1, 2.7);
            market.state.follow(0.0);
        }
        let lost = market.worth - market.cost;
        assert!(lost < 0.0);
        market.days(6);
        market.run(8_640, 0.9);
        assert!(market.worth >= market.cost, "{lost} {:?}", market.state);
    }

    #[test]
    fn a_level_at_which_nothing_is_won_is_given_up() {
        let low = ReturnState { integral: -6.0, x: -6.0, ..ReturnState::default() };
        let mut market = Market { state: low, ..Market::new() };
        for _ in 0..4 {
            market.nothing(1_440);
        }
        assert!(market.state.x > -0.2, "{:?}", market.state);
    }

    #[test]
    fn one_win_that_brings_much_is_no_reason_to_fear() {
        let mut market = Market::new();
        market.run(60, 0.9);
        market.worth += 2_000.0;
        market.run(60, 0.9);
        assert!(market.state.x > 0.5, "{:?}", market.state);
    }

    #[test]
    fn nothing_known_and_nothing_sound_hold_it() {
        let mut state = ReturnState::default();
        let seen = ReturnSample {
            traffic_minutes: 1.0,
            worth: f64::NAN,
            cost: 1.0,
            losses: 0.0,
            wins: 0.0,
            gone_minutes: 1.0,
            left_minutes: 10.0,
            multiplier_max: PacingMultiplier::ONE,
        };
        state.advance(&seen);
        state.advance(&ReturnSample { worth: 0.0, cost: 0.0, ..seen });
        let held = (state.integral, state.x, state.error);
        assert_eq!(held, (0.0, 0.0, 0.0));
    }
}
