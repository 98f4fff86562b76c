//! What of an edit cannot come true: gathers what is known of its market and its budgets.
//!
//! Reads the engine with the edit laid over it; makes no copy and changes nothing. Called whenever
//! a catalogue is entered, checked or tried.

mod family;

use super::projection::{NOISE, lift};
use super::reading::calibration;
use super::{Engine, forecast};
use crate::budget::{Budgets, Flight, Horizon};
use crate::campaign::{AdvertiserSpec, CampaignSpec, CampaignStatus, DeliveryMode, GroupSpec};
use crate::days::KnownDays;
use crate::engine::feed::Feed;
use crate::feasibility::{Candidate, Feasibility, FlightAhead, Market, of_campaign};
use crate::forecast::{DayAhead, ELASTICITY_DOUBT, Forecast, Prospect};
use crate::input::{CalendarChange, CatalogueChange};
use crate::ledger::{Book, Slot};
use crate::pace::{PacingLaw, limit};
use crate::plan::{DayLevels, PlanCaps, PlanRequest, PlanUse, TrafficShape, days_of_traffic, plan};
use crate::report::ShapeOrigin;
use crate::units::{AdvertiserId, GroupId, Nanos, ShapeId, Span, Timestamp, Window, ZoneId};
use std::collections::BTreeMap;

/// Campaigns, groups and advertisers of one edit that are looked at: some tens of microseconds
/// each, while the next round waits.
pub const EXAMINED_MAX: usize = 1_000;
/// Flights of a campaign that are looked at, from the one at hand on: what is further away is
/// known too little of.
const FLIGHTS_MAX: usize = 4;
/// Siblings that are looked at for one with enough seen of it, in the order in which they were
/// entered: of a large advertiser's that many say what supply there is, and each campaign of an
/// edit asks anew.
const SIBLINGS_MAX: usize = 1_000;
/// Billing events and days of traffic from which a campaign's level is evidence.
const EVENTS_MIN: f64 = 20.0;
const TRAFFIC_MIN: f64 = 0.04;
/// What a sibling says of another's supply: the deviation of its logarithm.
const SIBLING_DOUBT: f64 = 0.5;
/// As near to the most it may bid as this, floors of late are those at the most.
const NEAR_MOST: f64 = 0.06;
/// Billings that are waited for.
const BILLED: f64 = 0.9;

/// The catalogue with an edit laid over it.
struct Laid<'a> {
    change: &'a CatalogueChange,
    /// Days of zones that the engine has not heard of yet.
    days: KnownDays,
    /// By payer, of those that the edit concerns: campaigns as they would be.
    campaigns: BTreeMap<AdvertiserId, Vec<&'a CampaignSpec>>,
}

/// Whose market a campaign's is taken to be.
#[derive(Clone, Copy)]
struct Source {
    slot: Slot,
    /// None: its own.
    siblings: usize,
}

impl<L: PacingLaw> Engine<L> {
    /// What of an edit cannot come true, were it entered; `calendars` are the days that come with
    /// it. At most [`EXAMINED_MAX`] of it are looked at, campaigns last.
    #[must_use]
    pub fn feasibility(
        &self,
        change: &CatalogueChange,
        calendars: &[&CalendarChange],
    ) -> Feasibility {
        let laid = self.laid(change, calendars);
        let mut told = Feasibility::default();
        let owners = family::concerned(self, change);
        let left = EXAMINED_MAX.saturating_sub(owners.len());
        for &owner in owners.iter().take(EXAMINED_MAX) {
            told.warnings.extend(self.family_warnings(&laid, owner));
        }
        for spec in change.campaigns.iter().take(left) {
            if spec.status != CampaignStatus::Archived {
                told.warnings.extend(of_campaign(&self.candidate(&laid, spec)));
            }
        }
        let skipped = owners.len().saturating_sub(EXAMINED_MAX);
        told.unexamined = skipped + change.campaigns.len().saturating_sub(left);
        told
    }

