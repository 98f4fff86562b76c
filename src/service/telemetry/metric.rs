//! Every metric: name, kind, unit, help, labels, in one table.
//!
//! Names are `paceline_<noun>_<unit>[_total]` in base units; labels are bounded sets, and no
//! campaign is ever a label. docs/METRICS.md is drawn from this table. Only `event` writes to it.

use Kind::{Counter, Distribution, Gauge};
use metrics::{Label as MetricLabel, SharedString, counter, gauge, histogram};

/// What kind of number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Many values, counted by bucket; the upper bounds.
    Distribution(&'static [f64]),
}

/// What tells series of one metric apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A name and every value it takes.
    Of(&'static str, &'static [&'static str]),
    /// `partition`: 0 up to the configured number.
    Partition,
    /// `currency`: a code, known once an account has it.
    Currency,
}

/// One metric.
#[derive(Debug, PartialEq)]
pub struct Metric {
    /// As on the page.
    pub name: &'static str,
    /// What kind of number.
    pub kind: Kind,
    /// Base unit, or what is counted.
    pub unit: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// At most two.
    pub labels: &'static [Label],
}

/// From a millisecond to a minute: a tick should take well under its interval of 1 s to 60 s.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0];
/// Around one, where a healthy campaign is.
const PACE: &[f64] = &[0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.01, 1.05, 1.1, 1.25, 1.5, 2.0, 5.0];
/// Over the whole range of multipliers, evenly in the logarithm.
const MULTIPLIER: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0];
/// Counts of things, by powers of ten.
const COUNTS: &[f64] = &[0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

const VERDICT: Label = Label::Of(
    "verdict",
    &[
        "posted",
        "duplicate",
        "posted_late",
        "late_unverified",
        "unknown_campaign",
        "wrong_source",
        "producer_refused",
        "invalid",
        "outside_flight",
        "refund_unmatched",
    ],
);
const STATE: Label = Label::Of("state", &["run", "paused", "exhausted", "safe"]);
const ACTION: Label = Label::Of("action", &["pause", "cap", "freeze", "fix"]);
const CAUSE: Label = Label::Of(
    "cause",
    &[
        "runaway",
        "blackout",
        "behind",
        "ahead",
        "quarantined",
        "exhausted_early",
        "counter_fault",
        "blind",
    ],
);
const SINK: Label = Label::Of("sink", &["grpc", "redis", "redis_shading"]);
const STORE: Label = Label::Of("store", &["embedded", "redis"]);
const RESULT: Label = Label::Of("result", &["done", "failed"]);
const POSTED: Label = Label::Of("result", &["sent", "retried", "failed", "dropped"]);
const TRACED: Label = Label::Of("result", &["sent", "failed", "dropped"]);
const GRANT: Label = Label::Of("result", &["granted", "short"]);
const FILE: Label = Label::Of("file", &["tokens", "certificates"]);
const REFUSAL: Label = Label::Of("reason", &["unknown", "forbidden", "limited"]);
const FIT: Label =
    Label::Of("gate", &["refused_loss", "refused_calibration", "motion_bounded", "motion_lifted"]);
const OUTCOME: Label = Label::Of(
    "result",
    &[
        "taken",
        "refused",
        "price",
        "count",
        "minimum_below_floor",
        "won_below_minimum",
        "lost_above_minimum",
        "won_below_floor",
        "paid_above_bid",
        "not_by_price",
        "currency",
        "overweight",
        "distrusted",
    ],
);
const SEEN: Label = Label::Of("outcome", &["asked", "bid", "won"]);

/// A row of the table that is also a name to write to.
macro_rules! table {
    ($($ident:ident: $kind:expr, $name:literal, $unit:literal, $labels:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $ident: Metric =
                Metric { name: $name, kind: $kind, unit: $unit, help: $help, labels: &$labels };
        )*
        /// Every metric, in the order of docs/METRICS.md.
        pub static ALL: &[&Metric] = &[$(&$ident),*];
    };
}

table! {
    BUILD: Gauge, "paceline_build_info", "none", [],
        "Always 1; the version is in print-config and the log.";
    READY: Gauge, "paceline_ready", "0 or 1", [],
        "Whether calls should be sent here.";
    SPEND_EVENTS: Counter, "paceline_spend_events_total", "events", [VERDICT],
        "Spend events received, by what became of them.";
    SPEND_MICROS: Counter, "paceline_spend_micros_total", "micros", [Label::Currency],
        "Money billed.";
    OVERSPEND_MICROS: Counter, "paceline_overspend_micros_total", "micros", [Label::Currency],
        "Money billed beyond the budget of a flight.";
    SUSPENSE_MICROS: Gauge, "paceline_suspense_micros", "micros", [Label::Currency],
        "Money of late events that wait for an operator to post or drop it.";
    CALLERS_REFUSED: Counter, "paceline_callers_refused_total", "requests", [REFUSAL],
        "Requests turned away: without a known token, without the right, or too many of them.";
    FILES_REFUSED: Counter, "paceline_files_refused_total", "looks", [FILE],
        "Looks at a file of tokens or certificates that found a fault; the one before is in force.";
    CERTIFICATE_EXPIRES: Gauge, "paceline_certificate_expires_seconds", "seconds", [],
        "Unix time at which the first of our certificate's chain runs out; 0 if unknown.";
    OPPORTUNITIES: Counter, "paceline_opportunities_total", "opportunities", [SEEN],
        "Auctions bidders told of.";
    OUTCOMES: Counter, "paceline_outcomes_total", "outcomes", [OUTCOME],
        "Outcomes of bids: taken, refused at the edge, or left out and why.";
    SHADING_SEGMENTS: Gauge, "paceline_shading_segments", "segments", [Label::Partition],
        "Segments whose markets are told apart.";
    SHADING_SCHEDULES: Counter, "paceline_shading_schedules_total", "schedules", [],
        "Shading schedules published.";
    SHADING_FITS: Gauge, "paceline_shading_fits", "fits", [Label::Partition, FIT],
        "Curves fitted since the first outcome, by what the gates made of them.";
    SHADING_NO_ROOM: Gauge, "paceline_shading_no_room", "outcomes", [Label::Partition],
        "Outcomes of segments beyond those that are kept, since the first outcome.";
    SHADING_GIVEN_UP: Gauge, "paceline_shading_given_up", "segments", [Label::Partition],
        "Segments, and levels above them, that made room for others since the first outcome.";
    SHADING_WITHDRAWN: Gauge, "paceline_shading_withdrawn", "schedules", [Label::Partition],
        "Schedules withdrawn at an alarm, until the next fit, since the first outcome.";
    SHADING_ALARMS: Gauge, "paceline_shading_alarms", "alarms", [Label::Partition],
        "Drift alarms of markets since the first outcome.";
    SHADING_SILENCED: Gauge, "paceline_shading_silenced", "exchanges", [Label::Partition],
        "Times that an exchange's schedules were withdrawn for silence since the first outcome.";
    COUNTER_READINGS: Counter, "paceline_counter_readings_total", "readings", [RESULT],
        "Spend counters read; failed are those that are no numbers.";
    TICK_DURATION: Distribution(SECONDS), "paceline_tick_duration_seconds", "seconds", [],
        "Time from the start of a decision round to its table.";
    TICK_LATE: Counter, "paceline_tick_late_total", "rounds", [],
        "Decision rounds that began more than a tick late.";
    TABLE_GENERATION: Gauge, "paceline_table_generation", "sequence", [Label::Partition],
        "Newest table's number within its epoch.";
    EPOCH: Gauge, "paceline_epoch", "epoch", [Label::Partition],
        "Newest term of leadership seen.";
    TABLE_ENTRIES_CHANGED: Distribution(COUNTS), "paceline_table_entries_changed", "entries", [],
        "Entries that moved more than the dead-band, per round.";
    PACE_RATIO: Distribution(PACE), "paceline_pace_ratio", "ratio", [],
        "Actual over planned spend to date, of every running campaign, once a minute.";
    MULTIPLIER_RATIO: Distribution(MULTIPLIER), "paceline_multiplier_ratio", "ratio", [],
        "Pacing multiplier of every running campaign, once a minute.";
    CAMPAIGNS: Gauge, "paceline_campaigns", "campaigns", [STATE],
        "Campaigns by what the table says of them.";
    QUARANTINED: Gauge, "paceline_quarantined", "campaigns", [],
        "Campaigns set aside because their numbers went bad.";
    NOTICES: Counter, "paceline_notices_total", "notices", [CAUSE],
        "Notices raised: a cause that lasted, once for each object.";
    NOTICE_POSTS: Counter, "paceline_notice_posts_total", "posts", [POSTED],
        "Notices for the webhook: taken, tried again, given up, or dropped for want of room.";
    OVERRIDES: Gauge, "paceline_overrides", "overrides", [ACTION],
        "Operators' hands in force.";
    INBOX_EVENTS: Gauge, "paceline_inbox_events", "events", [],
        "Events that wait in front of the control loop; its bound is loop.inbox_events_max.";
    INVARIANT_FAULTS: Counter, "paceline_invariant_faults_total", "faults", [],
        "Invariants found broken. Anything but 0 needs someone to look.";
    SPEND_LOG_LAG: Gauge, "paceline_spend_log_lag_seconds", "seconds", [Label::Partition],
        "Age of the watermark: how far behind the sources tell what was spent.";
    CHECKPOINT_AGE: Gauge, "paceline_checkpoint_age_seconds", "seconds", [Label::Partition],
        "Time since the last checkpoint.";
    CHECKPOINTS: Counter, "paceline_checkpoints_total", "checkpoints", [RESULT],
        "Checkpoints tried.";
    PAST_UNKEPT: Counter, "paceline_past_unkept_total", "writes", [],
        "Writes of rows of the past that the store refused; those rows are lost.";
    JOURNAL_BYTES: Gauge, "paceline_journal_bytes", "bytes", [],
        "The log kept before the last checkpoints, as encoded; its bound is log.journal_max.";
    APPEND_DURATION: Distribution(SECONDS), "paceline_append_duration_seconds", "seconds", [],
        "Time until an append to the log was durable.";
    LEADER: Gauge, "paceline_leader", "0 or 1", [Label::Partition],
        "Whether this process leads the partition.";
    STORE_UP: Gauge, "paceline_store_up", "0 or 1", [STORE],
        "Whether the store answers.";
    STORE_RETRIES: Counter, "paceline_store_retries_total", "attempts", [STORE],
        "Calls of the store tried again.";
    PUBLISHED: Counter, "paceline_publish_total", "tables", [SINK, RESULT],
        "Tables and deltas sent.";
    MONEY_AT_RISK_MICROS: Gauge, "paceline_money_at_risk_micros", "micros", [Label::Currency],
        "Allowances outstanding: what bidders may still commit without asking.";
    ALLOWANCE_DRAWS: Counter, "paceline_allowance_draws_total", "draws", [GRANT],
        "Allowances asked for between ticks.";
    BIDDERS: Gauge, "paceline_bidders", "bidders", [],
        "Bidders connected.";
    BIDDERS_LIVE: Gauge, "paceline_bidders_live_ratio", "ratio", [],
        "Share of the connected bidders' tables that are the newest.";
    CATALOG_LOADS: Counter, "paceline_catalog_loads_total", "loads", [RESULT],
        "Catalogues read; a failed one leaves the last good one in force.";
    CATALOG_GONE: Gauge, "paceline_catalog_gone", "campaigns", [],
        "Campaigns that go on although the catalogue file names them no more.";
    SOURCES_LOST: Counter, "paceline_sources_lost_total", "sources", [],
        "Reporters of spend taken for dead: silent beyond loop.source_timeout while others spoke.";
    TRACE_SPANS: Counter, "paceline_trace_spans_total", "spans", [TRACED],
        "Spans of traces: taken by the collector, not taken by it, or dropped for want of room.";
    CLOCK_JUMPS: Counter, "paceline_clock_jumps_back_total", "jumps", [],
        "Times the system's clock went back, or was found a little behind the log at a start.";
}

impl Label {
    /// Its name on the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Of(name, _) => name,
            Self::Partition => "partition",
            Self::Currency => "currency",
        }
    }

    /// Every value known before anything happened.
    fn values(self, partitions: u16) -> Vec<SharedString> {
        match self {
            Self::Of(_, values) => values.iter().map(|v| SharedString::const_str(v)).collect(),
            Self::Partition => (0..partitions).map(|p| p.to_string().into()).collect(),
            Self::Currency => Vec::new(),
        }
    }
}

