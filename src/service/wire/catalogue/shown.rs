//! What a request holds at the path of a complaint, as text.
//!
//! Rules that need a whole specification, or the engine, are told by path alone; whoever reads the
//! complaint wants the value beside it. Called by the admin service for every answer.

use super::COMPLAINTS_MAX;
use super::portion::Request;
use crate::wire::{REQUIRED, shorten, shown_instant};
use paceline_proto::v1;

/// Gives each complaint without a value the one at its path, where there is one.
pub fn fill_values(request: &Request, complaints: &mut [v1::Complaint]) {
    // What is required and absent has no value.
    let lacks =
        |complaint: &&mut v1::Complaint| complaint.value.is_empty() && complaint.rule != REQUIRED;
    for complaint in complaints.iter_mut().filter(lacks) {
        complaint.value = value_at(request, &complaint.path).map(shorten).unwrap_or_default();
    }
}

/// Complaints about campaigns whose spend is to come from counters, for a service that reads none.
#[must_use]
pub fn fed_by_counters(request: &Request) -> Vec<v1::Complaint> {
    let is_fed = |campaign: &v1::Campaign| campaign.spend_source() == v1::SpendSource::Counters;
    let fed = request.campaigns.iter().enumerate().filter(|(_, campaign)| is_fed(campaign));
    let complaint = |(index, _): (usize, _)| v1::Complaint {
        path: format!("campaigns[{index}].spend_source"),
        value: v1::SpendSource::Counters.as_str_name().to_owned(),
        rule: "needs store.kind = \"redis\": counters live there".to_owned(),
    };
    fed.map(complaint).take(COMPLAINTS_MAX).collect()
}

fn value_at(request: &Request, path: &str) -> Option<String> {
    let (item, field) = path.split_once('.')?;
    let (list, at) = indexed(item)?;
    match list {
        "advertisers" => advertiser(request.advertisers.get(at)?, field),
        "groups" => group(request.groups.get(at)?, field),
        "campaigns" => campaign(request.campaigns.get(at)?, field),
        _ => None,
    }
}

/// `flights[3]` as its two parts.
fn indexed(item: &str) -> Option<(&str, usize)> {
    let (list, rest) = item.split_once('[')?;
    Some((list, rest.strip_suffix(']')?.parse().ok()?))
}

fn advertiser(message: &v1::Advertiser, field: &str) -> Option<String> {
    match field {
        "advertiser_id" | "name" => Some(message.advertiser_id.clone()),
        "currency" => Some(message.currency.clone()),
        "time_zone" => Some(message.time_zone.clone()),
        _ => budgets(message.budgets.as_ref()?, field),
    }
}

fn group(message: &v1::CampaignGroup, field: &str) -> Option<String> {
    match field {
        "group_id" | "name" => Some(message.group_id.clone()),
        "advertiser_id" => Some(message.advertiser_id.clone()),
        _ => budgets(message.budgets.as_ref()?, field),
    }
}

fn campaign(message: &v1::Campaign, field: &str) -> Option<String> {
    match field {
        "campaign_id" | "name" => Some(message.campaign_id.clone()),
        "advertiser_id" => Some(message.advertiser_id.clone()),
        "group_id" => message.group_id.clone(),
        "shape_id" => message.shape_id.clone(),
        "curve_shape_id" => message.curve_shape_id.clone(),
        "ahead_ppm" => message.ahead_ppm.map(|ppm| ppm.to_string()),
        "catch_up_ppm" => message.catch_up_ppm.map(|ppm| ppm.to_string()),
        "minimum_micros" => message.minimum_micros.map(|micros| micros.to_string()),
        "hours_of_week" => Some(format!("{} hours", message.hours_of_week.len())),
        "multiplier_max_ppm" => message.multiplier_max_ppm.map(|ppm| ppm.to_string()),
        _ if field.starts_with("returns.") => returns(message.returns?),
        "value_cap_cpm_micros" => message.value_cap_cpm_micros.map(|micros| micros.to_string()),
        "shading_objective" => Some(message.shading_objective().as_str_name().to_owned()),
        "spend_source" => Some(message.spend_source().as_str_name().to_owned()),
        _ => budgets(message.budgets.as_ref()?, field),
    }
}

fn returns(message: v1::ReturnTarget) -> Option<String> {
    use v1::return_target::Target;
    Some(match message.target? {
        Target::CostPerClickMicros(micros) | Target::CostPerActionMicros(micros) => {
            micros.to_string()
        }
        Target::ReturnOnSpendPpm(ppm) => ppm.to_string(),
    })
}

fn budgets(message: &v1::Budgets, field: &str) -> Option<String> {
    let field = field.strip_prefix("budgets.")?;
    match field {
        "flights" => return Some(format!("{} flights", message.flights.len())),
        "caps" => return Some(format!("{} caps", message.caps.len())),
        _ => {}
    }
    let (item, field) = field.split_once('.').unwrap_or((field, ""));
    let (list, at) = indexed(item)?;
    match (list, field) {
        ("flights", "start") => message.flights.get(at)?.start.as_ref().map(shown_instant),
        ("flights", "end") => message.flights.get(at)?.end.as_ref().map(shown_instant),
        ("flights", "budget_micros") => {
            message.flights.get(at)?.budget_micros.map(|micros| micros.to_string())
        }
        ("caps", "amount_micros") => Some(message.caps.get(at)?.amount_micros.to_string()),
        ("caps", "horizon" | "") => Some(message.caps.get(at)?.horizon().as_str_name().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_without_a_value_gets_the_one_at_its_path() {
        let flight = v1::Flight { budget_micros: Some(7), ..v1::Flight::default() };
        let budgets = v1::Budgets { flights: vec![flight], ..v1::Budgets::default() };
        let campaign = v1::Campaign {
            campaign_id: "c".to_owned(),
            group_id: Some("g".to_owned()),
            budgets: Some(budgets),
            ..v1::Campaign::default()
        };
        let request = Request { campaigns: vec![campaign], ..Request::default() };
        let told = |path: &str| value_at(&request, path);
        assert_eq!(told("campaigns[0].group_id").as_deref(), Some("g"));
        assert_eq!(told("campaigns[0].budgets.flights[0].budget_micros").as_deref(), Some("7"));
        assert_eq!(told("campaigns[0].budgets.flights").as_deref(), Some("1 flights"));
        for absent in ["", "campaigns", "campaigns[1].name", "campaigns[x].name", "shapes[0].a"] {
            assert_eq!(told(absent), None, "{absent}");
        }
        assert_eq!(told("campaigns[0].budgets.flights[9].start"), None);
    }
}
