//! Margins as text for people, as JSON for programs, and as a page with charts; stable to the byte.
//!
//! Called by the command line and by tests.

use super::{Errors, Extent, Margins, OVERSHOOT_MOST, Point, SETTLING_MOST, VALUE_LEAST, Worst};
use paceline_view::{
    Align, Axis, Block, Cell, Chart, Column, Page, Reference, Section, Series, State, Table,
};

/// What a heading of rows or columns says of errors.
type Name = fn(&Errors) -> String;

impl Margins {
    /// As JSON, with a line end: every point with every response.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// The margins, then a map for each pair of errors.
    #[must_use]
    pub fn to_text(&self) -> String {
        let tables = self.tables().into_iter().map(|table| table.to_text());
        let parts: Vec<String> = std::iter::once(self.sentence() + "\n").chain(tables).collect();
        parts.join("\n")
    }

    /// The page: the margins, charts, then the maps.
    #[must_use]
    pub fn to_html(&self) -> String {
        let charts = [
            self.chart("Settling", "hours", settling, f64::from(SETTLING_MOST)),
            self.chart("Overshoot", "of the plan", |worst| worst.overshoot, OVERSHOOT_MOST)
                .with_y(Axis::Percent),
            self.chart("Value", "of that without errors", |worst| worst.value, VALUE_LEAST)
                .with_y(Axis::Percent),
        ];
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let page = Page::new("Margins")
            .with_subtitle(format!("{} points, seeds {}", self.points.len(), seeds.join(", ")))
            .with_section(Section::new("").with(Block::Paragraph(self.sentence())))
            .with_section(Section::new("").with(Block::Charts(charts.to_vec())));
        self.tables()
            .into_iter()
            .fold(page, |page, table| page.with_section(Section::new("").with(Block::Table(table))))
            .to_html()
    }

    fn sentence(&self) -> String {
        let Some(Extent { delay_seconds, gain, level, shift_hours }) = self.extent else {
            return "Not even without errors do all bounds hold.".to_owned();
        };
        format!(
            "Margins: reports up to {} late, gain off by {} to {}, and traffic {} to {} times what \
             was told or its course off by up to {shift_hours} h, all at once.",
            delay(delay_seconds),
            times(gain.0),
            times(gain.1),
            level.0,
            level.1,
        )
    }

    /// The maps.
    fn tables(&self) -> Vec<Table> {
        let late: Name = |errors| delay(errors.delay_seconds);
        let gain: Name = |errors| times(errors.gain);
        let bounds = format!(
            "Hours to settle, overshoot, value: the worst of steps and seeds. Good is up to \
             {SETTLING_MOST} h, {:.0} % and from {:.0} % on.",
            OVERSHOOT_MOST * 100.0,
            VALUE_LEAST * 100.0
        );
        let is_right = |errors: &Errors| shape(errors) == shape(&Errors::NONE);
        let is_one = |errors: &Errors| (errors.gain - 1.0).abs() < f64::EPSILON;
        vec![
            self.map("gain error by delay of reports", (gain, late), &|errors| {
                errors.waits && is_right(errors)
            }),
            self.map("error of the shape by delay of reports", (shape, late), &|errors| {
                errors.waits && is_one(errors)
            }),
            self.map("error of the shape by gain error", (shape, gain), &|errors| {
                errors.waits && errors.delay_seconds == 0
            }),
            self.map("an engine as it ships, by delay of reports", (gain, late), &|errors| {
                !errors.waits
            })
            .with_note(bounds),
        ]
    }

    /// A map of some points, by the names of their errors down and across.
    fn map(&self, caption: &str, names: (Name, Name), is_shown: &dyn Fn(&Errors) -> bool) -> Table {
        let (down, across) = names;
        let shown: Vec<&Point> =
            self.points.iter().filter(|point| is_shown(&point.errors)).collect();
        let distinct = |name: Name| {
            shown.iter().fold(Vec::new(), |mut known: Vec<String>, point| {
                let name = name(&point.errors);
                if !known.contains(&name) {
                    known.push(name);
                }
                known
            })
        };
        let heads = distinct(across);
        let mut columns = vec![Column::text("")];
        columns.extend(
            heads.iter().map(|head| Column { align: Align::Left, ..Column::number(head, "") }),
        );
        distinct(down).into_iter().fold(Table::new(caption, columns), |table, row| {
            let cells = heads.iter().map(|head| {
                let point = shown
                    .iter()
                    .find(|one| down(&one.errors) == row && across(&one.errors) == *head);
                point.map_or(Cell::Empty, |point| status(point))
            });
            table.with_row(std::iter::once(Cell::text(&row)).chain(cells).collect())
        })
    }

    /// A number against the delay, a line for each gain error, with its bound.
    fn chart(&self, title: &str, label: &str, of: fn(&Worst) -> f64, bound: f64) -> Chart {
        let is_right =
            |point: &&Point| point.errors.waits && shape(&point.errors) == shape(&Errors::NONE);
        let mut lines: Vec<(f64, Vec<(f64, f64)>)> = Vec::new();
        for Point { errors, worst, .. } in self.points.iter().filter(is_right) {
            let spot = (errors.delay().as_minutes(), of(worst));
            match lines.iter_mut().find(|(gain, _)| gain.total_cmp(&errors.gain).is_eq()) {
                Some((_, points)) => points.push(spot),
                None => lines.push((errors.gain, vec![spot])),
            }
        }
        let chart = Chart::new(format!("{title} by delay and gain error"))
            .with_x_label("minutes that reports are late")
            .with_y_label(label)
            .with_reference(Reference::at_y(bound, "bound"));
        lines.into_iter().fold(chart, |chart, (gain, points)| {
            chart.with_series(Series::line(format!("gain {}", times(gain)), points))
        })
    }
}

/// What never settles is drawn at the end of the hours looked at.
fn settling(worst: &Worst) -> f64 {
    worst.settling_hours.map_or(11.0, f64::from)
}

fn status(point: &Point) -> Cell {
    let Worst { settling_hours, overshoot, value, .. } = point.worst;
    let hours = settling_hours.map_or("never".to_owned(), |hours| format!("{hours} h"));
    let text = format!("{hours}, {:.0} %, {:.1} %", overshoot * 100.0, value * 100.0);
    Cell::status(if point.holds { State::Good } else { State::Bad }, text)
}

fn delay(seconds: i64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

fn times(factor: f64) -> String {
    if factor < 1.0 { format!("÷{}", tenth(1.0 / factor)) } else { format!("×{}", tenth(factor)) }
}

/// Rounded to a tenth, without a zero behind the point.
fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn shape(errors: &Errors) -> String {
    if errors.shift_hours > 0.0 {
        format!("told {} h late", errors.shift_hours)
    } else if errors.shift_hours < 0.0 {
        format!("told {} h early", -errors.shift_hours)
    } else {
        format!("traffic ×{}", errors.level)
    }
}
