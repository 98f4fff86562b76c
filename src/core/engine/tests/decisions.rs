//! What people decide: carried out once, on what they read, counted by generation.

use super::*;
use crate::input::Decision;
use crate::object::{Expected, ObjectId};

const SPRING: ObjectId = ObjectId::Campaign(CampaignId::of("spring"));

fn decided(input: Input, expected: Vec<Expected>) -> Input {
    Input::Decided(Decision {
        author: "anna".to_owned(),
        reason: "a test".to_owned(),
        request_id: "r".to_owned(),
        expected,
        undoes: None,
        input: Box::new(input),
    })
}

fn spring(budget: i64) -> Input {
    Input::Campaign(campaign("spring", 3, budget))
}

fn world() -> World {
    World::new(Budgets::default(), &[(campaign("spring", 3, 100), 0.0)])
}

#[test]
fn a_generation_grows_with_every_change_and_with_nothing_else() {
    let mut world = world();
    assert_eq!(world.engine.generation_of(SPRING), 1);
    assert_eq!(world.engine.generation_of(ObjectId::Campaign(CampaignId::of("autumn"))), 0);
    world.say(spring(100));
    assert_eq!(world.engine.generation_of(SPRING), 1, "it is as it was");
    world.say(decided(spring(200), Vec::new()));
    assert_eq!(world.engine.generation_of(SPRING), 2);
    world.minute();
    assert_eq!(world.engine.generation_of(SPRING), 2, "deciding changes no configuration");
}

#[test]
fn a_decision_on_what_has_changed_since_changes_nothing() {
    let mut world = world();
    let read = vec![Expected { object: SPRING, generation: 1 }];
    world.say(decided(spring(200), read.clone()));
    let answer = world.engine.apply(world.now, &decided(spring(300), read));
    let Applied::Refused(errors) = answer else { panic!("{answer:?}") };
    assert_eq!(errors[0].field, "expected[0].generation");
    assert!(errors[0].rule.starts_with("must be 2, its generation now"), "{}", errors[0]);
    let held = world.engine.campaign(CampaignId::of("spring")).unwrap();
    assert_eq!(held.budgets.flights[0].budget, Some(Nanos::from_units(200)));
}

#[test]
fn an_input_does_the_same_whoever_decided_it() {
    let (mut one, mut other) = (world(), world());
    one.say(spring(200));
    other.say(decided(spring(200), Vec::new()));
    one.minute();
    other.minute();
    assert_eq!(one.digests, other.digests);
    assert_eq!(one.engine.state(), other.engine.state());
}

#[test]
fn a_decision_about_a_decision_is_refused() {
    let mut world = world();
    let nested = decided(decided(spring(200), Vec::new()), Vec::new());
    let answer = world.engine.apply(world.now, &nested);
    assert!(matches!(answer, Applied::Refused(_)), "{answer:?}");
}

#[test]
fn a_decision_is_found_again_in_text_and_in_state() {
    let input = decided(spring(200), vec![Expected { object: SPRING, generation: 1 }]);
    let text = serde_json::to_string(&input).unwrap();
    assert_eq!(serde_json::from_str::<Input>(&text).unwrap(), input);
    let mut world = world();
    world.say(input);
    let text = serde_json::to_string(world.engine.state()).unwrap();
    let state: EngineState<_> = serde_json::from_str(&text).unwrap();
    let restored = Engine::<ShippedLaw>::restore(EngineConfig::default(), state);
    assert_eq!(restored.generation_of(SPRING), 2);
}
