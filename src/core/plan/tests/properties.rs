//! What holds for every plan.

use super::*;
use proptest::prelude::*;

/// A request that owns what it refers to.
#[derive(Debug, Clone)]
struct Case {
    days: Vec<LocalDay>,
    shape: TrafficShape,
    flight: Window,
    now: Timestamp,
    left: Option<i64>,
    caps: PlanCaps,
    used: PlanUse,
    delivery: DeliveryMode,
    finish: Ppm,
}

impl Case {
    fn request(&self) -> PlanRequest<'_> {
        PlanRequest {
            now: self.now,
            delivery: self.delivery,
            caps: self.caps,
            used: self.used,
            finish: self.finish,
            ..request(self.flight, self.left, &self.days, &self.shape)
        }
    }
}

fn shapes() -> impl Strategy<Value = TrafficShape> {
    let weight = prop_oneof![1 => Just(0_u32), 3 => 1_u32..1_000, 1 => Just(1_000_000)];
    let weights = prop_oneof![
        3 => proptest::collection::vec(weight.clone(), 168),
        1 => proptest::collection::vec(weight, 336),
        1 => Just(vec![1; 168]),
    ];
    weights.prop_filter_map("some traffic", |weights| TrafficShape::try_new(weights).ok())
}

fn cap(most: i64) -> impl Strategy<Value = Option<Nanos>> {
    proptest::option::of((1..=most).prop_map(Nanos::new))
}

fn cases() -> impl Strategy<Value = Case> {
    let money = prop_oneof![Just(1_000_i64), Just(1_000_000_007), Just(4_000_000_000_000_000_000)];
    money.prop_flat_map(|most| {
        let length = prop_oneof![5 => Just(24_i64), 1 => Just(23), 1 => Just(25)];
        let calendar = (proptest::collection::vec(length, 1..11), 0_usize..11)
            .prop_map(|(lengths, month)| calendar(&lengths, month));
        // Starts at a share of the calendar and mostly ends within it.
        let flight = (0_i64..1_000, prop_oneof![4 => 1_i64..=1_000, 1 => 1_001_i64..3_000]);
        let caps = (cap(most), cap(most / 4), cap(most / 60));
        let used = (0..=most / 8, 0..=most / 16, 0..=most / 120);
        let delivery = prop_oneof![
            Just(DeliveryMode::Even),
            Just(DeliveryMode::Ahead),
            Just(DeliveryMode::Asap)
        ];
        let finish = prop_oneof![
            Just(Ppm::ONE),
            Just(FINISH_DEFAULT),
            (1_u32..1_000_000).prop_map(Ppm::new)
        ];
        let left = prop_oneof![4 => (0..=most).prop_map(Some), 1 => Just(None)];
        (calendar, shapes(), flight, left, caps, used, delivery, finish).prop_map(
            |(days, shape, (from, length), left, (month, day, hour), used, delivery, finish)| {
                let known = days[days.len() - 1].window.end() - MONDAY;
                let part =
                    |whole: Span, share| Span::from_micros(whole.as_micros() / 1_000 * share);
                let from = MONDAY + part(known, from);
                let length = part(MONDAY + known - from, length);
                let flight = Window::try_new(from, from + length.max(Span::MINUTE)).unwrap();
                Case {
                    days,
                    shape,
                    flight,
                    now: flight.start(),
                    left,
                    caps: PlanCaps { month, day, hour },
                    used: PlanUse {
                        month: Nanos::new(used.0),
                        day: Nanos::new(used.1),
                        hour: Nanos::new(used.2),
                    },
                    delivery,
                    finish,
                }
            },
        )
    })
}

/// What the curve plans inside a window and what its cap still allows there.
fn drawn(case: &Case, plan: &Plan, window: Window, cap: Nanos, used: Nanos) -> (Nanos, Nanos) {
    let used = if window.contains(case.now) { used } else { Nanos::ZERO };
    (plan.curve.planned_between(window.start(), window.end()), (cap - used).at_least_zero())
}

