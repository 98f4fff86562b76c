//! The service's own log again: the same engine, the same inputs, and so the same tables.
//!
//! Every table and allowance set that the service let out has its digest in the log; each must come
//! out here as well, whether the journal begins at the first record or at a snapshot. Knows no
//! market: what auctions did is in the journal only as far as bidders told. Called by the command
//! line and by the service's tests.

use crate::number::{amount, mean};
use crate::trace::journal::{self, JournalFileError};
use paceline_core::engine::{Applied, Engine};
use paceline_core::event::OpportunityBatch;
use paceline_core::hash::Digest;
use paceline_core::input::{Input, Published, Stamped};
use paceline_core::table::EntryState;
use paceline_core::units::{CampaignId, Generation, Span, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// How often the progress is told.
const STRIDE: u64 = 4_096;

/// A table that came out otherwise than it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which one.
    pub generation: String,
    /// The line of the journal that holds its digest.
    pub line: u64,
    /// What was published, in 32 hex digits.
    pub published: String,
    /// What came out; absent when no such table did.
    pub replayed: Option<String>,
}

/// One campaign, as far as a journal tells. What only auctions could tell is null.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct JournalCampaign {
    /// Its name.
    pub name: String,
    /// Budget of all its flights.
    pub budget_nanos: Option<i64>,
    /// Billed, in all.
    pub spend_nanos: i64,
    /// Won and not billed, at its expected cost.
    pub in_flight_nanos: i64,
    /// Null.
    pub feasible_nanos: Option<i64>,
    /// Null.
    pub utilisation: Option<f64>,
    /// Mean over minutes of |measured − planned spend| over budget.
    pub plan_error: Option<f64>,
    /// Mean |Δ ln (multiplier × participation)| between whole minutes in which it ran.
    pub volatility_per_minute: Option<f64>,
    /// Auctions it was eligible for, as bidders told.
    pub asks: u64,
    /// Bids, as bidders told.
    pub bids: u64,
    /// Auctions won, as bidders told.
    pub wins: u64,
    /// Null.
    pub clicks: Option<u64>,
    /// Null.
    pub skipped_for_budget: Option<u64>,
}

/// What became of a journal.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct JournalReport {
    /// The file, as it was named.
    pub journal: String,
    /// Whose log.
    pub partition: u8,
    /// Whether it began at a snapshot.
    pub is_from_snapshot: bool,
    /// Records read.
    pub records: u64,
    /// First and last record, in microseconds since 1970; zero when there is none.
    pub from_us: i64,
    /// See above.
    pub to_us: i64,
    /// Decision rounds.
    pub ticks: u64,
    /// Tables whose digest the log holds.
    pub generations_checked: u64,
    /// Rounds whose digest the log does not hold: their tables never left the process.
    pub generations_unpublished: u64,
    /// Of the tables checked, how many came out otherwise.
    pub mismatches: u64,
    /// The first of them.
    pub first_mismatch: Option<Mismatch>,
    /// All campaigns together.
    pub total: JournalCampaign,
    /// In order of entry.
    pub campaigns: Vec<JournalCampaign>,
}

/// What is counted of a campaign on the way.
#[derive(Debug, Default)]
struct Course {
    asks: u64,
    bids: u64,
    wins: u64,
    signal: Option<f64>,
    moves: Vec<f64>,
    plan_errors: Vec<f64>,
}

/// A replay under way.
struct Replay {
    engine: Engine,
    report: JournalReport,
    /// Tables that came out and whose digest is still to be read: one, but for crashes.
    decided: BTreeMap<Generation, Digest>,
    courses: BTreeMap<CampaignId, Course>,
    looked_at: Timestamp,
}

/// Folds a journal through the engine and compares every digest. `tell` hears how many records were
/// read.
///
/// # Errors
/// [`JournalFileError`].
pub fn replay(path: &Path, mut tell: impl FnMut(u64)) -> Result<JournalReport, JournalFileError> {
    let (header, records) = journal::open(path)?;
    let report = JournalReport {
        journal: path.display().to_string(),
        partition: header.partition.0,
        is_from_snapshot: header.snapshot.is_some(),
        ..JournalReport::default()
    };
    let engine = match header.snapshot {
        Some(state) => Engine::restore(header.config, state),
        None => Engine::new(header.config),
    };
    let mut replay = Replay {
        engine,
        report,
        decided: BTreeMap::new(),
        courses: BTreeMap::new(),
        looked_at: Timestamp::MIN,
    };
    for record in records {
        let (line, record) = record?;
        replay.take(line, &record);
        if replay.report.records.is_multiple_of(STRIDE) {
            tell(replay.report.records);
        }
    }
    tell(replay.report.records);
    Ok(replay.end())
}

