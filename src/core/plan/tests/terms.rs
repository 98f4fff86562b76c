//! Holidays, growth, hours, catching up, and how far ahead.

use super::*;
use crate::campaign::Holiday;

const BUDGET: i64 = 700_000_000;

/// What each of the next seven days is given, of a week with flat traffic.
fn by_day(request: &PlanRequest<'_>) -> Vec<i64> {
    plan(request).days.iter().map(|day| day.amount.get()).collect()
}

#[test]
fn a_holiday_takes_its_share_and_the_others_what_it_leaves() {
    let (days, shape) = (calendar(&[24; 7], 7), TrafficShape::flat());
    let holidays = [Holiday { day: MONDAY + hours(24), traffic: Ppm::new(500_000) }];
    let levels = DayLevels { holidays: &holidays, ..DayLevels::USUAL };
    let flight = window(0, 168);
    let told = by_day(&PlanRequest { levels, ..request(flight, Some(650_000_000), &days, &shape) });
    let usual = 100_000_000;
    assert_eq!(told, [usual, usual / 2, usual, usual, usual, usual, usual]);
}

#[test]
fn traffic_that_grows_is_given_more_later() {
    let (days, shape) = (calendar(&[24; 7], 7), TrafficShape::flat());
    let levels = DayLevels { growth: 0.05, known_at: MONDAY, ..DayLevels::USUAL };
    let told =
        by_day(&PlanRequest { levels, ..request(window(0, 168), Some(BUDGET), &days, &shape) });
    assert_eq!(told.iter().sum::<i64>(), BUDGET);
    for pair in told.windows(2) {
        let ratio = Nanos::new(pair[1]).as_f64() / Nanos::new(pair[0]).as_f64();
        assert!((ratio - libm::exp(0.05)).abs() < 1e-3, "{told:?}");
    }
}

#[test]
fn outside_its_hours_nothing_is_planned_and_inside_all_of_it() {
    let (days, shape) = (calendar(&[24; 7], 7), TrafficShape::flat());
    let office = (0..168).filter(|hour| (8..20).contains(&(hour % 24)));
    let office = office.fold(HoursOfWeek::NONE, HoursOfWeek::with);
    let request =
        PlanRequest { hours: office, ..request(window(0, 168), Some(BUDGET), &days, &shape) };
    let plan = plan(&request);
    assert_eq!((plan.placed.get(), plan.unplaced), (BUDGET, Nanos::ZERO));
    let hourly = by_hour(&plan, 0, 48);
    for (hour, amount) in hourly.iter().enumerate() {
        let is_open = (8..20).contains(&(hour % 24));
        assert_eq!(*amount > 0, is_open, "hour {hour}: {amount}");
    }
    // A flight of hours that are all closed cannot be planned.
    let closed = PlanRequest { window: window(0, 8), ..request };
    assert_eq!(super::plan(&closed).unplaced.get(), BUDGET);
}

/// The third of seven days begins, and nothing was spent before.
fn behind<'a>(days: &'a [LocalDay], shape: &'a TrafficShape, most: u32) -> PlanRequest<'a> {
    let catch_up =
        CatchUp { most: Ppm::new(most), budget: Nanos::new(BUDGET), today: Some(Nanos::ZERO) };
    PlanRequest {
        now: MONDAY + hours(48),
        catch_up: Some(catch_up),
        ..request(window(0, 168), Some(BUDGET), days, shape)
    }
}

#[test]
fn what_was_missed_stays_missed_or_is_made_up_for_as_far_as_is_said() {
    let (days, shape) = (calendar(&[24; 7], 7), TrafficShape::flat());
    let none = behind(&days, &shape, 0);
    assert_eq!(by_day(&none), [100_000_000; 5]);
    assert_eq!(plan(&none).unplaced.get(), 200_000_000);
    let some = behind(&days, &shape, 250_000);
    assert_eq!(by_day(&some), [125_000_000; 5]);
    assert_eq!(plan(&some).unplaced.get(), 75_000_000);
    let all = behind(&days, &shape, 500_000);
    assert_eq!(by_day(&all), [140_000_000; 5]);
    assert_eq!(plan(&all).unplaced, Nanos::ZERO);
}

#[test]
fn what_a_day_misses_of_itself_it_makes_up_for() {
    let (days, shape) = (calendar(&[24; 7], 7), TrafficShape::flat());
    let begun = |today: Option<i64>| {
        let request = behind(&days, &shape, 0);
        let today = today.map(Nanos::new);
        let catch_up = request.catch_up.map(|catch_up| CatchUp { today, ..catch_up });
        let request = PlanRequest { now: MONDAY + hours(60), catch_up, ..request };
        by_day(&request)[0]
    };
    assert_eq!(begun(Some(0)), 100_000_000);
    assert_eq!(begun(Some(70_000_000)), 30_000_000);
    assert_eq!(begun(Some(170_000_000)), 0);
    assert_eq!(begun(None), 50_000_000);
}

#[test]
fn no_day_is_held_below_its_share_by_rounding_or_the_finish() {
    let weights = (0..168).map(|hour| 1 + hour * hour % 91).collect();
    let (days, shape) =
        (calendar(&[24, 23, 25, 24, 24], 2), TrafficShape::try_new(weights).unwrap());
    let catch_up = CatchUp { most: Ppm::new(0), budget: Nanos::new(BUDGET), today: None };
    let request = PlanRequest {
        finish: Ppm::new(985_000),
        catch_up: Some(catch_up),
        ..request(window(7, 113), Some(BUDGET), &days, &shape)
    };
    let plan = plan(&request);
    assert!(plan.unplaced.get() < 10, "{:?}", plan.unplaced);
}

#[test]
fn a_plan_runs_as_far_ahead_as_is_said() {
    let (days, shape) = (calendar(&[24; 2], 2), TrafficShape::flat());
    for (ahead, done) in [(200_000, 40), (500_000, 32), (1_000_000, 24)] {
        let request = PlanRequest {
            delivery: DeliveryMode::Ahead,
            ahead: Ppm::new(ahead),
            ..request(window(0, 48), Some(BUDGET), &days, &shape)
        };
        let curve = plan(&request).curve;
        assert_eq!(curve.planned_at(MONDAY + hours(done)).get(), BUDGET, "{ahead}");
        assert!(curve.planned_at(MONDAY + hours(done - 1)).get() < BUDGET, "{ahead}");
    }
}
