//! Virtual time: drives the very engine the service runs through a market, step by step.
//!
//! One step is one tick long: the round, then its auctions in time order, with tables, reports and
//! billings in between as they fall due. Nothing here reads a clock, and everything random comes
//! from the seed, so a run repeats to the byte. Called by `run` and by tests.

pub mod asked;
mod host;
mod publish;
pub mod setup;
pub mod shading;
mod venue;

use crate::agenda::Agenda;
use crate::auditor::Auditor;
use crate::bidder::{Bidder, HeldTable};
use crate::fault::{FaultKind, FaultRules};
use crate::hall::{self, Hall};
use crate::lookout::Lookout;
use crate::report::RunReport;
use crate::report::metric::RunFacts;
use crate::scenario::{Deed, Scenario, ScenarioError};
use asked::{Answers, Questions};
use host::{Host, miscounted, view_of};
use paceline_core::budget::{BudgetOwner, Cap, Horizon};
use paceline_core::campaign::LawChoice;
use paceline_core::engine::{Applied, EngineConfig};
use paceline_core::event::{SpendEvent, Verdict};
use paceline_core::forecast::Prospect;
use paceline_core::input::{AllowanceDraw, BidderChange, Input, Stamped};
use paceline_core::overrides::{Override, OverrideChange};
use paceline_core::pace::PacingLaw;
use paceline_core::table::BidderAllowances;
use paceline_core::units::{CampaignId, Nanos, OverrideId, SegmentId, Span, Timestamp};
use shading::{Model, ShadePlan, Shading};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Ticks after the run's end in which late money still arrives.
pub(crate) const DRAIN: Span = Span::from_mins(20);

/// How a run differs from its file.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Every campaign under this law instead of its own.
    pub law: Option<LawChoice>,
    /// Another seed than the file's.
    pub seed: Option<u64>,
    /// Another engine than the default one.
    pub engine: Option<EngineConfig>,
    /// Keep the whole log, so that the run can be replayed.
    pub has_record: bool,
    /// Ask what these campaigns, by index, will have spent, at these moments in order of time.
    pub asked: Vec<(Timestamp, usize)>,
    /// What else is asked, and done, on the way.
    pub questions: Questions,
    /// How bids of all campaigns are shaded, if they are.
    pub shading: Option<ShadePlan>,
}

/// A finished run.
#[derive(Debug)]
pub struct Run {
    /// Its numbers.
    pub report: RunReport,
    /// Its log, if asked for.
    pub record: Option<Vec<Stamped>>,
    /// What the engine foresaw when asked, and of which campaign.
    pub foreseen: Vec<(usize, Prospect)>,
    /// What else it said when asked.
    pub answers: Answers,
    /// The last schedules that bidders held of every segment, by segment index.
    pub shades: Model,
}

/// Something to happen.
#[derive(Debug, Clone)]
enum Occasion {
    /// A table and its allowances reach the bidders.
    Table(Arc<HeldTable>, Arc<Vec<BidderAllowances>>),
    /// A bidder sends its report.
    Report(usize),
    /// An input reaches the log.
    Arrive(Box<Input>),
    /// A win is billed.
    Bill {
        /// Whose win, by campaign index.
        campaign: usize,
        /// Which bidder reports it.
        bidder: usize,
        /// The event.
        event: SpendEvent,
    },
}

/// Runs a scenario once. `progress` is told the share done, now and then.
///
/// # Errors
/// [`ScenarioError::Rules`] when a campaign's pressure cannot be met by the market.
pub fn run(
    scenario: &Scenario,
    options: &RunOptions,
    progress: &mut dyn FnMut(f64),
) -> Result<Run, ScenarioError> {
    let usual = EngineConfig { tick: scenario.tick, ..EngineConfig::default() };
    run_under(scenario, options, options.engine.unwrap_or(usual), progress)
}

