//! What the portfolio page asks of each engine, and how the answers of all partitions are put
//! together: one question a partition, however many campaigns there are.
//!
//! Knows engines and loops, no pages. Called by `portfolio` and `history`.

use super::filter::Filter;
use super::first_causes::FirstCauses;
use super::notices::Notices;
use super::sort::Order;
use crate::clock::Stopwatch;
use crate::control_loop::{LoopError, LoopHandle};
use crate::partition::Partitions;
use paceline_core::campaign::CampaignStatus;
use paceline_core::diagnosis::CauseKind;
use paceline_core::engine::Engine;
use paceline_core::report::{CampaignOverview, Reason, StateCounts};
use paceline_core::table::{EntryState, Lease};
use paceline_core::units::{
    CampaignId, Currency, Generation, Name, Nanos, PaceRatio, PartitionId, Ppm, Timestamp,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;

/// Rows gathered beyond those asked for before the hindmost are dropped: few enough to hold, many
/// enough that dropping is rare.
const SURPLUS: usize = 2_000;

/// How long causes are looked for before the page tells what is known. Real time: well within what
/// a page may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two questions for causes, so that rounds come in between and others are heard.
const PAUSE: Duration = Duration::from_millis(50);

/// Sums over campaigns of one currency; a portfolio may exceed what one budget may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Amounts {
    pub campaigns: u64,
    /// Of these, those with a plan: in a flight, and bounded.
    pub paced: u64,
    /// In nanos, as all below.
    pub planned: i128,
    /// Spent by those with a plan: what `planned` is measured against.
    pub paced_actual: i128,
    pub actual: i128,
    pub in_flight: i128,
    pub outstanding: i128,
}

impl Amounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.campaigns += other.campaigns;
        self.paced += other.paced;
        self.planned += other.planned;
        self.paced_actual += other.paced_actual;
        self.actual += other.actual;
        self.in_flight += other.in_flight;
        self.outstanding += other.outstanding;
    }
}

/// One campaign's line.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub id: CampaignId,
    pub name: Name,
    pub advertiser: Option<Name>,
    pub state: Option<EntryState>,
    pub reason: Reason,
    pub currency: Currency,
    pub budget: Option<Nanos>,
    pub planned: Option<Nanos>,
    pub actual: Nanos,
    /// In days of its budget; below zero is ahead. Nothing while there is no plan.
    pub behind: Option<f64>,
    pub multiplier: Option<Ppm>,
    pub participation: Option<Ppm>,
    pub in_flight: Nanos,
}

/// The table of one partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub generation: Generation,
    pub as_of: Timestamp,
    pub lease: Lease,
}

/// A page of the portfolio.
#[derive(Debug, Default)]
pub(super) struct Portfolio {
    pub tables: Vec<Table>,
    /// Of the partitions led here, the one seen least far; absent when one has heard nothing.
    pub watermark: Option<Timestamp>,
    pub states: StateCounts,
    pub totals: BTreeMap<Currency, Amounts>,
    pub rows: Vec<Row>,
    /// Campaigns that pass the filter, on this page and others.
    pub found: u64,
    /// Campaigns whose cause was asked for and is not known yet.
    pub undiagnosed: u64,
    pub notices: Notices,
    /// Partitions that gave no answer, and why.
    pub missing: Vec<(PartitionId, LoopError)>,
}

struct Answer {
    table: Table,
    watermark: Option<Timestamp>,
    states: StateCounts,
    totals: BTreeMap<Currency, Amounts>,
    rows: Vec<Row>,
    found: u64,
    /// Whose cause was asked for and is not known yet.
    undiagnosed: Vec<CampaignId>,
    notices: Notices,
}

/// Actual spend of the flight it is in; since it was entered when no budget is stated for that.
pub(super) fn actual(held: &CampaignOverview<'_>) -> Nanos {
    held.flight.map_or(held.totals.billed, |account| account.spent)
}

/// What should have been spent by now: what was spent when the plan was last made, plus what it has
/// planned since. Nothing while there is no plan.
pub(super) fn planned(held: &CampaignOverview<'_>) -> Option<Nanos> {
    let plan = held.plan?;
    Some((actual(held) + plan.planned - plan.measured).at_least_zero())
}

