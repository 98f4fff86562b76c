//! The finished program, seen from outside: real processes, real ports, real stores.
//!
//! Each test starts its own service (see [`harness`]) and asserts what an operator, a bidder or a
//! producer would see. Where redis-server is missing, that arm is left out and says so, except in
//! CI, where it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

mod alerts;
mod audit;
mod bad_input;
mod bidders;
mod browser;
mod bulk;
mod config_files;
mod console_browser;
mod console_journeys;
mod ctl;
mod ctl_golden;
mod dump_log;
mod emptied_redis;
mod exact_money;
mod explained;
mod hands;
mod harness;
mod leadership;
mod life;
mod log;
mod market;
mod metrics_page;
mod night;
mod notices;
mod orders;
mod packaging;
mod parity;
mod past;
mod proxy;
mod redis_faults;
mod redis_table;
mod returns;
mod secure_store;
#[expect(dead_code, reason = "shared with the stores' tests, which need clusters and more")]
#[path = "../conformance/server.rs"]
mod server;
mod shading;
mod shutdown;
mod traces;
