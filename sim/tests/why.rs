//! Why campaigns are where they are, and what edits do: right in most small worlds whose trouble is
//! known, and the same on any number of threads.

use paceline_core::diagnosis::CauseKind;
use paceline_sim::diagnose::{self, Ward, score};
use paceline_sim::number::length;
use paceline_sim::preview::{self, Previews};

/// Worlds that no threshold was chosen on.
const TROUBLES: std::ops::RangeInclusive<u64> = 6_001..=6_080;
const EDITS: std::ops::RangeInclusive<u64> = 8_001..=8_040;

fn told(seeds: std::ops::RangeInclusive<u64>, threads: usize) -> Ward {
    diagnose::play(&seeds.collect::<Vec<u64>>(), threads, &|_| {}).expect("worlds that run")
}

fn previewed(seeds: std::ops::RangeInclusive<u64>, threads: usize) -> Previews {
    preview::play(&seeds.collect::<Vec<u64>>(), threads, &|_| {}).expect("worlds that run")
}

#[test]
fn causes_are_named_and_effects_foreseen() {
    let ward = told(TROUBLES, 2);
    assert_eq!(ward.patients.len(), 80);
    let right = |one: &&diagnose::Patient| one.truth.contains(&score::first_of(one));
    let wrong: Vec<_> = ward
        .patients
        .iter()
        .filter(|one| !right(one))
        .map(|one| (one.seed, &one.truth, score::first_of(one)))
        .collect();
    assert!(wrong.len() <= 8, "{wrong:?}");
    let healthy = ward.patients.iter().filter(|one| one.truth == [CauseKind::OnPlan]);
    let called = healthy.clone().filter(|one| one.told.is_healthy()).count();
    assert!(healthy.count() - called <= 1, "{called} healthy ones are called so");
    let effects = &ward.score.effects;
    assert!(effects.count >= 25 && effects.share() >= 0.75, "{effects:?}");
}

#[test]
fn previews_come_about() {
    let tried = previewed(EDITS, 2);
    let all = tried.score.all;
    assert!(all.count >= 38 && all.many >= 20, "{all:?}");
    assert!(all.near() >= 0.7, "{all:?}");
    let missed = length(all.below + all.above) / length(all.count);
    assert!(missed <= 0.4, "{all:?}");
}

#[test]
fn the_same_seeds_say_the_same_on_any_number_of_threads() {
    let (one, two) = (told(1..=6, 1), told(1..=6, 3));
    assert_eq!(one.to_json(), two.to_json());
    assert!(one.to_text().contains("mean over causes"));
    assert!(one.to_html().contains("</svg>"));
    let (one, two) = (previewed(1..=6, 1), previewed(1..=6, 3));
    assert_eq!(one.to_json(), two.to_json());
    assert!(one.to_text().contains("held by its budget") && one.to_html().contains("</svg>"));
}
