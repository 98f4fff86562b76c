//! Outcomes in, schedules out, and how far campaigns are shaded by them.

use super::*;
use crate::campaign::{ShadingLevel, ShadingObjective};
use crate::engine::ShadingMarket;
use crate::engine::outcomes::Relief;
use crate::shade::{
    BidDraw, BidRole, BidTrial, Fault, Outcome, OutcomeReport, PriceRule, ScheduleId, SegmentPath,
    ShadeSet, ShaderConfig, TieRule,
};
use crate::table::EntryShading;
use crate::units::{CpmMicros, Ppm};

const SEGMENT: &str = "adx/top/phone";

/// A campaign that wants its bids shaded, and has more budget than its market takes.
fn world(objective: ShadingObjective, currency: Currency) -> World {
    let shading = ShadingTerms { level: ShadingLevel::Standard, objective };
    let spec = CampaignSpec { shading, ..campaign("c", 2, 1_000) };
    let mut world = World::new(Budgets::default(), &[(spec, 45e9 / 1_440.0)]);
    world.engine.config.shading = Some(ShadingMarket { currency, shader: ShaderConfig::default() });
    world
}

fn report(sequence: u64, segment: &str, count: i64) -> OutcomeReport {
    let outcome = |bid: i64| Outcome {
        path: SegmentPath::of_name(segment).unwrap(),
        price_rule: PriceRule::First,
        floor: CpmMicros::new(100),
        bid: CpmMicros::new(bid),
        won: bid >= 600_000,
        clearing: None,
        min_to_win: Some(CpmMicros::new(600_000)),
        loss_reason: None,
        count: 1,
        trial: None,
    };
    OutcomeReport {
        producer: Some(PRODUCER),
        sequence: Some(sequence),
        currency: Currency::NONE,
        outcomes: (0..count).map(|n| outcome(400_000 + 2_000 * n)).collect(),
    }
}

fn told(engine: &mut Engine, at: Timestamp, report: OutcomeReport) -> OutcomesTaken {
    match engine.apply(at, &Input::Outcomes(report)) {
        Applied::Outcomes(told) => told,
        other => panic!("{other:?}"),
    }
}

fn tick(engine: &mut Engine, at: Timestamp) -> Tick {
    match engine.apply(at, &Input::Tick) {
        Applied::Ticked(tick) => *tick,
        other => panic!("{other:?}"),
    }
}

fn best(set: &ShadeSet, segment: &str) -> Option<i64> {
    let whole = set.whole();
    let (_, id) = whole.segments.iter().find(|(id, _)| *id == SegmentId::of(segment))?;
    let (_, schedule) = whole.schedules.iter().find(|(known, _)| known == id)?;
    Some(schedule.bid(ShadingLevel::Standard, CpmMicros::new(2_000_000)).get())
}

#[test]
fn without_a_market_outcomes_are_refused() {
    let mut engine = Engine::<ShippedLaw>::new(EngineConfig::default());
    let refused = engine.apply(at(0), &Input::Outcomes(report(1, SEGMENT, 1)));
    assert!(matches!(refused, Applied::Refused(_)), "{refused:?}");
    assert_eq!(engine.shades(), ShadeSet::default());
}

#[test]
fn a_report_counts_once_and_what_is_said_adds_up_to_the_whole() {
    let mut engine = world(ShadingObjective::Value, Currency::NONE).engine;
    assert_eq!(told(&mut engine, at(1), report(1, SEGMENT, 300)).taken, 300);
    assert_eq!(told(&mut engine, at(1), report(1, SEGMENT, 300)), OutcomesTaken::default());
    let mut held = ShadeSet::default();
    for round in 2..40_u32 {
        let _ =
            told(&mut engine, at(10 * i64::from(round)), report(2 * u64::from(round), SEGMENT, 40));
        let other = report(2 * u64::from(round) + 1, &format!("adx/top/{round}"), 9);
        let _ = told(&mut engine, at(10 * i64::from(round)), other);
        let tick = tick(&mut engine, at(10 * i64::from(round)));
        if let Some(news) = &tick.shades {
            assert_eq!(news.generation, tick.delta.generation);
            assert!(held.patch(news), "changes follow each other");
        }
        assert_eq!(held, engine.shades(), "in round {round}");
    }
    assert_eq!(best(&held, SEGMENT), Some(600_000));
    assert_eq!(best(&held, "adx/top/5"), Some(600_000), "one of few outcomes has its parent's");
    let restored = Engine::restore(*engine.config(), engine.state().clone());
    assert_eq!(restored.shades(), held);
}

