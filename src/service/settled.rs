//! Files that are looked at again and again, and taken only once they have come to rest.
//!
//! Whoever writes a file in place writes it bit by bit, and half a file may read as a whole one:
//! half a list of tokens locks out the rest, half a list of authorities too. So what a look sees is
//! taken only if the look before it saw the same: the same bytes, written at the same moment. A
//! writer that rests within a file for longer than the time between two looks is not noticed;
//! writing beside and renaming is safe whatever the time. What never rests is told as a fault.
//! Knows no file's form. Used by `auth` and `tls`, which follow their files.

use std::path::Path;
use std::time::{Duration, SystemTime};

/// Time between two looks, in the world's time. What is written whole is in force after two of
/// them at the latest, so that this is also half the time in which a stolen token that was struck
/// out still opens the door.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);

/// When a file was written last; nothing where that cannot be told.
pub(crate) type Stamp = Option<SystemTime>;

/// The stamp of a file. Ask before reading: what is written after that shows at the next look.
pub(crate) fn stamp(path: &Path) -> Stamp {
    std::fs::metadata(path).and_then(|told| told.modified()).ok()
}

/// Looks in a row that all saw something new, half a minute of them, after which waiting is a
/// fault: somebody writes it again and again, and what was struck out of it stays in force.
const MOVING_LOOKS_MAX: u32 = 15;

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The look before saw the same.
    Rest,
    /// It did not: wait.
    Moving,
    /// No look of late saw what the one before did.
    Restless,
}

/// What the last look saw.
#[derive(Debug)]
pub(crate) struct Settled<T> {
    seen: Option<T>,
    moving: u32,
}

impl<T: PartialEq> Settled<T> {
    /// What this look comes to.
    pub(crate) fn look(&mut self, seen: T) -> Look {
        if self.seen.as_ref() == Some(&seen) {
            self.moving = 0;
            return Look::Rest;
        }
        self.seen = Some(seen);
        self.moving = self.moving.saturating_add(1);
        if self.moving > MOVING_LOOKS_MAX { Look::Restless } else { Look::Moving }
    }
}

impl<T> Default for Settled<T> {
    fn default() -> Self {
        Self { seen: None, moving: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_looks_in_a_row_saw_is_at_rest_and_what_never_rests_is_told() {
        use Look::{Moving, Rest, Restless};
        let mut settled = Settled::default();
        let told = ["a", "b", "b", "b", "a"].map(|seen| settled.look(seen));
        assert_eq!(told, [Moving, Moving, Rest, Rest, Moving]);
        let (mut settled, looks) = (Settled::default(), MOVING_LOOKS_MAX);
        assert!((0..looks).all(|seen| settled.look(seen) == Moving));
        assert_eq!((settled.look(looks), settled.look(looks)), (Restless, Rest));
        assert_eq!(settled.look(0), Moving, "it begins anew");
    }

    #[test]
    fn a_file_that_was_written_again_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(stamp(&path), None);
        std::fs::write(&path, "text").unwrap();
        let first = stamp(&path);
        let later = first.unwrap() + Duration::from_secs(1);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        assert_eq!(stamp(&path), Some(later));
    }
}
