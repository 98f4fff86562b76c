//! Reports of spend and opportunities: messages in, checked batches out.
//!
//! What is wrong with a report's head refuses the report; what is wrong with one event or count
//! refuses that one alone. Knows no partition. Called by `ingest`.

use super::{Refusal, arm, instant, key, optional_instant, optional_key};
use paceline_core::event::{OpportunityCount, SpendEvent, SpendKind};
use paceline_core::ledger::PRICE_MAX;
use paceline_core::units::{
    CampaignId, EventId, Nanos, Ppb, ProducerId, Results, SegmentId, Timestamp, WinId,
};
use paceline_proto::v1;

/// The most events or counts in one report, as the contract says: a report fits one record.
pub const REPORT_MAX: usize = 10_000;
/// The largest count taken: a year of the world's auctions, far from overflow when added up.
const COUNT_MAX: u64 = 1_000_000_000_000;

/// A report of spend whose head is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendReport {
    /// Who reports.
    pub producer: Option<ProducerId>,
    /// The producer has reported everything that happened before this.
    pub reported_through: Option<Timestamp>,
    /// The events that keep the rules, in order.
    pub events: Vec<SpendEvent>,
    /// Those that do not.
    pub refusals: Vec<v1::SpendRefusal>,
}

/// A report of opportunities whose head is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpportunityReport {
    /// Who reports.
    pub producer: Option<ProducerId>,
    /// The producer's own count of such reports.
    pub sequence: Option<u64>,
    /// Everything before this is in.
    pub reported_through: Timestamp,
    /// The counts that keep the rules, in order.
    pub counts: Vec<OpportunityCount>,
    /// Those that do not.
    pub refusals: Vec<v1::SpendRefusal>,
}

/// Reads a report of spend of at most `events_max` events.
///
/// # Errors
/// [`Refusal`] when its head breaks a rule: then nothing of it is taken.
pub fn spend_report(
    request: &v1::ReportSpendRequest,
    events_max: usize,
) -> Result<SpendReport, Refusal> {
    bounded("events", request.events.len(), events_max)?;
    let producer = optional_key("producer_id", request.producer_id.as_deref(), ProducerId::of)?;
    let reported_through = optional_instant("reported_through", request.reported_through.as_ref())?;
    let (events, refusals) =
        sorted(request.events.iter().map(|event| spend_event(event, producer.is_some())));
    Ok(SpendReport { producer, reported_through, events, refusals })
}

/// Reads a report of opportunities of at most `counts_max` counts.
///
/// # Errors
/// [`Refusal`] when its head breaks a rule: then nothing of it is taken.
pub fn opportunity_report(
    request: &v1::ReportOpportunitiesRequest,
    counts_max: usize,
) -> Result<OpportunityReport, Refusal> {
    bounded("counts", request.counts.len(), counts_max)?;
    let producer = optional_key("producer_id", request.producer_id.as_deref(), ProducerId::of)?;
    let sequence = sequence(request.sequence, producer.is_some())?;
    let reported_through = instant("reported_through", request.reported_through.as_ref())?;
    let (counts, refusals) = sorted(request.counts.iter().map(opportunity_count));
    Ok(OpportunityReport { producer, sequence, reported_through, counts, refusals })
}

pub(super) fn bounded(field: &str, length: usize, max: usize) -> Result<(), Refusal> {
    if length <= max {
        return Ok(());
    }
    let value = format!("{length} long");
    Err(Refusal::new(field, value, format!("must be at most {max} long")))
}

/// Sets apart what was taken and what was refused; refusals tell their place.
pub(super) fn sorted<T>(
    items: impl Iterator<Item = Result<T, Refusal>>,
) -> (Vec<T>, Vec<v1::SpendRefusal>) {
    let (mut taken, mut refusals) = (Vec::new(), Vec::new());
    for (index, item) in items.enumerate() {
        match item {
            Ok(item) => taken.push(item),
            Err(Refusal { field, value, rule }) => refusals.push(v1::SpendRefusal {
                index: u32::try_from(index).expect("a report is bounded"),
                field,
                value,
                rule: rule.into_owned(),
            }),
        }
    }
    (taken, refusals)
}

pub(super) fn sequence(sequence: Option<u64>, has_producer: bool) -> Result<Option<u64>, Refusal> {
    match sequence {
        Some(0) => Err(Refusal::new("sequence", 0, "must be at least 1")),
        Some(given) if !has_producer => {
            let rule = "must be absent when the report names no producer";
            Err(Refusal::new("sequence", given, rule))
        }
        given => Ok(given),
    }
}

