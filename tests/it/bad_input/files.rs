//! Files the program is started with: configurations, a folder in use, a store that is damaged.

use super::{Bench, SPENT, standing};
use crate::harness::{Setup, Told};
use std::path::{Path, PathBuf};

/// Words as a command takes them.
fn words(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

/// Every faulty configuration there is: the first line of each file is the complaint it must get.
pub(super) async fn configurations(bench: &mut Bench) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 30, "one file per rule");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let due = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap();
        let path = file.display().to_string();
        let Told { code, err, .. } = bench.service.command(&["check-config", &path]).await;
        assert_eq!(code, 64, "{path}: {err}");
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let said = err.replace(&path, &format!("{name}.toml"));
        bench.case(&format!("configuration {name}"), said, &[due]).await;
    }
    let Told { code, err, .. } = bench.service.command(&["check-config", "no-such.toml"]).await;
    assert_eq!(code, 64, "{err}");
    bench.case("a configuration that is not there", err, &["no-such.toml", "cannot be read"]).await;
    let folder = bench.service.folder();
    let (config, missing) = (folder.join("names.toml"), folder.join("no-such-file"));
    let text = format!("[catalog]\nfile = {missing:?}\n[server]\ntokens_file = {missing:?}\n");
    std::fs::write(&config, text).unwrap();
    let path = config.display().to_string();
    let Told { code, err, .. } = bench.service.command(&["check-config", &path]).await;
    assert_eq!(code, 64, "{err}");
    let due = ["names.toml:2: catalog.file = ", "names.toml:4: server.tokens_file = \"***\""];
    bench.case("a configuration whose files are not there", err, &due).await;
    for (what, key, names) in [
        ("a certificate that is not there", "certificate", "server.tls_certificate_file"),
        ("tokens that are not there", "tokens", "server.tokens_file"),
    ] {
        let missing = bench.service.folder().join("no-such-file").display().to_string();
        let store = bench.service.folder().join("other").display().to_string();
        let mut settings = vec![format!("store.path={store}")];
        settings.extend(["grpc", "http"].map(|port| format!("server.{port}_listen=127.0.0.1:0")));
        match key {
            "certificate" => settings.extend(
                ["certificate", "key"].map(|part| format!("server.tls_{part}_file={missing}")),
            ),
            _ => settings.push(format!("server.tokens_file={missing}")),
        }
        let list: Vec<String> = std::iter::once("run".to_owned())
            .chain(settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]))
            .collect();
        let Told { code, err, .. } = bench.service.command(&words(&list)).await;
        assert_eq!(code, 1, "{err}");
        bench.case(what, last(&err), &["reading", names]).await;
    }
}

/// What the program says at its end; before it stands its log.
fn last(err: &str) -> String {
    err.lines().last().unwrap_or_default().to_owned()
}

/// Another process on the folder of the one that runs.
pub(super) async fn folder_in_use(bench: &mut Bench) {
    let mut list = vec!["run".to_owned()];
    list.extend(bench.service.settings());
    let Told { code, err, .. } = bench.service.command(&words(&list)).await;
    assert_eq!(code, 1, "{err}");
    let names = ["paceline.redb", "is open in another process", "choose another folder"];
    bench.case("a folder in use", last(&err), &names).await;
}

/// A way to spoil a store's file.
type Spoil = fn(&mut Vec<u8>);

const DAMAGES: &[(&str, Spoil)] = &[
    ("a file of text", |bytes| *bytes = b"this is no store\n".to_vec()),
    ("a file cut to its first kilobyte", |bytes| bytes.truncate(1_024)),
    ("a file cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
    ("a file of another kind of zeros", |bytes| bytes.fill(0)),
    ("a file whose beginning is lost", |bytes| bytes[..512].fill(0x5a)),
    ("a file with noise in the middle", |bytes| {
        for (at, byte) in bytes.iter_mut().enumerate().skip(8_192) {
            *byte ^= u8::try_from(at % 251).unwrap();
        }
    }),
];

#[tokio::test]
async fn a_damaged_store_is_told_by_path_and_left_as_it_is() {
    let mut bench = Bench::new(Setup::embedded()).await;
    assert!(bench.service.stop().await.success());
    let path = bench.service.folder().join("store").join("paceline.redb");
    let sound = std::fs::read(&path).unwrap();
    let mut list = vec!["run".to_owned()];
    list.extend(bench.service.settings());
    let mut told = Vec::new();
    for (what, spoil) in DAMAGES {
        let mut bytes = sound.clone();
        spoil(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        let Told { code, err, .. } = bench.service.command(&words(&list)).await;
        assert_eq!(code, 1, "{what}: {err}");
        let said = last(&err);
        let rule = "is damaged or not a paceline store, and was left as it is";
        for name in ["paceline.redb", rule, "restore a copy"] {
            assert!(said.contains(name), "{what}: does not name {name:?}: {err}");
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{what}: the file is untouched");
        told.push(format!("{what}\n      {said}"));
    }
    std::fs::write(&path, &sound).unwrap();
    list.extend(["--set".to_owned(), "partitions=2".to_owned()]);
    let Told { code, err, .. } = bench.service.command(&words(&list)).await;
    assert_eq!(code, 1, "{err}");
    let rule = "the store has 1 partitions, the configuration says 2: keep 1";
    assert!(last(&err).contains(rule), "{err}");
    told.push(format!("a store with another number of partitions\n      {}", last(&err)));
    for (at, told) in told.iter().enumerate() {
        println!("{:4}. {told}", at + 1);
    }
    bench.service.restart().await;
    let books = standing(&bench.service).await.unwrap().books;
    assert_eq!(books.spent_nanos, SPENT, "nothing was lost");
}
