//! From a world in which a rule is broken to a small one in which the same rule still is.
//!
//! Greedy and in order: whatever can be left out without the breach going away is left out, the
//! large first, round after round until nothing more can be. Knows the form of a scenario and not
//! what is wrong with it: whoever asks says whether a world still fails. Called by the swarm.

use super::check::Breach;
use crate::scenario::draft::Draft;
use crate::scenario::span::parse_span;
use paceline_core::units::Span;
use toml::{Table, Value};

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The smallest world found.
    pub draft: Draft,
    /// What is broken in it.
    pub breach: Breach,
    /// Worlds tried.
    pub attempts: usize,
    /// Whether nothing more could be left out; else the attempts ran out.
    pub is_least: bool,
}

/// Shrinks a world in which `breach` was found by at most `most` attempts. `fails` tells what is
/// broken in a world, if anything; only the same counts.
pub fn shrink(
    draft: &Draft,
    breach: Breach,
    most: usize,
    fails: &mut dyn FnMut(&Draft) -> Vec<Breach>,
) -> Shrunk {
    let mut shrunk = Shrunk { draft: draft.clone(), breach, attempts: 0, is_least: false };
    loop {
        let mut is_smaller = false;
        for stage in STAGES {
            let mut place = 0;
            while let Some(candidate) = stage(&shrunk.draft, place) {
                if shrunk.attempts == most {
                    return shrunk;
                }
                shrunk.attempts += 1;
                let found = fails(&candidate);
                match found.into_iter().find(|broken| broken.is_like(&shrunk.breach)) {
                    Some(broken) => {
                        // The next candidate has moved to this place.
                        (shrunk.draft, shrunk.breach, is_smaller) = (candidate, broken, true);
                    }
                    None => place += 1,
                }
            }
        }
        if !is_smaller {
            shrunk.is_least = true;
            return shrunk;
        }
    }
}

/// The n-th smaller world of a kind; absent when there are no more.
type Stage = fn(&Draft, usize) -> Option<Draft>;

const STAGES: [Stage; 9] = [
    |draft, place| without_half(draft, "campaign", place),
    |draft, place| shorter(draft, place),
    |draft, place| without(draft, "fault", place),
    |draft, place| without(draft, "action", place),
    |draft, place| without(draft, "campaign", place),
    |draft, place| without(draft, "segment", place),
    |draft, place| without(draft, "advertiser", place),
    |draft, place| without_key(draft, place),
    |draft, place| smaller_number(draft, place),
];

/// Parts of a file that are lists of tables.
const LISTS: [&str; 5] = ["segment", "advertiser", "campaign", "action", "fault"];
/// Keys that every file or part has.
const NEEDED: [&str; 12] = [
    "start", "lasts", "seed", "name", "per_day", "prices", "kind", "at", "campaign", "do", "value",
    "expect",
];

/// Without the first or the second half of a list of four or more.
fn without_half(draft: &Draft, list: &str, place: usize) -> Option<Draft> {
    let count = draft.rows(list).count();
    if count < 4 || place > 1 {
        return None;
    }
    let half = count / 2;
    let gone = if place == 0 { 0..half } else { half..count };
    gone.rev().try_fold(draft.clone(), |draft, place| without(&draft, list, place))
}

/// Without the n-th of a list, and without what names it.
fn without(draft: &Draft, list: &str, place: usize) -> Option<Draft> {
    let mut smaller = draft.clone();
    let rows = smaller.table.get_mut(list)?.as_array_mut()?;
    if place >= rows.len() {
        return None;
    }
    let gone = rows.remove(place);
    if rows.is_empty() {
        smaller.table.remove(list);
    }
    let name = gone.get("name").cloned();
    match list {
        "campaign" => {
            if let Some(actions) = smaller.table.get_mut("action").and_then(Value::as_array_mut) {
                actions.retain(|action| action.get("campaign") != name.as_ref());
                if actions.is_empty() {
                    smaller.table.remove("action");
                }
            }
        }
        "segment" => {
            for campaign in smaller.rows_mut("campaign") {
                let Some(Value::Array(names)) = campaign.get_mut("segments") else { continue };
                names.retain(|one| Some(one) != name.as_ref());
                if names.is_empty() {
                    campaign.remove("segments");
                }
            }
        }
        "advertiser" => {
            for campaign in smaller.rows_mut("campaign") {
                if campaign.get("advertiser") == name.as_ref() {
                    campaign.remove("advertiser");
                }
            }
        }
        _ => {}
    }
    Some(smaller)
}

