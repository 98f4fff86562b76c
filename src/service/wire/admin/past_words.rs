//! A told past as people read it: facts, and tables.
//!
//! Knows messages and how they are shown, no engine. Called by the command line and the console.

use super::super::audit::deed;
use super::super::instant_words as time;
use super::owner_words;
use paceline_core::diagnosis::CauseKind;
use paceline_proto::v1;
use paceline_view::number::{NONE, fixed, money, percent};
use paceline_view::{Cell, Column, Table};

/// What is said of money that was not spent while nothing was found that kept it from being.
const NOTHING_STOOD_OUT: &str = "nothing that stood out";

/// A name and what it stands for.
pub type Fact = (&'static str, String);

/// What is said in a line each.
#[must_use]
pub fn past_facts(told: &v1::ExplainPastResponse) -> Vec<Fact> {
    let mut facts = vec![("campaign", told.campaign_id.clone())];
    let step = told.resolution.map_or(0, |span| span.seconds);
    let step = if step <= 60 { "by the minute" } else { "by the hour" };
    facts.push(("kept", step.to_owned()));
    facts.extend(told.moment.iter().flat_map(|moment| moment_facts(moment, &told.currency)));
    facts.extend(told.period.iter().flat_map(|period| period_facts(period, &told.currency)));
    facts
}

/// What is said in tables; of a moment there are none.
#[must_use]
pub fn past_tables(told: &v1::ExplainPastResponse) -> Vec<Table> {
    let Some(period) = &told.period else { return Vec::new() };
    let mut tables = vec![shares(period)];
    if !period.costs.is_empty() {
        tables.push(costs(period, &told.currency));
    }
    tables.push(ends(period, &told.currency));
    if !period.changes.is_empty() {
        tables.push(changes(period));
    }
    tables
}

/// `1 h 20 min`, `40 s`.
fn lasting(span: Option<&prost_types::Duration>) -> String {
    let seconds = span.map_or(0, |span| span.seconds);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
    let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).take(2);
    let told = parts.map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ");
    if told.is_empty() { "0 s".to_owned() } else { told }
}

fn reason(told: Option<&v1::Reason>) -> String {
    told.map_or_else(|| NONE.to_owned(), |told| format!("{} ({})", told.detail, told.code))
}

fn ratio(ppm: u32) -> String {
    fixed(f64::from(ppm) / 1e6, 4)
}

fn share(ppm: u32) -> String {
    percent(f64::from(ppm) / 1e6, 2)
}

fn word(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix) {
        None | Some("UNSPECIFIED") => NONE.to_owned(),
        Some(word) => word.to_lowercase(),
    }
}

fn moment_facts(told: &v1::PastMoment, currency: &str) -> Vec<Fact> {
    let amount = |nanos: i64| format!("{} {currency}", money(nanos, 6));
    let hand = told.hand.as_ref();
    let hand = hand.map_or_else(
        || "none".to_owned(),
        |hand| format!("{} ({})", hand.action, hand.override_id),
    );
    let mut facts = vec![
        ("as of", time(told.as_of.as_ref())),
        ("unchanged until", time(told.unchanged_until.as_ref())),
        ("state", word(told.state().as_str_name(), "ENTRY_STATE_")),
        ("why", reason(told.reason.as_ref())),
        ("first cause", reason(told.cause.as_ref())),
        ("multiplier", ratio(told.multiplier_ppm)),
        ("participation", share(told.participation_ppm)),
        ("binding owner", owner_words(told.binding_owner.as_ref())),
        ("binding cap", word(told.binding_horizon().as_str_name(), "BUDGET_HORIZON_")),
        ("brake", share(told.brake_ppm)),
        ("override", hand),
    ];
    if let Some(plan) = &told.plan {
        let short = plan.planned_nanos.saturating_sub(plan.expected_spend_nanos);
        facts.extend([
            ("plan made", time(plan.made_at.as_ref())),
            ("planned since", amount(plan.planned_nanos)),
            ("spent since", amount(plan.expected_spend_nanos)),
            ("behind by", amount(short)),
            ("planned a minute", amount(plan.rate_nanos_per_minute)),
            ("spend known to", time(plan.watermark.as_ref())),
        ]);
    }
    let table = told
        .generation
        .map_or_else(|| NONE.to_owned(), |held| format!("{}.{}", held.epoch, held.sequence));
    facts.extend([("spent in all", amount(told.drawn_nanos)), ("table", table)]);
    facts
}

