//! Return targets by the guide's protocol: ours are kept more often, with more to show for it.

use paceline_sim::returns::play;

#[test]
fn targets_are_kept_and_little_is_left_lying() {
    let told = play(&[101, 102], 60, 2, &|_| {});
    let [ours, joint, least] = [0, 1, 2].map(|place| told.scores[place].kept());
    assert!(ours.share >= 0.85 && ours.value >= 0.7, "{:?}", told.scores);
    assert!(told.is_met() && ours.value >= least.value.max(joint.value), "{:?}", told.scores);
}

#[test]
fn the_same_seeds_say_the_same_on_any_number_of_threads() {
    let (one, two) = (play(&[1, 2, 3], 4, 1, &|_| {}), play(&[1, 2, 3], 4, 3, &|_| {}));
    assert_eq!(one.to_json(), two.to_json());
    assert!(one.to_html().contains("</svg>"));
}
