//! The law of a minimum: what holds a campaign up while its group or advertiser holds it down.
//!
//! A plan for what is left of the minimum and a law that tracks it, of the same kind as the owner's
//! own. Its signal is a least for what group and advertiser say, never for the campaign's own law.
//! While it is not needed its integrator stands where the campaign is, so that it takes over
//! without a jolt. CONTROL.md (39). Called by the owner at every tick; knows no siblings.

use crate::budget::Horizon;
use crate::engine::owner::{Base, OwnerView};
use crate::engine::reading::measured;
use crate::pace::{PaceSample, PacingLaw, PacingSignal};
use crate::plan::{Plan, PlanRequest, plan};
use crate::units::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};

/// A minimum on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Minimum<S> {
    plan: Plan,
    base: Base,
    law: S,
    sample: PaceSample,
}

impl<S: Clone> Minimum<S> {
    /// Spreads what is left of a minimum as the owner's plan spreads its budget; nothing when it is
    /// met. `seen` is what the owner's law sees at the same moment.
    pub(super) fn made<L: PacingLaw<State = S>>(
        law: &L,
        before: Option<&Self>,
        (minimum, request): (Nanos, &PlanRequest<'_>),
        (seen, x): (&PaceSample, f64),
        view: &OwnerView<'_, L>,
    ) -> Option<Self> {
        let left = minimum - view.book.drawn_at(Horizon::Flight, request.now);
        let left = request.left.map_or(left, |budget| budget.min(left));
        if left <= Nanos::ZERO {
            return None;
        }
        let left = Some(left);
        let mut made = plan(&PlanRequest { left, catch_up: None, recent: Nanos::ZERO, ..*request });
        made.days = Vec::new();
        let totals = view.book.totals();
        let base = Base { billed: totals.billed, expected: totals.expected };
        let mut next = Self { plan: made, base, law: law.start(x), sample: *seen };
        next.see(request.now, seen, view);
        if let Some(before) = before {
            next.law = law.rebase(&before.law, &before.sample, &next.sample);
        }
        Some(next)
    }

    /// What its law sees at the watermark: its own plan, and the same spend and traffic.
    fn see<L>(&mut self, mark: Timestamp, seen: &PaceSample, view: &OwnerView<'_, L>) {
        let outlook = self.plan.outlook(mark);
        let share = outlook.day_budget.as_f64() / seen.day_budget.as_f64().max(1.0);
        self.sample = PaceSample {
            planned: outlook.planned,
            measured: measured(view, &self.base, outlook.day_budget),
            day_budget: outlook.day_budget,
            events: seen.events * share,
            planned_rate: outlook.rate,
            ..*seen
        };
    }

    /// One step; whether its numbers are sound.
    pub(super) fn advance<L: PacingLaw<State = S>>(
        &mut self,
        law: &L,
        mark: Timestamp,
        seen: &PaceSample,
        view: &OwnerView<'_, L>,
    ) -> bool {
        self.see(mark, seen, view);
        law.advance(&mut self.law, view.now, &self.sample);
        law.is_sound(&self.law) && law.signal(&self.law).x.is_finite()
    }

    /// Its standing output.
    pub(super) fn signal<L: PacingLaw<State = S>>(&self, law: &L) -> PacingSignal {
        law.signal(&self.law)
    }

    /// Follows what is applied while that is more. As if on plan: what it is ahead of the minimum
    /// then keeps it below, and is not forgotten.
    pub(super) fn track<L: PacingLaw<State = S>>(&mut self, law: &L, applied_x: f64) {
        if law.signal(&self.law).x < applied_x {
            let on_plan = PaceSample { measured: self.sample.planned, ..self.sample };
            self.law = law.follow(&self.law, applied_x, &on_plan);
        }
    }
}