/// A campaign's part of the sums.
pub(super) fn amounts(held: &CampaignOverview<'_>) -> Amounts {
    let wide = |amount: Nanos| i128::from(amount.get());
    let (planned, actual) = (planned(held).map(wide), wide(actual(held)));
    Amounts {
        campaigns: 1,
        paced: planned.is_some().into(),
        planned: planned.unwrap_or(0),
        paced_actual: planned.map_or(0, |_| actual),
        actual,
        in_flight: wide(held.totals.in_flight),
        outstanding: wide(held.outstanding),
    }
}

impl Row {
    fn of(held: &CampaignOverview<'_>, engine: &Engine) -> Self {
        let behind = held.plan.map(|plan| (plan.planned - plan.measured).ratio_to(plan.day_budget));
        let payer = engine.advertiser(held.spec.advertiser);
        Self {
            id: held.spec.id,
            name: held.spec.name.clone(),
            advertiser: payer.map(|payer| payer.name.clone()),
            state: held.entry.map(|entry| entry.state),
            reason: held.reason,
            currency: held.currency,
            budget: held.spec.flight_at(engine.now()).and_then(|flight| flight.budget),
            planned: planned(held),
            actual: actual(held),
            behind,
            multiplier: held.entry.map(|entry| entry.multiplier.ppm()),
            participation: held.entry.map(|entry| entry.participation.ppm()),
            in_flight: held.totals.in_flight,
        }
    }

    /// Spend as a share of what is planned; nothing while there is no plan.
    pub(super) fn pace(&self) -> Option<f64> {
        self.planned.map(|planned| PaceRatio::of(self.actual, planned, Nanos::ZERO).get())
    }
}

/// What is asked: which campaigns, in which order, and which of these.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub filter: Filter,
    pub order: Order,
    pub skip: usize,
    pub take: usize,
}

type Answers = BTreeMap<PartitionId, Result<Answer, LoopError>>;

/// Asks every partition; rows `skip..skip + take` of the campaigns that pass, in order. Archived
/// campaigns are left out. Sums and states are of all campaigns, whatever the filter says. Where
/// causes are asked for that are not known yet, these are looked into bit by bit, so that rounds
/// come in between, and then those partitions are asked again.
pub(super) async fn ask(
    partitions: &Partitions,
    question: &Question,
    causes: &FirstCauses,
) -> Portfolio {
    let asking = Stopwatch::start();
    let search = match question.filter.cause {
        None => None,
        Some(_) => causes.search(PATIENCE).await,
    };
    let may_look = search.is_some();
    let mut answers =
        ask_each(partitions.all().cloned().collect(), question, causes, may_look).await;
    let mut pending: BTreeMap<PartitionId, Vec<CampaignId>> = BTreeMap::new();
    for (partition, answer) in &answers {
        if let Ok(answer) = answer
            && may_look
            && !answer.undiagnosed.is_empty()
        {
            pending.insert(*partition, answer.undiagnosed.clone());
        }
    }
    let unknown: Vec<PartitionId> = pending.keys().copied().collect();
    while !pending.is_empty() && asking.elapsed() < PATIENCE {
        tokio::time::sleep(PAUSE).await;
        pending = look_into(partitions, pending, causes).await;
    }
    drop(search);
    if !unknown.is_empty() {
        let again = partitions.all().filter(|handle| unknown.contains(&handle.partition()));
        answers.extend(ask_each(again.cloned().collect(), question, causes, false).await);
    }
    put_together(answers, question)
}

/// Looks into as many campaigns as one question may, in each of these partitions; what is left.
async fn look_into(
    partitions: &Partitions,
    mut pending: BTreeMap<PartitionId, Vec<CampaignId>>,
    causes: &FirstCauses,
) -> BTreeMap<PartitionId, Vec<CampaignId>> {
    let mut asked = JoinSet::new();
    for handle in partitions.all() {
        let partition = handle.partition();
        let Some(ids) = pending.remove(&partition) else { continue };
        let (handle, causes) = (handle.clone(), causes.clone());
        asked.spawn(async move {
            let look = move |engine: &Engine| causes.look_into(partition, engine, ids);
            (partition, handle.ask(look).await)
        });
    }
    let left = asked.join_all().await.into_iter();
    // Who does not answer is told of by the question that comes after.
    let left = left.filter_map(|(partition, left)| Some((partition, left.ok()?)));
    left.filter(|(_, ids)| !ids.is_empty()).collect()
}

