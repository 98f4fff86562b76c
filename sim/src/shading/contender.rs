//! Who bids: the shader that ships, or a rival; and what the exchange tells either.
//!
//! Called by the studies. A contender sees the auction, its own bid and what it is told, no more.

use super::rival::{Factor, LogNormal, Logistic, Segmented};
use paceline_core::shade::{
    BidRole, Outcome, OutcomeBatch, PriceRule, SegmentPath, Shader, ShaderConfig, ShadingLevel,
};
use paceline_core::units::{CpmMicros, SegmentId, Timestamp};
use serde::Serialize;

/// What is told of an auction besides who won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// The minimum to win, to everyone.
    All,
    /// The same, to the winner.
    Winners,
    /// Nothing.
    WonLost,
}

impl Feedback {
    /// From the most to the least.
    pub const ALL: [Self; 3] = [Self::All, Self::Winners, Self::WonLost];

    /// For tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "minimum to win for all",
            Self::Winners => "for winners",
            Self::WonLost => "won and lost alone",
        }
    }

    /// What of the minimum to win comes back.
    #[must_use]
    pub fn told(self, least: i64, won: bool) -> Option<i64> {
        match self {
            Self::All => Some(least),
            Self::Winners => won.then_some(least),
            Self::WonLost => None,
        }
    }
}

/// An auction as a bidder sees it.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Key of its id.
    pub key: u64,
    /// Where.
    pub path: SegmentPath,
    /// Lowest bid taken.
    pub floor: i64,
    /// Worth.
    pub value: i64,
}

/// A bid, and whether it is what its bidder holds for best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Micros per thousand.
    pub bid: i64,
    /// Neither explored nor left unshaded.
    pub is_best: bool,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// Whether it won.
    pub won: bool,
    /// The minimum to win, if told.
    pub least: Option<i64>,
}

/// One bidder.
pub trait Contender {
    /// Bids; a tie wins.
    fn place(&mut self, ask: &Ask) -> Placed;
    /// Learns what became of it.
    fn learn(&mut self, now: Timestamp, ask: &Ask, bid: i64, told: Told);
}

/// The shader that ships, stepped after every so many outcomes.
pub struct Ours {
    shader: Shader,
    level: ShadingLevel,
    step_every: u32,
    until_step: u32,
}

impl Ours {
    /// One that knows nothing.
    #[must_use]
    pub fn new(step_every: u32) -> Self {
        Self::with(step_every, ShaderConfig::default())
    }

    /// One with other settings.
    #[must_use]
    pub fn with(step_every: u32, config: ShaderConfig) -> Self {
        Self {
            shader: Shader::new(config),
            level: ShadingLevel::Standard,
            step_every,
            until_step: step_every,
        }
    }

    /// What it knows.
    #[must_use]
    pub const fn shader(&self) -> &Shader {
        &self.shader
    }

    fn segment(path: &SegmentPath) -> SegmentId {
        path.segment().unwrap_or(SegmentId::from_key(1))
    }

    /// What it holds for best.
    #[must_use]
    pub fn best(&self, ask: &Ask) -> i64 {
        let schedule = self.shader.schedule(Self::segment(&ask.path));
        over_floor(schedule.bid(self.level, CpmMicros::new(ask.value)).get(), ask)
    }
}

/// A bid below the floor is raised to it where that pays.
fn over_floor(bid: i64, ask: &Ask) -> i64 {
    if bid < ask.floor && ask.floor < ask.value { ask.floor } else { bid }
}

impl Contender for Ours {
    fn place(&mut self, ask: &Ask) -> Placed {
        let schedule = self.shader.schedule(Self::segment(&ask.path));
        let drawn = schedule.draw(self.level, CpmMicros::new(ask.value), (7, ask.key, 0));
        let is_best = drawn.drawn.role == BidRole::Best;
        Placed { bid: over_floor(drawn.bid.get(), ask), is_best }
    }

    fn learn(&mut self, now: Timestamp, ask: &Ask, bid: i64, told: Told) {
        let outcome = Outcome {
            path: ask.path,
            price_rule: PriceRule::First,
            floor: CpmMicros::new(ask.floor),
            bid: CpmMicros::new(bid),
            won: told.won,
            clearing: None,
            min_to_win: told.least.map(CpmMicros::new),
            loss_reason: None,
            count: 1,
            trial: None,
        };
        self.shader.take(now, &OutcomeBatch { outcomes: vec![outcome] });
        self.until_step -= 1;
        if self.until_step == 0 {
            self.until_step = self.step_every;
            self.shader.step(now);
        }
    }
}

/// Names of all contenders, ours first.
pub const NAMES: [&str; 7] = [
    "shader",
    "unshaded",
    "half of value",
    "0.7 of value",
    "log-normal likelihood",
    "segment-based",
    "logistic win rate",
];

/// A contender by its place in [`NAMES`].
#[must_use]
pub fn contender(place: usize, step_every: u32) -> Box<dyn Contender> {
    match place {
        0 => Box::new(Ours::new(step_every)),
        1 => Box::new(Factor(1.0)),
        2 => Box::new(Factor(0.5)),
        3 => Box::new(Factor(0.7)),
        4 => Box::<LogNormal>::default(),
        5 => Box::<Segmented>::default(),
        _ => Box::<Logistic>::default(),
    }
}
