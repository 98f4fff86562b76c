//! Changes told once, sealed in order, bounded, and taken back.

use super::*;
use crate::audit::undo::{NotUndone, inverse};
use crate::audit::{Change, export};
use paceline_core::budget::{BudgetOwner, Budgets, Cap, Flight, Horizon};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    GroupSpec, LawChoice, RefundPolicy, ShadingTerms, SpendSource,
};
use paceline_core::engine::EngineConfig;
use paceline_core::input::{CatalogueChange, Decision, Input, ShapeChange};
use paceline_core::object::ObjectId;
use paceline_core::overrides::{Override, OverrideAction, OverrideChange};
use paceline_core::units::{
    AdvertiserId, CampaignId, Currency, GroupId, Name, Nanos, OverrideId, PacingMultiplier, Ppm,
    ShapeId, Span, Timestamp, Window, ZoneId,
};
use proptest::prelude::*;

const NOON: Timestamp = Timestamp::from_micros(1_796_126_400_000_000);

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

fn payer(cap: i64) -> AdvertiserSpec {
    let cap = Cap { horizon: Horizon::Day, amount: Nanos::from_units(cap) };
    AdvertiserSpec {
        id: AdvertiserId::of("north"),
        name: name("north"),
        currency: Currency::try_new("EUR").unwrap(),
        zone: ZoneId::of("UTC"),
        zone_name: name("UTC"),
        budgets: Budgets { flights: Vec::new(), caps: vec![cap] },
        holidays: Vec::new(),
    }
}

fn group(cap: i64) -> GroupSpec {
    let (id, budgets) = (GroupId::of("brand"), payer(cap).budgets);
    GroupSpec { id, name: name("brand"), advertiser: AdvertiserId::of("north"), budgets }
}

fn spring(budget: i64, law: LawChoice, status: CampaignStatus) -> CampaignSpec {
    let window = Window::try_new(NOON, NOON + Span::DAY.times(9)).unwrap();
    let flight = Flight { window, budget: Some(Nanos::from_units(budget)) };
    CampaignSpec {
        id: CampaignId::of("spring"),
        name: name("spring"),
        advertiser: AdvertiserId::of("north"),
        group: Some(GroupId::of("brand")),
        budgets: Budgets { flights: vec![flight], caps: Vec::new() },
        delivery: DeliveryMode::Even,
        terms: DeliveryTerms::default(),
        law,
        billing: BillingEvent::Impression,
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Hold,
        shading: ShadingTerms::default(),
        multiplier_max: PacingMultiplier::ONE,
        value_cap: None,
        returns: None,
        shape: Some(ShapeId::of("web")),
        status,
    }
}

fn web(weight: u32) -> ShapeChange {
    let weights = [vec![weight; 24], vec![1; 144]].concat();
    ShapeChange { id: ShapeId::of("web"), name: Some(name("web")), weights }
}

fn hand(request: &str, ppm: u32, minutes: i64) -> Input {
    let multiplier = PacingMultiplier::try_new(Ppm::new(ppm)).unwrap();
    Input::Override(OverrideChange::Set(Override {
        id: OverrideId::of(request),
        target: BudgetOwner::Campaign(CampaignId::of("spring")),
        action: OverrideAction::Cap { multiplier },
        reason: "a test".to_owned(),
        author: "anna".to_owned(),
        set_at: NOON,
        expires_at: NOON + Span::from_mins(minutes),
    }))
}

fn decided(input: Input) -> Input {
    Input::Decided(Decision {
        author: "anna".to_owned(),
        reason: "a test".to_owned(),
        request_id: "r-1".to_owned(),
        expected: Vec::new(),
        undoes: None,
        input: Box::new(input),
    })
}

struct World {
    engine: Engine,
    trail: Trail,
    log: Vec<Stamped>,
}

impl World {
    fn new() -> Self {
        let engine = Engine::new(EngineConfig::default());
        let mut world = Self { engine, trail: Trail::default(), log: Vec::new() };
        let _ = world.say(decided(Input::Catalogue(CatalogueChange {
            shapes: vec![web(4)],
            advertisers: vec![payer(500)],
            groups: vec![group(50)],
            campaigns: vec![spring(100, LawChoice::LogPid, CampaignStatus::Active)],
        })));
        world
    }

