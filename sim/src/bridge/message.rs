//! Every message of the protocol, read from one JSON object and checked field by field.
//!
//! Knows fields and units; decides nothing. Called by the dialogue. Each reader takes all its
//! fields before anything is done, so a message that breaks a rule has no effect.

use super::fields::{Complaint, Fields};
use super::order::{self, LAWS, Order};
use super::{CAMPAIGNS_MAX, VERSION};
use crate::number::whole;
use paceline_core::bid::AuctionType;
use paceline_core::campaign::LawChoice;
use paceline_core::event::SpendKind;
use paceline_core::hash;
use paceline_core::input::ShapeChange;
use paceline_core::ledger::PRICE_MAX;
use paceline_core::pace::LogPidGains;
use paceline_core::units::{CpmMicros, Name, Nanos, Ppb, SegmentId, ShapeId, Timestamp, WinId};
use serde_json::{Value, json};

/// Events one report of spend may be said to hold.
const EVENTS_MAX: u64 = 10_000;
/// Slots of a shape at most: quarters of an hour of a week.
const SLOTS_MAX: usize = 672;
/// The tallest slot of a shape as the engine gets it.
const SHAPE_HEIGHT: f64 = 1e6;

/// What a line asks for.
#[derive(Debug)]
pub(super) enum Message {
    Hello(Box<Hello>),
    Campaign(Box<Order>),
    Shape(ShapeChange),
    Spend(Spend),
    Opportunities(Opportunities),
    Reported(Timestamp),
    Advance(Advance),
    Decide(Ask),
    Explain(Name),
}

/// How the dialogue is to go.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) unit: Option<f64>,
    pub(super) law: Option<LawChoice>,
    pub(super) gains: Option<LogPidGains>,
    pub(super) elasticity: Option<f64>,
    pub(super) start_multiplier: Option<f64>,
    pub(super) is_told: Option<bool>,
    pub(super) only_changed: Option<bool>,
}

/// How much, by growth or in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Growth(Nanos),
    Total(Nanos),
}

/// Money that moved.
#[derive(Debug)]
pub(super) struct Spend {
    pub(super) id: Name,
    pub(super) amount: Amount,
    pub(super) kind: SpendKind,
    pub(super) events: Option<u64>,
    pub(super) win: Option<WinId>,
    pub(super) probability: Ppb,
    pub(super) at: Option<Timestamp>,
}

/// Auctions that were seen.
#[derive(Debug)]
pub(super) struct Opportunities {
    pub(super) id: Name,
    pub(super) segment: SegmentId,
    pub(super) asks: u64,
    pub(super) bids: u64,
    pub(super) wins: u64,
}

/// Time goes on.
#[derive(Debug)]
pub(super) struct Advance {
    pub(super) now: Timestamp,
    pub(super) spend: Vec<(String, Amount)>,
    pub(super) asks: Vec<(String, u64)>,
}

/// One auction.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) id: Name,
    pub(super) auction: u64,
    pub(super) impression: u32,
    pub(super) value: CpmMicros,
    pub(super) floor: CpmMicros,
    pub(super) auction_type: AuctionType,
    pub(super) left: Option<Nanos>,
    pub(super) at: Option<Timestamp>,
}

/// Reads a message. `unit` is nanos in one plain unit, `law` that of campaigns that name none.
pub(super) fn read(value: Value, unit: f64, law: LawChoice) -> Result<Message, Complaint> {
    let Value::Object(mut map) = value else {
        return Err(Complaint::new("line", &value, "must be a JSON object or an array of them"));
    };
    let op = map.remove("op").unwrap_or_default();
    let name = op.as_str().unwrap_or_default().to_owned();
    let mut fields = Fields::new(name, map, unit);
    let fields_ = &mut fields;
    let message = match op.as_str() {
        Some("hello") => hello(fields_).map(|hello| Message::Hello(Box::new(hello))),
        Some("campaign") => order::read(fields_, law).map(|o| Message::Campaign(Box::new(o))),
        Some("shape") => shape(fields_).map(Message::Shape),
        Some("spend") => spend(fields_).map(Message::Spend),
        Some("opportunities") => opportunities(fields_).map(Message::Opportunities),
        Some("reported") => needed(fields_, "through").map(Message::Reported),
        Some("advance") => advance(fields_).map(Message::Advance),
        Some("decide") => ask(fields_).map(Message::Decide),
        Some("explain") => fields_.id().map(Message::Explain),
        _ => Err(Complaint::new(
            "op",
            &op,
            "must be one of hello, campaign, shape, spend, opportunities, reported, advance, \
             decide, explain",
        )),
    }?;
    fields.end()?;
    Ok(message)
}

