//! What engines and loops hold, as numbers on the metrics page: money, pace, hands, bidders, ages.
//!
//! One question to each loop led here every few seconds; changes nothing. What happens at a moment
//! is told where it happens; this tells how things stand. Run by `app`.

use crate::partition::Partitions;
use crate::telemetry::event;
use paceline_core::campaign::CampaignStatus;
use paceline_core::engine::Engine;
use paceline_core::overrides::OverrideAction;
use paceline_core::report::{CampaignOverview, Reason};
use paceline_core::table::EntryState;
use paceline_core::units::{Currency, Micros, Nanos, PaceRatio, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// Time between two looks. Real time: a scraper reads no more often.
const INTERVAL: Duration = Duration::from_secs(5);
/// The same until every partition led here was seen once.
const INTERVAL_FIRST: Duration = Duration::from_millis(250);
/// Looks between two in which every campaign is put into the distributions: once a minute.
const LOOKS_PER_SWEEP: u32 = 12;

/// Money of one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Money {
    /// Billed since the books began, refunds deducted.
    billed: i128,
    /// Billed beyond a cap in the windows that are open.
    beyond_cap: i128,
    suspense: i128,
    at_risk: i128,
}

/// How one partition stands.
#[derive(Debug, Default)]
struct Standing {
    money: BTreeMap<Currency, Money>,
    /// Run, paused, exhausted, safe.
    states: [u32; 4],
    quarantined: u32,
    /// Pause, cap, freeze, fix.
    hands: [u32; 4],
    bidders: (usize, usize),
    watermark: Option<Timestamp>,
    /// Pace ratio and multiplier of every running campaign, when asked for.
    paces: Vec<(f64, f64)>,
}

/// Looks for ever.
pub async fn run(partitions: Partitions) {
    let mut seen = Seen::default();
    let mut jumps = 0;
    let mut until_sweep = 0_u32;
    loop {
        let standings = ask(&partitions, until_sweep == 0).await;
        // A sweep that found nobody running is made up for at the next look.
        let has_swept = standings.values().any(|standing| !standing.paces.is_empty());
        until_sweep = if has_swept { LOOKS_PER_SWEEP } else { until_sweep }.saturating_sub(1);
        seen.tell_money(&standings);
        tell_counts(&standings);
        tell_ages(&partitions, &standings);
        let jumped = partitions.clock().jumps_back();
        if jumped > jumps {
            event::clock_jumped_back(jumped - jumps);
            jumps = jumped;
        }
        let is_whole = seen.0.len() == usize::from(partitions.count());
        tokio::time::sleep(if is_whole { INTERVAL } else { INTERVAL_FIRST }).await;
    }
}

/// Every partition led here, by number.
async fn ask(partitions: &Partitions, is_sweep: bool) -> BTreeMap<u8, Standing> {
    let mut standings = BTreeMap::new();
    for handle in partitions.all().filter(|handle| handle.facts().leads()) {
        // One that has just lost the lead is told of by whoever leads now.
        if let Ok(standing) = handle.ask(move |engine| Standing::of(engine, is_sweep)).await {
            standings.insert(handle.partition().0, standing);
        }
    }
    standings
}

impl Standing {
    fn of(engine: &Engine, is_sweep: bool) -> Self {
        let mut standing = Self {
            bidders: engine.bidders(),
            watermark: engine.events_watermark(),
            ..Self::default()
        };
        for held in engine.overviews() {
            if held.spec.status != CampaignStatus::Archived {
                standing.count(&held, is_sweep);
            }
            let money = standing.money.entry(held.currency).or_default();
            money.billed += i128::from(held.totals.billed.get());
            money.at_risk += i128::from(held.outstanding.get());
            money.beyond_cap += held.flight.map_or(0, |account| {
                i128::from((account.spent - account.cap()).at_least_zero().get())
            });
        }
        for held in engine.ledger().suspense().events() {
            // Money of a campaign that nobody knows has no currency.
            let overview = engine.overview_of(held.event.campaign);
            if let Some(money) = overview.and_then(|it| standing.money.get_mut(&it.currency)) {
                money.suspense += i128::from(held.event.price.get());
            }
        }
        for hand in engine.overrides().iter().filter(|hand| hand.expires_at > engine.now()) {
            let place = match hand.action {
                OverrideAction::Pause => 0,
                OverrideAction::Cap { .. } => 1,
                OverrideAction::Freeze => 2,
                OverrideAction::Fix { .. } => 3,
            };
            standing.hands[place] += 1;
        }
        standing
    }

    fn count(&mut self, held: &CampaignOverview<'_>, is_sweep: bool) {
        let state = held.entry.map(|entry| entry.state);
        let place = match state {
            Some(EntryState::Run) => 0,
            Some(EntryState::Paused) | None => 1,
            Some(EntryState::Exhausted) => 2,
            Some(EntryState::Safe) => 3,
        };
        self.states[place] += 1;
        self.quarantined += u32::from(held.reason == Reason::Quarantined);
        let (Some(EntryState::Run), Some(entry), true) = (state, held.entry, is_sweep) else {
            return;
        };
        let pace = held
            .plan
            .map_or(1.0, |plan| PaceRatio::of(plan.measured, plan.planned, Nanos::ZERO).get());
        self.paces.push((pace, entry.multiplier.ppm().as_f64()));
    }
}

