//! The loop closed in the small: an engine, and a market that spends in proportion to λ^1.5.

mod bidders;
mod decisions;
mod feasibility;
mod foresight;
mod learn;
mod members;
mod minimum;
mod orders;
mod outcomes;
mod past;
mod returns;
mod silence;
mod terms;
mod told;
mod watch;
mod why;

use super::*;
use crate::budget::{Budgets, Cap, Flight, Horizon};
use crate::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    LawChoice, RefundPolicy, ShadingTerms, SpendSource,
};
use crate::days::tests::plain_days;
use crate::event::{OpportunityCount, SpendEvent, SpendKind};
use crate::input::{AllowanceDraw, CatalogueChange, CounterAcceptance};
use crate::overrides::{Override, OverrideAction};
use crate::report::Reason;
use crate::table::EntryState;
use crate::units::{
    AdvertiserId, ArmId, Currency, GroupId, Name, Nanos, OverrideId, PacingMultiplier, Ppb, Ppm,
    Results, SegmentId, Window, ZoneId,
};
use std::collections::{BTreeMap, BTreeSet};

const UTC: ZoneId = ZoneId::of("UTC");
const PRODUCER: ProducerId = ProducerId::of("bidder-1");
const BIDDER: BidderId = BidderId::from_key(PRODUCER.key());

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(Span::from_secs(seconds).as_micros())
}

fn name(name: &str) -> Name {
    Name::try_new(name).unwrap()
}

fn multiplier(ppm: u32) -> PacingMultiplier {
    PacingMultiplier::try_new(Ppm::new(ppm)).unwrap()
}

fn advertiser(budgets: Budgets) -> Input {
    Input::Advertiser(AdvertiserSpec {
        id: AdvertiserId::of("a"),
        name: name("a"),
        currency: Currency::NONE,
        zone: UTC,
        zone_name: name("UTC"),
        budgets,
        holidays: Vec::new(),
    })
}

fn campaign(id: &str, days: i64, budget: i64) -> CampaignSpec {
    CampaignSpec {
        id: CampaignId::of(id),
        name: name(id),
        advertiser: AdvertiserId::of("a"),
        group: None,
        budgets: Budgets {
            flights: vec![Flight {
                window: Window::try_new(at(0), at(days * 86_400)).unwrap(),
                budget: Some(Nanos::from_units(budget)),
            }],
            caps: Vec::new(),
        },
        delivery: DeliveryMode::Even,
        terms: DeliveryTerms::default(),
        law: LawChoice::LogPid,
        billing: BillingEvent::Impression,
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Hold,
        shading: ShadingTerms::default(),
        multiplier_max: PacingMultiplier::ONE,
        value_cap: None,
        returns: None,
        shape: None,
        status: CampaignStatus::Active,
    }
}

/// An engine, the log of what it was told, and a market for each campaign.
struct World {
    engine: Engine,
    log: Vec<(Timestamp, Input)>,
    digests: Vec<Digest>,
    now: Timestamp,
    sequence: u64,
    /// Nanos a minute at full speed.
    market: BTreeMap<CampaignId, f64>,
    owed: BTreeMap<CampaignId, f64>,
}

impl World {
    fn new(budgets: Budgets, campaigns: &[(CampaignSpec, f64)]) -> Self {
        let mut world = Self {
            engine: Engine::new(EngineConfig::default()),
            log: Vec::new(),
            digests: Vec::new(),
            now: at(0),
            sequence: 0,
            market: BTreeMap::new(),
            owed: BTreeMap::new(),
        };
        world.say(Input::Calendar(plain_days(UTC, 60)));
        world.say(advertiser(budgets));
        for (spec, rate) in campaigns {
            world.say(Input::Campaign(spec.clone()));
            world.market.insert(spec.id, *rate);
        }
        world
    }

    fn say(&mut self, input: Input) {
        let applied = self.engine.apply(self.now, &input);
        assert!(!matches!(applied, Applied::Refused(_)), "{applied:?}");
        if let Applied::Ticked(tick) = applied {
            self.digests.push(tick.digest);
        }
        self.log.push((self.now, input));
    }

    fn entry(&self, id: &str) -> crate::table::TableEntry {
        *self.engine.table().get(CampaignId::of(id), ArmId(0)).unwrap()
    }

    /// A minute of six ticks: the market spends by the table, reports, and the engine decides.
    fn minute(&mut self) {
        for _ in 0..6 {
            self.say(Input::Tick);
            self.now += Span::from_secs(10);
            let events = self.spend();
            self.say(Input::Spend(SpendBatch {
                producer: Some(PRODUCER),
                reported_through: Some(self.now),
                events,
            }));
        }
    }

