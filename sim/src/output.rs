//! Where results go: standard output, and the files that were asked for.
//!
//! Called by `main`, command by command.

use anyhow::Context;
use paceline_sim::args::study::Common;
use paceline_sim::report::{RunReport, page, render};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Writes a text where it was asked for.
pub(crate) fn write_text(path: Option<&Path>, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text()).with_context(|| format!("writing {}", path.display()))
}

/// Writes to standard output; that whoever read it has seen enough is no failure.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("writing to standard output"),
    }
}

/// What a study found: as text, and where else it was asked for.
pub(crate) fn show(
    common: &Common,
    text: &str,
    json: impl FnOnce() -> String,
    html: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    say(text)?;
    write_text(common.json.as_deref(), json)?;
    write_text(common.html.as_deref(), html)
}

/// One report as it is; several as a list, and on one page as a table of worlds.
pub(crate) fn write_reports(
    reports: &[RunReport],
    json: Option<&Path>,
    html: Option<&Path>,
) -> anyhow::Result<()> {
    if let [report] = reports {
        return write_report(report, json, html);
    }
    write_text(json, || {
        let parts: Vec<String> = reports.iter().map(render::to_json).collect();
        format!("[\n{}]\n", parts.join(","))
    })?;
    write_text(html, || page::all_to_html(reports))
}

pub(crate) fn write_report(
    report: &RunReport,
    json: Option<&Path>,
    html: Option<&Path>,
) -> anyhow::Result<()> {
    write_text(json, || render::to_json(report))?;
    write_text(html, || page::to_html(report))
}
