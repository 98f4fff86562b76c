//! What only a file can suffer: another user, damage, another program's bytes.

use crate::arm::{P, PARTITIONS, claim, lead, read_all, ticks};
use paceline::store::embedded::FILE_NAME;
use paceline::store::{EmbeddedStore, Offset, Store, StoreFault};
use paceline_core::units::Epoch;
use std::path::Path;

fn open(folder: &Path) -> Store {
    EmbeddedStore::open(folder, PARTITIONS).unwrap().into()
}

#[tokio::test]
async fn a_reopened_file_holds_log_and_epoch_and_its_leads_are_void() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    lead(&store, &claim("a", 0)).await;
    let end = store.append(P, Some(Epoch(1)), &ticks(0..10)).await.unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.end(P).await.unwrap(), end);
    assert_eq!(read_all(&store, Offset::START, 100).await, ticks(0..10));
    // The lease of "a" would run for another 30 seconds; its process is known to be gone.
    assert_eq!(lead(&store, &claim("b", 1)).await.epoch, Epoch(2));
}

#[tokio::test]
async fn a_file_in_use_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path());
    let refused = EmbeddedStore::open(folder.path(), PARTITIONS).unwrap_err();
    let path = folder.path().join(FILE_NAME);
    assert_eq!(
        refused.fault().to_string(),
        format!(
            "{} is open in another process; stop that one or choose another folder",
            path.display()
        )
    );
}

#[tokio::test]
async fn the_number_of_partitions_is_fixed_at_first_start() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let refused = EmbeddedStore::open(folder.path(), 16).unwrap_err();
    assert_eq!(
        refused.fault().to_string(),
        "the store has 4 partitions, the configuration says 16: keep 4"
    );
    drop(open(folder.path()));
}

/// Damages the file of a store that was closed well, and says how it is refused.
async fn open_damaged(damage: impl Fn(&mut Vec<u8>)) -> StoreFault {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let store = open(folder.path());
    for _ in 0..20 {
        store.append(P, None, &ticks(0..1_000)).await.unwrap();
    }
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    damage(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    let error = EmbeddedStore::open(folder.path(), PARTITIONS).unwrap_err();
    assert!(error.to_string().ends_with(FILE_NAME) && !error.is_transient());
    assert!(std::fs::read(&path).unwrap() == bytes, "the damaged file is left as it was");
    let StoreFault::Damaged { path: named, source } = error.fault() else {
        panic!("{error}: {}", error.fault());
    };
    assert_eq!(*named, path);
    StoreFault::Damaged { path, source: source.to_string().into() }
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    // Another program's file, a file cut short, and one with a damaged page.
    open_damaged(|bytes| bytes[..16].copy_from_slice(b"SQLite format 3\0")).await;
    open_damaged(|bytes| bytes.truncate(3)).await;
    open_damaged(|bytes| bytes.truncate(bytes.len() / 2)).await;
    open_damaged(|bytes| bytes[64..4_096].fill(0xa5)).await;
    open_damaged(|bytes| bytes[4_096..].fill(0xa5)).await;
}
