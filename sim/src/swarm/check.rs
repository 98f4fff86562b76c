//! What must always hold of a run, whatever the world, its law, and what went wrong in it.
//!
//! Money is reckoned from the run's own log, event by event, apart from the engine's ledger and
//! from the market's books. Called by the swarm after each run.

use super::books::{Books, Entry};
use crate::fault::{Fault, FaultKind};
use crate::market::billing::Billing;
use crate::scenario::{CampaignPlan, Deed, Scenario};
use crate::world::{DRAIN, Run};
use paceline_core::budget::Horizon;
use paceline_core::units::{AdvertiserId, Nanos, Span, Timestamp, Window};
use serde::Serialize;
use std::collections::BTreeMap;

/// Standard deviations of what is in flight that clicks may exceed a budget by; the guard holds two
/// back. Clicks of few expected ones have long tails, so one event stands beside them, and over
/// thousands of budgets this many are never seen by luck.
const DEVIATIONS: f64 = 6.0;
/// Unseen for longer than this, campaigns go to their safe values, be they above or below.
const BLIND_LIMIT: Span = Span::from_mins(5);
/// Reports older than so many ticks hold a law.
const STALE_TICKS: i64 = 3;
/// A bidder of which nothing is heard for so long is taken for dead, and its money given to others.
const GIVEN_UP: Span = Span::from_secs(120);
/// A table's lease: without allowances, bidders that hear nothing go on so long.
const LEASE: Span = Span::from_secs(30);

/// Something that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The world is a sound scenario.
    Sound,
    /// The run ends without a panic.
    NoPanic,
    /// The bookkeeper finds nothing wrong at any tick.
    NoAuditFailure,
    /// The engine takes every campaign, override and the like.
    NoRefusedInput,
    /// After a crash the log folds to the very same tables.
    SameTables,
    /// Every spend event is posted, none twice.
    EveryEventOnce,
    /// What the bidders reported is what the market billed, to the nano.
    ExactMoney,
    /// No multiplier rises while nobody reports and no operator acts.
    NoRiseInSilence,
    /// No flight and no local day of a campaign is overspent beyond what is published.
    CampaignCaps,
    /// No local day of an advertiser is.
    AdvertiserCaps,
    /// The same run again gives the same bytes.
    SameBytes,
}

impl Rule {
    /// As a sentence.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "the world must be a sound scenario",
            Self::NoPanic => "the run must end without a panic",
            Self::NoAuditFailure => "audit_failures must be 0",
            Self::NoRefusedInput => "refused_inputs must be 0",
            Self::SameTables => "digest_mismatches must be 0",
            Self::EveryEventOnce => "every event must be posted once",
            Self::ExactMoney => "what is reported must be what is billed, to the nano",
            Self::NoRiseInSilence => "no multiplier may rise while nobody reports",
            Self::CampaignCaps => "no budget or daily cap may be overspent beyond the stated bound",
            Self::AdvertiserCaps => "no shared daily cap may be overspent beyond the stated bound",
            Self::SameBytes => "the same run must give the same bytes",
        }
    }
}

/// A rule that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Which.
    pub rule: Rule,
    /// The numbers.
    pub found: String,
}

impl Breach {
    pub(super) fn new(rule: Rule, found: impl Into<String>) -> Self {
        Self { rule, found: found.into() }
    }

    /// Whether the other is the same rule broken in the same way: alike but for names and numbers.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.rule == other.rule && self.kind() == other.kind()
    }

    /// The words of a finding of the bookkeeper; every other rule is broken in one way only.
    fn kind(&self) -> Vec<&str> {
        if self.rule != Rule::NoAuditFailure {
            return Vec::new();
        }
        let is_number = |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit());
        let told = self.found.split_once("at ").map_or(self.found.as_str(), |(_, told)| told);
        told.split(' ').filter(|word| !is_number(word)).collect()
    }
}

