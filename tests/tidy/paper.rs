//! What is written beside the code: paths named in docs, scenarios that say what should happen,
//! spelling of the protocol.

use super::{Faults, File, files, root};

/// What a path of ours begins with.
const TOPS: [&str; 9] =
    ["src/", "sim/", "proto/", "docs/", "tests/", "config/", "packaging/", ".ci/", ".cargo/"];

/// Words in back-ticks outside code blocks, with their lines.
fn quoted(file: &File) -> Vec<(usize, String)> {
    let mut is_block = false;
    let mut words = Vec::new();
    for (at, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            let parts = line.split('`').skip(1).step_by(2);
            words.extend(parts.map(|word| (at, word.to_owned())));
        }
    }
    words
}

#[test]
fn every_path_the_docs_name_exists() {
    let mut faults = Faults::default();
    for file in files().iter().filter(|file| file.path.ends_with(".md")) {
        for (at, word) in quoted(file) {
            let is_pattern = word.contains(['*', '<', '{', '…', ' ', '$']);
            if is_pattern || !TOPS.iter().any(|top| word.starts_with(top)) {
                continue;
            }
            let path = word.split([':', '#']).next().unwrap_or_default();
            if !root().join(path).exists() {
                faults.add(&file.path, at, &format!("names `{path}`, which does not exist"));
            }
        }
    }
    faults.none();
}

#[test]
fn every_scenario_says_what_should_happen() {
    let mut faults = Faults::default();
    for file in files() {
        let is_scenario = file.path.starts_with("sim/scenarios/") && file.path.ends_with(".toml");
        if is_scenario && !file.text.starts_with("# ") {
            faults.add(&file.path, 1, "must open with a comment: what should happen");
        }
    }
    faults.none();
}

/// `SpendVerdict` as `SPEND_VERDICT`.
fn screaming(name: &str) -> String {
    let mut text = String::new();
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            text.push('_');
        }
        text.push(c.to_ascii_uppercase());
    }
    text
}

fn judge_proto(file: &File, faults: &mut Faults) {
    let mut open_enum: Option<String> = None;
    for (at, line) in file.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let words: Vec<_> = line.split_whitespace().collect();
        let mut fault = |rule: &str| faults.add(&file.path, at, rule);
        match words[..] {
            ["enum", name, ..] => open_enum = Some(screaming(name)),
            ["service", name, ..] if !name.ends_with("Service") => fault("a service is a …Service"),
            ["rpc", ..] => judge_rpc(line, &mut fault),
            ["double" | "float", ..] | [_, "double" | "float", ..] => {
                fault("numbers on the wire are whole");
            }
            ["package", name] if name != "paceline.v1;" => fault("the package is paceline.v1"),
            [name, "=", number, ..] => {
                if let Some(prefix) = &open_enum {
                    let zero = format!("{prefix}_UNSPECIFIED");
                    if !name.starts_with(&format!("{prefix}_")) {
                        fault("an enum's values begin with its name");
                    }
                    if (number == "0;") != (name == zero) {
                        fault("an enum's zero is …_UNSPECIFIED");
                    }
                }
            }
            ["}"] => open_enum = None,
            _ => {}
        }
    }
}

/// `rpc ReportSpend(ReportSpendRequest) returns (ReportSpendResponse);`, either side streamed.
fn judge_rpc(line: &str, fault: &mut impl FnMut(&str)) {
    let plain = line.replace("stream ", "");
    let parts: Vec<_> = plain.split(['(', ')']).map(str::trim).collect();
    let name = parts[0].trim_start_matches("rpc ").trim();
    let expected = [format!("{name}Request"), format!("{name}Response")];
    let types: Vec<_> = [1, 3].iter().filter_map(|at| parts.get(*at)).collect();
    if types.len() == 2 && (*types[0] != expected[0] || *types[1] != expected[1]) {
        fault("a call has its own …Request and …Response");
    }
}

#[test]
fn the_protocol_is_spelt_as_it_should_be() {
    let mut faults = Faults::default();
    for file in files().iter().filter(|file| file.path.ends_with(".proto")) {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let lower = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.' || c.is_ascii_digit();
        if !name.chars().all(lower) || !file.path.contains("paceline/v1/") {
            faults.add(&file.path, 1, "files are paceline/v1/lower_snake.proto");
        }
        judge_proto(file, &mut faults);
    }
    faults.none();
}

#[test]
fn screaming_names_keep_their_words_apart() {
    assert_eq!(screaming("SpendVerdict"), "SPEND_VERDICT");
}
