//! The check of a file's supply: segments, shapes, prices.
//!
//! Called by [`super::check`].

use super::complaint::Complaints;
use super::data::DataFolder;
use super::raw::{RawAuction, RawPrices, RawSegment, RawShape, RawShock};
use super::span;
use super::{SegmentPlan, check::Frame};
use crate::market::Segment;
use crate::market::competition::{Competition, Jump, Season, to_cpm};
use crate::market::draw::Distribution;
use crate::market::traffic::{Curve, Cycle, Shock, Surge, Traffic};
use paceline_core::bid::AuctionType;
use paceline_core::units::{Name, Span, Timestamp, Window};

/// The most auctions a day a segment may have: a run holds one step of them in memory.
const PER_DAY_MAX: f64 = 1e10;

/// Checks one segment.
pub(super) fn check(
    at: &str,
    raw: &RawSegment,
    frame: &mut Frame<'_>,
    complaints: &mut Complaints,
) -> SegmentPlan {
    let key = |field: &str| format!("{at}.{field}");
    let name = complaints.take(
        key("name"),
        &raw.name,
        Name::try_new(raw.name.clone()),
        Name::try_new("segment").expect("a short word"),
    );
    complaints.require(
        (0.0..=PER_DAY_MAX).contains(&raw.per_day),
        key("per_day"),
        raw.per_day,
        "must be 0 to 1e10",
    );
    let clock = frame.clock(key("zone"), raw.zone.as_deref().unwrap_or("UTC"), complaints);
    let drift = raw.drift_per_day.unwrap_or(0.0);
    complaints.require(
        (-0.9..=9.0).contains(&drift),
        key("drift_per_day"),
        drift,
        "must be -0.9 to 9",
    );
    let traffic = Traffic {
        per_day: raw.per_day,
        curve: curve(&key("shape"), raw.shape.as_ref(), frame.data, complaints),
        clock: clock.clone(),
        drift_per_day: drift,
        surges: surges(&key("surges"), raw, frame.window.start(), complaints),
        shocks: Vec::new(),
        start: frame.window.start(),
    };
    let rivals = raw.rivals.unwrap_or(1);
    complaints.require((1..=10_000).contains(&rivals), key("rivals"), rivals, "must be 1 to 10000");
    let competition = Competition {
        bids: prices(&key("prices"), &raw.prices, complaints),
        rivals: rivals.max(1),
        season: season(&key("price_season"), raw, complaints),
        clock,
        jumps: jumps(&key("jumps"), raw, frame.window.start(), complaints),
        shocks: Vec::new(),
        start: frame.window.start(),
    };
    let floor = raw.floor_cpm.unwrap_or(0.0);
    complaints.require((0.0..=1e9).contains(&floor), key("floor_cpm"), floor, "must be 0 to 1e9");
    SegmentPlan {
        segment: Segment {
            name,
            traffic,
            competition,
            auction_type: match raw.auction {
                RawAuction::First => AuctionType::FirstPrice,
                RawAuction::Second => AuctionType::SecondPrice,
            },
            floor: to_cpm(floor),
        },
        traffic_shock: shock(&key("shock"), raw.shock, complaints),
        price_shock: shock(&key("price_shock"), raw.price_shock, complaints),
    }
}

/// A distribution in exactly one of its forms.
pub(super) fn prices(at: &str, raw: &RawPrices, complaints: &mut Complaints) -> Distribution {
    let sound = |value: f64| value.is_finite() && value > 0.0 && value <= 1e9;
    let spread = |sigma: f64| (0.0..=10.0).contains(&sigma);
    match (raw.cpm, raw.median_cpm, raw.ln_mean, raw.sigma, &raw.quantiles_cpm) {
        (Some(cpm), None, None, None, None) if sound(cpm) => Distribution::Constant(cpm),
        (None, Some(median), None, Some(sigma), None) if sound(median) && spread(sigma) => {
            Distribution::LogNormal { ln_median: libm::log(median), sigma }
        }
        (None, None, Some(mean), Some(sigma), None) if mean.abs() <= 30.0 && spread(sigma) => {
            // Stated for one impression; prices here are per thousand.
            Distribution::LogNormal { ln_median: mean + libm::log(1e3), sigma }
        }
        (None, None, None, None, Some(values))
            if values.len() >= 2
                && values.iter().all(|&value| (0.0..=1e9).contains(&value))
                && values.is_sorted() =>
        {
            Distribution::Quantiles(values.clone())
        }
        _ => {
            complaints.add(
                at,
                raw,
                "must be one of { cpm }, { median_cpm, sigma }, { ln_mean, sigma } or \
                 { quantiles_cpm } with two or more ascending values; prices above 0, at most 1e9; \
                 sigma 0 to 10",
            );
            Distribution::Constant(1.0)
        }
    }
}