fn period_facts(told: &v1::PastPeriod, currency: &str) -> Vec<Fact> {
    let amount = |nanos: i64| format!("{} {currency}", money(nanos, 6));
    let extent =
        |least: Option<u32>, most: Option<u32>, words: fn(u32) -> String| match (least, most) {
            (Some(least), Some(most)) => format!("{} to {}", words(least), words(most)),
            _ => NONE.to_owned(),
        };
    let multiplier = extent(told.multiplier_min_ppm, told.multiplier_max_ppm, ratio);
    let participation = extent(told.participation_min_ppm, told.participation_max_ppm, share);
    vec![
        ("from", time(told.from.as_ref())),
        ("until", time(told.until.as_ref())),
        ("planned", amount(told.planned_nanos)),
        ("spent", amount(told.spent_nanos)),
        ("fell short by", amount(told.planned_nanos.saturating_sub(told.spent_nanos))),
        ("multiplier", multiplier),
        ("participation", participation),
        ("nobody decided", lasting(told.silent.as_ref())),
    ]
}

fn shares(told: &v1::PastPeriod) -> Table {
    let columns = vec![Column::text("why"), Column::text("for"), Column::number("of the time", "")];
    let table = Table::new("What decided", columns);
    told.shares.iter().fold(table, |table, one| {
        table.with_row(vec![
            Cell::text(reason(one.reason.as_ref())),
            Cell::text(lasting(one.span.as_ref())),
            Cell::text(share(one.share_ppm)),
        ])
    })
}

fn costs(told: &v1::PastPeriod, currency: &str) -> Table {
    let columns = vec![Column::text("first cause"), Column::number("not spent", currency)];
    let table = Table::new("What held it back", columns);
    let table = told.costs.iter().fold(table, |table, one| {
        let cause = one.cause.as_ref().filter(|cause| cause.code != CauseKind::OnPlan.as_str());
        let cause = cause.map_or_else(|| NOTHING_STOOD_OUT.to_owned(), |cause| reason(Some(cause)));
        table.with_row(vec![Cell::text(cause), Cell::money(one.cost_nanos)])
    });
    table.with_note("Planned less spent while it was the likeliest cause.")
}

fn ends(told: &v1::PastPeriod, currency: &str) -> Table {
    let [first, last] = [&told.first, &told.last].map(|moment| {
        moment.as_ref().map(|moment| moment_facts(moment, currency)).unwrap_or_default()
    });
    let columns = ["", "as it began", "as it ended"].map(Column::text).to_vec();
    let names = first.iter().chain(&last).map(|(name, _)| *name);
    let mut told: Vec<&str> = Vec::new();
    let mut table = Table::new("At both ends", columns);
    for name in names.filter(|name| *name != "unchanged until") {
        if told.contains(&name) {
            continue;
        }
        told.push(name);
        let of = |facts: &[Fact]| {
            let found = facts.iter().find(|(own, _)| *own == name);
            found.map_or_else(|| NONE.to_owned(), |(_, words)| words.clone())
        };
        table = table.with_row([name.to_owned(), of(&first), of(&last)].map(Cell::text).to_vec());
    }
    table
}

fn changes(told: &v1::PastPeriod) -> Table {
    let names = ["change", "at", "by", "did", "to", "why"];
    let table = Table::new("Changes meanwhile", names.map(Column::text).to_vec());
    let table = told.changes.iter().fold(table, |table, record| {
        table.with_row(vec![
            Cell::text(format!("{}-{}", record.partition, record.number)),
            Cell::text(time(record.at.as_ref())),
            Cell::text(record.author.as_str()),
            Cell::text(deed(record)),
            Cell::text(format!("{} {}", record.object_kind, record.object_id)),
            Cell::text(record.reason.as_str()),
        ])
    });
    match told.changes_left_out {
        0 => table,
        count => table.with_note(format!("{count} later ones are left out: ask the audit.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_by_their_two_largest_units() {
        let told = |seconds| lasting(Some(&prost_types::Duration { seconds, nanos: 0 }));
        assert_eq!(
            [0, 40, 60, 4_800, 90_061].map(told),
            ["0 s", "40 s", "1 min", "1 h 20 min", "25 h 1 min"]
        );
    }

    #[test]
    fn both_ends_of_a_period_stand_side_by_side() {
        let moment = |ppm| v1::PastMoment { multiplier_ppm: ppm, ..v1::PastMoment::default() };
        let plan = Some(v1::PastPlan { planned_nanos: 2_000_000_000, ..v1::PastPlan::default() });
        let period = v1::PastPeriod {
            first: Some(moment(500_000)),
            last: Some(v1::PastMoment { plan, ..moment(250_000) }),
            ..v1::PastPeriod::default()
        };
        let text = ends(&period, "EUR").to_text();
        let line =
            |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("multiplier").contains("0.5000") && line("multiplier").contains("0.2500"));
        let planned = line("planned since");
        assert!(planned.contains(NONE) && planned.contains("2.000000 EUR"), "{text}");
    }
}