/// Reads one movement of money. `has_producer`: the report names who reports.
///
/// # Errors
/// [`Refusal`] for the first rule it breaks.
pub fn spend_event(event: &v1::SpendEvent, has_producer: bool) -> Result<SpendEvent, Refusal> {
    let event_id = key("event_id", &event.event_id, EventId::of)?;
    let sequence = sequence(event.sequence, has_producer)?;
    let campaign = key("campaign_id", &event.campaign_id, CampaignId::of)?;
    let kind = spend_kind(event.kind)?;
    let win_id = optional_key("win_id", event.win_id.as_deref(), WinId::of)?;
    // A win is known by its own id; without one it has its event's.
    let own_id = (kind == SpendKind::Win).then(|| WinId::of(&event.event_id));
    Ok(SpendEvent {
        event_id,
        sequence,
        campaign,
        arm: arm("arm", event.arm)?,
        kind,
        win_id: win_id.or(own_id),
        price: price(event.price_nanos, kind)?,
        bill_probability: bill_probability(event.bill_probability_ppb)?,
        expected_results: expected_results(event.expected_results_millionths)?,
        served_at: optional_instant("served_at", event.served_at.as_ref())?,
        occurred_at: instant("occurred_at", event.occurred_at.as_ref())?,
    })
}

fn spend_kind(kind: i32) -> Result<SpendKind, Refusal> {
    match v1::SpendKind::try_from(kind) {
        Ok(v1::SpendKind::Win) => Ok(SpendKind::Win),
        Ok(v1::SpendKind::Billing) => Ok(SpendKind::Billing),
        Ok(v1::SpendKind::Adjust) => Ok(SpendKind::Adjust),
        Ok(v1::SpendKind::Unspecified) => Err(Refusal::absent("kind")),
        Err(_) => Err(Refusal::new("kind", kind, "must be win, billing or adjust")),
    }
}

/// The ledger's own bound, which is tighter than the contract's: beyond it is a mistake of units.
fn price(nanos: i64, kind: SpendKind) -> Result<Nanos, Refusal> {
    let price = Nanos::new(nanos);
    if price < Nanos::ZERO && kind != SpendKind::Adjust {
        return Err(Refusal::new("price_nanos", nanos, "must be at least 0, except for an adjust"));
    }
    if price > PRICE_MAX || price < -PRICE_MAX {
        let rule = format!("must be at most {} either way", PRICE_MAX.get());
        return Err(Refusal::new("price_nanos", nanos, rule));
    }
    Ok(price)
}

fn bill_probability(ppb: Option<u32>) -> Result<Ppb, Refusal> {
    let Some(ppb) = ppb else { return Ok(Ppb::ONE) };
    let rule = "must be at most 1000000000";
    Ppb::new(ppb).ok_or_else(|| Refusal::new("bill_probability_ppb", ppb, rule))
}

fn expected_results(millionths: u64) -> Result<Results, Refusal> {
    let results = Results::new(millionths);
    let most = Results::EVENT_MAX.get();
    let refuse = || {
        Refusal::new("expected_results_millionths", millionths, format!("must be at most {most}"))
    };
    if results > Results::EVENT_MAX { Err(refuse()) } else { Ok(results) }
}

