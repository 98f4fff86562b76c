//! Published tables: checked, sent on their way, and taken by the bidders that see them.
//!
//! Knows when bidders are blind or away, and decides nothing. Called by the world after each round
//! and when a table arrives.

use super::host::signal_of;
use super::{Occasion, World};
use crate::bidder::HeldTable;
use crate::fault::FaultKind;
use paceline_core::engine::Tick;
use paceline_core::input::{BidderChange, Input};
use paceline_core::pace::PacingLaw;
use paceline_core::table::{BidderAllowances, TableEntry};
use paceline_core::units::{ArmId, Timestamp};
use std::sync::Arc;

impl<L: PacingLaw + Copy> World<'_, L> {
    /// A table reaches every bidder that is there and sees.
    pub(super) fn spread(
        &mut self,
        at: Timestamp,
        table: &Arc<HeldTable>,
        allowances: &[BidderAllowances],
    ) {
        let generation = table.generation;
        let mut acknowledged = Vec::new();
        for (place, bidder) in self.bidders.iter_mut().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            if self.faults.is_struck(FaultKind::Blind, place, at)
                || self.faults.is_struck(FaultKind::Absent, place, at)
            {
                continue;
            }
            bidder.table = Some(Arc::clone(table));
            acknowledged.push(bidder.id());
            if let Ok(own) = allowances.binary_search_by_key(&bidder.id(), |set| set.bidder) {
                for allowance in &allowances[own].allowances {
                    if let Some(&campaign) = self.index.get(&allowance.campaign) {
                        bidder.grant(campaign, *allowance, at);
                    }
                }
            }
        }
        for bidder in acknowledged {
            self.tell(at, &Input::Bidder(BidderChange::Acknowledged { bidder, generation }));
        }
    }

    /// Sends the table on its way, and checks what was decided.
    pub(super) fn publish(&mut self, now: Timestamp, tick: Tick) {
        let Some(engine) = self.host.engine() else { return };
        self.auditor.check(now, engine);
        let table = engine.table();
        let mut entries: Vec<Option<TableEntry>> = vec![None; self.hall.specs.len()];
        for entry in table.entries.iter().filter(|entry| entry.arm == ArmId(0)) {
            if let Some(&campaign) = self.index.get(&entry.campaign) {
                entries[campaign] = Some(*entry);
            }
        }
        let signals: Vec<f64> = entries.iter().map(signal_of).collect();
        if self.is_all_silent(now) {
            let rises = signals
                .iter()
                .zip(&self.signals)
                .filter(|(after, before)| **before > 0.0 && **after > **before);
            self.facts.rises_in_silence += u64::try_from(rises.count()).unwrap_or(0);
        }
        self.signals = signals;
        if let Some(lookout) = &mut self.lookout {
            lookout.round(&tick.report, engine, &entries);
        }
        let shades = self.shading.held(now, engine, tick.shades.is_some());
        let held = HeldTable { generation: table.generation, lease: table.lease, entries, shades };
        self.agenda.put(
            now + self.scenario.bidders.publish_delay,
            Occasion::Table(Arc::new(held), Arc::new(tick.allowances)),
        );
    }

    /// Whether no bidder has reported for more than three ticks and a report's way.
    fn is_all_silent(&self, now: Timestamp) -> bool {
        let plan = self.scenario.bidders;
        let since = now - self.scenario.tick.times(4) - plan.report_every - plan.report_delay;
        self.present.iter().all(|&place| {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            self.faults.is_struck(FaultKind::Silence, place, now)
                && self.faults.is_struck(FaultKind::Silence, place, since)
        })
    }
}
