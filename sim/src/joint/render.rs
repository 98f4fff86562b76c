//! What was found as text for people, as JSON for programs, and as a page with charts.
//!
//! Called by the command line and by tests.

use super::Joint;
use super::budgets::{AHEAD_LEAST, BEHIND_MOST, SHARES, Versus};
use super::resonance::{self, Gain, Kind, OVER_MOST, peak, thinned};
use super::slack::{Arm, Beside, COST_MOST, RESULTS_LEAST, SURPLUS_LEAST};
use super::swaps::{MEAN_MOST, TAIL_MOST};
use super::world::Way;
use crate::compare::paired::Paired;
use crate::number::length;
use crate::shading::contender::Feedback;
use paceline_view::{
    Axis, Block, Cell, Chart, Column, Page, Reference, Section, Series, State, Table, Tone,
};

impl Joint {
    /// As JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// Whether all that was set out holds.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.rules().iter().all(|(is_met, _)| *is_met)
    }

    /// What was set out, and what was found.
    #[must_use]
    pub fn rules(&self) -> Vec<(bool, String)> {
        let mut rules = self.value_rules();
        let swaps = &self.swaps;
        rules.push((
            swaps.is_met(),
            format!(
                "{} swaps move spend by at most {} in the mean and {} at the 95th percentile: {} \
                 and {}",
                swaps.swaps,
                percent(MEAN_MOST),
                percent(TAIL_MOST),
                percent(swaps.mean),
                percent(swaps.tail)
            ),
        ));
        for kind in [Kind::Price, Kind::Supply] {
            let (with, alone) =
                (peak(&self.gains, Way::Ours, kind), peak(&self.gains, Way::Unshaded, kind));
            rules.push((
                with <= OVER_MOST * alone.max(1.0),
                format!(
                    "waves of {} are made no greater than {OVER_MOST} times what the loop alone \
                     makes of them: {with:.2} against {alone:.2}",
                    kind_name(kind)
                ),
            ));
        }
        rules.extend(self.slack_rules());
        rules
    }

    /// At each budget, and over all.
    fn value_rules(&self) -> Vec<(bool, String)> {
        let least = |is_all: bool| {
            let versus = self.budgets.versus.iter();
            let of = versus.filter(|one| one.share.is_none() == is_all);
            of.map(|one| one.value.mean).fold(f64::INFINITY, f64::min)
        };
        let (each, all) = (least(false), least(true));
        let (behind, ahead) = (percent(BEHIND_MOST), percent(AHEAD_LEAST));
        vec![
            (
                each >= -BEHIND_MOST,
                format!(
                    "value at each budget at most {behind} behind any rival: least {}",
                    signed(each)
                ),
            ),
            (
                all >= AHEAD_LEAST,
                format!(
                    "value over all budgets at least {ahead} ahead of each rival: least {}",
                    signed(all)
                ),
            ),
        ]
    }

    /// With budget to spare.
    fn slack_rules(&self) -> Vec<(bool, String)> {
        let surplus = self.slack.arm(Arm::Surplus).zip(self.slack.surplus_without());
        let surplus = surplus.map(|(shaded, without)| {
            let told = format!(
                "shaded for surplus with budget to spare: {SURPLUS_LEAST} times the surplus of \
                 unshaded bids or of seven tenths of the value, whichever is more, and a win {} \
                 cheaper at least: {:.3} units against {:.3}, {} cheaper",
                percent(1.0 - COST_MOST),
                shaded.figures.surplus(),
                without,
                percent(-shaded.cost.mean)
            );
            (self.slack.is_surplus_met(), told)
        });
        let value = self.slack.arm(Arm::ValueAtOne).map(|one| {
            let told = format!(
                "shaded for value, at least {} more for the same money, for certain: {}",
                percent(RESULTS_LEAST),
                interval(&one.value)
            );
            (self.slack.is_value_met(), told)
        });
        let none = || (false, "budgets to spare were not played".to_owned());
        vec![surplus.unwrap_or_else(none), value.unwrap_or_else(none)]
    }

    /// The rules, then the tables.
    #[must_use]
    pub fn to_text(&self) -> String {
        let rules = self.rules().into_iter().map(|(is_met, told)| {
            format!("{} {told}\n", if is_met { "holds: " } else { "missed:" })
        });
        let mut text: String = rules.collect();
        for table in self.tables() {
            text.push('\n');
            text.push_str(&table.to_text());
        }
        text
    }

    /// The page.
    #[must_use]
    pub fn to_html(&self) -> String {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let rules = self.rules().into_iter().fold(Section::new("Rules"), |section, rule| {
            let state = if rule.0 { State::Good } else { State::Bad };
            section.with(Block::Notice(state, rule.1))
        });
        let mut charts: Vec<Chart> = self.feedbacks().map(|told| self.value_chart(told)).collect();
        charts.push(self.swap_chart());
        charts.extend([Kind::Price, Kind::Supply].map(|kind| self.gain_chart(kind)));
        let page = Page::new("Pacing and shading together")
            .with_subtitle(format!("seeds {}", seeds.join(" ")))
            .with_section(rules)
            .with_section(Section::new("Charts").with(Block::Charts(charts)));
        self.tables()
            .into_iter()
            .fold(page, |page, table| page.with_section(Section::new("").with(Block::Table(table))))
            .to_html()
    }

    fn tables(&self) -> Vec<Table> {
        vec![self.versus_table(), self.kept_table(), self.slack_table(), self.gain_table()]
    }

    fn feedbacks(&self) -> impl Iterator<Item = Feedback> + '_ {
        let is_played =
            |told: &Feedback| self.budgets.versus.iter().any(|one| one.feedback == *told);
        Feedback::ALL.into_iter().filter(is_played)
    }

    fn versus_table(&self) -> Table {
        let columns = vec![
            Column::text("exchanges tell"),
            Column::text("against"),
            Column::text("budget"),
            Column::number("value", "%, 95 % interval"),
            Column::number("surplus", "points of the rival's value"),
            Column::text(""),
        ];
        let caption = "Pace, then shade, against rivals: same markets, same budgets";
        self.budgets.versus.iter().fold(Table::new(caption, columns), |table, one| {
            let is_met = one.is_met();
            let state = if is_met { State::Good } else { State::Bad };
            table.with_row(vec![
                Cell::text(one.feedback.as_str()),
                Cell::text(one.rival.as_str()),
                Cell::text(one.share.map_or_else(|| "all".to_owned(), percent_whole)),
                Cell::text(interval(&one.value)),
                Cell::text(interval(&one.surplus)),
                Cell::status(state, if is_met { "" } else { "behind" }),
            ])
        })
    }

    fn kept_table(&self) -> Table {
        let mut columns = vec![Column::text("way"), Column::text("exchanges tell")];
        columns.extend(SHARES.map(|share| Column::number(percent_whole(share), "")));
        let caption = "Utilisation, and moves of the signal a minute in thousandths, by budget";
        self.budgets.kept.iter().fold(Table::new(caption, columns), |table, one| {
            let pairs = one.utilisation.iter().zip(&one.volatility);
            let cells = pairs.map(|(used, moves)| {
                Cell::text(format!("{:.1} % {:.1}", used * 100.0, moves * 1_000.0))
            });
            let told = one.feedback.map_or("", Feedback::as_str);
            let head = [Cell::text(one.way.as_str()), Cell::text(told)];
            table.with_row(head.into_iter().chain(cells).collect())
        })
    }

    fn slack_table(&self) -> Table {
        let mut columns = vec![Column::text("arm")];
        columns.extend(
            [
                ("value", "units"),
                ("spend", "units"),
                ("surplus", "units"),
                ("wins", "% off the unshaded"),
                ("value", "%"),
                ("spend", "%"),
                ("cost of a win", "%"),
            ]
            .map(|(name, unit)| Column::number(name, unit)),
        );
        let caption =
            "Budgets to spare, and budgets of just what unpaced bids spend; sums of seeds";
        self.slack.arms.iter().fold(Table::new(caption, columns), |table, one: &Beside| {
            table.with_row(vec![
                Cell::text(one.arm.as_str()),
                Cell::number(one.figures.value, 3),
                Cell::number(one.figures.spend, 3),
                Cell::number(one.figures.surplus(), 3),
                Cell::text(interval(&one.wins)),
                Cell::text(interval(&one.value)),
                Cell::text(interval(&one.spend)),
                Cell::text(interval(&one.cost)),
            ])
        })
    }

    fn gain_table(&self) -> Table {
        let mut columns = vec![Column::text("wave"), Column::text("way")];
        columns.extend(resonance::PERIODS.map(|period| Column::number(period.to_string(), "min")));
        let caption = "What is left of a wave in spend, and what the loop makes of it, by period";
        let mut table = Table::new(caption, columns);
        for kind in [Kind::Price, Kind::Supply] {
            for way in [Way::Unshaded, Way::Ours] {
                let cells = self
                    .waves(way, kind)
                    .map(|one| Cell::text(format!("{:.2} ×{:.2}", one.gain, one.by_loop)));
                let head = [Cell::text(kind_name(kind)), Cell::text(way.as_str())];
                table = table.with_row(head.into_iter().chain(cells).collect());
            }
        }
        table
    }

    fn waves(&self, way: Way, kind: Kind) -> impl Iterator<Item = &Gain> + '_ {
        self.gains.iter().filter(move |one| one.way == way && one.wave.kind == kind)
    }

    fn value_chart(&self, told: Feedback) -> Chart {
        let of = |rival: Way| {
            let all = self.budgets.versus.iter();
            let of = all.filter(move |one: &&Versus| one.rival == rival && one.feedback == told);
            of.filter_map(|one| Some((one.share?, one.value.mean))).collect::<Vec<_>>()
        };
        let chart = Chart::new(format!("Value ahead of each rival: {}", told.as_str()))
            .with_x_label("budget over unpaced spend")
            .with_y_label("ahead")
            .with_y(Axis::Percent)
            .with_reference(Reference::at_y(0.0, "as much"));
        [Way::Unshaded, Way::ShadeFirst, Way::Throttled]
            .into_iter()
            .fold(chart, |chart, rival| chart.with_series(Series::line(rival.as_str(), of(rival))))
    }

    fn swap_chart(&self) -> Chart {
        let mut chart = Chart::new("How far spend moves at a swap, by rank")
            .with_x_label("share of moves")
            .with_y_label("beyond the day beside")
            .with_y(Axis::Percent)
            .with_series(Series::line("moves", thinned(&self.swaps.sizes, 200)))
            .with_reference(Reference::at_y(TAIL_MOST, "bound of the 95th percentile"));
        chart.x = Axis::Percent;
        chart
    }

    fn gain_chart(&self, kind: Kind) -> Chart {
        let chart = Chart::new(format!("What the loop makes of waves of {}", kind_name(kind)))
            .with_x_label("period, each twice the one before; the first is 12 minutes")
            .with_y_label("over what is left at the shortest")
            .with_reference(Reference::at_y(1.0, "as found"));
        [Way::Unshaded, Way::Ours].into_iter().fold(chart, |chart, way| {
            let waves = self.waves(way, kind).enumerate();
            let points = waves.map(|(place, one)| (length(place + 1), one.by_loop)).collect();
            let tone = Tone::Palette(u8::from(way == Way::Ours));
            chart.with_series(Series::line(way.as_str(), points).with_tone(tone))
        })
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Price => "price",
        Kind::Supply => "supply",
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn percent_whole(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn signed(share: f64) -> String {
    format!("{:+.2} %", share * 100.0)
}

fn interval(paired: &Paired) -> String {
    match (paired.low, paired.high) {
        (Some(low), Some(high)) => {
            format!("{:+.2} ({:+.2} to {:+.2})", paired.mean * 100.0, low * 100.0, high * 100.0)
        }
        _ => format!("{:+.2}", paired.mean * 100.0),
    }
}
