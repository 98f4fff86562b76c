//! # paceline: acts
//!
//! The shell around the core: it reads clocks, files and sockets, keeps the log durable, feeds the
//! engine and publishes what it decides. Modules below stand in reading order.

pub mod clock;
pub mod config;

pub mod store;

pub mod journal;
pub mod telemetry;
pub mod health;
pub mod http;
pub mod shutdown;
pub mod tls;
pub mod app;
pub mod args;
