//! Why a bid is what it is, to messages: the way from value to price, and what is known of the
//! market that it goes through.
//!
//! The campaign's entry and the segment's landscape may be of two partitions: each is asked for
//! apart, and the law that every bidder runs puts them together. Called by the admin service.

use super::super::catalogue::shading_level_number;
use super::super::{Refusal, name};
use super::rounded;
use paceline_core::bid::{AuctionType, BidAsk, path};
use paceline_core::campaign::ShadingLevel;
use paceline_core::engine::Engine;
use paceline_core::shade::outcome::{PRICE_MAX, market_of};
use paceline_core::shade::{SegmentPath, ShadingSchedule, WinCurve};
use paceline_core::table::{Lease, TableEntry};
use paceline_core::units::{ArmId, CampaignId, CpmMicros, Ppm, SegmentId, Timestamp};
use paceline_proto::v1;

/// What is asked, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidQuestion {
    /// Where.
    pub segment: SegmentId,
    /// The first level of its name.
    pub market: String,
    /// The auction.
    pub ask: BidAsk,
}

/// A campaign as a bidder sees it.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    entry: TableEntry,
    lease: Lease,
    now: Timestamp,
}

/// A segment's market.
#[derive(Debug, Clone)]
pub struct Market {
    schedule: ShadingSchedule,
    curve: Option<WinCurve>,
    message: v1::SegmentLandscape,
}

/// Reads the question.
///
/// # Errors
/// The first rule it breaks.
pub fn bid_question(request: &v1::ExplainBidRequest) -> Result<BidQuestion, Refusal> {
    let segment = name("segment_id", &request.segment_id)?;
    SegmentPath::of_name(segment.as_str())
        .map_err(|error| Refusal::new("segment_id", &segment, error.to_string()))?;
    let price = |field, micros| {
        let price = CpmMicros::new(micros);
        let is_sound = (CpmMicros::ZERO..=PRICE_MAX).contains(&price);
        let rule = "must be from 0 to 1000000000000000";
        if is_sound { Ok(price) } else { Err(Refusal::new(field, micros, rule)) }
    };
    let auction_type = match request.auction_type {
        0 | 1 => AuctionType::FirstPrice,
        2 => AuctionType::SecondPrice,
        other => return Err(Refusal::new("auction_type", other, "must be 1 or 2")),
    };
    Ok(BidQuestion {
        segment: SegmentId::of(segment.as_str()),
        market: market_of(segment.as_str()).to_owned(),
        ask: BidAsk {
            auction: 0,
            impression: 0,
            value: price("value_cpm_micros", request.value_cpm_micros)?,
            floor: price("floor_cpm_micros", request.floor_cpm_micros)?,
            auction_type,
        },
    })
}

/// The campaign as it is published; nothing before its first round and after its last.
#[must_use]
pub fn published(engine: &Engine, campaign: CampaignId) -> Option<Published> {
    let table = engine.table();
    let entry = *table.get(campaign, ArmId(0))?;
    Some(Published { entry, lease: table.lease, now: engine.now() })
}

/// The segment's market as it is known; nothing before the first outcome.
#[must_use]
pub fn market(engine: &Engine, segment: SegmentId) -> Option<Market> {
    let known = engine.landscape(segment)?;
    let knot = |(value, bid): (CpmMicros, CpmMicros)| v1::ShadingKnot {
        value_cpm_micros: value.get(),
        bid_cpm_micros: bid.get(),
    };
    let message = v1::SegmentLandscape {
        evidence: rounded(known.evidence),
        told_ppm: share(known.told),
        drifts: known.drifts,
        is_silent: known.is_silent,
        chance_ppm: None,
        control_ppm: known.schedule.control().get(),
        explore_ppm: known.schedule.explore().get(),
        knots: known.schedule.knots().map(knot).collect(),
    };
    Some(Market { schedule: *known.schedule, curve: known.curve.cloned(), message })
}

/// The way from value to bid.
#[must_use]
pub fn bid_message(
    question: &BidQuestion,
    published: &Published,
    market: Option<Market>,
) -> v1::ExplainBidResponse {
    let Published { entry, lease, now } = *published;
    // The best bid is explained: who is drawn for other ends bids otherwise.
    let best = market.as_ref().filter(|market| !market.message.is_silent);
    let best = best.map(|market| market.schedule.with_shares(0.0, 0.0));
    let way = path(&entry, lease, now, best.as_ref(), &question.ask);
    let landscape = market.map(|market| {
        let bid = way.price.unwrap_or(way.shaded);
        let chance = market.curve.map(|curve| share(curve.chance(bid)));
        v1::SegmentLandscape { chance_ppm: chance, ..market.message }
    });
    v1::ExplainBidResponse {
        value_cpm_micros: question.ask.value.get(),
        multiplier_ppm: way.multiplier.ppm().get(),
        paced_cpm_micros: way.paced.get(),
        level: shading_level_number(entry.shading.level()),
        relief_per_mille: entry.shading.relief().into(),
        shaded_cpm_micros: way.shaded.get(),
        value_cap_cpm_micros: entry.value_cap.map(CpmMicros::get),
        floor_cpm_micros: question.ask.floor.get(),
        bid_cpm_micros: way.price.map(CpmMicros::get),
        reason: reason(question, &entry, landscape.as_ref()).to_owned(),
        landscape,
        saving: None,
    }
}

/// In parts per million; not a number is none.
fn share(share: f64) -> u32 {
    Ppm::try_from_ratio(share).map_or(0, Ppm::get)
}

fn reason(
    question: &BidQuestion,
    entry: &TableEntry,
    landscape: Option<&v1::SegmentLandscape>,
) -> &'static str {
    if question.ask.auction_type == AuctionType::SecondPrice {
        return "second-price auctions are never shaded";
    }
    if entry.shading.level() == ShadingLevel::Off {
        return "it is not to be shaded, or its currency is not that of outcomes";
    }
    match landscape {
        None => "no outcome was told yet: the paced value is bid",
        Some(market) if market.is_silent => {
            "nothing is heard of the exchange: the paced value is bid"
        }
        Some(_) if entry.shading.relief() > 0 => {
            "it bids all it may and has budget to spare: part of the shade is given up"
        }
        Some(market) if market.knots.is_empty() => "the market is being explored",
        Some(_) => "the best bid by what is known of the market",
    }
}
