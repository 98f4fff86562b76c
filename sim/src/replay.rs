//! A recorded auction trace as a world for a pacing law: the trace's prices, bidders and reports of
//! the simulator, the service's engine.
//!
//! Each campaign bids alone against the recorded prices. Without a campaign file a single campaign
//! wants every auction, over the span of the trace. An impression is worth what the value column
//! says; else click value × pctr or conversion value × pcvr; else so much that a full bid wins
//! every auction, and then counts as one. Nothing is told of the traffic ahead. Called by the
//! command line.

pub mod journal;

use crate::market::Segment;
use crate::market::auction::{Auction, Recorded, Tie};
use crate::market::billing::Billing;
use crate::market::buyer::Buyer;
use crate::market::clock::WeekClock;
use crate::market::competition::Competition;
use crate::market::draw::Distribution;
use crate::market::traffic::{Curve, Traffic};
use crate::number::whole;
use crate::policy::{PriceRule, TieRule};
use crate::scenario::{BidderPlan, CampaignPlan, Forecast, Scenario, SegmentPlan};
use crate::trace::TraceError;
use crate::trace::auctions::{self, AuctionKind, AuctionOptions, AuctionRow};
use crate::trace::campaigns::CampaignFile;
use crate::trace::orders::{self, Order, OrderOptions, Orders};
use paceline_calendar::Zone;
use paceline_core::bid::AuctionType;
use paceline_core::budget::{Budgets, Flight};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    LawChoice, RefundPolicy, ShadingTerms, SpendSource,
};
use paceline_core::units::{
    AdvertiserId, CampaignId, CpmMicros, Currency, Name, Nanos, PacingMultiplier, Ppb, SegmentId,
    Span, Timestamp, Window, ZoneId,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Soonest and latest a click comes after its impression.
const CLICK_DELAY: (Span, Span) = (Span::from_secs(2), Span::from_mins(5));

/// How a trace is replayed.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// Of every campaign.
    pub law: LawChoice,
    /// What a winner pays.
    pub price: PriceRule,
    /// Who wins a tie.
    pub tie: TieRule,
    /// Of the single campaign; none is no bound.
    pub budget: Option<Nanos>,
    /// Numeric column of values.
    pub value_column: Option<String>,
    /// Turns that column into micros per thousand impressions.
    pub value_scale: f64,
    /// Bill campaigns that want clicks per click.
    pub bill_clicks: bool,
}

/// Why a trace could not be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// When a file cannot be read or breaks a rule.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// When a campaign cannot be replayed.
    #[error("campaign {campaign}: {rule}")]
    Campaign {
        /// Which.
        campaign: String,
        /// Why not.
        rule: &'static str,
    },
}

/// What is kept of a trace.
struct Tape {
    auctions: Vec<Auction>,
    segments: Vec<SegmentId>,
    /// By place: stated value, click and conversion probability.
    stated: Vec<(Option<f64>, Option<f64>, Option<f64>)>,
    dearest: f64,
}

/// Reads a trace and puts a world around it.
///
/// # Errors
/// [`ReplayError`].
pub fn world_of(
    path: &Path,
    options: &ReplayOptions,
    campaigns: Option<&CampaignFile>,
) -> Result<Scenario, ReplayError> {
    let tape = read(path, options)?;
    let (Some(first), Some(last)) = (tape.auctions.first(), tape.auctions.last()) else {
        return Err(TraceError::NoRows { file: path.display().to_string().into() }.into());
    };
    let span = (first.at, last.at + Span::from_micros(1));
    let window = Window::try_new(span.0, span.1).expect("a trace is in time order");
    let order_options = OrderOptions { bill_clicks: options.bill_clicks, law: options.law };
    let orders = match campaigns {
        Some(file) => orders::from_file(file, order_options)?,
        None => single(options, window),
    };
    let mut clocks = BTreeMap::new();
    let mut calendars = Vec::new();
    for advertiser in &orders.advertisers {
        let zone = advertiser.zone_name.as_str();
        let known = Zone::try_new(zone).map_err(|_| ReplayError::Campaign {
            campaign: advertiser.name.as_str().to_owned(),
            rule: "its time zone is not known",
        })?;
        let change = known.change(window.start() - Span::DAY, window.end() + Span::DAY.times(10));
        clocks.insert(advertiser.id, WeekClock::new(&change.days));
        if calendars
            .iter()
            .all(|held: &paceline_core::input::CalendarChange| held.zone != change.zone)
        {
            calendars.push(change);
        }
    }
    let plans: Result<Vec<CampaignPlan>, ReplayError> =
        orders.campaigns.iter().map(|order| plan(order, &tape, options, &clocks)).collect();
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    Ok(Scenario {
        name: stem,
        window,
        seed: 1,
        is_competing: false,
        tie: match options.tie {
            TieRule::Win => Tie::Win,
            TieRule::Lose => Tie::Lose,
        },
        tick: Span::from_secs(10),
        bidders: BidderPlan {
            count: 4,
            publish_delay: Span::from_secs(1),
            report_every: Span::from_secs(10),
            report_delay: Span::from_secs(1),
            outcome_delay: Span::ZERO,
            lost_notices: 0.0,
            has_allowances: true,
            waits_for_draws: true,
        },
        calendars,
        segments: tape.segments.iter().map(|_| silent_segment(window.start())).collect(),
        record: tape.auctions,
        advertisers: orders.advertisers,
        campaigns: plans?,
        actions: Vec::new(),
        faults: Vec::new(),
        expectations: Vec::new(),
    })
}

