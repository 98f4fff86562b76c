//! The world of a point: two days of one campaign whose spend answers its multiplier by an exact
//! power, however steep, with a step of the price level at noon of the second day.
//!
//! The price to beat is the same in every auction, so that all of the spread is in the values; it
//! is such that the share of auctions won is `WON × (λ / λ₀)^κ`, as far as e³ to either side of
//! λ₀, the multiplier that keeps to the plan. So κ is d ln spend ÷ d ln multiplier, the elasticity
//! of `docs/CONTROL.md`. Knows the form of a scenario file and of an engine's settings, and no law.

use super::Errors;
use crate::number::{length, whole};
use crate::scenario::draft::Draft;
use paceline_core::engine::EngineConfig;
use paceline_core::units::Span;
use toml::{Table, Value};

/// Auctions a day: the share won of an hour's is then even within four per cent by chance.
const PER_DAY: f64 = 200_000.0;
/// Share of them that is won on plan.
const WON: f64 = 0.25;
/// The price to beat, per thousand.
const PRICE: f64 = 5.0;
/// ln λ₀: far enough from both ends of the multiplier's range.
const RIGHT: f64 = -3.0;
/// How far the power reaches, in ln λ; beyond it spend does not change.
const REACH: f64 = 3.0;
/// Ranks of the table of values.
const RANKS: usize = 1_000;
/// Traffic over the day, `1 + AMPLITUDE × cos`, and the hour of its top.
const AMPLITUDE: f64 = 0.5;
const PEAK: f64 = 14.0;
/// How often a bidder reports.
const REPORT_EVERY: Span = Span::from_secs(10);
/// The first hour after the step, counted from the start.
pub(super) const STEP_HOUR: usize = 36;
const HOURS: i64 = 48;

/// The true elasticity, where the law's is off by this factor.
pub(super) fn elasticity(gain: f64) -> f64 {
    EngineConfig::default().elasticity * gain
}

/// What a step of the price level makes spend exceed the plan by, the multiplier standing still.
pub(super) fn own_excess(gain: f64, step: f64) -> f64 {
    let kappa = elasticity(gain);
    let share = libm::exp(-kappa * libm::log(step).clamp(-REACH, REACH)).min(1.0 / WON);
    (step * share - 1.0).max(0.0)
}

/// The world, to be checked.
pub(super) fn draft(errors: &Errors, step: f64) -> Draft {
    let budget = 2.0 * PER_DAY * WON * PRICE / 1e3;
    let micros = i64::try_from(whole(budget * 1e6)).unwrap_or(i64::MAX);
    let jump = entries([("at", hours(STEP_HOUR).into()), ("times", step.into())]);
    let segment = entries([
        ("name", "all".into()),
        ("per_day", PER_DAY.into()),
        ("shape", week(1.0, 0.0)),
        ("prices", entries([("cpm", PRICE.into())]).into()),
        ("jumps", vec![Value::from(jump)].into()),
    ]);
    let told = entries([("shape", week(errors.level, errors.shift_hours))]);
    let values: Vec<Value> = values(elasticity(errors.gain)).map(Value::from).collect();
    let campaign = entries([
        ("name", "c".into()),
        ("budget_micros", vec![Value::from(micros)].into()),
        ("value", entries([("quantiles_cpm", values.into())]).into()),
        ("forecast", told.into()),
    ]);
    let bidders = entries([
        ("count", 1.into()),
        ("report_every", format!("{}s", REPORT_EVERY.as_seconds()).into()),
        ("report_delay", format!("{}s", errors.delay_seconds).into()),
    ]);
    let table = entries([
        ("start", "2025-03-03T00:00:00Z".into()),
        ("lasts", format!("{HOURS}h").into()),
        ("bidders", bidders.into()),
        ("segment", vec![Value::from(segment)].into()),
        ("campaign", vec![Value::from(campaign)].into()),
    ]);
    Draft { table }
}

/// An engine that starts at λ₀, as one with a history would, and believes in this elasticity.
pub(super) fn engine(errors: &Errors, believed: f64) -> EngineConfig {
    let usual = EngineConfig::default();
    let config = EngineConfig { elasticity: believed, start_multiplier: libm::exp(RIGHT), ..usual };
    if !errors.waits {
        return config;
    }
    let late = errors.delay() + REPORT_EVERY + usual.tick;
    EngineConfig {
        blind_limit: usual.blind_limit.max(late + Span::MINUTE),
        // What was granted stays out until it is told what became of it.
        allowance_horizon: usual.allowance_horizon.map(|horizon| horizon + errors.delay()),
        ..config
    }
}

/// Values by rank: of a share s of all auctions the value is at least what λ₀ (WON / s)^(1/κ) wins.
fn values(kappa: f64) -> impl Iterator<Item = f64> {
    (0..=RANKS).map(move |rank| {
        let share = length(RANKS - rank) / length(RANKS);
        let ln = -RIGHT - (libm::log(share / WON) / kappa).clamp(-REACH, REACH);
        PRICE * libm::exp(ln)
    })
}

/// The week of which the run is Monday and Tuesday, by the hour: with so much less traffic from
/// Tuesday on than there is, and so many hours late.
fn week(less: f64, late: f64) -> Value {
    let heights = (0..168_u32).map(|hour| {
        let turn = (f64::from(hour % 24) + 0.5 - PEAK - late) / 24.0 * std::f64::consts::TAU;
        let height = 1.0 + AMPLITUDE * libm::cos(turn);
        Value::from(if hour < 24 { height } else { height / less })
    });
    entries([("week", heights.collect::<Vec<_>>().into())]).into()
}

fn hours(count: usize) -> String {
    format!("{count}h")
}

fn entries<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share of auctions won at ln λ, by the table of values.
    fn won(kappa: f64, ln: f64) -> f64 {
        let wins = values(kappa).filter(|value| value * libm::exp(ln) > PRICE).count();
        length(wins) / length(RANKS)
    }

    #[test]
    fn spend_answers_the_multiplier_by_the_stated_power() {
        for gain in [0.1, 0.5, 1.0, 2.0, 10.0] {
            let kappa = elasticity(gain);
            assert!((won(kappa, RIGHT) - WON).abs() < 0.003);
            // A tenth to either side of the plan's spend.
            let ln = libm::log(1.1) / kappa;
            let ratio = won(kappa, RIGHT + ln) / won(kappa, RIGHT - ln);
            assert!((ratio / 1.21 - 1.0).abs() < 0.02, "{gain}: {ratio}");
        }
    }

    #[test]
    fn a_step_alone_moves_spend_as_told() {
        // At an elasticity of 1.5 a price of ×1.5 takes spend to 1.5^-0.5, and ÷1.5 to 1.5^0.5.
        assert!(own_excess(1.0, 1.5).abs() < 1e-12);
        assert!((own_excess(1.0, 1.0 / 1.5) - 0.224_745).abs() < 1e-5);
        // At 15 a fall of the price sells all there is.
        assert!((own_excess(10.0, 1.0 / 1.5) - (4.0 / 1.5 - 1.0)).abs() < 1e-12);
    }
}