    fn laid<'a>(&'a self, change: &'a CatalogueChange, calendars: &[&CalendarChange]) -> Laid<'a> {
        let mut days = KnownDays::default();
        for calendar in calendars {
            // What is refused is not known: there are no hours then, and nothing is said of them.
            let _ = days.learn(self.state.now, calendar);
        }
        let campaigns = change.campaigns.iter().map(|spec| spec.advertiser);
        let groups = change.groups.iter().map(|spec| spec.advertiser);
        let payers = change.advertisers.iter().map(|spec| spec.id).chain(groups).chain(campaigns);
        let mut by_payer: BTreeMap<AdvertiserId, Vec<&CampaignSpec>> =
            payers.map(|payer| (payer, Vec::new())).collect();
        let stated: BTreeMap<_, _> = change.campaigns.iter().map(|spec| (spec.id, spec)).collect();
        let held = self.state.campaigns.iter().map(|held| &*held.entered.spec);
        let kept = held.filter(|spec| !stated.contains_key(&spec.id));
        for spec in kept.chain(change.campaigns.iter()) {
            if let Some(members) = by_payer.get_mut(&spec.advertiser) {
                members.push(spec);
            }
        }
        Laid { change, days, campaigns: by_payer }
    }

    fn candidate<'a>(&self, laid: &Laid<'_>, spec: &'a CampaignSpec) -> Candidate<'a> {
        let now = self.state.now;
        let slot = self.state.ledger.slot_of(spec.id);
        let source = self.source(laid, spec, slot);
        let flights = spec.budgets.flights.iter().enumerate();
        let ahead = flights.filter(|(_, flight)| flight.window.end() > now).take(FLIGHTS_MAX);
        let flights = ahead
            .map(|(index, flight)| self.flight_ahead(laid, spec, (slot, source), (index, flight)));
        Candidate { spec, flights: flights.collect(), market: self.market(spec, slot, source) }
    }

    /// Its own market where enough was seen of it, else that of the sibling with most supply: of
    /// its group, or else of its advertiser, billed alike.
    fn source(&self, laid: &Laid<'_>, spec: &CampaignSpec, slot: Option<Slot>) -> Option<Source> {
        if let Some(slot) = slot.filter(|&slot| self.rate_seen(slot).is_some()) {
            return Some(Source { slot, siblings: 0 });
        }
        let all = laid.campaigns.get(&spec.advertiser)?;
        let all = &all[..all.len().min(SIBLINGS_MAX)];
        let known = |is_near: &dyn Fn(&CampaignSpec) -> bool| {
            let near = all.iter().filter(|one| one.billing == spec.billing && is_near(one));
            let slots = near.filter_map(|one| self.state.ledger.slot_of(one.id));
            let seen: Vec<(Slot, f64)> =
                slots.filter_map(|slot| Some((slot, self.rate_seen(slot)?))).collect();
            let most = seen.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
            Some(Source { slot: most.0, siblings: seen.len() })
        };
        let of_group = spec.group.and_then(|_| known(&|one| one.group == spec.group));
        of_group.or_else(|| known(&|_| true))
    }

    /// What a campaign spends in a day of mean traffic at a multiplier of one, in nanos; nothing
    /// before enough was seen.
    fn rate_seen(&self, slot: Slot) -> Option<f64> {
        let own = self.state.ledger.campaign(slot).owners.own();
        let owner = &self.state.owners[own];
        owner.pace.as_ref()?;
        let level = owner.course.level();
        let price = self.state.ledger.book(own).totals().event_price;
        let is_known = level.mass >= TRAFFIC_MIN && level.spend >= EVENTS_MIN * price;
        (price > 0.0 && is_known).then(|| level.spend / level.mass)
    }

    fn market(&self, spec: &CampaignSpec, slot: Option<Slot>, source: Option<Source>) -> Market {
        let seen = source.map(|source| {
            let own = self.state.ledger.campaign(source.slot).owners.own();
            (source.siblings, *self.state.ledger.book(own).totals())
        });
        let (siblings, totals) = seen.unwrap_or_default();
        let mark = self.marks().of(Feed::None.with(spec.spend_source));
        let lag = mark.map_or(Span::ZERO, |mark| self.state.now - mark);
        Market {
            siblings,
            event_price: totals.event_price,
            cheapest: totals.cheapest,
            below_floor: slot.and_then(|slot| self.floored(slot, spec)),
            delay: self.state.ledger.billed_within(spec.billing, BILLED).max(lag),
        }
    }

    /// The share of its bids of late that were below the floor, and how many it would have made,
    /// where it bid as high as it may under `spec`.
    fn floored(&self, slot: Slot, spec: &CampaignSpec) -> Option<(f64, f64)> {
        let state = &self.state.campaigns[slot];
        let (x, _) = state.level()?;
        let recent = state.response.as_ref()?.recent_at(self.state.now, 0.0).counts;
        let is_at_most = x >= limit::x_max(spec.multiplier_max) - NEAR_MOST;
        let bids = recent.bids + recent.below_floor;
        (is_at_most && bids > 0.0).then(|| (recent.below_floor / bids, bids))
    }

