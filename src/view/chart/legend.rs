//! The names of a chart's series, in rows above the plot.
//!
//! Called by `chart`.

use super::draw::{classes, dots};
use super::frame::{FONT, Frame, LEGEND_ROW};
use super::{Chart, SERIES_MAX};
use crate::series::Shape;
use crate::text::{fitted, pixels};
use maud::{Markup, html};

/// Width of the sample of a series' line, with the room beside it.
const SAMPLE: f64 = 26.0;
/// Room between two names.
const ROOM: f64 = 18.0;
/// Widest name shown whole.
const NAME_MAX: f64 = 220.0;

struct Entry<'a> {
    index: usize,
    x: f64,
    row: f64,
    name: std::borrow::Cow<'a, str>,
}

/// How many rows the legend takes.
pub(super) fn rows(chart: &Chart, width: f64) -> f64 {
    entries(chart, width).last().map_or(0.0, |entry| entry.row + 1.0)
}

pub(super) fn draw(chart: &Chart, frame: &Frame) -> Markup {
    html! {
        @for entry in entries(chart, frame.width) {
            @let y = frame.legend_top + entry.row * LEGEND_ROW;
            @match chart.series.get(entry.index).filter(|_| entry.index < SERIES_MAX) {
                Some(series) => {
                    @let class = classes(entry.index, series);
                    @match &series.shape {
                        Shape::Line(_) | Shape::Step(_) => path class={ "pl-line " (class) }
                            d=(format!("M{:.1} {:.1}h18", entry.x, y + 7.0)) {},
                        Shape::Dots(_) => {
                            @let sample = std::iter::once((entry.x + 9.0, y + 7.0));
                            @let (path, kind) = dots(entry.index, series, sample);
                            path class={ (kind) " " (class) } d=(path) {}
                        },
                        Shape::Bars(_) => path class={ "pl-line " (class) }
                            d=(format!("M{:.1} {:.1}v10", entry.x + 9.0, y + 2.0)) {},
                        Shape::Band(_) => rect class={ "pl-band " (class) }
                            x=(format!("{:.1}", entry.x)) y=(format!("{:.1}", y + 2.0))
                            width="18" height="10" {},
                    }
                    text class="pl-name" x=(format!("{:.1}", entry.x + SAMPLE))
                        y=(format!("{:.1}", y + 11.0)) { (entry.name) }
                }
                None => text x=(format!("{:.1}", entry.x))
                    y=(format!("{:.1}", y + 11.0)) { (entry.name) },
            }
        }
    }
}

/// A single series is named by the title.
fn entries(chart: &Chart, width: f64) -> Vec<Entry<'_>> {
    if chart.series.len() < 2 {
        return Vec::new();
    }
    let mut entries = Vec::new();
    let (mut x, mut row) = (4.0, 0.0);
    for (index, series) in chart.series.iter().take(SERIES_MAX + 1).enumerate() {
        let name = if index < SERIES_MAX {
            fitted(&series.name, FONT, NAME_MAX.min(width - SAMPLE - 8.0))
        } else {
            format!("and {} more, not drawn", chart.series.len() - SERIES_MAX).into()
        };
        let length = SAMPLE + pixels(&name, FONT);
        if x > 4.0 && x + length > width {
            (x, row) = (4.0, row + 1.0);
        }
        entries.push(Entry { index, x, row, name });
        x += length + ROOM;
    }
    entries
}
