//! What a change would do, as it stands before every button that makes one.
//!
//! Knows the admin service's answer alone. Called by the pages that change budgets and hands.

use crate::wire::admin::{preview_table, warning_table};
use paceline_proto::v1;
use paceline_view::{Block, Section};

/// Campaigns that are shown; more are counted.
const SHOWN: usize = 20;

/// The section with what each campaign does now and would do then, and what cannot come true.
pub(super) fn told(section: Section, told: &v1::PreviewChangeResponse) -> Section {
    let shown = told.campaigns.iter().take(SHOWN);
    let section =
        shown.fold(section, |section, one| section.with(Block::Table(preview_table(one))));
    let others = told.campaigns.len().saturating_sub(SHOWN) + told.others as usize;
    let section = if others == 0 {
        section
    } else {
        let others = format!("It touches {others} campaigns more, which are not shown.");
        section.with(Block::Paragraph(others))
    };
    match warning_table(&told.warnings) {
        Some(warnings) => section.with(Block::Table(warnings)),
        None => section,
    }
}
