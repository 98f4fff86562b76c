//! What a shader promises, from outcomes to schedules.

use super::super::outcome::PriceRule;
use super::super::schedule::{BidRole, ShadingLevel};
use super::super::set::{ShadeNews, ShadeSet};
use super::*;
use crate::hash::mix;
use crate::units::{CpmMicros, Epoch, Generation};

/// A market of one segment whose price is drawn from `prices`, asked by one campaign.
struct World {
    shader: Shader,
    now: Timestamp,
    path: SegmentPath,
    number: u64,
    /// What each row stands for.
    count: u32,
}

/// What the exchange tells.
#[derive(Clone, Copy)]
enum Feedback {
    All,
    Winners,
    WonLost,
}

impl World {
    fn new() -> Self {
        Self {
            shader: Shader::new(ShaderConfig::default()),
            now: Timestamp::from_micros(1_700_000_000_000_000),
            path: SegmentPath::new(&[11, 12, 13]),
            number: 0,
            count: 1,
        }
    }

    fn draw(&mut self) -> u64 {
        self.number += 1;
        mix(self.number)
    }

    /// Asks so often; returns the mean bid of the last tenth, explorers apart.
    fn run(
        &mut self,
        asks: u64,
        value: i64,
        feedback: Feedback,
        price: impl Fn(u64) -> i64,
    ) -> i64 {
        let (mut sum, mut count) = (0, 0);
        for ask in 0..asks {
            let auction = self.draw();
            let segment = self.path.segment().unwrap();
            let schedule = *self.shader.schedule(segment);
            let paced = CpmMicros::new(value);
            let shaded = schedule.draw(ShadingLevel::Standard, paced, (1, auction, 0));
            let least = CpmMicros::new(price(self.draw()));
            let won = shaded.bid >= least;
            let is_told = match feedback {
                Feedback::All => true,
                Feedback::Winners => won,
                Feedback::WonLost => false,
            };
            let outcome = Outcome {
                path: self.path,
                price_rule: PriceRule::First,
                floor: CpmMicros::ZERO,
                bid: shaded.bid,
                won,
                clearing: None,
                min_to_win: is_told.then_some(least),
                loss_reason: None,
                count: self.count,
                trial: None,
            };
            if ask * 10 >= asks * 9 && shaded.drawn.role == BidRole::Best {
                sum += shaded.bid.get();
                count += 1;
            }
            self.now += Span::from_secs(3);
            self.shader.take(self.now, &OutcomeBatch { outcomes: vec![outcome] });
            if ask % 4 == 0 {
                self.shader.step(self.now);
            }
        }
        sum / count.max(1)
    }
}

/// Even between 0 and 200 000: the best bid for a value of 200 000 is half of it.
fn even(draw: u64) -> i64 {
    1 + i64::try_from(draw % 200_000).unwrap()
}

#[test]
fn every_kind_of_feedback_comes_to_the_best_bid() {
    for (feedback, most) in [(Feedback::All, 12), (Feedback::Winners, 15), (Feedback::WonLost, 25)]
    {
        let mean = World::new().run(4_000, 200_000, feedback, even);
        let off = (mean - 100_000).abs();
        assert!(off * 100 < most * 100_000, "{mean}");
    }
}

#[test]
fn rows_that_stand_for_ten_raise_no_alarm_in_a_market_that_stays() {
    for feedback in [Feedback::All, Feedback::WonLost] {
        let mut world = World { count: 10, ..World::new() };
        world.run(20_000, 200_000, feedback, even);
        let counts = world.shader.counts();
        assert_eq!((counts.taken, counts.alarms), (200_000, 0));
        assert!(counts.published > 10, "{counts:?}");
    }
}

#[test]
fn a_few_rows_that_stand_for_many_are_no_schedule() {
    let mut world = World { count: 100, ..World::new() };
    world.run(20, 200_000, Feedback::All, even);
    assert_eq!((world.shader.counts().refits, world.shader.counts().published), (0, 0));
    world.run(200, 200_000, Feedback::All, even);
    assert!(world.shader.counts().published > 0);
}

#[test]
fn a_two_atom_market_is_bid_for_at_the_right_atom() {
    let two = |draw: u64| if draw.is_multiple_of(2) { 100_000 } else { 300_000 };
    assert_eq!(World::new().run(1_000, 480_000, Feedback::All, two), 100_000);
    assert_eq!(World::new().run(1_000, 540_000, Feedback::All, two), 300_000);
}

#[test]
fn a_shift_of_the_market_is_followed() {
    let mut world = World::new();
    world.run(4_000, 200_000, Feedback::All, even);
    let before = world.shader.counts().alarms;
    let mean = world.run(1_500, 200_000, Feedback::All, |draw| even(draw) / 4);
    // Four levels, each with a test of its own.
    assert!(world.shader.counts().alarms > before);
    assert!((45_000..60_000).contains(&mean), "{mean}");
}

