//! A file that an engine opens, with all it writes meanwhile taken down, so that a damaged file
//! which it refuses in the end is put back as it was.
//!
//! redb tries to repair what it finds, and may have written by the time it gives up. Called by the
//! embedded store when it opens its file.

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What stood in the file; as much as was written over, until it is forgotten.
#[derive(Debug)]
struct Before {
    len: u64,
    /// Where, and what: the oldest first.
    bytes: Vec<(u64, Vec<u8>)>,
}

/// What an engine has done to a file so far; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Undo(Arc<Mutex<Option<Before>>>);

impl Undo {
    fn before(&self) -> MutexGuard<'_, Option<Before>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file is sound: from now on nothing is taken down.
    pub(super) fn forget(&self) {
        *self.before() = None;
    }

    /// Puts the file back; the engine has let go of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn put_back(&self, path: &Path) -> io::Result<()> {
        let Some(before) = self.before().take() else { return Ok(()) };
        if before.bytes.is_empty() && path.metadata()?.len() == before.len {
            return Ok(());
        }
        let mut file = OpenOptions::new().write(true).open(path)?;
        for (at, bytes) in before.bytes.iter().rev() {
            file.seek(SeekFrom::Start(*at))?;
            file.write_all(bytes)?;
        }
        file.set_len(before.len)?;
        file.sync_all()
    }
}

/// The file as the engine sees it.
#[derive(Debug)]
pub(super) struct Watched {
    file: FileBackend,
    undo: Undo,
}

impl Watched {
    /// Takes down what is written, from now until `undo` forgets.
    ///
    /// # Errors
    /// When the file's length cannot be read.
    pub(super) fn new(file: FileBackend, undo: Undo) -> io::Result<Self> {
        *undo.before() = Some(Before { len: file.len()?, bytes: Vec::new() });
        Ok(Self { file, undo })
    }

    /// Takes down what stands in the first file from `at` on, `len` bytes at most.
    fn note(&self, at: u64, len: u64) -> io::Result<()> {
        let mut before = self.undo.before();
        let Some(before) = before.as_mut() else { return Ok(()) };
        let end = at.saturating_add(len).min(before.len).min(self.file.len()?);
        if let Ok(len @ 1..) = usize::try_from(end.saturating_sub(at)) {
            let mut bytes = vec![0; len];
            self.file.read(at, &mut bytes)?;
            before.bytes.push((at, bytes));
        }
        Ok(())
    }
}

impl StorageBackend for Watched {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.note(len, u64::MAX)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.note(offset, data.len() as u64)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_written_cut_and_grown_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let sound: Vec<u8> = (0..=255).collect();
        std::fs::write(&path, &sound).unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let undo = Undo::default();
        let watched = Watched::new(FileBackend::new(open()).unwrap(), undo.clone()).unwrap();
        watched.write(10, &[1; 20]).unwrap();
        watched.write(20, &[2; 20]).unwrap();
        watched.set_len(100).unwrap();
        watched.set_len(400).unwrap();
        watched.write(90, &[3; 300]).unwrap();
        watched.close().unwrap();
        drop(watched);
        undo.put_back(&path).unwrap();
        assert!(std::fs::read(&path).unwrap() == sound);
        // Once it is known to be sound it stays as it is written.
        let watched = Watched::new(FileBackend::new(open()).unwrap(), undo.clone()).unwrap();
        undo.forget();
        watched.write(0, &[9]).unwrap();
        undo.put_back(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap()[0], 9);
    }
}
