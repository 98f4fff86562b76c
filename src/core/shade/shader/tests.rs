//! What a shader promises, from outcomes to schedules.

use super::super::outcome::PriceRule;
use super::super::schedule::{BidRole, ShadingLevel};
use super::*;

/// A market of one segment whose price is drawn from `prices`, asked by one campaign.
struct World {
    shader: Shader,
    now: Timestamp,
    path: SegmentPath,
    number: u64,
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
                count: 1,
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