impl Metric {
    fn labels<const N: usize>(&self, values: [SharedString; N]) -> Vec<MetricLabel> {
        assert_eq!(N, self.labels.len(), "{} has its own number of labels", self.name);
        let named = self.labels.iter().zip(values);
        named.map(|(label, value)| MetricLabel::new(label.name(), value)).collect()
    }

    /// Counts `by` more. `values` are of the labels, in their order.
    pub(super) fn add<const N: usize>(&self, by: u64, values: [SharedString; N]) {
        assert_eq!(self.kind, Counter, "{}", self.name);
        counter!(self.name, self.labels(values)).increment(by);
    }

    /// Stands at `value` now.
    pub(super) fn set<const N: usize>(&self, value: f64, values: [SharedString; N]) {
        assert_eq!(self.kind, Gauge, "{}", self.name);
        gauge!(self.name, self.labels(values)).set(value);
    }

    /// One value of many.
    pub(super) fn record<const N: usize>(&self, value: f64, values: [SharedString; N]) {
        assert!(matches!(self.kind, Distribution(_)), "{}", self.name);
        histogram!(self.name, self.labels(values)).record(value);
    }

    /// Makes every series of it appear.
    fn declare(&self, partitions: u16) {
        let mut series: Vec<Vec<MetricLabel>> = vec![Vec::new()];
        for label in self.labels {
            let values = label.values(partitions);
            let with = |value: &SharedString| MetricLabel::new(label.name(), value.clone());
            series = series
                .iter()
                .flat_map(|known| values.iter().map(|value| [&known[..], &[with(value)]].concat()))
                .collect();
        }
        for labels in series {
            match self.kind {
                Counter => counter!(self.name, labels).increment(0),
                Gauge => gauge!(self.name, labels).set(0.0),
                Distribution(_) => drop(histogram!(self.name, labels)),
            }
        }
    }
}