    fn say(&mut self, input: Input) -> Applied {
        let record = Stamped { at: NOON, input };
        let answer = self.trail.apply(&mut self.engine, &record);
        self.log.push(record);
        answer
    }

    fn last(&self) -> &Record {
        &self.trail.iter().next_back().unwrap().record
    }

    /// Takes a record back, as the service does.
    fn undo(&mut self, number: u64, is_forced: bool) -> Result<(), NotUndone> {
        let record = &self.trail.get(number).unwrap().record;
        let inverse = inverse(&self.engine, record, is_forced)?;
        let answer = self.say(Input::Decided(Decision {
            author: "bert".to_owned(),
            reason: "back".to_owned(),
            request_id: "u".to_owned(),
            expected: inverse.expected,
            undoes: Some(number),
            input: Box::new(inverse.input),
        }));
        assert_eq!(answer, Applied::Done);
        Ok(())
    }
}

fn edits() -> impl Strategy<Value = Input> {
    let law = prop::sample::select(vec![LawChoice::LogPid, LawChoice::PassThrough]);
    let status = prop::sample::select(vec![CampaignStatus::Active, CampaignStatus::Paused]);
    prop_oneof![
        (1..5_i64, law, status)
            .prop_map(|(budget, law, status)| Input::Campaign(spring(budget, law, status))),
        (1..5_i64).prop_map(|cap| Input::Advertiser(payer(cap))),
        (1..5_i64).prop_map(|cap| Input::Group(group(cap))),
        (1..5_u32).prop_map(|weight| Input::Shape(web(weight))),
        (1..4_u32, 1..9_i64).prop_map(|(ppm, minutes)| hand(&format!("h{ppm}"), ppm, minutes)),
        Just(Input::Override(OverrideChange::Clear {
            id: OverrideId::of("h1"),
            author: "anna".to_owned()
        })),
        Just(Input::Tick),
    ]
}

/// Everything that people configure.
fn configured(engine: &Engine) -> String {
    let objects = [
        ObjectId::Shape(ShapeId::of("web")),
        ObjectId::Advertiser(AdvertiserId::of("north")),
        ObjectId::Group(GroupId::of("brand")),
        ObjectId::Campaign(CampaignId::of("spring")),
    ];
    let objects = objects.map(|id| super::super::watch::configured(engine, id));
    format!("{objects:?} {:?}", engine.overrides())
}

proptest! {
    #[test]
    fn every_change_has_one_record_and_nothing_else_has(
        inputs in prop::collection::vec(edits(), 1..40),
    ) {
        let mut world = World::new();
        prop_assert_eq!(world.trail.iter().len(), 4, "shape, payer, group, campaign");
        for input in inputs {
            let (before, count) = (configured(&world.engine), world.trail.iter().len());
            let _ = world.say(decided(input));
            let is_changed = configured(&world.engine) != before;
            prop_assert_eq!(world.trail.iter().len() - count, usize::from(is_changed));
        }
        prop_assert_eq!(world.trail.verify(), Ok(()));
    }

    #[test]
    fn an_undo_brings_everything_back_exactly_and_is_one_record(
        inputs in prop::collection::vec(edits(), 1..20),
    ) {
        let mut world = World::new();
        for input in inputs {
            let (before, count) = (configured(&world.engine), world.trail.iter().len());
            let _ = world.say(decided(input));
            if world.trail.iter().len() == count {
                continue;
            }
            let (made, after) = (world.last().clone(), configured(&world.engine));
            prop_assert_eq!(world.undo(made.number, false), Ok(()));
            prop_assert_eq!(configured(&world.engine), before);
            prop_assert_eq!(world.trail.iter().len(), count + 2);
            prop_assert_eq!(world.last().undoes, Some(made.number));
            prop_assert_eq!(&world.last().after, &made.before);
            // And an undo is a change like any: it can be undone.
            let undo = world.last().number;
            prop_assert_eq!(world.undo(undo, false), Ok(()));
            prop_assert_eq!(configured(&world.engine), after);
        }
    }

    #[test]
    fn the_trail_is_a_fold_of_the_log_and_a_copy_of_it_goes_on_alike(
        inputs in prop::collection::vec(edits(), 1..30), at in 0..30_usize,
    ) {
        let mut world = World::new();
        for input in inputs {
            let _ = world.say(decided(input));
        }
        let mut other = World::new();
        for (place, record) in world.log.iter().enumerate().skip(1) {
            if place == at {
                // A checkpoint, and another life.
                let bytes = postcard::to_allocvec(&other.trail).unwrap();
                other.trail = postcard::from_bytes(&bytes).unwrap();
            }
            let _ = other.trail.apply(&mut other.engine, record);
        }
        prop_assert_eq!(&other.trail, &world.trail);
    }

    #[test]
    fn a_flipped_byte_in_the_stored_trail_is_found(place: prop::sample::Index, bit in 0..8_u8) {
        let mut world = World::new();
        let _ = world.say(decided(hand("h", 5, 5)));
        let mut bytes = postcard::to_allocvec(&world.trail).unwrap();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let read = postcard::from_bytes::<Trail>(&bytes);
        let is_found = read.map_or(true, |trail| {
            // How many bytes it counts is no part of what is told.
            trail.verify().is_err()
                || (trail.iter().eq(world.trail.iter()) && trail.bytes != world.trail.bytes)
        });
        prop_assert!(is_found, "byte {} bit {}", at, bit);
    }
}

