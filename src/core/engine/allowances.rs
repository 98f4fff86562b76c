//! Allowances in a round: what bidders hold is counted anew under every cap, runs out, and is
//! granted within what is left.
//!
//! Called by the round, and between rounds by draws. The rules of granting are the guard's.

use super::Engine;
use crate::guard::GuardView;
use crate::hash::Digest;
use crate::input::AllowanceDraw;
use crate::ledger::Slot;
use crate::pace::PacingLaw;
use crate::report::TickReport;
use crate::table::{Allowance, BidderAllowances, EntryState};
use crate::units::{BidderId, Nanos, ProducerId, Span, Timestamp, Window};
use std::collections::BTreeMap;

impl<L: PacingLaw> Engine<L> {
    /// Time passes over bidders and what they hold.
    pub(super) fn age_grants(&mut self, now: Timestamp) {
        let Some(horizon) = self.config.allowance_horizon else { return };
        let gone = |heard_at: Timestamp| now - heard_at > horizon.times(2);
        self.state.bidders.retain(|_, bidder| !gone(bidder.heard_at));
        let bidders = &self.state.bidders;
        let is_live = |bidder| bidders.get(&bidder).is_some_and(|known| !known.has_left);
        let sources = &self.state.event_sources;
        // One that asks for money and no longer tells what it did with it is waited for.
        let through = |bidder: BidderId| {
            let producer = ProducerId::from_key(bidder.key());
            if is_live(bidder) { sources.last_through(producer) } else { sources.through(producer) }
        };
        self.state.grants.retain(|_, grants| {
            grants.age(now, horizon, is_live, through);
            !grants.is_idle()
        });
        self.claim_anew();
    }

    /// Recounts what bidders may commit, in every account that would pay for it.
    fn claim_anew(&mut self) {
        let now = self.state.now;
        for owner in std::mem::take(&mut self.state.claimed) {
            self.state.ledger.book_mut(owner).unclaim();
        }
        let claims: Vec<(Slot, Timestamp, Nanos)> = self
            .state
            .grants
            .iter()
            .flat_map(|(&slot, grants)| {
                grants.claims(now).map(move |(at, amount)| (slot, at, amount))
            })
            .collect();
        for (slot, at, amount) in claims {
            self.claim(slot, at, amount);
        }
    }

    fn claim(&mut self, slot: Slot, at: Timestamp, amount: Nanos) {
        if amount == Nanos::ZERO {
            return;
        }
        for owner in self.state.ledger.campaign(slot).owners.iter() {
            self.state.claimed.insert(owner);
            let days = &self.state.days;
            self.state.ledger.book_mut(owner).touch(at, days, |account| {
                account.outstanding += amount;
            });
        }
    }

    /// The shortest budget window that holds `at` for a campaign.
    pub(super) fn guard_window(&self, slot: Slot, at: Timestamp) -> Window {
        let day = Window::try_new(at, at + Span::DAY).expect("a day is longer than nothing");
        let owners = self.state.ledger.campaign(slot).owners;
        let windows = owners.iter().flat_map(|owner| {
            let book = self.state.ledger.book(owner);
            book.windows_at(at, &self.state.days)
        });
        windows.reduce(|all, window| all.intersect(window).unwrap_or(all)).unwrap_or(day)
    }

    /// What the guard sees of a campaign; nothing when it may not bid.
    fn guard_view(&self, now: Timestamp, slot: Slot, horizon: Span) -> Option<GuardView> {
        let campaign = &self.state.campaigns[slot];
        let bids = campaign
            .entry
            .is_some_and(|entry| matches!(entry.state, EntryState::Run | EntryState::Safe));
        if !bids || !campaign.is_on(now) || now < self.state.learning_until {
            return None;
        }
        let (_, margin) = self.state.ledger.campaign(slot).at_risk();
        let owners = self.state.ledger.campaign(slot).owners;
        let headroom = owners
            .iter()
            .filter_map(|owner| self.state.ledger.book(owner).headroom(now, &self.state.days))
            .min();
        let planned = owners.iter().filter_map(|owner| self.state.owners[owner].pace.as_ref());
        let planned = planned.map(|pace| pace.plan.curve.planned_between(now, now + horizon)).min();
        Some(GuardView {
            window: self.guard_window(slot, now),
            headroom: headroom.map_or(Nanos::new(i64::MAX / 4), |headroom| headroom - margin),
            planned: planned.map_or(0.0, Nanos::as_f64),
            event: campaign.event_cost.get().as_f64(),
        })
    }

    pub(super) fn issue_allowances(
        &mut self,
        now: Timestamp,
        report: &mut TickReport,
    ) -> Vec<BidderAllowances> {
        let Some(horizon) = self.config.allowance_horizon else { return Vec::new() };
        if self.state.bidders.is_empty() {
            return Vec::new();
        }
        let mut held: BTreeMap<BidderId, Vec<Allowance>> =
            self.state.bidders.keys().map(|&bidder| (bidder, Vec::new())).collect();
        let asked = self.state.grants.iter().filter(|(_, grants)| !grants.is_empty());
        let asked: Vec<Slot> = asked.map(|(&slot, _)| slot).collect();
        for slot in asked {
            let view = self.guard_view(now, slot, horizon);
            let Some(grants) = self.state.grants.get_mut(&slot) else { continue };
            let before = grants.outstanding();
            if let Some(view) = &view {
                let _ = grants.issue(now, horizon, view);
            }
            let outstanding = grants.outstanding();
            report.outstanding = report.outstanding.saturating_add(outstanding);
            let campaign = self.state.campaigns[slot].entered.terms.id;
            for (bidder, start, _) in grants.grants() {
                let allowance = grants.allowance(campaign, bidder, start);
                if let (Some(allowance), Some(list)) = (allowance, held.get_mut(&bidder)) {
                    list.push(allowance);
                }
            }
            if let Some(view) = view {
                self.claim(slot, view.window.start(), outstanding - before);
            }
        }
        let with_order = |(bidder, mut allowances): (BidderId, Vec<Allowance>)| {
            allowances.sort_unstable_by_key(|held| (held.campaign, held.window_start));
            BidderAllowances { bidder, allowances }
        };
        held.into_iter().map(with_order).collect()
    }

    /// A bidder with demand and no allowance asks between ticks.
    pub(super) fn draw(&mut self, now: Timestamp, draw: &AllowanceDraw) -> Option<Allowance> {
        let horizon = self.config.allowance_horizon?;
        let slot = self.state.ledger.slot_of(draw.campaign)?;
        let known = self.state.bidders.get_mut(&draw.bidder)?;
        known.heard_at = now;
        if draw.price <= Nanos::ZERO || draw.price > crate::ledger::PRICE_MAX {
            return None;
        }
        let view = self.guard_view(now, slot, horizon)?;
        let grants = self.state.grants.entry(slot).or_default();
        let granted = grants.draw(now, horizon, &view, draw.bidder, draw.price);
        let allowance = grants.allowance(draw.campaign, draw.bidder, view.window.start());
        self.claim(slot, view.window.start(), granted);
        allowance.filter(|allowance| allowance.granted_total > Nanos::ZERO)
    }
}

pub(super) fn digest_allowances(digest: Digest, held: &BidderAllowances) -> Digest {
    held.allowances.iter().fold(digest, |digest, allowance| {
        digest.with(Digest::of(&[
            held.bidder.key(),
            allowance.campaign.key(),
            allowance.window_start.as_micros().unsigned_abs(),
            allowance.granted_total.get().unsigned_abs(),
            allowance.expires_at.as_micros().unsigned_abs(),
        ]))
    })
}