fn needed(fields: &mut Fields, field: &str) -> Result<Timestamp, Complaint> {
    fields.instant(field)?.ok_or_else(|| Complaint::missing(field))
}

fn hello(fields: &mut Fields) -> Result<Hello, Complaint> {
    let version = fields.take("version").ok_or_else(|| Complaint::missing("version"))?;
    if version.as_u64() != Some(VERSION) {
        let rule = format!("must be {VERSION}, the only version spoken here");
        return Err(Complaint::new("version", &version, rule));
    }
    let gains = fields.take("gains").map(|value| gains(&value)).transpose()?;
    Ok(Hello {
        unit: fields.real("unit_nanos", (1.0, 1e15))?,
        law: fields.word("law", &LAWS)?,
        gains,
        elasticity: fields.real("elasticity", (0.1, 10.0))?,
        start_multiplier: fields.real("start_multiplier", (0.001, 1.0))?,
        is_told: fields.word("watermark", &[("lockstep", false), ("told", true)])?,
        only_changed: fields.word("entries", &[("all", false), ("changed", true)])?,
    })
}

fn gains(value: &Value) -> Result<LogPidGains, Complaint> {
    let gains: LogPidGains = serde::Deserialize::deserialize(value)
        .map_err(|error: serde_json::Error| Complaint::new("gains", value, error.to_string()))?;
    gains.check().map_err(|error| Complaint::new("gains", value, error.to_string()))?;
    Ok(gains)
}

fn shape(fields: &mut Fields) -> Result<ShapeChange, Complaint> {
    let id = fields.id()?;
    let value = fields.take("weights").ok_or_else(|| Complaint::missing("weights"))?;
    let rule = "must be 168, 336 or 672 numbers, zero or above, not all zero";
    let refuse = || Complaint::new("weights", &value, rule);
    let list = value.as_array().filter(|list| list.len() <= SLOTS_MAX).ok_or_else(refuse)?;
    let heights: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
    let heights = heights.ok_or_else(refuse)?;
    let most = heights.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 || heights.iter().any(|height| *height < 0.0) {
        return Err(refuse());
    }
    let scaled = |height: &f64| u32::try_from(whole(height / most * SHAPE_HEIGHT)).unwrap_or(0);
    let weights = heights.iter().map(scaled).collect();
    Ok(ShapeChange { id: ShapeId::of(id.as_str()), name: None, weights })
}

fn spend(fields: &mut Fields) -> Result<Spend, Complaint> {
    let id = fields.id()?;
    let kinds =
        [("billing", SpendKind::Billing), ("win", SpendKind::Win), ("adjust", SpendKind::Adjust)];
    let kind = fields.word("kind", &kinds)?.unwrap_or(SpendKind::Billing);
    let amount = match (fields.money("amount")?, fields.money("total")?) {
        (Some(amount), None) => Amount::Growth(amount),
        (None, Some(total)) => Amount::Total(total),
        (None, None) => return Err(Complaint::missing("amount")),
        (Some(_), Some(total)) => {
            let rule = "must not stand beside amount";
            return Err(Complaint::new("total", &json!(total.get()), rule));
        }
    };
    if let Amount::Growth(amount) = amount
        && amount < Nanos::ZERO
        && kind != SpendKind::Adjust
    {
        let rule = "must be zero or above unless kind is adjust";
        return Err(Complaint::new("amount", &json!(amount.get()), rule));
    }
    if kind != SpendKind::Billing && matches!(amount, Amount::Total(_)) {
        return Err(Complaint::new("kind", &json!(kind), "must be billing where a total is given"));
    }
    let events = fields.count("events", EVENTS_MAX)?;
    let win = key(fields, "win")?.map(WinId::from_key);
    if events.is_some_and(|events| events != 1) && win.is_some() {
        return Err(Complaint::new("events", &json!(events), "must be 1 where a win is named"));
    }
    let chance = fields.real("probability", (0.0, 1.0))?;
    let ppb = chance.and_then(|chance| u32::try_from(whole((chance * 1e9).round())).ok());
    let probability = ppb.and_then(Ppb::new).unwrap_or(Ppb::ONE);
    Ok(Spend { id, amount, kind, events, win, probability, at: fields.instant("at")? })
}

