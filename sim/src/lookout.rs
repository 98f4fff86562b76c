//! An independent watcher of planted runaways and blackouts: how soon they were cut or told of, and
//! what they cost until then.
//!
//! Has its own count of what was reported, by when it was served and when it came, and holds it
//! against what the notice of a trip says was allowed and against what bidders held. Trips of
//! campaigns, accounts and the fleet are judged; those of a group's or an advertiser's own budget
//! are counted by the run and not judged here, since no world plants one. Decides nothing.
//! Called by the world where a scenario plants such a fault; CONTROL.md (82) to (85).

use crate::fault::{Fault, FaultKind};
use crate::number::amount;
use crate::report::metric::RunFacts;
use crate::scenario::Scenario;
use paceline_core::budget::BudgetOwner;
use paceline_core::campaign::CampaignSpec;
use paceline_core::engine::{Applied, Engine};
use paceline_core::event::{SpendKind, Verdict};
use paceline_core::input::Input;
use paceline_core::notice::{Notice, NoticeCause, NoticeObject};
use paceline_core::pace::PacingLaw;
use paceline_core::pace::breaker::TRIPPED;
use paceline_core::report::TickReport;
use paceline_core::table::TableEntry;
use paceline_core::units::{AdvertiserId, CampaignId, Nanos, Span, Timestamp, Window};
use std::collections::{BTreeMap, VecDeque};

/// What a breaker looks at reaches back so far at most: five whole minutes and the running one,
/// and another for a watermark that lags.
const REACH: Span = Span::from_mins(7);
/// Reports that come later than this after a trip are not waited for.
const KEPT: Span = Span::from_mins(60);
/// The published rounding of what a trip lets through.
const ROUNDING: f64 = 1e-6;

/// One campaign as it is watched.
#[derive(Debug, Default)]
struct Watched {
    account: Option<AdvertiserId>,
    /// What was reported: when it came, when it was served, and how much.
    told: VecDeque<(Timestamp, Timestamp, i128)>,
    /// The dearest event from before anything was planted: what it buys at is near that.
    dearest: i128,
    /// What bidders held at the end of the last round, and what they drew since.
    held: i128,
    drawn: i128,
    /// As of the last look, to tell draws apart.
    outstanding: i128,
    /// It tripped by itself at this moment.
    tripped_at: Option<Timestamp>,
    /// Participation in the last minute, from a cut on.
    recovery: VecDeque<(Timestamp, f64)>,
}

/// A trip whose cost is not yet known.
#[derive(Debug)]
struct Trip {
    at: Timestamp,
    /// The first report that showed it; absent where none did, and it tripped for nothing.
    shown_at: Option<Timestamp>,
    campaigns: Vec<usize>,
    bound: i128,
    lost: i128,
    is_cut: bool,
}

/// The watcher of a run.
#[derive(Debug)]
pub struct Lookout {
    tick: Span,
    publish_delay: Span,
    bidders: i128,
    allows: bool,
    index: BTreeMap<CampaignId, usize>,
    campaigns: Vec<Watched>,
    /// When the first fault begins.
    planted_at: Timestamp,
    /// What is planted happens in this time, and is got over in the last two hours of it.
    watched: Window,
    trips: Vec<Trip>,
    /// Charges that are planted to be too high.
    overcharges: Vec<Fault>,
    /// When bids fall silent.
    mutes: Vec<Window>,
    rounds: Option<u64>,
    recovery: Option<f64>,
    blackout: Option<Span>,
}

impl Lookout {
    /// Of a scenario with a fault that somebody should be told of; absent without.
    #[must_use]
    pub fn of(scenario: &Scenario, specs: &[CampaignSpec]) -> Option<Self> {
        let of_kind = |kind| scenario.faults.iter().filter(move |fault| fault.kind == kind);
        let kinds = [FaultKind::Overcharge, FaultKind::Miscount, FaultKind::Mute];
        if kinds.iter().all(|&kind| of_kind(kind).next().is_none()) {
            return None;
        }
        let windows = || scenario.faults.iter().map(|fault| fault.window);
        let planted_at = windows().map(|window| window.start()).min()?;
        let until = windows().map(|window| window.end()).max()? + Span::from_mins(120);
        let watched =
            |spec: &CampaignSpec| Watched { account: Some(spec.advertiser), ..Watched::default() };
        Some(Self {
            tick: scenario.tick,
            publish_delay: scenario.bidders.publish_delay,
            bidders: i128::from(scenario.bidders.count),
            allows: scenario.bidders.has_allowances,
            index: specs.iter().enumerate().map(|(place, spec)| (spec.id, place)).collect(),
            campaigns: specs.iter().map(watched).collect(),
            planted_at,
            watched: Window::try_new(planted_at - REACH, until).ok()?,
            trips: Vec::new(),
            overcharges: of_kind(FaultKind::Overcharge).cloned().collect(),
            mutes: of_kind(FaultKind::Mute).map(|fault| fault.window).collect(),
            rounds: None,
            recovery: None,
            blackout: None,
        })
    }

