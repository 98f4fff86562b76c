//! A bar for runs that take a while: on stderr, only on a terminal, only after two seconds.
//!
//! Called by the command line.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Short runs show nothing.
const QUIET: Duration = Duration::from_secs(2);
/// Rows between two looks at the clock.
const STRIDE: u64 = 8_192;

/// A bar that stays hidden at first.
pub struct Progress {
    bar: ProgressBar,
    is_shown: bool,
}

impl Progress {
    /// A hidden bar that counts rows, of a known total or not.
    #[must_use]
    pub fn new(total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = if total.is_some() {
            "{elapsed_precise} {wide_bar} {human_pos}/{human_len} rows, {eta} left"
        } else {
            "{elapsed_precise} {spinner} {human_pos} rows"
        };
        bar.set_style(ProgressStyle::with_template(template).expect("a correct template"));
        Self { bar, is_shown: false }
    }

    /// Tells how many rows are done.
    pub fn set(&mut self, rows: u64) {
        if !rows.is_multiple_of(STRIDE) {
            return;
        }
        self.bar.set_position(rows);
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