fn read(path: &Path, options: &ReplayOptions) -> Result<Tape, ReplayError> {
    let columns = options.value_column.iter().cloned().collect();
    let opened = AuctionOptions { extra_columns: columns, ..AuctionOptions::default() };
    let mut tape =
        Tape { auctions: Vec::new(), segments: Vec::new(), stated: Vec::new(), dearest: 0.0 };
    let mut places: BTreeMap<SegmentId, usize> = BTreeMap::new();
    for row in auctions::open(path, &opened)? {
        let row = row?;
        let segments = &mut tape.segments;
        let segment = *places.entry(row.segment).or_insert_with(|| {
            segments.push(row.segment);
            segments.len() - 1
        });
        let auction = auction(&row, segment, options.price);
        tape.dearest = tape.dearest.max(row.min_to_win.per_impression().as_f64() / 1e6);
        let value = match options.value_column {
            Some(_) => row.extra(0).map(|value| value * options.value_scale / 1e6),
            None => row.value.map(|value| value.per_impression().as_f64() / 1e6),
        };
        tape.stated.push((value, row.click_probability, row.conversion_probability));
        tape.auctions.push(auction);
    }
    Ok(tape)
}

fn auction(row: &AuctionRow, segment: usize, price: PriceRule) -> Auction {
    let auction_type = match (price, row.kind) {
        (PriceRule::First, _)
        | (PriceRule::Trace, AuctionKind::FirstPrice | AuctionKind::Own(_)) => {
            AuctionType::FirstPrice
        }
        (PriceRule::Second, _) | (PriceRule::Trace, AuctionKind::SecondPrice) => {
            AuctionType::SecondPrice
        }
        (PriceRule::Trace, AuctionKind::FixedPrice) => {
            AuctionType::FixedPrice(row.floor.unwrap_or(row.min_to_win))
        }
    };
    let probability = row.click_probability.and_then(|chance| {
        let ppb = whole((chance * 1e9).clamp(1.0, 1e9));
        u32::try_from(ppb).ok().and_then(Ppb::new)
    });
    Auction {
        at: row.at,
        key: row.request,
        segment,
        auction_type,
        floor: row.floor.unwrap_or_default().min(row.min_to_win),
        rival: row.min_to_win,
        recorded: Some(Recorded {
            index: u32::try_from(row.index).unwrap_or(u32::MAX),
            clicked: row.click,
            probability,
        }),
    }
}

/// A segment that makes no auctions of its own.
fn silent_segment(start: Timestamp) -> SegmentPlan {
    let clock = WeekClock::new(&[]);
    SegmentPlan {
        segment: Segment {
            name: Name::try_new("recorded").expect("a short word"),
            traffic: Traffic {
                per_day: 0.0,
                curve: Curve::flat(),
                clock: clock.clone(),
                drift_per_day: 0.0,
                surges: Vec::new(),
                shocks: Vec::new(),
                start,
            },
            competition: Competition {
                bids: Distribution::Constant(1.0),
                rivals: 1,
                season: None,
                clock,
                jumps: Vec::new(),
                shocks: Vec::new(),
                start,
            },
            auction_type: AuctionType::SecondPrice,
            floor: CpmMicros::ZERO,
        },
        traffic_shock: None,
        price_shock: None,
    }
}