/// Every rule that a run breaks, the gravest first. The run must have kept its log.
#[must_use]
pub fn breaches(scenario: &Scenario, run: &Run) -> Vec<Breach> {
    let mut broken = Vec::new();
    let facts = &run.report.run;
    broken.extend(audits(scenario, run));
    let mut zero = |rule, count: u64, what: &str| {
        if count > 0 {
            broken.push(Breach::new(rule, format!("{count} {what}")));
        }
    };
    zero(Rule::NoRefusedInput, facts.refused_inputs, "refused");
    zero(Rule::SameTables, facts.digest_mismatches, "tables differ");
    zero(Rule::EveryEventOnce, facts.events_refused, "events refused");
    let has = |kind| scenario.faults.iter().any(|fault| fault.kind == kind);
    if !has(FaultKind::Duplicate) {
        zero(Rule::EveryEventOnce, facts.events_duplicate, "taken for duplicates");
    }
    let is_short = |kind| {
        let mut faults = scenario.faults.iter().filter(|fault| fault.kind == kind);
        faults.all(|fault| fault.window.span() < BLIND_LIMIT)
    };
    if scenario.actions.is_empty() && is_short(FaultKind::Silence) {
        zero(Rule::NoRiseInSilence, facts.rises_in_silence, "rises");
    }
    let books = Books::new(scenario, run.record.as_deref().unwrap_or_default());
    broken.extend(inexact(scenario, run, &books));
    broken.extend(overspent(scenario, &books));
    broken
}

/// What the bookkeeper found and what is promised in such a world, the first of each kind; what is
/// said of money first.
fn audits(scenario: &Scenario, run: &Run) -> Vec<Breach> {
    let mut kinds: Vec<Breach> = Vec::new();
    for told in &run.report.audit {
        // Without allowances, or with reports that nobody waits for, a budget may be passed, by as
        // much as is reckoned here elsewhere.
        let is_of_allowances = told.contains("promised are");
        // A law that was held takes the time that has passed in one step when news comes.
        let is_of_slew = told.contains("signal moved");
        if (is_of_allowances && !(scenario.bidders.has_allowances && is_told_in_time(scenario)))
            || (is_of_slew && !is_prompt(scenario))
        {
            continue;
        }
        let breach = Breach::new(Rule::NoAuditFailure, told.as_str());
        if !kinds.iter().any(|kind| kind.is_like(&breach)) {
            kinds.push(breach);
        }
    }
    kinds.sort_by_key(|kind| kind.found.contains("signal"));
    kinds
}

/// Whether what a bidder says it has told is there, and what it has not is still waited for.
fn is_told_in_time(scenario: &Scenario) -> bool {
    let is_out_of_order = |kind| matches!(kind, FaultKind::Lose | FaultKind::Reorder);
    !scenario.faults.iter().any(|fault| is_out_of_order(fault.kind)) && given_up(scenario) == 0
}

/// How many bidders are cut off for so long that their money is given to others.
fn given_up(scenario: &Scenario) -> usize {
    let faults = scenario.faults.iter();
    let is_long = |fault: &&Fault| fault.window.span() >= GIVEN_UP;
    let cut_off = faults.filter(|fault| fault.kind == FaultKind::Absent).filter(is_long);
    let all = usize::try_from(scenario.bidders.count).unwrap_or(usize::MAX);
    cut_off.map(|fault| if fault.bidders.is_empty() { all } else { fault.bidders.len() }).sum()
}

/// Whether every tick has news of every bidder, so that no step of a law makes up for two.
fn is_prompt(scenario: &Scenario) -> bool {
    let plan = &scenario.bidders;
    let age = plan.report_every + plan.report_delay + scenario.tick;
    let is_harmless = |kind| matches!(kind, FaultKind::Duplicate | FaultKind::Blind);
    plan.report_every <= scenario.tick
        && age <= scenario.tick.times(STALE_TICKS)
        && scenario.faults.iter().all(|fault| is_harmless(fault.kind))
}

