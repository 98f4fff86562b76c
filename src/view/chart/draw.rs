//! The plot itself: grid, labels, series and reference lines.
//!
//! Called by `chart`.

use super::Chart;
use super::frame::{FONT, Frame, Scales, x_caption};
use crate::axis::Scale;
use crate::decimate::{self, Mark, POINTS_MAX};
use crate::series::{Place, Series, Shape, Tone};
use crate::text::{fitted, pixels, printable};
use maud::{Markup, html};
use std::fmt::Write;

/// Colours in the palette.
const COLOURS: usize = 6;
/// The plot is cut this far outside its axes, so that lines on the edge keep their width.
const MARGIN: f64 = 3.0;

/// What stands instead of a plot.
pub(super) fn no_data(frame: &Frame) -> Markup {
    let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
    html! {
        rect class="pl-grid" x=(pixel(frame.left)) y=(pixel(frame.top))
            width=(pixel(frame.right - frame.left)) height=(pixel(frame.bottom - frame.top)) {}
        text class="pl-mid" x=(pixel(middle.0)) y=(pixel(middle.1 + 4.0)) { "no data" }
    }
}

pub(super) fn plot(chart: &Chart, frame: &Frame, scales: &Scales, marks: &[Vec<Mark>]) -> Markup {
    let (left, top) = (frame.left - MARGIN, frame.top - MARGIN);
    let width = frame.right - frame.left + 2.0 * MARGIN;
    let height = frame.bottom - frame.top + 2.0 * MARGIN;
    let view = format!("{left:.1} {top:.1} {width:.1} {height:.1}");
    html! {
        (axes(chart, frame, scales))
        svg x=(pixel(left)) y=(pixel(top)) width=(pixel(width)) height=(pixel(height))
            viewBox=(view) {
            @for (index, (series, marks)) in chart.series.iter().zip(marks).enumerate() {
                (drawn(index, series, marks, scales))
            }
        }
        (references(chart, frame, scales))
    }
}

fn axes(chart: &Chart, frame: &Frame, scales: &Scales) -> Markup {
    let base = frame.bottom.round() + 0.5;
    html! {
        @if !chart.y_label.is_empty() {
            text x="4" y=(pixel(frame.top - 11.0)) {
                (fitted(&chart.y_label, FONT, frame.width - 8.0))
            }
        }
        @for tick in &scales.y_ticks {
            @let y = scales.y.place(tick.at);
            @let line = y.round() + 0.5;
            path class="pl-grid" d=(format!("M{:.1} {line:.1}H{:.1}", frame.left, frame.right)) {}
            text class="pl-end" x=(pixel(frame.left - 7.0)) y=(pixel(y + 4.0)) { (tick.label) }
        }
        @for tick in &scales.x_ticks {
            @let x = scales.x.place(tick.at).round() + 0.5;
            @if tick.is_strong {
                path class="pl-grid" d=(format!("M{x:.1} {:.1}V{:.1}", frame.top, frame.bottom)) {}
            }
            path class="pl-base" d=(format!("M{x:.1} {base:.1}v4")) {}
            text class=(if tick.is_strong { "pl-mid pl-strong" } else { "pl-mid" })
                x=(pixel(x)) y=(pixel(frame.bottom + 17.0)) { (tick.label) }
        }
        path class="pl-base" d=(format!("M{:.1} {base:.1}H{:.1}", frame.left, frame.right)) {}
        text class="pl-end" x=(pixel(frame.right)) y=(pixel(frame.bottom + 34.0)) {
            (printable(&x_caption(chart, Some(scales.x.domain))))
        }
    }
}

fn drawn(index: usize, series: &Series, marks: &[Mark], scales: &Scales) -> Markup {
    let (path, kind) = match &series.shape {
        Shape::Line(_) => (line(&decimate::keep_extremes(marks, POINTS_MAX), scales), "pl-line"),
        Shape::Step(_) => (steps(&decimate::keep_extremes(marks, POINTS_MAX), scales), "pl-line"),
        Shape::Dots(_) => {
            let marks = decimate::keep_extremes(marks, POINTS_MAX);
            let places =
                marks.iter().map(|mark| (scales.x.place(mark.x), scales.y.place(mark.low)));
            dots(index, series, places)
        }
        Shape::Band(_) => (band(&decimate::merge_bands(marks, POINTS_MAX), scales), "pl-band"),
        Shape::Bars(_) => (bars(&decimate::merge_bands(marks, POINTS_MAX), scales), "pl-line"),
    };
    html! {
        path class={ (kind) " " (classes(index, series)) } d=(path) {
            title { (printable(&series.name)) }
        }
    }
}

/// The classes that give a series its colour and dashes.
pub(super) fn classes(index: usize, series: &Series) -> String {
    let place = match series.tone {
        Tone::Next => index,
        Tone::Palette(place) => usize::from(place),
        Tone::Muted => {
            return if series.is_dashed { "pl-muted pl-dash0" } else { "pl-muted" }.to_owned();
        }
    };
    let (colour, round) = (place % COLOURS, place / COLOURS);
    let dash = match (series.is_dashed, round) {
        (false, 0) => "",
        (true, 0) => " pl-dash0",
        (_, 1) => " pl-dash1",
        (_, _) => " pl-dash2",
    };
    format!("pl-c{colour}{dash}")
}

fn line(marks: &[Mark], scales: &Scales) -> String {
    let mut path = String::new();
    for (index, mark) in marks.iter().enumerate() {
        let (x, y) = (scales.x.place(mark.x), scales.y.place(mark.low));
        let is_start = index == 0 || mark.is_after_gap;
        let is_alone = is_start && marks.get(index + 1).is_none_or(|next| next.is_after_gap);
        let (verb, rest) = (if is_start { 'M' } else { 'L' }, if is_alone { "h0" } else { "" });
        push(&mut path, format_args!("{verb}{x:.1} {y:.1}{rest}"));
    }
    path
}