/// Runs a scenario once in an engine of this configuration, whatever its laws.
///
/// # Errors
/// As [`run`].
pub fn run_under<L: PacingLaw + Copy>(
    scenario: &Scenario,
    options: &RunOptions,
    config: EngineConfig<L>,
    progress: &mut dyn FnMut(f64),
) -> Result<Run, ScenarioError> {
    let mut world = World::new(scenario, options, config)?;
    world.open();
    let (start, end) = (scenario.window.start(), scenario.window.end());
    let mut auctions = Vec::new();
    let mut stands = Vec::new();
    let mut now = start;
    while now < end {
        world.round(now);
        let next = (now + scenario.tick).min(end);
        world.hall.market.fill(now, next, &mut auctions);
        for auction in &auctions {
            world.attend(auction.at);
            hall::hold(&mut world, auction, &mut stands);
        }
        world.attend(next);
        now = next;
        progress((now - start).ratio_to(end - start));
    }
    while now < end + DRAIN {
        world.round(now);
        now += scenario.tick;
        world.attend(now);
    }
    Ok(world.finish(options))
}

struct World<'a, L: PacingLaw> {
    scenario: &'a Scenario,
    hall: Hall,
    index: BTreeMap<CampaignId, usize>,
    bidders: Vec<Bidder>,
    /// Bidders that are there.
    present: Vec<usize>,
    agenda: Agenda<Occasion>,
    host: Host<L>,
    faults: FaultRules,
    auditor: Auditor,
    /// Present where a fault is planted that somebody should be told of.
    lookout: Option<Lookout>,
    facts: RunFacts,
    inputs: Vec<Input>,
    next_action: usize,
    /// Published signals of the round before.
    signals: Vec<f64>,
    /// What is yet to be asked, the next one last.
    asked: Vec<(Timestamp, usize)>,
    foreseen: Vec<(usize, Prospect)>,
    /// What else is yet to be asked, and what was said.
    questions: Questions,
    answers: Answers,
    shading: Shading,
}

impl<'a, L: PacingLaw + Copy> World<'a, L> {
    fn new(
        scenario: &'a Scenario,
        options: &RunOptions,
        mut config: EngineConfig<L>,
    ) -> Result<Self, ScenarioError> {
        let seed = options.seed.unwrap_or(scenario.seed);
        let mut setup = setup::build(scenario, options.law, seed)?;
        let shading = Shading::new(scenario, options.shading.clone(), &mut setup);
        config.shading = shading.market();
        let segments: Vec<SegmentId> = scenario
            .segments
            .iter()
            .map(|plan| SegmentId::of(plan.segment.name.as_str()))
            .collect();
        let campaigns: Vec<CampaignId> = setup.specs.iter().map(|spec| spec.id).collect();
        let bidders = (0..scenario.bidders.count)
            .map(|index| Bidder::new(index, &scenario.bidders, &campaigns, &segments))
            .map(|bidder| bidder.with_order(shading.order()));
        if !scenario.bidders.has_allowances {
            config.allowance_horizon = None;
        }
        let has_crash = scenario.faults.iter().any(|fault| fault.kind == FaultKind::Crash);
        Ok(Self {
            scenario,
            index: campaigns.iter().enumerate().map(|(index, id)| (*id, index)).collect(),
            bidders: bidders.collect(),
            present: Vec::new(),
            agenda: Agenda::default(),
            host: Host::new(config, has_crash, options.has_record),
            faults: FaultRules::new(&scenario.faults, seed),
            auditor: Auditor::new(miscounted(scenario, &campaigns)),
            lookout: Lookout::of(scenario, &setup.specs),
            facts: RunFacts::default(),
            next_action: 0,
            signals: vec![0.0; campaigns.len()],
            asked: options.asked.iter().rev().copied().collect(),
            foreseen: Vec::new(),
            questions: options.questions.clone(),
            answers: Answers::default(),
            shading,
            hall: Hall::new(scenario, setup.specs, setup.buyers, setup.market),
            inputs: setup.inputs,
        })
    }

    /// Before the first tick: catalogue, bidders, first reports.
    fn open(&mut self) {
        let start = self.scenario.window.start();
        for input in std::mem::take(&mut self.inputs) {
            self.tell(start, &input);
        }
        let every = self.scenario.bidders.report_every.as_micros();
        let count = i64::try_from(self.bidders.len()).unwrap_or(1);
        for place in 0..self.bidders.len() {
            // Bidders do not all report at once.
            let phase = Span::from_micros(every * i64::try_from(place).unwrap_or(0) / count);
            self.agenda.put(start + phase, Occasion::Report(place));
        }
    }