#[test]
fn a_record_tells_who_why_what_and_to_what() {
    let mut world = World::new();
    let _ =
        world.say(decided(Input::Campaign(spring(200, LawChoice::LogPid, CampaignStatus::Active))));
    let record = world.last();
    assert_eq!((record.author.as_str(), record.reason.as_str()), ("anna", "a test"));
    assert_eq!((record.change, record.generation), (Change::Edited, 2));
    assert_eq!((record.object.kind.as_str(), record.object.id.as_str()), ("campaign", "spring"));
    let found =
        crate::audit::difference::between(record.before.as_deref(), record.after.as_deref());
    let told: Vec<_> = found.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(told, ["budgets.flights[0].budget"]);
    let text = export::Stretch {
        partition: 0,
        before: world.trail.before(),
        first: 1,
        sealed: world.trail.iter().cloned().collect(),
    };
    let stretches = vec![text];
    assert_eq!(export::verify(&export::to_text(&stretches)), Ok(stretches));
}

#[test]
fn a_request_that_comes_twice_leaves_one_record() {
    let mut world = World::new();
    let _ = world.say(decided(hand("h", 300_000, 10)));
    let count = world.trail.iter().len();
    let Input::Override(OverrideChange::Set(again)) = hand("h", 300_000, 10) else { panic!() };
    let again = Override { set_at: NOON + Span::MINUTE, ..again };
    let _ = world.say(decided(Input::Override(OverrideChange::Set(again))));
    assert_eq!(world.trail.iter().len(), count);
}

#[test]
fn what_was_changed_since_or_made_is_not_undone_by_accident() {
    let mut world = World::new();
    let edit = |budget| {
        decided(Input::Campaign(spring(budget, LawChoice::LogPid, CampaignStatus::Active)))
    };
    let _ = world.say(edit(200));
    let first = world.last().number;
    let _ = world.say(edit(300));
    let told = world.undo(first, false).unwrap_err().to_string();
    assert!(told.starts_with("campaign spring has changed since"), "{told}");
    world.undo(first, true).unwrap();
    let held = world.engine.campaign(CampaignId::of("spring")).unwrap();
    assert_eq!(held.budgets.flights[0].budget, Some(Nanos::from_units(100)));
    assert!(matches!(world.undo(4, true), Err(NotUndone::Made { .. })));
}

#[test]
fn old_records_go_and_the_chain_holds_on() {
    let mut world = World::new();
    let count = 30;
    for number in 0..count {
        let input = Input::Campaign(spring(number + 1, LawChoice::LogPid, CampaignStatus::Active));
        let _ = world.say(decided(input));
    }
    let mut short = world.trail.clone();
    let dropped = short.sealed.pop_front().unwrap();
    short.before = dropped.seal;
    assert_eq!(short.verify(), Ok(()));
    assert_eq!(short.get(dropped.record.number), None);
    assert_eq!(short.get(7).unwrap().record.number, 7);
    short.sealed.remove(3);
    assert!(short.verify().is_err(), "one is missing: numbers do not follow");
}
