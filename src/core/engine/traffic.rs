//! How much traffic there was against how much was expected: the pace of traffic time.
//!
//! Knows no money. Called by the owner at every tick.

use super::owner::OwnerView;
use crate::pace::filter::{Decay, TRAFFIC_TIME, TrafficWeight};
use crate::units::{ShapeId, Span, Timestamp, ZoneId};
use serde::{Deserialize, Serialize};

/// Traffic that the estimate of a day's asks remembers, in shares of a week.
const VOLUME_MEMORY: Span = Span::DAY;

/// Share of an outage that the estimate does not learn from: it forgets in a week then.
const UNLEARNT: f64 = 6.0 / 7.0;

/// What is alike for most owners of a round, worked out once: how much is forgotten over the step,
/// and the traffic of a zone under a shape.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    elapsed: Span,
    decays: Option<(Decay, Decay)>,
    traffic: Option<(ZoneId, Option<ShapeId>, Timestamp, f64)>,
}

impl Rhythm {
    /// How much is forgotten over `elapsed`: of the weight, of the volume.
    pub(super) fn decays(&mut self, elapsed: Span) -> (Decay, Decay) {
        if let Some(known) = self.decays.filter(|_| self.elapsed == elapsed) {
            return known;
        }
        let fresh = (Decay::over(elapsed, TRAFFIC_TIME), Decay::over(elapsed, VOLUME_MEMORY));
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
    /// Asks and planned shares of late, whose ratio is the volume.
    asks: f64,
    share: f64,
    /// Since the last step; absent when nobody reported.
    pub pending: Option<u64>,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self { weight: TrafficWeight::default(), asks: 0.0, share: 0.0, pending: None }
    }

    /// Traffic of late over what was expected, 0 to 1; one too where nobody reports it.
    pub(super) fn weight(&self) -> f64 {
        self.weight.weight()
    }

    /// Asks per unit of the shape's traffic, of the last day or so; 0 while nobody reported any.
    pub(super) fn volume(&self) -> f64 {
        if self.share > 0.0 { self.asks / self.share } else { 0.0 }
    }

    /// The weight of the time just passed, and how surely there was next to no traffic in it;
    /// `share` is the traffic expected in it.
    pub(super) fn step(&mut self, (short, long): (Decay, Decay), share: f64) -> (f64, f64) {
        let asks = self.pending.take();
        #[expect(clippy::cast_precision_loss, reason = "counts for control")]
        let asks = asks.map(|asks| asks as f64);
        // Without any report yet, traffic is unknown; after the first, silence is no traffic.
        let asks = asks.or((self.asks > 0.0).then_some(0.0));
        let weight = self.weight.step(short, asks, self.volume() * share);
        let absence = self.weight.absence();
        if let Some(asks) = asks {
            // An outage says little of what comes after it.
            let learnt = 1.0 - UNLEARNT * absence;
            let kept = 1.0 - learnt * (1.0 - long.kept());
            self.asks = self.asks * kept + learnt * asks;
            self.share = self.share * kept + learnt * share;
        }
        (weight, absence)
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
