//! The books of a drive against the service's, and the report.
//!
//! What the clients' wins were billed is summed here from the market; the service summed what was
//! reported to it. At the end both must agree to the nano. Called by the drive.

use super::Stop;
use super::link::Link;
use paceline_core::units::Name;
use paceline_proto::v1;
use paceline_sim::hall::Hall;
use paceline_sim::report::RunReport;
use paceline_sim::report::metric::RunFacts;
use paceline_sim::scenario::Scenario;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the service's books are looked at until they agree, and between two looks: what was
/// acknowledged is in its log, and applied within a tick.
const LOOKS_MAX: u32 = 100;
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// Differences told in full; more are only counted.
const TOLD_MAX: usize = 20;

/// Waits until the service's books agree with the hall's, and says where they do not. What the
/// service made of all events since it had given the verdicts `before` goes into `facts`.
pub(super) async fn compare(
    facts: &mut RunFacts,
    before: &[v1::VerdictCount],
    link: &Link,
    hall: &Hall,
    stop: &Stop,
) -> Vec<String> {
    let names: Vec<Name> = hall.specs.iter().map(|spec| spec.name.clone()).collect();
    let mut found = vec!["the service's books were not looked at".to_owned()];
    for _ in 0..LOOKS_MAX {
        match link.totals(&names).await {
            Ok(totals) => {
                found = differences(hall, &totals);
            }
            Err(status) => found = vec![format!("asking for the books: {}", status.message())],
        }
        if found.is_empty() || stop.is_urged() {
            break;
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    if let Ok(verdicts) = link.verdicts().await {
        count(facts, before, &verdicts);
    }
    found
}

fn differences(hall: &Hall, totals: &[v1::CampaignTotals]) -> Vec<String> {
    let told: BTreeMap<&str, i64> = totals
        .iter()
        .map(|one| (one.campaign_id.as_str(), one.books.map_or(0, |books| books.spent_nanos)))
        .collect();
    let mut found = Vec::new();
    for (spec, tally) in hall.specs.iter().zip(&hall.tallies) {
        let ours = tally.spent().get();
        match told.get(spec.name.as_str()) {
            Some(theirs) if *theirs == ours => {}
            Some(theirs) => found.push(format!(
                "{}: the service booked {theirs} nanos, its bidders were billed {ours}",
                spec.name
            )),
            None => found.push(format!("{}: the service has no books of it", spec.name)),
        }
    }
    if found.len() > TOLD_MAX {
        let left = found.len() - TOLD_MAX;
        found.truncate(TOLD_MAX);
        found.push(format!("{left} more campaigns differ"));
    }
    found
}

fn count(facts: &mut RunFacts, before: &[v1::VerdictCount], now: &[v1::VerdictCount]) {
    for one in now {
        let earlier = before.iter().find(|earlier| earlier.verdict == one.verdict);
        let count = one.count.saturating_sub(earlier.map_or(0, |earlier| earlier.count));
        match one.verdict() {
            v1::SpendVerdict::Posted | v1::SpendVerdict::PostedLate => facts.events_posted += count,
            v1::SpendVerdict::Duplicate => facts.events_duplicate += count,
            _ => facts.events_refused += count,
        }
    }
}

/// The report, judged unless the drive was cut short.
pub(super) fn report(
    scenario: &Scenario,
    seed: u64,
    hall: &Hall,
    mut facts: RunFacts,
    audit: Vec<String>,
    is_whole: bool,
) -> RunReport {
    facts.audit_failures = u64::try_from(audit.len()).unwrap_or(u64::MAX);
    let campaigns = hall.reports();
    let pools = hall.pools(scenario, &campaigns);
    let mut report = RunReport::new(scenario, None, seed, facts, (campaigns, pools), audit);
    if is_whole {
        report.misses = report.judge(&scenario.expectations, &[]);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_given_before_are_not_the_drives() {
        let given =
            |verdict: v1::SpendVerdict, count| v1::VerdictCount { verdict: verdict.into(), count };
        let before = [given(v1::SpendVerdict::Posted, 5)];
        let now = [
            given(v1::SpendVerdict::Posted, 12),
            given(v1::SpendVerdict::Duplicate, 2),
            given(v1::SpendVerdict::UnknownCampaign, 1),
        ];
        let mut facts = RunFacts::default();
        count(&mut facts, &before, &now);
        let counted = (facts.events_posted, facts.events_duplicate, facts.events_refused);
        assert_eq!(counted, (7, 2, 1));
    }
}
