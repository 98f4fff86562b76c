//! Long series made short: gaps found, extremes kept.
//!
//! Must not know of pixels. Called by charts and sparklines.

/// Most points drawn of one series. A chart is at most about this many pixels wide, and a page with
/// a dozen charts stays below a megabyte.
pub(crate) const POINTS_MAX: usize = 1_500;
/// Numbers beyond this are taken for missing: sums of two would not be finite.
const SIZE_MAX: f64 = 1e300;

/// One point that can be drawn; a plain point has `low` equal to `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    pub(crate) x: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Whether points that cannot be drawn lie between this mark and the one before.
    pub(crate) is_after_gap: bool,
}

/// Whether a number has a place on an axis.
pub(crate) fn is_drawable(value: f64) -> bool {
    value.abs() <= SIZE_MAX
}

/// The points that can be drawn, each told whether a gap precedes it. `least` is what `low` must
/// exceed: about zero on a logarithmic axis.
pub(crate) fn marks(points: impl Iterator<Item = (f64, f64, f64)>, least: f64) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut is_after_gap = false;
    for (x, low, high) in points {
        let is_drawn = [x, low, high].into_iter().all(is_drawable) && low > least && high > least;
        if is_drawn {
            marks.push(Mark { x, low, high, is_after_gap });
        }
        is_after_gap = !is_drawn && !marks.is_empty();
    }
    marks
}

/// At most `points_max` of the marks: the first, the last, and the lowest and the highest of each
/// stretch between.
pub(crate) fn keep_extremes(marks: &[Mark], points_max: usize) -> Vec<Mark> {
    if marks.len() <= points_max.max(4) {
        return marks.to_vec();
    }
    let stretches = (points_max.max(4) - 2) / 2;
    let last = marks.len() - 1;
    let mut kept = vec![marks[0]];
    let mut previous = 0;
    let mut keep = |index: usize| {
        let is_after_gap = marks[previous + 1..=index].iter().any(|mark| mark.is_after_gap);
        kept.push(Mark { is_after_gap, ..marks[index] });
        previous = index;
    };
    for (start, end) in cuts(1, last, stretches) {
        let lowest = (start..end).min_by(|a, b| marks[*a].low.total_cmp(&marks[*b].low));
        let highest = (start..end).max_by(|a, b| marks[*a].high.total_cmp(&marks[*b].high));
        if let (Some(lowest), Some(highest)) = (lowest, highest) {
            keep(lowest.min(highest));
            if lowest != highest {
                keep(lowest.max(highest));
            }
        }
    }
    keep(last);
    kept
}

/// At most half of `points_max` marks, each a band from the lowest to the highest of its stretch;
/// the first and the last stand as they are.
pub(crate) fn merge_bands(marks: &[Mark], points_max: usize) -> Vec<Mark> {
    let bands_max = (points_max / 2).max(3);
    if marks.len() <= bands_max {
        return marks.to_vec();
    }
    let last = marks.len() - 1;
    let inner = cuts(1, last, bands_max - 2).map(|(start, end)| {
        let stretch = &marks[start..end];
        Mark {
            x: stretch[0].x,
            low: stretch.iter().map(|mark| mark.low).fold(f64::INFINITY, f64::min),
            high: stretch.iter().map(|mark| mark.high).fold(f64::NEG_INFINITY, f64::max),
            is_after_gap: stretch.iter().any(|mark| mark.is_after_gap),
        }
    });
    [marks[0]].into_iter().chain(inner).chain([marks[last]]).collect()
}

/// `[start, end)` cut into `count` stretches as equal as can be; `count` is at most its length.
fn cuts(start: usize, end: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
    let length = end - start;
    (0..count).map(move |cut| (start + cut * length / count, start + (cut + 1) * length / count))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these numbers are kept, not computed")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(points: &[(f64, f64)]) -> Vec<Mark> {
        marks(points.iter().map(|&(x, y)| (x, y, y)), f64::NEG_INFINITY)
    }

    #[test]
    fn points_without_a_place_leave_a_gap() {
        let marks = plain(&[(0.0, f64::NAN), (1.0, 1.0), (2.0, f64::INFINITY), (3.0, 3.0)]);
        let seen: Vec<_> = marks.iter().map(|mark| (mark.x, mark.is_after_gap)).collect();
        assert_eq!(seen, [(1.0, false), (3.0, true)]);
    }

    #[test]
    fn a_gap_survives_decimation() {
        let points: Vec<_> = (0..10_000_u32)
            .map(|index| (f64::from(index), if index == 5_000 { f64::NAN } else { 1.0 }))
            .collect();
        let kept = keep_extremes(&plain(&points), 100);
        assert_eq!(kept.iter().filter(|mark| mark.is_after_gap).count(), 1);
    }

    #[test]
    fn bands_cover_what_they_replace() {
        let all: Vec<_> = (0..1_000_u32)
            .map(|index| (f64::from(index), -f64::from(index % 7), f64::from(index % 11)))
            .collect();
        let merged = merge_bands(&marks(all.iter().copied(), f64::NEG_INFINITY), 100);
        assert_eq!(merged.len(), 50);
        assert!(merged[1..49].iter().all(|mark| mark.low == -6.0 && mark.high == 10.0));
    }

    proptest! {
        #[test]
        fn extremes_and_ends_are_kept(
            values in proptest::collection::vec(-1e6_f64..1e6, 1..5_000),
            points_max in 4_usize..200,
        ) {
            let points: Vec<_> =
                (0_u32..).map(f64::from).zip(values.iter().copied()).collect();
            let all = plain(&points);
            let kept = keep_extremes(&all, points_max);
            prop_assert!(kept.len() <= points_max);
            prop_assert_eq!(kept[0].x, all[0].x);
            prop_assert_eq!(kept[kept.len() - 1].x, all[all.len() - 1].x);
            let lowest = |marks: &[Mark]| marks.iter().map(|mark| mark.low).fold(0.0, f64::min);
            let highest = |marks: &[Mark]| marks.iter().map(|mark| mark.high).fold(0.0, f64::max);
            prop_assert_eq!(lowest(&kept), lowest(&all));
            prop_assert_eq!(highest(&kept), highest(&all));
            prop_assert!(kept.windows(2).all(|pair| pair[0].x < pair[1].x));
        }
    }
}
