//! Bid shading: how little to pay for what pacing says an impression is worth.
//!
//! An open loop behind pacing: outcomes become landscapes of the others' price, landscapes become
//! schedules from paced value to bid, and nothing in here knows spend, budgets or multipliers, so
//! that the one integrator on spend stays the one. Modules in reading order: what an exchange tells
//! (`outcome`), the price line (`grid`), what is kept of it (`evidence`), the estimator
//! (`estimate`, `curve`), the best bids (`surplus`), what is published (`schedule`), when to
//! distrust it (`drift`), what a place is remembered for (`record`), one place of the hierarchy
//! (`node`) and all of it (`shader`); then whom to believe (`reporters`), what it saves against the
//! control group (`saving`), what readers hold (`set`) and its bytes (`codec`). Schedules are read
//! by `bid`; shaders are made by the engine and by the simulator's study.

pub mod codec;
pub mod curve;
mod drift;
mod estimate;
mod evidence;
mod grid;
mod node;
mod number;
pub mod outcome;
mod recency;
pub mod record;
pub mod reporters;
pub mod saving;
pub mod schedule;
pub mod set;
pub mod shader;
pub mod surplus;

pub use curve::WinCurve;
pub use node::EVIDENCE_LEAST;
pub use outcome::{
    BidTrial, Fault, Outcome, OutcomeBatch, OutcomeReport, PriceRule, SegmentPath, Sighting,
    TieRule,
};
pub use record::{ChanceBin, Gate};
pub use saving::{BidGroups, Estimate, Saving};
pub use schedule::{BidDraw, BidRole, ShadedBid, ShadingLevel, ShadingSchedule};
pub use set::{ShadeNews, ShadeSet};
pub use shader::{
    Landscape, Portrait, ScheduleId, SegmentLine, ShadeDelta, Shader, ShaderConfig, ShaderCounts,
    Source, Withheld,
};
