//! The rules for an entry that tells an outcome: plain fields in, a report of one out.
//!
//! As by RPC: what is malformed is refused here, what contradicts itself is for the engine to
//! count. Knows no Redis.

use super::entry::{Complaint, Fields, Pairs};
use paceline_core::shade::outcome::{COUNT_MAX, PRICE_MAX, market_of};
use paceline_core::shade::{
    BidDraw, BidRole, BidTrial, Outcome, OutcomeReport, PriceRule, SegmentPath,
};
use paceline_core::units::{CampaignId, CpmMicros, Currency, PartitionId, Ppm, ProducerId};

const FIELDS: [&str; 16] = [
    "producer",
    "sequence",
    "currency",
    "segment",
    "auction_type",
    "floor_cpm_micros",
    "bid_cpm_micros",
    "won",
    "clearing_cpm_micros",
    "min_to_win_cpm_micros",
    "loss_reason",
    "count",
    "campaign",
    "role",
    "propensity_ppm",
    "value_cpm_micros",
];

/// A report of one outcome, told to the partition of its exchange among so many.
pub(super) fn outcome(
    pairs: &Pairs,
    (partition, partitions): (PartitionId, u8),
) -> Result<OutcomeReport, Complaint> {
    let fields = Fields::new(pairs, &FIELDS)?;
    let segment = fields.required("segment")?;
    let rule = "must have 1 to 4 levels with / between them, none of them empty";
    let path = SegmentPath::of_name(segment.as_str());
    let path = path.map_err(|_| Fields::complain("segment", segment.as_str(), rule))?;
    if PartitionId::of(market_of(segment.as_str()), partitions) != partition {
        let rule = "must be told to the partition of its first level's name";
        return Err(Fields::complain("segment", segment.as_str(), rule));
    }
    let text = fields.required("currency")?;
    let rule = "must be a code of three capital letters";
    let currency = Currency::try_new(text.as_str());
    let currency = currency.map_err(|_| Fields::complain("currency", text.as_str(), rule))?;
    let must = "must be given";
    let rule = "must be a whole number from 0 to 1000000000000000";
    let price = |name, least| {
        let micros = fields.number(name, least..=PRICE_MAX.get(), rule)?;
        Ok::<_, Complaint>(micros.map(CpmMicros::new))
    };
    let bid = price("bid_cpm_micros", 1)?;
    let price_rule = match fields.text("auction_type")? {
        Some("1") => PriceRule::First,
        Some("2") => PriceRule::Second,
        Some("3") => PriceRule::Fixed,
        other => {
            let other = other.unwrap_or_default();
            return Err(Fields::complain("auction_type", other, "must be 1, 2 or 3"));
        }
    };
    let won = match fields.text("won")? {
        Some("1") => true,
        Some("0") => false,
        other => return Err(Fields::complain("won", other.unwrap_or_default(), "must be 0 or 1")),
    };
    let rule = "must be a whole number from 1";
    let sequence = fields.number("sequence", 1..=u64::MAX, rule)?;
    let producer = fields.name("producer")?.map(|name| ProducerId::of(name.as_str()));
    if sequence.is_some() && producer.is_none() {
        return Err(Fields::complain("producer", "", "must be given with sequence"));
    }
    let rule = "must be a whole number from 1 to 10000";
    let count = fields.number("count", 1..=COUNT_MAX, rule)?;
    let reason = fields.number("loss_reason", 0..=u16::MAX, "must be a whole number to 65535")?;
    let outcome = Outcome {
        path,
        price_rule,
        floor: price("floor_cpm_micros", 0)?.unwrap_or(CpmMicros::ZERO),
        bid: bid.ok_or_else(|| Fields::complain("bid_cpm_micros", "", must))?,
        won,
        clearing: price("clearing_cpm_micros", 0)?,
        min_to_win: price("min_to_win_cpm_micros", 0)?,
        loss_reason: reason,
        count: count.unwrap_or(1),
        trial: trial(&fields, price_rule, price("value_cpm_micros", 0)?)?,
    };
    Ok(OutcomeReport { producer, sequence, currency, outcomes: vec![outcome] })
}

