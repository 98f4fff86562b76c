//! Spend and opportunities of a dialogue, as the engine takes them.
//!
//! A report without a number of events is split into as many as its scatter tells of. Called by the
//! dialogue.

use super::{Dialogue, producer};
use crate::bridge::answer::{self, Taken};
use crate::bridge::fields::Complaint;
use crate::bridge::message::{Amount, Opportunities, Spend};
use paceline_core::engine::Applied;
use paceline_core::event::{
    OpportunityBatch, OpportunityCount, SpendBatch, SpendEvent, SpendKind, Verdict,
};
use paceline_core::input::Input;
use paceline_core::ledger::PRICE_MAX;
use paceline_core::units::{ArmId, EventId, Nanos, Ppb, Results, Timestamp, WinId};
use serde_json::json;

/// Money of one campaign, ready to be posted.
pub(super) struct Movement {
    name: String,
    amount: Nanos,
    kind: SpendKind,
    pieces: u64,
    /// The other side did not say how many events.
    is_lump: bool,
    win: Option<WinId>,
    probability: Ppb,
    at: Timestamp,
}

impl Dialogue {
    pub(super) fn take_spend(&mut self, spend: &Spend, out: &mut Vec<u8>) -> Result<(), Complaint> {
        let named = spend.win.is_some() || spend.kind != SpendKind::Billing;
        let events = if named { Some(1) } else { spend.events };
        let mut movement = self.weigh(spend.id.as_str(), "id", spend.amount, events, spend.at)?;
        movement.kind = spend.kind;
        movement.win = spend.win;
        movement.probability = spend.probability;
        let (verdict, taken) = self.post(&movement);
        let told = Taken {
            ok: "spend",
            id: spend.id.as_str(),
            verdict: verdict.as_str(),
            amount_nanos: taken.get(),
        };
        answer::write(out, &told);
        Ok(())
    }

    /// Checks an amount against what is known of its campaign; nothing has changed yet.
    pub(super) fn weigh(
        &self,
        name: &str,
        field: &str,
        amount: Amount,
        events: Option<u64>,
        at: Option<Timestamp>,
    ) -> Result<Movement, Complaint> {
        let unknown = || Complaint::new(field, &json!(name), "must be a known campaign");
        let known = self.known.get(name).ok_or_else(unknown)?;
        let at = at.or(self.clock).ok_or_else(|| {
            let rule = "must be given before the first advance, which sets the clock";
            Complaint::new("at", &serde_json::Value::Null, rule)
        })?;
        let growth = match amount {
            Amount::Growth(growth) => growth,
            Amount::Total(total) if total >= known.reported => total - known.reported,
            Amount::Total(total) => {
                let rule = format!("must not fall below {} nanos", known.reported.get());
                return Err(Complaint::new("total", &json!(total.get()), rule));
            }
        };
        let pieces = events.unwrap_or_else(|| known.lumps.pieces(growth.as_f64())).max(1);
        if growth.mul_div(1, pieces) > PRICE_MAX || -growth > PRICE_MAX {
            let rule = format!("must be at most {} nanos an event", PRICE_MAX.get());
            return Err(Complaint::new("amount", &json!(growth.get()), rule));
        }
        Ok(Movement {
            name: name.to_owned(),
            amount: growth,
            kind: SpendKind::Billing,
            pieces,
            is_lump: events.is_none(),
            win: None,
            probability: Ppb::ONE,
            at,
        })
    }

    /// Posts a movement, in equal events: the verdict, and how much of it the books took. What they
    /// could not take counts as not reported.
    pub(super) fn post(&mut self, movement: &Movement) -> (Verdict, Nanos) {
        let events = self.events_of(movement);
        if events.is_empty() {
            return (Verdict::Posted, Nanos::ZERO);
        }
        let now = self.now();
        let prices: Vec<Nanos> = events.iter().map(|event| event.price).collect();
        let batch = SpendBatch {
            producer: Some(producer()),
            reported_through: Some(if self.is_told { self.through } else { now }),
            events,
        };
        let Applied::Verdicts(verdicts) = self.engine.apply(now, &Input::Spend(batch)) else {
            return (Verdict::Invalid, Nanos::ZERO);
        };
        let is_taken = |verdict: &Verdict| *verdict != Verdict::Invalid;
        let taken = prices.iter().zip(&verdicts).filter(|(_, verdict)| is_taken(verdict));
        let taken: Nanos = taken.map(|(price, _)| *price).sum();
        let known = self.known.get_mut(&movement.name).expect("weighed before it is posted");
        if movement.kind == SpendKind::Billing {
            known.reported = known.reported.saturating_add(taken);
        }
        if movement.is_lump {
            known.lumps.note(taken.as_f64());
        }
        let refused = verdicts.iter().find(|verdict| !is_taken(verdict));
        (*refused.or(verdicts.last()).unwrap_or(&Verdict::Posted), taken)
    }

    /// The events of a movement, which sum to it to the nano. One without a price is left out,
    /// unless it gives a win back.
    fn events_of(&mut self, movement: &Movement) -> Vec<SpendEvent> {
        let campaign = self.known[&movement.name].id;
        let mut events = Vec::new();
        let mut placed = Nanos::ZERO;
        for piece in 1..=movement.pieces {
            let upto = movement.amount.mul_div(piece, movement.pieces);
            let price = upto - placed;
            placed = upto;
            if price == Nanos::ZERO && movement.win.is_none() {
                continue;
            }
            self.sequence += 1;
            events.push(SpendEvent {
                event_id: EventId::from_key(self.sequence),
                sequence: Some(self.sequence),
                campaign,
                arm: ArmId(0),
                kind: movement.kind,
                win_id: movement.win,
                price,
                bill_probability: movement.probability,
                expected_results: Results::ZERO,
                served_at: None,
                occurred_at: movement.at,
            });
        }
        events
    }

    pub(super) fn take_opportunities(&mut self, seen: &Opportunities) -> Result<(), Complaint> {
        let campaign = self.known("id", &seen.id)?.id;
        self.count(vec![OpportunityCount {
            campaign,
            segment: seen.segment,
            arm: ArmId(0),
            asks: seen.asks,
            bids: seen.bids,
            below_floor: 0,
            wins: seen.wins,
        }]);
        Ok(())
    }

    /// Hands on counts of auctions.
    pub(super) fn count(&mut self, counts: Vec<OpportunityCount>) {
        if counts.is_empty() {
            return;
        }
        self.batches += 1;
        let now = self.now();
        let batch = OpportunityBatch {
            producer: Some(producer()),
            sequence: Some(self.batches),
            reported_through: now,
            counts,
        };
        let _ = self.engine.apply(now, &Input::Opportunities(batch));
    }
}
