//! One drive from beginning to end: campaigns entered, clients started, the market played at the
//! pace of the service's clock, the books compared, the report made.
//!
//! Decides nothing about money: bids are the clients', prices the market's. Called by `drive` and
//! by the demo, which look on through [`Drive`] while it plays.

use super::clock::FollowedClock;
use super::floor::{Floor, Staff};
use super::link::Link;
use super::portfolio::Portfolio;
use super::{Ended, Order, Stop, books, portfolio, world};
use anyhow::{Context, bail};
use paceline::wire::catalogue::{CampaignNames, advertiser_message, campaign_message};
use paceline_core::campaign::CampaignStatus;
use paceline_core::input::Input;
use paceline_core::units::{Currency, Name, Nanos, ShapeId, Span, Timestamp};
use paceline_proto::v1;
use paceline_sim::hall::{self, Hall, Venue as _};
use paceline_sim::report::metric::RunFacts;
use paceline_sim::scenario::Scenario;
use paceline_sim::world::setup::{self, Setup};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long the market pauses between two looks at the clock: a quarter of a second at sixty times
/// the world's pace, far less than a tick.
const PAUSE: Duration = Duration::from_millis(4);
/// The longest stretch played without a look at what else is due.
const STEP: Span = Span::from_secs(1);
/// From entering the campaigns to their first auction, at least: time for clients to connect and
/// for tables to reach them.
const LEAD_LEAST: Span = Span::MINUTE;
const LEAD_REAL: Duration = Duration::from_secs(3);
/// What of the lead must be left once the market is made, in real time.
const READY_LEAST: Span = Span::from_secs(1);
/// How often the lead is doubled where making the market took longer than that.
const LEAD_TRIES: u32 = 6;
/// After the last auction, billings still arrive for so long.
const DRAIN: Span = Span::from_secs(90);
/// Without an answer of the service for so long, the drive ends.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// How long the clients may take to report what they have.
const CLOSE_MAX: Duration = Duration::from_secs(10);
/// How often onlookers are shown the state of things.
const SHOW_EVERY: Duration = Duration::from_millis(250);
/// A market that ran further behind the service's clock than this is told of.
const LAG_TOLD: Span = Span::from_secs(10);

/// Everything that is known before the first auction.
struct Entry {
    name: String,
    scenario: Scenario,
    setup: Setup,
    names: Vec<Name>,
}

/// A drive that is under way.
pub(crate) struct Drive {
    name: String,
    scenario: Scenario,
    seed: u64,
    names: Vec<Name>,
    link: Link,
    clock: FollowedClock,
    portfolio: Portfolio,
    floor: Floor,
    /// Everything before this has been played.
    at: Timestamp,
    /// Rounds that the service had decided before.
    rounds_before: u64,
    /// Verdicts that it had given before.
    verdicts_before: Vec<v1::VerdictCount>,
    lag_max: Span,
    /// Ends with the drive.
    tasks: JoinSet<()>,
}

/// Plays an order to its end, or until told to stop; `show` looks on.
pub(crate) async fn play(
    order: &Order,
    stop: &Stop,
    show: &mut dyn FnMut(&Drive),
) -> anyhow::Result<Ended> {
    let mut drive = Drive::open(order).await?;
    let is_away = drive.run(stop, show).await;
    Ok(drive.close(stop, is_away).await)
}

impl Drive {
    async fn open(order: &Order) -> anyhow::Result<Self> {
        let link = Link::open(order).await?;
        let clock = FollowedClock::new();
        let status = link.status(&clock).await.context("asking the service for its status")?;
        let verdicts_before =
            link.verdicts().await.context("asking the service for its verdicts")?;
        let mut tasks = JoinSet::new();
        tasks.spawn(portfolio::follow_clock(link.clone(), clock.clone()));
        let entry = prepare(order, &clock).await?;
        enter(&link, &entry).await?;
        let Entry { name, scenario, setup, names } = entry;
        let hall = Hall::new(&scenario, setup.specs, setup.buyers, setup.market);
        let segments: Vec<Name> =
            scenario.segments.iter().map(|plan| plan.segment.name.clone()).collect();
        let known: u64 = status.partitions.iter().map(|one| one.entries).sum();
        let ids = (0..order.bidders).map(|index| Name::try_new(format!("{name}-b{index:03}")));
        let staff = Staff {
            ids: ids.collect::<Result<_, _>>().context("naming the bidders")?,
            segments: &segments,
            // Twice over, so that look-ups stay short, and with room for others' campaigns.
            entries: 2 * (usize::try_from(known).unwrap_or(0) + names.len()) + 1_024,
            outcome_delay: scenario.bidders.outcome_delay,
            currency: scenario.advertisers.first().map_or(Currency::NONE, |spec| spec.currency),
        };
        let floor = Floor::open(&link, hall, staff);
        let start = scenario.window.start();
        let portfolio = Portfolio::new(&names);
        tasks.spawn(portfolio.clone().follow(link.clone(), name.clone(), clock.factor()));
        Ok(Self {
            name,
            seed: order.seed,
            names,
            link,
            clock,
            portfolio,
            floor,
            at: start,
            rounds_before: rounds(&status),
            verdicts_before,
            lag_max: Span::ZERO,
            tasks,
            scenario,
        })
    }

