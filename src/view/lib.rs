//! # paceline-view: shows
//!
//! Numbers and labels in, pictures and tables out: charts as SVG, tables as HTML and as text for
//! terminals, pages as HTML documents that need nothing else. It knows nothing of pacing and of no
//! other room; the console and the simulator's reports are made of it.
//!
//! What may come in is anything: text is escaped, numbers that are not finite leave gaps, long
//! series are thinned to their extremes, links that are not plain addresses become text.
//!
//! ```
//! use paceline_view::{Chart, Reference, Series};
//!
//! // 8 March 2026, an hour of spend against its plan.
//! let start = 1_772_928_000.0;
//! let minute = |count: u32| start + 60.0 * f64::from(count);
//! let chart = Chart::over_time("Spend against plan")
//!     .with_y_label("cumulative spend, EUR")
//!     .with_series(Series::line("plan", vec![(minute(0), 0.0), (minute(60), 50.0)]).as_plan())
//!     .with_series(Series::step("spend", (0..=60).map(|m| (minute(m), f64::from(m))).collect()))
//!     .with_reference(Reference::at_y(50.0, "budget"));
//! let svg = chart.to_svg(720, 320);
//! assert!(svg.contains(">time, UTC, 8 Mar 2026</text>"));
//! ```

pub mod number;

mod axis;
mod chart;
mod decimate;
mod page;
mod series;
mod sparkline;
mod table;
mod text;

pub use axis::Axis;
pub use chart::{Chart, SERIES_MAX};
pub use page::{
    Block, CONTENT_SECURITY_POLICY, Details, Field, Form, Input, NavLink, Page, Section, Tile,
};
pub use series::{Place, Reference, Series, Shape, Tone};
pub use sparkline::Sparkline;
pub use table::{Align, Cell, Column, Sorted, Sorting, State, Table};
