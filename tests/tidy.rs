//! Rules of the repository that no compiler holds: shape of files, who may know whom, which crates
//! come in, what the docs name, how the protocol is spelt.
//!
//! Plain tests on the standard library alone. Each names file, line and rule, and tells every
//! fault at once.

#[path = "tidy/crates.rs"]
mod crates;
#[path = "tidy/edges.rs"]
mod edges;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/paper.rs"]
mod paper;

use std::fmt::Write;
use std::path::Path;

/// Lines beyond which a file is hard to hold in one's head.
const LINES_MAX: usize = 500;
/// Tables may be longer: they are looked things up in, not read.
const TABLES: [&str; 2] = ["src/service/telemetry/metric.rs", "src/service/store/redis/keys.rs"];
/// Characters in a line of code.
const WIDTH_MAX: usize = 100;
/// Folders that hold nothing of ours, or what tools made.
const SKIPPED: [&str; 5] = ["target", ".git", "paceline-data", "gen", "proptest-regressions"];
/// Endings of the files that are looked into; plus `run`.
const TEXT: [&str; 9] = ["rs", "toml", "md", "proto", "lua", "yml", "yaml", "txt", "css"];

/// A text file of the repository.
struct File {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether all of it is test code.
    fn is_test(&self) -> bool {
        let ends = ["/tests.rs", "_tests.rs"].iter().any(|end| self.path.ends_with(end));
        ends || self.path.split('/').any(|part| part == "tests")
    }

    /// Numbered lines up to the test module at the end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.is_test();
        self.lines().take_while(move |(_, line)| all || *line != "#[cfg(test)]")
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of ours, in order of path.
fn files() -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("folders of the repository are readable") {
            let path = entry.expect("entries of a folder are readable").path();
            let name =
                path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if name == "run" || TEXT.iter().any(|end| name.ends_with(&format!(".{end}"))) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> File {
    let relative = path
        .strip_prefix(root())
        .expect("found below the root")
        .to_string_lossy()
        .replace('\\', "/");
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{relative}: {error}"));
    File { path: relative, text }
}

/// Every fault of one rule, told together.
#[derive(Default)]
struct Faults(String);

impl Faults {
    fn add(&mut self, path: &str, line: usize, rule: &str) {
        writeln!(self.0, "{path}:{line}: {rule}").expect("text takes any text");
    }

    fn none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}

/// Whether `word` stands in `line` between other characters than letters, digits and `_`.
fn has_word(line: &str, word: &str) -> bool {
    let outside = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    line.match_indices(word).any(|(at, _)| {
        outside(line[..at].chars().next_back()) && outside(line[at + word.len()..].chars().next())
    })
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let mut faults = Faults::default();
    for file in files().iter().filter(|file| file.is_rust()) {
        if !file.text.starts_with("//!") {
            faults.add(&file.path, 1, "must open with `//!`: what it holds, who calls it");
        }
    }
    faults.none();
}

#[test]
fn files_are_short_enough_to_read() {
    let mut faults = Faults::default();
    for file in files().iter().filter(|file| file.is_rust() && !file.is_test()) {
        let lines = file.code().count();
        if lines > LINES_MAX && !TABLES.contains(&file.path.as_str()) {
            let rule = format!("has {lines} lines before its tests, {LINES_MAX} are the most");
            faults.add(&file.path, lines, &rule);
        }
    }
    faults.none();
}

#[test]
fn lines_are_clean_and_not_too_wide() {
    let mut faults = Faults::default();
    for file in files() {
        for (at, line) in file.lines() {
            if line.contains('\t') {
                faults.add(&file.path, at, "has a tab");
            }
            if line.ends_with(' ') {
                faults.add(&file.path, at, "has white space at its end");
            }
            // Text that must match to the byte cannot be wrapped.
            let is_exact = line.contains("r#\"");
            if file.is_rust() && !is_exact && line.chars().count() > WIDTH_MAX {
                faults.add(&file.path, at, "is wider than 100 characters");
            }
        }
        let is_golden = file.path.contains("/golden/");
        if !is_golden && !file.text.is_empty() {
            let end = file.text.trim_end_matches('\n').len() + 1;
            if end != file.text.len() {
                faults.add(&file.path, file.lines().count(), "must end with one newline");
            }
        }
    }
    faults.none();
}

#[test]
fn nothing_is_left_for_later() {
    // In two parts, so that this file does not find itself.
    let words =
        [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK")].map(|(a, b)| a.to_owned() + b);
    let mut faults = Faults::default();
    for file in files() {
        for (at, line) in file.lines() {
            for word in words.iter().filter(|word| has_word(line, word)) {
                // The currency of an arbitrary unit is called so.
                let is_currency = word.len() == 3;
                if !is_currency || line.contains(&format!("// {word}")) {
                    faults.add(&file.path, at, &format!("says {word}: do it, or drop it"));
                }
            }
        }
    }
    faults.none();
}

#[test]
fn no_machine_is_named() {
    let places = ["/home", "/root", "/work", "/Users"].map(|place| format!("{place}{}", '/'));
    let mut faults = Faults::default();
    for file in files() {
        for (at, line) in file.lines() {
            for place in &places {
                let begins = |(at, _): (usize, &str)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_')
                };
                if line.match_indices(place.as_str()).any(begins) {
                    faults.add(&file.path, at, &format!("names a place on one machine, {place}"));
                }
            }
        }
    }
    faults.none();
}

#[test]
fn modules_are_files_named_after_themselves_and_all_are_reached() {
    let mut faults = Faults::default();
    let files = files();
    let text = |path: &str| files.iter().find(|f| f.path == path).map(|f| f.text.as_str());
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test()) {
        let (folder, name) = file.path.rsplit_once('/').expect("no source lies at the root");
        let name = name.trim_end_matches(".rs");
        if name == "mod" {
            faults.add(&file.path, 1, "is called mod.rs: name it after its folder, beside it");
        }
        let is_root = matches!(name, "lib" | "main" | "build");
        let is_target = ["benches", "examples", "bin"].iter().any(|at| folder.contains(at));
        if is_root || is_target {
            continue;
        }
        let parents =
            [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
        let line = format!("mod {name}");
        let declares = |parent: &String| text(parent).is_some_and(|text| has_word(text, &line));
        if !parents.iter().any(declares) {
            faults.add(&file.path, 1, "is reached by no `mod` line");
        }
    }
    faults.none();
}
