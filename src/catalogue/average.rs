//! A day's average as a budget: flights by local month or week, and the most of a single day.
//!
//! Called by the reading of budgets. What it makes are ordinary flights and an ordinary cap, so
//! that plan, guard and books know no averages.

use crate::FLIGHTS_MAX;
use crate::budgets::Terms;
use crate::cursor::{Faults, Section};
use crate::value::{self, MONEY, SHARE};
use paceline_calendar::Zone;
use paceline_core::budget::{Budgets, Cap, Flight, Horizon};
use paceline_core::input::LocalDay;
use paceline_core::units::{BUDGET_UNITS_MAX, Nanos, Ppm, Span, Timestamp, Window};

/// Days that a whole month counts for: 365 days over twelve months, and the leap years' part.
const MONTH_TENTHS: u64 = 304;
/// The most of a single day over the average: what the great platforms promise.
const MOST_DEFAULT: Ppm = Ppm::new(2_000_000);

/// As long as as many months as flights may be made of: what is laid out day by day is bounded.
const FLIGHT_MAX: Span = Span::DAY.times(31 * FLIGHTS_MAX as i64);
/// The largest budget there is.
const BUDGET_MAX: Nanos = Nanos::from_units(BUDGET_UNITS_MAX);

/// What the average is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Month,
    Week,
    Flight,
}

/// A day's average, as a file states it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Average {
    amount: Nanos,
    over: Over,
    most: Ppm,
}

/// Reads `average_day` of a section, if it is there.
pub(crate) fn average(
    section: &mut Section<'_>,
    faults: &mut Faults<'_>,
    terms: &Terms,
) -> Option<Average> {
    let mut item = section.field("average_day")?.section(faults)?;
    let parse = |text: &str| value::budget(text, terms.currency);
    let amount = item.required(faults, "amount", MONEY, parse);
    let words = "\"month\" or \"week\" or \"flight\"";
    let over = item.text(faults, "over", words, |text| match text {
        "month" => Ok(Over::Month),
        "week" => Ok(Over::Week),
        "flight" => Ok(Over::Flight),
        _ => Err(format!("must be {words}")),
    });
    let most = item.text(faults, "most", SHARE, value::share_of_average);
    item.finish(faults);
    let (over, most) = (over.unwrap_or(Over::Month), most.unwrap_or(MOST_DEFAULT));
    Some(Average { amount: amount?, over, most })
}

/// Puts flights with budgets in the place of those without, and a cap on each day.
pub(crate) fn spread(
    average: Average,
    budgets: &mut Budgets,
    section: &Section<'_>,
    faults: &mut Faults<'_>,
    zone: &Zone,
) {
    let mut flights = Vec::new();
    for flight in &budgets.flights {
        if flight.budget.is_some() {
            section.refuse(faults, "average_day", "needs flights without a budget of their own");
            return;
        }
        if flight.window.span() > FLIGHT_MAX {
            let rule = "a flight with an average may last at most 12400 days";
            section.refuse(faults, "average_day", rule);
            return;
        }
        let days = zone.days(flight.window.start(), flight.window.end() - Span::from_micros(1));
        let parts = parts(average, flight.window, &days);
        if parts.iter().any(|part| part.budget.is_none_or(|budget| budget > BUDGET_MAX)) {
            let rule = format!("makes a budget above {BUDGET_UNITS_MAX} units");
            section.refuse(faults, "average_day", &rule);
            return;
        }
        flights.extend(parts);
        if flights.len() > FLIGHTS_MAX {
            let rule = "makes more than 400 flights: shorten the flights, or average over month";
            section.refuse(faults, "average_day", rule);
            return;
        }
    }
    budgets.flights = flights;
    if budgets.cap(Horizon::Day).is_none() {
        // No day may take more than any budget may have.
        let amount = average.most.of(average.amount).min(BUDGET_MAX);
        budgets.caps.push(Cap { horizon: Horizon::Day, amount });
        // As if the file had said it: shortest first, so that what is written reads back the same.
        budgets.caps.sort_by_key(|cap| cap.horizon);
    }
}

/// One flight as several, each with its part of the average.
fn parts(average: Average, window: Window, days: &[LocalDay]) -> Vec<Flight> {
    let mut flights: Vec<Flight> = Vec::new();
    let mut begun: Option<(Timestamp, u128)> = None;
    for (index, day) in days.iter().enumerate() {
        let Some(part) = day.window.intersect(window) else { continue };
        let (start, sum) = begun.unwrap_or((part.start(), 0));
        let sum = sum + share(average.amount, part.span(), day.window.span());
        let next = days.get(index + 1).filter(|next| next.window.start() < window.end());
        let is_last = next.is_none_or(|next| ends(average.over, day, next));
        begun = Some((start, sum));
        if !is_last {
            continue;
        }
        begun = None;
        let is_month = average.over == Over::Month && (start, part.end()) == edges(day.month);
        let month = u128::from(average.amount.get().unsigned_abs()) * u128::from(MONTH_TENTHS) / 10;
        let sum = if is_month { month } else { sum };
        let most = if average.over == Over::Month { sum.min(month) } else { sum };
        let budget = i64::try_from(most).map(Nanos::new).ok();
        let window = Window::try_new(start, part.end());
        flights.extend(window.map(|window| Flight { window, budget }));
    }
    flights
}

const fn edges(window: Window) -> (Timestamp, Timestamp) {
    (window.start(), window.end())
}

/// The average's part of a day that is not whole, rounded down.
fn share(amount: Nanos, part: Span, day: Span) -> u128 {
    let micros = |span: Span| u128::from(span.as_micros().unsigned_abs());
    u128::from(amount.get().unsigned_abs()) * micros(part) / micros(day).max(1)
}

/// Whether a stretch ends between two days.
fn ends(over: Over, day: &LocalDay, next: &LocalDay) -> bool {
    match over {
        Over::Flight => false,
        Over::Month => day.month != next.month,
        Over::Week => next.hours.first().is_some_and(|hour| hour.hour_of_week < 24),
    }
}