#[test]
fn silence_withdraws_an_exchange_and_one_outcome_brings_it_back() {
    let mut engine = world(ShadingObjective::Value, Currency::NONE).engine;
    let _ = told(&mut engine, at(1), report(1, SEGMENT, 300));
    let _ = told(&mut engine, at(1), report(2, "other/top", 300));
    let _ = tick(&mut engine, at(10));
    let _ = told(&mut engine, at(1_700), report(3, "other/top", 1));
    let _ = tick(&mut engine, at(1_795));
    assert_eq!(best(&engine.shades(), SEGMENT), Some(600_000));
    let news = tick(&mut engine, at(1_870)).shades.unwrap();
    let withdrawn = [(SegmentId::of(SEGMENT), ScheduleId::UNSHADED)];
    assert_eq!(news.delta.segments, withdrawn, "the other exchange is heard");
    assert!(engine.landscape(SegmentId::of(SEGMENT)).unwrap().is_silent);
    let _ = told(&mut engine, at(1_880), report(4, SEGMENT, 1));
    let _ = tick(&mut engine, at(1_890));
    assert_eq!(best(&engine.shades(), SEGMENT), Some(600_000));
}

#[test]
fn what_is_left_out_is_counted_by_its_reason() {
    let mut engine = world(ShadingObjective::Value, Currency::NONE).engine;
    let mut bad = report(1, SEGMENT, 3);
    bad.outcomes[1].min_to_win = Some(CpmMicros::new(99));
    let answer = told(&mut engine, at(1), bad);
    let count = |answer: &OutcomesTaken, fault| {
        answer.left_out[Fault::ALL.iter().position(|&other| other == fault).unwrap()]
    };
    assert_eq!((answer.taken, count(&answer, Fault::MinimumBelowFloor)), (2, 1));
    let foreign =
        OutcomeReport { currency: Currency::try_new("JPY").unwrap(), ..report(2, SEGMENT, 5) };
    let answer = told(&mut engine, at(1), foreign);
    assert_eq!((answer.taken, count(&answer, Fault::Currency)), (0, 5));
}

#[test]
fn the_shade_is_given_up_slowly_for_results_and_never_for_surplus() {
    let mut shaded = world(ShadingObjective::Value, Currency::NONE);
    shaded.minutes(5);
    assert_eq!(shaded.entry("c").shading.relief(), 0, "there is room above its multiplier");
    let is_full = |world: &World| world.entry("c").multiplier == PacingMultiplier::ONE;
    let climb = (0..240).find(|_| {
        shaded.minute();
        is_full(&shaded)
    });
    assert!(climb.is_some(), "budget to spare");
    let mut before = shaded.entry("c").shading.relief();
    for _ in 0..25 {
        shaded.minute();
        let now = shaded.entry("c").shading.relief();
        assert!(now >= before && now - before <= 75, "{before} {now}");
        before = now;
    }
    assert_eq!(before, 1_000);
    let mut other = world(ShadingObjective::Surplus, Currency::NONE);
    other.minutes(240);
    assert!(is_full(&other));
    assert_eq!(other.entry("c").shading, EntryShading::new(ShadingLevel::Standard, 0));
}

#[test]
fn a_campaign_of_another_currency_is_not_shaded() {
    let mut other = world(ShadingObjective::Surplus, Currency::try_new("USD").unwrap());
    other.minutes(2);
    assert_eq!(other.entry("c").shading, EntryShading::OFF);
}

#[test]
fn relief_falls_where_the_budget_binds_and_stays_in_between() {
    let terms = |objective| ShadingTerms { level: ShadingLevel::Standard, objective };
    let part = |share: f64| PacingMultiplier::clamped(share, PacingMultiplier::HARD_MAX);
    let (value, max) = (terms(ShadingObjective::Value), PacingMultiplier::ONE);
    let mut relief = Relief::default();
    let mut minute = 0;
    let mut step = |multiplier: f64, is_held_back| {
        minute += 1;
        relief.step(at(60 * minute), value, (part(multiplier), max), is_held_back).relief()
    };
    let climbed: Vec<u16> = (0..11).map(|_| step(1.0, false)).collect();
    assert_eq!((climbed[0], climbed[10]), (50, 550), "a twentieth a minute");
    assert_eq!(step(0.95, false), 550, "between nine tenths and the top it stays");
    assert_eq!(step(0.89, false), 500);
    assert_eq!(step(1.0, true), 450, "bids in full, but not in every auction: its budget binds");
    assert_eq!(step(1.0, false), 500);
}

#[test]
fn whoever_spends_as_fast_as_possible_keeps_its_shade() {
    let shading = ShadingTerms { level: ShadingLevel::Standard, ..ShadingTerms::default() };
    let spec = CampaignSpec { shading, law: LawChoice::Asap, ..campaign("c", 2, 1_000) };
    let mut world = World::new(Budgets::default(), &[(spec, 45e9 / 1_440.0)]);
    let currency = Currency::NONE;
    world.engine.config.shading = Some(ShadingMarket { currency, shader: ShaderConfig::default() });
    world.minutes(60);
    let entry = world.entry("c");
    assert_eq!((entry.multiplier, entry.shading.relief()), (PacingMultiplier::ONE, 0));
    assert_eq!(entry.shading.level(), ShadingLevel::Standard);
}

