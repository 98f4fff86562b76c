//! Where everything in a chart stands.
//!
//! Must not draw. Called by `chart`.

use super::{Chart, legend};
use crate::axis::{self, Axis, Domain, Scale, Tick};
use crate::decimate::{Mark, is_drawable};
use crate::series::{Place, Reference};
use crate::text::pixels;

/// Height of the title, of a row of the legend, and of the labels above the plot.
const TITLE: f64 = 28.0;
pub(super) const LEGEND_ROW: f64 = 19.0;
const Y_LABEL: f64 = 22.0;
/// Height of the labels below the plot.
const X_TICKS: f64 = 21.0;
const X_LABEL: f64 = 17.0;
/// Room right of the plot, for half of the last label.
const RIGHT: f64 = 22.0;
/// Size of labels.
pub(super) const FONT: f64 = 11.5;

/// The places of a chart, in pixels.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    /// Top of the legend.
    pub(super) legend_top: f64,
    /// Absent without anything to draw.
    pub(super) scales: Option<Scales>,
}

/// Both axes.
#[derive(Debug)]
pub(super) struct Scales {
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
}

impl Frame {
    pub(super) fn fit(chart: &Chart, marks: &[Vec<Mark>], width: f64, height: f64) -> Self {
        let legend_height = legend::rows(chart, width) * LEGEND_ROW;
        let is_bare = chart.y_label.is_empty() && !chart.references.iter().any(is_upright);
        let y_label = if is_bare { 8.0 } else { Y_LABEL };
        let x_label = if x_caption(chart, None).is_empty() { 0.0 } else { X_LABEL };
        let top = TITLE + legend_height + y_label;
        // A legend of many rows must not leave the plot upside down.
        let bottom = (height - X_TICKS - x_label).max(top + 20.0);
        let mut frame = Self {
            width,
            left: 40.0,
            right: width - RIGHT,
            top,
            bottom,
            legend_top: TITLE,
            scales: None,
        };
        let y_count = count(bottom - top, 30.0);
        let Some((x, y)) = domains(chart, marks, y_count) else { return frame };
        let y_ticks = if chart.log_y {
            axis::log_ticks(chart.y, y, y_count)
        } else {
            axis::ticks(chart.y, y, y_count)
        };
        let widest = y_ticks.iter().map(|tick| pixels(&tick.label, FONT)).fold(18.0, f64::max);
        frame.left = widest + 14.0;
        let room = if chart.x == Axis::Time { 78.0 } else { 64.0 };
        let x_ticks = axis::ticks(chart.x, x, count(frame.right - frame.left, room));
        let x = Scale { domain: x, start: frame.left, end: frame.right, is_log: false };
        let y = Scale { domain: y, start: bottom, end: top, is_log: chart.log_y };
        frame.scales = Some(Scales { x, y, x_ticks, y_ticks });
        frame
    }
}

/// What stands below the axis across.
pub(super) fn x_caption(chart: &Chart, domain: Option<Domain>) -> String {
    match (chart.x, domain) {
        (Axis::Time, Some(domain)) => axis::caption(&chart.x_label, domain),
        (Axis::Time, None) => "time".to_owned(),
        (Axis::Number | Axis::Percent, _) => chart.x_label.clone(),
    }
}

/// Upright lines are named above the plot.
fn is_upright(reference: &Reference) -> bool {
    matches!(reference.place, Place::X(_))
}

/// How many labels fit, at least two.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes are clamped")]
fn count(length: f64, each: f64) -> u32 {
    (length / each).clamp(2.0, 24.0) as u32
}

/// Both domains; `None` when no point can be drawn.
fn domains(chart: &Chart, marks: &[Vec<Mark>], y_count: u32) -> Option<(Domain, Domain)> {
    let all = || marks.iter().flatten();
    let x = Domain::of(all().map(|mark| mark.x))?;
    let x = ordered(chart.x_range).unwrap_or(x).widened(chart.x);
    let is_fit = |y: &f64| is_drawable(*y) && (!chart.log_y || *y > axis::LOG_LEAST);
    let references = chart.references.iter().filter_map(|reference| match reference.place {
        Place::Y(y) => Some(y).filter(is_fit),
        Place::X(_) => None,
    });
    let seen = all().filter(|mark| x.low <= mark.x && mark.x <= x.high);
    let zero = (!chart.log_y).then_some(0.0);
    let values = seen.flat_map(|mark| [mark.low, mark.high]).chain(references).chain(zero);
    let y = Domain::of(values).unwrap_or(Domain { low: 1.0, high: 1.0 });
    let given = ordered(chart.y_range).filter(|given| is_fit(&given.low));
    let y = match given {
        Some(given) => given,
        None if chart.log_y => y.rounded_log(),
        // A flat line at zero has its range above, not around.
        None if y.low >= 0.0 && y.high == 0.0 => Domain { low: 0.0, high: 1.0 },
        None => y.widened(chart.y).rounded(y_count),
    };
    Some((x, y))
}

fn ordered(range: Option<(f64, f64)>) -> Option<Domain> {
    let (low, high) = range?;
    (is_drawable(low) && is_drawable(high) && low < high).then_some(Domain { low, high })
}
