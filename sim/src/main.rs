//! The simulator: run, replay, generate, demo, drive.

fn main() {}
