//! The brake: a fast limit on participation when spend runs away from the plan.
//!
//! Not a law: it has no set-point and no memory but its own release. CONTROL.md (11) to (13).
//! Called by the engine: [`Brake::post`] with each spend, [`Brake::step`] once a tick;
//! participation sent is the lesser of the law's and the brake's.

use crate::units::{Nanos, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// One-minute buckets: the last five whole minutes and the one that is running.
const BUCKETS: usize = 6;
/// The same as an index.
const BUCKETS_BACK: i64 = 6;
/// A plan of fewer events a day has no brake: its allowance is its brake.
pub const BRAKE_EVENTS_MIN: f64 = 20.0;
/// The brake lets this much through however far spend has run: at zero it could never be
/// released, since release is a factor.
pub const BRAKE_MIN: f64 = 0.001;
/// Spend up to this many times the plan is left to the law.
const TOLERANCE: f64 = 2.0;
/// Standard deviations of chance that are forgiven.
const SIGMAS: f64 = 3.0;

/// What the brake sees at a step, beside the spend posted to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BrakeSample {
    /// Spend planned since the last step, at least 0.
    pub planned: Nanos,
    /// Price of the dearest recent event.
    pub event_cost: Nanos,
    /// Events in a day's plan; fewer than [`BRAKE_EVENTS_MIN`] keep the brake off.
    pub events: f64,
    /// Whether spend is not known up to now. Then nothing is released: what is not reported is not
    /// saved.
    pub is_stale: bool,
}

/// A minute of spend, plan and brake.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Bucket {
    /// Nanos served in this minute.
    spent: f64,
    /// Nanos planned for this minute so far.
    planned: f64,
    /// Minutes stepped through.
    minutes: f64,
    /// The same, each weighed with the brake in force: minutes open.
    open: f64,
}

impl Bucket {
    /// What would have been spent with the brake off. Dividing the minute's spend by its mean
    /// brake is dividing each part by the brake it was served under, in expectation.
    fn unbraked(&self, in_force: f64) -> f64 {
        if self.spent <= 0.0 {
            return 0.0;
        }
        let brake = if self.minutes > 0.0 { self.open / self.minutes } else { in_force };
        self.spent / brake.max(BRAKE_MIN)
    }
}

/// The brake of one owner: 250 bytes, bounded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brake {
    buckets: [Bucket; BUCKETS],
    /// Minute since 1970 of the newest bucket.
    newest: i64,
    stepped_at: Timestamp,
    participation: f64,
}

impl Brake {
    /// Released.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            buckets: [Bucket::default(); BUCKETS],
            newest: minute_of(now),
            stepped_at: now,
            participation: 1.0,
        }
    }

    /// The most participation allowed, in `[`[`BRAKE_MIN`]`, 1]`.
    #[must_use]
    pub const fn participation(&self) -> f64 {
        self.participation
    }

    /// Whether it holds anything back.
    #[must_use]
    pub fn is_braking(&self) -> bool {
        self.participation < 1.0
    }

    /// Counts spend (negative: given back) to the minute it was served in. What was served before
    /// the window is not counted; what claims to be served after `now` counts as now.
    pub fn post(&mut self, now: Timestamp, served_at: Timestamp, amount: Nanos) {
        let minute = minute_of(served_at.min(now));
        self.roll(minute);
        if minute > self.newest - BUCKETS_BACK {
            self.bucket(minute).spent += amount.as_f64();
        }
    }

    /// Sets the brake for the time from `now` on and returns it.
    pub fn step(&mut self, now: Timestamp, seen: &BrakeSample) -> f64 {
        let elapsed = (now - self.stepped_at).as_minutes().max(0.0);
        self.account(now, seen.planned.at_least_zero().as_f64());
        let allowed = if seen.events >= BRAKE_EVENTS_MIN { self.allowed(seen) } else { 1.0 };
        if allowed > self.participation {
            if !seen.is_stale {
                // At most twofold a minute.
                let release = libm::exp2(elapsed.min(60.0));
                self.participation = (self.participation * release).min(allowed);
            }
        } else {
            self.participation = allowed;
        }
        self.participation
    }

    /// CONTROL.md (11) and (12).
    fn allowed(&self, seen: &BrakeSample) -> f64 {
        let spent: f64 =
            self.buckets.iter().map(|bucket| bucket.unbraked(self.participation)).sum();
        let planned: f64 = self.buckets.iter().map(|bucket| bucket.planned).sum();
        let tolerated = TOLERANCE * planned;
        let event_cost = seen.event_cost.at_least_zero().as_f64();
        if spent - event_cost <= tolerated {
            return 1.0;
        }
        let excess = spent - event_cost - SIGMAS * (planned * event_cost).sqrt();
        if excess <= tolerated { 1.0 } else { (tolerated / excess).clamp(BRAKE_MIN, 1.0) }
    }

    /// Books the time since the last step, with the plan spread evenly over it, to its minutes.
    fn account(&mut self, now: Timestamp, planned: f64) {
        if now <= self.stepped_at {
            let minute = minute_of(self.stepped_at);
            self.bucket(minute).planned += planned;
            return;
        }
        self.roll(minute_of(now));
        let whole = (now - self.stepped_at).as_minutes();
        let first = minute_of(self.stepped_at).max(self.newest - BUCKETS_BACK + 1);
        for minute in first..=self.newest {
            let start = self.stepped_at.max(start_of(minute));
            let part = (now.min(start_of(minute + 1)) - start).as_minutes().max(0.0);
            let in_force = self.participation;
            let bucket = self.bucket(minute);
            bucket.planned += planned * part / whole;
            bucket.minutes += part;
            bucket.open += part * in_force;
        }
        self.stepped_at = now;
    }

    /// Makes `minute` the newest, if it is newer, with empty buckets up to it.
    fn roll(&mut self, minute: i64) {
        for empty in (self.newest + 1).max(minute - BUCKETS_BACK + 1)..=minute {
            *self.bucket(empty) = Bucket::default();
        }
        self.newest = self.newest.max(minute);
    }

    fn bucket(&mut self, minute: i64) -> &mut Bucket {
        let slot = usize::try_from(minute.rem_euclid(BUCKETS_BACK)).expect("below the modulus");
        &mut self.buckets[slot]
    }
}