    /// An input reaches the log.
    fn tell(&mut self, at: Timestamp, input: &Input) {
        if let Some(applied) = self.host.apply(at, input) {
            self.facts.refused_inputs += u64::from(matches!(applied, Applied::Refused(_)));
            self.auditor.observe(at, input, &applied);
            if let Some(lookout) = &mut self.lookout {
                lookout.observe(at, input, &applied);
            }
        }
    }

    /// Everything due by `now`.
    fn attend(&mut self, now: Timestamp) {
        while let Some((at, occasion)) = self.agenda.take(now) {
            match occasion {
                Occasion::Arrive(input) => self.tell(at, &input),
                Occasion::Report(bidder) => self.send_report(bidder, at),
                Occasion::Bill { campaign, bidder, event } => {
                    self.hall.bill(campaign, event.attributed_at(), event.price);
                    self.note_billing(campaign, bidder, event);
                }
                Occasion::Table(table, allowances) => self.spread(at, &table, &allowances),
            }
        }
    }

    /// A bidder sends what it has, unless it is silent or away, and plans its next report.
    fn send_report(&mut self, place: usize, now: Timestamp) {
        let plan = self.scenario.bidders;
        self.agenda.put(now + plan.report_every, Occasion::Report(place));
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        if self.faults.is_struck(FaultKind::Silence, number, now)
            || self.faults.is_struck(FaultKind::Absent, number, now)
        {
            return;
        }
        self.bidders[place].hear(now);
        let (spend, opportunities) = self.bidders[place].report(now);
        let delivery = self.faults.deliver(number, now);
        let arrives = now + plan.report_delay + delivery.first;
        // In a box, for things on the agenda are moved often.
        let arrive = |input| Occasion::Arrive(Box::new(input));
        let outcomes = self.shading.report(place, self.bidders[place].producer());
        let mut told = vec![Input::Spend(spend)];
        told.extend(outcomes.map(Input::Outcomes));
        told.push(Input::Opportunities(opportunities));
        if let Some(second) = delivery.second {
            for input in told.iter().cloned() {
                self.agenda.put(arrives + second, arrive(input));
            }
        }
        for input in told {
            self.agenda.put(arrives, arrive(input));
        }
    }

    /// A bidder asks for money ahead of the tick; whether it has some more now.
    fn draw(&mut self, bidder: usize, campaign: usize, now: Timestamp, price: Nanos) -> bool {
        let draw = AllowanceDraw {
            bidder: self.bidders[bidder].id(),
            campaign: self.hall.specs[campaign].id,
            price,
        };
        if self.host.engine().is_none() {
            return false;
        }
        match self.host.apply(now, &Input::Draw(draw)) {
            Some(Applied::Granted(Some(allowance))) => {
                if let (Some(lookout), Some(engine)) = (&mut self.lookout, self.host.engine()) {
                    lookout.drawn(now, campaign, engine);
                }
                self.bidders[bidder].granted(campaign, allowance, now);
                true
            }
            _ => false,
        }
    }

    /// A decision round and all that belongs to its instant.
    fn round(&mut self, now: Timestamp) {
        self.attend(now);
        self.live_or_die(now);
        self.come_and_go(now);
        self.act(now);
        if let Some(tick) = self.host.tick(now) {
            self.facts.ticks += 1;
            self.facts.hear(&tick.report.notices);
            self.publish(now, tick);
            self.foresee(now);
            self.inquire(now);
        }
        self.hall.find_eligible(now);
        if (now - self.scenario.window.start()).as_micros() % Span::MINUTE.as_micros() == 0 {
            self.minute(now);
        }
    }

    /// Kills and revives the engine.
    fn live_or_die(&mut self, now: Timestamp) {
        match (self.faults.crash(now).is_some(), self.host.engine().is_some()) {
            (true, true) => self.host.kill(),
            (false, false) => {
                for (stamped, applied) in self.host.revive(now) {
                    self.auditor.observe(stamped.at, &stamped.input, &applied);
                }
                self.facts.digest_mismatches = self.host.mismatches;
            }
            _ => {}
        }
    }

