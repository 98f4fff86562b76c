//! What the service tells of itself while a drive runs: its time, and where every campaign stands.
//!
//! Two tasks that ask over and over, and what they heard last. An answer that does not come leaves
//! what was known. Called by the drive.

use super::clock::FollowedClock;
use super::link::Link;
use paceline_core::units::{Name, Nanos, Timestamp};
use paceline_proto::v1;
use paceline_sim::report::tally::MinuteView;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the service is asked what time it is.
const CLOCK_EVERY: Duration = Duration::from_millis(200);
/// How often it is asked for its portfolio: three times in a minute of its time, and as seldom as
/// the least of these in real time.
const LINES_EVERY: Duration = Duration::from_secs(20);
const LINES_LEAST: Duration = Duration::from_millis(100);

/// Where campaigns stand; clones share what was heard.
#[derive(Debug, Clone)]
pub(super) struct Portfolio {
    index: Arc<BTreeMap<String, usize>>,
    lines: Arc<Mutex<Arc<Lines>>>,
}

/// By campaign index; absent until the service tells of it.
pub(super) type Lines = Vec<Option<v1::CampaignSummary>>;

impl Portfolio {
    /// Nothing heard yet of these campaigns.
    pub(super) fn new(names: &[Name]) -> Self {
        let index = names.iter().enumerate().map(|(index, name)| (name.to_string(), index));
        Self {
            index: Arc::new(index.collect()),
            lines: Arc::new(Mutex::new(Arc::new(vec![None; names.len()]))),
        }
    }

    /// What was heard last.
    pub(super) fn lines(&self) -> Arc<Lines> {
        Arc::clone(&self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for ever.
    pub(super) async fn follow(self, link: Link, advertiser: String, factor: i64) {
        let factor = u32::try_from(factor).unwrap_or(1).max(1);
        let every = (LINES_EVERY / factor).max(LINES_LEAST);
        loop {
            tokio::time::sleep(every).await;
            let Ok(told) = link.portfolio(&advertiser).await else { continue };
            let mut lines = self.lines().to_vec();
            for line in told {
                if let Some(&index) = self.index.get(&line.campaign_id) {
                    lines[index] = Some(line);
                }
            }
            *self.lines.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(lines);
        }
    }
}

/// Asks the service for its time, for ever.
pub(super) async fn follow_clock(link: Link, clock: FollowedClock) {
    loop {
        // Without an answer the clock knows what to do.
        let _ = link.status(&clock).await;
        tokio::time::sleep(CLOCK_EVERY).await;
    }
}

/// A line as reports take it. Its figures count from `begun`, the start of the flight.
pub(super) fn view(line: &v1::CampaignSummary, begun: Timestamp) -> MinuteView {
    let multiplier = f64::from(line.multiplier_ppm) / 1e6;
    let participation = f64::from(line.participation_ppm) / 1e6;
    let bids = matches!(line.state(), v1::EntryState::Run | v1::EntryState::Safe);
    let drawn = Nanos::new(line.spent_nanos.saturating_add(line.in_flight_nanos));
    MinuteView {
        signal: if bids { multiplier * participation } else { 0.0 },
        multiplier,
        participation,
        plan: Some((Nanos::new(line.planned_nanos), drawn, begun)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_campaign_has_numbers_but_no_signal() {
        let line = v1::CampaignSummary {
            multiplier_ppm: 500_000,
            participation_ppm: 1_000_000,
            spent_nanos: 7,
            in_flight_nanos: 2,
            planned_nanos: 10,
            state: v1::EntryState::Run.into(),
            ..v1::CampaignSummary::default()
        };
        let begun = Timestamp::from_micros(5);
        let seen = view(&line, begun);
        assert!((seen.signal - 0.5).abs() < 1e-12);
        assert_eq!(seen.plan, Some((Nanos::new(10), Nanos::new(9), begun)));
        let paused = v1::CampaignSummary { state: v1::EntryState::Paused.into(), ..line };
        assert_eq!((view(&paused, begun).signal, view(&paused, begun).multiplier), (0.0, 0.5));
    }
}