impl Replay {
    fn take(&mut self, line: u64, record: &Stamped) {
        let report = &mut self.report;
        report.records += 1;
        if report.records == 1 {
            report.from_us = record.at.as_micros();
        }
        report.to_us = record.at.as_micros();
        match &record.input {
            Input::Opportunities(batch) => self.count(batch),
            Input::Published(published) => self.compare(line, *published),
            _ => {}
        }
        if let Applied::Ticked(tick) = self.engine.apply(record.at, &record.input) {
            self.report.ticks += 1;
            self.decided.insert(tick.delta.generation, tick.digest);
            if self.engine.now() - self.looked_at >= Span::MINUTE {
                self.looked_at = self.engine.now();
                self.look();
            }
        }
    }

    fn compare(&mut self, line: u64, published: Published) {
        let replayed = self.decided.remove(&published.generation);
        self.report.generations_checked += 1;
        if replayed == Some(published.digest) {
            return;
        }
        self.report.mismatches += 1;
        self.report.first_mismatch.get_or_insert_with(|| Mismatch {
            generation: published.generation.to_string(),
            line,
            published: published.digest.to_string(),
            replayed: replayed.map(|digest| digest.to_string()),
        });
    }

    fn count(&mut self, batch: &OpportunityBatch) {
        for count in &batch.counts {
            let course = self.courses.entry(count.campaign).or_default();
            course.asks += count.asks;
            course.bids += count.bids;
            course.wins += count.wins;
        }
    }

    /// Once a minute: how far measured spend is from plan, and how far the signal moved.
    fn look(&mut self) {
        for overview in self.engine.overviews() {
            let course = self.courses.entry(overview.spec.id).or_default();
            if let Some(plan) = overview.plan.filter(|plan| plan.total.get() > 0) {
                let apart = (plan.measured - plan.planned).as_f64().abs();
                course.plan_errors.push(apart / plan.total.as_f64());
            }
            let entry = overview.entry.filter(|entry| entry.state == EntryState::Run);
            let signal = entry.map(|entry| {
                libm::log(entry.multiplier.ppm().as_f64() * entry.participation.ppm().as_f64())
            });
            let signal = signal.filter(|signal| signal.is_finite());
            if let (Some(before), Some(now)) = (course.signal, signal) {
                course.moves.push((now - before).abs());
            }
            course.signal = signal;
        }
    }

    fn end(mut self) -> JournalReport {
        self.report.generations_unpublished = u64::try_from(self.decided.len()).unwrap_or(u64::MAX);
        let known = |values: &[f64]| (!values.is_empty()).then(|| mean(values));
        let unseen = Course::default();
        for overview in self.engine.overviews() {
            let course = self.courses.get(&overview.spec.id).unwrap_or(&unseen);
            let budgets = overview.spec.budgets.flights.iter().filter_map(|flight| flight.budget);
            self.report.campaigns.push(JournalCampaign {
                name: overview.spec.name.as_str().to_owned(),
                budget_nanos: budgets.map(|budget| budget.get()).reduce(i64::saturating_add),
                spend_nanos: overview.totals.billed.get(),
                in_flight_nanos: overview.totals.in_flight.get(),
                plan_error: known(&course.plan_errors),
                volatility_per_minute: known(&course.moves),
                asks: course.asks,
                bids: course.bids,
                wins: course.wins,
                ..JournalCampaign::default()
            });
        }
        self.report.total = total(&self.report.campaigns);
        self.report
    }
}

fn total(campaigns: &[JournalCampaign]) -> JournalCampaign {
    let mut total = JournalCampaign { name: "total".to_owned(), ..JournalCampaign::default() };
    for one in campaigns {
        let budgets = [total.budget_nanos, one.budget_nanos];
        total.budget_nanos = budgets.into_iter().flatten().reduce(i64::saturating_add);
        total.spend_nanos = total.spend_nanos.saturating_add(one.spend_nanos);
        total.in_flight_nanos = total.in_flight_nanos.saturating_add(one.in_flight_nanos);
        total.asks += one.asks;
        total.bids += one.bids;
        total.wins += one.wins;
    }
    total
}

