//! How planned and actual spend and the multipliers went: what the charts are drawn from.
//!
//! Kept in memory only: it begins anew with the process, and the log holds the truth. Knows no
//! pages. [`record`] is run by `app`, the rings are read by the pages.

use super::overview::{self, Amounts};
use crate::control_loop::LoopError;
use crate::partition::Partitions;
use paceline_core::campaign::CampaignStatus;
use paceline_core::engine::Engine;
use paceline_core::units::{CampaignId, Currency, Nanos, Ppm, Span, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;

/// Points of a ring: two hours of ticks of ten seconds in full, everything before ever coarser, and
/// more than a chart has pixels to show.
const POINTS_MAX: usize = 720;
/// Points of a ring that were never thinned.
const RECENT: usize = POINTS_MAX / 2;
/// Campaigns with a history: with 32 bytes a point, 23 MB at most.
pub(super) const CAMPAIGNS_MAX: usize = 1_000;
/// Currencies with a history; the pages show no more.
pub(super) const CURRENCIES_MAX: usize = 4;
/// Time between samples until a loop has told its period.
const PERIOD_UNKNOWN: Span = Span::from_secs(10);

/// Points in the order of time, at most [`POINTS_MAX`]. When they get too many, every other one of
/// the older half goes, so that the first stays and the latest are all there.
#[derive(Debug, Clone)]
struct Ring<T>(Vec<T>);

impl<T: Copy> Ring<T> {
    const fn new() -> Self {
        Self(Vec::new())
    }

    fn push(&mut self, point: T) {
        if self.0.len() >= POINTS_MAX {
            let mut place = 0;
            self.0.retain(|_| {
                place += 1;
                place > RECENT || place % 2 == 1
            });
        }
        self.0.push(point);
    }

    fn recent(&self) -> &[T] {
        &self.0[self.0.len().saturating_sub(RECENT)..]
    }
}

/// All campaigns of a currency at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TotalPoint {
    pub at: Timestamp,
    pub amounts: Amounts,
}

/// A campaign at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CampaignPoint {
    pub at: Timestamp,
    /// Zero while it has no plan.
    pub planned: Nanos,
    pub actual: Nanos,
    pub multiplier: Ppm,
    pub participation: Ppm,
}

/// What has been seen so far. Cheap to clone; clones see the same.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Rings>>);

#[derive(Debug, Default)]
struct Rings {
    totals: BTreeMap<Currency, Ring<TotalPoint>>,
    campaigns: HashMap<CampaignId, Ring<CampaignPoint>>,
}

/// What one partition looks like at a moment.
#[derive(Debug)]
struct Sample {
    period: Span,
    totals: BTreeMap<Currency, Amounts>,
    campaigns: Vec<(CampaignId, CampaignPoint)>,
}

impl History {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The course of a currency's totals.
    pub(super) fn totals(&self, currency: Currency) -> Vec<TotalPoint> {
        self.lock().totals.get(&currency).map_or_else(Vec::new, |ring| ring.0.clone())
    }

    /// The course of a campaign; empty when none is kept.
    pub(super) fn campaign(&self, campaign: CampaignId) -> Vec<CampaignPoint> {
        self.lock().campaigns.get(&campaign).map_or_else(Vec::new, |ring| ring.0.clone())
    }

    /// The latest multipliers of campaigns, evenly spaced.
    pub(super) fn multipliers(&self, campaigns: &[CampaignId]) -> Vec<Vec<f64>> {
        let rings = self.lock();
        let of = |id| {
            let points = rings.campaigns.get(id).map_or(&[][..], Ring::recent);
            points.iter().map(|point| point.multiplier.as_f64()).collect()
        };
        campaigns.iter().map(of).collect()
    }