/// A course over the day or week; flat when nothing is said.
pub(super) fn curve(
    at: &str,
    raw: Option<&RawShape>,
    data: &DataFolder,
    complaints: &mut Complaints,
) -> Curve {
    let Some(raw) = raw else { return Curve::flat() };
    let made = match (&raw.day, &raw.week, raw.amplitude, &raw.data) {
        (Some(day), None, None, None) => Curve::try_new(Cycle::Day, day),
        (None, Some(week), None, None) => Curve::try_new(Cycle::Week, week),
        (None, None, Some(amplitude), None) if (0.0..=1.0).contains(&amplitude) => {
            Some(Curve::cosine(amplitude, raw.peak_hour.unwrap_or(12.0)))
        }
        (None, None, None, Some(file)) => {
            let segment = raw.segment.as_deref().unwrap_or_default();
            return data.curve(at, file, segment, complaints).unwrap_or_else(Curve::flat);
        }
        _ => None,
    };
    made.unwrap_or_else(|| {
        complaints.add(
            at,
            raw,
            "must be one of { day }, { week }, { amplitude, peak_hour } or { data, segment }; \
             heights at least 0 and not all 0; amplitude 0 to 1",
        );
        Curve::flat()
    })
}

fn shock(at: &str, raw: Option<RawShock>, complaints: &mut Complaints) -> Option<Shock> {
    let raw = raw?;
    complaints.require(
        (0.0..=3.0).contains(&raw.sigma),
        format!("{at}.sigma"),
        raw.sigma,
        "must be 0 to 3",
    );
    complaints.require(
        (0.0..1.0).contains(&raw.persistence),
        format!("{at}.persistence"),
        raw.persistence,
        "must be 0 to below 1",
    );
    Some(Shock { sigma: raw.sigma, persistence: raw.persistence })
}

fn season(at: &str, raw: &RawSegment, complaints: &mut Complaints) -> Option<Season> {
    let season = raw.price_season?;
    complaints.require(
        (0.0..1.0).contains(&season.amplitude),
        format!("{at}.amplitude"),
        season.amplitude,
        "must be 0 to below 1",
    );
    Some(Season { amplitude: season.amplitude, peak_hour: season.peak_hour })
}

fn surges(at: &str, raw: &RawSegment, start: Timestamp, complaints: &mut Complaints) -> Vec<Surge> {
    let each = raw.surges.iter().enumerate().filter_map(|(index, surge)| {
        let key = |field: &str| format!("{at}[{index}].{field}");
        let from = complaints.span(key("at"), Some(&surge.at), Span::ZERO);
        let lasts = complaints.span(key("lasts"), Some(&surge.lasts), Span::HOUR);
        complaints.require(
            (0.0..=1e4).contains(&surge.times),
            key("times"),
            surge.times,
            "must be 0 to 10000",
        );
        let window = Window::try_new(start + from, start + from + lasts);
        if window.is_err() {
            complaints.add(key("lasts"), &surge.lasts, "must be above zero");
        }
        Some(Surge { window: window.ok()?, times: surge.times })
    });
    each.collect()
}

fn jumps(at: &str, raw: &RawSegment, start: Timestamp, complaints: &mut Complaints) -> Vec<Jump> {
    let each = raw.jumps.iter().enumerate().map(|(index, jump)| {
        let key = |field: &str| format!("{at}[{index}].{field}");
        complaints.require(
            jump.times > 0.0 && jump.times <= 1e4,
            key("times"),
            jump.times,
            "must be above 0, at most 10000",
        );
        let from = complaints.take(
            key("at"),
            format_args!("{:?}", jump.at),
            span::parse_span(&jump.at),
            Span::ZERO,
        );
        Jump { at: start + from, times: jump.times }
    });
    each.collect()
}
