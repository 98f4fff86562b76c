//! Which crates come in with core, client and simulator: committed lists, so that a new one is a
//! diff that a reader sees.

use super::root;
use std::process::Command;

/// Everything `package` links on Linux, by name, with the features that `features` asks for.
fn crates(package: &str, features: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--locked", "-e", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--target", "x86_64-unknown-linux-gnu", "-p", package])
        .args(features)
        .output()
        .expect("cargo runs us, so cargo is there");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "cargo tree -p {package}: {told}");
    let text = String::from_utf8(output.stdout).expect("crate names are ASCII");
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    names.retain(|name| *name != package);
    names.sort_unstable();
    names.dedup();
    names.iter().map(|name| format!("{name}\n")).collect()
}

fn compare(package: &str, features: &[&str], file: &str) {
    let path = root().join("tests/golden").join(file);
    let found = crates(package, features);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        assert!(std::env::var_os("CI").is_none(), "UPDATE_GOLDEN is refused in CI");
        std::fs::write(&path, &found).expect("golden files are writable");
    }
    let listed = std::fs::read_to_string(&path).unwrap_or_default();
    let missing = |from: &str, of: &str| -> Vec<String> {
        let lines = from.lines().filter(|name| !of.lines().any(|other| other == *name));
        lines.map(str::to_owned).collect()
    };
    assert!(
        found == listed,
        "tests/golden/{file}: new {:?}, gone {:?}; UPDATE_GOLDEN=1 rewrites it",
        missing(&found, &listed),
        missing(&listed, &found),
    );
}

#[test]
fn core_brings_in_only_what_is_listed() {
    compare("paceline-core", &[], "crates-core.txt");
}

#[test]
fn client_brings_in_only_what_is_listed() {
    compare("paceline-client", &[], "crates-client.txt");
}

#[test]
fn simulators_library_brings_in_only_what_is_listed() {
    // Its program may drive the service, and brings in all that the service does.
    compare("paceline-sim", &["--no-default-features"], "crates-sim.txt");
}