    /// A sample of all partitions led here. Campaigns that are gone make room for others.
    fn add(&self, now: Timestamp, samples: &[Sample]) {
        let mut rings = self.lock();
        let mut totals: BTreeMap<Currency, Amounts> = BTreeMap::new();
        for (currency, amounts) in samples.iter().flat_map(|sample| &sample.totals) {
            totals.entry(*currency).or_default().add(amounts);
        }
        for (currency, amounts) in totals {
            if rings.totals.contains_key(&currency) || rings.totals.len() < CURRENCIES_MAX {
                let ring = rings.totals.entry(currency).or_insert(Ring::new());
                ring.push(TotalPoint { at: now, amounts });
            }
        }
        let seen = || samples.iter().flat_map(|sample| &sample.campaigns);
        let ids: HashSet<CampaignId> = seen().map(|(id, _)| *id).collect();
        rings.campaigns.retain(|id, _| ids.contains(id));
        for (id, point) in seen() {
            if rings.campaigns.contains_key(id) || rings.campaigns.len() < CAMPAIGNS_MAX {
                rings.campaigns.entry(*id).or_insert(Ring::new()).push(*point);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at all partitions led here once a tick, until every loop has stopped.
pub async fn record(partitions: Partitions, history: History) {
    while let Some(period) = observe(&partitions, &history).await {
        partitions.clock().sleep(period).await;
    }
}

/// Looks once. How long until the next look; nothing once every loop has stopped.
pub(super) async fn observe(partitions: &Partitions, history: &History) -> Option<Span> {
    let samples = sample(partitions).await?;
    let period = samples.first().map(|sample| sample.period);
    if period.is_some() {
        history.add(partitions.clock().now(), &samples);
    }
    Some(period.unwrap_or(PERIOD_UNKNOWN))
}

/// A sample of each partition led here; nothing once every loop has stopped.
async fn sample(partitions: &Partitions) -> Option<Vec<Sample>> {
    let mut asked = JoinSet::new();
    for handle in partitions.all() {
        let handle = handle.clone();
        asked.spawn(async move { handle.ask(look).await });
    }
    let answers = asked.join_all().await;
    let has_stopped = |answer: &Result<_, _>| matches!(answer, Err(LoopError::Stopped));
    if answers.iter().all(has_stopped) {
        return None;
    }
    Some(answers.into_iter().flatten().collect())
}

fn look(engine: &Engine) -> Sample {
    let period = engine.config().tick;
    let mut sample = Sample { period, totals: BTreeMap::new(), campaigns: Vec::new() };
    let live = engine.overviews().filter(|held| held.spec.status != CampaignStatus::Archived);
    for held in live {
        let amounts = overview::amounts(&held);
        sample.totals.entry(held.currency).or_default().add(&amounts);
        let (Some(entry), true) = (held.entry, sample.campaigns.len() < CAMPAIGNS_MAX) else {
            continue;
        };
        let point = CampaignPoint {
            at: engine.now(),
            planned: overview::planned(&held).unwrap_or(Nanos::ZERO),
            actual: overview::actual(&held),
            multiplier: entry.multiplier.ppm(),
            participation: entry.participation.ppm(),
        };
        sample.campaigns.push((held.spec.id, point));
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_keeps_its_first_and_all_of_its_latest() {
        let mut ring = Ring::new();
        for point in 0..10_000_u32 {
            ring.push(point);
            assert!(ring.0.len() <= POINTS_MAX);
        }
        assert_eq!(ring.0[0], 0);
        assert!(ring.0.is_sorted());
        let latest: Vec<u32> = (10_000 - 360..10_000).collect();
        assert_eq!(ring.recent(), latest);
    }

    #[test]
    fn campaigns_beyond_the_bound_wait_until_another_is_gone() {
        let history = History::new();
        let point = CampaignPoint {
            at: Timestamp::MIN,
            planned: Nanos::ZERO,
            actual: Nanos::ZERO,
            multiplier: Ppm::ONE,
            participation: Ppm::ONE,
        };
        let of = |ids: std::ops::RangeInclusive<u64>| {
            let campaigns = ids.map(|id| (CampaignId::from_key(id), point)).collect();
            vec![Sample { period: Span::MINUTE, totals: BTreeMap::new(), campaigns }]
        };
        history.add(Timestamp::MIN, &of(1..=1_001));
        let last = CampaignId::from_key(1_001);
        assert_eq!(history.campaign(last), []);
        history.add(Timestamp::MIN, &of(2..=1_001));
        assert_eq!(history.campaign(last), [point]);
        assert_eq!(history.campaign(CampaignId::from_key(1)), []);
    }
}