fn opportunity_count(count: &v1::OpportunityCount) -> Result<OpportunityCount, Refusal> {
    let campaign = key("campaign_id", &count.campaign_id, CampaignId::of)?;
    // Keys are never 0, so that 0 is free for what is not told apart.
    let segment = match count.segment_id.as_str() {
        "" => SegmentId::from_key(0),
        named => key("segment_id", named, SegmentId::of)?,
    };
    let counts = [
        ("asks", count.asks),
        ("bids", count.bids),
        ("below_floor", count.below_floor),
        ("wins", count.wins),
    ];
    for (field, value) in counts {
        if value > COUNT_MAX {
            return Err(Refusal::new(field, value, format!("must be at most {COUNT_MAX}")));
        }
    }
    if count.bids > count.asks {
        return Err(Refusal::new("bids", count.bids, "must not exceed asks"));
    }
    if count.below_floor > count.asks - count.bids {
        let rule = "must not exceed asks less bids";
        return Err(Refusal::new("below_floor", count.below_floor, rule));
    }
    Ok(OpportunityCount {
        campaign,
        segment,
        arm: arm("arm", count.arm)?,
        asks: count.asks,
        bids: count.bids,
        below_floor: count.below_floor,
        wins: count.wins,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::instant_message;
    use proptest::prelude::*;

    fn event() -> v1::SpendEvent {
        v1::SpendEvent {
            event_id: "e".to_owned(),
            campaign_id: "c".to_owned(),
            kind: v1::SpendKind::Win.into(),
            price_nanos: 5,
            occurred_at: Some(instant_message(Timestamp::from_micros(7))),
            expected_results_millionths: 0,
            ..Default::default()
        }
    }

    fn refused(event: &v1::SpendEvent) -> String {
        spend_event(event, true).unwrap_err().to_string()
    }

    #[test]
    fn absent_fields_have_their_meaning() {
        let read = spend_event(&event(), false).unwrap();
        assert_eq!(read.win_id, Some(WinId::of("e")));
        assert_eq!(read.bill_probability, Ppb::ONE);
        assert_eq!((read.sequence, read.served_at, read.arm.0), (None, None, 0));
        let billing = v1::SpendEvent { kind: v1::SpendKind::Billing.into(), ..event() };
        assert_eq!(spend_event(&billing, false).unwrap().win_id, None);
    }

    #[test]
    fn each_rule_of_an_event_is_named() {
        let kind = |kind: v1::SpendKind| v1::SpendEvent { kind: kind.into(), ..event() };
        assert_eq!(refused(&kind(v1::SpendKind::Unspecified)), "kind is absent and is required");
        assert_eq!(
            refused(&v1::SpendEvent { kind: 9, ..event() }),
            "kind is 9 and must be win, billing or adjust"
        );
        assert_eq!(
            refused(&v1::SpendEvent { price_nanos: -1, ..event() }),
            "price_nanos is -1 and must be at least 0, except for an adjust"
        );
        assert_eq!(
            refused(&v1::SpendEvent { price_nanos: PRICE_MAX.get() + 1, ..event() }),
            "price_nanos is 10000000000000001 and must be at most 10000000000000000 either way"
        );
        assert_eq!(
            refused(&v1::SpendEvent { sequence: Some(0), ..event() }),
            "sequence is 0 and must be at least 1"
        );
        assert_eq!(
            refused(&v1::SpendEvent { bill_probability_ppb: Some(1_000_000_001), ..event() }),
            "bill_probability_ppb is 1000000001 and must be at most 1000000000"
        );
        assert_eq!(
            refused(&v1::SpendEvent { occurred_at: None, ..event() }),
            "occurred_at is absent and is required"
        );
    }

    #[test]
    fn a_sequence_needs_a_producer() {
        let counted = v1::SpendEvent { sequence: Some(4), ..event() };
        assert_eq!(
            spend_event(&counted, false).unwrap_err().to_string(),
            "sequence is 4 and must be absent when the report names no producer"
        );
    }

    #[test]
    fn one_bad_event_refuses_itself_alone() {
        let bad = v1::SpendEvent { campaign_id: String::new(), ..event() };
        let request =
            v1::ReportSpendRequest { events: vec![event(), bad, event()], ..Default::default() };
        let report = spend_report(&request, 3).unwrap();
        assert_eq!(report.events.len(), 2);
        assert_eq!(report.refusals.len(), 1);
        let refusal = &report.refusals[0];
        assert_eq!((refusal.index, refusal.field.as_str()), (1, "campaign_id"));
        assert_eq!(
            spend_report(&request, 2).unwrap_err().to_string(),
            "events is 3 long and must be at most 2 long"
        );
    }

    #[test]
    fn more_bids_than_asks_are_refused() {
        let count = v1::OpportunityCount {
            campaign_id: "c".to_owned(),
            asks: 1,
            bids: 2,
            ..Default::default()
        };
        let refusal = opportunity_count(&count).unwrap_err();
        assert_eq!(refusal.to_string(), "bids is 2 and must not exceed asks");
        let count = v1::OpportunityCount { asks: 3, below_floor: 2, ..count };
        let refusal = opportunity_count(&count).unwrap_err();
        assert_eq!(refusal.to_string(), "below_floor is 2 and must not exceed asks less bids");
        let count = v1::OpportunityCount { asks: 4, ..count };
        assert_eq!(opportunity_count(&count).unwrap().below_floor, 2);
    }

    proptest! {
        #[test]
        fn a_sound_event_is_read_as_it_was_written(
            name in "[a-z]{1,64}",
            sequence in prop::option::of(1_u64..),
            price in 0..=PRICE_MAX.get(),
            ppb in 0_u32..=1_000_000_000,
            arm: u8,
            micros in 0..=Timestamp::MAX.as_micros(),
        ) {
            let at = Timestamp::from_micros(micros);
            let message = v1::SpendEvent {
                event_id: name.clone(),
                sequence,
                campaign_id: name.clone(),
                arm: u32::from(arm),
                kind: v1::SpendKind::Billing.into(),
                win_id: Some(name.clone()),
                price_nanos: price,
                bill_probability_ppb: Some(ppb),
                served_at: Some(instant_message(at)),
                occurred_at: Some(instant_message(at)),
                expected_results_millionths: price.unsigned_abs() % 1_000,
            };
            let read = spend_event(&message, true).unwrap();
            prop_assert_eq!(read, SpendEvent {
                event_id: EventId::of(&name),
                sequence,
                campaign: CampaignId::of(&name),
                arm: paceline_core::units::ArmId(arm),
                kind: SpendKind::Billing,
                win_id: Some(WinId::of(&name)),
                price: Nanos::new(price),
                bill_probability: Ppb::new(ppb).unwrap(),
                expected_results: Results::new(price.unsigned_abs() % 1_000),
                served_at: Some(at),
                occurred_at: at,
            });
        }
    }
}