fn micros(nanos: i128) -> Micros {
    Micros::new(i64::try_from(nanos / 1_000).unwrap_or(i64::MAX))
}

/// The money of each partition when it was last looked at.
#[derive(Debug, Default)]
struct Seen(BTreeMap<u8, BTreeMap<Currency, Money>>);

impl Seen {
    /// Counters grow by what was added since the last look. The first look at a partition only
    /// takes the measure, so that they count from when it was first led here.
    fn tell_money(&mut self, standings: &BTreeMap<u8, Standing>) {
        self.0.retain(|partition, _| standings.contains_key(partition));
        let mut standing: BTreeMap<Currency, Money> = BTreeMap::new();
        for (partition, now) in standings {
            let first = || now.money.clone();
            let before = self.0.entry(*partition).or_insert_with(first);
            for (currency, money) in &now.money {
                let last = before.insert(*currency, *money).unwrap_or_default();
                let grown = |now: i128, last: i128| micros((now - last).max(0));
                let beyond_cap = grown(money.beyond_cap, last.beyond_cap);
                event::money_billed(*currency, grown(money.billed, last.billed), beyond_cap);
                let sum = standing.entry(*currency).or_default();
                sum.suspense += money.suspense;
                sum.at_risk += money.at_risk;
            }
        }
        for (currency, money) in standing {
            event::money_standing(currency, micros(money.suspense), micros(money.at_risk));
        }
    }
}

fn tell_counts(standings: &BTreeMap<u8, Standing>) {
    let sum = |of: fn(&Standing) -> [u32; 4]| {
        standings.values().map(of).fold([0_u32; 4], |sums, counts| {
            std::array::from_fn(|at| sums[at].saturating_add(counts[at]))
        })
    };
    let [run, paused, exhausted, safe] = sum(|standing| standing.states);
    let quarantined = standings.values().map(|standing| standing.quarantined).sum();
    event::campaigns_counted(run, paused, exhausted, safe, quarantined);
    let [pause, cap, freeze, fix] = sum(|standing| standing.hands);
    event::overrides_counted(pause, cap, freeze, fix);
    // A bidder is known to every partition, and runs a table of each: it is counted once, and the
    // share is over all tables.
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let connected = standings.values().map(|standing| standing.bidders.0).max().unwrap_or(0);
    let (due, live) = standings.values().fold((0, 0), |(due, live), standing| {
        (due + standing.bidders.0, live + standing.bidders.1)
    });
    event::bidders_counted(count(connected), count(due), count(live));
    for (pace, multiplier) in standings.values().flat_map(|standing| &standing.paces) {
        event::campaign_measured(*pace, *multiplier);
    }
}

fn tell_ages(partitions: &Partitions, standings: &BTreeMap<u8, Standing>) {
    let now = partitions.clock().now();
    let since = |at: Timestamp| Duration::from(now - at);
    let mut waiting = 0_usize;
    for handle in partitions.all() {
        waiting += handle.waiting();
        let Some(standing) = standings.get(&handle.partition().0) else { continue };
        let written = i64::try_from(handle.facts().checkpoint_micros()).unwrap_or_default();
        let checkpoint = (written > 0).then(|| since(Timestamp::from_micros(written)));
        let partition = u16::from(handle.partition().0);
        event::ages_measured(partition, standing.watermark.map(since), checkpoint);
    }
    event::inbox_measured(u32::try_from(waiting).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{MetricsPage, metric};
    use metrics_exporter_prometheus::PrometheusBuilder;

    fn standing(billed: i128) -> Standing {
        let money = Money { billed, ..Money::default() };
        let money = BTreeMap::from([(Currency::try_new("USD").unwrap(), money)]);
        Standing { money, ..Standing::default() }
    }

    #[test]
    fn money_is_counted_from_when_a_partition_was_first_seen() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let page = MetricsPage::of(recorder.handle());
        let counted = |told: &str| {
            let line = format!("paceline_spend_micros_total{{currency=\"USD\"}} {told}\n");
            let page = page.render();
            assert!(page.contains(&line), "{page}");
        };
        metrics::with_local_recorder(&recorder, || {
            metric::declare_all(2);
            let mut seen = Seen::default();
            seen.tell_money(&BTreeMap::from([(0, standing(5_000_000))]));
            counted("0");
            seen.tell_money(&BTreeMap::from([(0, standing(7_000_000)), (1, standing(9_000))]));
            counted("2000");
            // A refund takes nothing back: counters only grow.
            seen.tell_money(&BTreeMap::from([(0, standing(6_000_000)), (1, standing(10_000))]));
            counted("2001");
            // A partition that was led elsewhere meanwhile is measured anew.
            seen.tell_money(&BTreeMap::from([(1, standing(10_000))]));
            seen.tell_money(&BTreeMap::from([(0, standing(90_000_000)), (1, standing(10_000))]));
            counted("2001");
        });
    }
}
