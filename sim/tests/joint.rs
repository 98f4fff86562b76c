//! Pacing and shading together, in small: nothing is lost to rivals that is not due to little
//! being known yet; the long run is the command's.

use paceline_sim::joint::slack::Arm;
use paceline_sim::joint::{JointOptions, play};
use paceline_sim::shading::contender::Feedback;

#[test]
fn pacing_before_shading_throttles_less_and_saves_more_than_either_alone() {
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
    assert!(told.swaps.mean < told.swaps.placebo_mean, "{text}");
    let throttled = told.budgets.versus.iter().rfind(|one| one.share.is_none()).unwrap();
    assert!(throttled.value.mean > 0.05, "throttling before shading is far behind: {text}");
    let surplus = told.slack.arm(Arm::Surplus).unwrap();
    assert!(surplus.figures.surplus() > 0.0 && surplus.cost.mean < -0.2, "{text}");
    assert!(told.to_html().contains("</svg>") && told.to_json().ends_with("}\n"));
}
