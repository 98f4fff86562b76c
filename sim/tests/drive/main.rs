//! The program against the real service: a market driven over RPC, and the demo.
//!
//! Services run in this process, each on ports and a store of its own; the simulator is the
//! program itself.

#![cfg(feature = "live")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

mod demo;
mod drive;
mod guarded;
mod service;

use std::process::{Child, Command};
use std::time::Duration;

/// The simulator's program.
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_paceline-sim"))
}

/// As Ctrl-C does.
fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "the process is there to be interrupted");
}

/// Calls `look` until it finds something; fails after a deadline that a busy machine keeps.
async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let found = async {
        let mut interval = tokio::time::interval(Duration::from_millis(20));
        loop {
            interval.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    let deadline = Duration::from_secs(120);
    tokio::time::timeout(deadline, found).await.unwrap_or_else(|_| panic!("in time: {what}"))
}
