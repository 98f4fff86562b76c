//! The planner against exact values and its own promises.

mod properties;
mod terms;

use super::*;
use crate::input::LocalHour;

/// Monday 2024-01-01 00:00 UTC.
pub(super) const MONDAY: Timestamp = Timestamp::from_micros(1_704_067_200_000_000);

pub(super) fn hours(count: i64) -> Span {
    Span::HOUR.times(count)
}

pub(super) fn window(from: i64, until: i64) -> Window {
    Window::try_new(MONDAY + hours(from), MONDAY + hours(until)).unwrap()
}

/// Local days from Monday on, of 23, 24 or 25 hours; a new month begins with day `month_at`.
pub(super) fn calendar(lengths: &[i64], month_at: usize) -> Vec<LocalDay> {
    let starts: Vec<i64> = lengths
        .iter()
        .scan(0, |sum, length| {
            *sum += length;
            Some(*sum - length)
        })
        .collect();
    let turn = starts.get(month_at).copied();
    let first_month = window(-240, turn.unwrap_or(24 * 40));
    let second_month = window(turn.unwrap_or(24 * 40), turn.unwrap_or(24 * 40) + 31 * 24);
    let day = |(index, &length): (usize, &i64)| {
        let hour = |real: i64| {
            let local = match length {
                23 if real >= 2 => real + 1,
                25 if real >= 3 => real - 1,
                _ => real,
            };
            let of_week = u8::try_from(index % 7 * 24).unwrap() + u8::try_from(local).unwrap();
            let from = starts[index] + real;
            LocalHour { window: window(from, from + 1), hour_of_week: of_week }
        };
        LocalDay {
            window: window(starts[index], starts[index] + length),
            month: if index < month_at { first_month } else { second_month },
            hours: (0..length).map(hour).collect(),
        }
    };
    lengths.iter().enumerate().map(day).collect()
}

pub(super) fn request<'a>(
    flight: Window,
    left: Option<i64>,
    days: &'a [LocalDay],
    shape: &'a TrafficShape,
) -> PlanRequest<'a> {
    PlanRequest {
        now: flight.start(),
        window: flight,
        left: left.map(Nanos::new),
        days,
        shape,
        levels: DayLevels::USUAL,
        hours: HoursOfWeek::ALL,
        delivery: DeliveryMode::Even,
        ahead: Ppm::new(200_000),
        catch_up: None,
        caps: PlanCaps::default(),
        used: PlanUse::default(),
        recent: Nanos::ZERO,
        finish: Ppm::ONE,
    }
}

/// Weight of each hour by its hour of the day.
fn daily(weight: impl Fn(usize) -> u32) -> TrafficShape {
    TrafficShape::try_new((0..168).map(|hour| weight(hour % 24)).collect()).unwrap()
}

fn by_hour(plan: &Plan, from: i64, until: i64) -> Vec<i64> {
    (from..until)
        .map(|hour| {
            let window = window(hour, hour + 1);
            plan.curve.planned_between(window.start(), window.end()).get()
        })
        .collect()
}

fn amounts(plan: &Plan) -> Vec<i64> {
    plan.days.iter().map(|day| day.amount.get()).collect()
}

#[test]
fn a_day_follows_its_traffic() {
    let (days, shape) = (calendar(&[24], 1), daily(|hour| if hour < 12 { 1 } else { 3 }));
    let plan = plan(&request(window(0, 24), Some(4_800), &days, &shape));
    assert_eq!(by_hour(&plan, 0, 24), [[100; 12], [300; 12]].concat());
    assert_eq!((plan.placed, plan.unplaced), (Nanos::new(4_800), Nanos::ZERO));
    assert_eq!(plan.tight, Some(Horizon::Flight));
    assert_eq!(plan.curve.knots().len(), 3);
}

