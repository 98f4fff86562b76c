//! One body of tests for every store: in a file, in memory, on a Redis and a Redis Cluster of its
//! own.
//!
//! Each test runs on all arms and asserts the same; what only one medium can do (a locked file, a
//! key of the wrong type) stands in a module of its own. Where redis-server is missing, that arm is
//! left out and says so, except in CI, where it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

mod arm;
mod checkpoint;
mod durable;
mod file;
mod lead;
mod log;
mod past;
mod server;
mod server_only;