    /// Bidders that came or went since the last round.
    fn come_and_go(&mut self, now: Timestamp) {
        for place in 0..self.bidders.len() {
            let number = u32::try_from(place).unwrap_or(u32::MAX);
            let is_away = self.faults.is_struck(FaultKind::Absent, number, now);
            let bidder = self.bidders[place].id();
            match (self.present.binary_search(&place), is_away) {
                (Err(spot), false) => {
                    self.present.insert(spot, place);
                    let holds = self.bidders[place].table.as_ref().map(|held| held.generation);
                    let held = Vec::new();
                    self.tell(now, &Input::Bidder(BidderChange::Joined { bidder, holds, held }));
                }
                (Ok(spot), true) if self.present.len() > 1 => {
                    self.present.remove(spot);
                    self.tell(now, &Input::Bidder(BidderChange::Left { bidder }));
                }
                _ => {}
            }
        }
    }

    /// What operators do.
    fn act(&mut self, now: Timestamp) {
        while let Some(action) = self.scenario.actions.get(self.next_action) {
            if action.at > now {
                break;
            }
            self.next_action += 1;
            let number = u64::try_from(self.next_action).unwrap_or(0);
            let spec = &mut self.hall.specs[action.campaign];
            let tally = &mut self.hall.tallies[action.campaign];
            let input = match action.deed {
                Deed::Override { action, until } => {
                    Input::Override(OverrideChange::Set(Override {
                        id: OverrideId::from_key(number),
                        target: BudgetOwner::Campaign(spec.id),
                        action,
                        reason: "scenario".to_owned(),
                        author: "scenario".to_owned(),
                        set_at: now,
                        expires_at: until.max(now + Span::from_micros(1)),
                    }))
                }
                Deed::Budget(amount) => {
                    spec.budgets.flights[0].budget = Some(amount);
                    tally.set_budget(amount);
                    Input::Campaign(spec.clone())
                }
                Deed::DailyCap(amount) => {
                    spec.budgets.caps = vec![Cap { horizon: Horizon::Day, amount }];
                    tally.set_daily_cap(now, amount);
                    Input::Campaign(spec.clone())
                }
            };
            self.tell(now, &input);
        }
    }

    /// Asks what is due by now of what campaigns will have spent.
    fn foresee(&mut self, now: Timestamp) {
        let Some(engine) = self.host.engine() else { return };
        while let Some(&(at, campaign)) = self.asked.last()
            && at <= now
        {
            self.asked.pop();
            let told = engine.prospects(self.hall.specs[campaign].id);
            self.foreseen.extend(told.into_iter().map(|prospect| (campaign, prospect)));
        }
    }

    /// What the engine thinks and what came of it, once a minute.
    fn minute(&mut self, now: Timestamp) {
        let Some(engine) = self.host.engine() else { return };
        for campaign in 0..self.hall.specs.len() {
            let view = view_of(engine, self.hall.specs[campaign].id);
            self.hall.minute(now, campaign, view);
        }
    }

    fn finish(mut self, options: &RunOptions) -> Run {
        self.facts.audit_failures = self.auditor.failures;
        self.facts.events_posted =
            self.auditor.count(Verdict::Posted) + self.auditor.count(Verdict::PostedLate);
        self.facts.events_duplicate = self.auditor.count(Verdict::Duplicate);
        let all: u64 = Verdict::ALL.iter().map(|verdict| self.auditor.count(*verdict)).sum();
        self.facts.events_refused = all - self.facts.events_posted - self.facts.events_duplicate;
        self.facts.auctions = self.hall.auctions;
        if let Some(lookout) = self.lookout {
            lookout.tell(&mut self.facts);
        }
        let campaigns = self.hall.reports();
        let pools = self.hall.pools(self.scenario, &campaigns);
        let report = RunReport::new(
            self.scenario,
            options.law,
            options.seed.unwrap_or(self.scenario.seed),
            self.facts,
            (campaigns, pools),
            self.auditor.told,
        );
        let record = self.host.into_record();
        let shades = self.shading.last();
        Run { report, record, foreseen: self.foreseen, answers: self.answers, shades }
    }
}