/// Money that is not the same in the log and in the market's books.
fn inexact(scenario: &Scenario, run: &Run, books: &Books) -> Option<Breach> {
    let is_settled = is_settled(scenario);
    let wrong =
        scenario.campaigns.iter().zip(&run.report.campaigns).zip(&books.campaigns).find_map(
            |((plan, told), entries)| {
                let reported: i128 = entries.billed.iter().map(|entry| entry.nanos).sum();
                let billed = i128::from(told.metrics.spend_nanos);
                let is_right = if is_settled { reported == billed } else { reported <= billed };
                (!is_right).then(|| {
                    format!("{}: {reported} nanos reported, {billed} billed", plan.spec.name)
                })
            },
        );
    wrong.map(|found| Breach::new(Rule::ExactMoney, found))
}

/// Whether everything billed is reported by the end, with all that holds it up.
fn is_settled(scenario: &Scenario) -> bool {
    let plan = &scenario.bidders;
    let usual = plan.outcome_delay + plan.report_every + plan.report_delay + scenario.tick.times(2);
    let end = scenario.window.end() + DRAIN;
    let held_up = scenario.faults.iter().map(|fault| fault.window.end() + fault.by);
    let held_up = held_up.max().unwrap_or(scenario.window.start());
    let last = scenario.window.end() + latest_click(scenario);
    last.max(held_up) + usual < end
}

/// The latest that any click comes after its win.
fn latest_click(scenario: &Scenario) -> Span {
    let latest = scenario.campaigns.iter().map(|plan| match plan.buyer.billing {
        Billing::Impression => Span::ZERO,
        Billing::Click { latest, .. } => latest,
    });
    latest.max().unwrap_or(Span::ZERO)
}

/// What one budget was overspent by, and what it may be.
fn overspent(scenario: &Scenario, books: &Books) -> Vec<Breach> {
    let mut broken = Vec::new();
    let Some(slack) = Slack::of(scenario) else { return broken };
    for (place, plan) in scenario.campaigns.iter().enumerate() {
        let own = [(plan, &books.campaigns[place])];
        let flight = plan.spec.budgets.flights[0];
        let days = plan.clock.days_in(flight.window);
        let all = std::iter::once((flight.window, flight_cap(scenario, place)))
            .chain(days.map(|day| (day, day_cap(scenario, place, day))));
        let found = all
            .filter_map(|(window, cap)| Some((window, cap?)))
            .find_map(|(window, cap)| slack.overspend(window, cap, &own));
        if let Some(found) = found {
            let name = &plan.spec.name;
            broken.push(Breach::new(Rule::CampaignCaps, format!("{name}: {found}")));
            break;
        }
    }
    let mut shared: BTreeMap<AdvertiserId, Vec<(&CampaignPlan, &Entry)>> = BTreeMap::new();
    for pair in scenario.campaigns.iter().zip(&books.campaigns) {
        shared.entry(pair.0.spec.advertiser).or_default().push(pair);
    }
    for advertiser in &scenario.advertisers {
        let (Some(cap), Some(campaigns)) =
            (advertiser.budgets.cap(Horizon::Day), shared.get(&advertiser.id))
        else {
            continue;
        };
        let mut days = campaigns[0].0.clock.days_in(scenario.window);
        if let Some(found) = days.find_map(|day| slack.overspend(day, cap, campaigns)) {
            let name = &advertiser.name;
            broken.push(Breach::new(Rule::AdvertiserCaps, format!("{name}: {found}")));
            break;
        }
    }
    broken
}

/// The largest budget a flight ever had; absent if it had none at some time.
fn flight_cap(scenario: &Scenario, campaign: usize) -> Option<Nanos> {
    let edits = scenario.actions.iter().filter(|action| action.campaign == campaign);
    let budgets = edits.filter_map(|action| match action.deed {
        Deed::Budget(amount) => Some(amount),
        Deed::DailyCap(_) | Deed::Override { .. } => None,
    });
    let first = scenario.campaigns[campaign].spec.budgets.flights[0].budget?;
    Some(budgets.fold(first, Nanos::max))
}

