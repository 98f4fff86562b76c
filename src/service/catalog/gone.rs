//! Campaigns that the file named once and names no more: a file removes nothing, so that they go
//! on, and an operator must hear of it.
//!
//! Knows what was named since the start of this process. Called by the follower of the file.

use crate::admin::Admin;
use crate::telemetry::event;
use std::collections::BTreeSet;

/// What the file named, and what of it goes on unnamed.
#[derive(Debug, Default)]
pub(super) struct Gone {
    named: BTreeSet<String>,
    missing: BTreeSet<String>,
    /// Told last.
    told: BTreeSet<String>,
}

impl Gone {
    /// A file that names these was entered.
    pub(super) fn note(&mut self, names: BTreeSet<String>) {
        self.missing.append(&mut self.named);
        self.missing.retain(|name| !names.contains(name));
        self.named = names;
    }

    /// Tells which go on, when that has changed: campaigns end by a flight or by request as well.
    pub(super) async fn tell(&mut self, admin: &Admin) {
        if self.missing.is_empty() && self.told.is_empty() {
            return;
        }
        let over = admin.over(&self.missing).await;
        let goes_on: BTreeSet<String> = self.missing.difference(&over).cloned().collect();
        if goes_on != self.told {
            event::catalog_gone(&goes_on);
            self.told = goes_on;
        }
    }
}