/// A 64-bit key: a whole number as it is, a text by its public hash.
fn key(fields: &mut Fields, field: &str) -> Result<Option<u64>, Complaint> {
    let Some(value) = fields.take(field) else { return Ok(None) };
    let key = match &value {
        Value::String(text) if !text.is_empty() => Some(hash::key(text.as_bytes())),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    let rule = || Complaint::new(field, &value, "must be a text or a whole number from 0");
    key.map(Some).ok_or_else(rule)
}

fn opportunities(fields: &mut Fields) -> Result<Opportunities, Complaint> {
    let most = u64::from(u32::MAX);
    let id = fields.id()?;
    let segment = fields.name("segment")?;
    Ok(Opportunities {
        id,
        segment: SegmentId::of(segment.as_ref().map_or("", Name::as_str)),
        asks: fields.count("asks", most)?.ok_or_else(|| Complaint::missing("asks"))?,
        bids: fields.count("bids", most)?.unwrap_or(0),
        wins: fields.count("wins", most)?.unwrap_or(0),
    })
}

fn advance(fields: &mut Fields) -> Result<Advance, Complaint> {
    let now = needed(fields, "now")?;
    let mut spend = Vec::new();
    for (name, amount) in fields.amounts("spend")? {
        if amount < Nanos::ZERO {
            let rule = "must be zero or above; corrections come by kind adjust";
            return Err(Complaint::new(format!("spend.{name}"), &json!(amount.get()), rule));
        }
        spend.push((name, Amount::Growth(amount)));
    }
    for (name, total) in fields.amounts("total")? {
        if spend.iter().any(|(other, _)| *other == name) {
            let rule = "must not stand beside spend of the same campaign";
            return Err(Complaint::new(format!("total.{name}"), &json!(total.get()), rule));
        }
        spend.push((name, Amount::Total(total)));
    }
    let asks = fields.counts("asks")?;
    debug_assert!(spend.len() <= 2 * CAMPAIGNS_MAX, "a line's length bounds it");
    Ok(Advance { now, spend, asks })
}

/// The price of one impression: as many nanos as micros per thousand.
pub(super) fn price(fields: &mut Fields, field: &str) -> Result<Option<CpmMicros>, Complaint> {
    let Some(price) = fields.money(field)? else { return Ok(None) };
    if (Nanos::ZERO..=PRICE_MAX).contains(&price) {
        return Ok(Some(CpmMicros::new(price.get())));
    }
    let rule = format!("must be from 0 to {} nanos", PRICE_MAX.get());
    Err(Complaint::new(field, &json!(price.get()), rule))
}

fn ask(fields: &mut Fields) -> Result<Ask, Complaint> {
    let id = fields.id()?;
    let auction = key(fields, "auction")?.ok_or_else(|| Complaint::missing("auction"))?;
    let impression = fields.count("impression", u64::from(u32::MAX))?.unwrap_or(0);
    let value = price(fields, "value")?.ok_or_else(|| Complaint::missing("value"))?;
    let floor = price(fields, "floor")?.unwrap_or(CpmMicros::ZERO);
    let deal = price(fields, "deal")?;
    let first = fields.word("price", &[("first", true), ("second", false)])?.unwrap_or(false);
    let auction_type = match deal {
        Some(deal) => AuctionType::FixedPrice(deal),
        None if first => AuctionType::FirstPrice,
        None => AuctionType::SecondPrice,
    };
    Ok(Ask {
        id,
        auction,
        impression: u32::try_from(impression).unwrap_or(u32::MAX),
        value,
        floor,
        auction_type,
        left: fields.money("left")?,
        at: fields.instant("at")?,
    })
}