    /// An input and what it came to.
    pub fn observe(&mut self, at: Timestamp, input: &Input, applied: &Applied) {
        let (Input::Spend(batch), Applied::Verdicts(verdicts)) = (input.bare(), applied) else {
            return;
        };
        let is_watched = self.watched.contains(at);
        for (event, verdict) in batch.events.iter().zip(verdicts) {
            let is_posted = matches!(verdict, Verdict::Posted | Verdict::PostedLate);
            let Some(&place) = self.index.get(&event.campaign).filter(|_| is_posted) else {
                continue;
            };
            if event.kind != SpendKind::Billing {
                continue;
            }
            let (served_at, price) = (event.attributed_at(), i128::from(event.price.get()));
            let watched = &mut self.campaigns[place];
            if served_at < self.planted_at {
                watched.dearest = watched.dearest.max(price);
            }
            if !is_watched {
                continue;
            }
            watched.told.push_back((at, served_at, price));
            let delay = self.publish_delay;
            for trip in self.trips.iter_mut().filter(|trip| trip.campaigns.contains(&place)) {
                if counts(trip.at, delay, served_at) {
                    trip.lost += price;
                }
            }
        }
    }

    /// A bidder drew money between two rounds.
    pub fn drawn<L: PacingLaw>(&mut self, now: Timestamp, place: usize, engine: &Engine<L>) {
        let Some(id) = self.id_of(place).filter(|_| self.watched.contains(now)) else { return };
        let outstanding = outstanding(engine, id);
        let watched = &mut self.campaigns[place];
        // What was told since the last look lowered it; no draw can hide in that.
        let told = watched.told.iter().rev().take_while(|(at, ..)| now - *at < self.tick);
        let told: i128 = told.map(|(.., price)| price).sum();
        let drawn = (outstanding - watched.outstanding + told).max(0);
        watched.drawn += drawn;
        watched.outstanding = outstanding;
        let delay = self.publish_delay;
        let open = |trip: &&mut Trip| trip.campaigns.contains(&place) && now < trip.at + delay;
        for trip in self.trips.iter_mut().filter(open) {
            trip.bound += drawn;
        }
    }

    fn id_of(&self, place: usize) -> Option<CampaignId> {
        self.index.iter().find(|(_, at)| **at == place).map(|(&id, _)| id)
    }

    /// A round ended: what it told, and what it publishes.
    pub fn round<L: PacingLaw>(
        &mut self,
        report: &TickReport,
        engine: &Engine<L>,
        entries: &[Option<TableEntry>],
    ) {
        let now = report.now;
        if !self.watched.contains(now) {
            return;
        }
        for edge in report.notices.iter().filter(|edge| !edge.is_cleared) {
            match edge.notice.cause {
                NoticeCause::Runaway => self.trip(now, &edge.notice),
                NoticeCause::Blackout => self.dark(now),
                _ => {}
            }
        }
        self.look_for_cuts(now, entries);
        for (place, entry) in entries.iter().enumerate() {
            let participation = entry.map_or(1.0, |entry| entry.participation.ppm().as_f64());
            self.recover(now, place, participation);
        }
        let ids: Vec<(CampaignId, usize)> =
            self.index.iter().map(|(&id, &place)| (id, place)).collect();
        for (id, place) in ids {
            let held = outstanding(engine, id);
            let watched = &mut self.campaigns[place];
            (watched.held, watched.drawn, watched.outstanding) = (held, 0, held);
            while watched.told.front().is_some_and(|(at, ..)| now - *at > KEPT) {
                watched.told.pop_front();
            }
        }
    }

