//! Plain cases, one trouble each: what is named first, with which figures and which edit.

use super::*;
use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::ReturnTarget;
use crate::forecast::{Forecast, Limit};
use crate::overrides::OverrideAction;
use crate::report::Reason;
use crate::response::{Counts, Lift, Recent};
use crate::units::{Nanos, OverrideId, PacingMultiplier, Ppm, Span, Window};

fn lift(ratio: f64, win_rate: f64) -> Lift {
    Lift { ratio, doubt: 0.1, win_rate: Some(win_rate), is_beyond: false }
}

/// On plan: 100 units and 1000 events a day, half of them won.
fn healthy() -> Case {
    let now = Timestamp::from_micros(0) + Span::DAY;
    let window = Window::try_new(now - Span::DAY, now + Span::DAY).unwrap();
    let unit = Nanos::from_units;
    Case {
        now,
        phase: Phase::In,
        reason: Reason::Law,
        own: BudgetOwner::Campaign(CampaignId::from_key(1)),
        hands: Vec::new(),
        silence: Span::from_secs(10),
        is_stale: false,
        quarantined_until: None,
        spent: None,
        brake: 1.0,
        trip: None,
        limits: Limits {
            x: -0.7,
            participation: 1.0,
            x_max: 0.0,
            multiplier_max: PacingMultiplier::ONE,
            to_most: lift(2.5, 0.5),
            raise: lift(1.6, 0.5),
            at_most: lift(1.0, 0.8),
        },
        recent: Recent {
            minutes: 120.0,
            counts: Counts { asks: 170.0, bids: 170.0, below_floor: 0.0, wins: 83.0 },
            spent: 8.3e9,
            planned: 8.3e9,
        },
        is_counted: true,
        planned: Some(Planned {
            rate: 8.3e9 / 120.0,
            day_budget: unit(100),
            total: unit(100),
            unplaced: Nanos::ZERO,
            tight: Some((Horizon::Flight, unit(200))),
            flight: Some((window.start(), unit(200))),
        }),
        forecast: Some(Forecast {
            horizon: Horizon::Flight,
            window,
            budget: Some(unit(200)),
            low: unit(197),
            middle: unit(200),
            high: unit(200),
            short: Some(0.05),
            limit: Limit::Budget,
        }),
        shared: None,
        returns: None,
        event_price: 1e8,
    }
}

/// At its highest bids it spends a third of its plan.
fn short(wins: f64, below_floor: f64) -> Case {
    let mut case = healthy();
    case.limits = Limits { x: 0.0, ..case.limits };
    case.recent.spent /= 3.0;
    let bids = 1_000.0 - below_floor;
    case.recent.counts = Counts { asks: 1_000.0, bids, below_floor, wins };
    case.forecast = case.forecast.map(|told| Forecast { short: Some(0.99), ..told });
    case
}

fn kinds(case: &Case) -> Vec<CauseKind> {
    causes(case).iter().map(|cause| cause.kind).collect()
}

#[test]
fn nothing_wrong_is_on_plan_with_the_numbers_that_say_so() {
    let told = causes(&healthy());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, CauseKind::OnPlan);
    let of_plan = told[0].figures.iter().find(|figure| figure.name == "of_plan").unwrap();
    assert!((of_plan.value - 1.0).abs() < 1e-9 && told[0].edit.is_none());
}

#[test]
fn the_market_is_told_by_what_most_asks_come_to() {
    assert_eq!(kinds(&short(80.0, 0.0)), [CauseKind::BidLimited]);
    assert_eq!(kinds(&short(900.0, 0.0)), [CauseKind::SupplyLimited]);
    assert_eq!(kinds(&short(180.0, 800.0)), [CauseKind::FloorLimited]);
    assert_eq!(kinds(&short(80.0, 500.0)), [CauseKind::FloorLimited, CauseKind::BidLimited]);
    let nobody = Case { is_counted: false, ..short(0.0, 0.0) };
    assert_eq!(kinds(&nobody), [CauseKind::SupplyLimited], "nobody said what it was asked");
}

#[test]
fn a_raise_is_as_large_as_is_needed_and_no_larger_than_is_sensible() {
    let told = causes(&short(80.0, 0.0));
    let Some(Edit::MultiplierMax { to }) = told[0].edit else { panic!("{told:?}") };
    assert!((libm::log(to.ppm().as_f64()) - 0.6).abs() < 1e-3, "three times is far: {to:?}");
    let mut near = short(80.0, 0.0);
    near.recent.spent *= 2.7;
    let told = causes(&near);
    let Some(Edit::MultiplierMax { to }) = told[0].edit else { panic!("{told:?}") };
    assert!(to.ppm().as_f64() < 1.25, "{to:?}");
}

#[test]
fn what_stops_it_altogether_is_the_only_cause() {
    let case = short(80.0, 0.0);
    let start = case.now + Span::HOUR;
    let before = Case { phase: Phase::Before(start), ..case.clone() };
    assert_eq!(kinds(&before), [CauseKind::NotStarted]);
    let over = Case { phase: Phase::Over(case.now - Span::HOUR), ..case.clone() };
    assert_eq!(kinds(&over), [CauseKind::Ended]);
    let aside = Case { quarantined_until: Some(start), ..case };
    assert_eq!(kinds(&aside), [CauseKind::Quarantined]);
}

