//! A bar for runs that take a while: on stderr, only on a terminal, only after two seconds.
//!
//! Called by the command line.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Short runs show nothing.
const QUIET: Duration = Duration::from_secs(2);
/// Rows between two looks at the clock.
const STRIDE: u64 = 8_192;
/// Steps of a bar of shares.
const SHARES: u64 = 1_000;
/// The same as a real.
const SHARES_WIDTH: f64 = 1_000.0;

/// A bar that stays hidden at first.
pub struct Progress {
    bar: ProgressBar,
    is_shown: bool,
}

impl Progress {
    /// A hidden bar that counts rows, of which nobody knows how many there are.
    #[must_use]
    pub fn of_rows() -> Self {
        Self::hidden(None, "{elapsed_precise} {spinner} {human_pos} rows")
    }

    /// A hidden bar of the share done.
    #[must_use]
    pub fn of_shares() -> Self {
        Self::hidden(Some(SHARES), "{elapsed_precise} {wide_bar} {percent} %, {eta} left")
    }

    fn hidden(total: Option<u64>, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        bar.set_style(ProgressStyle::with_template(template).expect("a correct template"));
        Self { bar, is_shown: false }
    }

    /// Tells how many rows are done.
    pub fn set(&mut self, rows: u64) {
        if rows.is_multiple_of(STRIDE) {
            self.advance(rows);
        }
    }

    /// Tells the share done.
    pub fn set_share(&mut self, share: f64) {
        let step = crate::number::whole(share * SHARES_WIDTH);
        if step != self.bar.position() {
            self.advance(step);
        }
    }

    fn advance(&mut self, position: u64) {
        self.bar.set_position(position);
        if !self.is_shown && self.bar.elapsed() >= QUIET {
            // Draws nothing when stderr is not a terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.is_shown = true;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
