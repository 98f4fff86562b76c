//! Finished runs, a line of JSON each, so that a long trial can go on where it stopped.
//!
//! A run is known by its world's file, its contender, its seed and the program that made it:
//! another build might pace otherwise. Lines are appended as runs finish; one that was cut off by a
//! kill is the last, and is dropped; a file that begins with anything else is not ours and stays as
//! it is. One program writes a store at a time. Called by `compare`.

use super::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What tells a run from every other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Of the world's file.
    world_digest: String,
    /// Under whom.
    contender: String,
    /// What seeded it.
    seed: u64,
    /// Version and digest of the program.
    program: String,
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
struct Record<'a> {
    key: std::borrow::Cow<'a, Key>,
    outcome: std::borrow::Cow<'a, Outcome>,
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// When the file cannot be opened, read, cut or written.
    #[error("the file cannot be used")]
    File(#[from] io::Error),
    /// When another program has it open.
    #[error("another program writes it")]
    Busy,
    /// When a line before the last is not a run.
    #[error("line {line} is not a run")]
    Line {
        /// From one.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    program: String,
    known: BTreeMap<Key, Outcome>,
    file: Mutex<File>,
    /// Whether a last line was cut off, and dropped.
    pub was_cut: bool,
}

impl Store {
    /// Opens a store, which is made where there is none, for runs of this program.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path, program: &str) -> Result<Self, StoreError> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(StoreError::Busy),
            Err(std::fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (known, sound) = read(&bytes)?;
        let was_cut = sound < bytes.len();
        if was_cut {
            file.set_len(u64::try_from(sound).unwrap_or(u64::MAX))?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok(Self { program: program.to_owned(), known, file: Mutex::new(file), was_cut })
    }

    /// The key of a run of this program.
    #[must_use]
    pub fn key(&self, world_digest: &str, contender: &str, seed: u64) -> Key {
        Key {
            world_digest: world_digest.to_owned(),
            contender: contender.to_owned(),
            seed,
            program: self.program.clone(),
        }
    }

    /// A run that was there when the store was opened.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Outcome> {
        self.known.get(key)
    }

    /// Appends a run.
    ///
    /// # Errors
    /// [`StoreError::File`].
    ///
    /// # Panics
    /// Never: an outcome holds only numbers, texts and lists.
    pub fn put(&self, key: &Key, outcome: &Outcome) -> Result<(), StoreError> {
        use std::borrow::Cow::Borrowed;
        let record = Record { key: Borrowed(key), outcome: Borrowed(outcome) };
        let mut line = serde_json::to_vec(&record).expect("an outcome is all numbers and texts");
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // All at once, so that a kill cuts off no more than this line.
        Ok(file.write_all(&line)?)
    }
}

/// Whether bytes may be the beginning of a record's line.
fn is_begun(line: &[u8]) -> bool {
    let opening = br#"{"key":{"world_digest":""#;
    let common = opening.len().min(line.len());
    line[..common] == opening[..common]
}

/// The runs, and how many bytes of whole lines they take.
fn read(bytes: &[u8]) -> Result<(BTreeMap<Key, Outcome>, usize), StoreError> {
    let mut known = BTreeMap::new();
    let mut sound = 0;
    for (place, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let is_last = sound + line.len() == bytes.len();
        match serde_json::from_slice::<Record<'_>>(line) {
            Ok(record) if line.ends_with(b"\n") => {
                known.insert(record.key.into_owned(), record.outcome.into_owned());
            }
            Ok(_) => break,
            // Without the line's end a kill may have cut it off; at its first bytes it is ours.
            Err(_) if is_last && !line.ends_with(b"\n") && is_begun(line) => break,
            Err(source) => return Err(StoreError::Line { line: place + 1, source }),
        }
        sound += line.len();
    }
    Ok((known, sound))
}