/// Whose bid it was and by which draw; nothing where no role is told.
fn trial(
    fields: &Fields<'_>,
    price_rule: PriceRule,
    value: Option<CpmMicros>,
) -> Result<Option<BidTrial>, Complaint> {
    let rule = "must be a whole number from 1 to 1000000";
    let share = fields.number("propensity_ppm", 1..=Ppm::ONE.get(), rule)?;
    let campaign = fields.name("campaign")?.map(|name| CampaignId::of(name.as_str()));
    let told = fields.text("role")?;
    let Some(word) = told else {
        let beside =
            share.map(|_| Fields::complain("role", "", "must be given with propensity_ppm"));
        return beside.map_or(Ok(None), Err);
    };
    let role = BidRole::ALL.into_iter().find(|role| role.as_str() == word);
    let rule = "must be shaded, control or explored";
    let role = role.ok_or_else(|| Fields::complain("role", word, rule))?;
    if price_rule != PriceRule::First {
        let rule = "must be absent unless auction_type is 1: nothing else is shaded";
        return Err(Fields::complain("role", word, rule));
    }
    let absent = |field| Fields::complain(field, "", "must be given with role");
    let campaign = campaign.ok_or_else(|| absent("campaign"))?;
    let propensity = Ppm::new(share.ok_or_else(|| absent("propensity_ppm"))?);
    Ok(Some(BidTrial { campaign, drawn: BidDraw { role, propensity }, value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OutcomeReport, Complaint> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        let pairs: Vec<_> = text.split_whitespace().map(pair).collect();
        outcome(&pairs, (PartitionId::of("adx", 16), 16))
    }

    const WON: &str = "segment=adx/top currency=USD auction_type=1 bid_cpm_micros=900 won=1";

    #[test]
    fn an_entry_with_the_least_fields_says_that_a_bid_won() {
        let report = read(WON).unwrap();
        let outcome = report.outcomes[0];
        assert_eq!((outcome.bid, outcome.won, outcome.count), (CpmMicros::new(900), true, 1));
        assert_eq!((report.producer, report.sequence, outcome.min_to_win), (None, None, None));
        assert_eq!(outcome.path, SegmentPath::of_name("adx/top").unwrap());
    }

    #[test]
    fn an_entry_may_tell_whose_bid_it_was_and_by_which_draw() {
        let told = format!("{WON} campaign=c role=explored propensity_ppm=1250 value_cpm_micros=9");
        let drawn = BidDraw { role: BidRole::Explore, propensity: Ppm::new(1_250) };
        let (campaign, value) = (CampaignId::of("c"), Some(CpmMicros::new(9)));
        let trial = read(&told).unwrap().outcomes[0].trial;
        assert_eq!(trial, Some(BidTrial { campaign, drawn, value }));
        assert_eq!(read(WON).unwrap().outcomes[0].trial, None);
    }

    #[test]
    fn each_complaint_names_field_value_and_rule() {
        let rows = [
            (WON.replace("adx/top", "adx//top"), "segment", "adx//top"),
            (WON.replace("adx/top", "other/top"), "segment", "other/top"),
            (WON.replace("USD", "usd"), "currency", "usd"),
            (WON.replace("type=1", "type=5"), "auction_type", "5"),
            (WON.replace("=900", "=-900"), "bid_cpm_micros", "-900"),
            (WON.replace("won=1", "won=yes"), "won", "yes"),
            (format!("{WON} count=0"), "count", "0"),
            (format!("{WON} sequence=3"), "producer", ""),
            (format!("{WON} colour=red"), "colour", "red"),
            (format!("{WON} role=best campaign=c propensity_ppm=5"), "role", "best"),
            (format!("{WON} role=control propensity_ppm=5"), "campaign", ""),
            (format!("{WON} role=control campaign=c"), "propensity_ppm", ""),
            (format!("{WON} propensity_ppm=5"), "role", ""),
            (format!("{WON} propensity_ppm=0"), "propensity_ppm", "0"),
            (format!("{WON} value_cpm_micros=-1"), "value_cpm_micros", "-1"),
            (
                format!("{WON} role=control campaign=c propensity_ppm=5")
                    .replace("=1 bid", "=2 bid"),
                "role",
                "control",
            ),
        ];
        for (text, field, value) in rows {
            let complaint = read(&text).unwrap_err();
            assert_eq!((complaint.field.as_str(), complaint.value.as_str()), (field, value));
        }
    }
}
