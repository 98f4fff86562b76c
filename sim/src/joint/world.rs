//! The worlds: three segments of log-normal prices on two exchanges, campaigns of one value that
//! differ in their budgets alone, and the ways in which they bid.
//!
//! Knows the form of a scenario file and of a run's options, and no law. Called by the parts of
//! the study.

use super::resonance::Wave;
use crate::bidder::ShadeOrder;
use crate::number::{amount, real, whole};
use crate::report::CampaignReport;
use crate::scenario::ScenarioError;
use crate::scenario::draft::Draft;
use crate::shading::contender::Feedback;
use crate::world::shading::{ShadePlan, ShadeSource};
use crate::world::{Run, RunOptions, run};
use paceline_core::campaign::{LawChoice, ShadingLevel, ShadingObjective, ShadingTerms};
use paceline_core::shade::ShaderConfig;
use serde::Serialize;
use std::path::Path;
use toml::{Table, Value};

/// Segments, the middle of the best other bid per thousand, and its deviation in the logarithm.
const SEGMENTS: [(&str, f64, f64); 3] =
    [("x/banner", 0.6, 0.5), ("x/video", 1.8, 0.6), ("y/banner", 1.0, 0.7)];
/// The middle of what an impression is worth, per thousand, and its deviation in the logarithm.
const VALUE: (f64, f64) = (2.0, 0.6);
/// Traffic over the day, `1 + AMPLITUDE × cos`, and the hour of its top.
const AMPLITUDE: f64 = 0.4;
const PEAK: f64 = 15.0;
/// A budget beyond all supply, in units.
const ENDLESS: f64 = 1e6;

/// How campaigns come from value to bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// As it ships: the multiplier, then the schedule.
    Ours,
    /// The multiplier alone.
    Unshaded,
    /// The schedule of the whole value, then the multiplier.
    ShadeFirst,
    /// Fewer auctions, each at the schedule's bid for the whole value.
    Throttled,
}

impl Way {
    /// For tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "pace, then shade",
            Self::Unshaded => "multiplier alone",
            Self::ShadeFirst => "shade, then pace",
            Self::Throttled => "throttle, then shade",
        }
    }

    /// How its bids are shaded; `None` where they are not.
    pub(super) fn plan(self, feedback: Feedback, objective: ShadingObjective) -> Option<ShadePlan> {
        let order = match self {
            Self::Unshaded => return None,
            Self::Ours | Self::Throttled => ShadeOrder::AfterPacing,
            Self::ShadeFirst => ShadeOrder::BeforePacing,
        };
        Some(ShadePlan {
            terms: ShadingTerms { level: ShadingLevel::Standard, objective },
            order,
            source: ShadeSource::Learnt(feedback),
            shader: ShaderConfig::default(),
        })
    }
}

/// What there is to buy, and how high bids for it may be raised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Supply {
    /// Auctions a day in each segment.
    pub(super) per_day: f64,
    /// What unpaced bids of the whole value spend in a day, in units.
    pub(super) full: f64,
    /// What shading may raise a multiplier to, where results are what counts.
    pub(super) raised: f64,
}

impl Supply {
    /// So many times less of it.
    pub(super) fn thinned(self, times: f64) -> Self {
        Self { per_day: self.per_day / times, full: self.full / times, ..self }
    }
}

/// One world, seeds apart.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) supply: Supply,
    /// Of each campaign, for the day, in units.
    pub(super) budgets: Vec<f64>,
    pub(super) multiplier_max: f64,
    /// Traffic is even then, so that all that swings is the wave.
    pub(super) wave: Option<Wave>,
}

impl Setting {
    /// Budgets as shares of what unpaced bids of the whole value spend.
    pub(super) fn of_shares(supply: Supply, shares: &[f64]) -> Self {
        let budgets = shares.iter().map(|share| share * supply.full).collect();
        Self { supply, budgets, multiplier_max: 1.0, wave: None }
    }

    /// With the range of multipliers that a way has. Only who paces by the multiplier and shades
    /// may be raised: throttling stands at the top of its range, and would bid a multiple of the
    /// value.
    pub(super) fn for_way(&self, way: Way) -> Self {
        let multiplier_max = match way {
            Way::Unshaded | Way::Throttled => 1.0,
            Way::Ours | Way::ShadeFirst => self.supply.raised,
        };
        Self { multiplier_max, ..self.clone() }
    }

