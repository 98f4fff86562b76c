//! What a process knows of a partition that another leads: which campaigns are in it, so that spend
//! reported here finds its partition.
//!
//! Reads the log as the leader does, but only for names; holds no state. Called by the loop.

use super::LoopParts;
use super::fold::Fold;
use super::nuisance::Nuisance;
use crate::store::{Offset, PAGE_RECORDS_MAX, StoreError, StoreFault};
use paceline_core::input::Input;

/// Reads a log for names.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// How far it has been read; absent before the first time.
    at: Option<Offset>,
    fault: Nuisance,
}

impl Follower {
    /// Reads on. What cannot be read now is read at the next call.
    pub(super) async fn follow(&mut self, parts: &LoopParts) {
        match self.read_on(parts).await {
            Ok(()) => {
                parts.directory.complete(parts.partition);
                if let Some(failures) = self.fault.over() {
                    let partition = parts.partition.0;
                    tracing::info!(partition, failures, "the log can be followed again");
                }
            }
            Err(error) => {
                if matches!(error.fault(), StoreFault::Trimmed { .. }) {
                    // The checkpoint has what is gone.
                    self.at = None;
                }
                let error = crate::error_chain(&error);
                if self.fault.failed(&error) {
                    tracing::warn!(partition = parts.partition.0, error, "cannot follow the log");
                }
            }
        }
    }

    async fn read_on(&mut self, parts: &LoopParts) -> Result<(), StoreError> {
        let mut at = match self.at {
            Some(at) => at,
            None => {
                let fold = Fold::restore(&parts.source(), false).await?;
                parts.directory.learn(parts.partition, fold.engine.campaigns());
                fold.at
            }
        };
        loop {
            let page = parts.store.read(parts.partition, at, PAGE_RECORDS_MAX).await?;
            let is_last = page.len() < PAGE_RECORDS_MAX;
            for (offset, record) in page {
                at = offset;
                match record.input.bare() {
                    Input::Campaign(spec) => {
                        parts.directory.learn(parts.partition, std::iter::once(spec));
                    }
                    Input::Catalogue(change) => {
                        parts.directory.learn(parts.partition, change.campaigns.iter());
                    }
                    _ => {}
                }
            }
            self.at = Some(at);
            if is_last {
                return Ok(());
            }
        }
    }
}
