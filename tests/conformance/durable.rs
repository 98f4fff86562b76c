//! What was answered survives a kill -9.

use crate::arm::{P, PARTITIONS, read_all, tick, ticks};
use paceline::store::{EmbeddedStore, Offset, Store};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// Tells the re-run test binary where to append.
const FOLDER: &str = "PACELINE_CONFORMANCE_FOLDER";

/// Not a test by itself: the process that is killed below. Appends without end and says what was
/// answered.
#[tokio::test]
async fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store: Store = EmbeddedStore::open(folder.as_ref(), PARTITIONS).unwrap().into();
    for micros in 0.. {
        store.append(P, None, &[tick(micros)]).await.unwrap();
        println!("\nappended {micros}");
    }
}

#[tokio::test]
async fn an_append_that_was_answered_survives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durable::the_process_that_is_killed", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answered = 0;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    for line in lines {
        if let Some(number) = line.strip_prefix("appended ") {
            answered = number.parse::<i64>().unwrap();
        }
        if answered == 50 {
            // SIGKILL, most likely with a commit at hand.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    let store: Store = EmbeddedStore::open(folder.path(), PARTITIONS).unwrap().into();
    let kept = read_all(&store, Offset::START, 100).await;
    let count = i64::try_from(kept.len()).unwrap();
    assert!(answered >= 50 && count > answered);
    assert_eq!(kept, ticks(0..count));
}