/// Minutes since 1970, rounded down.
const fn minute_of(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(Span::MINUTE.as_micros())
}

const fn start_of(minute: i64) -> Timestamp {
    Timestamp::from_micros(minute * Span::MINUTE.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;

    const START: Timestamp = Timestamp::from_micros(1_000 * Span::DAY.as_micros());
    const TICK: Span = Span::from_secs(10);
    const CENT: Nanos = Nanos::new(10_000_000);

    /// A uniform draw in [0, 1).
    fn draw(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_add(1);
        f64::from(u32::try_from(mix(mix(*seed)) >> 32).unwrap()) / 4_294_967_296.0
    }

    fn sample(planned: Nanos, events: f64) -> BrakeSample {
        BrakeSample { planned, event_cost: CENT, events, is_stale: false }
    }

    /// Runs `hours` at `pace` × a plan of `events` cents a day, events arriving by chance and let
    /// through by the brake. Returns mean brake and spend over plan.
    fn run(events: u32, pace: f64, hours: i64, seed: u64) -> (f64, f64) {
        let mut seed = mix(seed);
        let mut brake = Brake::new(START);
        let ticks = hours * 360;
        let planned = Nanos::new(CENT.get() * i64::from(events) / 8_640);
        let chance = pace * f64::from(events) / 8_640.0;
        let (mut sum, mut spent) = (0.0, 0);
        for tick in 1..=ticks {
            let now = START + TICK.times(tick);
            // Up to 64 possible arrivals a tick stand for a Poisson count.
            for _ in 0..64 {
                if draw(&mut seed) < chance / 64.0 && draw(&mut seed) < brake.participation() {
                    brake.post(now, now, CENT);
                    spent += 1;
                }
            }
            sum += brake.step(now, &sample(planned, f64::from(events)));
        }
        let ticks = f64::from(i32::try_from(ticks).unwrap());
        (sum / ticks, f64::from(spent) / (f64::from(events) * ticks / 8_640.0))
    }

    #[test]
    fn healthy_campaigns_of_any_size_are_not_held_back() {
        for events in [20, 30, 100, 300, 1_000, 10_000] {
            let means: Vec<f64> = (0..4).map(|seed| run(events, 1.0, 48, seed).0).collect();
            for mean in means {
                assert!(mean > 0.99, "{events} events a day: mean brake {mean}");
            }
        }
    }

    #[test]
    fn a_runaway_is_cut_within_one_step_of_a_minute() {
        let mut brake = Brake::new(START);
        let planned = Nanos::from_units(1);
        for minute in 1..=10 {
            let now = START + Span::MINUTE.times(minute);
            brake.post(now, now - Span::from_secs(30), planned);
            assert!((brake.step(now, &sample(planned, 144_000.0)) - 1.0).abs() < 1e-12);
        }
        let now = START + Span::MINUTE.times(11);
        brake.post(now, now - Span::from_secs(30), Nanos::from_units(10));
        let braked = brake.step(now, &sample(planned, 144_000.0));
        assert!(braked < 0.9, "brake {braked}");
    }

    #[test]
    fn a_lasting_runaway_is_held_to_about_twice_the_plan() {
        for seed in 0..4 {
            let (_, pace) = run(10_000, 10.0, 6, seed);
            assert!((1.7..2.3).contains(&pace), "spent {pace} times the plan");
        }
    }

    #[test]
    fn release_is_at_most_twofold_a_minute() {
        let mut brake = Brake::new(START);
        let now = START + TICK;
        brake.post(now, now, Nanos::from_units(100));
        let mut last = brake.step(now, &sample(CENT, 100_000.0));
        assert!(last < 0.01);
        let mut minutes = 0;
        while last < 1.0 {
            minutes += 1;
            let now = now + Span::MINUTE.times(minutes);
            let next = brake.step(now, &sample(CENT, 100_000.0));
            assert!(next <= last * 2.0 + 1e-12);
            last = next;
        }
        assert!((6..20).contains(&minutes), "released after {minutes} minutes");
    }

    #[test]
    fn silence_releases_nothing() {
        let mut brake = Brake::new(START);
        brake.post(START, START, Nanos::from_units(100));
        let held = brake.step(START + TICK, &sample(CENT, 100_000.0));
        for minute in 1..=20 {
            let silent = BrakeSample { is_stale: true, ..sample(CENT, 100_000.0) };
            let now = START + TICK + Span::MINUTE.times(minute);
            assert!((brake.step(now, &silent) - held).abs() < 1e-12);
        }
        let now = START + TICK + Span::MINUTE.times(21);
        let released = brake.step(now, &sample(CENT, 100_000.0));
        assert!((released - 2.0 * held).abs() < 1e-12, "one step's, not what passed in silence");
    }

    #[test]
    fn spend_reported_late_counts_with_the_brake_it_was_served_under() {
        // The brake acts at once; what arrives afterwards but was served before must not be
        // blown up by it.
        let mut brake = Brake::new(START);
        let planned = Nanos::from_units(1);
        let mut now = START + Span::MINUTE;
        brake.post(now, START + Span::from_secs(5), Nanos::from_units(20));
        let braked = brake.step(now, &sample(planned, 144_000.0));
        now += Span::MINUTE;
        brake.post(now, START + Span::from_secs(30), Nanos::from_units(20));
        let after = brake.step(now, &sample(planned, 144_000.0));
        let c = 0.01;
        let excess = 40.0 - c - 3.0 * libm::sqrt(2.0 * c);
        assert!(braked < 0.2);
        assert!((after - 4.0 / excess).abs() < 1e-9, "{after}");
    }

    #[test]
    fn a_plan_of_few_events_has_no_brake() {
        let mut brake = Brake::new(START);
        brake.post(START, START, Nanos::from_units(100));
        let now = START + TICK;
        assert!((brake.step(now, &sample(CENT, 19.0)) - 1.0).abs() < 1e-12);
        assert!(!brake.is_braking());
    }

    #[test]
    fn clocks_that_lie_do_no_harm() {
        let mut brake = Brake::new(START);
        brake.post(START, Timestamp::MAX, CENT);
        brake.post(START, Timestamp::MIN, Nanos::from_units(1_000));
        brake.step(START - Span::DAY, &sample(CENT, 100.0));
        let braked = brake.step(START + TICK, &sample(CENT, 100.0));
        assert!((braked - 1.0).abs() < 1e-12);
        brake.step(Timestamp::MAX, &sample(CENT, 100.0));
        assert!(!brake.is_braking());
    }

    #[test]
    fn a_brake_survives_text() {
        let mut brake = Brake::new(START);
        brake.post(START, START, Nanos::from_units(3));
        brake.step(START + TICK, &sample(CENT, 1_000.0));
        let text = serde_json::to_string(&brake).unwrap();
        assert_eq!(serde_json::from_str::<Brake>(&text).unwrap(), brake);
    }
}