#[test]
fn a_hand_comes_before_the_market_that_would_hold_it_anyway() {
    let mut case = short(80.0, 0.0);
    let multiplier = PacingMultiplier::try_new(Ppm::new(400_000)).unwrap();
    case.hands = vec![Hand {
        id: OverrideId::from_key(7),
        action: OverrideAction::Cap { multiplier },
        expires_at: case.now + Span::HOUR,
    }];
    case.reason = Reason::Capped;
    case.limits =
        Limits { x: -0.9, to_most: lift(1.8, 0.1), at_most: lift(1.0, 0.2), ..case.limits };
    let told = causes(&case);
    let found: Vec<CauseKind> = told.iter().map(|cause| cause.kind).collect();
    assert_eq!(found, [CauseKind::Override, CauseKind::BidLimited]);
    assert_eq!(told[0].edit, Some(Edit::Release { hand: OverrideId::from_key(7) }));
    // One that lets it spend what it is to is told behind its being on plan.
    let mut fine = healthy();
    (fine.hands, fine.reason) = (case.hands, Reason::Capped);
    assert_eq!(kinds(&fine), [CauseKind::OnPlan, CauseKind::Override]);
}

#[test]
fn caps_that_leave_no_room_and_shared_ones_are_budgets() {
    let mut own = healthy();
    own.forecast = own.forecast.map(|told| Forecast { short: Some(0.99), ..told });
    own.planned = own.planned.map(|planned| Planned {
        unplaced: Nanos::from_units(60),
        tight: Some((Horizon::Day, Nanos::from_units(70))),
        ..planned
    });
    let told = causes(&own);
    assert_eq!(told[0].kind, CauseKind::BudgetLimited);
    let to = Nanos::from_units(112);
    let edit = Edit::Cap { owner: own.own, horizon: Horizon::Day, to };
    assert_eq!(told[0].edit, Some(edit));
    let mut shared = short(80.0, 0.0);
    shared.limits = Limits { x: -1.0, to_most: lift(4.0, 0.1), ..shared.limits };
    let owner = BudgetOwner::Group(crate::units::GroupId::from_key(3));
    shared.shared = Some(Shared { owner, tight: Some((Horizon::Day, Nanos::from_units(10))) });
    assert_eq!(kinds(&shared)[0], CauseKind::BudgetLimited);
}

#[test]
fn each_reason_of_the_engine_has_its_cause() {
    let case = short(80.0, 0.0);
    let of = |reason: Reason| kinds(&Case { reason, ..case.clone() })[0];
    assert_eq!(of(Reason::Blind), CauseKind::StaleSpend);
    assert_eq!(of(Reason::CounterFault), CauseKind::StaleSpend);
    assert_eq!(of(Reason::OutsideHours), CauseKind::OnPlan);
    let tight = Some((Horizon::Day, Nanos::from_units(50)));
    let shared = Some(Shared { owner: case.own, tight });
    for reason in [Reason::Law, Reason::Minimum] {
        let poor = Case { reason, shared, ..case.clone() };
        assert!(kinds(&poor).contains(&CauseKind::BudgetLimited), "{reason:?}");
    }
    let braked = Case { reason: Reason::Brake, brake: 0.3, ..case.clone() };
    assert_eq!(kinds(&braked)[0], CauseKind::Brake);
    let spent = SpentBudget {
        owner: case.own,
        horizon: Horizon::Flight,
        cap: Nanos::from_units(200),
        available: Nanos::ZERO,
        ends: case.now + Span::HOUR,
    };
    let spent = Case { reason: Reason::Exhausted, spent: Some(spent), ..case.clone() };
    let told = causes(&spent);
    assert_eq!(told[0].kind, CauseKind::Exhausted);
    assert!(matches!(told[0].edit, Some(Edit::Budget { to, .. }) if to == Nanos::from_units(250)));
    let target = ReturnTarget::CostPerClick(Nanos::from_units(1));
    let returns = Some((target, -0.6, 1.01));
    let mut limits = case.limits;
    limits.x = -0.6;
    let dear = Case { reason: Reason::Returns, returns, limits, ..case.clone() };
    assert_eq!(kinds(&dear)[0], CauseKind::ReturnLimited);
    assert_eq!(kinds(&Case { phase: Phase::Off, ..case })[0], CauseKind::Override);
}

#[test]
fn ahead_is_more_than_chance() {
    let mut case = healthy();
    case.recent.spent *= 1.1;
    assert_eq!(kinds(&case), [CauseKind::OnPlan]);
    case.recent.spent *= 1.5;
    assert_eq!(kinds(&case), [CauseKind::Ahead]);
}

#[test]
fn every_figure_is_a_number_and_causes_are_in_order() {
    for case in [healthy(), short(80.0, 0.0), short(900.0, 0.0), short(0.0, 0.0)] {
        let told = causes(&case);
        assert!(told.is_sorted_by(|a, b| a.weight >= b.weight));
        let figures = told.iter().flat_map(|cause| &cause.figures);
        assert!(figures.clone().count() > 0);
        assert!(figures.into_iter().all(|figure| figure.value.is_finite()));
    }
}
