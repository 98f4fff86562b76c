//! From what a file says to a scenario, with every complaint, not only the first.
//!
//! Called by [`super::Scenario::parse`].

use super::complaint::{Complaints, ScenarioError};
use super::data::{Columns, DataFolder};
use super::raw::{
    RawAction, RawBidders, RawDeed, RawFault, RawMode, RawPrices, RawScenario, RawSegment, shown,
};
use super::span::{parse_instant, parse_span};
use super::{Action, BidderPlan, CampaignPlan, Deed, Scenario, campaigns, expect, segments};
use crate::fault::Fault;
use crate::market::clock::WeekClock;
use paceline_calendar::Zone;
use paceline_core::budget::{Budgets, Cap, Horizon};
use paceline_core::campaign::AdvertiserSpec;
use paceline_core::input::CalendarChange;
use paceline_core::overrides::{OVERRIDE_SPAN_MAX, OverrideAction};
use paceline_core::units::{
    AdvertiserId, Currency, Micros, Name, Nanos, PacingMultiplier, Ppm, Span, Timestamp, Window,
};
use std::collections::BTreeMap;
use std::path::Path;

/// Days of a calendar before and after the run.
const CALENDAR_MARGIN: Span = Span::DAY.times(10);
/// The most bidders: each holds an allowance for every campaign.
const BIDDERS_MAX: u32 = 1_024;

/// What the parts of a check share.
pub(super) struct Frame<'a> {
    pub(super) window: Window,
    pub(super) data: &'a DataFolder,
    /// Names of the file's segments.
    pub(super) segments: Vec<String>,
    /// Columns of the record.
    pub(super) columns: Columns,
    calendars: BTreeMap<String, CalendarChange>,
    /// Zone of each advertiser.
    advertisers: BTreeMap<String, String>,
}

impl Frame<'_> {
    /// The local clock of a zone.
    pub(super) fn clock(
        &mut self,
        key: String,
        zone: &str,
        complaints: &mut Complaints,
    ) -> WeekClock {
        if !self.calendars.contains_key(zone) {
            match Zone::try_new(zone) {
                Ok(known) => {
                    let from = self.window.start() - CALENDAR_MARGIN;
                    let change = known.change(from, self.window.end() + CALENDAR_MARGIN);
                    self.calendars.insert(zone.to_owned(), change);
                }
                Err(error) => complaints.add(key, zone, &error.to_string()),
            }
        }
        WeekClock::new(self.calendars.get(zone).map_or(&[], |change| &change.days))
    }

    /// The local clock of an advertiser; `house` is always there, on UTC unless the file says.
    pub(super) fn advertiser_clock(
        &mut self,
        key: &str,
        advertiser: &str,
        complaints: &mut Complaints,
    ) -> WeekClock {
        match self.advertisers.get(advertiser).cloned() {
            Some(zone) => self.clock(key.to_owned(), &zone, complaints),
            None => {
                complaints.add(key, advertiser, "must be the name of an [[advertiser]]");
                self.clock(key.to_owned(), "UTC", complaints)
            }
        }
    }
}

/// Checks a whole file.
pub(super) fn check(
    file: &str,
    name: &str,
    raw: &RawScenario,
    data: &Path,
) -> Result<Scenario, ScenarioError> {
    let mut complaints = Complaints::default();
    let window = run_window(raw, &mut complaints);
    let folder = DataFolder::new(data);
    let segments = match &raw.record {
        Some(_) => vec![recorded_segment()],
        None => raw.segments.clone(),
    };
    let mut frame = Frame {
        window,
        data: &folder,
        segments: segments.iter().map(|segment| segment.name.clone()).collect(),
        columns: Columns::new(),
        calendars: BTreeMap::new(),
        advertisers: advertiser_zones(raw),
    };
    let mut record = Vec::new();
    if let Some(raw) = &raw.record {
        (record, frame.columns) = folder.record("record", raw, &mut complaints);
    }
    let advertisers = advertisers(raw, &mut frame, &mut complaints);
    let segments = each(&segments, "segment", |at, segment| {
        segments::check(at, segment, &mut frame, &mut complaints)
    });
    let campaigns: Vec<CampaignPlan> = each(&raw.campaigns, "campaign", |at, campaign| {
        campaigns::check(at, campaign, &mut frame, &mut complaints)
    })
    .into_iter()
    .flatten()
    .collect();
    require_parts(raw, &campaigns, &mut complaints);
    let names: Vec<String> =
        campaigns.iter().map(|plan| plan.spec.name.as_str().to_owned()).collect();
    let mut actions: Vec<Action> = each(&raw.actions, "action", |at, action| {
        self::action(at, action, window, &campaigns, &mut complaints)
    })
    .into_iter()
    .flatten()
    .collect();
    actions.sort_by_key(|action| action.at);
    let bidders = bidders(&raw.bidders, &mut complaints);
    let tick = complaints.span("tick".to_owned(), raw.tick.as_deref(), Span::from_secs(10));
    complaints.require(
        (Span::from_secs(1)..=Span::from_mins(10)).contains(&tick),
        "tick".to_owned(),
        shown(raw.tick.as_ref()),
        "must be 1s to 10m",
    );
    let faults = each(&raw.faults, "fault", |at, fault| {
        self::fault(at, fault, window, (bidders.count, &names), &mut complaints)
    });
    let expectations = expect::check(&raw.expect, &names, &mut complaints);
    finish(file, complaints)?;
    Ok(Scenario {
        name: name.to_owned(),
        window,
        seed: raw.seed.unwrap_or(1),
        is_competing: raw.mode == RawMode::Competing,
        tie: raw.tie,
        tick,
        bidders,
        calendars: frame.calendars.into_values().collect(),
        segments,
        record,
        advertisers,
        campaigns,
        actions,
        faults: faults.into_iter().flatten().collect(),
        expectations,
    })
}