#[test]
fn what_was_learnt_in_another_currency_is_forgotten() {
    let mut engine = world(ShadingObjective::Value, Currency::NONE).engine;
    let _ = told(&mut engine, at(1), report(1, SEGMENT, 300));
    let _ = tick(&mut engine, at(10));
    assert!(engine.landscape(SegmentId::of("adx/top/tablet")).is_none(), "nobody told of it");
    let mut config = *engine.config();
    let restored = Engine::restore(config, engine.state().clone());
    assert!(restored.landscape(SegmentId::of(SEGMENT)).is_some());
    config.shading = config
        .shading
        .map(|market| ShadingMarket { currency: Currency::try_new("JPY").unwrap(), ..market });
    let restored = Engine::restore(config, engine.state().clone());
    assert!(restored.landscape(SegmentId::of(SEGMENT)).is_none());
}

#[test]
fn ties_judged_otherwise_make_every_schedule_anew() {
    let mut engine = world(ShadingObjective::Value, Currency::NONE).engine;
    let _ = told(&mut engine, at(1), report(1, SEGMENT, 300));
    let _ = tick(&mut engine, at(10));
    assert_eq!(best(&engine.shades(), SEGMENT), Some(600_000), "whoever ties wins");
    let mut config = *engine.config();
    config.shading = config.shading.map(|market| ShadingMarket {
        shader: ShaderConfig { tie: TieRule::Lose, ..market.shader },
        ..market
    });
    let mut engine = Engine::restore(config, engine.state().clone());
    let news = tick(&mut engine, at(20)).shades.unwrap();
    let floor = CpmMicros::new(100_000);
    let is_anew = |schedule: &crate::shade::ShadingSchedule| schedule.over_floor(floor) > floor;
    assert!(!news.delta.schedules.is_empty());
    assert!(news.delta.schedules.iter().all(|(_, schedule)| is_anew(schedule)), "{news:?}");
}

#[test]
fn an_overweight_reporter_keeps_its_exchange_heard() {
    let mut engine = world(ShadingObjective::Value, Currency::NONE).engine;
    let by = |producer: &str, report: OutcomeReport| OutcomeReport {
        producer: Some(ProducerId::of(producer)),
        ..report
    };
    let _ = told(&mut engine, at(1), report(1, SEGMENT, 5_000));
    let _ = told(&mut engine, at(2), by("canary", report(1, "other/top", 5)));
    let _ = tick(&mut engine, at(10));
    for minute in 1..60_i64 {
        let sequence = u64::try_from(minute).unwrap() + 1;
        let _ = told(&mut engine, at(60 * minute), report(sequence, SEGMENT, 2_000));
        let _ = told(&mut engine, at(60 * minute), by("canary", report(sequence, "other/top", 1)));
        let _ = tick(&mut engine, at(60 * minute));
    }
    assert!(!engine.landscape(SegmentId::of(SEGMENT)).unwrap().is_silent);
}

#[test]
fn the_groups_of_a_campaign_are_compared_and_faulty_or_repeated_rows_are_not_in_them() {
    let mut engine = world(ShadingObjective::Value, Currency::NONE).engine;
    let id = CampaignId::of("c");
    let trial = |role, share| {
        let drawn = BidDraw { role, propensity: Ppm::new(share) };
        Some(BidTrial { campaign: id, drawn, value: None })
    };
    let row = |bid: i64, trial| Outcome {
        bid: CpmMicros::new(bid),
        won: true,
        trial,
        ..report(0, SEGMENT, 1).outcomes[0]
    };
    let mut outcomes = vec![row(600_000, trial(BidRole::Best, 990_000)); 400];
    outcomes.extend(vec![row(2_000_000, trial(BidRole::Control, 10_000)); 40]);
    let told_all = OutcomeReport { outcomes, ..report(1, SEGMENT, 0) };
    let _ = told(&mut engine, at(1), told_all.clone());
    let _ = told(&mut engine, at(1), told_all);
    // Won with less than the minimum: left out, of learning and of comparing.
    let faulty = vec![row(500_000, trial(BidRole::Control, 10_000)); 40];
    let _ = told(&mut engine, at(1), OutcomeReport { outcomes: faulty, ..report(2, SEGMENT, 0) });
    let groups = engine.bid_groups(id).unwrap();
    assert!((groups.control.wins - 40.0).abs() < 1e-6, "{groups:?}");
    assert!((groups.shaded.wins - 400.0).abs() < 1e-6, "{groups:?}");
    let saved = groups.saving().per_win.unwrap();
    assert!((saved.middle - 0.7).abs() < 1e-9, "{saved:?}");
    assert_eq!(engine.bid_groups(CampaignId::of("other")), None);
    let restored = Engine::restore(*engine.config(), engine.state().clone());
    assert_eq!(restored.bid_groups(id), Some(groups));
}
