//! Why campaigns are where they are, and what edits would do: asked of a running engine, which goes
//! on as if nobody had asked.

use super::*;
use crate::diagnosis::{CauseKind, Edit};
use crate::event::OpportunityCount;

/// Two days: one campaign can spend a third of its budget, the other three times its.
fn world() -> World {
    let (scarce, plenty) = (campaign("scarce", 2, 300), campaign("plenty", 2, 300));
    let rate = |units: f64| units * 1e9 / 2_880.0;
    let mut world = World::new(Budgets::default(), &[(scarce, rate(100.0)), (plenty, rate(900.0))]);
    world.minutes(720);
    world
}

/// Minutes in which every campaign tells what it was asked, of which it won such a share.
fn told_minutes(world: &mut World, minutes: i64, won: f64) {
    for _ in 0..minutes {
        world.minute();
        let ids: Vec<CampaignId> = world.market.keys().copied().collect();
        let counts = ids.into_iter().map(|campaign| {
            let wins = Nanos::floor_from(1_000.0 * won).get().unsigned_abs();
            let (segment, arm) = (SegmentId::of("all"), ArmId(0));
            OpportunityCount {
                campaign,
                segment,
                arm,
                asks: 1_000,
                bids: 1_000,
                below_floor: 0,
                wins,
            }
        });
        let counts = counts.collect();
        world.say(Input::Opportunities(OpportunityBatch {
            producer: Some(PRODUCER),
            sequence: None,
            reported_through: world.now,
            counts,
        }));
    }
}

fn first(world: &World, id: &str) -> CauseKind {
    let id = CampaignId::of(id);
    let kind = world.engine.diagnose(id).unwrap().first().unwrap().kind;
    assert_eq!(world.engine.first_cause(id), Some(kind), "asked for alone it is the same");
    kind
}

fn hand(world: &World, id: &str, action: OverrideAction, hours: i64) -> Input {
    Input::Override(OverrideChange::Set(Override {
        id: OverrideId::from_key(9),
        target: BudgetOwner::Campaign(CampaignId::of(id)),
        action,
        reason: "a test".to_owned(),
        author: "a test".to_owned(),
        set_at: world.now,
        expires_at: world.now + Span::HOUR.times(hours),
    }))
}

/// Middle of what is foreseen of a day ahead, before and after edits, in units.
fn day_ahead(world: &World, id: &str, edits: &[Input]) -> (f64, f64) {
    let told = world.engine.preview(edits).unwrap();
    let one = told.campaigns.iter().find(|one| one.campaign == CampaignId::of(id)).unwrap();
    let day =
        |course: &crate::preview::Bearing| course.over(Horizon::Day).unwrap().middle.as_f64() / 1e9;
    (day(one.before.as_ref().unwrap()), day(&one.after))
}

#[test]
fn what_the_market_gives_and_what_is_on_plan_are_told_apart() {
    let mut world = world();
    assert_eq!(first(&world, "plenty"), CauseKind::OnPlan);
    assert!(world.engine.diagnose(CampaignId::of("plenty")).unwrap().is_healthy());
    assert_eq!(first(&world, "scarce"), CauseKind::SupplyLimited, "nobody told of asks");
    told_minutes(&mut world, 240, 0.1);
    assert_eq!(first(&world, "scarce"), CauseKind::BidLimited);
    let told = world.engine.diagnose(CampaignId::of("scarce")).unwrap();
    let cause = told.first().unwrap();
    assert!(matches!(cause.edit, Some(Edit::MultiplierMax { .. })), "{cause:?}");
    let effect = cause.effect.unwrap();
    assert!(effect.with.middle > effect.without.middle && effect.is_beyond, "{effect:?}");
    let scarce = CampaignId::of("scarce");
    let copy = world.engine.for_diagnosis(scarce).unwrap();
    assert_eq!(copy.diagnose(scarce).unwrap(), told, "a copy says the same");
    assert!(world.engine.for_diagnosis(CampaignId::of("plenty")).is_none(), "nothing to try");
    assert!(world.engine.diagnose(CampaignId::of("nobody")).is_none());
}

#[test]
fn a_pause_is_an_override_and_its_release_is_worth_a_day() {
    let mut world = world();
    let pause = hand(&world, "plenty", OverrideAction::Pause, 48);
    world.say(pause);
    world.minutes(10);
    assert_eq!(first(&world, "plenty"), CauseKind::Override);
    let plenty = CampaignId::of("plenty");
    let told = world.engine.diagnose(plenty).unwrap();
    let copy = world.engine.for_diagnosis(plenty).unwrap();
    assert_eq!(copy.diagnose(plenty).unwrap(), told, "a copy says the same");
    let cause = told.first().unwrap();
    assert_eq!(cause.edit, Some(Edit::Release { hand: OverrideId::from_key(9) }));
    let effect = cause.effect.unwrap();
    assert_eq!(effect.without.middle, Nanos::ZERO);
    assert!(effect.with.middle > Nanos::from_units(100), "{effect:?}");
}