    fn trip(&mut self, now: Timestamp, notice: &Notice) {
        let campaigns: Vec<usize> = match notice.object {
            NoticeObject::Owner(BudgetOwner::Campaign(id)) => {
                self.index.get(&id).copied().into_iter().collect()
            }
            NoticeObject::Account(id) => self.all(now, |one| one.account == Some(id)),
            NoticeObject::Fleet(_) => self.all(now, |_| true),
            NoticeObject::Owner(_) | NoticeObject::Partition => return,
        };
        if let (NoticeObject::Owner(_), [place]) = (notice.object, campaigns.as_slice()) {
            self.campaigns[*place].tripped_at = Some(now);
        }
        let allowed = i128::from(notice.money.planned.get());
        let (mut bound, mut lost) = (allowed, 0);
        for &place in &campaigns {
            let watched = &self.campaigns[place];
            // The last charge may pass what a bidder holds: it bid less than it was charged.
            let beyond = self.bidders * watched.dearest * self.times_charged(now, place);
            bound += watched.held + watched.drawn + beyond;
            let served = watched.told.iter().filter(|one| counts(now, self.publish_delay, one.1));
            lost += served.map(|(.., price)| price).sum::<i128>();
        }
        let shown_at = self.shown_at(now, &campaigns, allowed);
        self.trips.push(Trip { at: now, shown_at, campaigns, bound, lost, is_cut: false });
    }

    /// Those that have not tripped by themselves of late: they answer for themselves.
    fn all(&self, now: Timestamp, is_of: impl Fn(&Watched) -> bool) -> Vec<usize> {
        let own = |one: &Watched| one.tripped_at.is_some_and(|at| now - at < Span::HOUR);
        let places = self.campaigns.iter().enumerate();
        places.filter(|(_, one)| is_of(one) && !own(one)).map(|(place, _)| place).collect()
    }

    /// How many times its price a campaign has been charged by now; one where nothing is planted.
    fn times_charged(&self, now: Timestamp, place: usize) -> i128 {
        let strikes = |fault: &&Fault| {
            let is_of = fault.campaigns.is_empty() || fault.campaigns.contains(&place);
            is_of && fault.window.start() <= now
        };
        let times = self.overcharges.iter().filter(strikes).map(|fault| i128::from(fault.times));
        times.max().unwrap_or(1).max(1)
    }

    /// When reports first showed more than was allowed, in a window no shorter than a breaker's;
    /// `None` where they never did.
    fn shown_at(&self, now: Timestamp, campaigns: &[usize], allowed: i128) -> Option<Timestamp> {
        let mut told: Vec<_> =
            campaigns.iter().flat_map(|&place| &self.campaigns[place].told).copied().collect();
        told.sort_unstable();
        let mut arrivals: Vec<Timestamp> = told.iter().map(|one| one.0).collect();
        arrivals.dedup();
        let mut recent = arrivals.into_iter().filter(|&at| now - at <= REACH);
        recent.find(|&at| {
            let known = told.iter().filter(|one| one.0 <= at && at - one.1 <= REACH);
            known.map(|(.., price)| price).sum::<i128>() > allowed
        })
    }

    /// Trips whose campaigns are all cut by this round's table.
    fn look_for_cuts(&mut self, now: Timestamp, entries: &[Option<TableEntry>]) {
        let is_cut = |&place: &usize| {
            let entry = entries[place].as_ref();
            entry.is_none_or(|one| one.participation.ppm().as_f64() <= TRIPPED + ROUNDING)
        };
        for trip in self.trips.iter_mut().filter(|trip| !trip.is_cut) {
            if trip.campaigns.iter().all(is_cut) {
                trip.is_cut = true;
                let tick = self.tick.as_micros();
                // A trip that nothing told of is worse than any that came late.
                let rounds = trip.shown_at.map_or(u64::MAX, |shown_at| {
                    let ticks = (now - shown_at).as_micros().max(1) - 1;
                    u64::try_from(ticks / tick).map_or(u64::MAX, |whole| whole.saturating_add(1))
                });
                self.rounds = Some(self.rounds.map_or(rounds, |most| most.max(rounds)));
                for &place in &trip.campaigns {
                    self.campaigns[place].recovery = VecDeque::from([(now, TRIPPED)]);
                }
            }
        }
    }

    /// Follows participation from a cut until it is whole.
    fn recover(&mut self, now: Timestamp, place: usize, participation: f64) {
        let recovery = &mut self.campaigns[place].recovery;
        if recovery.is_empty() {
            return;
        }
        recovery.push_back((now, participation));
        while recovery.front().is_some_and(|(at, _)| now - *at > Span::MINUTE) {
            recovery.pop_front();
        }
        if let Some(&(_, before)) = recovery.front().filter(|(_, before)| *before > 0.0) {
            let factor = participation / before;
            self.recovery = Some(self.recovery.map_or(factor, |most| most.max(factor)));
        }
        if participation >= 1.0 {
            recovery.clear();
        }
    }

