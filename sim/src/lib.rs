//! # paceline-sim: rehearses
//! The simulator: run, replay, generate, demo, drive.

pub mod generate;
pub mod rng;
pub mod trace;
