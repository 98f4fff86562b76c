//! What the program is packed with: a unit for systemd, a recipe for an image, scripts for shells
//! and pages for `man`. Each is judged by the tool that reads it where that is at hand, and by what
//! can be known without it.

use clap::Parser as _;
use paceline::args::{Arguments, Command as Typed};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Runs a tool that may not be there.
fn tool(name: &str, words: &[&str]) -> Option<Output> {
    match Command::new(name).args(words).output() {
        Ok(told) => Some(told),
        Err(error) => {
            eprintln!("{name} cannot be started ({error}): left out");
            None
        }
    }
}

fn program(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_paceline")).args(words).output().unwrap()
}

/// The values of each key of a unit, by section.
fn unit(text: &str) -> BTreeMap<(String, String), Vec<String>> {
    let (mut section, mut found) = (String::new(), BTreeMap::new());
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        let values: &mut Vec<String> = found.entry((section.clone(), key.to_owned())).or_default();
        values.push(value.to_owned());
    }
    found
}

#[test]
fn the_unit_starts_what_there_is_and_waits_for_an_orderly_end() {
    let text = text("packaging/paceline.service");
    let unit = unit(&text);
    let value = |key: &str| unit[&("Service".to_owned(), key.to_owned())][0].clone();
    let line = value("ExecStart");
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[0], "/usr/local/bin/paceline");
    let typed = Arguments::try_parse_from(&words).unwrap().command;
    assert!(matches!(typed, Typed::Run(_)), "{typed:?}");
    // What RestartPreventExitStatus= heeds is the exit code of the program alone.
    assert!(!text.contains("ExecStartPre="), "a check before it would be tried for ever");
    assert_eq!(value("RestartPreventExitStatus"), "64", "the exit code of faulty configuration");
    // The stages of the end, as they are by default.
    let told = program(&["print-config", "--json"]);
    let settings: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let seconds = |value: &serde_json::Value| -> u64 {
        value["value"].as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap()
    };
    let stages = settings.as_object().unwrap().iter();
    let stages: Vec<_> = stages.filter(|(key, _)| key.starts_with("shutdown.")).collect();
    assert!(stages.len() >= 6, "{stages:?}");
    let total: u64 = stages.iter().map(|(_, value)| seconds(value)).sum();
    let patience: u64 = value("TimeoutStopSec").strip_suffix('s').unwrap().parse().unwrap();
    assert!(total < patience, "{total} s of stages in {patience} s");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paceline.service");
    let here = text.replace("/usr/local/bin/paceline", env!("CARGO_BIN_EXE_paceline"));
    std::fs::write(&path, here).unwrap();
    if let Some(told) = tool("systemd-analyze", &["verify", "--man=no", path.to_str().unwrap()]) {
        assert!(told.status.success() && told.stderr.is_empty(), "{told:?}");
    }
}

#[test]
fn the_recipe_for_an_image_copies_what_there_is_and_runs_as_nobody_in_particular() {
    let text = text("packaging/Dockerfile");
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let known = [
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    ];
    let all = |word: &str| -> Vec<&str> {
        lines.iter().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
    };
    for line in &lines {
        assert!(known.contains(&line.split(' ').next().unwrap()), "{line}");
    }
    for image in all("FROM") {
        let name = image.split(' ').next().unwrap();
        assert!(name.contains(':') && !name.ends_with(":latest"), "{image} may be anything");
    }
    let mut copied = Vec::new();
    for line in all("COPY").into_iter().filter(|line| !line.starts_with("--from=")) {
        let words: Vec<&str> = line.split(' ').collect();
        for path in &words[..words.len() - 1] {
            assert!(root().join(path).exists(), "{path} is not there");
            copied.push(*path);
        }
    }
    // Every member of the workspace is there to be built.
    let manifest: toml::Table = self::text("Cargo.toml").parse().unwrap();
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let folder = member.as_str().unwrap().split('/').next().unwrap();
        assert!(copied.contains(&folder), "{folder} is not copied");
    }
    let version = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    assert!(all("FROM")[0].starts_with(&format!("rust:{version}-")), "{:?}", all("FROM"));
    assert!(!["root", "0"].contains(&all("USER")[0]));
    let words = |line: &str| -> Vec<String> { serde_json::from_str(line).unwrap() };
    let line = [words(all("ENTRYPOINT")[0]), words(all("CMD")[0])].concat();
    assert!(matches!(Arguments::try_parse_from(line).unwrap().command, Typed::Run(_)));
    if let Some(told) = tool("hadolint", &["packaging/Dockerfile"]) {
        assert!(told.status.success(), "{told:?}");
    }
}

#[test]
fn the_program_writes_scripts_for_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let told = program(&["completions", shell]);
        assert!(told.status.success() && told.stderr.is_empty(), "{told:?}");
        let path = folder.path().join(shell);
        std::fs::write(&path, &told.stdout).unwrap();
        if let Some(told) = tool(shell, &["-n", path.to_str().unwrap()]) {
            assert!(told.status.success() && told.stderr.is_empty(), "{shell}: {told:?}");
        }
    }
    let told = program(&["completions", "nushell"]);
    assert_eq!(told.status.code(), Some(64), "{told:?}");
}

#[test]
fn the_program_writes_its_manual_and_a_formatter_has_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("man1");
    let told = program(&["man", inner.to_str().unwrap()]);
    assert!(told.status.success(), "{told:?}");
    let pages: Vec<PathBuf> =
        std::fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().path()).collect();
    let said = String::from_utf8(told.stdout).unwrap();
    assert_eq!(said, format!("{} pages in {}\n", pages.len(), inner.display()));
    for page in &pages {
        judge_page(page);
    }
    let told = program(&["man", "/proc/nowhere"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
}

fn judge_page(page: &Path) {
    let text = std::fs::read_to_string(page).unwrap();
    assert!(text.contains(".SH NAME\n") && text.contains(".SH SYNOPSIS\n"), "{}", page.display());
    let words = ["-man", "-Tutf8", "-ww", "-z", page.to_str().unwrap()];
    if let Some(told) = tool("groff", &words) {
        assert!(told.status.success() && told.stderr.is_empty(), "{told:?}");
    }
}
