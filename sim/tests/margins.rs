//! The published margins: every bound holds at every corner of the box, and not far beyond it.

use paceline_sim::margins::{Errors, Extent, Margins, SETTLING_MOST, play};

/// As in `docs/CONTROL.md`, found by `paceline-sim margins` with other seeds as well.
const PUBLISHED: Extent =
    Extent { delay_seconds: 600, gain: (0.5, 5.0), level: (0.75, 1.5), shift_hours: 0.0 };

fn played(asked: &[Errors], threads: usize) -> Margins {
    play(asked, &[1], threads, &|_| {}).expect("worlds that run")
}

#[test]
fn every_corner_of_the_published_margins_holds() {
    let corners = PUBLISHED.corners();
    assert!(corners.len() >= 12 && corners.iter().all(|errors| PUBLISHED.contains(errors)));
    for point in played(&corners, 2).points {
        let worst = point.worst;
        let settling = worst.settling_hours.unwrap_or(u32::MAX);
        assert!(settling <= SETTLING_MOST, "{:?}: {worst:?}", point.errors);
        assert!(point.holds, "{:?}: {worst:?}", point.errors);
        // No error may cost a budget its bound.
        assert!(worst.overspend_ratio <= 0.005, "{:?}: {worst:?}", point.errors);
    }
}

#[test]
fn beyond_the_margins_something_breaks() {
    let beyond = [
        Errors { delay_seconds: 1_800, ..Errors::NONE },
        Errors { gain: 0.1, ..Errors::NONE },
        Errors { level: 2.0, gain: 10.0, ..Errors::NONE },
        Errors { shift_hours: 4.0, ..Errors::NONE },
        // As it ships the engine goes by safe values when reports are ten minutes late.
        Errors { delay_seconds: 600, waits: false, ..Errors::NONE },
    ];
    for point in played(&beyond, 2).points {
        assert!(!PUBLISHED.contains(&point.errors));
        assert!(!point.holds, "{:?}: {:?}", point.errors, point.worst);
    }
}

#[test]
fn an_engine_as_it_ships_takes_reports_a_minute_late() {
    let late = Errors { delay_seconds: 60, waits: false, ..Errors::NONE };
    let point = &played(&[late], 2).points[0];
    assert!(point.holds, "{:?}", point.worst);
}

#[test]
fn margins_are_the_largest_box_in_which_every_point_holds_on_any_number_of_threads() {
    let asked: Vec<Errors> = [0.1, 1.0, 2.0]
        .into_iter()
        .flat_map(|gain| {
            [0, 300].map(|delay_seconds| Errors { gain, delay_seconds, ..Errors::NONE })
        })
        .collect();
    let (one, two) = (played(&asked, 1), played(&asked, 2));
    assert!(one.to_json() == two.to_json(), "threads make a difference");
    let found =
        Extent { delay_seconds: 300, gain: (1.0, 2.0), level: (1.0, 1.0), shift_hours: 0.0 };
    assert_eq!(one.extent, Some(found));
    let text = one.to_text();
    assert!(text.contains("reports up to 5 min late, gain off by ×1 to ×2"), "{text}");
    assert_eq!(one.to_html().matches("class=\"pl-chart\"").count(), 3);
}
