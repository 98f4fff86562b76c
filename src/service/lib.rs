//! # paceline: acts
//!
//! The shell around the core: it reads clocks, files and sockets, keeps the log durable, feeds the
//! engine and publishes what it decides. Modules below stand in reading order.

pub mod clock;
pub mod config;
mod hex;

pub mod audit;
pub mod store;
pub mod wire;

pub mod admin;
pub mod app;
pub mod args;
pub mod auth;
pub mod catalog;
pub mod console;
pub mod control_loop;
pub mod ctl;
pub mod directory;
pub mod dump_log;
pub mod health;
pub mod http;
pub mod ingest;
pub mod journal;
mod lines;
pub mod measure;
pub mod notice;
pub mod papers;
pub mod partition;
mod past;
pub mod publish;
mod settled;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod trace;

/// An error and what caused it, each level once, for a log line or an answer.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    told
}
