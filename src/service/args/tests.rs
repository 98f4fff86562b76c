//! The command line by itself, and as the docs show it.

use super::*;
use clap::CommandFactory;
use std::path::Path;

#[test]
fn the_command_line_is_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn a_share_beyond_every_bound_is_refused_in_the_words_it_was_typed_in() {
    let said = |words: &[&str]| {
        let line = ["paceline", "ctl", "fix", "c", "--for", "1h", "--reason", "a test"];
        let line = line.iter().chain(words);
        Arguments::try_parse_from(line).map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(said(&["500%"]).unwrap_err().contains("must be from 0% to 400%"));
    let participation = said(&["35%", "--participation", "101%"]);
    assert!(participation.unwrap_err().contains("must be from 0% to 100%"));
    assert_eq!(said(&["400%", "--participation", "100%"]), Ok(()));
}

#[test]
fn a_flag_names_the_file_before_the_environment_does() {
    let environment = vec![("PACELINE_CONFIG".to_owned(), "b.toml".to_owned())];
    let mut args = SettingArgs::default();
    assert_eq!(args.sources(environment.clone()).file, Some(PathBuf::from("b.toml")));
    args.config = Some(PathBuf::from("a.toml"));
    assert_eq!(args.sources(environment).file, Some(PathBuf::from("a.toml")));
}

/// Pages of the repository that show commands.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![
        root.join("README.md"),
        root.join("sim/README.md"),
        root.join("src/client/README.md"),
        root.join("config/paceline.toml"),
        root.join("config/prometheus/alerts.yml"),
    ];
    for folder in ["docs", "docs/adr"] {
        let found = std::fs::read_dir(root.join(folder)).unwrap();
        let found = found.map(|entry| entry.unwrap().path());
        paths.extend(found.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root).unwrap().display().to_string(), text)
    };
    paths.into_iter().map(read).collect()
}

/// Commands in a page: lines of code that begin with the program's name, and what stands between
/// back-ticks and does; the second kind may be a command's bare name.
fn shown(text: &str) -> Vec<(usize, bool, String)> {
    let (mut is_block, mut found) = (false, Vec::new());
    for (at, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        if bare.starts_with("```") {
            is_block = !is_block;
            continue;
        }
        let is_code = is_block || line.starts_with("    ");
        if is_code {
            let words = bare.trim_start_matches("$ ");
            let built = ["cargo run --release -- ", "cargo run -- "];
            let own = built.iter().find_map(|start| words.strip_prefix(start));
            let words = own.map_or_else(|| words.to_owned(), |own| format!("paceline {own}"));
            found.push((at + 1, true, words));
        } else {
            let parts = line.split('`').skip(1).step_by(2);
            found.extend(parts.map(|part| (at + 1, false, part.to_owned())));
        }
    }
    found.retain(|(_, _, words)| words.starts_with("paceline "));
    found
}

/// The words of a line as a shell takes them, up to a comment, a pipe or what goes on elsewhere.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#' | '|' | '>' | '&' | ';') if word.is_none() => break,
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// What stands for something else, as something that may stand there.
fn filled(word: &str) -> String {
    match word {
        "CHANGE" => "0-17".to_owned(),
        "SPAN" => "1h".to_owned(),
        "…" => "x".to_owned(),
        "https://…" => "https://paceline.example".to_owned(),
        word => word.to_owned(),
    }
}

/// Whether the words are the name of a command and nothing more.
fn is_name(words: &[String]) -> bool {
    let mut command = Arguments::command();
    for word in &words[1..] {
        let found = command.find_subcommand(word).cloned();
        let Some(below) = found else { return false };
        command = below;
    }
    true
}

/// Examples in the help of a command and of all below it.
fn examples(command: &clap::Command, found: &mut Vec<String>) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().map(str::trim).filter(|line| line.starts_with("paceline "));
    // What a line does stands beside it, apart by blanks.
    found.extend(lines.map(|line| line.split("   ").next().unwrap_or(line).to_owned()));
    for below in command.get_subcommands() {
        examples(below, found);
    }
}

#[test]
fn every_command_that_is_shown_can_be_typed() {
    let (mut faults, mut count) = (Vec::new(), 0);
    let mut judge = |place: String, is_whole: bool, line: &str| {
        let words: Vec<String> = words(line).iter().map(|word| filled(word)).collect();
        count += 1;
        if !is_whole && is_name(&words) {
            return;
        }
        use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
        match Arguments::try_parse_from(&words) {
            Ok(_) => {}
            Err(error) if [DisplayHelp, DisplayVersion].contains(&error.kind()) => {}
            Err(error) => faults.push(format!("{place}: {line}\n  {error}")),
        }
    };
    for (path, text) in pages() {
        for (at, is_whole, line) in shown(&text) {
            judge(format!("{path}:{at}"), is_whole, &line);
        }
    }
    let mut lines = Vec::new();
    examples(&Arguments::command(), &mut lines);
    for line in lines {
        judge("help".to_owned(), true, &line);
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(count > 40, "commands are found at all: {count}");
}

#[test]
fn words_are_taken_apart_as_a_shell_does() {
    let told = words("paceline ctl pause a --reason \"two words\" --match 'x-*' # why | what");
    assert_eq!(told[2..], ["pause", "a", "--reason", "two words", "--match", "x-*"]);
    assert!(is_name(&words("paceline ctl suspense list")));
    assert!(!is_name(&words("paceline ctl undo 0-17")));
}

/// The help of a command and of all below it, as a terminal a hundred wide shows it.
fn helps(command: &clap::Command, path: &str, told: &mut String) {
    let path = format!("{path}{}", command.get_name());
    let help = command.clone().term_width(100).render_long_help().to_string();
    *told += &format!("$ {path} --help\n{}\n\n", help.trim_end());
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        helps(below, &format!("{path} "), told);
    }
}

#[test]
fn the_help_of_every_command_is_as_it_was_agreed() {
    let mut command = Arguments::command();
    command.build();
    let mut told = String::new();
    helps(&command, "", &mut told);
    let told: String = told.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        assert!(std::env::var_os("CI").is_none(), "UPDATE_GOLDEN is refused in CI");
        std::fs::write(&path, &told).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(told == known, "tests/golden/help.txt is stale: run with UPDATE_GOLDEN=1");
}
