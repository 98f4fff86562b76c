//! The rules for entries of other programs: plain fields in, checked inputs out, or a complaint
//! that names field, value and rule.
//!
//! An unknown or repeated field is refused like a wrong value: a misspelt `served_at_us` must not
//! quietly move money to another day. Knows no Redis.

use paceline_core::event::{OpportunityBatch, OpportunityCount, SpendBatch, SpendEvent, SpendKind};
use paceline_core::units::{
    ArmId, CampaignId, EventId, Name, Nanos, Ppb, ProducerId, Results, SegmentId, Timestamp, WinId,
};
use std::ops::RangeInclusive;

/// The largest price of one event, either way: the ledger's own bound.
pub const PRICE_NANOS_MAX: i64 = paceline_core::ledger::PRICE_MAX.get();
/// The largest count of one report of opportunities.
pub const COUNT_MAX: u64 = 1_000_000_000_000;

/// The fields of an entry as Redis gives them.
pub(super) type Pairs = [(Vec<u8>, Vec<u8>)];

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) field: String,
    pub(super) value: String,
    pub(super) rule: &'static str,
}

const SPEND_FIELDS: [&str; 13] = [
    "campaign",
    "event_id",
    "producer",
    "sequence",
    "kind",
    "win_id",
    "price_nanos",
    "bill_probability_ppb",
    "expected_results_millionths",
    "served_at_us",
    "occurred_at_us",
    "arm",
    "reported_through_us",
];
const OPPORTUNITY_FIELDS: [&str; 10] = [
    "producer",
    "sequence",
    "campaign",
    "segment",
    "arm",
    "asks",
    "bids",
    "below_floor",
    "wins",
    "reported_through_us",
];

/// A report of one event, or of none: `producer` and `reported_through_us` alone.
pub(super) fn spend(pairs: &Pairs) -> Result<SpendBatch, Complaint> {
    let fields = Fields::new(pairs, &SPEND_FIELDS)?;
    let producer = fields.name("producer")?.map(|name| ProducerId::of(name.as_str()));
    let reported_through = fields.time("reported_through_us")?;
    if reported_through.is_some() && producer.is_none() {
        return Err(Fields::complain("producer", "", "must be given with reported_through_us"));
    }
    let is_report_only = pairs
        .iter()
        .all(|(name, _)| matches!(name.as_slice(), b"producer" | b"reported_through_us"));
    let events = if is_report_only && reported_through.is_some() {
        Vec::new()
    } else {
        vec![event(&fields, producer)?]
    };
    Ok(SpendBatch { producer, reported_through, events })
}

fn event(fields: &Fields<'_>, producer: Option<ProducerId>) -> Result<SpendEvent, Complaint> {
    let rule = "must be win, billing or adjust";
    let kind = match fields.text("kind")? {
        Some("win") => SpendKind::Win,
        Some("billing") => SpendKind::Billing,
        Some("adjust") => SpendKind::Adjust,
        other => return Err(Fields::complain("kind", other.unwrap_or_default(), rule)),
    };
    let lowest = if kind == SpendKind::Adjust { -PRICE_NANOS_MAX } else { 0 };
    let rule = "must be a whole number of at most 10000000000000000, and not below 0 unless adjust";
    let price = fields.number("price_nanos", lowest..=PRICE_NANOS_MAX, rule)?;
    let rule = "must be a whole number from 1";
    let sequence = fields.number("sequence", 1..=u64::MAX, rule)?;
    if sequence.is_some() && producer.is_none() {
        return Err(Fields::complain("producer", "", "must be given with sequence"));
    }
    let rule = "must be a whole number from 0 to 1000000000";
    let probability = fields.number("bill_probability_ppb", 0..=Ppb::ONE.get(), rule)?;
    let most = Results::EVENT_MAX.get();
    let rule = "must be a whole number from 0 to 1000000000000";
    let results = fields.number("expected_results_millionths", 0..=most, rule)?;
    let must = "must be given";
    Ok(SpendEvent {
        event_id: fields.required("event_id").map(|name| EventId::of(name.as_str()))?,
        sequence,
        campaign: fields.required("campaign").map(|name| CampaignId::of(name.as_str()))?,
        arm: arm(fields)?,
        kind,
        win_id: fields.name("win_id")?.map(|name| WinId::of(name.as_str())),
        price: Nanos::new(price.ok_or_else(|| Fields::complain("price_nanos", "", must))?),
        bill_probability: probability.and_then(Ppb::new).unwrap_or_default(),
        expected_results: results.map_or(Results::ZERO, Results::new),
        served_at: fields.time("served_at_us")?,
        occurred_at: fields
            .time("occurred_at_us")?
            .ok_or_else(|| Fields::complain("occurred_at_us", "", must))?,
    })
}

