//! JSON lines in, JSON lines out: a foreign simulator drives the engine in lockstep.
//!
//! Holds the loop of `paceline-sim bridge`: one line in, one line out, flushed at once. Time is
//! what the other side says it is; nothing here reads a clock, so the same input gives the same
//! bytes. The protocol is written down in `sim/README.md`. Knows no market and no scenario. Called
//! by the command line and by tests.

mod answer;
mod dialogue;
mod fields;
mod line;
mod lumps;
mod message;
mod order;

pub use dialogue::Dialogue;

use line::{Line, Lines};
use std::io::{self, BufRead, Write};

/// The version of the protocol spoken here.
pub const VERSION: u64 = 1;
/// Longest line taken, in bytes: a report on ten thousand campaigns has room in it.
pub const LINE_MAX: usize = 1 << 20;
/// Campaigns of a dialogue at most; about a kilobyte each.
pub const CAMPAIGNS_MAX: usize = 100_000;

/// Answers every line of `input` on `output` until the input ends. A line that breaks a rule is
/// answered with that rule and changes nothing. Empty lines are passed over.
///
/// # Errors
/// When reading or writing fails.
pub fn serve(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut lines = Lines::new(input, LINE_MAX);
    let mut dialogue = Dialogue::new();
    let mut answer = Vec::new();
    while let Some((number, line)) = lines.next_line()? {
        answer.clear();
        match line {
            Line::Whole(text) if text.trim_ascii().is_empty() => continue,
            Line::Whole(text) => dialogue.answer(number, text, &mut answer),
            Line::TooLong(length) => dialogue.refuse_length(number, length, &mut answer),
        }
        answer.push(b'\n');
        output.write_all(&answer)?;
        output.flush()?;
    }
    Ok(())
}
