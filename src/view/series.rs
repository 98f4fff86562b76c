//! What a chart shows: named points, and lines to compare them with.
//!
//! Must not know how they are drawn. Called by whoever fills a chart.

/// How the points of a series are joined.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Straight lines between `(x, y)`.
    Line(Vec<(f64, f64)>),
    /// Each `y` holds until the next `x`.
    Step(Vec<(f64, f64)>),
    /// Each `(x, y)` by itself.
    Dots(Vec<(f64, f64)>),
    /// The area between `low` and `high` of `(x, low, high)`.
    Band(Vec<(f64, f64, f64)>),
    /// Each `(x, low, high)` by itself, upright from `low` to `high`, with a stroke at both ends.
    Bars(Vec<(f64, f64, f64)>),
}

/// Which colour a series has. Colours can be told apart with any colour vision, and repeat with
/// other dashes, or crosses instead of dots, from the seventh on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// The next of the palette, by the place of the series in its chart.
    #[default]
    Next,
    /// This one of the palette: blue, vermilion, green, purple, orange, sky.
    Palette(u8),
    /// Grey: for plans, limits and what is only there to compare.
    Muted,
}

/// Named points. Those that are not finite are left out, and no line crosses them; on a logarithmic
/// axis the same goes for points at or below zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Shown in the legend.
    pub name: String,
    /// The points, in the order of x.
    pub shape: Shape,
    /// Its colour.
    pub tone: Tone,
    /// Whether its line is dashed.
    pub is_dashed: bool,
}

impl Series {
    /// Points joined by straight lines.
    #[must_use]
    pub fn line(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self::of(name, Shape::Line(points))
    }

    /// Points that hold until the next.
    #[must_use]
    pub fn step(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self::of(name, Shape::Step(points))
    }

    /// Single points.
    #[must_use]
    pub fn dots(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self::of(name, Shape::Dots(points))
    }

    /// The area between two curves, as `(x, low, high)`.
    #[must_use]
    pub fn band(name: impl Into<String>, points: Vec<(f64, f64, f64)>) -> Self {
        Self::of(name, Shape::Band(points))
    }

    /// Intervals by themselves, as `(x, low, high)`.
    #[must_use]
    pub fn bars(name: impl Into<String>, points: Vec<(f64, f64, f64)>) -> Self {
        Self::of(name, Shape::Bars(points))
    }

    /// The same, grey and dashed: a plan or a limit.
    #[must_use]
    pub fn as_plan(mut self) -> Self {
        self.tone = Tone::Muted;
        self.is_dashed = true;
        self
    }

    /// The same in this colour of the palette.
    #[must_use]
    pub fn with_tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    fn of(name: impl Into<String>, shape: Shape) -> Self {
        Self { name: name.into(), shape, tone: Tone::Next, is_dashed: false }
    }

    /// The points as `(x, low, high)`.
    pub(crate) fn extents(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        let (plain, banded) = match &self.shape {
            Shape::Line(points) | Shape::Step(points) | Shape::Dots(points) => {
                (points.as_slice(), [].as_slice())
            }
            Shape::Band(points) | Shape::Bars(points) => ([].as_slice(), points.as_slice()),
        };
        let plain = plain.iter().map(|&(x, y)| (x, y, y));
        // An end that is not a number must stay one, or the point would not be left out.
        let banded =
            banded.iter().map(
                |&(x, one, other): &(f64, f64, f64)| {
                    if one <= other { (x, one, other) } else { (x, other, one) }
                },
            );
        plain.chain(banded)
    }
}

/// A straight line across the whole chart, with its name beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Where.
    pub place: Place,
    /// What it is: short, it stands in the plot.
    pub name: String,
}

/// Where a reference line stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// Across, at this y. The axis is made to hold it.
    Y(f64),
    /// Upright, at this x. Not drawn where the points do not reach.
    X(f64),
}

impl Reference {
    /// Across, at `y`.
    #[must_use]
    pub fn at_y(y: f64, name: impl Into<String>) -> Self {
        Self { place: Place::Y(y), name: name.into() }
    }

    /// Upright, at `x`.
    #[must_use]
    pub fn at_x(x: f64, name: impl Into<String>) -> Self {
        Self { place: Place::X(x), name: name.into() }
    }
}
