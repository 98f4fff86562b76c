//! What the command line says of itself to shells and to `man`: completions and manual pages.
//!
//! Made from the same definition that is parsed, so that neither can lag behind it. Knows no
//! command's doing. Called by `main`, and by whoever packs the program.

use crate::args::Arguments;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::path::Path;

/// The script that lets `shell` complete this command line.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "paceline", &mut script);
    script
}

/// Writes the manual into `folder`, which is made where it is not there: a page a command. Returns
/// how many pages there are.
///
/// # Errors
/// When the folder or a page cannot be written.
pub fn manual(folder: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    let command = Arguments::command();
    let count = pages(&command);
    clap_mangen::generate_to(command, folder)?;
    Ok(count)
}

/// The command's own page, and one for each below it.
fn pages(command: &clap::Command) -> usize {
    1 + command.get_subcommands().map(pages).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_shell_is_given_a_script_that_knows_every_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(completions(*shell)).unwrap();
            for word in ["print-config", "partition-of", "suspense", "--token-file", "--dry-run"] {
                assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
            }
            assert_eq!(completions(*shell), script.as_bytes(), "{shell}: the same each time");
        }
    }

    #[test]
    fn every_command_has_a_page_with_its_name_and_its_flags() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("man/man1");
        let count = manual(&inner).unwrap();
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), count);
        assert!(count > 30, "{count}");
        let page = std::fs::read_to_string(inner.join("paceline-ctl-bulk-pause.1")).unwrap();
        for part in [".TH", ".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS", "request\\-id"] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
}