    fn flight_ahead(
        &self,
        laid: &Laid<'_>,
        spec: &CampaignSpec,
        (slot, source): (Option<Slot>, Option<Source>),
        (index, flight): (usize, &Flight),
    ) -> FlightAhead {
        let now = self.state.now;
        let from = now.max(flight.window.start());
        let ahead = Window::try_new(from, flight.window.end()).unwrap_or(flight.window);
        let book =
            slot.map(|slot| self.state.ledger.book(self.state.ledger.campaign(slot).owners.own()));
        let drawn = |horizon| book.map_or(Nanos::ZERO, |book| book.drawn_at(horizon, from));
        let left = flight.budget.map(|budget| (budget - drawn(Horizon::Flight)).at_least_zero());
        let (shape, origin) = self.shape_ahead(laid, spec, slot);
        let levels = self.levels_ahead(spec);
        let days = self.days_ahead(laid, spec, from);
        let course = (&shape, levels, spec.terms.hours);
        let traffic = days_of_traffic(days, course, (from, ahead.end()));
        let request = PlanRequest {
            now: from,
            window: flight.window,
            left,
            days,
            shape: &shape,
            levels,
            hours: spec.terms.hours,
            delivery: DeliveryMode::Even,
            ahead: spec.terms.ahead,
            catch_up: None,
            caps: caps_of(&spec.budgets),
            used: used_of(book, from),
            recent: Nanos::ZERO,
            finish: self.config.finish,
        };
        let has_caps = !spec.budgets.caps.is_empty();
        let unplaced = |left: Option<Nanos>| match left.filter(|_| has_caps) {
            Some(left) => plan(&PlanRequest { left: Some(left), ..request }).unplaced,
            None => Nanos::ZERO,
        };
        let minimum = spec.terms.minimum;
        let minimum = minimum.map(|least| (least - drawn(Horizon::Flight)).at_least_zero());
        let unplaced_of_budget = unplaced(left);
        let forecast = source.zip(left).map(|(source, left)| {
            let room = (left - unplaced_of_budget).at_least_zero();
            let days = forecast::days_under_cap(days, course, ahead, &spec.budgets, book);
            let is_shaped = origin != ShapeOrigin::Flat;
            Forecast::of(&self.prospect_of(spec, source, (ahead, room), days, is_shaped))
        });
        FlightAhead {
            index,
            ahead,
            left,
            traffic,
            unplaced: unplaced_of_budget,
            minimum_unplaced: unplaced(minimum),
            forecast: forecast.filter(|_| traffic > 0.0),
        }
    }

    /// The prospect of a flight in a market that was seen: of what its caps leave room for, at the
    /// most it may bid.
    fn prospect_of(
        &self,
        spec: &CampaignSpec,
        source: Source,
        (window, room): (Window, Nanos),
        ahead: Vec<DayAhead>,
        is_shaped: bool,
    ) -> Prospect {
        let book = self.state.ledger.campaign(source.slot);
        let own = book.owners.own();
        let owner = &self.state.owners[own];
        let totals = self.state.ledger.book(own).totals();
        let day_budget = owner.pace.as_ref().map_or(Nanos::ZERO, |pace| pace.sample.day_budget);
        let x_most = limit::x_max(spec.multiplier_max);
        let x = owner.signal(&self.config).map_or(x_most, |signal| signal.x);
        let response = self.state.campaigns[source.slot].response.as_deref();
        let moved = match response.filter(|response| response.is_counted()) {
            Some(response) => {
                let moved = lift(response, self.published_x(source.slot), x_most);
                (moved.ratio, moved.doubt)
            }
            // Nobody tells of asks: the elasticity that the laws take, and its usual doubt.
            None => {
                let moved = self.config.elasticity * (x_most - x);
                (libm::exp(moved), ELASTICITY_DOUBT * moved.max(0.0))
            }
        };
        let unlike = if source.siblings > 0 { SIBLING_DOUBT } else { 0.0 };
        let traffic: f64 = ahead.iter().map(|day| day.traffic).sum();
        Prospect {
            horizon: Horizon::Flight,
            window,
            seen_to: window.start(),
            drawn: Nanos::ZERO,
            budget: Some(room),
            room: Some(room),
            portion: None,
            ahead,
            level: owner.course.level(),
            is_shaped,
            x,
            x_most,
            is_held: false,
            elasticity: self.config.elasticity,
            lift: Some((moved.0, libm::hypot(moved.1, unlike))),
            noise: NOISE,
            event_price: totals.event_price,
            event_prices: (totals.dearest, totals.cheapest),
            calibration: calibration(totals, &self.config, day_budget),
            planned: if traffic > 0.0 { room.as_f64() / traffic } else { 0.0 },
            in_flight_doubt: 0.0,
        }
    }

