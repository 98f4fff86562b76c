//! What rows of the past tell is what explanations told at those rounds, whatever happened.

use super::*;
use crate::past::record::{Recorder, StretchKey};
use crate::past::tell::Course;
use crate::past::{Grain, HeldBy, Standing, Stretch};
use crate::report::Explanation;
use proptest::prelude::*;

/// A world with somebody who records, what is kept of it, and every explanation there was.
struct Recorded {
    world: World,
    recorder: Recorder,
    kept: BTreeMap<StretchKey, Stretch>,
    told: BTreeMap<(CampaignId, Timestamp), Explanation>,
}

impl Recorded {
    fn new() -> Self {
        // They share an advertiser's day that is too small for both.
        let caps = vec![Cap { horizon: Horizon::Day, amount: Nanos::from_units(150) }];
        let budgets = Budgets { flights: Vec::new(), caps };
        let rate = |units: f64| units * 1e9 / 1_440.0;
        let campaigns =
            [(campaign("c", 1, 100), rate(300.0)), (campaign("d", 1, 100), rate(900.0))];
        Self {
            world: World::new(budgets, &campaigns),
            recorder: Recorder::default(),
            kept: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    fn minute(&mut self, is_told: bool) {
        for _ in 0..6 {
            self.world.say(Input::Tick);
            self.world.engine.record_past(&mut self.recorder);
            let now = self.world.now;
            for id in ["c", "d"].map(CampaignId::of) {
                let told = self.world.engine.explain(id).unwrap();
                self.told.insert((id, now), told);
            }
            self.world.now += Span::from_secs(10);
            let events = self.world.spend();
            if is_told {
                self.world.say(Input::Spend(SpendBatch {
                    producer: Some(PRODUCER),
                    reported_through: Some(self.world.now),
                    events,
                }));
            }
        }
    }

    fn keep(&mut self) {
        self.kept.extend(self.recorder.hand_over());
    }

    fn course(&self, id: &str, grain: Grain) -> Course {
        let id = CampaignId::of(id);
        let of = |(key, stretch): (&StretchKey, &Stretch)| {
            (key.0 == grain && key.2 == id).then(|| stretch.clone())
        };
        Course::new(self.kept.iter().filter_map(of).collect())
    }

    /// The round of which a row would be: the first of its minute.
    fn round_of(&self, id: &str, at: Timestamp) -> &Explanation {
        let (id, minute) = (CampaignId::of(id), at.as_micros().div_euclid(60_000_000));
        let from = Timestamp::from_micros(minute * 60_000_000);
        self.told.range((id, from)..=(id, at)).next().expect("there is one").1
    }
}

/// Whether a row says what the explanation said.
fn is_as_told(standing: &Standing, told: &Explanation) -> Result<(), TestCaseError> {
    let entry = told.entry.unwrap();
    prop_assert_eq!(standing.state, entry.state);
    prop_assert_eq!(standing.multiplier, entry.multiplier);
    prop_assert_eq!(standing.participation, entry.participation);
    prop_assert_eq!(standing.reason, told.reason);
    prop_assert_eq!(standing.binding, told.binding);
    let own = told.owners[0].plan;
    prop_assert_eq!(
        standing.plan.map(|plan| (plan.made_at, plan.planned, plan.measured)),
        own.map(|plan| (plan.planned_at, plan.planned, plan.measured))
    );
    let bound = told.owners.iter().find(|owner| Some(owner.owner) == told.binding);
    prop_assert_eq!(standing.tight, bound.and_then(|owner| owner.plan?.tight));
    let brake = told.owners.iter().map(|owner| owner.brake).fold(1.0, f64::min);
    prop_assert_eq!(standing.brake, Ppm::try_from_ratio(brake).unwrap());
    let hands: Vec<OverrideId> = told.overrides.iter().map(|hand| hand.id).collect();
    prop_assert_eq!(standing.hand.is_some(), !hands.is_empty());
    prop_assert!(standing.hand.is_none_or(|(id, _)| hands.contains(&id)));
    let account = told.owners[0].accounts.iter().find(|held| held.horizon == Horizon::Flight);
    prop_assert!(account.is_none_or(|held| held.drawn() == standing.drawn));
    Ok(())
}

/// What may happen at the beginning of a minute.
fn happening(world: &mut Recorded, kind: u8, minute: i64) -> bool {
    let world = &mut world.world;
    match kind {
        0 => {
            let pause = hand(world, OverrideAction::Pause, 3);
            world.say(pause);
        }
        1 => {
            let fix = OverrideAction::Fix { multiplier: multiplier(150_000), participation: None };
            let fix = hand(world, fix, 5);
            world.say(fix);
        }
        2 => world.say(Input::Campaign(campaign("c", 1, 60 + minute))),
        // Nobody decides for a while.
        3 => world.now += Span::from_secs(200 + 60 * (minute % 4)),
        4 => *world.market.values_mut().next().unwrap() /= 4.0,
        // Nobody says what was spent.
        5 => return false,
        _ => {}
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_kept_of_a_round_is_what_explain_said_of_it(
        course in prop::collection::vec((0_u8..40, any::<bool>()), 30..100),
        asked in prop::collection::vec((0_usize..600, 0_usize..600), 8),
    ) {
        let mut world = Recorded::new();
        for (minute, (kind, is_kept)) in (0..).zip(course) {
            let is_told = happening(&mut world, kind, minute);
            world.minute(is_told);
            if is_kept {
                world.keep();
            }
        }
        world.keep();
        for id in ["c", "d"] {
            let key = CampaignId::of(id);
            let minutes = world.course(id, Grain::Minute);
            let rounds: Vec<_> =
                world.told.range((key, at(0))..=(key, Timestamp::MAX)).collect();
            for ((_, at), _) in &rounds {
                let found = minutes.at(*at, Grain::Minute);
                let (row, through) = found.expect("every round is covered");
                prop_assert!(row.standing.at <= *at && through <= *at);
                is_as_told(&row.standing, world.round_of(id, *at))?;
                is_as_told(&row.standing, &world.told[&(key, row.standing.at)])?;
                // What is said not to have changed had not.
                for (_, told) in world.told.range((key, row.standing.at)..=(key, through)) {
                    is_as_told(&row.standing, told)?;
                }
            }
            for (one, other) in &asked {
                let [from, until] =
                    [one.min(other), one.max(other)].map(|at| rounds[at % rounds.len()].0.1);
                let (from, until) = (from.min(until), from.max(until));
                let Some(period) = minutes.over(from, until) else { continue };
                check(&world, key, &period)?;
                prop_assert!(period.first.at <= from && period.until <= until);
            }
        }
    }
}

/// A period's sums, against all explanations of its rounds.
fn check(
    world: &Recorded,
    id: CampaignId,
    period: &crate::past::tell::Period,
) -> Result<(), TestCaseError> {
    let (first, last, within) = (&period.first, &period.last, &period.within);
    prop_assert_eq!(within.spent, last.drawn - first.drawn);
    let all = within.reasons.iter().map(|(_, span)| span.as_micros()).sum::<i64>();
    prop_assert_eq!(all + within.silent.as_micros(), (period.until - first.at).as_micros());
    let rounds: Vec<_> = world.told.range((id, first.at)..=(id, last.at)).map(|(_, t)| t).collect();
    let mut planned = 0;
    let mut reasons: BTreeMap<Reason, i64> = BTreeMap::new();
    let mut extent: Option<(PacingMultiplier, PacingMultiplier)> = None;
    for pair in rounds.windows(2) {
        let [before, now] = [pair[0], pair[1]];
        let elapsed = now.now - before.now;
        if elapsed <= crate::past::SILENCE {
            *reasons.entry(before.reason).or_default() += elapsed.as_micros();
            let value = before.entry.unwrap().multiplier;
            let (least, greatest) = extent.unwrap_or((value, value));
            extent = Some((least.min(value), greatest.max(value)));
        }
        if let (Some(old), Some(new)) = (before.owners[0].plan, now.owners[0].plan) {
            let is_same = old.planned_at == new.planned_at;
            planned += new.planned.get() - if is_same { old.planned.get() } else { 0 };
        }
    }
    // A plan that was made anew left at most two minutes of the old one's rate untold.
    let plans = rounds.iter().filter_map(|told| Some(told.owners[0].plan?.planned_at));
    let remade = i64::try_from(plans.collect::<BTreeSet<_>>().len()).unwrap();
    let rate = 4 * Nanos::from_units(160).get() / 1_440;
    prop_assert!((within.planned.get() - planned).abs() <= 2 * rate * remade, "{planned}");
    // What held on after the last row is added under its reason.
    *reasons.entry(last.reason).or_default() += (period.until - last.at).as_micros();
    reasons.retain(|_, span| *span > 0);
    let told: BTreeMap<Reason, i64> = within
        .reasons
        .iter()
        .map(|(reason, span)| (*reason, span.as_micros()))
        .filter(|(_, span)| *span > 0)
        .collect();
    prop_assert_eq!(told, reasons);
    if let (Some((least, greatest)), Some(all)) = (extent, within.multiplier) {
        prop_assert!(all.least <= least && greatest <= all.greatest);
        prop_assert!(all.least == least || all.least == last.multiplier);
        prop_assert!(all.greatest == greatest || all.greatest == last.multiplier);
    }
    Ok(())
}

#[test]
fn a_pause_in_the_night_is_told_the_day_after() {
    let mut world = Recorded::new();
    for _ in 0..70 {
        world.minute(true);
    }
    let pause = hand(&world.world, OverrideAction::Pause, 30);
    world.world.say(pause);
    for _ in 0..60 {
        world.minute(true);
    }
    world.keep();
    let minutes = world.course("c", Grain::Minute);
    let (row, through) = minutes.at(at(85 * 60), Grain::Minute).unwrap();
    assert_eq!(
        (row.standing.reason, row.cause),
        (Reason::Paused, Some(crate::diagnosis::CauseKind::Override))
    );
    assert_eq!(row.standing.hand.unwrap().1, HeldBy::Pause);
    assert_eq!(through, at(85 * 60));
    let period = minutes.over(at(60 * 60), at(120 * 60)).unwrap();
    let paused = period.within.reasons.iter().find(|(reason, _)| *reason == Reason::Paused);
    assert_eq!(paused.unwrap().1, Span::from_mins(30));
    assert_eq!(period.costs()[0].0, crate::diagnosis::CauseKind::Override);
    let hours = world.course("c", Grain::Hour);
    let of = |course: &Course| course.over(at(0), at(120 * 60)).unwrap();
    let (by_hours, by_minutes) = (of(&hours), of(&minutes));
    assert_eq!(by_hours.within, by_minutes.within, "hours are sums of minutes");
    // Before the first row, and long after the last, nothing is said.
    assert_eq!(minutes.at(at(0) - Span::MINUTE, Grain::Minute), None);
    assert_eq!(minutes.at(at(140 * 60), Grain::Minute), None);
}