/// One campaign that wants every auction.
fn single(options: &ReplayOptions, window: Window) -> Orders {
    let name = |word: &str| Name::try_new(word).expect("a short word");
    // A law needs a budget to pace; without one, the largest there is bounds nothing.
    let budget = options.budget.unwrap_or(Nanos::from_units(4_000_000_000));
    let advertiser = AdvertiserSpec {
        id: AdvertiserId::of("trace"),
        name: name("trace"),
        currency: Currency::try_new("XXX").expect("three capital letters"),
        zone: ZoneId::of("UTC"),
        zone_name: name("UTC"),
        budgets: Budgets::default(),
        holidays: Vec::new(),
    };
    let spec = CampaignSpec {
        id: CampaignId::of("campaign"),
        name: name("campaign"),
        advertiser: advertiser.id,
        group: None,
        budgets: Budgets {
            flights: vec![Flight { window, budget: Some(budget) }],
            caps: Vec::new(),
        },
        delivery: DeliveryMode::Even,
        terms: DeliveryTerms::default(),
        law: options.law,
        billing: BillingEvent::Impression,
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Hold,
        shading: ShadingTerms::default(),
        multiplier_max: PacingMultiplier::ONE,
        value_cap: None,
        returns: None,
        shape: None,
        status: CampaignStatus::Active,
    };
    let order = Order {
        spec,
        goal: crate::trace::campaigns::Goal::Spend,
        click_value: None,
        conversion_value: None,
        segments: Vec::new(),
        extras: Vec::new(),
    };
    Orders { advertisers: vec![advertiser], campaigns: vec![order] }
}

fn plan(
    order: &Order,
    tape: &Tape,
    options: &ReplayOptions,
    clocks: &BTreeMap<AdvertiserId, WeekClock>,
) -> Result<CampaignPlan, ReplayError> {
    let refuse =
        |rule| ReplayError::Campaign { campaign: order.spec.name.as_str().to_owned(), rule };
    if order.spec.budgets.flights.len() != 1 {
        return Err(refuse("must have exactly one flight to be replayed under a law"));
    }
    let is_clicks = order.spec.billing == BillingEvent::Click;
    if is_clicks && tape.stated.iter().any(|(_, chance, _)| chance.is_none()) {
        return Err(refuse("to be billed per click it needs pctr in every row"));
    }
    let values: Vec<f64> = tape.stated.iter().map(|stated| worth(order, tape, *stated)).collect();
    let has_values =
        options.value_column.is_some() || tape.stated.iter().any(|(value, ..)| value.is_some());
    let buyer = Buyer {
        salt: order.spec.id.key(),
        segments: (0..tape.segments.len())
            .filter(|&place| order.wants(tape.segments[place]))
            .collect(),
        reach: 1.0,
        value: Distribution::Constant(1.0),
        scale: 1.0,
        response: None,
        billing: if is_clicks {
            Billing::Click { soonest: CLICK_DELAY.0, latest: CLICK_DELAY.1 }
        } else {
            Billing::Impression
        },
        results_per_nano: None,
        recorded: Some(Arc::from(values)),
        truth: None,
        counts_as_one: !has_values
            && order.click_value.is_none()
            && order.conversion_value.is_none(),
        value_most: f64::INFINITY,
    };
    Ok(CampaignPlan {
        spec: order.spec.clone(),
        buyer,
        pressure: None,
        forecast: Forecast::None,
        clock: clocks.get(&order.spec.advertiser).cloned().unwrap_or_else(|| WeekClock::new(&[])),
    })
}

/// What one auction is worth to a campaign, in units per thousand.
fn worth(order: &Order, tape: &Tape, stated: (Option<f64>, Option<f64>, Option<f64>)) -> f64 {
    let (value, click, conversion) = stated;
    let per_thousand = |value: paceline_core::units::Micros, chance: f64| {
        Nanos::from(value).as_f64() / 1e6 * chance
    };
    let by_click = || Some(per_thousand(order.click_value?, click?));
    let by_conversion = || Some(per_thousand(order.conversion_value?, conversion?));
    // A little above the dearest price, so that a full bid wins even where a tie is lost.
    value.or_else(by_click).or_else(by_conversion).unwrap_or(1.01 * tape.dearest + 1e-3)
}
