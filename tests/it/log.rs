//! The log of a service under test, written down and folded through the engine again, record by
//! record.
//!
//! Read beside a service that is dead: from its Redis, or from a copy of its file, so that the file
//! is left as the service left it. Used by the tests that compare what happened with what the
//! engine knew.

use crate::harness::Service;
use paceline::app::engine_config;
use paceline::config::Config;
use paceline::control_loop::snapshot;
use paceline::journal::dump_log;
use paceline::store::{EmbeddedStore, Offset, RedisStore, Store};
use paceline_core::engine::{Applied, Engine};
use paceline_core::input::Stamped;
use paceline_core::journal::JournalHeader;
use paceline_core::units::PartitionId;
use paceline_sim::trace::journal;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

const P: PartitionId = PartitionId(0);

async fn open(service: &Service, copy: &Path) -> Store {
    if let Some(server) = service.redis() {
        return RedisStore::connect(&server.config(), 1).await.unwrap().into();
    }
    fs::create_dir_all(copy).unwrap();
    for file in fs::read_dir(service.folder().join("store")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    EmbeddedStore::open(copy, 1).unwrap().into()
}

/// Writes the log of partition 0 down, from its beginning, and replaces what is there. The service
/// is dead, and was told nothing that concerns its engine.
pub(crate) async fn dump(service: &Service, name: &str) -> PathBuf {
    write(service, name, false).await
}

/// The same from the last checkpoint.
pub(crate) async fn dump_from_checkpoint(service: &Service, name: &str) -> PathBuf {
    write(service, name, true).await
}

async fn write(service: &Service, name: &str, from_checkpoint: bool) -> PathBuf {
    let path = service.folder().join(name);
    let store = open(service, &path.with_extension("copy")).await;
    let (after, state) = if from_checkpoint {
        let checkpoint = store.load_checkpoint(P).await.unwrap().expect("a checkpoint was written");
        (checkpoint.offset, Some(snapshot::decode(&checkpoint.bytes).unwrap()))
    } else {
        (Offset::START, None)
    };
    let header = JournalHeader::new(P, engine_config(&Config::default(), P), state);
    let out = BufWriter::new(File::create(&path).unwrap());
    dump_log(&store, P, after, &header, out).await.unwrap();
    path
}

/// Folds a log. `look` is given the engine before each record, and applies it.
pub(crate) fn fold(path: &Path, mut look: impl FnMut(&mut Engine, &Stamped) -> Applied) {
    let (header, records) = journal::open(path).unwrap();
    let mut engine = match header.snapshot {
        Some(state) => Engine::restore(header.config, state),
        None => Engine::new(header.config),
    };
    for record in records {
        let (_, record) = record.unwrap();
        let _ = look(&mut engine, &record);
    }
}
