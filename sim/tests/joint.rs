//! Pacing and shading together, in small: what may be said of them already while little is known;
//! the long run is the command's.

use paceline_sim::joint::budgets::{AHEAD_LEAST, Versus};
use paceline_sim::joint::slack::Arm;
use paceline_sim::joint::{JointOptions, Way, play};
use paceline_sim::shading::contender::Feedback;

/// Value by which ours may be behind shading before pacing over all budgets, as a share, where two
/// thin days are all there is to learn from.
const BEHIND_IN_SMALL: f64 = 0.01;

#[test]
fn pacing_before_shading_beats_no_shading_and_keeps_up_with_shading_first() {
    let options = JointOptions {
        seeds: vec![1, 2],
        feedbacks: vec![Feedback::All],
        wave_seeds: 0,
        per_day: 2_000,
        raised_percent: 200,
        threads: 2,
    };
    let told = play(&options, &|_| {}).unwrap();
    let text = told.to_text();
    assert_eq!(told.swaps.swaps, 22, "eleven a day");
    let over_all = |rival: Way| {
        let of = |one: &&Versus| one.rival == rival && one.share.is_none();
        told.budgets.versus.iter().find(of).unwrap().value.mean
    };
    assert!(over_all(Way::Unshaded) >= AHEAD_LEAST, "{text}");
    assert!(over_all(Way::Throttled) >= AHEAD_LEAST, "{text}");
    assert!(over_all(Way::ShadeFirst) >= -BEHIND_IN_SMALL, "{text}");
    let surplus = told.slack.arm(Arm::Surplus).unwrap();
    assert!(told.slack.is_surplus_met() && surplus.cost.mean < -0.2, "{text}");
    assert!(told.to_html().contains("</svg>") && told.to_json().ends_with("}\n"));
}