    fn draft(&self) -> Draft {
        let budgets = self
            .budgets
            .iter()
            .map(|units| Value::from(i64::try_from(whole(units * 1e6)).unwrap_or(i64::MAX)));
        let campaign = entries([
            ("name", "c".into()),
            ("count", i64::try_from(self.budgets.len()).unwrap_or(1).into()),
            ("budget_micros", budgets.collect::<Vec<_>>().into()),
            ("multiplier_max", self.multiplier_max.into()),
            ("value", log_normal(VALUE)),
        ]);
        let segments = SEGMENTS.map(|(name, middle, sigma)| {
            let amplitude = if self.wave.is_some() { 0.0 } else { AMPLITUDE };
            let shape = entries([("amplitude", amplitude.into()), ("peak_hour", PEAK.into())]);
            let mut segment = entries([
                ("name", name.into()),
                ("per_day", self.supply.per_day.into()),
                ("auction", "first".into()),
                ("shape", shape.into()),
                ("prices", log_normal((middle, sigma))),
            ]);
            if let Some(wave) = self.wave {
                wave.put(&mut segment);
            }
            Value::from(segment)
        });
        let table = entries([
            ("start", "2025-03-03T00:00:00Z".into()),
            ("lasts", "24h".into()),
            ("bidders", entries([("count", 2.into())]).into()),
            ("segment", segments.to_vec().into()),
            ("campaign", vec![Value::from(campaign)].into()),
        ]);
        Draft { table }
    }
}

/// What one campaign came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Expected value of what was won, in units.
    pub value: f64,
    /// In units.
    pub spend: f64,
    /// Auctions won.
    pub wins: f64,
    /// Spend over what could be spent.
    pub utilisation: f64,
    /// Mean move of the logarithm of the signal, a minute.
    pub volatility: f64,
}

impl Figures {
    pub(super) fn of(campaign: &CampaignReport) -> Self {
        let metrics = &campaign.metrics;
        Self {
            value: metrics.value,
            spend: amount(i128::from(metrics.spend_nanos)) / 1e9,
            wins: real(metrics.wins),
            utilisation: metrics.utilisation.unwrap_or(0.0),
            volatility: metrics.volatility_per_minute.unwrap_or(0.0),
        }
    }

    /// Sums; utilisation and volatility in the mean.
    pub(super) fn sum(all: &[Self]) -> Self {
        let total = |of: fn(&Self) -> f64| all.iter().map(of).sum::<f64>();
        let count = crate::number::length(all.len()).max(1.0);
        Self {
            value: total(|one| one.value),
            spend: total(|one| one.spend),
            wins: total(|one| one.wins),
            utilisation: total(|one| one.utilisation) / count,
            volatility: total(|one| one.volatility) / count,
        }
    }

    /// What is left over of the value.
    #[must_use]
    pub fn surplus(&self) -> f64 {
        self.value - self.spend
    }
}

/// One run.
pub(super) fn run_once(
    setting: &Setting,
    way: Way,
    shading: Option<ShadePlan>,
    seed: u64,
) -> Result<Run, ScenarioError> {
    let scenario = setting.draft().check("joint", Path::new(""))?;
    let law = (way == Way::Throttled).then_some(LawChoice::PassThrough);
    let options = RunOptions { law, seed: Some(seed), shading, ..RunOptions::default() };
    run(&scenario, &options, &mut |_| {})
}

/// What a campaign that bids its whole value spends in a day of such traffic, in units.
pub(super) fn unpaced(per_day: f64) -> Result<f64, ScenarioError> {
    let supply = Supply { per_day, full: ENDLESS, raised: 1.0 };
    let setting = Setting::of_shares(supply, &[1.0]);
    let scenario = setting.draft().check("joint", Path::new(""))?;
    let options = RunOptions { law: Some(LawChoice::Asap), ..RunOptions::default() };
    let made = run(&scenario, &options, &mut |_| {})?;
    Ok(Figures::of(&made.report.campaigns[0]).spend)
}

fn log_normal((median, sigma): (f64, f64)) -> Value {
    entries([("median_cpm", median.into()), ("sigma", sigma.into())]).into()
}

pub(super) fn entries<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_throttles_bids_no_more_than_the_value() {
        let supply = Supply { per_day: 1_000.0, full: 1.0, raised: 2.0 };
        let most = |way| Setting::of_shares(supply, &[0.5]).for_way(way).multiplier_max;
        let ways = [Way::Ours, Way::ShadeFirst, Way::Throttled, Way::Unshaded];
        let expected = [2.0, 2.0, 1.0, 1.0];
        assert!(ways.map(most).iter().zip(expected).all(|(most, one)| (most - one).abs() < 1e-12));
    }
}