    /// The course of traffic that a campaign would go by.
    fn shape_ahead(
        &self,
        laid: &Laid<'_>,
        spec: &CampaignSpec,
        slot: Option<Slot>,
    ) -> (TrafficShape, ShapeOrigin) {
        let named = spec.shape.and_then(|id| self.shape_laid(laid, id));
        let held = slot.map(|slot| self.state.ledger.campaign(slot).owners.own());
        let as_before = held.filter(|&own| self.state.owners[own].shape == spec.shape);
        let parent = spec.group.and_then(|group| self.state.groups.get(&group).map(|one| one.1));
        let payer = self.state.advertisers.get(&spec.advertiser).map(|one| one.1);
        match (as_before, named, parent.or(payer)) {
            (Some(own), _, _) => {
                let (shape, origin) = self.shape_of(own);
                (shape.clone(), origin)
            }
            (None, Some(shape), _) => (shape, ShapeOrigin::Supplied),
            (None, None, Some(parent)) => {
                let (shape, origin) = self.shape_of(parent);
                (shape.clone(), origin)
            }
            (None, None, None) => (self.flat.clone(), ShapeOrigin::Flat),
        }
    }

    fn shape_laid(&self, laid: &Laid<'_>, id: ShapeId) -> Option<TrafficShape> {
        let fresh = laid.change.shapes.iter().find(|shape| shape.id == id);
        let fresh = fresh.and_then(|shape| TrafficShape::try_new(shape.weights.clone()).ok());
        fresh.or_else(|| self.state.shapes.get(&id).cloned())
    }

    fn levels_ahead(&self, spec: &CampaignSpec) -> DayLevels<'_> {
        let payer = self.state.advertisers.get(&spec.advertiser);
        payer.map_or(DayLevels::USUAL, |&(_, slot)| self.levels(slot, self.state.now))
    }

    fn days_ahead<'a>(
        &'a self,
        laid: &'a Laid<'_>,
        spec: &CampaignSpec,
        from: Timestamp,
    ) -> &'a [crate::input::LocalDay] {
        let Some(zone) = self.zone_laid(laid, spec.advertiser) else { return &[] };
        let is_known = self.state.days.known_until(zone).is_some();
        let days = if is_known { &self.state.days } else { &laid.days };
        days.from(zone, from - Span::DAY)
    }

    fn zone_laid(&self, laid: &Laid<'_>, payer: AdvertiserId) -> Option<ZoneId> {
        let fresh = laid.change.advertisers.iter().find(|spec| spec.id == payer);
        fresh.or_else(|| self.advertiser(payer)).map(|spec| spec.zone)
    }

    fn advertiser_laid<'a>(
        &'a self,
        laid: &Laid<'a>,
        id: AdvertiserId,
    ) -> Option<&'a AdvertiserSpec> {
        let fresh = laid.change.advertisers.iter().find(|spec| spec.id == id);
        fresh.or_else(|| self.advertiser(id))
    }

    fn group_laid<'a>(&'a self, laid: &Laid<'a>, id: GroupId) -> Option<&'a GroupSpec> {
        laid.change.groups.iter().find(|spec| spec.id == id).or_else(|| self.group(id))
    }
}

/// The caps of an owner, whatever was corrected.
fn caps_of(budgets: &Budgets) -> PlanCaps {
    PlanCaps {
        month: budgets.cap(Horizon::Month),
        day: budgets.cap(Horizon::Day),
        hour: budgets.cap(Horizon::Hour),
    }
}

fn used_of(book: Option<&Book>, at: Timestamp) -> PlanUse {
    let drawn = |horizon| book.map_or(Nanos::ZERO, |book| book.drawn_at(horizon, at));
    PlanUse { month: drawn(Horizon::Month), day: drawn(Horizon::Day), hour: drawn(Horizon::Hour) }
}