/// Checks the entries of an array under their places.
fn each<R, T>(raw: &[R], name: &str, mut check: impl FnMut(&str, &R) -> T) -> Vec<T> {
    raw.iter().enumerate().map(|(index, raw)| check(&format!("{name}[{index}]"), raw)).collect()
}

/// Takes all auctions of a record; it makes none of its own.
fn recorded_segment() -> RawSegment {
    let prices = RawPrices { cpm: Some(1.0), ..RawPrices::default() };
    RawSegment { name: "recorded".to_owned(), prices, ..RawSegment::default() }
}

/// An absent data file explains what else is missing, so it comes first.
fn finish(file: &str, complaints: Complaints) -> Result<(), ScenarioError> {
    let file = file.to_owned();
    match complaints.wanted {
        Some(wanted) => Err(ScenarioError::NoData { file, wanted }),
        None if complaints.list.is_empty() => Ok(()),
        None => Err(ScenarioError::Rules { file, complaints: complaints.list }),
    }
}

fn run_window(raw: &RawScenario, complaints: &mut Complaints) -> Window {
    let start = complaints.take(
        "start".to_owned(),
        format_args!("{:?}", raw.start),
        parse_instant(&raw.start),
        Timestamp::MIN,
    );
    let lasts = complaints.take(
        "lasts".to_owned(),
        format_args!("{:?}", raw.lasts),
        parse_span(&raw.lasts),
        Span::DAY,
    );
    Window::try_new(start, start + lasts).unwrap_or_else(|_| {
        complaints.add("lasts", &raw.lasts, "must be above zero");
        Window::try_new(start, start + Span::DAY).expect("a day is longer than nothing")
    })
}

fn require_parts(raw: &RawScenario, campaigns: &[CampaignPlan], complaints: &mut Complaints) {
    if raw.segments.is_empty() != raw.record.is_some() {
        let rule = "a world has either segments or a record, not both";
        complaints.add("segment", raw.segments.len(), rule);
    }
    if raw.campaigns.is_empty() {
        complaints.add("campaign", "nothing", "a world has at least one campaign");
    }
    let mut seen = std::collections::BTreeSet::new();
    for plan in campaigns {
        if !seen.insert(plan.spec.id) {
            complaints.add("campaign.name", plan.spec.name.as_str(), "must be there once only");
        }
    }
}

fn advertiser_zones(raw: &RawScenario) -> BTreeMap<String, String> {
    let named = raw.advertisers.iter().map(|advertiser| {
        (advertiser.name.clone(), advertiser.zone.clone().unwrap_or_else(|| "UTC".to_owned()))
    });
    std::iter::once(("house".to_owned(), "UTC".to_owned())).chain(named).collect()
}

fn advertisers(
    raw: &RawScenario,
    frame: &mut Frame<'_>,
    complaints: &mut Complaints,
) -> Vec<AdvertiserSpec> {
    let zones = frame.advertisers.clone();
    let mut made = Vec::new();
    for (name, zone) in zones {
        let key = format!("advertiser.{name}");
        let _ = frame.clock(format!("{key}.zone"), &zone, complaints);
        let cap = raw
            .advertisers
            .iter()
            .find(|advertiser| advertiser.name == name)
            .and_then(|advertiser| advertiser.daily_cap_micros);
        let amount = cap.and_then(|cap| {
            Nanos::try_budget(Micros::new(cap))
                .map_err(|error| {
                    complaints.add(format!("{key}.daily_cap_micros"), cap, &error.to_string());
                })
                .ok()
        });
        match (Name::try_new(name.clone()), Name::try_new(zone.clone())) {
            (Ok(outside), Ok(zone_name)) => made.push(AdvertiserSpec {
                id: AdvertiserId::of(&name),
                name: outside,
                currency: Currency::try_new("USD").expect("three capital letters"),
                zone: paceline_core::units::ZoneId::of(&zone),
                zone_name,
                budgets: Budgets {
                    flights: Vec::new(),
                    caps: amount
                        .map(|amount| Cap { horizon: Horizon::Day, amount })
                        .into_iter()
                        .collect(),
                },
                holidays: Vec::new(),
            }),
            _ => complaints.add(key, name, "a name has 1 to 64 bytes, no control characters"),
        }
    }
    made
}

