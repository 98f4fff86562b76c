//! # paceline-sim: rehearses
//! The simulator: run, replay, generate, demo, drive.

pub mod args;
pub mod generate;
pub mod policy;
pub mod progress;
pub mod rng;
pub mod trace;