fn arm(fields: &Fields<'_>) -> Result<ArmId, Complaint> {
    let arm = fields.number("arm", 0..=u8::MAX, "must be a whole number from 0 to 255")?;
    Ok(ArmId(arm.unwrap_or(0)))
}

/// A report of one campaign's opportunities in one segment and arm.
pub(super) fn opportunities(pairs: &Pairs) -> Result<OpportunityBatch, Complaint> {
    let fields = Fields::new(pairs, &OPPORTUNITY_FIELDS)?;
    let must = "must be given";
    let rule = "must be a whole number from 1";
    let sequence = fields.number("sequence", 1..=u64::MAX, rule)?;
    let told = |name| {
        let rule = "must be a whole number of at most 1000000000000";
        fields.number(name, 0..=COUNT_MAX, rule)
    };
    let count = |name| told(name)?.ok_or_else(|| Fields::complain(name, "", must));
    let (asks, bids, wins) = (count("asks")?, count("bids")?, count("wins")?);
    let below_floor = told("below_floor")?.unwrap_or(0);
    if bids > asks {
        return Err(Fields::complain("bids", &bids.to_string(), "must not exceed asks"));
    }
    if below_floor > asks - bids {
        let rule = "must not exceed asks less bids";
        return Err(Fields::complain("below_floor", &below_floor.to_string(), rule));
    }
    if wins > bids {
        return Err(Fields::complain("wins", &wins.to_string(), "must not exceed bids"));
    }
    let counted = OpportunityCount {
        campaign: fields.required("campaign").map(|name| CampaignId::of(name.as_str()))?,
        segment: fields.required("segment").map(|name| SegmentId::of(name.as_str()))?,
        arm: arm(&fields)?,
        asks,
        bids,
        below_floor,
        wins,
    };
    Ok(OpportunityBatch {
        producer: Some(fields.required("producer").map(|name| ProducerId::of(name.as_str()))?),
        sequence: Some(sequence.ok_or_else(|| Fields::complain("sequence", "", must))?),
        reported_through: fields
            .time("reported_through_us")?
            .ok_or_else(|| Fields::complain("reported_through_us", "", must))?,
        counts: vec![counted],
    })
}