/// The largest cap a local day ever had while it lasted; absent if it had none at some time.
fn day_cap(scenario: &Scenario, campaign: usize, day: Window) -> Option<Nanos> {
    let mut in_force = scenario.campaigns[campaign].spec.budgets.cap(Horizon::Day);
    let mut largest = in_force;
    let edits = scenario.actions.iter().filter(|action| action.campaign == campaign);
    for action in edits {
        let Deed::DailyCap(amount) = action.deed else { continue };
        if action.at <= day.start() {
            largest = Some(amount);
        } else if action.at < day.end() + scenario.tick {
            // With none in force before, the day is not bounded until then.
            largest = in_force.and(largest).map(|largest| largest.max(amount));
        }
        in_force = Some(amount);
    }
    largest
}

/// By how much a budget may be overspent in a scenario.
struct Slack {
    /// How long bidders without allowances spend after a budget is gone, or those that were given
    /// up what they had been allowed; absent where all keep to allowances that are waited for.
    unseen: Option<Span>,
    /// How many were given up.
    given_up: usize,
    /// How long a click may be on its way before the guard has heard of it.
    in_flight: Span,
}

impl Slack {
    /// Absent where nothing is promised: without allowances while tables or reports are cut off.
    fn of(scenario: &Scenario) -> Option<Self> {
        let plan = &scenario.bidders;
        let is_cut_off = |kind| {
            matches!(
                kind,
                FaultKind::Silence | FaultKind::Blind | FaultKind::Crash | FaultKind::Absent
            )
        };
        let has_cut = scenario.faults.iter().any(|fault| is_cut_off(fault.kind));
        if !plan.has_allowances && has_cut {
            return None;
        }
        let delays = scenario.faults.iter().fold(Span::ZERO, |sum, fault| {
            let lasts = if is_cut_off(fault.kind) { fault.window.span() } else { Span::ZERO };
            sum + fault.by + lasts
        });
        let told = plan.report_every + plan.report_delay + plan.outcome_delay + delays;
        let obeyed = plan.publish_delay + scenario.tick.times(2);
        let given_up = given_up(scenario);
        let free = (!plan.has_allowances).then(|| told + obeyed + LEASE);
        Some(Self {
            unseen: free.or((given_up > 0).then_some(GIVEN_UP)),
            given_up,
            in_flight: latest_click(scenario) + told + obeyed,
        })
    }

    /// What is to be said of a budget over a window that was overspent beyond its bound.
    fn overspend(
        &self,
        window: Window,
        cap: Nanos,
        campaigns: &[(&CampaignPlan, &Entry)],
    ) -> Option<String> {
        let inside = |at: Timestamp| window.contains(at);
        let each = || campaigns.iter().map(|(_, entry)| entry);
        let spent: i128 = each()
            .flat_map(|entry| &entry.billed)
            .filter(|bill| inside(bill.served_at))
            .map(|bill| bill.nanos)
            .sum();
        let over = spent - i128::from(cap.get());
        if over <= 0 {
            return None;
        }
        // Where predictions are off, so is what is in flight, and nothing is promised.
        if campaigns.iter().any(|(plan, _)| {
            plan.buyer.truth.is_some() && matches!(plan.buyer.billing, Billing::Click { .. })
        }) {
            return None;
        }
        let dearest = each().map(|entry| entry.dearest).max().unwrap_or(0);
        let scatter: f64 = each().map(|entry| entry.scatter(window, self.in_flight)).sum();
        let event = crate::number::amount(dearest);
        let is_by_click = scatter > 0.0;
        let luck = if is_by_click { DEVIATIONS * libm::sqrt(scatter + event * event) } else { 0.0 };
        let unseen = self.unseen.map_or(0, |unseen| {
            each().map(|entry| entry.most_within(window, unseen)).sum::<i128>()
        });
        let events = i128::try_from(1 + self.given_up).unwrap_or(i128::MAX);
        let bound = events * dearest + unseen;
        let over_real = crate::number::amount(over);
        (over_real > crate::number::amount(bound) + luck).then(|| {
            format!(
                "{spent} nanos of {} from {} to {} µs, {over} beyond; its events and what is \
                 unseen are {bound}, {DEVIATIONS} deviations of clicks in flight {luck:.0}",
                cap.get(),
                window.start().as_micros(),
                window.end().as_micros(),
            )
        })
    }
}