    /// What the advertiser and all names begin with.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What time it is in the market.
    pub(crate) fn now(&self) -> Timestamp {
        self.at
    }

    /// Share of the market that has been played.
    pub(crate) fn share(&self) -> f64 {
        let window = self.scenario.window;
        (self.at - window.start()).ratio_to(window.span())
    }

    /// Every campaign by name, as the service last told, and what it was billed by our own books.
    pub(crate) fn lines(
        &self,
    ) -> impl Iterator<Item = (&Name, Option<v1::CampaignSummary>, Nanos)> {
        let told = self.portfolio.lines();
        let tallies = &self.floor.books().tallies;
        self.names.iter().zip(tallies).enumerate().map(move |(index, (name, tally))| {
            (name, told.get(index).cloned().flatten(), tally.spent())
        })
    }

    /// Plays the market; whether it ended because the service is away.
    async fn run(&mut self, stop: &Stop, show: &mut dyn FnMut(&Self)) -> bool {
        let end = self.scenario.window.end();
        let mut auctions = Vec::new();
        let mut stands = Vec::new();
        let mut shown = Duration::ZERO;
        self.floor.hall().find_eligible(self.at);
        while self.at < end && !stop.is_asked() {
            let now = self.clock.now();
            let target = now.min(end);
            while self.at < target {
                let next = (self.at + STEP).min(target).min(minute_after(self.at));
                self.floor.hall().market.fill(self.at, next, &mut auctions);
                for auction in &auctions {
                    self.floor.attend(auction.at);
                    hall::hold(&mut self.floor, auction, &mut stands);
                }
                self.floor.attend(next);
                self.at = next;
                if next == minute_after(next + Span::from_micros(-1)) {
                    self.minute(next);
                }
                if self.clock.real().saturating_sub(shown) >= SHOW_EVERY {
                    shown = self.clock.real();
                    show(self);
                }
            }
            self.floor.tell(now);
            if self.clock.silence() > AWAY_MAX {
                return true;
            }
            if self.clock.real().saturating_sub(shown) >= SHOW_EVERY {
                shown = self.clock.real();
                show(self);
            }
            if now >= self.scenario.window.start() {
                self.lag_max = self.lag_max.max(self.clock.now() - self.at);
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    /// A whole minute of the market's time has passed.
    fn minute(&mut self, now: Timestamp) {
        let start = self.scenario.window.start();
        let lines = self.portfolio.lines();
        let hall = self.floor.hall();
        hall.find_eligible(now);
        for (campaign, line) in lines.iter().enumerate() {
            if let Some(line) = line {
                hall.minute(now, campaign, portfolio::view(line, start));
            }
        }
    }

    /// Waits for late billings, ends the clients, compares the books and makes the report.
    async fn close(mut self, stop: &Stop, is_away: bool) -> Ended {
        let end = self.scenario.window.end();
        let is_whole = self.at >= end;
        if is_whole {
            let mut now = self.clock.now();
            while now < end + DRAIN && !stop.is_urged() && self.clock.silence() < AWAY_MAX {
                self.floor.attend(now);
                self.floor.tell(now);
                tokio::time::sleep(PAUSE).await;
                now = self.clock.now();
            }
        }
        let deadline = if is_away { Duration::ZERO } else { CLOSE_MAX };
        let (hall, mut audit, clients) = self.floor.close(deadline).await;
        let mut notes = vec![format!("clients: {clients}")];
        if self.lag_max > LAG_TOLD {
            let lag = self.lag_max.as_seconds();
            notes.push(format!("the market ran up to {lag:.0} s behind the service's clock"));
        }
        let mut facts = RunFacts { auctions: hall.auctions, ..RunFacts::default() };
        if !is_away {
            let before = &self.verdicts_before;
            audit.extend(books::compare(&mut facts, before, &self.link, &hall, stop).await);
            if let Ok(status) = self.link.status(&self.clock).await {
                facts.ticks = rounds(&status).saturating_sub(self.rounds_before);
            }
        }
        if !is_whole
            && !is_away
            && let Err(error) = retire(&self.link, &self.name, &hall).await
        {
            notes.push(format!("the campaigns go on: {error:#}"));
        }
        self.tasks.shutdown().await;
        let report = books::report(&self.scenario, self.seed, &hall, facts, audit, is_whole);
        Ended { report, notes, is_whole, is_away }
    }
}

/// Rounds decided, of the partition that decided most: the one that the campaigns are in, or one in
/// step with it.
fn rounds(status: &v1::GetStatusResponse) -> u64 {
    let sequences = status.partitions.iter().filter_map(|one| one.generation.as_ref());
    sequences.map(|generation| generation.sequence).max().unwrap_or(0)
}

/// The end of the minute that holds `at`.
fn minute_after(at: Timestamp) -> Timestamp {
    let minute = Span::MINUTE.as_micros();
    Timestamp::from_micros((at.as_micros().div_euclid(minute) + 1) * minute)
}

/// Makes the market, early enough that it can begin on time.
async fn prepare(order: &Order, clock: &FollowedClock) -> anyhow::Result<Entry> {
    let mut real = LEAD_REAL;
    for _ in 0..LEAD_TRIES {
        let micros = i64::try_from(real.as_micros()).unwrap_or(i64::MAX);
        let lead = LEAD_LEAST.max(Span::from_micros(micros).times(clock.factor()));
        let start = minute_after(clock.now() + lead);
        let seconds = start.as_micros() / 1_000_000;
        let name = order.name.clone().unwrap_or_else(|| format!("drive-{seconds:x}"));
        let scenario = world::scenario(order, &name, start)?;
        let setup = setup::build(&scenario, None, order.seed)?;
        // Whoever follows the clock gets a turn, or it would seem to stand still.
        tokio::time::sleep(PAUSE).await;
        if clock.now() + READY_LEAST.times(clock.factor()) < start {
            let names = setup.specs.iter().map(|spec| spec.name.clone()).collect();
            return Ok(Entry { name, scenario, setup, names });
        }
        real *= 2;
    }
    bail!("--campaigns {}: this machine cannot make so large a market in time", order.campaigns)
}

/// Enters everything under names of its own.
async fn enter(link: &Link, entry: &Entry) -> anyhow::Result<()> {
    let mut shapes: BTreeMap<ShapeId, v1::PutShapeRequest> = BTreeMap::new();
    for input in &entry.setup.inputs {
        if let Input::Shape(change) = input {
            let shape_id = format!("{}-shape-{}", entry.name, shapes.len());
            let weights = change.weights.clone();
            shapes
                .insert(change.id, v1::PutShapeRequest { shape_id, weights, ..Default::default() });
        }
    }
    let advertiser =
        entry.scenario.advertisers.iter().find(|spec| spec.name.as_str() == entry.name);
    let advertiser = advertiser_message(advertiser.context("the market has no advertiser")?);
    let campaigns: Vec<v1::Campaign> = entry
        .setup
        .specs
        .iter()
        .map(|spec| {
            let shape = spec.shape.and_then(|id| shapes.get(&id));
            let names = CampaignNames {
                advertiser: entry.name.clone(),
                group: None,
                shape: shape.map(|shape| shape.shape_id.clone()),
                // Scenarios have no curves.
                curve: None,
            };
            campaign_message(spec, names)
        })
        .collect();
    link.enter(shapes.into_values().collect(), advertiser, &campaigns).await
}

/// Takes the campaigns of a drive that was cut short out of the table.
async fn retire(link: &Link, name: &str, hall: &Hall) -> anyhow::Result<()> {
    let archived = hall.specs.iter().map(|spec| {
        let spec = paceline_core::campaign::CampaignSpec {
            status: CampaignStatus::Archived,
            shape: None,
            terms: paceline_core::campaign::DeliveryTerms::default(),
            ..spec.clone()
        };
        let names = CampaignNames { advertiser: name.to_owned(), ..CampaignNames::default() };
        campaign_message(&spec, names)
    });
    let archived: Vec<v1::Campaign> = archived.collect();
    for page in archived.chunks(1_000) {
        link.apply(Vec::new(), page.to_vec()).await?;
    }
    Ok(())
}
