//! Self-play as one self-contained page: verdicts, charts, tables.
//!
//! Called by the command line.

use super::against_equilibrium::{AgainstEquilibrium, DIFFERENCE_MOST};
use super::deviations::{Deviations, GAIN_MOST};
use super::{SelfPlay, World};
use crate::number::{length, mean};
use paceline_view::{Axis, Block, Chart, Page, Reference, Section, Series, Tone};

impl SelfPlay {
    /// The page as HTML.
    #[must_use]
    pub fn to_html(&self) -> String {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let page = Page::new("Self-play").with_subtitle(format!(
            "law {}, seeds {}",
            self.law,
            seeds.join(" ")
        ));
        let worlds = self.worlds.iter();
        worlds
            .fold(page, |page, world| {
                let (state, verdict) = world.verdict();
                let charts = match world {
                    World::FirstPrice(against) => {
                        vec![multiplier_chart(against), difference_chart(against)]
                    }
                    World::SecondPrice(deviations) => {
                        vec![gain_chart(deviations), constant_chart(deviations)]
                    }
                };
                page.with_section(
                    Section::new(world.name())
                        .with(Block::Notice(state, verdict))
                        .with(Block::Charts(charts))
                        .with(Block::Table(world.table())),
                )
            })
            .to_html()
    }
}

/// A dot for every campaign and seed; on the line they are equal.
fn multiplier_chart(against: &AgainstEquilibrium) -> Chart {
    let dots = against.campaigns.iter().flat_map(|one| {
        let halves = one.seen.iter().filter_map(|seen| seen.second_half);
        halves.map(|half| (libm::exp(one.equilibrium_log), libm::exp(half.log)))
    });
    Chart::new("Multipliers against the equilibrium")
        .with_x_range(0.0, 1.0)
        .with_x_label("equilibrium")
        .with_y_range(0.0, 1.0)
        .with_y_label("mean of the second half")
        .with_series(Series::line("equal", vec![(0.0, 0.0), (1.0, 1.0)]).as_plan())
        .with_series(Series::dots("campaigns, seed by seed", dots.collect()))
}

/// Differences by the campaign's number in the table.
fn difference_chart(against: &AgainstEquilibrium) -> Chart {
    let numbered = || {
        let all = against.campaigns.iter().enumerate();
        let known = all.map(|(place, one)| (length(place + 1), one.differences().collect()));
        known.filter(|(_, each): &(f64, Vec<f64>)| !each.is_empty())
    };
    let ends = numbered().map(|(x, each)| {
        let least = each.iter().copied().fold(f64::INFINITY, f64::min);
        (x, least, each.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    });
    Chart::new("Difference to the equilibrium, in the logarithm")
        .with_x_label("campaign")
        .with_x_range(0.5, length(against.campaigns.len()) + 0.5)
        .with_y(Axis::Percent)
        .with_y_label("least to most of the seeds")
        .with_series(Series::bars("seeds", ends.collect()).with_tone(Tone::Muted))
        .with_series(Series::dots("mean", numbered().map(|(x, all)| (x, mean(&all))).collect()))
        .with_reference(Reference::at_y(DIFFERENCE_MOST, "allowed on average"))
        .with_reference(Reference::at_y(-DIFFERENCE_MOST, "allowed on average"))
}

/// Judged gains by the campaign's number in the table.
fn gain_chart(deviations: &Deviations) -> Chart {
    let numbered =
        || deviations.campaigns.iter().enumerate().map(|(place, one)| (length(place + 1), one));
    let intervals = numbered().filter_map(|(x, one)| Some((x, one.gain.low?, one.gain.high?)));
    let means = numbered().map(|(x, one)| (x, one.gain.mean));
    Chart::new("Gain by the best constant multiplier")
        .with_x_label("campaign")
        .with_x_range(0.5, length(deviations.campaigns.len()) + 0.5)
        .with_y(Axis::Percent)
        .with_y_label("of value, with 95 % interval")
        .with_series(Series::bars("interval", intervals.collect()).with_tone(Tone::Muted))
        .with_series(Series::dots("mean of the judging seeds", means.collect()))
        .with_reference(Reference::at_y(GAIN_MOST, "allowed"))
}

/// What every constant gained with the choosing seed.
fn constant_chart(deviations: &Deviations) -> Chart {
    let chart = Chart::new("Constants tried, with the choosing seed")
        .with_x_label("ln of constant over the campaign's own mean")
        .with_y(Axis::Percent)
        .with_y_label("gain of value");
    deviations.campaigns.iter().fold(chart, |chart, one| {
        let tried = one.tried.iter();
        let points = tried.map(|tried| (libm::log(tried.multiplier / one.own), tried.gain));
        chart.with_series(Series::line(one.campaign.clone(), points.collect()))
    })
}