/// The fields of one entry: known, given once, in UTF-8.
pub(super) struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    pub(super) fn new(pairs: &'a Pairs, known: &[&str]) -> Result<Self, Complaint> {
        let mut fields: Vec<(&str, &str)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let shown = String::from_utf8_lossy(value);
            let complain = |rule| Self::complain(&String::from_utf8_lossy(name), &shown, rule);
            let name = str::from_utf8(name).map_err(|_| complain("is not a known field"))?;
            if !known.contains(&name) {
                return Err(complain("is not a known field"));
            }
            if fields.iter().any(|(held, _)| *held == name) {
                return Err(complain("must be given once"));
            }
            let value = str::from_utf8(value).map_err(|_| complain("must be UTF-8"))?;
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    pub(super) fn complain(field: &str, value: &str, rule: &'static str) -> Complaint {
        Complaint { field: field.to_owned(), value: value.to_owned(), rule }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Complaint> {
        Ok(self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| *value))
    }

    pub(super) fn name(&self, name: &str) -> Result<Option<Name>, Complaint> {
        let rule = "must have 1 to 64 bytes and no control characters";
        self.text(name)?
            .map(|text| Name::try_new(text).map_err(|_| Self::complain(name, text, rule)))
            .transpose()
    }

    pub(super) fn required(&self, name: &str) -> Result<Name, Complaint> {
        self.name(name)?.ok_or_else(|| Self::complain(name, "", "must be given"))
    }

    pub(super) fn number<T: std::str::FromStr + PartialOrd>(
        &self,
        name: &str,
        range: RangeInclusive<T>,
        rule: &'static str,
    ) -> Result<Option<T>, Complaint> {
        let read = |text: &str| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| Self::complain(name, text, rule))
        };
        self.text(name)?.map(read).transpose()
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, Complaint> {
        let rule = "must be microseconds since 1970 UTC, before 2200";
        let range = Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros();
        Ok(self.number(name, range, rule)?.map(Timestamp::from_micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        text.split_whitespace().map(pair).collect()
    }

    fn complaint(text: &str) -> (String, String, &'static str) {
        let complaint = spend(&pairs(text)).unwrap_err();
        (complaint.field, complaint.value, complaint.rule)
    }

    const WIN: &str = "campaign=shoes event_id=e1 kind=win price_nanos=5 occurred_at_us=7";

    #[test]
    fn an_entry_with_the_least_fields_is_a_certain_win_for_everyone() {
        let batch = spend(&pairs(WIN)).unwrap();
        let event = batch.events[0];
        assert_eq!((batch.producer, batch.reported_through), (None, None));
        assert_eq!((event.event_id, event.campaign), (EventId::of("e1"), CampaignId::of("shoes")));
        assert_eq!((event.price, event.arm), (Nanos::new(5), ArmId(0)));
        assert_eq!((event.bill_probability, event.served_at), (Ppb::ONE, None));
        assert_eq!(event.attributed_at(), Timestamp::from_micros(7));
    }

    #[test]
    fn a_report_of_no_event_moves_the_watermark_alone() {
        let batch = spend(&pairs("producer=p reported_through_us=9")).unwrap();
        assert_eq!(batch.producer, Some(ProducerId::of("p")));
        assert_eq!(batch.reported_through, Some(Timestamp::from_micros(9)));
        assert_eq!(batch.events, []);
    }

    #[test]
    fn each_complaint_names_field_value_and_rule() {
        let rows = [
            ("reported_through_us=9", "producer", "", "must be given with reported_through_us"),
            (&format!("{WIN} sequence=4"), "producer", "", "must be given with sequence"),
            (
                &format!("{WIN} producer=p sequence=0"),
                "sequence",
                "0",
                "must be a whole number from 1",
            ),
            (&format!("{WIN} colour=red"), "colour", "red", "is not a known field"),
            (&format!("{WIN} kind=win"), "kind", "win", "must be given once"),
            (&format!("{WIN} arm=256"), "arm", "256", "must be a whole number from 0 to 255"),
            (&WIN.replace("kind=win", "kind=Won"), "kind", "Won", "must be win, billing or adjust"),
            (&WIN.replace("event_id=e1 ", ""), "event_id", "", "must be given"),
            (
                &WIN.replace("=7", "=1.5e9"),
                "occurred_at_us",
                "1.5e9",
                "must be microseconds since 1970 UTC, before 2200",
            ),
            (
                &WIN.replace("nanos=5", "nanos=-5"),
                "price_nanos",
                "-5",
                "must be a whole number of at most 10000000000000000, and not below 0 unless \
                 adjust",
            ),
        ];
        for (text, field, value, rule) in rows {
            assert_eq!(complaint(text), (field.to_owned(), value.to_owned(), rule), "{text}");
        }
    }

    #[test]
    fn only_an_adjust_may_be_negative() {
        let adjust = WIN.replace("kind=win", "kind=adjust").replace("nanos=5", "nanos=-5");
        assert_eq!(spend(&pairs(&adjust)).unwrap().events[0].price, Nanos::new(-5));
    }

    #[test]
    fn opportunities_cannot_be_won_more_often_than_asked() {
        let sound = "producer=p sequence=1 campaign=c segment=s asks=9 bids=4 wins=2 \
                     reported_through_us=9";
        let batch = opportunities(&pairs(sound)).unwrap();
        assert_eq!((batch.sequence, batch.counts[0].asks), (Some(1), 9));
        let told = |floor: u64| opportunities(&pairs(&format!("{sound} below_floor={floor}")));
        assert_eq!((batch.counts[0].below_floor, told(5).unwrap().counts[0].below_floor), (0, 5));
        let refused = told(6).unwrap_err();
        assert_eq!(refused.rule, "must not exceed asks less bids");
        let refused = opportunities(&pairs(&sound.replace("bids=4", "bids=10"))).unwrap_err();
        assert_eq!((refused.field.as_str(), refused.rule), ("bids", "must not exceed asks"));
        let refused = opportunities(&pairs(&sound.replace("wins=2", "wins=5"))).unwrap_err();
        assert_eq!((refused.field.as_str(), refused.rule), ("wins", "must not exceed bids"));
        let refused = opportunities(&pairs(&sound.replace("sequence=1 ", ""))).unwrap_err();
        assert_eq!((refused.field.as_str(), refused.rule), ("sequence", "must be given"));
    }
}