/// The same case some time later, all spent as planned.
fn later(case: &Case, plan: &Plan, at: Timestamp) -> Case {
    let spent = plan.curve.planned_at(at);
    let used = |window: Option<Window>, before: Nanos| {
        window.map_or(Nanos::ZERO, |window| {
            let before = if window.contains(case.now) { before } else { Nanos::ZERO };
            before + plan.curve.planned_between(window.start(), at)
        })
    };
    let day = case.days.iter().find(|day| day.window.contains(at));
    let hour = day.and_then(|day| day.hours.iter().find(|hour| hour.window.contains(at)));
    Case {
        now: at,
        left: case.left.map(|left| left - spent.get()),
        used: PlanUse {
            month: used(day.map(|day| day.month), case.used.month),
            day: used(day.map(|day| day.window), case.used.day),
            hour: used(hour.map(|hour| hour.window), case.used.hour),
        },
        ..case.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sums_are_exact_and_never_fall(case in cases()) {
        let plan = plan(&case.request());
        prop_assert_eq!(plan.curve.total(), plan.placed);
        let knots = plan.curve.knots();
        prop_assert!(knots.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        if let Some(left) = case.left {
            prop_assert_eq!(plan.placed + plan.unplaced, Nanos::new(left));
        }
        for day in &plan.days {
            let curve = plan.curve.planned_between(day.window.start(), day.window.end());
            prop_assert_eq!(curve, day.amount);
        }
    }

    #[test]
    fn without_caps_all_is_placed(case in cases()) {
        let plan = plan(&PlanRequest { caps: PlanCaps::default(), ..case.request() });
        prop_assert_eq!(plan.unplaced, Nanos::ZERO);
    }

    #[test]
    fn no_cap_is_passed(case in cases()) {
        let plan = plan(&case.request());
        let known = plan.curve.start() + DAYS_AHEAD;
        for day in case.days.iter().filter(|day| day.window.end() <= known) {
            if let Some(cap) = case.caps.day {
                let (planned, room) = drawn(&case, &plan, day.window, cap, case.used.day);
                prop_assert!(planned <= room, "day: {planned:?} of {room:?}");
            }
            if let Some(cap) = case.caps.month.filter(|_| day.month.end() <= known) {
                let (planned, room) = drawn(&case, &plan, day.month, cap, case.used.month);
                prop_assert!(planned <= room, "month: {planned:?} of {room:?}");
            }
            for hour in &day.hours {
                let is_detailed = hour.window.end() <= plan.curve.start() + Span::DAY;
                if let Some(cap) = case.caps.hour.filter(|_| is_detailed) {
                    let (planned, room) = drawn(&case, &plan, hour.window, cap, case.used.hour);
                    prop_assert!(planned <= room, "hour: {planned:?} of {room:?}");
                }
            }
        }
    }

    #[test]
    fn hours_without_traffic_get_nothing(case in cases()) {
        let request = case.request();
        prop_assume!(!is_without_traffic(&request));
        let plan = plan(&request);
        let until = plan.curve.start() + Span::DAY;
        for hour in case.days.iter().flat_map(|day| &day.hours) {
            let is_empty = case.shape.hour_slots(hour.hour_of_week).iter().all(|slot| *slot == 0);
            if is_empty && hour.window.end() <= until {
                let planned = plan.curve.planned_between(hour.window.start(), hour.window.end());
                prop_assert_eq!(planned, Nanos::ZERO);
            }
        }
    }

    #[test]
    fn a_plan_kept_is_a_plan_unchanged(
        case in cases(), minutes in 0_i64..1_560, day in any::<bool>(),
    ) {
        let before = plan(&case.request());
        let detail = case.now + Span::MINUTE.times(minutes);
        let boundary = before.days.first().map_or(case.now, |day| day.window.end());
        let at = if day { boundary } else { detail }.min(before.curve.end());
        // Beyond the known days the plan is coarse and may change once they are known.
        prop_assume!(case.days.last().unwrap().window.end() >= before.curve.end());
        let after = plan(&later(&case, &before, at).request());
        let spent = before.curve.planned_at(at);
        let mut moments: Vec<_> =
            (minutes..1_560)
                .step_by(13)
                .map(|minute| case.now + Span::MINUTE.times(minute))
                .collect();
        moments.extend(before.days.iter().map(|day| day.window.end()));
        for moment in moments.into_iter().filter(|moment| *moment >= at) {
            let kept = spent + after.curve.planned_at(moment);
            let gap = kept.get() - before.curve.planned_at(moment).get();
            prop_assert!(gap.abs() <= 64, "{gap} nanos apart at {moment:?}");
        }
    }
}
