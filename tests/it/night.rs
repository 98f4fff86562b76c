//! The night: the service is killed under load, and what its bidders do without it stays within
//! what it had allowed; then it comes back, and nothing jumps.
//!
//! Five kills on the embedded store and one on Redis; `PACELINE_NIGHT_KILLS=20` makes it that many
//! on the embedded store, at eleven seconds each. The moments are drawn from a seed that is
//! printed; `PACELINE_NIGHT_SEED` repeats a night.

use crate::harness::{Service, Setup, StoreArm, until};
use crate::log;
use crate::market::{Bidder, FastClock, Order, Sale, Turn, VALUE, enter};
use paceline_core::engine::{Applied, Engine};
use paceline_core::hash::mix;
use paceline_core::input::Input;
use paceline_core::table::{EntryState, Lease, LeaseState, TableEntry};
use paceline_core::units::{CampaignId, Nanos, Span, Timestamp};
use paceline_proto::v1::PacingLaw;
use std::collections::BTreeMap;
use std::path::Path;

/// How much faster the night passes. Reports are retried within two seconds of the world, forty of
/// this one: well within the horizon that a new leader keeps money for.
const FACTOR: u32 = 20;
/// Kills of a night on the embedded store, unless told otherwise.
const KILLS: u64 = 5;
/// Two bidders, five auctions a second each, at a multiplier of 0.3: with λ²/2 of the value a win
/// costs on average, a day of that; the plan is done after 98.5 % of it.
const EVEN: i64 = 76_600_000;
/// Runs out of money within the night.
const TIGHT: i64 = 25_000_000;
const CAMPAIGNS: [&str; 4] = ["even-1", "even-2", "even-3", "tight"];
/// Auctions at a time in the tight loop.
const BURST: u64 = 200;
/// How far the clocks of two processes may be apart: a twentieth of it in the world.
const APART: Span = Span::from_secs(1);
/// The period of the service's rounds.
const TICK: Span = Span::from_secs(10);

fn told(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

fn orders() -> Vec<Order> {
    let order = |name: &&str| match *name {
        "tight" => Order { name: "tight".into(), budget_micros: TIGHT, law: PacingLaw::Asap },
        even => Order { name: even.into(), budget_micros: EVEN, law: PacingLaw::LogPid },
    };
    CAMPAIGNS.iter().map(order).collect()
}

/// What the engine knew when it died.
#[derive(Default)]
struct Death {
    outstanding: BTreeMap<CampaignId, Nanos>,
    posted: BTreeMap<CampaignId, Nanos>,
    /// Of the last two tables: bidders may not have seen the very last.
    leases: Vec<Lease>,
}

fn posted(engine: &Engine) -> BTreeMap<CampaignId, Nanos> {
    let sum = |overview: paceline_core::report::CampaignOverview<'_>| {
        (overview.spec.id, overview.totals.billed + overview.totals.in_flight)
    };
    engine.overviews().map(sum).collect()
}

fn outstanding(engine: &Engine) -> BTreeMap<CampaignId, Nanos> {
    engine.overviews().map(|overview| (overview.spec.id, overview.outstanding)).collect()
}

impl Death {
    fn of(path: &Path) -> Self {
        let mut death = Self::default();
        let mut last = None;
        log::fold(path, |engine, record| {
            let applied = engine.apply(record.at, &record.input);
            if let Applied::Ticked(tick) = &applied {
                death.leases.push(tick.delta.lease);
            }
            last = Some((outstanding(engine), posted(engine)));
            applied
        });
        (death.outstanding, death.posted) = last.unwrap();
        death.leases.drain(..death.leases.len().saturating_sub(2));
        death
    }
}

/// Figures of a night, printed at its end.
#[derive(Debug, Default)]
struct Figures {
    served_after_kills: Nanos,
    outstanding_at_kills: Nanos,
    most_used: f64,
    fresh_served: f64,
    fresh_planned: f64,
    fresh_least: f64,
    jump_most: f64,
    restarts: usize,
    served: Nanos,
}

fn sum(sales: &[Sale], campaign: CampaignId, from: Timestamp) -> Nanos {
    let of = sales.iter().filter(|sale| sale.campaign == campaign && sale.at >= from);
    of.map(|sale| sale.cost).sum()
}

fn everything(bidders: &[Bidder]) -> Vec<Sale> {
    bidders.iter().flat_map(Bidder::sales).collect()
}

async fn until_all(bidders: &[Bidder], state: LeaseState) {
    until(&format!("every lease is {state:?}"), async || {
        let is = |bidder: &Bidder| bidder.turns().last().is_some_and(|turn| turn.state == state);
        bidders.iter().all(is).then_some(())
    })
    .await;
}