#[test]
fn to_ask_what_an_edit_would_do_changes_nothing() {
    let world = world();
    let before = world.engine.state().clone();
    let mut spec = campaign("plenty", 2, 300);
    spec.budgets.flights[0].budget = Some(Nanos::from_units(200));
    let (without, with) = day_ahead(&world, "plenty", &[Input::Campaign(spec)]);
    assert!((without - 150.0).abs() < 10.0, "half of the rest of 225 is due in a day: {without}");
    assert!((with - 84.0).abs() < 10.0, "the same of 125: {with}");
    let _ = world.engine.diagnose(CampaignId::of("scarce"));
    assert!(*world.engine.state() == before);
}

#[test]
fn what_was_previewed_comes_about() {
    let mut world = world();
    let mut spec = campaign("plenty", 2, 300);
    spec.budgets.flights[0].budget = Some(Nanos::from_units(240));
    let edit = Input::Campaign(spec);
    let told = world.engine.preview(std::slice::from_ref(&edit)).unwrap();
    let ahead = *told.campaigns[0].after.over(Horizon::Hour).unwrap();
    let before = world.spent("plenty");
    world.say(edit);
    world.minutes(60);
    let spent = Nanos::floor_from((world.spent("plenty") - before) * 1e9);
    let off = (spent - ahead.middle).as_f64().abs() / spent.as_f64();
    assert!(off < 0.15, "{spent:?} against {ahead:?}");
    assert!(told.campaigns[0].after.tight.iter().any(|(_, tight)| *tight == Horizon::Flight));
}

#[test]
fn a_copy_made_for_a_preview_says_what_the_engine_would() {
    let world = world();
    let mut spec = campaign("plenty", 2, 300);
    spec.budgets.flights[0].budget = Some(Nanos::from_units(240));
    let fix =
        OverrideAction::Cap { multiplier: PacingMultiplier::clamped(0.1, PacingMultiplier::ONE) };
    let fresh = Input::Campaign(campaign("fresh", 2, 100));
    for edit in [Input::Campaign(spec), hand(&world, "scarce", fix, 2), fresh] {
        let edits = [edit];
        let told = world.engine.preview(&edits).unwrap();
        assert!(!told.campaigns.is_empty());
        assert_eq!(world.engine.for_preview(&edits).preview(&edits).unwrap(), told);
    }
}

#[test]
fn an_edit_that_breaks_a_rule_is_refused_with_its_name() {
    let world = world();
    let mut spec = campaign("plenty", 2, 300);
    spec.budgets.flights.clear();
    let refused = world.engine.preview(&[Input::Campaign(spec)]).unwrap_err();
    assert!(refused.iter().any(|error| error.field == "flights"), "{refused:?}");
}

#[test]
fn a_new_campaign_is_previewed_without_a_past() {
    let world = world();
    let fresh = Input::Campaign(campaign("fresh", 2, 100));
    let told = world.engine.preview(&[fresh]).unwrap();
    assert_eq!(told.campaigns.len(), 1);
    assert!(told.campaigns[0].before.is_none());
    assert_eq!(told.campaigns[0].after.ahead.len(), 3);
}

#[test]
fn a_copy_of_an_advertiser_decides_as_the_engine_does() {
    let mut world = world();
    // Entered later, so that in a copy without the first nobody keeps its slot.
    let id = AdvertiserId::of("b");
    let named = |name: &str| Name::try_new(name).unwrap();
    let cap = Cap { horizon: Horizon::Day, amount: Nanos::from_units(150) };
    let (zone, zone_name, currency) = (UTC, named("UTC"), Currency::try_new("EUR").unwrap());
    let budgets = Budgets { flights: Vec::new(), caps: vec![cap] };
    let holidays = Vec::new();
    let spec =
        AdvertiserSpec { id, name: named("b"), currency, zone, zone_name, budgets, holidays };
    world.say(Input::Advertiser(spec));
    for name in ["first", "second"] {
        let spec = CampaignSpec { advertiser: id, ..campaign(name, 2, 300) };
        world.say(Input::Campaign(spec));
        world.market.insert(CampaignId::of(name), 900.0 * 1e9 / 2_880.0);
    }
    world.minutes(180);
    let mut copy = world.engine.excerpt(&BTreeSet::from([id]));
    let now = world.now + Span::MINUTE;
    let (Applied::Ticked(_), Applied::Ticked(_)) =
        (copy.apply(now, &Input::Tick), world.engine.apply(now, &Input::Tick))
    else {
        panic!("a tick is a round");
    };
    assert_eq!(copy.overviews().count(), 2);
    let mut binding = Vec::new();
    for id in ["first", "second"].map(CampaignId::of) {
        let (theirs, ours) = (copy.explain(id).unwrap(), world.engine.explain(id).unwrap());
        assert_eq!(theirs.owners, ours.owners);
        assert_eq!((theirs.reason, theirs.binding), (ours.reason, ours.binding));
        let entry = |engine: &Engine| engine.overview_of(id).and_then(|told| told.entry.copied());
        assert_eq!(entry(&copy), entry(&world.engine));
        binding.push(ours.binding);
    }
    assert_eq!(binding, [Some(BudgetOwner::Advertiser(id)); 2], "the shared cap is tight");
    assert!(world.engine.excerpt(&BTreeSet::new()).overviews().next().is_none());
}