#[test]
fn the_example_of_the_documentation_holds() {
    let (days, shape) = (calendar(&[24, 24], 2), TrafficShape::flat());
    let request = PlanRequest {
        now: MONDAY + hours(12),
        caps: PlanCaps { day: Some(Nanos::new(1_000)), ..PlanCaps::default() },
        used: PlanUse { day: Nanos::new(700), ..PlanUse::default() },
        finish: FINISH_DEFAULT,
        ..request(window(0, 48), Some(1_200), &days, &shape)
    };
    let plan = plan(&request);
    assert_eq!(amounts(&plan), [300, 900]);
    let tight: Vec<_> = plan.days.iter().map(|day| day.tight).collect();
    assert_eq!(tight, [Some(Horizon::Day), Some(Horizon::Flight)]);
    assert_eq!(plan.tight, Some(Horizon::Day));
    // Half a Tuesday's traffic of 98.5 %: 900 × 12 ÷ 23.64.
    assert_eq!(plan.day_budget(request.now), Nanos::new(300 + 456));
}

#[test]
fn the_plan_is_done_at_the_finish_of_the_last_day() {
    let (days, shape) = (calendar(&[24, 24], 2), TrafficShape::flat());
    let request = PlanRequest {
        finish: Ppm::new(750_000),
        ..request(window(0, 48), Some(4_200), &days, &shape)
    };
    let plan = plan(&request);
    assert_eq!(by_hour(&plan, 0, 48), [vec![100; 42], vec![0; 6]].concat());
    let late = super::plan(&PlanRequest {
        now: MONDAY + hours(44),
        left: Some(Nanos::new(400)),
        ..request
    });
    assert_eq!(by_hour(&late, 44, 48), [100; 4]);
}

#[test]
fn missing_hours_are_absent_and_repeated_hours_come_twice() {
    let shape = daily(|hour| if hour == 2 { 10 } else { 1 });
    let short = calendar(&[23], 1);
    let plan_of = |days: &[LocalDay], length, left| {
        by_hour(&plan(&request(window(0, length), Some(left), days, &shape)), 0, 4)
    };
    assert_eq!(plan_of(&short, 23, 2_300), [100, 100, 100, 100]);
    let long = calendar(&[25], 1);
    assert_eq!(plan_of(&long, 25, 4_300), [100, 100, 1_000, 1_000]);
}

#[test]
fn what_a_cap_leaves_goes_to_the_others_at_one_level() {
    let (days, shape) = (calendar(&[24; 4], 2), TrafficShape::flat());
    let mut request = request(window(0, 96), Some(1_000), &days, &shape);
    request.caps.month = Some(Nanos::new(300));
    let capped = plan(&request);
    assert_eq!(amounts(&capped), [150; 4]);
    assert_eq!((capped.placed, capped.unplaced), (Nanos::new(600), Nanos::new(400)));
    assert_eq!(capped.tight, Some(Horizon::Month));
    request.caps.month = Some(Nanos::new(700));
    request.used.month = Nanos::new(600);
    assert_eq!(amounts(&plan(&request)), [50, 50, 350, 350]);
}

#[test]
fn an_hour_cap_moves_money_within_the_day() {
    let (days, shape) = (calendar(&[24], 1), daily(|hour| if hour < 12 { 1 } else { 3 }));
    let mut request = request(window(0, 24), Some(4_800), &days, &shape);
    request.caps.hour = Some(Nanos::new(250));
    let plan = plan(&request);
    assert_eq!(by_hour(&plan, 0, 24), [[150; 12], [250; 12]].concat());
    assert_eq!(plan.days[0].tight, Some(Horizon::Flight));
}

#[test]
fn hour_caps_win_back_the_time_after_the_finish() {
    let (days, shape) = (calendar(&[24], 1), TrafficShape::flat());
    let mut request = request(window(0, 24), Some(2_400), &days, &shape);
    request.finish = FINISH_DEFAULT;
    request.caps.hour = Some(Nanos::new(100));
    let plan = plan(&request);
    assert_eq!((plan.placed, plan.unplaced), (Nanos::new(2_400), Nanos::ZERO));
    assert_eq!(by_hour(&plan, 0, 24), [100; 24]);
}