#[test]
fn bad_outcomes_are_counted_and_change_nothing() {
    let mut world = World::new();
    world.run(500, 200_000, Feedback::All, even);
    let before = world.shader.clone();
    let bad = Outcome {
        path: world.path,
        price_rule: PriceRule::First,
        floor: CpmMicros::new(100),
        bid: CpmMicros::new(500),
        won: true,
        clearing: None,
        min_to_win: Some(CpmMicros::new(50)),
        loss_reason: None,
        count: 1,
        trial: None,
    };
    world.shader.take(world.now, &OutcomeBatch { outcomes: vec![bad; 100] });
    let counts = *world.shader.counts();
    let place = Fault::ALL.iter().position(|&fault| fault == Fault::MinimumBelowFloor).unwrap();
    assert_eq!(counts.left_out[place], before.counts.left_out[place] + 100);
    assert_eq!(Shader { counts: before.counts, ..world.shader }, before);
}

#[test]
fn segments_are_bounded_and_unknown_ones_use_the_market() {
    let mut shader = Shader::new(ShaderConfig { nodes_max: 10, ..ShaderConfig::default() });
    let outcome = |segment: u64| Outcome {
        path: SegmentPath::new(&[1, 2, segment]),
        price_rule: PriceRule::First,
        floor: CpmMicros::ZERO,
        bid: CpmMicros::new(500),
        won: false,
        clearing: None,
        min_to_win: Some(CpmMicros::new(700)),
        loss_reason: None,
        count: 1,
        trial: None,
    };
    let outcomes = (100..200).map(outcome).collect();
    shader.take(Timestamp::default(), &OutcomeBatch { outcomes });
    assert_eq!(shader.nodes(), 10);
    // What has no node of its own is news of the market all the same.
    assert_eq!((shader.counts().taken, shader.counts().no_room), (100, 93));
    let delta = shader.step(Timestamp::default());
    assert_eq!(delta.segments.len(), 7);
    assert_eq!(delta.schedules.first().map(|one| one.0), Some(ScheduleId::MARKET));
    let unknown = shader.schedule(SegmentId::from_key(999));
    let market = delta.schedules.iter().rfind(|one| one.0 == ScheduleId::MARKET).unwrap();
    assert_eq!(*unknown, market.1);
}

#[test]
fn state_survives_being_written_and_read() {
    let mut world = World::new();
    world.run(600, 200_000, Feedback::Winners, even);
    let text = serde_json::to_string(&world.shader).unwrap();
    let read: Shader = serde_json::from_str(&text).unwrap();
    assert_eq!(read, world.shader);
}

/// An outcome of the last of three levels that tells its price.
fn seen(levels: [u64; 3], least: i64) -> Outcome {
    Outcome {
        path: SegmentPath::new(&levels),
        price_rule: PriceRule::First,
        floor: CpmMicros::ZERO,
        bid: CpmMicros::new(500),
        won: least <= 500,
        clearing: None,
        min_to_win: Some(CpmMicros::new(least)),
        loss_reason: None,
        count: 1,
        trial: None,
    }
}

