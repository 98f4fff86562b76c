//! Lines of bounded length: one that is too long is passed over without being held.
//!
//! Knows bytes, not JSON. Called by the bridge's loop.

use std::io::{self, BufRead};

/// One line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Without its newline.
    Whole(&'a [u8]),
    /// Passed over; so many bytes long.
    TooLong(usize),
}

/// Reads lines and counts them.
pub(super) struct Lines<R> {
    input: R,
    most: usize,
    number: u64,
    held: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(input: R, most: usize) -> Self {
        Self { input, most, number: 0, held: Vec::new() }
    }

    /// The next line and its number, from one; nothing at the end. A last line without a newline
    /// is a line.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.held.clear();
        let mut length = 0;
        let mut is_begun = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            is_begun = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(chunk.len());
            length += taken;
            if length <= self.most {
                self.held.extend_from_slice(&chunk[..taken]);
            }
            self.input.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                break;
            }
        }
        if !is_begun {
            return Ok(None);
        }
        self.number += 1;
        let line =
            if length <= self.most { Line::Whole(&self.held) } else { Line::TooLong(length) };
        Ok(Some((self.number, line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_long_is_counted_and_passed_over() {
        let input = io::BufReader::with_capacity(4, &b"short\n0123456789\n\nlast"[..]);
        let mut lines = Lines::new(input, 8);
        assert_eq!(lines.next_line().unwrap(), Some((1, Line::Whole(b"short"))));
        assert_eq!(lines.next_line().unwrap(), Some((2, Line::TooLong(10))));
        assert_eq!(lines.next_line().unwrap(), Some((3, Line::Whole(b""))));
        assert_eq!(lines.next_line().unwrap(), Some((4, Line::Whole(b"last"))));
        assert_eq!(lines.next_line().unwrap(), None);
    }
}
