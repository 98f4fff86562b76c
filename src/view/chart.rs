//! Charts: what is shown, and the SVG it becomes.
//!
//! The drawing is plain SVG with real text and classes for colour, so that it follows the reader's
//! light or dark scheme and can be read aloud. Must not know of pages. Called by whoever shows a
//! course of numbers, and by `page`.

mod draw;
mod frame;
mod legend;

use crate::axis::{self, Axis};
use crate::decimate::Mark;
use crate::number;
use crate::series::{Reference, Series};
use crate::text::{fitted, printable};
pub(crate) use draw::pixel;
use frame::Frame;
use maud::{Markup, PreEscaped, html};

/// Most series drawn in one chart; beyond it neither colours nor readers follow. The chart says how
/// many it leaves out.
pub const SERIES_MAX: usize = 12;

/// Series over a common axis. All fields may hold anything; what cannot be drawn is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    /// What is to be seen.
    pub title: String,
    /// What runs across; a time axis adds its days and `UTC`.
    pub x_label: String,
    /// What runs up, with its unit.
    pub y_label: String,
    /// What kind of number runs across.
    pub x: Axis,
    /// What kind of number runs up.
    pub y: Axis,
    /// Whether the upward axis is logarithmic.
    pub log_y: bool,
    /// Ends of the upward axis; without them it holds all points, and zero unless logarithmic.
    pub y_range: Option<(f64, f64)>,
    /// Ends of the axis across; without them it holds all points. Charts over one another line up
    /// when they share it.
    pub x_range: Option<(f64, f64)>,
    /// Drawn in this order; the first [`SERIES_MAX`] only.
    pub series: Vec<Series>,
    /// Lines to compare with.
    pub references: Vec<Reference>,
}

impl Chart {
    /// An empty chart over plain numbers.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// An empty chart over time.
    #[must_use]
    pub fn over_time(title: impl Into<String>) -> Self {
        Self { title: title.into(), x: Axis::Time, ..Self::default() }
    }

    /// The same with a label on the axis across.
    #[must_use]
    pub fn with_x_label(mut self, label: impl Into<String>) -> Self {
        self.x_label = label.into();
        self
    }

    /// The same with a label on the upward axis.
    #[must_use]
    pub fn with_y_label(mut self, label: impl Into<String>) -> Self {
        self.y_label = label.into();
        self
    }

    /// The same with another kind of upward axis.
    #[must_use]
    pub fn with_y(mut self, axis: Axis) -> Self {
        self.y = axis;
        self
    }

    /// The same with these ends of the upward axis.
    #[must_use]
    pub fn with_y_range(mut self, low: f64, high: f64) -> Self {
        self.y_range = Some((low, high));
        self
    }

    /// The same with these ends of the axis across.
    #[must_use]
    pub fn with_x_range(mut self, low: f64, high: f64) -> Self {
        self.x_range = Some((low, high));
        self
    }

    /// The same with a logarithmic upward axis.
    #[must_use]
    pub fn with_log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// The same with one series more.
    #[must_use]
    pub fn with_series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// The same with one reference line more.
    #[must_use]
    pub fn with_reference(mut self, reference: Reference) -> Self {
        self.references.push(reference);
        self
    }

    /// The chart as a file of its own, with its own styles; sizes in pixels, at least 240 by 140.
    #[must_use]
    pub fn to_svg(&self, width: u32, height: u32) -> String {
        let css = concat!(include_str!("style/theme.css"), include_str!("style/chart.css"));
        self.draw(width, height, Some(css)).into_string()
    }

    /// The chart as part of a page that has the styles already.
    pub(crate) fn embed(&self, width: u32, height: u32) -> Markup {
        self.draw(width, height, None)
    }

    fn draw(&self, width: u32, height: u32, css: Option<&str>) -> Markup {
        let (width, height) = (width.clamp(240, 8_000), height.clamp(140, 8_000));
        let least = if self.log_y { axis::LOG_LEAST } else { f64::NEG_INFINITY };
        let drawn = &self.series[..self.series.len().min(SERIES_MAX)];
        let marks: Vec<Vec<Mark>> =
            drawn.iter().map(|series| crate::decimate::marks(series.extents(), least)).collect();
        let frame = Frame::fit(self, &marks, f64::from(width), f64::from(height));
        let label = fitted(&self.title, 15.0, f64::from(width) - 8.0);
        html! {
            svg xmlns="http://www.w3.org/2000/svg" class="pl-chart" role="img"
                viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
                aria-label=(self.spoken(&marks)) {
                title { (printable(&self.title)) }
                @if let Some(css) = css {
                    style { (PreEscaped(css)) }
                    rect class="pl-ground" width=(width) height=(height) {}
                }
                text class="pl-title" x="4" y="17" { (label) }
                (legend::draw(self, &frame))
                @match &frame.scales {
                    Some(scales) => (draw::plot(self, &frame, scales, &marks)),
                    None => (draw::no_data(&frame)),
                }
            }
        }
    }

    /// The chart in a sentence for each series, for those who do not see it.
    fn spoken(&self, marks: &[Vec<Mark>]) -> String {
        let mut text = printable(&self.title).into_owned();
        for (series, marks) in self.series.iter().zip(marks) {
            text += ". ";
            text += &printable(&series.name);
            let lows = axis::Domain::of(marks.iter().flat_map(|mark| [mark.low, mark.high]));
            text += &match (lows, marks.last()) {
                (Some(range), Some(last)) => format!(
                    ": {} points from {} to {}, last {}",
                    marks.len(),
                    number::short(range.low),
                    number::short(range.high),
                    number::short(last.high),
                ),
                _ => ": no data".to_owned(),
            };
        }
        text
    }
}
