//! What plan and law read off an owner's books: where a plan begins, what was spent before it and
//! since, how far expected money is to be believed.
//!
//! Pure functions of books and watermark, called by the owner and by forecasts.

use crate::budget::Horizon;
use crate::engine::EngineConfig;
use crate::engine::owner::{Base, OwnerView, Pace};
use crate::ledger::SpendTotals;
use crate::units::{Nanos, Ppm, Span, Timestamp, Window, ZoneId};
use serde::{Deserialize, Serialize};

/// Events for which traffic is kept behind the plan's end ...
const LAST_EVENTS: f64 = 4.0;
/// ... and the least share of its traffic by which a plan is done.
const FINISH_MIN: f64 = 0.85;
/// A plan made so soon after midnight is made at it.
const DAY_BEGINS: Span = Span::from_mins(5);

/// Where a new plan begins: at the watermark. A first plan made in silence begins now, and what is
/// planned anew later in that silence goes no further back: nothing was to be spent before.
pub(super) fn planned_from<S, L>(before: Option<&Pace<S>>, view: &OwnerView<'_, L>) -> Timestamp {
    let Some(mark) = view.watermark else { return view.now };
    let began = before.map_or(view.now, |before| before.planned_at);
    if view.is_stale { mark.max(began).min(view.now) } else { mark.min(view.now) }
}

/// What was measured in the last day of a flight, or in all of a shorter one, before `at`.
pub(super) fn recent<S, L>(
    before: Option<&Pace<S>>,
    at: Timestamp,
    window: Window,
    view: &OwnerView<'_, L>,
) -> Nanos {
    if window.span() <= Span::DAY {
        let account = view.book.account_at(Horizon::Flight, at);
        return account.map_or(Nanos::ZERO, |account| account.drawn());
    }
    let last_day = window.end() - Span::DAY;
    let Some(before) = before.filter(|before| before.window == window && at >= last_day) else {
        return Nanos::ZERO;
    };
    let since = if before.planned_at >= last_day { before.sample.measured } else { Nanos::ZERO };
    before.recent + since.at_least_zero()
}

/// What a flight had drawn when the local day at hand began; absent when nobody looked then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DayMark {
    start: Timestamp,
    pub drawn: Option<Nanos>,
}

/// The mark of the day that holds `at`: kept through the day, set when a plan is made at its start.
pub(super) fn day_mark<S, L>(
    before: Option<&Pace<S>>,
    zone: ZoneId,
    (at, window): (Timestamp, Window),
    view: &OwnerView<'_, L>,
) -> DayMark {
    let start = view.days.day_at(zone, at).map_or(at, |day| day.window.start());
    // What another flight drew on the same day is nothing of this one.
    let same = before.filter(|before| before.window.start() == window.start());
    if let Some(known) = same.map(|before| before.day).filter(|known| known.start == start) {
        return known;
    }
    let drawn = view.book.drawn_at(Horizon::Flight, at);
    let is_begun_now = before.is_some() && at - start <= DAY_BEGINS;
    DayMark { start, drawn: (is_begun_now || drawn == Nanos::ZERO).then_some(drawn) }
}

/// The share of its traffic by which a plan of so many events is done. The last few are a matter
/// of luck, and of what the guard keeps for those in flight: the fewer, the more time they need.
pub(super) fn finish(most: Ppm, events: f64) -> Ppm {
    let share = (1.0 - LAST_EVENTS / events.max(1.0)).max(FINISH_MIN);
    Ppm::try_from_ratio(share).map_or(most, |share| most.min(share))
}

/// Ĉ: the calibrated blend of billed and expected spend since the curve began.
pub(super) fn measured<L>(view: &OwnerView<'_, L>, base: &Base, day_budget: Nanos) -> Nanos {
    let totals = view.book.totals();
    let share = view.config.billed_share;
    let billed = (totals.billed - base.billed).as_f64();
    let expected = (totals.expected - base.expected).as_f64();
    let blend =
        share * billed + (1.0 - share) * expected * calibration(totals, view.config, day_budget);
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    Nanos::new(blend as i64)
}

/// k: billed ÷ expected of what has had time to bill, shrunk towards one.
pub(super) fn calibration<L>(
    totals: &SpendTotals,
    config: &EngineConfig<L>,
    day_budget: Nanos,
) -> f64 {
    let prior = (day_budget.as_f64() * config.calibration_share).max(1.0);
    let ripe = (totals.expected - totals.in_flight).as_f64();
    ((totals.billed.as_f64() + prior) / (ripe + prior)).clamp(0.25, 4.0)
}
