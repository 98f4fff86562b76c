//! Bid shading: how little to pay for what pacing says an impression is worth.
//!
//! An open loop behind pacing: outcomes become landscapes of the others' price, landscapes become
//! schedules from paced value to bid, and nothing in here knows spend, budgets or multipliers, so
//! that the one integrator on spend stays the one. Modules in reading order: what an exchange tells
//! (`outcome`), the price line (`grid`), what is kept of it (`evidence`), the estimator
//! (`estimate`, `curve`), the best bids (`surplus`), what is published (`schedule`), when to
//! distrust it (`drift`), one place of the hierarchy (`node`) and all of it (`shader`). Schedules
//! are read by `bid`; shaders are made by the simulator alone: no service publishes them yet.

pub mod curve;
mod drift;
mod estimate;
mod evidence;
mod grid;
mod node;
mod number;
pub mod outcome;
pub mod schedule;
pub mod shader;
pub mod surplus;

pub use curve::WinCurve;
pub use outcome::{Fault, Outcome, OutcomeBatch, PriceRule, SegmentPath, Sighting, TieRule};
pub use schedule::{BidRole, ShadedBid, ShadingLevel, ShadingSchedule};
pub use shader::{Landscape, ScheduleId, ShadeDelta, Shader, ShaderConfig, ShaderCounts};