async fn ask_each(
    handles: Vec<LoopHandle>,
    question: &Question,
    causes: &FirstCauses,
    may_look: bool,
) -> Answers {
    let order = question.order;
    let most = question.skip.saturating_add(question.take);
    let mut asked = JoinSet::new();
    for handle in handles {
        let (causes, filter) = (causes.clone(), question.filter.clone());
        asked.spawn(async move {
            let partition = handle.partition();
            let look = move |engine: &Engine| {
                let mut told = causes.begin(partition, engine, may_look);
                let mut cause = |id| told.of(engine, id);
                let answer = look(engine, &filter, order, most, &mut cause);
                causes.keep(partition, told);
                answer
            };
            (partition, handle.ask(look).await)
        });
    }
    asked.join_all().await.into_iter().collect()
}

fn put_together(answers: Answers, question: &Question) -> Portfolio {
    let (order, skip) = (question.order, question.skip);
    let most = skip.saturating_add(question.take);
    let mut all = Portfolio::default();
    let mut marks = Vec::new();
    for (partition, answer) in answers {
        match answer {
            Ok(answer) => {
                marks.push(answer.watermark);
                all.add(answer);
            }
            Err(error) => all.missing.push((partition, error)),
        }
    }
    all.watermark = marks.into_iter().min().flatten();
    all.rows.sort_unstable_by(|one, other| order.compare(one, other));
    all.rows.truncate(most);
    all.rows.drain(..skip.min(all.rows.len()));
    all
}

impl Portfolio {
    fn add(&mut self, answer: Answer) {
        self.tables.push(answer.table);
        self.states.running += answer.states.running;
        self.states.paused += answer.states.paused;
        self.states.exhausted += answer.states.exhausted;
        self.states.safe += answer.states.safe;
        for (currency, amounts) in answer.totals {
            self.totals.entry(currency).or_default().add(&amounts);
        }
        self.rows.extend(answer.rows);
        self.found += answer.found;
        self.undiagnosed += answer.undiagnosed.len() as u64;
        self.notices.add(answer.notices);
    }

    /// Campaigns in all, on this page and others.
    pub(super) fn campaigns(&self) -> u64 {
        self.totals.values().map(|amounts| amounts.campaigns).sum()
    }
}

/// The answer of one engine, with the first `most` rows that pass.
fn look(
    engine: &Engine,
    filter: &Filter,
    order: Order,
    most: usize,
    cause: &mut dyn FnMut(CampaignId) -> Option<CauseKind>,
) -> Answer {
    let table = engine.table();
    let mut answer = Answer {
        table: Table { generation: table.generation, as_of: table.as_of, lease: table.lease },
        watermark: engine.events_watermark(),
        states: StateCounts::default(),
        totals: BTreeMap::new(),
        rows: Vec::new(),
        found: 0,
        undiagnosed: Vec::new(),
        notices: Notices::of(engine),
    };
    for held in engine.overviews() {
        if held.spec.status == CampaignStatus::Archived {
            continue;
        }
        count(&mut answer.states, held.entry.map(|entry| entry.state));
        answer.totals.entry(held.currency).or_default().add(&amounts(&held));
        let row = Row::of(&held, engine);
        if !filter.admits(&row) {
            continue;
        }
        if let Some(wanted) = filter.cause {
            let found = cause(row.id);
            if found.is_none() {
                answer.undiagnosed.push(row.id);
            }
            if found != Some(wanted) {
                continue;
            }
        }
        answer.found += 1;
        answer.rows.push(row);
        if answer.rows.len() > most.saturating_add(SURPLUS) {
            answer.rows.select_nth_unstable_by(most, |one, other| order.compare(one, other));
            answer.rows.truncate(most);
        }
    }
    answer
}

fn count(states: &mut StateCounts, state: Option<EntryState>) {
    match state {
        Some(EntryState::Run) => states.running += 1,
        Some(EntryState::Exhausted) => states.exhausted += 1,
        Some(EntryState::Safe) => states.safe += 1,
        Some(EntryState::Paused) | None => states.paused += 1,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A campaign that has just been entered.
    pub(in crate::console) fn row(name: &str, advertiser: &str) -> Row {
        Row {
            id: CampaignId::of(name),
            name: Name::try_new(name).unwrap(),
            advertiser: Name::try_new(advertiser).ok(),
            state: None,
            reason: Reason::OutsideFlight,
            currency: Currency::NONE,
            budget: None,
            planned: None,
            actual: Nanos::ZERO,
            behind: None,
            multiplier: None,
            participation: None,
            in_flight: Nanos::ZERO,
        }
    }
}