    fn spend(&mut self) -> Vec<SpendEvent> {
        let mut events = Vec::new();
        for (&campaign, &rate) in &self.market {
            let Some(entry) = self.engine.table().get(campaign, ArmId(0)) else { continue };
            if !matches!(entry.state, EntryState::Run | EntryState::Safe) {
                continue;
            }
            let multiplier = entry.multiplier.ppm().as_f64();
            let speed = multiplier * multiplier.sqrt() * entry.participation.ppm().as_f64();
            let owed = self.owed.entry(campaign).or_default();
            *owed += rate / 6.0 * speed;
            if *owed < 1.0 {
                continue;
            }
            self.sequence += 1;
            events.push(SpendEvent {
                event_id: EventId::from_key(self.sequence),
                sequence: Some(self.sequence),
                campaign,
                arm: ArmId(0),
                kind: SpendKind::Billing,
                win_id: None,
                price: Nanos::floor_from(*owed),
                bill_probability: Ppb::ONE,
                expected_results: Results::ZERO,
                served_at: None,
                occurred_at: self.now - Span::from_secs(5),
            });
            *owed = 0.0;
        }
        events
    }

    fn minutes(&mut self, minutes: i64) {
        for _ in 0..minutes {
            self.minute();
        }
    }

    fn spent(&self, id: &str) -> f64 {
        let (_, owners) = self.engine.slots(CampaignId::of(id)).unwrap();
        self.engine.ledger().book(owners[0]).totals().billed.as_f64() / 1e9
    }
}

/// Full speed would spend a day's budget of 100 three times.
fn one_day() -> World {
    World::new(Budgets::default(), &[(campaign("c", 1, 100), 300e9 / 1_440.0)])
}

#[test]
fn a_day_is_spent_in_full_and_no_further() {
    let mut world = one_day();
    world.minutes(720);
    let half = world.spent("c");
    assert!((45.0..55.0).contains(&half), "half of the plan at noon: {half}");
    world.minutes(720);
    let spent = world.spent("c");
    assert!((99.0..=100.05).contains(&spent), "{spent}");
    world.minutes(2);
    assert_eq!(world.entry("c").state, EntryState::Paused);
}

#[test]
fn a_campaign_takes_the_least_of_its_owners_and_the_idle_law_does_not_wind_up() {
    // The advertiser may spend 50 a day; its two campaigns want 100 each.
    let budgets = Budgets {
        flights: Vec::new(),
        caps: vec![Cap { horizon: Horizon::Day, amount: Nanos::from_units(50) }],
    };
    let specs =
        [(campaign("c", 1, 100), 300e9 / 1_440.0), (campaign("d", 1, 100), 300e9 / 1_440.0)];
    let mut world = World::new(budgets, &specs);
    world.minutes(1_439);
    let spent = world.spent("c") + world.spent("d");
    assert!((48.5..=50.1).contains(&spent), "{spent}");
    let explained = world.engine.explain(CampaignId::of("c")).unwrap();
    assert_eq!(explained.binding, Some(BudgetOwner::Advertiser(AdvertiserId::of("a"))));
    let own = explained.owners[0].x.unwrap();
    let applied = explained.owners[1].x.unwrap();
    assert!(own < applied + 2.0, "the idle law stays near what is applied: {own} {applied}");
}

#[test]
fn silence_raises_nothing_and_ends_at_safe_values() {
    let mut world = one_day();
    world.minutes(600);
    let before = world.entry("c").multiplier;
    for _ in 0..120 {
        world.say(Input::Tick);
        assert!(world.entry("c").multiplier <= before);
        world.now += Span::from_secs(10);
    }
    assert_eq!(world.entry("c").state, EntryState::Safe);
    assert_eq!(world.engine.explain(CampaignId::of("c")).unwrap().reason, Reason::Blind);
}

fn hand(world: &World, action: OverrideAction, minutes: i64) -> Input {
    Input::Override(OverrideChange::Set(Override {
        id: OverrideId::from_key(1),
        target: BudgetOwner::Campaign(CampaignId::of("c")),
        action,
        reason: "a test".to_owned(),
        author: "us".to_owned(),
        set_at: world.now,
        expires_at: world.now + Span::from_mins(minutes),
    }))
}

