//! From a scenario and a seed to a market, buyers, and the inputs an engine starts with.
//!
//! Called once a run, by the world and by whoever drives a service.

use crate::market::buyer::Buyer;
use crate::market::draw::{self, Use, normal_quantile};
use crate::market::{Market, Segment, traffic};
use crate::number::{real, whole};
use crate::rng::Stream;
use crate::scenario::{CampaignPlan, Complaint, Forecast, Scenario, ScenarioError};
use paceline_core::budget::Horizon;
use paceline_core::campaign::{CampaignSpec, LawChoice};
use paceline_core::input::{Input, ShapeChange};
use paceline_core::units::{Nanos, ShapeId, Span};
use std::collections::BTreeMap;

/// Slots of the shapes given to the engine: quarters of an hour of a local week.
const SHAPE_SLOTS: u32 = 672;
/// The tallest slot of a shape: heights then keep six digits.
const SHAPE_HEIGHT: f64 = 1e6;

/// What a run starts with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Supply.
    pub market: Market,
    /// Demand, pressed, by campaign index.
    pub buyers: Vec<Buyer>,
    /// Campaigns as the engine gets them, with shapes.
    pub specs: Vec<CampaignSpec>,
    /// Everything the engine is told before the first tick, in order.
    pub inputs: Vec<Input>,
}

/// Builds a run.
///
/// # Errors
/// [`ScenarioError::Rules`] when a pressure is beyond what the market's prices sum to.
pub fn build(
    scenario: &Scenario,
    law: Option<LawChoice>,
    seed: u64,
) -> Result<Setup, ScenarioError> {
    let calm: Vec<Segment> = scenario.segments.iter().map(|plan| plan.segment.clone()).collect();
    let calm = market(scenario, calm, seed);
    let mut buyers = Vec::new();
    let mut complaints = Vec::new();
    for plan in &scenario.campaigns {
        match pressed(scenario, plan, &calm) {
            Ok(buyer) => buyers.push(buyer),
            Err(most) => complaints.push(Complaint {
                key: format!("campaign {} pressure", plan.spec.name),
                value: plan.pressure.unwrap_or_default().to_string(),
                rule: format!("all its auctions together cost {most:.2} units"),
            }),
        }
    }
    if !complaints.is_empty() {
        return Err(ScenarioError::Rules { file: scenario.name.clone(), complaints });
    }
    let stormy = scenario.segments.iter().enumerate().map(|(index, plan)| {
        let mut segment = plan.segment.clone();
        let hours = usize::try_from(scenario.window.span().as_micros() / Span::HOUR.as_micros())
            .unwrap_or(0)
            + 1;
        let stream = |purpose| Stream::numbered(seed, purpose, u64::try_from(index).unwrap_or(0));
        if let Some(shock) = plan.traffic_shock {
            segment.traffic.shocks = traffic::shocks(shock, hours, &mut stream("traffic shocks"));
        }
        if let Some(shock) = plan.price_shock {
            segment.competition.shocks = traffic::shocks(shock, hours, &mut stream("price shocks"));
        }
        segment
    });
    let market = market(scenario, stormy.collect(), seed);
    let mut shapes = Shapes::default();
    let specs: Vec<CampaignSpec> = scenario
        .campaigns
        .iter()
        .map(|plan| CampaignSpec {
            law: law.unwrap_or(plan.spec.law),
            shape: shapes.shape_of(scenario, plan),
            ..plan.spec.clone()
        })
        .collect();
    let calendars = scenario.calendars.iter().cloned().map(Input::Calendar);
    let advertisers = scenario.advertisers.iter().cloned().map(Input::Advertiser);
    let inputs = calendars
        .chain(advertisers)
        .chain(shapes.made.into_values().map(Input::Shape))
        .chain(specs.iter().cloned().map(Input::Campaign))
        .collect();
    Ok(Setup { market, buyers, specs, inputs })
}

fn market(scenario: &Scenario, segments: Vec<Segment>, seed: u64) -> Market {
    if scenario.record.is_empty() {
        Market::modelled(segments, seed)
    } else {
        Market::recorded(segments, scenario.record.clone())
    }
}