/// Describes every metric to the recorder and makes its series appear.
pub fn declare_all(partitions: u16) {
    for metric in ALL {
        match metric.kind {
            Counter => metrics::describe_counter!(metric.name, metric.help),
            Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Distribution(_) => metrics::describe_histogram!(metric.name, metric.help),
        }
        metric.declare(partitions);
    }
    BUILD.set(1.0, []);
}

/// The whole of docs/METRICS.md.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         Drawn from `src/service/telemetry/metric.rs`; `UPDATE_GOLDEN=1 cargo test -p paceline \
         metric` writes it anew.\n\
         Served on the HTTP port under `/metrics`.\n\
         Every series is there from the first scrape, except those by currency, which appear with \
         the first account in that currency.\n\
         No metric names a campaign: for one campaign ask `paceline ctl`.\n\n\
         | name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n",
    );
    for metric in ALL {
        let kind = match metric.kind {
            Counter => "counter",
            Gauge => "gauge",
            Distribution(_) => "distribution",
        };
        let label = |label: &Label| match label {
            Label::Of(name, values) => format!("{name}: {}", values.join(", ")),
            Label::Partition | Label::Currency => label.name().to_owned(),
        };
        let labels: Vec<_> = metric.labels.iter().map(label).collect();
        let (name, unit, help) = (metric.name, metric.unit, metric.help);
        text += &format!("| `{name}` | {kind} | {unit} | {} | {help} |\n", labels.join("; "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_metrics_page_of_the_docs_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/METRICS.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            assert!(std::env::var_os("CI").is_none(), "UPDATE_GOLDEN is refused in CI");
            std::fs::write(&path, document()).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text == document(), "docs/METRICS.md is stale: run with UPDATE_GOLDEN=1");
    }

    #[test]
    fn names_tell_their_unit() {
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("paceline_"), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Counter, "{name}");
            for unit in ["seconds", "micros", "bytes", "ratio"] {
                let says = name.trim_end_matches("_total").ends_with(unit);
                assert_eq!(says, metric.unit == unit, "{name} is in {}", metric.unit);
            }
            let by_currency = metric.labels.contains(&Label::Currency);
            assert_eq!(by_currency, metric.unit == "micros", "{name}: money has a currency");
            assert!(metric.labels.len() <= 2 && metric.help.ends_with('.'), "{name}");
        }
    }
}
