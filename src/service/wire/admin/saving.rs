//! What shading saves a campaign, to messages and to words: the groups of its bids, and how they
//! compare.
//!
//! Words for people stand beside the numbers, so that command line and console say the same. Called
//! by the admin service, by the command line and by the console.

use super::explain::millionths;
use paceline_core::engine::Engine;
use paceline_core::shade::saving::{BidGroup, told_price};
use paceline_core::shade::{BidGroups, Estimate};
use paceline_core::units::{CampaignId, CpmMicros};
use paceline_proto::v1;
use paceline_view::number::percent;

/// The message of it, for those who know no messages.
pub type Saved = v1::ShadingSaving;

/// What outcomes told of a campaign's groups in this partition.
#[must_use]
pub fn bid_groups(engine: &Engine, campaign: CampaignId) -> Option<BidGroups> {
    engine.bid_groups(campaign)
}

/// What all partitions told together; `missing` of them others lead, or were silent. Nothing where
/// none told.
#[must_use]
pub fn saving_message(told: &[BidGroups], missing: u32) -> Option<v1::ShadingSaving> {
    let all = told.iter().copied().reduce(|all, part| all.with(&part))?;
    let saving = all.saving();
    Some(v1::ShadingSaving {
        shaded: Some(group_message(&all.shaded)),
        control: Some(group_message(&all.control)),
        explored: Some(group_message(&all.explored)),
        per_win: saving.per_win.map(estimate_message),
        per_value: saving.per_value.map(estimate_message),
        wins_kept: saving.wins_kept.map(estimate_message),
        partitions_missing: missing,
    })
}

fn group_message(group: &BidGroup) -> v1::SavingGroup {
    v1::SavingGroup {
        auctions: super::rounded(group.auctions),
        wins: super::rounded(group.wins),
        price_cpm_micros: group.price().map(told_price).map(CpmMicros::get),
    }
}

fn estimate_message(estimate: Estimate) -> v1::ShareEstimate {
    v1::ShareEstimate {
        middle_ppm: millionths(estimate.middle),
        low_ppm: millionths(estimate.low),
        high_ppm: millionths(estimate.high),
    }
}

/// What is told of each, and in which words.
#[must_use]
pub fn saving_words(saving: &v1::ShadingSaving) -> Vec<(&'static str, String)> {
    let few = || {
        let wins = saving.control.map_or(0, |control| control.wins);
        format!("not known yet: {wins} wins of the control group")
    };
    let share = |told: Option<v1::ShareEstimate>| told.map_or_else(few, estimate_words);
    let mut words = vec![("saved a win", share(saving.per_win))];
    if let Some(value) = saving.per_value {
        words.push(("saved a value", estimate_words(value)));
    }
    let is_one_sided = saving.per_win.is_some() && saving.wins_kept.is_none();
    let kept = if is_one_sided {
        "not known: of one group at least, wins alone are told".to_owned()
    } else {
        share(saving.wins_kept)
    };
    words.push(("wins kept", kept));
    let groups =
        [("shaded", saving.shaded), ("control", saving.control), ("explored", saving.explored)];
    for (name, group) in groups {
        words.push((name, group_words(group.unwrap_or_default())));
    }
    if saving.partitions_missing > 0 {
        let missing = format!(
            "exchanges of {} partitions led elsewhere or silent",
            saving.partitions_missing
        );
        words.push(("not counted", missing));
    }
    words
}

fn group_words(group: v1::SavingGroup) -> String {
    let price = group.price_cpm_micros.map(|price| format!(" at {price} micros per thousand"));
    let v1::SavingGroup { auctions, wins, .. } = group;
    format!("{wins} wins of {auctions} auctions{}", price.unwrap_or_default())
}

/// A share with its interval, in per cent.
fn estimate_words(told: v1::ShareEstimate) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let share = |ppm: i64| percent(ppm as f64 / 1e6, 1);
    let (low, high) = (share(told.low_ppm), share(told.high_ppm));
    format!("{} (19 times in 20: {low} to {high})", share(told.middle_ppm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_how_surely_and_why_not() {
        let estimate =
            |middle_ppm, low_ppm, high_ppm| v1::ShareEstimate { middle_ppm, low_ppm, high_ppm };
        let group =
            |auctions, wins, price| v1::SavingGroup { auctions, wins, price_cpm_micros: price };
        let mut saving = v1::ShadingSaving {
            shaded: Some(group(900, 450, Some(600_000))),
            control: Some(group(10, 9, Some(1_000_000))),
            per_win: Some(estimate(400_000, 351_000, 449_000)),
            partitions_missing: 2,
            ..v1::ShadingSaving::default()
        };
        let told = saving_words(&saving);
        assert_eq!(told[0].1, "40.0% (19 times in 20: 35.1% to 44.9%)");
        let kept = "not known: of one group at least, wins alone are told";
        assert_eq!(told[1], ("wins kept", kept.to_owned()));
        assert_eq!(told[2].1, "450 wins of 900 auctions at 600000 micros per thousand");
        assert_eq!(told.last().map(|last| last.0), Some("not counted"));
        let few = v1::ShadingSaving { per_win: None, ..saving };
        assert_eq!(saving_words(&few)[1].1, "not known yet: 9 wins of the control group");
        saving.per_value = Some(estimate(-50_000, -100_000, 1_000));
        assert_eq!(saving_words(&saving)[1].0, "saved a value");
        assert_eq!(saving_message(&[], 0), None);
    }
}
