//! Sparklines: a course of numbers the size of a word.
//!
//! Must not know of tables. Called by table cells, tiles and whoever draws one alone.

use crate::axis::{Domain, Scale};
use crate::chart::pixel;
use crate::decimate::{self, Mark};
use crate::number;
use crate::text::printable;
use maud::{Markup, PreEscaped, html};

/// Most points drawn: two for each pixel of the usual width.
const POINTS_MAX: usize = 200;
/// Marks of eight heights, for terminals.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Letters of a sparkline in a terminal.
const LETTERS: usize = 16;

/// A small line without axes, from the least to the greatest of its numbers, and zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sparkline {
    /// What it shows, for those who do not see it.
    pub label: String,
    /// Evenly spaced; those that are not finite leave a gap.
    pub values: Vec<f64>,
    /// A level to compare with, dashed.
    pub reference: Option<f64>,
}

impl Sparkline {
    /// Without a level to compare with.
    #[must_use]
    pub fn new(label: impl Into<String>, values: Vec<f64>) -> Self {
        Self { label: label.into(), values, reference: None }
    }

    /// The same with a level to compare with.
    #[must_use]
    pub fn with_reference(mut self, level: f64) -> Self {
        self.reference = Some(level);
        self
    }

    /// The sparkline as a file of its own; sizes in pixels, at least 16 by 8.
    #[must_use]
    pub fn to_svg(&self, width: u32, height: u32) -> String {
        let css = concat!(include_str!("style/theme.css"), include_str!("style/chart.css"));
        self.draw(width, height, Some(css)).into_string()
    }

    /// The sparkline as part of a page that has the styles already.
    pub(crate) fn embed(&self, width: u32, height: u32) -> Markup {
        self.draw(width, height, None)
    }

    /// The sparkline for terminals: each letter is the highest of its stretch.
    pub(crate) fn to_text(&self) -> String {
        let count = self.values.len().min(LETTERS);
        let highest = (0..count).map(|letter| {
            let stretch = letter * self.values.len() / count;
            let end = (letter + 1) * self.values.len() / count;
            let values = self.values[stretch..end].iter().copied();
            Domain::of(values.filter(|value| decimate::is_drawable(*value))).map(|of| of.high)
        });
        let highest: Vec<Option<f64>> = highest.collect();
        let Some(range) = Domain::of(highest.iter().flatten().copied().chain([0.0])) else {
            return String::new();
        };
        highest.into_iter().map(|value| value.map_or(' ', |value| bar(range, value))).collect()
    }

    fn draw(&self, width: u32, height: u32, css: Option<&str>) -> Markup {
        let (width, height) = (width.clamp(16, 4_000), height.clamp(8, 4_000));
        let marks = self.marks();
        let scales = self.scales(&marks, f64::from(width), f64::from(height));
        html! {
            svg xmlns="http://www.w3.org/2000/svg" class="pl-chart pl-spark" role="img"
                viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
                aria-label=(self.spoken(&marks)) {
                @if let Some(css) = css { style { (PreEscaped(css)) } }
                @match &scales {
                    Some((x, y)) => (self.line(&marks, *x, *y)),
                    None => path class="pl-mark" d={ "M2 " (height / 2) "H" (width - 2) } {},
                }
            }
        }
    }

    fn line(&self, marks: &[Mark], x: Scale, y: Scale) -> Markup {
        let kept = decimate::keep_extremes(marks, POINTS_MAX);
        let mut path = String::new();
        for (index, mark) in kept.iter().enumerate() {
            let verb = if index == 0 || mark.is_after_gap { 'M' } else { 'L' };
            path += &format!("{verb}{:.1} {:.1}", x.place(mark.x), y.place(mark.low));
        }
        let level = self.reference.filter(|level| decimate::is_drawable(*level));
        html! {
            @if let Some(level) = level {
                path class="pl-mark"
                    d=(format!("M{:.1} {:.1}H{:.1}", x.start, y.place(level), x.end)) {}
            }
            path class="pl-line pl-c0" d=(path) {}
            @if let Some(last) = kept.last() {
                circle class="pl-tip" cx=(pixel(x.place(last.x))) cy=(pixel(y.place(last.low)))
                    r="2.2" {}
            }
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let spaced = (0_u32..).map(f64::from).zip(&self.values);
        decimate::marks(spaced.map(|(x, y)| (x, *y, *y)), f64::NEG_INFINITY)
    }

    fn scales(&self, marks: &[Mark], width: f64, height: f64) -> Option<(Scale, Scale)> {
        let level = self.reference.filter(|level| decimate::is_drawable(*level));
        let x = Domain::of(marks.iter().map(|mark| mark.x))?;
        let x = if x.low < x.high { x } else { Domain { low: x.low - 1.0, high: x.high } };
        let y = Domain::of(marks.iter().map(|mark| mark.low).chain(level).chain([0.0]))?;
        let y = if y.low < y.high { y } else { Domain { low: 0.0, high: 1.0 } };
        let across = Scale { domain: x, start: 2.0, end: width - 4.0, is_log: false };
        let up = Scale { domain: y, start: height - 3.0, end: 3.0, is_log: false };
        Some((across, up))
    }

    fn spoken(&self, marks: &[Mark]) -> String {
        let label = printable(&self.label);
        let range = Domain::of(marks.iter().map(|mark| mark.low));
        match (range, marks.last()) {
            (Some(range), Some(last)) => format!(
                "{label}: from {} to {}, last {}",
                number::short(range.low),
                number::short(range.high),
                number::short(last.low)
            ),
            _ => format!("{label}: no data"),
        }
    }
}

/// The mark of a value's height within a range.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=7")]
fn bar(range: Domain, value: f64) -> char {
    let share = (value - range.low) / (range.high - range.low);
    BARS[(share * 7.0).round().clamp(0.0, 7.0) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_letters_of_eight_heights() {
        let line = Sparkline::new("spend", vec![0.0, 1.0, f64::NAN, 7.0]);
        assert_eq!(line.to_text(), "▁▂ █");
        assert_eq!(Sparkline::new("none", Vec::new()).to_text(), "");
        assert_eq!(Sparkline::new("zero", vec![0.0; 3]).to_text(), "▁▁▁");
    }

    #[test]
    fn a_sparkline_can_be_read_aloud() {
        let svg = Sparkline::new("spend <a>", vec![1.0, 3.0, 2.0]).to_svg(96, 24);
        assert!(svg.contains("aria-label=\"spend &lt;a&gt;: from 1 to 3, last 2\""), "{svg}");
        let empty = Sparkline::new("spend", vec![f64::NAN]).to_svg(96, 24);
        assert!(empty.contains("spend: no data"), "{empty}");
    }

    #[test]
    fn long_courses_stay_small() {
        let values = (0_u32..100_000).map(|index| f64::from(index % 977)).collect();
        assert!(Sparkline::new("spend", values).embed(96, 24).into_string().len() < 4_000);
    }
}
