//! What a schedule promises, for any market.

use super::super::curve::WinCurve;
use super::*;
use proptest::prelude::*;

fn market<'a>(curve: &'a WinCurve, tie: TieRule) -> Market<'a> {
    Market { curve, tie, tick: CpmMicros::new(1) }
}

fn fitted(curve: &WinCurve, tie: TieRule) -> ScheduleFit {
    let market = market(curve, tie);
    ShadingSchedule::fit(&market, &Envelope::of(&market))
}

fn standard(schedule: &ShadingSchedule, value: i64) -> i64 {
    schedule.bid(ShadingLevel::Standard, CpmMicros::new(value)).get()
}

/// A log-logistic market on the grid.
fn smooth(middle: f64, steepness: f64) -> WinCurve {
    let ends: Vec<i64> = (200..420).map(super::super::grid::edge).collect();
    let upto = |end: i64| 1.0 / (1.0 + libm::pow(middle / real(end), steepness));
    let mut before = 0.0;
    let masses: Vec<f64> = ends
        .iter()
        .map(|&end| {
            let mass = upto(end) - before;
            before = upto(end);
            mass
        })
        .collect();
    WinCurve::from_masses(ends, &masses)
}

#[test]
fn a_schedule_is_small() {
    assert!(size_of::<ShadingSchedule>() <= 116, "{}", size_of::<ShadingSchedule>());
}

#[test]
fn a_smooth_market_loses_next_to_nothing_by_its_knots() {
    for steepness in [1.2, 2.0, 4.0, 8.0] {
        let curve = smooth(100_000.0, steepness);
        let fit = fitted(&curve, TieRule::Win);
        let market = market(&curve, TieRule::Win);
        let envelope = Envelope::of(&market);
        assert!(fit.loss < 0.002, "{steepness}: {}", fit.loss);
        let (mut sum, mut count) = (0.0, 0.0);
        for value in (50_000..900_000).step_by(7_001) {
            let got = market
                .surplus(CpmMicros::new(value), CpmMicros::new(standard(&fit.schedule, value)));
            let best = envelope.surplus(real(value));
            let loss = (best - got) / best.max(0.002 * real(value));
            assert!(loss < 0.02, "{steepness} {value} {loss}");
            (sum, count) = (sum + loss, count + 1.0);
        }
        assert!(sum / count < 0.002, "{steepness}: {}", sum / count);
    }
}

#[test]
fn a_bid_lands_on_an_atom_when_that_pays_and_on_the_cheaper_one_when_not() {
    // Half the market at 100, half at 300: 300 pays once (v − 300) > (v − 100) / 2, from 500 on.
    let curve = WinCurve::from_masses(vec![99, 100, 299, 300], &[0.0, 0.5, 0.0, 0.5]);
    for (tie, above) in [(TieRule::Win, 0), (TieRule::Lose, 1)] {
        let schedule = fitted(&curve, tie).schedule;
        assert_eq!(standard(&schedule, 499), 100 + above, "{tie:?}");
        assert_eq!(standard(&schedule, 503), 300 + above, "{tie:?}");
        assert_eq!(standard(&schedule, 1_000_000), 300 + above, "{tie:?}");
        assert_eq!(standard(&schedule, 80), 80, "{tie:?}");
    }
}

#[test]
fn levels_lie_between_value_and_best_bid() {
    let curve = smooth(100_000.0, 3.0);
    let schedule = fitted(&curve, TieRule::Win).schedule;
    let bid = |level| schedule.bid(level, CpmMicros::new(200_000)).get();
    let levels = [
        ShadingLevel::Off,
        ShadingLevel::Cautious,
        ShadingLevel::Standard,
        ShadingLevel::Aggressive,
    ];
    let bids = levels.map(bid);
    assert_eq!(bids[0], 200_000);
    assert_eq!(bids[1], bids[2] + (200_000 - bids[2]) / 2);
    assert!(bids[3] <= bids[2] && bids[2] < bids[0], "{bids:?}");
}

#[test]
fn draws_meet_their_shares_and_say_how_likely_they_were() {
    let curve = smooth(100_000.0, 3.0);
    let schedule = fitted(&curve, TieRule::Win).schedule.with_shares(0.1, 0.2);
    let paced = CpmMicros::new(200_000);
    let mut counts = [0_u32; 3];
    for auction in 0..20_000 {
        let auction = crate::hash::mix(auction);
        let shaded = schedule.draw(ShadingLevel::Standard, paced, (7, auction, 0));
        assert!(shaded.bid <= paced);
        let (place, propensity) = match shaded.drawn.role {
            BidRole::Control => (0, 100_000),
            BidRole::Explore => (1, 22_500),
            BidRole::Best => (2, 720_000),
        };
        counts[place] += 1;
        assert_eq!(shaded.drawn.propensity.get(), propensity);
    }
    for (count, share) in counts.into_iter().zip([0.1, 0.18, 0.72]) {
        assert!((f64::from(count) / 20_000.0 - share).abs() < 0.01, "{counts:?}");
    }
}

proptest! {
    #[test]
    fn a_schedule_rises_and_never_exceeds_the_value(
        masses in proptest::collection::vec((1_i64..1 << 44, 0.0_f64..1.0), 1..40),
        values in proptest::collection::vec(0_i64..1 << 50, 2..20),
        loses in proptest::bool::ANY,
    ) {
        let total: f64 = masses.iter().map(|cell| cell.1).sum::<f64>() + 0.1;
        let mut end = 0;
        let ends: Vec<i64> = masses.iter().map(|cell| { end += cell.0; end }).collect();
        let masses: Vec<f64> = masses.iter().map(|cell| cell.1 / total).collect();
        let curve = WinCurve::from_masses(ends, &masses);
        let tie = if loses { TieRule::Lose } else { TieRule::Win };
        let schedule = fitted(&curve, tie).schedule;
        let mut values = values;
        values.sort_unstable();
        let mut before = 0;
        for value in values {
            let bid = standard(&schedule, value);
            prop_assert!((before..=value).contains(&bid), "{value} {bid} {before}");
            let lower = schedule.bid(ShadingLevel::Aggressive, CpmMicros::new(value)).get();
            prop_assert!((0..=bid).contains(&lower));
            before = bid;
        }
    }
}