fn steps(marks: &[Mark], scales: &Scales) -> String {
    let mut path = String::new();
    for (index, mark) in marks.iter().enumerate() {
        let (x, y) = (scales.x.place(mark.x), scales.y.place(mark.low));
        if index == 0 || mark.is_after_gap {
            push(&mut path, format_args!("M{x:.1} {y:.1}h0"));
        } else {
            push(&mut path, format_args!("H{x:.1}V{y:.1}"));
        }
    }
    path
}

/// Dots, or crosses where the colours have been used up; and what kind of path they are.
pub(super) fn dots(
    index: usize,
    series: &Series,
    places: impl Iterator<Item = (f64, f64)>,
) -> (String, &'static str) {
    let is_first = match series.tone {
        Tone::Next => index < COLOURS,
        Tone::Palette(place) => usize::from(place) < COLOURS,
        Tone::Muted => true,
    };
    let mut path = String::new();
    for (x, y) in places {
        if is_first {
            push(&mut path, format_args!("M{x:.1} {y:.1}h0"));
        } else {
            let (left, top, size) = (x - CROSS_ARM, y - CROSS_ARM, 2.0 * CROSS_ARM);
            push(&mut path, format_args!("M{left:.1} {top:.1}l{size:.1} {size:.1}"));
            push(&mut path, format_args!("m0 -{size:.1}l-{size:.1} {size:.1}"));
        }
    }
    (path, if is_first { "pl-dots" } else { "pl-cross" })
}

/// Each stretch without a gap there along its high side and back along its low.
fn band(marks: &[Mark], scales: &Scales) -> String {
    let mut path = String::new();
    for stretch in marks.chunk_by(|_, next| !next.is_after_gap) {
        let place = |x: &Scale, y: &Scale, mark: &Mark, value| (x.place(mark.x), y.place(value));
        for (index, mark) in stretch.iter().enumerate() {
            let (x, y) = place(&scales.x, &scales.y, mark, mark.high);
            push(&mut path, format_args!("{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' }));
        }
        for mark in stretch.iter().rev() {
            let (x, y) = place(&scales.x, &scales.y, mark, mark.low);
            push(&mut path, format_args!("L{x:.1} {y:.1}"));
        }
        path.push('Z');
    }
    path
}

/// From the middle of a cross to its ends, along both axes, in pixels.
const CROSS_ARM: f64 = 2.5;
/// Half the stroke at each end of a bar, in pixels.
const BAR_END: f64 = 3.0;

fn bars(marks: &[Mark], scales: &Scales) -> String {
    let mut path = String::new();
    for mark in marks {
        let x = scales.x.place(mark.x);
        let left = x - BAR_END;
        let (low, high) = (scales.y.place(mark.low), scales.y.place(mark.high));
        let end = 2.0 * BAR_END;
        push(&mut path, format_args!("M{left:.1} {low:.1}h{end:.1}M{x:.1} {low:.1}"));
        push(&mut path, format_args!("V{high:.1}M{left:.1} {high:.1}h{end:.1}"));
    }
    path
}

fn references(chart: &Chart, frame: &Frame, scales: &Scales) -> Markup {
    let is_inside = |scale: &Scale, at: f64| scale.domain.low <= at && at <= scale.domain.high;
    html! {
        @for reference in &chart.references {
            @let name = fitted(&reference.name, FONT, frame.right - frame.left);
            @match reference.place {
                Place::Y(at) if is_inside(&scales.y, at) => {
                    @let y = scales.y.place(at).round() + 0.5;
                    path class="pl-mark"
                        d=(format!("M{:.1} {y:.1}H{:.1}", frame.left, frame.right)) {}
                    // Above its line, unless that is the top of the plot; at the left, where
                    // courses that grow have not come yet.
                    @let above = if y - frame.top < 14.0 { y + 13.0 } else { y - 5.0 };
                    text class="pl-halo" x=(pixel(frame.left + 6.0)) y=(pixel(above)) {
                        (name)
                    }
                }
                Place::X(at) if is_inside(&scales.x, at) => {
                    @let x = scales.x.place(at).round() + 0.5;
                    path class="pl-mark"
                        d=(format!("M{x:.1} {:.1}V{:.1}", frame.top - 4.0, frame.bottom)) {}
                    (upright_name(chart, frame, x, &name))
                }
                Place::X(_) | Place::Y(_) => {}
            }
        }
    }
}

/// Above the line; within the plot where the label of the upward axis stands above.
fn upright_name(chart: &Chart, frame: &Frame, x: f64, name: &str) -> Markup {
    let half = pixels(name, FONT) / 2.0;
    let is_taken = x - half < 12.0 + pixels(&chart.y_label, FONT) && !chart.y_label.is_empty();
    let is_late = x + half > frame.right + 18.0;
    let (class, at) = match (is_taken, is_late) {
        (_, true) => ("pl-end pl-halo", x + 4.0),
        (true, false) => ("pl-halo", x + 5.0),
        (false, false) => ("pl-mid pl-halo", x),
    };
    let y = if is_taken { frame.top + 12.0 } else { frame.top - 9.0 };
    html! { text class=(class) x=(pixel(at)) y=(pixel(y)) { (name) } }
}

/// A tenth of a pixel is finer than anyone sees.
pub(crate) fn pixel(value: f64) -> String {
    format!("{value:.1}")
}

fn push(path: &mut String, part: std::fmt::Arguments<'_>) {
    path.write_fmt(part).expect("writing to a string does not fail");
}