fn bidders(raw: &RawBidders, complaints: &mut Complaints) -> BidderPlan {
    let key = |field: &str| format!("bidders.{field}");
    let count = raw.count.unwrap_or(4);
    complaints.require(
        (1..=BIDDERS_MAX).contains(&count),
        key("count"),
        count,
        "must be 1 to 1024",
    );
    let lost_notices = raw.lost_notices.unwrap_or(0.0);
    complaints.require(
        (0.0..=1.0).contains(&lost_notices),
        key("lost_notices"),
        lost_notices,
        "must be 0 to 1",
    );
    let mut span = |field: &str, text: &Option<String>, seconds| {
        complaints.span(key(field), text.as_deref(), Span::from_secs(seconds))
    };
    let plan = BidderPlan {
        count,
        publish_delay: span("publish_delay", &raw.publish_delay, 1),
        report_every: span("report_every", &raw.report_every, 10),
        report_delay: span("report_delay", &raw.report_delay, 1),
        outcome_delay: span("outcome_delay", &raw.outcome_delay, 0),
        lost_notices,
        has_allowances: raw.allowances.unwrap_or(true),
        waits_for_draws: raw.waits_for_draws.unwrap_or(true),
    };
    complaints.require(
        plan.report_every >= Span::from_secs(1),
        key("report_every"),
        shown(raw.report_every.as_ref()),
        "must be at least 1s",
    );
    plan
}

fn multiplier(raw: Option<f64>) -> Option<PacingMultiplier> {
    PacingMultiplier::try_new(Ppm::try_from_ratio(raw?)?).ok()
}

fn action(
    at: &str,
    raw: &RawAction,
    window: Window,
    campaigns: &[CampaignPlan],
    complaints: &mut Complaints,
) -> Option<Action> {
    let key = |field: &str| format!("{at}.{field}");
    let when = window.start() + complaints.span(key("at"), Some(&raw.at), Span::ZERO);
    let lasts = complaints.span(key("lasts"), raw.lasts.as_deref(), Span::HOUR);
    complaints.require(
        lasts > Span::ZERO && lasts <= OVERRIDE_SPAN_MAX,
        key("lasts"),
        shown(raw.lasts.as_ref()),
        "must be above zero, at most 90 days",
    );
    let laid = |action| Some(Deed::Override { action, until: when + lasts });
    let amount = raw.micros.and_then(|micros| Nanos::try_budget(Micros::new(micros)).ok());
    let deed = match raw.what {
        RawDeed::Pause => laid(OverrideAction::Pause),
        RawDeed::Freeze => laid(OverrideAction::Freeze),
        RawDeed::Fix => multiplier(raw.multiplier)
            .and_then(|multiplier| laid(OverrideAction::Fix { multiplier, participation: None })),
        RawDeed::Cap => multiplier(raw.multiplier)
            .and_then(|multiplier| laid(OverrideAction::Cap { multiplier })),
        RawDeed::Budget => amount.map(Deed::Budget),
        RawDeed::DailyCap => amount.map(Deed::DailyCap),
    };
    if deed.is_none() {
        complaints.add(
            at,
            raw.what,
            "fix and cap need a multiplier of 0 to 4; budget and daily-cap need micros above 0",
        );
    }
    let campaign = campaigns.iter().position(|plan| plan.spec.name.as_str() == raw.campaign);
    if campaign.is_none() {
        complaints.add(key("campaign"), &raw.campaign, "must be the name of a campaign");
    }
    Some(Action { at: when, campaign: campaign?, deed: deed? })
}

/// More copies of every event than this would be a test of memory.
const TIMES_MAX: u32 = 1_000;

fn fault(
    at: &str,
    raw: &RawFault,
    window: Window,
    (bidders, names): (u32, &[String]),
    complaints: &mut Complaints,
) -> Option<Fault> {
    let key = |field: &str| format!("{at}.{field}");
    let from = window.start() + complaints.span(key("at"), Some(&raw.at), Span::ZERO);
    let lasts = complaints.span(key("lasts"), raw.lasts.as_deref(), Span::from_secs(1));
    let by = complaints.span(key("by"), raw.by.as_deref(), Span::from_mins(5));
    let share = raw.share.unwrap_or(1.0);
    complaints.require((0.0..=1.0).contains(&share), key("share"), share, "must be 0 to 1");
    for bidder in raw.bidders.iter().filter(|&&bidder| bidder >= bidders) {
        complaints.add(key("bidders"), bidder, "must be below bidders.count");
    }
    let times = raw.times.unwrap_or(1);
    complaints.require(times <= TIMES_MAX, key("times"), times, "must be 0 to 1000");
    let mut campaigns = Vec::new();
    for name in &raw.campaigns {
        match names.iter().position(|known| known == name) {
            Some(place) => campaigns.push(place),
            None => complaints.add(key("campaigns"), name, "must be names of campaigns"),
        }
    }
    let window = Window::try_new(from, from + lasts);
    if window.is_err() {
        complaints.add(key("lasts"), shown(raw.lasts.as_ref()), "must be above zero");
    }
    let (kind, bidders) = (raw.kind, raw.bidders.clone());
    Some(Fault { kind, window: window.ok()?, bidders, share, by, campaigns, times })
}
