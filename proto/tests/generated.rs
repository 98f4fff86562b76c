//! Generated code equals what the `.proto` files say.
//!
//! Regenerates in a temporary folder and compares. A difference is written back, so that one run
//! of this test is how code is generated; with `CI` set it only fails.

use prost::Message as _;
use std::path::{Path, PathBuf};

const FILES: [&str; 9] = [
    "spend.proto",
    "outcome.proto",
    "spend_service.proto",
    "multiplier.proto",
    "multiplier_service.proto",
    "catalogue.proto",
    "admin.proto",
    "past.proto",
    "admin_service.proto",
];

fn room() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Code and descriptor set, made anew.
fn generate(out: &Path) -> (Vec<u8>, Vec<u8>) {
    let files = FILES.map(|file| format!("paceline/v1/{file}"));
    let descriptors = protox::compile(files, [room()]).expect("the .proto files compile");
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .client_mod_attribute(".", "#[cfg(feature = \"client\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"server\")]")
        .out_dir(out)
        .compile_fds(descriptors.clone())
        .expect("descriptors make code");
    let code = std::fs::read(out.join("paceline.v1.rs")).expect("the generator writes its file");
    (code, descriptors.encode_to_vec())
}

#[test]
fn generated_code_equals_the_contract() {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated");
    std::fs::create_dir_all(&out).unwrap();
    let (code, descriptors) = generate(&out);
    let made = [("paceline.v1.rs", code), ("paceline.v1.bin", descriptors)];
    let mut stale = Vec::new();
    for (name, bytes) in made {
        let path = room().join("src/gen").join(name);
        if std::fs::read(&path).ok().as_ref() == Some(&bytes) {
            continue;
        }
        stale.push(name);
        if std::env::var_os("CI").is_none() {
            std::fs::write(&path, bytes).unwrap();
        }
    }
    assert!(stale.is_empty(), "{stale:?} differed from the .proto files; outside CI now rewritten");
}

#[test]
fn every_contract_file_is_generated_from() {
    let mut found: Vec<String> = std::fs::read_dir(room().join("paceline/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut listed = FILES.map(str::to_owned);
    listed.sort();
    assert_eq!(found, listed);
}