/// One kill: what is served without the service, and when leases turn.
async fn kill(service: &mut Service, clock: &FastClock, bidders: &[Bidder], figures: &mut Figures) {
    let killed_at = clock.now();
    service.kill();
    let death = Death::of(&log::dump(service, "death.jsonl").await);
    until_all(bidders, LeaseState::Grace).await;
    bidders.iter().for_each(|bidder| bidder.burst(BURST));
    until_all(bidders, LeaseState::Safe).await;
    bidders.iter().for_each(|bidder| bidder.burst(0));
    let sales = everything(bidders);
    let mut total = (Nanos::ZERO, Nanos::ZERO);
    for (&campaign, &allowed) in &death.outstanding {
        let after = sum(&sales, campaign, killed_at);
        // What was served before and never told counts as well: the sharper bound.
        let untold = sum(&sales, campaign, Timestamp::MIN) - death.posted[&campaign];
        assert!(untold <= allowed, "{campaign}: {untold:?} untold, {allowed:?} allowed");
        assert!(after <= allowed, "{campaign}: {after:?} after the kill, {allowed:?} allowed");
        total = (total.0 + after, total.1 + allowed);
    }
    assert!(total.0 <= total.1);
    figures.served_after_kills += total.0;
    figures.outstanding_at_kills += total.1;
    figures.most_used = figures.most_used.max(total.0.as_f64() / total.1.as_f64());
    check_turns(bidders, &death);
    note_delivery(&sales, killed_at, &death, figures);
}

/// Every bidder saw Grace and Safe when the last table it can have had says so, as exactly as it
/// looked; sooner only by what its clock seemed behind the server's.
fn check_turns(bidders: &[Bidder], death: &Death) {
    for bidder in bidders {
        let turns = bidder.turns();
        let last = |state| turns.iter().rev().find(|turn: &&Turn| turn.state == state).unwrap();
        let (grace, safe) = (last(LeaseState::Grace), last(LeaseState::Safe));
        let early = TICK + bidder.widest_gap();
        let is_on_time = |turn: &Turn, due: &dyn Fn(&Lease) -> Timestamp| {
            let is = |due: Timestamp| turn.before < due && due - early <= turn.at;
            death.leases.iter().any(|lease| is(due(lease)))
        };
        let leases = &death.leases;
        assert!(is_on_time(grace, &|lease| lease.valid_until), "{grace:?} {leases:?}");
        assert!(is_on_time(safe, &|lease| lease.grace_until), "{safe:?} {leases:?}");
    }
}

/// What was served against the plan, from the kill to the end of the lease.
fn note_delivery(sales: &[Sale], killed_at: Timestamp, death: &Death, figures: &mut Figures) {
    let Some(lease) = death.leases.first() else { return };
    let (mut served, mut planned) = (0.0, 0.0);
    for campaign in CAMPAIGNS.iter().filter(|name| name.starts_with("even")) {
        let id = CampaignId::of(campaign);
        let fresh = sales.iter().filter(|sale| sale.campaign == id);
        let fresh = fresh.filter(|sale| sale.at >= killed_at && sale.at < lease.valid_until);
        served += fresh.map(|sale| sale.cost.as_f64()).sum::<f64>();
        let days = (lease.valid_until - killed_at).ratio_to(Span::DAY);
        planned += Nanos::new(EVEN * 1_000).as_f64() * days;
    }
    figures.fresh_served += served;
    figures.fresh_planned += planned;
    figures.fresh_least = figures.fresh_least.min(served / planned);
}

/// The whole log again, beside the bidders' own books: at every round whatever had been served and
/// not told was covered by allowances outstanding, no cap was passed, and no restart moved a
/// multiplier.
fn check_log(path: &Path, mut sales: Vec<Sale>, figures: &mut Figures) {
    sales.sort_by_key(|sale| sale.at);
    let mut sales = sales.into_iter().peekable();
    let mut served: BTreeMap<CampaignId, Nanos> = BTreeMap::new();
    let mut before_restart: Option<Vec<TableEntry>> = None;
    log::fold(path, |engine, record| {
        if matches!(record.input, Input::Lead(_)) && !engine.table().entries.is_empty() {
            before_restart = Some(engine.table().entries.clone());
        }
        if record.input == Input::Tick {
            while let Some(sale) = sales.next_if(|sale| sale.at + APART <= record.at) {
                *served.entry(sale.campaign).or_default() += sale.cost;
            }
            let (posted, outstanding) = (posted(engine), outstanding(engine));
            for (campaign, served) in &served {
                let untold = *served - posted[campaign];
                let held = outstanding[campaign];
                let generation = engine.table().generation;
                assert!(untold <= held, "{campaign} after {generation}: {untold:?} of {held:?}");
            }
        }
        let applied = engine.apply(record.at, &record.input);
        if let Applied::Ticked(_) = &applied {
            check_caps(engine);
            if let Some(before) = before_restart.take() {
                let jump = jump(&before, engine);
                figures.restarts += 1;
                figures.jump_most = figures.jump_most.max(jump);
                assert!(jump <= 0.05, "a restart moved a multiplier by {jump}");
            }
        }
        applied
    });
}

