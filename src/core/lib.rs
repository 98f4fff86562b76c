//! # paceline-core: decides
//!
//! The whole of pacing as a fold over a log of inputs: pure, synchronous, deterministic. It does no
//! I/O, reads no clock and knows nothing of the world, so that service, simulator and client run
//! the very same code. Modules below stand in reading order; a module may use those above it.

pub mod hash;
pub mod normal;
mod pairs;
pub mod units;

pub mod hours;

pub mod budget;
pub mod campaign;
pub mod object;

pub mod days;
pub mod event;
pub mod ledger;
pub mod sources;

pub mod forecast;
pub mod pace;
pub mod plan;
pub mod response;

pub mod shade;

pub mod guard;
pub mod overrides;
pub mod safe;
pub mod table;

pub mod bid;
pub mod input;

pub mod journal;
pub mod notice;
pub mod report;

pub mod diagnosis;
pub mod feasibility;
pub mod past;
pub mod preview;

pub mod engine;
