//! Files that are looked at again and again, and taken only once they have come to rest.
//!
//! Whoever writes a file in place writes it bit by bit, and half a file may read as a whole one:
//! half a list of tokens locks out the rest, half a list of authorities too. So what a look sees is
//! taken only if the look before it saw the same: the same bytes, written at the same moment. A
//! writer that rests within a file for longer than the time between two looks is not noticed;
//! writing beside and renaming is safe whatever the time. Knows no file's form. Used by `auth` and
//! `tls`, which follow their files.

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

/// What the last look saw.
#[derive(Debug)]
pub(crate) struct Settled<T>(Option<T>);

impl<T: PartialEq> Settled<T> {
    /// Whether the look before this saw the same.
    pub(crate) fn is_same(&mut self, seen: T) -> bool {
        let is_same = self.0.as_ref() == Some(&seen);
        self.0 = Some(seen);
        is_same
    }

    /// A look that saw nothing: the next one is as good as the first.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

impl<T> Default for Settled<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_looks_in_a_row_saw_is_taken_and_a_gap_begins_anew() {
        let mut settled = Settled::default();
        let told = ["a", "b", "b", "b", "a"].map(|seen| settled.is_same(seen));
        assert_eq!(told, [false, false, true, true, false]);
        settled.forget();
        assert!(!settled.is_same("a") && settled.is_same("a"));
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
