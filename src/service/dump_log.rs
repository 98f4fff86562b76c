//! `paceline dump-log`: a partition's log, from its beginning or from its last checkpoint, as a
//! journal file that the simulator runs again.
//!
//! Knows a store that is open and the engine's configuration; not where either came from. Called by
//! `app`.

use crate::control_loop::snapshot;
use crate::journal::{JournalWriteError, dump_log};
use crate::store::{Offset, Store, StoreError};
use paceline_core::engine::{EngineConfig, EngineState};
use paceline_core::journal::JournalHeader;
use paceline_core::pace::ShippedState;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// What is wanted.
#[derive(Debug, Clone)]
pub struct DumpRequest {
    /// Whether to begin at the last checkpoint instead of at the log's beginning.
    pub from_checkpoint: bool,
    /// The file to write.
    pub out: PathBuf,
    /// Whether a file that is there may be replaced.
    pub is_forced: bool,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// When the file is there and may not be replaced.
    #[error("--out is {} and is there already; name another file, or say --force", .0.display())]
    Exists(PathBuf),
    /// When the file cannot be made.
    #[error("making {}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// When no checkpoint was ever saved.
    #[error("partition {0} has no checkpoint yet; leave --from-checkpoint out")]
    NoCheckpoint(u8),
    /// When another version of the program saved it.
    #[error("the checkpoint of partition {0} is of another version; leave --from-checkpoint out")]
    OtherVersion(u8),
    /// When the checkpoint cannot be loaded.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// When the log cannot be copied.
    #[error(transparent)]
    Journal(#[from] JournalWriteError),
}

/// Writes the file, whole or not at all; returns how many records are in it. `engine` says which
/// partition.
///
/// # Errors
/// [`DumpError`]; what was begun is removed.
pub async fn dump(
    store: &Store,
    engine: EngineConfig,
    request: &DumpRequest,
) -> Result<u64, DumpError> {
    let out = &request.out;
    if !request.is_forced && out.exists() {
        return Err(DumpError::Exists(out.clone()));
    }
    let (after, state) =
        if request.from_checkpoint { load(store, engine).await? } else { (Offset::START, None) };
    let header = JournalHeader::new(engine.partition, engine, state);
    let part = part_of(out);
    let written = write(store, after, &header, &part).await;
    let named = written.and_then(|count| {
        fs::rename(&part, out).map_err(|source| DumpError::File { path: out.clone(), source })?;
        Ok(count)
    });
    if named.is_err() {
        // What cannot be removed was perhaps never made.
        let _ = fs::remove_file(&part);
    }
    named
}

/// The file that grows until it is whole.
fn part_of(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    out.with_file_name(name)
}

/// Where the last checkpoint stands, and its state.
async fn load(
    store: &Store,
    engine: EngineConfig,
) -> Result<(Offset, Option<EngineState<ShippedState>>), DumpError> {
    let number = engine.partition.0;
    let checkpoint = store.load_checkpoint(engine.partition).await?;
    let checkpoint = checkpoint.ok_or(DumpError::NoCheckpoint(number))?;
    let state = snapshot::decode(&checkpoint.bytes).ok_or(DumpError::OtherVersion(number))?;
    Ok((checkpoint.offset, Some(state)))
}

async fn write(
    store: &Store,
    after: Offset,
    header: &JournalHeader<EngineConfig, EngineState<ShippedState>>,
    part: &Path,
) -> Result<u64, DumpError> {
    let file = |source| DumpError::File { path: part.to_owned(), source };
    let out = File::create(part).map_err(file)?;
    let count = dump_log(store, header.partition, after, header, BufWriter::new(&out)).await?;
    out.sync_all().map_err(file)?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Checkpoint, EmbeddedStore};
    use paceline_core::engine::{Applied, Engine};
    use paceline_core::hash::Digest;
    use paceline_core::input::{Input, Stamped};
    use paceline_core::journal::JournalRecord;
    use paceline_core::units::{Epoch, Timestamp};
    use std::io::BufRead as _;

    fn record(micros: i64, input: Input) -> Stamped {
        Stamped { at: Timestamp::from_micros(micros), input }
    }

    /// Reads a journal back and decides again; the digests.
    fn replayed(path: &Path) -> Vec<Digest> {
        let mut lines = std::io::BufReader::new(File::open(path).unwrap()).lines();
        type Header = JournalHeader<EngineConfig, EngineState<ShippedState>>;
        let header: Header = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        header.check().unwrap();
        let mut engine: Engine = match header.snapshot {
            Some(state) => Engine::restore(header.config, state),
            None => Engine::new(header.config),
        };
        let mut digests = Vec::new();
        for line in lines {
            let line: JournalRecord = serde_json::from_str(&line.unwrap()).unwrap();
            let line = line.into_stamped();
            if let Applied::Ticked(tick) = engine.apply(line.at, &line.input) {
                digests.push(tick.digest);
            }
        }
        digests
    }

    #[tokio::test]
    async fn a_log_is_told_from_its_beginning_or_from_its_checkpoint_and_decides_alike() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::from(EmbeddedStore::in_memory(1).unwrap());
        let config = EngineConfig::default();
        let log = [
            record(1, Input::Lead(Epoch(1))),
            record(2, Input::Tick),
            record(3, Input::Tick),
            record(4, Input::Tick),
        ];
        let mut engine = Engine::new(config);
        let mut digests = Vec::new();
        let mut request = DumpRequest {
            from_checkpoint: true,
            out: folder.path().join("log.jsonl"),
            is_forced: false,
        };
        let early = dump(&store, config, &request).await.unwrap_err();
        assert!(matches!(early, DumpError::NoCheckpoint(0)), "{early}");
        for (index, stamped) in log.iter().enumerate() {
            let one = std::slice::from_ref(stamped);
            let offset = store.append(config.partition, None, one).await.unwrap();
            if let Applied::Ticked(tick) = engine.apply(stamped.at, &stamped.input) {
                digests.push(tick.digest);
            }
            if index == 1 {
                let bytes = {
                    let (segments, trail, recorder) = Default::default();
                    snapshot::encode(&segments, &trail, &recorder, engine.state()).unwrap()
                };
                let checkpoint = Checkpoint { epoch: Epoch(0), offset, bytes };
                store.save_checkpoint(config.partition, checkpoint).await.unwrap();
            }
        }
        assert_eq!(dump(&store, config, &request).await.unwrap(), 2);
        assert_eq!(replayed(&request.out), digests[1..]);
        let again = dump(&store, config, &request).await.unwrap_err();
        assert!(again.to_string().contains("is there already"), "{again}");
        request.is_forced = true;
        request.from_checkpoint = false;
        assert_eq!(dump(&store, config, &request).await.unwrap(), 4);
        assert_eq!(replayed(&request.out), digests);
        assert!(!part_of(&request.out).exists());
    }
}
