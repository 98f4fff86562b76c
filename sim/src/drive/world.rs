//! The market that a drive plays: a scenario like any other, written for so many campaigns.
//!
//! Blocks of twenty campaigns share a kind of supply and meet the neighbouring block's; nine in ten
//! are billed by the impression, the others by the click. Called by the drive.

use super::Order;
use paceline::wire::instant_message;
use paceline_core::units::Timestamp;
use paceline_sim::scenario::{Scenario, ScenarioError};
use std::fmt::Write as _;
use std::path::Path;

/// Campaigns of a block.
const BLOCK: u32 = 20;
/// A block with fewer campaigns has the supply of so many, so that there are auctions to choose
/// from.
const BLOCK_LEAST: u32 = 5;
/// Auctions an hour for each campaign of a block: several times what the block's budgets buy.
const AUCTIONS_PER_HOUR: f64 = 2_400.0;
/// Auctions an hour that a campaign may bid in: some six hundred wins pay its budget.
const ASKS_PER_HOUR: f64 = 6_000.0;

/// Hours of a day, by which every campaign must have spent its budget.
const DAY_HOURS: u32 = 24;
/// Least utilisation of each campaign over a day, and over less: what the guard holds back for
/// clicks on their way, two standard deviations, is several per cent of a budget of two hundred.
/// How much is luck: a few per cent from one such campaign to the next.
const UTILISATION_LEAST: (f64, f64) = (0.97, 0.90);

/// The scenario of an order that starts at a whole second.
pub(super) fn scenario(
    order: &Order,
    name: &str,
    start: Timestamp,
) -> Result<Scenario, ScenarioError> {
    Scenario::parse("drive", "drive", &text(order, name, start), Path::new("."))
}

fn text(order: &Order, name: &str, start: Timestamp) -> String {
    let Order { campaigns, bidders, hours, seed, .. } = *order;
    let (of_a_day, of_less) = UTILISATION_LEAST;
    let least = if hours >= DAY_HOURS { of_a_day } else { of_less };
    let mut text = format!(
        "start = \"{start}\"\nlasts = \"{hours}h\"\nseed = {seed}\nmode = \"competing\"\n\
         [bidders]\ncount = {bidders}\noutcome_delay = \"500ms\"\n\
         [[advertiser]]\nname = \"{name}\"\n\
         [expect.total]\nutilisation = [0.97, 1.0]\noverspend_ratio = [0.0, 0.005]\n\
         dark_hours = [0, 0]\n\
         [expect.each]\nutilisation = [{least}, 1.0]\n\
         overspend_beyond_event_ratio = [0.0, 0.02]\n\
         [expect.run]\naudit_failures = [0, 0]\n",
        start = instant_message(start),
    );
    let blocks = campaigns.div_ceil(BLOCK);
    let size = |block: u32| BLOCK.min(campaigns - block * BLOCK);
    let supply = |block: u32| AUCTIONS_PER_HOUR * f64::from(size(block).max(BLOCK_LEAST));
    for block in 0..blocks {
        let per_day = 24.0 * supply(block);
        let _ = write!(
            text,
            "[[segment]]\nname = \"r{block:02}\"\nper_day = {per_day:.1}\n\
             prices = {{ median_cpm = 5.0, sigma = 0.5 }}\n\
             shape = {{ amplitude = 0.3, peak_hour = 20.0 }}\n"
        );
    }
    for block in 0..blocks {
        let next = (block + 1) % blocks;
        let mut segments = vec![format!("\"r{block:02}\"")];
        let mut auctions = supply(block);
        if next != block {
            segments.push(format!("\"r{next:02}\""));
            auctions += supply(next);
        }
        let reach = (ASKS_PER_HOUR / auctions).min(1.0);
        let by_click = size(block) / 10;
        let common = format!(
            "advertiser = \"{name}\"\nsegments = [{}]\nreach = {reach:.6}\n\
             pressure = [2.0, 3.0, 5.0]\nbudget_micros = [{}, {}, {}, {}]\n\
             value = {{ median_cpm = 5.0, sigma = 0.6 }}\n",
            segments.join(", "),
            u64::from(hours) * 1_000_000,
            u64::from(hours) * 2_000_000,
            u64::from(hours) * 3_000_000,
            u64::from(hours) * 4_000_000,
        );
        let by_impression = size(block) - by_click;
        let stem = format!("{name}.{block:02}");
        let _ = write!(text, "[[campaign]]\nname = \"{stem}i\"\ncount = {by_impression}\n{common}");
        if by_click > 0 {
            let _ = write!(
                text,
                "[[campaign]]\nname = \"{stem}c\"\ncount = {by_click}\n{common}\
                 billing = \"click\"\nclick_probability = 0.3\nclick_sigma = 0.3\n\
                 click_soonest = \"2s\"\nclick_latest = \"60s\"\n"
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::Span;
    use paceline_sim::world::setup;

    #[test]
    fn every_size_makes_a_sound_world_with_that_many_campaigns() {
        let start = Timestamp::from_micros(0) + Span::DAY.times(20_000) + Span::HOUR.times(3);
        for campaigns in [1, 4, 20, 37, 100] {
            let order = Order {
                endpoint: String::new(),
                ca_file: None,
                token_file: None,
                name: None,
                campaigns,
                bidders: 4,
                hours: 1,
                seed: 1,
            };
            let scenario = scenario(&order, "drive-x", start).unwrap();
            let setup = setup::build(&scenario, None, 1).unwrap();
            let count = usize::try_from(campaigns).unwrap();
            assert_eq!((setup.specs.len(), setup.buyers.len()), (count, count));
            assert_eq!(scenario.window.start(), start);
            assert!(setup.buyers.iter().all(|buyer| buyer.scale > 0.0));
        }
    }
}
