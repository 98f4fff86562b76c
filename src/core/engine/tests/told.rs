//! What the explanation says of traffic and of how far spend is known.

use super::*;
use crate::event::CounterRead;

#[test]
fn traffic_as_expected_is_one_and_none_is_nearly_nothing() {
    let mut world = one_day();
    let asks = |world: &mut World, asks| {
        world.say(Input::Opportunities(OpportunityBatch {
            producer: None,
            sequence: None,
            reported_through: world.now,
            counts: vec![OpportunityCount {
                campaign: CampaignId::of("c"),
                segment: SegmentId::of("s"),
                arm: ArmId(0),
                asks,
                bids: 0,
                below_floor: 0,
                wins: 0,
            }],
        }));
        world.minute();
        world.engine.explain(CampaignId::of("c")).unwrap().owners[0].traffic
    };
    for _ in 0..30 {
        asks(&mut world, 1_000);
    }
    let usual = asks(&mut world, 1_000);
    // Told of once a minute, so that five ticks of six see none.
    assert!(usual > 0.85, "{usual}");
    for _ in 0..30 {
        asks(&mut world, 0);
    }
    let none = asks(&mut world, 0);
    assert!(none < 0.05, "{none}");
}

#[test]
fn a_campaign_fed_by_counters_tells_how_far_its_counter_is_read() {
    let spec = CampaignSpec { spend_source: SpendSource::Counters, ..campaign("k", 1, 100) };
    let mut world = World::new(Budgets::default(), &[(spec, 0.0)]);
    world.say(Input::Tick);
    assert_eq!(world.engine.explain(CampaignId::of("k")).unwrap().watermark, None);
    for cumulative in 1..=3 {
        world.now += Span::from_secs(10);
        world.say(Input::Counter(CounterRead {
            campaign: CampaignId::of("k"),
            read_at: world.now,
            value: Some(Nanos::from_units(cumulative)),
            window: Window::try_new(at(0), at(86_400)).unwrap(),
        }));
        world.say(Input::Tick);
    }
    let told = world.engine.explain(CampaignId::of("k")).unwrap();
    assert_eq!(told.watermark, Some(world.now));
    assert_eq!(told.owners[0].plan.unwrap().stepped_to, world.now);
}

#[test]
fn a_producer_beyond_the_bound_is_heard_all_the_same() {
    let mut world = one_day();
    let bound = world.engine.config().sources_max;
    let tell = |world: &mut World, producer: usize, asks| {
        let count = OpportunityCount {
            campaign: CampaignId::of("c"),
            segment: SegmentId::of("s"),
            arm: ArmId(0),
            asks,
            bids: 0,
            below_floor: 0,
            wins: 0,
        };
        world.say(Input::Opportunities(OpportunityBatch {
            producer: Some(ProducerId::from_key(producer as u64 + 1)),
            sequence: Some(1),
            reported_through: world.now,
            counts: vec![count],
        }));
    };
    for producer in 0..=bound {
        tell(&mut world, producer, 1);
    }
    let heard = |world: &World| world.engine.state().owners[0].traffic.pending;
    assert_eq!(heard(&world), Some(bound as u64 + 1));
    tell(&mut world, bound, 1);
    assert_eq!(heard(&world), Some(bound as u64 + 1), "a repetition changes nothing");
}