/// What a campaign may spend in all.
#[must_use]
pub fn budget_of(plan: &CampaignPlan) -> Option<Nanos> {
    let budgets = &plan.spec.budgets;
    let flight = budgets.flights[0];
    let days = plan.clock.days_in(flight.window).count();
    flight.budget.or_else(|| {
        let cap = budgets.cap(Horizon::Day)?;
        Some(Nanos::new(cap.get().saturating_mul(i64::try_from(days).unwrap_or(i64::MAX))))
    })
}

/// The buyer with its scale set; the most it could spend if its pressure is out of reach.
fn pressed(scenario: &Scenario, plan: &CampaignPlan, market: &Market) -> Result<Buyer, f64> {
    let mut buyer = plan.buyer.clone();
    let (Some(pressure), Some(budget)) = (plan.pressure, budget_of(plan)) else {
        return Ok(buyer);
    };
    let target = pressure * budget.as_f64() / 1e9;
    let flight = plan.spec.budgets.flights[0].window;
    if scenario.record.is_empty() {
        let among = buyer.segments.clone();
        let auctions = market.expected(&among, flight.start(), flight.span());
        buyer.press(target, auctions, |n| {
            market.typical(&among, flight.start(), flight.span(), n)
        })?;
    } else {
        let inside: Vec<_> =
            market.record().iter().filter(|auction| flight.contains(auction.at)).collect();
        if inside.is_empty() {
            return Err(0.0);
        }
        let count = u64::try_from(inside.len()).unwrap_or(u64::MAX);
        // Steps of a large odd number visit every row of a long record evenly.
        buyer.press(target, real(count), |n| {
            let place = n.wrapping_mul(0x9e37_79b1) % count;
            (*inside[usize::try_from(place).unwrap_or(0)], 1.0)
        })?;
    }
    Ok(buyer)
}

/// Shapes given to the engine, each made once.
#[derive(Default)]
struct Shapes {
    made: BTreeMap<ShapeId, ShapeChange>,
}

impl Shapes {
    fn shape_of(&mut self, scenario: &Scenario, plan: &CampaignPlan) -> Option<ShapeId> {
        let own = match plan.forecast {
            Forecast::None => return None,
            Forecast::Error(sigma) if sigma <= 0.0 => "",
            Forecast::Error(_) | Forecast::Curve(_) => plan.spec.name.as_str(),
        };
        let id = ShapeId::of(&format!("{:?} {own}", plan.buyer.segments));
        let weights = || weights(scenario, plan);
        self.made.entry(id).or_insert_with(|| ShapeChange { id, name: None, weights: weights() });
        Some(id)
    }
}

/// The weekly curve a campaign is told: one of its own, or the true one of its segments or of the
/// record by the hour, each hour off by its own factor.
fn weights(scenario: &Scenario, plan: &CampaignPlan) -> Vec<u32> {
    let mut recorded = [0.0; 168];
    for auction in &scenario.record {
        recorded[usize::from(plan.clock.point(auction.at).hour_of_week)] += 1.0;
    }
    let heights: Vec<f64> = (0..SHAPE_SLOTS)
        .map(|slot| {
            let hour = u8::try_from(slot / 4).unwrap_or(0);
            let gone = f64::from(slot % 4) / 4.0 + 0.125;
            let sigma = match &plan.forecast {
                Forecast::Curve(told) => return told.height(hour, gone),
                Forecast::Error(sigma) => *sigma,
                Forecast::None => 0.0,
            };
            let truth = if scenario.record.is_empty() {
                plan.buyer
                    .segments
                    .iter()
                    .map(|&index| &scenario.segments[index].segment.traffic)
                    .map(|traffic| traffic.per_day * traffic.curve.height(hour, gone))
                    .sum()
            } else {
                recorded[usize::from(hour)]
            };
            let u = draw::unit(Use::Forecast, plan.buyer.salt, u64::from(hour));
            truth * libm::exp(sigma * normal_quantile(u))
        })
        .collect();
    let most = heights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    heights
        .iter()
        .map(|height| u32::try_from(whole(height / most * SHAPE_HEIGHT)).unwrap_or(0))
        .collect()
}
