//! What goes wrong, and when: rules that return verdicts.
//!
//! A rule never touches the world; the world asks it and does what it says. Called by the world
//! for every report, table and auction.

use crate::rng::Stream;
pub use crate::scenario::raw::RawFaultKind as FaultKind;
use paceline_core::units::{Span, Timestamp, Window};
use std::collections::BTreeMap;

/// One thing that goes wrong for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// When.
    pub window: Window,
    /// Which bidders, by index; all when empty.
    pub bidders: Vec<u32>,
    /// Share of reports it strikes.
    pub share: f64,
    /// By how long it delays at most.
    pub by: Span,
    /// Which campaigns, by index, where it strikes campaigns; all when empty.
    pub campaigns: Vec<usize>,
    /// How many times too much is paid or told.
    pub times: u32,
}

impl Fault {
    fn strikes(&self, kind: FaultKind, bidder: u32, now: Timestamp) -> bool {
        self.kind == kind
            && self.window.contains(now)
            && (self.bidders.is_empty() || self.bidders.contains(&bidder))
    }
}

/// When the copies of a report arrive, after the usual time of travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Extra delay of the first copy.
    pub first: Span,
    /// Extra delay of a second copy, if there is one.
    pub second: Option<Span>,
}

/// All rules of a run and the randomness they need.
#[derive(Debug, Clone)]
pub struct FaultRules {
    faults: Vec<Fault>,
    stream: Stream,
    /// When the last delayed report of a bidder is through: none sent after it overtakes it.
    stuck_until: BTreeMap<u32, Timestamp>,
}

impl FaultRules {
    /// The rules under a run's seed.
    #[must_use]
    pub fn new(faults: &[Fault], seed: u64) -> Self {
        let stream = Stream::new(seed, "faults");
        Self { faults: faults.to_vec(), stream, stuck_until: BTreeMap::new() }
    }

    /// Whether a fault of a kind strikes a bidder at `now`.
    #[must_use]
    pub fn is_struck(&self, kind: FaultKind, bidder: u32, now: Timestamp) -> bool {
        self.faults.iter().any(|fault| fault.strikes(kind, bidder, now))
    }

    /// By how many times a kind strikes a campaign at a bidder at `now`; absent where it does not.
    #[must_use]
    pub fn times(
        &self,
        kind: FaultKind,
        (bidder, campaign): (usize, usize),
        now: Timestamp,
    ) -> Option<u32> {
        let bidder = u32::try_from(bidder).unwrap_or(u32::MAX);
        let is_of =
            |fault: &Fault| fault.campaigns.is_empty() || fault.campaigns.contains(&campaign);
        let fault = self.faults.iter().find(|one| one.strikes(kind, bidder, now) && is_of(one))?;
        Some(fault.times)
    }

    /// Whether any bidder is struck by a kind at `now`.
    #[must_use]
    pub fn is_any_struck(&self, kind: FaultKind, now: Timestamp) -> bool {
        self.faults.iter().any(|fault| fault.kind == kind && fault.window.contains(now))
    }

    /// The crash that is under way at `now`, if any.
    #[must_use]
    pub fn crash(&self, now: Timestamp) -> Option<Window> {
        self.faults
            .iter()
            .find(|fault| fault.kind == FaultKind::Crash && fault.window.contains(now))
            .map(|fault| fault.window)
    }

    /// What becomes of a report a bidder sends at `now`.
    pub fn deliver(&mut self, bidder: u32, now: Timestamp) -> Delivery {
        let mut delivery = Delivery { first: Span::ZERO, second: None };
        for fault in &self.faults {
            let is_report = matches!(
                fault.kind,
                FaultKind::Lose | FaultKind::Delay | FaultKind::Duplicate | FaultKind::Reorder
            );
            if !is_report
                || !fault.strikes(fault.kind, bidder, now)
                || !self.stream.chance(fault.share)
            {
                continue;
            }
            let within = part(fault.by, self.stream.unit());
            match fault.kind {
                FaultKind::Lose => delivery.first = delivery.first + fault.by,
                FaultKind::Delay => {
                    delivery.first = delivery.first + fault.by;
                    let stuck = self.stuck_until.entry(bidder).or_insert(now);
                    *stuck = (*stuck).max(now + fault.by);
                }
                FaultKind::Reorder => delivery.first = delivery.first + within,
                FaultKind::Duplicate => delivery.second = Some(within),
                FaultKind::Silence
                | FaultKind::Blind
                | FaultKind::Crash
                | FaultKind::Absent
                | FaultKind::Overcharge
                | FaultKind::Miscount
                | FaultKind::Mute => {}
            }
        }
        if let Some(&until) = self.stuck_until.get(&bidder) {
            delivery.first = delivery.first.max(until - now);
        }
        delivery
    }
}

fn part(span: Span, share: f64) -> Span {
    Span::from_micros(
        i64::try_from(crate::number::whole(span.as_seconds() * 1e6 * share)).unwrap_or(i64::MAX),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind, share: f64) -> Fault {
        let at = |second| Timestamp::from_micros(0) + Span::from_secs(second);
        Fault {
            kind,
            window: Window::try_new(at(100), at(200)).unwrap(),
            bidders: vec![1],
            share,
            by: Span::from_secs(30),
            campaigns: Vec::new(),
            times: 1,
        }
    }

    #[test]
    fn a_fault_of_campaigns_strikes_its_own_alone() {
        let of_one = Fault { campaigns: vec![2], times: 7, ..fault(FaultKind::Miscount, 1.0) };
        let rules = FaultRules::new(&[of_one], 1);
        let now = Timestamp::from_micros(0) + Span::from_secs(150);
        let times = |bidder, campaign| rules.times(FaultKind::Miscount, (bidder, campaign), now);
        assert_eq!([times(1, 2), times(1, 3), times(0, 2)], [Some(7), None, None]);
        assert_eq!(rules.times(FaultKind::Mute, (1, 2), now), None);
    }

    #[test]
    fn a_fault_strikes_its_bidders_in_its_time_alone() {
        let rules = FaultRules::new(&[fault(FaultKind::Silence, 1.0)], 1);
        let at = |bidder, second| {
            let now = Timestamp::from_micros(0) + Span::from_secs(second);
            rules.is_struck(FaultKind::Silence, bidder, now)
        };
        assert_eq!([at(1, 99), at(1, 100), at(1, 200), at(0, 150)], [false, true, false, false]);
    }

    #[test]
    fn no_report_overtakes_a_delayed_one() {
        let mut rules = FaultRules::new(&[fault(FaultKind::Delay, 1.0)], 1);
        let mut first = |bidder, second| {
            let now = Timestamp::from_micros(0) + Span::from_secs(second);
            rules.deliver(bidder, now).first.as_seconds()
        };
        let delays = [first(1, 90), first(1, 199), first(1, 210), first(0, 210), first(1, 240)];
        let expected = [0.0, 30.0, 19.0, 0.0, 0.0];
        assert!(delays.iter().zip(expected).all(|(delay, one)| (delay - one).abs() < 1e-9));
    }

    #[test]
    fn a_share_of_reports_comes_twice() {
        let mut rules = FaultRules::new(&[fault(FaultKind::Duplicate, 0.25)], 1);
        let now = Timestamp::from_micros(0) + Span::from_secs(150);
        let twice = (0..1_000).filter(|_| rules.deliver(1, now).second.is_some()).count();
        assert!(twice.abs_diff(250) < 60, "{twice}");
    }
}