#[test]
fn without_a_budget_the_caps_are_the_plan() {
    let (days, shape) = (calendar(&[24; 8], 8), TrafficShape::flat());
    let mut request = request(window(0, 10_000), None, &days, &shape);
    request.caps.day = Some(Nanos::new(240));
    request.now = MONDAY + hours(12);
    request.used.day = Nanos::new(200);
    let daily = plan(&request);
    assert_eq!(amounts(&daily), [40, 240, 240, 240, 240, 240, 240, 240]);
    assert_eq!(daily.curve.end(), MONDAY + hours(8 * 24));
    assert_eq!((daily.tight, daily.unplaced), (Some(Horizon::Day), Nanos::ZERO));
    request.caps = PlanCaps::default();
    assert_eq!(plan(&request).curve, SpendCurve::empty(request.now));
    request.now = MONDAY;
    request.used = PlanUse::default();
    request.caps.month = Some(Nanos::new(40_000));
    // The month has forty days, of which eight are known.
    assert_eq!(amounts(&plan(&request)), [1_000; 8]);
}

#[test]
fn asap_spends_as_early_as_the_caps_allow() {
    let (days, shape) = (calendar(&[24; 3], 3), daily(|hour| u32::from(hour >= 2)));
    let mut request = request(window(0, 72), Some(1_000), &days, &shape);
    request.delivery = DeliveryMode::Asap;
    assert_eq!(by_hour(&plan(&request), 0, 4), [0, 0, 1_000, 0]);
    request.caps.day = Some(Nanos::new(600));
    let capped = plan(&request);
    assert_eq!(amounts(&capped), [600, 400, 0]);
    assert_eq!(capped.days[0].tight, Some(Horizon::Day));
    assert_eq!(capped.days[1].tight, Some(Horizon::Flight));
}

#[test]
fn ahead_runs_a_fifth_ahead_until_done() {
    let (days, shape) = (calendar(&[24; 2], 2), TrafficShape::flat());
    let mut request = request(window(0, 48), Some(4_800), &days, &shape);
    request.delivery = DeliveryMode::Ahead;
    assert_eq!(by_hour(&plan(&request), 0, 48), [vec![120; 40], vec![0; 8]].concat());
    request.now = MONDAY + hours(10);
    request.left = Some(Nanos::new(3_600));
    assert_eq!(by_hour(&plan(&request), 10, 48), [vec![120; 30], vec![0; 8]].concat());
    request.caps.day = Some(Nanos::new(2_400));
    request.used.day = Nanos::new(1_200);
    assert_eq!(amounts(&plan(&request)), [1_200, 2_400]);
}

#[test]
fn days_beyond_the_calendar_get_their_share() {
    let (days, shape) = (calendar(&[24; 8], 8), daily(|hour| u32::from(hour < 12)));
    let mut request = request(window(0, 20 * 24), Some(2_000), &days, &shape);
    let open = plan(&request);
    assert_eq!(amounts(&open), [100; 8]);
    assert_eq!((open.placed, open.curve.end()), (Nanos::new(2_000), MONDAY + hours(480)));
    request.caps.day = Some(Nanos::new(90));
    assert_eq!((plan(&request).placed, plan(&request).unplaced.get()), (Nanos::new(1_800), 200));
    request.caps.day = None;
    request.days = &[];
    let blind = plan(&request);
    assert_eq!(blind.curve.planned_at(MONDAY + hours(240)), Nanos::new(1_000));
}

#[test]
fn no_traffic_at_all_is_even_traffic() {
    let days = calendar(&[24; 2], 2);
    let shape =
        TrafficShape::try_new((0..168).map(|hour| u32::from(hour >= 24)).collect()).unwrap();
    let monday = plan(&request(window(0, 24), Some(2_400), &days, &shape));
    assert_eq!(by_hour(&monday, 0, 24), [100; 24]);
    let both = plan(&request(window(0, 48), Some(2_400), &days, &shape));
    assert_eq!(amounts(&both), [0, 2_400]);
}

