//! Reports of outcomes: messages in, checked batches out.
//!
//! What is wrong with a report's head refuses the report; what is wrong with one outcome refuses
//! that one alone. Whether an outcome contradicts itself is for the engine to say, which counts it:
//! what an exchange tells wrongly is no mistake of whoever passes it on. Knows no partition. Called
//! by `ingest`.

use super::spend::{bounded, sequence, sorted};
use super::{Refusal, currency, name, optional_key};
use paceline_core::shade::outcome::{COUNT_MAX, PRICE_MAX, market_of};
use paceline_core::shade::{
    BidDraw, BidRole, BidTrial, Outcome, OutcomeReport, PriceRule, SegmentPath,
};
pub use paceline_core::units::Currency;
use paceline_core::units::{CampaignId, CpmMicros, Ppm, ProducerId};
use paceline_proto::v1;

/// A report whose head is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcomes {
    /// Head, without outcomes.
    pub head: OutcomeReport,
    /// The exchange and the outcome, for those that keep the rules, in order.
    pub outcomes: Vec<(String, Outcome)>,
    /// Those that do not.
    pub refusals: Vec<v1::SpendRefusal>,
}

/// Reads a report of at most `outcomes_max` outcomes; `due` is the market's currency.
///
/// # Errors
/// [`Refusal`] when its head breaks a rule: then nothing of it is taken.
pub fn outcome_report(
    request: &v1::ReportOutcomesRequest,
    outcomes_max: usize,
    due: Currency,
) -> Result<Outcomes, Refusal> {
    bounded("outcomes", request.outcomes.len(), outcomes_max)?;
    let producer = optional_key("producer_id", request.producer_id.as_deref(), ProducerId::of)?;
    let sequence = sequence(request.sequence, producer.is_some())?;
    let currency = currency("currency", &request.currency)?;
    if currency != due {
        let rule = format!("must be {due}, as shading.currency says");
        return Err(Refusal::new("currency", currency, rule));
    }
    let (outcomes, refusals) = sorted(request.outcomes.iter().map(outcome));
    let head = OutcomeReport { producer, sequence, currency, outcomes: Vec::new() };
    Ok(Outcomes { head, outcomes, refusals })
}

fn outcome(message: &v1::BidOutcome) -> Result<(String, Outcome), Refusal> {
    let name = name("segment_id", &message.segment_id)?;
    let path = SegmentPath::of_name(name.as_str())
        .map_err(|error| Refusal::new("segment_id", &name, error.to_string()))?;
    let count = message.count.unwrap_or(1);
    if count == 0 || count > COUNT_MAX {
        return Err(Refusal::new("count", count, "must be from 1 to 10000"));
    }
    let told = |field, micros: Option<i64>| micros.map(|micros| price(field, micros)).transpose();
    let bid = price("bid_cpm_micros", message.bid_cpm_micros)?;
    if bid == CpmMicros::ZERO {
        return Err(Refusal::new("bid_cpm_micros", 0, "must be above 0"));
    }
    let outcome = Outcome {
        path,
        price_rule: price_rule(message.auction_type)?,
        floor: price("floor_cpm_micros", message.floor_cpm_micros)?,
        bid,
        won: message.won,
        clearing: told("clearing_cpm_micros", message.clearing_cpm_micros)?,
        min_to_win: told("min_to_win_cpm_micros", message.min_to_win_cpm_micros)?,
        loss_reason: loss_reason(message.loss_reason)?,
        count,
        trial: trial(message)?,
    };
    Ok((market_of(name.as_str()).to_owned(), outcome))
}

/// Whose bid it was and by which draw; nothing where no role is told.
fn trial(message: &v1::BidOutcome) -> Result<Option<BidTrial>, Refusal> {
    let campaign = optional_key("campaign_id", message.campaign_id.as_deref(), CampaignId::of)?;
    let value = message.value_cpm_micros.map(|micros| price("value_cpm_micros", micros));
    let value = value.transpose()?;
    let role = match v1::BidRole::try_from(message.role) {
        Ok(v1::BidRole::Unspecified) => {
            let beside = message.propensity_ppm;
            return beside.map_or(Ok(None), |_| Err(Refusal::absent("role")));
        }
        Ok(v1::BidRole::Shaded) => BidRole::Best,
        Ok(v1::BidRole::Control) => BidRole::Control,
        Ok(v1::BidRole::Explored) => BidRole::Explore,
        Err(_) => {
            let rule = "must be shaded, control or explored";
            return Err(Refusal::new("role", message.role, rule));
        }
    };
    if message.auction_type != 1 {
        let rule = "must be absent unless auction_type is 1: nothing else is shaded";
        return Err(Refusal::new("role", role.as_str(), rule));
    }
    let campaign = campaign.ok_or_else(|| Refusal::absent("campaign_id"))?;
    let share = message.propensity_ppm.ok_or_else(|| Refusal::absent("propensity_ppm"))?;
    if share == 0 || share > Ppm::ONE.get() {
        let rule = "must be from 1 to 1000000";
        return Err(Refusal::new("propensity_ppm", share, rule));
    }
    let drawn = BidDraw { role, propensity: Ppm::new(share) };
    Ok(Some(BidTrial { campaign, drawn, value }))
}

fn price(field: &str, micros: i64) -> Result<CpmMicros, Refusal> {
    let price = CpmMicros::new(micros);
    let is_sound = (CpmMicros::ZERO..=PRICE_MAX).contains(&price);
    let rule = "must be from 0 to 1000000000000000";
    if is_sound { Ok(price) } else { Err(Refusal::new(field, micros, rule)) }
}

