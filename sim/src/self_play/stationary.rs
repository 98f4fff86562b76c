//! Which worlds can be held against a state of rest: the same market at every hour, the same
//! budget for the whole run, nothing that goes wrong.
//!
//! Called by the front door before anything is run.

use crate::market::billing::Billing;
use crate::scenario::complaint::Complaints;
use crate::scenario::{CampaignPlan, Scenario, ScenarioError};
use paceline_core::bid::AuctionType;
use paceline_core::units::PacingMultiplier;

/// How prices are made in a world that comes to rest.
///
/// # Errors
/// [`ScenarioError::Rules`] with all that keeps it from that.
pub(super) fn price_rule(scenario: &Scenario) -> Result<AuctionType, ScenarioError> {
    let mut complaints = Complaints::default();
    let mut rule = |is_kept: bool, key: &str, value: &str, rule: &str| {
        complaints.require(is_kept, key.to_owned(), value, rule);
    };
    rule(scenario.is_competing, "mode", "price-taking", "must be competing");
    rule(scenario.record.is_empty(), "record", "a trace", "must not be given");
    rule(scenario.actions.is_empty(), "action", "a deed", "must not be given");
    rule(scenario.faults.is_empty(), "fault", "a fault", "must not be given");
    let is_capped = scenario.advertisers.iter().any(|one| !one.budgets.caps.is_empty());
    rule(!is_capped, "advertiser.daily_cap_micros", "a cap", "must not be given");
    let first = scenario.segments.first().map(|plan| plan.segment.auction_type);
    for plan in &scenario.segments {
        let segment = &plan.segment;
        let at = |field: &str| format!("segment {} {field}", segment.name);
        let prices = &segment.competition;
        let is_level = prices.season.is_none() && prices.jumps.is_empty();
        rule(is_level, &at("price_season, jumps"), "some", "must not be given");
        let is_calm = plan.traffic_shock.is_none() && plan.price_shock.is_none();
        rule(is_calm, &at("shock, price_shock"), "some", "must not be given");
        let is_alike = Some(segment.auction_type) == first;
        rule(is_alike, &at("auction"), "another", "must be the same for all segments");
    }
    for plan in &scenario.campaigns {
        campaign(scenario, plan, &mut complaints);
    }
    match first {
        Some(first) if complaints.list.is_empty() => Ok(first),
        _ => Err(ScenarioError::Rules { file: scenario.name.clone(), complaints: complaints.list }),
    }
}

/// What a campaign must be like.
fn campaign(scenario: &Scenario, plan: &CampaignPlan, complaints: &mut Complaints) {
    let spec = &plan.spec;
    let mut rule = |is_kept: bool, field: &str, value: String, rule: &str| {
        complaints.require(is_kept, format!("campaign {} {field}", spec.name), value, rule);
    };
    let flight = spec.budgets.flights[0];
    let is_whole = flight.window == scenario.window;
    rule(is_whole, "from, to", "a part".to_owned(), "must be the whole run");
    let has_one = flight.budget.is_some() && spec.budgets.caps.is_empty();
    rule(has_one, "budget_micros", "none, or a cap".to_owned(), "must be the only bound");
    let most = spec.multiplier_max;
    rule(
        most == PacingMultiplier::ONE,
        "multiplier_max",
        most.ppm().as_f64().to_string(),
        "must be 1",
    );
    rule(spec.returns.is_none(), "returns", "a target".to_owned(), "must not be given");
    let is_plain = matches!(plan.buyer.billing, Billing::Impression) && plan.buyer.truth.is_none();
    rule(is_plain, "billing, click_truth", "by the click".to_owned(), "must be by the impression");
}