    fn dark(&mut self, now: Timestamp) {
        let Some(began) =
            self.mutes.iter().map(|window| window.start()).filter(|&at| at <= now).max()
        else {
            return;
        };
        self.blackout = Some(self.blackout.map_or(now - began, |most| most.max(now - began)));
    }

    /// What it found.
    pub fn tell(self, facts: &mut RunFacts) {
        let is_uncut = self.trips.iter().any(|trip| !trip.is_cut);
        facts.trip_rounds = if is_uncut { Some(u64::MAX) } else { self.rounds };
        // Readers without allowances have no such bound.
        let of_bound = |trip: &Trip| amount(trip.lost) / amount(trip.bound.max(1));
        let ratios = self.trips.iter().filter(|_| self.allows).map(of_bound);
        facts.trip_loss_ratio = ratios.reduce(f64::max);
        facts.recovery_per_minute = self.recovery;
        facts.blackout_minutes = self.blackout.map(Span::as_minutes);
    }
}

/// Whether what was served then is part of what a trip cost: in the breaker's window, and until the
/// table that cuts is with the bidders.
fn counts(tripped_at: Timestamp, publish_delay: Span, served_at: Timestamp) -> bool {
    let minute = Span::MINUTE.as_micros();
    let into = Span::from_micros(tripped_at.as_micros().rem_euclid(minute));
    let from = tripped_at - into - Span::from_mins(5);
    from <= served_at && served_at < tripped_at + publish_delay
}

fn outstanding<L: PacingLaw>(engine: &Engine<L>, id: CampaignId) -> i128 {
    let held = engine.explain(id).map_or(Nanos::ZERO, |told| told.outstanding);
    i128::from(held.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::notice::NoticeMoney;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_secs(seconds)
    }

    /// One campaign at two bidders, events of ten nanos, charged seven times that from 100 s on.
    fn lookout() -> Lookout {
        let fault = Fault {
            kind: FaultKind::Overcharge,
            window: Window::try_new(at(100), at(200)).unwrap(),
            bidders: Vec::new(),
            share: 1.0,
            by: Span::ZERO,
            campaigns: vec![0],
            times: 7,
        };
        Lookout {
            tick: Span::from_secs(10),
            publish_delay: Span::ZERO,
            bidders: 2,
            allows: true,
            index: BTreeMap::from([(CampaignId::of("c"), 0)]),
            campaigns: vec![Watched { dearest: 10, held: 50, ..Watched::default() }],
            planted_at: at(100),
            watched: Window::try_new(at(0), at(9_000)).unwrap(),
            trips: Vec::new(),
            overcharges: vec![fault],
            mutes: Vec::new(),
            rounds: None,
            recovery: None,
            blackout: None,
        }
    }

    fn tripped(mut lookout: Lookout, allowed: i64) -> RunFacts {
        let notice = Notice {
            cause: NoticeCause::Runaway,
            object: NoticeObject::Owner(BudgetOwner::Campaign(CampaignId::of("c"))),
            since: at(130),
            raised_at: at(130),
            money: NoticeMoney { spent: Nanos::ZERO, planned: Nanos::new(allowed) },
        };
        lookout.trip(at(130), &notice);
        lookout.look_for_cuts(at(130), &[None]);
        let mut facts = RunFacts::default();
        lookout.tell(&mut facts);
        facts
    }

    #[test]
    fn rounds_are_from_the_report_that_shows_a_runaway_and_its_loss_is_over_what_was_held() {
        let mut lookout = lookout();
        let told = [(at(105), at(104), 70), (at(115), at(114), 70), (at(125), at(124), 70)];
        lookout.campaigns[0].told.extend(told);
        let facts = tripped(lookout, 100);
        assert_eq!(facts.trip_rounds, Some(2), "shown at 115 s, cut at 130 s");
        // Allowed, held, and one charge of seven times ten at each of two bidders.
        let expected = 210.0 / (100.0 + 50.0 + 140.0);
        assert!((facts.trip_loss_ratio.unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn a_trip_that_no_report_shows_fails() {
        let mut lookout = lookout();
        lookout.campaigns[0].told.push_back((at(105), at(104), 70));
        assert_eq!(tripped(lookout, 100).trip_rounds, Some(u64::MAX));
    }

    #[test]
    fn charges_are_raised_in_the_bound_where_they_are_planted_alone() {
        let lookout = lookout();
        let times = [(at(99), 0), (at(100), 0), (at(100), 1)];
        assert_eq!(times.map(|(now, place)| lookout.times_charged(now, place)), [1, 7, 1]);
    }
}