#[test]
fn the_day_budget_does_not_shrink_as_the_end_nears() {
    let (days, shape) = (calendar(&[24; 3], 3), TrafficShape::flat());
    let mut request = request(window(0, 72), Some(7_200), &days, &shape);
    let whole = plan(&request);
    let budget = |plan: &Plan, hour| plan.day_budget(MONDAY + hours(hour)).get();
    assert_eq!([-5, 0, 30, 50, 71, 99].map(|hour| budget(&whole, hour)), [2_400; 6]);
    request.now = MONDAY + hours(60);
    request.left = Some(Nanos::new(1_200));
    request.recent = Nanos::new(1_150);
    assert_eq!([60, 71].map(|hour| budget(&plan(&request), hour)), [2_350; 2]);
    request.window = window(60, 66);
    request.recent = Nanos::ZERO;
    assert_eq!(budget(&plan(&request), 65), 1_200);
}

#[test]
fn nothing_is_planned_once_the_flight_is_over() {
    let (days, shape) = (calendar(&[24], 1), TrafficShape::flat());
    let mut request = request(window(0, 24), Some(100), &days, &shape);
    request.now = MONDAY + hours(24);
    let over = plan(&request);
    assert_eq!((over.placed, over.unplaced), (Nanos::ZERO, Nanos::new(100)));
    request.now = MONDAY;
    request.left = Some(Nanos::new(-5));
    let overdrawn = plan(&request);
    assert_eq!((overdrawn.placed, overdrawn.unplaced), (Nanos::ZERO, Nanos::ZERO));
    assert_eq!(overdrawn.tight, Some(Horizon::Flight));
}

#[test]
fn an_hourly_curve_stays_small() {
    let weights = (0..168).map(|hour| 1 + hour * hour % 91).collect();
    let (days, shape) = (calendar(&[24; 10], 10), TrafficShape::try_new(weights).unwrap());
    let mut request = request(window(0, 480), Some(1_000_003), &days, &shape);
    request.finish = FINISH_DEFAULT;
    request.caps.day = Some(Nanos::new(1_000_000));
    let plan = plan(&request);
    assert!(plan.curve.knots().len() <= 64, "{}", plan.curve.knots().len());
    assert_eq!(plan.placed, Nanos::new(1_000_003));
}

#[test]
fn the_largest_weights_budgets_and_flights_do_not_overflow() {
    let mut weights = vec![1; 672];
    weights[300] = u32::MAX;
    let (days, shape) = (calendar(&[24; 10], 10), TrafficShape::try_new(weights).unwrap());
    let most = Nanos::from_units(4_000_000_000);
    let mut request = request(window(0, 1_500_000), Some(most.get()), &days, &shape);
    request.caps = PlanCaps { month: Some(most), day: Some(most), hour: Some(most) };
    for delivery in [DeliveryMode::Even, DeliveryMode::Ahead, DeliveryMode::Asap] {
        request.delivery = delivery;
        request.left = Some(most);
        let whole = plan(&request);
        assert_eq!((whole.placed, whole.unplaced), (most, Nanos::ZERO));
        request.left = None;
        assert!(plan(&request).placed >= most);
    }
}

#[test]
fn an_edit_spreads_the_new_rest_over_what_remains() {
    let (days, shape) = (calendar(&[24; 2], 2), TrafficShape::flat());
    let mut request = request(window(0, 48), Some(4_800), &days, &shape);
    assert_eq!(by_hour(&plan(&request), 0, 48), [100; 48]);
    request.now = MONDAY + Span::from_mins(8 * 60);
    request.left = Some(Nanos::new(8_000));
    assert_eq!(by_hour(&plan(&request), 8, 48), [200; 40]);
    request.window = window(0, 28);
    assert_eq!(by_hour(&plan(&request), 8, 28), [400; 20]);
}

#[test]
fn half_an_hour_has_half_the_traffic() {
    let (mut days, shape) = (calendar(&[24], 1), TrafficShape::flat());
    // Clocks go forward by half an hour at two.
    let half = MONDAY + Span::from_mins(150);
    days[0].hours.truncate(3);
    days[0].hours[2].window = Window::try_new(MONDAY + hours(2), half).unwrap();
    days[0].window = Window::try_new(MONDAY, half).unwrap();
    let plan = plan(&request(days[0].window, Some(500), &days, &shape));
    assert_eq!(by_hour(&plan, 0, 3), [200, 200, 100]);
}
