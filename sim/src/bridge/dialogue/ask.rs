//! Questions: should it bid, and why is it where it is?
//!
//! Called by the dialogue; changes nothing.

use super::Dialogue;
use crate::bridge::answer::{self, Decision, Explained};
use crate::bridge::fields::Complaint;
use crate::bridge::message::Ask;
use paceline_core::bid::{BidAsk, BidDecision, SkipReason, decide};
use paceline_core::units::{ArmId, Name};

impl Dialogue {
    /// What a bidder that holds the table in force would do.
    pub(super) fn decide(&self, ask: &Ask, out: &mut Vec<u8>) -> Result<(), Complaint> {
        let campaign = self.known("id", &ask.id)?.id;
        let table = self.engine.table();
        let question = BidAsk {
            auction: ask.auction,
            impression: ask.impression,
            value: ask.value,
            floor: ask.floor,
            auction_type: ask.auction_type,
        };
        let at = ask.at.unwrap_or_else(|| self.now());
        let decision = match table.get(campaign, ArmId(0)) {
            Some(entry) => decide(entry, table.lease, at, ask.left, None, &question),
            None => BidDecision::Skip(SkipReason::Unknown),
        };
        let mut told = Decision {
            ok: "decide",
            id: ask.id.as_str(),
            bid: false,
            price: None,
            price_nanos: None,
            reason: None,
        };
        match decision {
            BidDecision::Bid { price, .. } => {
                let nanos = price.per_impression();
                told.bid = true;
                told.price = Some(nanos.as_f64() / self.unit);
                told.price_nanos = Some(nanos.get());
            }
            BidDecision::Skip(reason) => told.reason = Some(reason.as_str()),
        }
        answer::write(out, &told);
        Ok(())
    }

    /// Everything the engine knows of a campaign.
    pub(super) fn explain(&self, name: &Name, out: &mut Vec<u8>) -> Result<(), Complaint> {
        let campaign = self.known("id", name)?.id;
        let explanation = self.engine.explain(campaign).ok_or_else(|| {
            let rule = "must have seen an advance before it can be explained";
            Complaint::new("id", &serde_json::json!(name.as_str()), rule)
        })?;
        let id = name.as_str();
        answer::write(out, &Explained { ok: "explain", id, explanation: &explanation });
        Ok(())
    }
}