/// Half, three quarters and nine tenths as long, without what comes later.
fn shorter(draft: &Draft, place: usize) -> Option<Draft> {
    let share = *[0.5, 0.75, 0.9].get(place)?;
    let lasts = length(draft.table.get("lasts")?)?;
    let minutes = crate::number::whole(lasts.as_minutes() * share);
    if minutes < 5 {
        return None;
    }
    let end = Span::from_mins(i64::try_from(minutes).unwrap_or(i64::MAX));
    let mut smaller = draft.clone();
    smaller.table.insert("lasts".to_owned(), format!("{minutes}m").into());
    let is_late = |value: &Value| {
        value.get("at").or_else(|| value.get("from")).and_then(length).is_some_and(|at| at >= end)
    };
    for list in LISTS {
        let Some(rows) = smaller.table.get_mut(list).and_then(Value::as_array_mut) else {
            continue;
        };
        rows.retain(|row| !is_late(row));
        if rows.is_empty() {
            smaller.table.remove(list);
        }
    }
    for campaign in smaller.rows_mut("campaign") {
        if campaign.get("to").and_then(length).is_some_and(|to| to >= end) {
            campaign.remove("to");
        }
    }
    Some(smaller)
}

fn length(value: &Value) -> Option<Span> {
    parse_span(value.as_str()?).ok()
}

/// Without the n-th key that a file can do without.
fn without_key(draft: &Draft, place: usize) -> Option<Draft> {
    let mut left = place;
    let mut smaller = draft.clone();
    let mut is_gone = |table: &mut Table, tables: &[&str]| {
        let mut keys: Vec<String> = table.keys().cloned().collect();
        keys.sort_unstable();
        keys.retain(|key| !NEEDED.contains(&key.as_str()) && !tables.contains(&key.as_str()));
        let Some(key) = keys.get(left) else {
            left -= keys.len();
            return false;
        };
        table.remove(key).is_some()
    };
    if is_gone(&mut smaller.table, &LISTS) {
        return Some(smaller);
    }
    if let Some(bidders) = smaller.table.get_mut("bidders").and_then(Value::as_table_mut)
        && is_gone(bidders, &[])
    {
        return Some(smaller);
    }
    for list in LISTS {
        if smaller.rows_mut(list).any(|row| is_gone(row, &[])) {
            return Some(smaller);
        }
    }
    None
}

/// Half the auctions of the n-th segment, or one bidder.
fn smaller_number(draft: &Draft, place: usize) -> Option<Draft> {
    let mut smaller = draft.clone();
    let segments = draft.rows("segment").count();
    if place < segments {
        let segment = smaller.rows_mut("segment").nth(place)?;
        let per_day = segment.get("per_day")?.as_float()?;
        if per_day >= 2.0 {
            segment.insert("per_day".to_owned(), (per_day / 2.0).round().into());
            return Some(smaller);
        }
        // Small enough; as it was it is no smaller world, so the next place stands in.
        return smaller_number(draft, place + 1);
    }
    let bidders = smaller.table.get_mut("bidders")?.as_table_mut()?;
    if place > segments || bidders.get("count")?.as_integer()? <= 1 {
        return None;
    }
    bidders.insert("count".to_owned(), 1.into());
    Some(smaller)
}

#[cfg(test)]
mod tests {
    use super::super::check::Rule;
    use super::super::draw;
    use super::*;
    use std::path::Path;

    /// Fails wherever there is a crash and a campaign billed by the click.
    fn injected(draft: &Draft) -> Vec<Breach> {
        let is =
            |row: &Table, key: &str, word: &str| row.get(key).and_then(Value::as_str) == Some(word);
        let fails = draft.check("t", Path::new("")).is_ok()
            && draft.rows("fault").any(|row| is(row, "kind", "crash"))
            && draft.rows("campaign").any(|row| is(row, "billing", "click"));
        let other = Breach::new(Rule::NoRefusedInput, "as well");
        if fails { vec![other, Breach::new(Rule::NoPanic, "injected")] } else { vec![other] }
    }

    fn failing() -> Draft {
        (0..1_000)
            .map(draw::world)
            .find(|world| {
                injected(world).len() == 2
                    && world.rows("campaign").count() >= 6
                    && world.rows("segment").count() >= 3
                    && world.rows("fault").count() >= 3
            })
            .expect("one in a hundred is such a world")
    }

    #[test]
    fn an_injected_failure_is_shrunk_to_what_it_needs() {
        let shrunk = shrink(&failing(), Breach::new(Rule::NoPanic, "first"), 2_000, &mut injected);
        assert!(shrunk.is_least, "{} attempts", shrunk.attempts);
        assert_eq!(shrunk.breach, Breach::new(Rule::NoPanic, "injected"));
        let draft = &shrunk.draft;
        let text = draft.to_text();
        let count = |list: &str| draft.rows(list).count();
        assert_eq!(
            (count("campaign"), count("segment"), count("fault"), count("action")),
            (1, 1, 1, 0),
            "{text}"
        );
        assert!(!text.contains("[bidders]") && !text.contains("shape"), "{text}");
        assert!(text.lines().count() <= 30, "{text}");
        assert!(draft.check("t", Path::new("")).is_ok(), "{text}");
    }

    #[test]
    fn attempts_are_bounded() {
        let world = failing();
        let mut tried = 0;
        let shrunk = shrink(&world, Breach::new(Rule::NoPanic, "first"), 7, &mut |draft| {
            tried += 1;
            injected(draft)
        });
        assert_eq!((tried, shrunk.attempts, shrunk.is_least), (7, 7, false));
    }
}
