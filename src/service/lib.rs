//! # paceline: acts
//!
//! The shell around the core: it reads clocks, files and sockets, keeps the log durable, feeds the
//! engine and publishes what it decides. Modules below stand in reading order.

pub mod args;
pub mod config;

pub mod store;

pub mod journal;
