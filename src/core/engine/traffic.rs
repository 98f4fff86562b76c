//! How much traffic there was against how much was expected: the pace of traffic time.
//!
//! Knows no money. Called by the owner at every tick.

use super::owner::OwnerView;
use crate::pace::filter::{Decay, TRAFFIC_TIME, TrafficWeight};
use crate::units::{ShapeId, Span, Timestamp, ZoneId};
use serde::{Deserialize, Serialize};

/// Traffic that the estimate of a day's asks remembers, in shares of a week.
const VOLUME_MEMORY: Span = Span::DAY;

/// A surge is one for about so long; more traffic than forecast for longer is the level.
const SURGE_MEMORY: Span = Span::from_mins(480);

/// Share of an outage that the estimate does not learn from: it forgets in a week then.
const UNLEARNT: f64 = 6.0 / 7.0;

/// What the time since the last step was worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Passed {
    /// Traffic time in a minute of it.
    pub weight: f64,
    /// How surely there was next to no traffic in it.
    pub absence: f64,
    /// [`PaceSample::presence`](crate::pace::PaceSample::presence).
    pub presence: f64,
}

impl Passed {
    /// It is not counted.
    pub(super) const NOTHING: Self = Self { weight: 0.0, absence: 0.0, presence: 1.0 };
}

/// How much is forgotten over a step: of the weight, of surges, of the volume.
pub(super) type Decays = (Decay, Decay, Decay);

/// What is alike for most owners of a round, worked out once: how much is forgotten over the step,
/// and the traffic of a zone under a shape.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    elapsed: Span,
    decays: Option<Decays>,
    traffic: Option<(ZoneId, Option<ShapeId>, Timestamp, f64)>,
}

impl Rhythm {
    /// How much is forgotten over `elapsed`.
    pub(super) fn decays(&mut self, elapsed: Span) -> Decays {
        if let Some(known) = self.decays.filter(|_| self.elapsed == elapsed) {
            return known;
        }
        let fresh = [TRAFFIC_TIME, SURGE_MEMORY, VOLUME_MEMORY];
        let [weight, surge, volume] = fresh.map(|time| Decay::over(elapsed, time));
        let fresh = (weight, surge, volume);
        self.elapsed = elapsed;
        self.decays = Some(fresh);
        fresh
    }

    pub(super) fn traffic<L>(
        &mut self,
        view: &OwnerView<'_, L>,
        zone: ZoneId,
        shape: Option<ShapeId>,
        at: Timestamp,
    ) -> f64 {
        match self.traffic {
            Some((known_zone, known_shape, known_at, rate))
                if view.is_common && (known_zone, known_shape, known_at) == (zone, shape, at) =>
            {
                rate
            }
            _ => {
                let rate = traffic_at(view, zone, at);
                if view.is_common {
                    self.traffic = Some((zone, shape, at, rate));
                }
                rate
            }
        }
    }
}

/// Actual asks against those expected at this time of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Traffic {
    weight: TrafficWeight,
    /// Mean of how many times its forecast came of late, at least 1.
    surge: f64,
    /// Asks and planned shares of late, whose ratio is the volume.
    asks: f64,
    share: f64,
    /// Since the last step; absent when nobody reported.
    pub pending: Option<u64>,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self { weight: TrafficWeight::default(), surge: 1.0, asks: 0.0, share: 0.0, pending: None }
    }

    /// Traffic of late over what was expected, 0 to 1; one too where nobody reports it.
    pub(super) fn weight(&self) -> f64 {
        self.weight.weight()
    }

    /// Asks per unit of the shape's traffic, of the last day or so; 0 while nobody reported any.
    pub(super) fn volume(&self) -> f64 {
        if self.share > 0.0 { self.asks / self.share } else { 0.0 }
    }

    /// The time just passed; `share` is the traffic expected in it.
    pub(super) fn step(&mut self, (short, middle, long): Decays, share: f64) -> Passed {
        let asks = self.pending.take();
        #[expect(clippy::cast_precision_loss, reason = "counts for control")]
        let asks = asks.map(|asks| asks as f64);
        // Without any report yet, traffic is unknown; after the first, silence is no traffic.
        let asks = asks.or((self.asks > 0.0).then_some(0.0));
        // The first asks are their own forecast: none was made of them.
        let forecast =
            if self.asks > 0.0 { self.volume() * share } else { asks.unwrap_or_default() };
        let weight = self.weight.step(short, asks, forecast);
        let absence = self.weight.absence();
        let present = self.weight.presence();
        let presence = (present / self.surge).max(1.0);
        self.surge += (1.0 - middle.kept()) * (present - self.surge);
        if let Some(asks) = asks {
            // An outage says little of what comes after it.
            let learnt = 1.0 - UNLEARNT * absence;
            let kept = 1.0 - learnt * (1.0 - long.kept());
            self.asks = self.asks * kept + learnt * asks;
            self.share = self.share * kept + learnt * share;
        }
        Passed { weight, absence, presence }
    }
}