#[test]
fn hands_act_at_the_next_tick_end_by_themselves_and_let_go_without_a_jolt() {
    let fixed = OverrideAction::Fix { multiplier: multiplier(350_000), participation: None };
    let cap = OverrideAction::Cap { multiplier: multiplier(300_000) };
    for action in [OverrideAction::Pause, OverrideAction::Freeze, fixed, cap] {
        let mut world = one_day();
        world.minutes(600);
        let law = world.entry("c").multiplier;
        world.say(hand(&world, action, 20));
        world.say(Input::Tick);
        let held = world.entry("c");
        match action {
            OverrideAction::Pause => assert_eq!(held.state, EntryState::Paused),
            OverrideAction::Freeze => assert_eq!(held.multiplier, law),
            OverrideAction::Fix { multiplier, .. } => assert_eq!(held.multiplier, multiplier),
            OverrideAction::Cap { multiplier } => assert!(held.multiplier <= multiplier),
        }
        world.minutes(20);
        let released = world.entry("c").multiplier.ppm().as_f64();
        for _ in 0..10 {
            world.minute();
            assert_eq!(world.entry("c").state, EntryState::Run);
            let moved = libm::log(world.entry("c").multiplier.ppm().as_f64() / released);
            assert!(moved.abs() <= 0.05, "{action:?} moved by {moved}");
        }
    }
}

#[test]
fn an_edit_moves_the_multiplier_towards_the_new_rate_without_a_jump() {
    let mut world = one_day();
    world.minutes(600);
    let before = libm::log(world.entry("c").multiplier.ppm().as_f64());
    let left = 100.0 - world.spent("c");
    let mut spec = campaign("c", 1, 100);
    spec.budgets.flights[0].budget = Some(Nanos::from_units(100 + 40));
    world.say(Input::Campaign(spec));
    let goal = libm::log((left + 40.0) / left) / 1.5;
    let mut last = before;
    for _ in 0..120 {
        world.minute();
        let x = libm::log(world.entry("c").multiplier.ppm().as_f64());
        assert!((x - last).abs() <= 0.2501, "a minute's move: {}", x - last);
        assert!(x - before <= goal * 1.2, "past the goal by more than a fifth: {}", x - before);
        last = x;
    }
    assert!(last - before > goal * 0.8, "reached {} of {goal}", last - before);
}

#[test]
fn a_log_replayed_gives_the_same_digests_also_from_a_snapshot_in_the_middle() {
    let mut world = one_day();
    world.say(Input::Bidder(BidderChange::Joined {
        bidder: BIDDER,
        holds: None,
        held: Vec::new(),
    }));
    world.minutes(60);
    world.say(hand(&world, OverrideAction::Freeze, 5));
    let price = Nanos::new(400_000_000);
    world.say(Input::Draw(AllowanceDraw { bidder: BIDDER, campaign: CampaignId::of("c"), price }));
    let middle = (world.log.len(), world.digests.len());
    let before = world.engine.state().clone();
    let snapshot = serde_json::to_string(&before).unwrap();
    world.minutes(60);
    let mut engine: Engine = Engine::new(EngineConfig::default());
    let replay = |engine: &mut Engine, from: usize| -> Vec<Digest> {
        let mut digests = Vec::new();
        for (now, input) in &world.log[from..] {
            if let Applied::Ticked(tick) = engine.apply(*now, input) {
                digests.push(tick.digest);
            }
        }
        digests
    };
    assert_eq!(replay(&mut engine, 0), world.digests);
    let state = serde_json::from_str(&snapshot).unwrap();
    assert_eq!(state, before, "text holds every bit");
    let mut restored = Engine::restore(EngineConfig::default(), state);
    assert_eq!(replay(&mut restored, middle.0), world.digests[middle.1..]);
}

#[test]
fn allowances_never_promise_more_than_is_there() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 1, 1), 0.0)]);
    world.say(Input::Bidder(BidderChange::Joined {
        bidder: BIDDER,
        holds: None,
        held: Vec::new(),
    }));
    world.minutes(1);
    let draw = AllowanceDraw {
        bidder: BIDDER,
        campaign: CampaignId::of("c"),
        price: Nanos::new(400_000_000),
    };
    let second = AllowanceDraw { bidder: BidderId::from_key(2), ..draw };
    world.say(Input::Bidder(BidderChange::Joined {
        bidder: second.bidder,
        holds: None,
        held: Vec::new(),
    }));
    let granted = |world: &mut World, draw: AllowanceDraw| match world
        .engine
        .apply(world.now, &Input::Draw(draw))
    {
        Applied::Granted(allowance) => allowance.map(|held| held.granted_total),
        other => panic!("{other:?}"),
    };
    assert_eq!(granted(&mut world, draw), Some(draw.price));
    assert_eq!(granted(&mut world, second), Some(draw.price));
    let third = AllowanceDraw { bidder: BidderId::from_key(3), ..draw };
    assert_eq!(granted(&mut world, third), None, "a stranger gets nothing");
    world.say(Input::Bidder(BidderChange::Joined {
        bidder: third.bidder,
        holds: None,
        held: Vec::new(),
    }));
    assert_eq!(granted(&mut world, third), None, "0.2 is left, 0.4 is asked");
    let (_, owners) = world.engine.slots(CampaignId::of("c")).unwrap();
    let account = &world.engine.ledger().book(owners[0]).accounts()[0];
    assert_eq!(account.outstanding, Nanos::new(800_000_000));
}

