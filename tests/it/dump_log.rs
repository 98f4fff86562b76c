//! A log written out from either store: whole, or from the checkpoint on.

use crate::harness::{Service, Setup, on_each_store, until};
use crate::orders;
use paceline_core::engine::{Applied, Engine, EngineConfig, EngineState};
use paceline_core::hash::Digest;
use paceline_core::journal::{JournalHeader, JournalRecord};
use paceline_core::pace::ShippedState;
use std::path::Path;

/// Decides again what a journal tells: the digests, and whether a snapshot came first.
fn replayed(path: &Path) -> (Vec<Digest>, bool) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    type Header = JournalHeader<EngineConfig, EngineState<ShippedState>>;
    let header: Header = serde_json::from_str(lines.next().unwrap()).unwrap();
    header.check().unwrap();
    let has_snapshot = header.snapshot.is_some();
    let mut engine: Engine = match header.snapshot {
        Some(state) => Engine::restore(header.config, state),
        None => Engine::new(header.config),
    };
    let mut digests = Vec::new();
    for line in lines {
        let record: JournalRecord = serde_json::from_str(line).unwrap();
        let record = record.into_stamped();
        if let Applied::Ticked(tick) = engine.apply(record.at, &record.input) {
            digests.push(tick.digest);
        }
    }
    (digests, has_snapshot)
}

async fn dump(service: &Service, name: &str, more: &[&str]) -> crate::harness::Told {
    let out = service.folder().join(name);
    let settings = service.settings();
    let mut words = vec!["dump-log", "--out", out.to_str().unwrap()];
    words.extend(settings.iter().map(String::as_str));
    words.extend(more);
    service.command(&words).await
}

async fn ticked(setup: Setup) -> Service {
    let quick = [("loop.tick", "1s"), ("counters.poll_interval", "500ms")];
    let setup = quick.into_iter().fold(setup, |setup, (key, value)| setup.with(key, value));
    let setup = setup.with("log.checkpoint_interval", "1s");
    let service = setup.start().await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    until("some rounds and a checkpoint have passed", async || {
        let status = service.ctl(&["status", "--json"]).await.json();
        let part = &status["partitions"][0];
        let rounds = part["generation"]["sequence"].as_u64().unwrap_or_default();
        (rounds >= 3 && !part["checkpoint_age_seconds"].is_null()).then_some(())
    })
    .await;
    service
}

#[tokio::test]
async fn a_log_dumped_decides_as_it_did_from_the_start_or_from_the_checkpoint() {
    on_each_store(async |setup| {
        let mut service = ticked(setup).await;
        service.kill();
        let told = dump(&service, "whole.jsonl", &[]).await;
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
        let told = dump(&service, "tail.jsonl", &["--from-checkpoint"]).await;
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
        let (whole, has_snapshot) = replayed(&service.folder().join("whole.jsonl"));
        assert!(whole.len() >= 3 && !has_snapshot, "{} rounds", whole.len());
        let (tail, has_snapshot) = replayed(&service.folder().join("tail.jsonl"));
        assert!(has_snapshot && tail.len() < whole.len(), "{} rounds", tail.len());
        assert_eq!(tail, whole[whole.len() - tail.len()..]);

        let told = dump(&service, "whole.jsonl", &[]).await;
        assert_eq!(told.code, 1);
        assert!(told.err.contains("is there already") && told.err.contains("--force"), "{told:?}");
        let told = dump(&service, "other.jsonl", &["--partition", "9"]).await;
        assert_eq!(told.code, 1);
        assert!(told.err.contains("there is no partition 9"), "{told:?}");
        assert!(!service.folder().join("other.jsonl").exists());
    })
    .await;
}

#[tokio::test]
async fn a_store_in_use_is_told_of_and_one_that_is_not_there_is_not_made() {
    let service = Setup::embedded().start().await;
    let told = dump(&service, "log.jsonl", &[]).await;
    assert_eq!(told.code, 1);
    assert!(told.err.contains("is open in another process; stop that one"), "{told:?}");
    let empty = service.folder().join("empty");
    let path = format!("store.path={}", empty.display());
    let told = dump(&service, "log.jsonl", &["--set", &path]).await;
    assert_eq!(told.code, 1);
    assert!(told.err.contains("there is no store at"), "{told:?}");
    assert!(!empty.exists());
}
