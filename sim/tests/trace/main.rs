//! Traces from outside to figures: reading, refusing, replaying, generating, commanding.
//!
//! Tests that need the shared data find it through `PACELINE_DATA`, else beside the workspace.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bad_files;
mod bad_parquet;
mod command;
mod generated;
mod golden;
mod orders;
mod provided;
mod speed;

use std::path::{Path, PathBuf};

/// The shared data, or `None` after saying that the test is skipped.
fn shared_data(test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("PACELINE_DATA").map_or(root, PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    println!("{test}: skipped, no data at {}; set PACELINE_DATA", path.display());
    None
}

/// Writes a text file into a folder that is removed with the guard.
fn text_file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}