fn price_rule(at: u32) -> Result<PriceRule, Refusal> {
    match at {
        0 => Err(Refusal::absent("auction_type")),
        1 => Ok(PriceRule::First),
        2 => Ok(PriceRule::Second),
        3 => Ok(PriceRule::Fixed),
        other => Err(Refusal::new("auction_type", other, "must be 1, 2 or 3")),
    }
}

fn loss_reason(reason: Option<u32>) -> Result<Option<u16>, Refusal> {
    let read = |reason: u32| {
        let rule = "must be at most 65535";
        u16::try_from(reason).map_err(|_| Refusal::new("loss_reason", reason, rule))
    };
    reason.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> v1::BidOutcome {
        v1::BidOutcome {
            segment_id: "adx/top/phone".to_owned(),
            auction_type: 1,
            floor_cpm_micros: 100,
            bid_cpm_micros: 900,
            won: true,
            min_to_win_cpm_micros: Some(400),
            campaign_id: Some("summer".to_owned()),
            role: v1::BidRole::Control.into(),
            propensity_ppm: Some(10_000),
            value_cpm_micros: Some(1_200),
            ..v1::BidOutcome::default()
        }
    }

    #[test]
    fn an_outcome_is_read_with_its_exchange() {
        let (market, outcome) = outcome(&sound()).unwrap();
        assert_eq!(market, "adx");
        assert_eq!((outcome.count, outcome.price_rule), (1, PriceRule::First));
        assert_eq!(outcome.min_to_win, Some(CpmMicros::new(400)));
        assert_eq!(outcome.path, SegmentPath::of_name("adx/top/phone").unwrap());
        let drawn = BidDraw { role: BidRole::Control, propensity: Ppm::new(10_000) };
        let (campaign, value) = (CampaignId::of("summer"), Some(CpmMicros::new(1_200)));
        assert_eq!(outcome.trial, Some(BidTrial { campaign, drawn, value }));
    }

    #[test]
    fn a_bid_that_went_through_no_schedule_is_no_trial() {
        let plain = v1::BidOutcome { role: 0, propensity_ppm: None, ..sound() };
        assert_eq!(outcome(&plain).unwrap().1.trial, None);
    }

    #[test]
    fn each_refusal_names_field_value_and_rule() {
        type Case = (fn(&mut v1::BidOutcome), &'static str, &'static str, &'static str);
        let price = "must be from 0 to 1000000000000000";
        let levels = "must have 1 to 4 levels with \"/\" between them, none of them empty";
        let shaded = "must be absent unless auction_type is 1: nothing else is shaded";
        let cases: [Case; 16] = [
            (|o| o.segment_id = "a//b".to_owned(), "segment_id", "a//b", levels),
            (|o| o.auction_type = 0, "auction_type", "", "is required"),
            (|o| o.auction_type = 4, "auction_type", "4", "must be 1, 2 or 3"),
            (|o| o.bid_cpm_micros = 0, "bid_cpm_micros", "0", "must be above 0"),
            (|o| o.floor_cpm_micros = -1, "floor_cpm_micros", "-1", price),
            (|o| o.min_to_win_cpm_micros = Some(-3), "min_to_win_cpm_micros", "-3", price),
            (|o| o.count = Some(10_001), "count", "10001", "must be from 1 to 10000"),
            (|o| o.loss_reason = Some(70_000), "loss_reason", "70000", "must be at most 65535"),
            (|o| o.role = 9, "role", "9", "must be shaded, control or explored"),
            (|o| o.role = 0, "role", "", "is required"),
            (|o| o.auction_type = 2, "role", "control", shaded),
            (|o| o.campaign_id = None, "campaign_id", "", "is required"),
            (
                |o| o.campaign_id = Some(String::new()),
                "campaign_id",
                "\"\"",
                "must have 1 to 64 bytes",
            ),
            (|o| o.propensity_ppm = None, "propensity_ppm", "", "is required"),
            (|o| o.propensity_ppm = Some(0), "propensity_ppm", "0", "must be from 1 to 1000000"),
            (|o| o.value_cpm_micros = Some(-1), "value_cpm_micros", "-1", price),
        ];
        for (spoil, field, value, rule) in cases {
            let mut message = sound();
            spoil(&mut message);
            let refusal = outcome(&message).unwrap_err();
            let told = (refusal.field.as_str(), refusal.value.as_str(), &*refusal.rule);
            assert_eq!(told, (field, value, rule));
        }
    }

    #[test]
    fn a_report_in_another_currency_is_refused_whole() {
        let report = |currency: &str| v1::ReportOutcomesRequest {
            currency: currency.to_owned(),
            outcomes: vec![sound(), v1::BidOutcome::default()],
            ..v1::ReportOutcomesRequest::default()
        };
        let due = Currency::try_new("USD").unwrap();
        let refusal = outcome_report(&report("EUR"), 10, due).unwrap_err();
        assert_eq!((refusal.field.as_str(), refusal.value.as_str()), ("currency", "EUR"));
        assert_eq!(refusal.rule, "must be USD, as shading.currency says");
        let read = outcome_report(&report("USD"), 10, due).unwrap();
        assert_eq!((read.outcomes.len(), read.refusals[0].index), (1, 1));
    }
}