/// Spent, in flight and allowances outstanding stay under every cap.
fn check_caps(engine: &Engine) {
    for overview in engine.overviews() {
        let Some(account) = overview.flight else { continue };
        let drawn = account.spent + account.in_flight + account.outstanding;
        let cap = account.granted + account.adjusted;
        assert!(drawn <= cap, "{}: {drawn:?} of {cap:?}", overview.spec.name);
    }
}

/// The largest move of a multiplier of a campaign that runs.
fn jump(before: &[TableEntry], engine: &Engine) -> f64 {
    let moved = before.iter().filter(|entry| entry.state == EntryState::Run).map(|entry| {
        let now = engine.table().get(entry.campaign, entry.arm).unwrap();
        assert_ne!(now.state, EntryState::Safe, "an outage is not the producers' silence");
        if now.state != EntryState::Run {
            return 0.0;
        }
        (now.multiplier.ppm().as_f64() / entry.multiplier.ppm().as_f64()).ln().abs()
    });
    moved.fold(0.0, f64::max)
}

async fn night(arm: StoreArm, kills: u64) {
    let Some(setup) = Setup::of(arm).await else { return };
    let seed = told("PACELINE_NIGHT_SEED", u64::from(std::process::id()));
    eprintln!("a night on {arm:?} with {kills} kills: PACELINE_NIGHT_SEED={seed}");
    let clock = FastClock::new(FACTOR);
    let mut service = setup.with("clock.kind", &clock.setting()).start().await;
    enter(&service, &clock, &orders()).await;
    let bidders: Vec<Bidder> = ["bidder-1", "bidder-2"]
        .map(|name| Bidder::start(name, &service, &clock, &CAMPAIGNS))
        .into_iter()
        .collect();
    let mut figures = Figures { fresh_least: f64::INFINITY, ..Figures::default() };
    until_all(&bidders, LeaseState::Fresh).await;
    clock.pass(Span::from_mins(2)).await;
    for number in 0..kills {
        until_all(&bidders, LeaseState::Fresh).await;
        let more = i64::try_from(mix(seed ^ mix(number)) % 60_000).unwrap();
        clock.pass(Span::from_secs(45) + Span::from_millis(more)).await;
        kill(&mut service, &clock, &bidders, &mut figures).await;
        service.restart().await;
    }
    until_all(&bidders, LeaseState::Fresh).await;
    let mut sales = Vec::new();
    for bidder in bidders {
        sales.extend(bidder.stop().await);
    }
    // One more round, so that the log shows everything as posted.
    clock.pass(TICK.times(2)).await;
    assert!(service.stop().await.success(), "{}", service.log().join("\n"));
    let path = log::dump(&service, "night.jsonl").await;
    figures.served = sales.iter().map(|sale| sale.cost).sum();
    check_log(&path, sales.clone(), &mut figures);
    check_books(&path, &sales);
    eprintln!("{figures:#?}");
    assert!(figures.restarts >= usize::try_from(kills).unwrap(), "{}", figures.restarts);
    let delivery = figures.fresh_served / figures.fresh_planned;
    assert!(delivery >= 0.8, "{delivery} of the plan was served while leases were fresh");
}

/// Everything served is in the books, to the nano, and under its budget.
fn check_books(path: &Path, sales: &[Sale]) {
    let mut last = None;
    log::fold(path, |engine, record| {
        let applied = engine.apply(record.at, &record.input);
        last = Some(posted(engine));
        applied
    });
    for (campaign, posted) in last.unwrap() {
        assert_eq!(posted, sum(sales, campaign, Timestamp::MIN), "{campaign}");
    }
    let tight = sum(sales, CampaignId::of("tight"), Timestamp::MIN);
    assert!(tight <= Nanos::new(TIGHT * 1_000) && tight > Nanos::new(VALUE), "{tight:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bidders_of_a_dead_service_stay_within_their_allowances() {
    night(StoreArm::Embedded, told("PACELINE_NIGHT_KILLS", KILLS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bidders_of_a_dead_service_on_redis_stay_within_their_allowances() {
    night(StoreArm::Redis, 1).await;
}