#[test]
fn the_segment_silent_the_longest_makes_room_after_a_day_and_readers_forget_it() {
    let mut shader = Shader::new(ShaderConfig { nodes_max: 10, ..ShaderConfig::default() });
    let start = Timestamp::from_micros(1_700_000_000_000_000);
    let mut held = ShadeSet::default();
    let mut step = |shader: &mut Shader, now, sequence| {
        let delta = shader.step(now);
        let at = |sequence| Generation { epoch: Epoch(1), sequence };
        let news = ShadeNews { base: at(sequence - 1), generation: at(sequence), delta };
        let fits = if sequence == 1 {
            held = ShadeSet::new(at(1), &news.delta);
            true
        } else {
            held.patch(&news)
        };
        assert!(fits);
        assert_eq!(held, ShadeSet::new(at(sequence), &shader.whole()), "step {sequence}");
        news.delta
    };
    // Two levels above, seven segments: with the market that is all.
    for round in 0..30 {
        for segment in 100..107_u64 {
            let at = start + Span::from_secs(segment.cast_signed());
            shader.take_one(at, &seen([1, 2, segment], 700 + 5 * round)).unwrap();
        }
    }
    step(&mut shader, start + Span::MINUTE, 1);
    let soon = start + Span::HOUR;
    shader.take_one(soon, &seen([1, 2, 200], 700)).unwrap();
    assert_eq!((shader.counts().no_room, shader.counts().given_up), (1, 0), "heard an hour ago");
    // A day later all but one are heard again, the oldest by a row that is not learnt from.
    let later = start + Span::DAY;
    shader.hear(later, &SegmentPath::new(&[1, 2, 100]));
    for segment in 102..107 {
        shader.take_one(later, &seen([1, 2, segment], 700)).unwrap();
    }
    let after = later + Span::from_mins(2);
    shader.take_one(after, &seen([1, 2, 200], 700)).unwrap();
    assert_eq!((shader.nodes(), shader.counts().given_up), (10, 1));
    let told = step(&mut shader, after, 2).segments;
    assert!(told.contains(&(SegmentId::from_key(101), ScheduleId::GONE)), "{told:?}");
    assert!(told.iter().any(|(id, _)| *id == SegmentId::from_key(200)), "{told:?}");
    assert!(shader.landscape(SegmentId::from_key(101), after).is_none());
    // Its number is another's: what that one learns is its own.
    for _ in 0..200 {
        shader.take_one(after, &seen([1, 2, 200], 90)).unwrap();
    }
    step(&mut shader, after, 3);
    let cheap = shader
        .schedule(SegmentId::from_key(200))
        .bid(ShadingLevel::Standard, CpmMicros::new(2_000));
    assert!(cheap.get() < 700, "{cheap:?}");
    // Weeks of names that are never heard again need no more room, and no level stays empty.
    for day in 2..40_i64 {
        let now = start + Span::DAY.times(day);
        for number in 0..4 {
            let exchange = 10 + day.cast_unsigned() % 3;
            let name = 1_000 + 10 * day.cast_unsigned() + number;
            let _ = shader.take_one(now, &seen([exchange, 20 + name, name], 700));
        }
        step(&mut shader, now, 2 + day.cast_unsigned());
        assert!(shader.nodes() <= 10);
    }
    assert!(shader.counts().given_up > 60, "{:?}", shader.counts());
}

#[test]
fn an_alarm_withdraws_the_schedule_until_the_next_fit() {
    let mut world = World::new();
    world.run(4_000, 200_000, Feedback::All, even);
    world.shader.step(world.now);
    let segment = world.path.segment().unwrap();
    let before = world.shader.counts().withdrawn;
    let paced = CpmMicros::new(200_000);
    let mut number = 0;
    while world.shader.counts().withdrawn < before + 4 {
        number += 1;
        assert!(number < 2_000, "every level's test gives an alarm");
        world
            .shader
            .take_one(world.now, &Outcome { path: world.path, ..seen([1, 2, 3], 390_000) })
            .unwrap();
    }
    assert_eq!(world.shader.schedule(segment).bid(ShadingLevel::Standard, paced), paced);
    let delta = world.shader.step(world.now + Span::from_secs(10));
    let is_served = |id: &ScheduleId| *id != ScheduleId::UNSHADED;
    assert!(delta.segments.iter().all(|(_, id)| is_served(id)), "{delta:?}");
    assert!(delta.schedules.len() >= 4, "all four are fitted anew");
}

#[test]
fn the_portrait_of_a_silent_exchange_bids_the_paced_value() {
    let mut world = World::new();
    world.run(4_000, 200_000, Feedback::All, even);
    world.shader.step(world.now);
    let segment = world.path.segment().unwrap();
    let paced = CpmMicros::new(200_000);
    let bid = |shader: &Shader, now| {
        let told = shader.portrait(segment, now).unwrap();
        (told.line.source, told.schedule.bid(ShadingLevel::Standard, paced))
    };
    let (source, shaded) = bid(&world.shader, world.now);
    assert!(source == Source::Own && shaded < paced, "{source:?} {shaded:?}");
    let later = world.now + ShaderConfig::default().silence + Span::MINUTE;
    world.shader.step(later);
    assert_eq!(bid(&world.shader, later), (Source::Unshaded, paced));
    let told = world.shader.portrait(segment, later).unwrap();
    assert_eq!(told.schedule, world.shader.plain);
    assert_eq!(told.line.withheld, Some(Withheld::Silent));
}

#[test]
fn a_place_whose_fit_was_refused_says_by_what() {
    let mut world = World::new();
    world.run(600, 200_000, Feedback::All, even);
    world.shader.step(world.now);
    let segment = world.path.segment().unwrap();
    let refused = |gate: &str| {
        let mut state = serde_json::to_value(&world.shader).unwrap();
        state["nodes"][3]["schedule"] = serde_json::Value::Null;
        state["nodes"][3]["record"]["gate"] = gate.into();
        let shader: Shader = serde_json::from_value(state).unwrap();
        let line = shader.portrait(segment, world.now).unwrap().line;
        (line.source, line.withheld)
    };
    assert_eq!(refused("loss"), (Source::Above(1), Some(Withheld::Loss)));
    assert_eq!(refused("calibration"), (Source::Above(1), Some(Withheld::Calibration)));
    assert_eq!(refused("passed"), (Source::Above(1), Some(Withheld::Waits)));
}