/// Expected traffic at a moment, over the shape's mean: shapes may change under what was counted.
pub(super) fn traffic_at<L>(view: &OwnerView<'_, L>, zone: ZoneId, at: Timestamp) -> f64 {
    let Some(day) = view.days.day_at(zone, at) else { return 1.0 };
    let Some(hour) = day.hour_at(at) else { return 1.0 };
    // Growth is in the volume already.
    let holiday = view.levels.holiday(day.window).map_or(1.0, ratio_of);
    let slots = view.shape.hour_slots(hour.hour_of_week);
    let done = (at - hour.window.start()).ratio_to(hour.window.span());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among at most four slots"
    )]
    let place = (done * slots.len() as f64) as usize;
    slots.get(place).or(slots.last()).map_or(1.0, |&weight| f64::from(weight)) * holiday
        / view.shape.mean()
}

/// A day's level as a ratio.
pub(super) fn ratio_of(level: u64) -> f64 {
    f64::from(u32::try_from(level).unwrap_or(u32::MAX)) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;

    const STEP: Span = Span::from_secs(10);

    /// A step with so many asks, where a day of the shape's mean traffic is one.
    fn step(traffic: &mut Traffic, asks: Option<u64>) -> Passed {
        traffic.pending = asks;
        let decays = Rhythm::default().decays(STEP);
        traffic.step(decays, STEP.ratio_to(Span::DAY))
    }

    fn mean_presence(asks_a_day: f64, step: Span, days: i64) -> f64 {
        let (mut traffic, mut seed) = (Traffic::new(), 7_u64);
        let decays = Rhythm::default().decays(step);
        let share = step.ratio_to(Span::DAY);
        let steps = Span::DAY.times(days).as_micros() / step.as_micros();
        let (mut sum, mut count) = (0.0, 0.0);
        for _ in 0..steps {
            seed = mix(seed);
            // Ten chances a step stand for a Poisson count.
            let asks = (0..10).filter(|&chance| {
                let word = u32::try_from(mix(seed ^ chance) >> 32).unwrap();
                let draw = f64::from(word) / 4_294_967_296.0;
                draw < asks_a_day * share / 10.0
            });
            traffic.pending = Some(asks.count() as u64);
            let passed = traffic.step(decays, share);
            (sum, count) = (sum + passed.weight * passed.presence, count + 1.0);
        }
        sum / count
    }

    #[test]
    fn weight_and_presence_together_are_even_on_average_whatever_the_step() {
        for (asks, seconds) in [(100.0, 10), (500.0, 10), (1_000.0, 1), (10_000.0, 10)] {
            let mean = mean_presence(asks, Span::from_secs(seconds), 2);
            assert!((mean - 1.0).abs() < 0.05, "{asks} a day by {seconds} s: {mean}");
        }
    }

    #[test]
    fn presence_is_what_comes_beyond_the_forecast() {
        let mut traffic = Traffic::new();
        let close = |presence: f64, to: f64| (presence - to).abs() < 0.1 * to;
        assert!(close(step(&mut traffic, None).presence, 1.0), "nobody tells asks");
        let run = |traffic: &mut Traffic, asks: Option<u64>| {
            (0..90).map(|_| step(traffic, asks)).last().unwrap()
        };
        for _ in 0..20 {
            run(&mut traffic, Some(1_000));
        }
        let twice = run(&mut traffic.clone(), Some(2_000)).presence;
        assert!(close(twice, 2.0), "{twice}");
        assert!(run(&mut traffic.clone(), Some(90_000)).presence < 8.0, "it is bounded");
        let half = run(&mut traffic.clone(), Some(500));
        assert!(close(half.presence, 1.0) && half.weight < 0.6, "weight says it: {half:?}");
        assert!(close(run(&mut traffic, None).presence, 1.0));
    }
}
