//! # paceline-sim: rehearses
//! The simulator: run, replay, generate, demo, drive.

pub mod trace;