impl fmt::Display for JournalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = if self.is_from_snapshot { "a snapshot" } else { "the first record" };
        writeln!(f, "{}: partition {}, from {begin}", self.journal, self.partition)?;
        writeln!(
            f,
            "{} records, {} ticks; {} tables checked, {} never published, {} differ",
            self.records,
            self.ticks,
            self.generations_checked,
            self.generations_unpublished,
            self.mismatches
        )?;
        if let Some(first) = &self.first_mismatch {
            let replayed = first.replayed.as_deref().unwrap_or("nothing");
            let (generation, line, published) = (&first.generation, first.line, &first.published);
            writeln!(f, "table {generation} (line {line}): {published}, here {replayed}")?;
        }
        for one in self.campaigns.iter().chain([&self.total]) {
            let spend = amount(i128::from(one.spend_nanos)) / 1e9;
            writeln!(
                f,
                "{}: {spend:.2} spent, {} asks, {} bids, {} wins",
                one.name, one.asks, one.bids, one.wins
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::engine::EngineConfig;
    use paceline_core::input::CalendarChange;
    use paceline_core::journal::{JournalHeader, JournalRecord};
    use paceline_core::units::{PartitionId, ZoneId};
    use std::io::Write as _;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Three rounds as a service logs them, with the digest of the last bent if asked.
    fn written(is_bent: bool) -> tempfile::NamedTempFile {
        let config = EngineConfig::default();
        let mut engine = Engine::new(config);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let header = JournalHeader::<_, ()>::new(PartitionId(0), config, None);
        writeln!(file, "{}", serde_json::to_string(&header).unwrap()).unwrap();
        let mut say = |engine: &mut Engine, at: Timestamp, input: Input| {
            let applied = engine.apply(at, &input);
            let record = JournalRecord::new("1-0.0".to_owned(), Stamped { at, input });
            writeln!(file, "{}", serde_json::to_string(&record).unwrap()).unwrap();
            applied
        };
        let calendar = CalendarChange { zone: ZoneId::of("UTC"), days: Vec::new() };
        let _ = say(&mut engine, at(0), Input::Calendar(calendar));
        for round in 1..=3 {
            let Applied::Ticked(tick) = say(&mut engine, at(10 * round), Input::Tick) else {
                panic!("a tick is answered by its round")
            };
            let bent = Digest::from_halves(0, 7);
            let digest = if is_bent && round == 3 { bent } else { tick.digest };
            let generation = tick.delta.generation;
            let mark = Input::Published(Published { generation, digest });
            let _ = say(&mut engine, at(10 * round), mark);
        }
        let _ = say(&mut engine, at(40), Input::Tick);
        file
    }

    #[test]
    fn every_published_digest_is_compared_and_the_last_round_may_be_unpublished() {
        let report = replay(written(false).path(), |_| ()).unwrap();
        assert_eq!((report.records, report.ticks), (8, 4));
        assert_eq!((report.generations_checked, report.generations_unpublished), (3, 1));
        assert_eq!((report.mismatches, report.first_mismatch), (0, None));
    }

    #[test]
    fn a_digest_that_differs_is_told_with_its_place() {
        let report = replay(written(true).path(), |_| ()).unwrap();
        let first = report.first_mismatch.unwrap();
        assert_eq!((report.mismatches, first.generation.as_str(), first.line), (1, "0.3", 8));
        assert_eq!(first.published, "00000000000000000000000000000007");
        assert_ne!(first.replayed, None);
    }

    #[test]
    fn what_is_no_journal_is_refused_by_name() {
        let told = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let error = replay(file.path(), |_| ()).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string);
            (error.to_string().replace(&file.path().display().to_string(), "F"), source)
        };
        assert_eq!(told("").0, "F: must begin with a header, and is empty");
        assert_eq!(told("{}\n").0, "F, line 1: must be a journal's header");
        let diary = r#"{"format":"diary","version":1,"partition":0,"config":{},"snapshot":null}"#;
        let (place, field) = told(diary);
        assert_eq!(place, "F, line 1");
        assert_eq!(field.as_deref(), Some("format: \"diary\" is not \"paceline-journal\""));
        let header = JournalHeader::<_, ()>::new(PartitionId(0), EngineConfig::default(), None);
        let text = format!("{}\n{{\"offset\":1}}\n", serde_json::to_string(&header).unwrap());
        assert_eq!(told(&text).0, "F, line 2: must be a record of the log");
    }
}