#[test]
fn what_an_outage_took_is_forgone_and_spread_anew() {
    let mut world = one_day();
    let asked = |world: &mut World, asks| {
        let count = OpportunityCount {
            campaign: CampaignId::of("c"),
            segment: SegmentId::of("all"),
            arm: ArmId(0),
            asks,
            bids: asks,
            below_floor: 0,
            wins: 0,
        };
        let (producer, sequence) = (Some(PRODUCER), None);
        let (reported_through, counts) = (world.now, vec![count]);
        let batch = OpportunityBatch { producer, sequence, reported_through, counts };
        world.say(Input::Opportunities(batch));
        world.minute();
    };
    for _ in 0..480 {
        asked(&mut world, 100);
    }
    let before = world.entry("c").multiplier.ppm().as_f64();
    let rate = std::mem::take(&mut world.market);
    let mut forgone = Nanos::ZERO;
    for _ in 0..240 {
        asked(&mut world, 0);
        let told = world.engine.explain(CampaignId::of("c")).unwrap();
        let plan = told.owners[0].plan.unwrap();
        forgone = forgone.max(plan.forgone);
        let behind = (plan.planned - plan.measured).ratio_to(plan.day_budget);
        assert!(behind < 0.01, "an outage reads as being behind: {behind}");
    }
    assert!(forgone > Nanos::ZERO, "five minutes of it stand before the plan is made anew");
    let after = world.entry("c").multiplier.ppm().as_f64();
    assert!((0.9..1.25).contains(&(after / before)), "from {before} to {after}");
    world.market = rate;
    for _ in 0..720 {
        asked(&mut world, 100);
    }
    assert!((99.0..=100.05).contains(&world.spent("c")), "{}", world.spent("c"));
}

#[test]
fn a_plan_that_is_done_holds_nothing_back() {
    let mut world = one_day();
    world.minutes(1_390);
    let rate = std::mem::take(&mut world.market);
    world.minutes(35);
    world.market = rate;
    for _ in 0..14 {
        world.minute();
        let told = world.engine.explain(CampaignId::of("c")).unwrap();
        assert!((told.owners[0].brake - 1.0).abs() < 1e-12, "{:?}", told.owners[0]);
    }
    assert!((99.0..=100.05).contains(&world.spent("c")), "{}", world.spent("c"));
}

#[test]
fn a_plan_of_few_events_is_done_earlier() {
    let most = Ppm::new(985_000);
    for (events, share) in [(1_000.0, 985_000), (100.0, 960_000), (30.0, 866_666), (4.0, 850_000)] {
        assert_eq!(reading::finish(most, events), Ppm::new(share), "{events} events");
    }
}

#[test]
fn a_fixed_multiplier_leaves_the_participation_where_it_was() {
    let mut world = one_day();
    world.minutes(600);
    let before = world.entry("c").participation;
    // Below the least multiplier of a law, which therefore lowers its own participation.
    let tiny = OverrideAction::Fix { multiplier: multiplier(500), participation: None };
    world.say(hand(&world, tiny, 20));
    world.minutes(5);
    let held = world.entry("c");
    assert_eq!((held.multiplier, held.participation), (multiplier(500), before));
}

#[test]
fn a_counter_is_accepted_only_where_there_is_one() {
    let mut world = one_day();
    let campaign = CampaignId::of("c");
    let taken =
        CounterAcceptance { campaign, reason: "a test".to_owned(), author: "us".to_owned() };
    let Applied::Refused(complaints) = world.engine.apply(at(0), &Input::CounterAccept(taken))
    else {
        panic!("taken in");
    };
    assert!(complaints[0].rule.contains("by events"), "{complaints:?}");
}

#[test]
fn a_specification_that_breaks_a_rule_changes_nothing() {
    let mut world = one_day();
    let mut renamed = campaign("c", 1, 100);
    renamed.group = Some(GroupId::of("nobody"));
    renamed.multiplier_max = multiplier(0);
    let before = world.engine.state().clone();
    let Applied::Refused(complaints) = world.engine.apply(at(0), &Input::Campaign(renamed)) else {
        panic!("taken in");
    };
    let fields: Vec<&str> = complaints.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["multiplier_max", "group", "group"]);
    let change = CatalogueChange {
        campaigns: vec![campaign("d", 1, 1), campaign("e", 1, 0)],
        ..CatalogueChange::default()
    };
    let Applied::Refused(complaints) = world.engine.apply(at(0), &Input::Catalogue(change)) else {
        panic!("taken in");
    };
    assert_eq!(complaints[0].field, "campaigns[1].flights[0].budget");
    assert_eq!(*world.engine.state(), before);
}
