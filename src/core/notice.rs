//! Notices: what a person should hear of, once when it begins and once when it is over.
//!
//! A closed list of causes, and one notice for each cause and object. What gives rise to one must
//! last before it is raised, and be gone for a while before it is cleared. Holds no text and knows
//! nobody who listens: edges go out with the round's report. Called by the engine.

use crate::budget::BudgetOwner;
use crate::units::{AdvertiserId, Currency, Nanos, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Causes watched at once; what is beyond is watched once others are over. 150 bytes each.
pub const NOTICES_MAX: usize = 10_000;
/// Edges told in one round; what is beyond is told in the next.
pub const EDGES_MAX: usize = 200;

/// Notices that are over and still told of; a night's worth. 100 bytes each.
pub const RECENT_MAX: usize = 200;

/// What gives rise to a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeCause {
    /// Money goes out faster than any plan could: its breaker tripped.
    Runaway,
    /// Money is left, traffic comes, and no bids are made on nobody's order.
    Blackout,
    /// It spent far less of late than its plan had.
    Behind,
    /// It spent far more of late than its plan had.
    Ahead,
    /// Its numbers went bad, and it is set aside.
    Quarantined,
    /// A budget is used up long before its window ends.
    ExhaustedEarly,
    /// Its counter went back.
    CounterFault,
    /// Its spend is not known for so long that safe values hold.
    Blind,
}

impl NoticeCause {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Runaway,
        Self::Blackout,
        Self::Behind,
        Self::Ahead,
        Self::Quarantined,
        Self::ExhaustedEarly,
        Self::CounterFault,
        Self::Blind,
    ];

    /// The word for it in reports, labels and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runaway => "runaway",
            Self::Blackout => "blackout",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Quarantined => "quarantined",
            Self::ExhaustedEarly => "exhausted_early",
            Self::CounterFault => "counter_fault",
            Self::Blind => "blind",
        }
    }

    /// How long it must last to be raised, and be gone to be cleared. What has a memory of its own
    /// is told at once.
    #[must_use]
    pub const fn patience(self) -> (Span, Span) {
        match self {
            Self::Runaway | Self::Blackout | Self::Quarantined | Self::CounterFault => {
                (Span::ZERO, Span::ZERO)
            }
            Self::ExhaustedEarly => (Span::ZERO, Span::from_mins(10)),
            Self::Blind => (Span::ZERO, Span::from_mins(5)),
            Self::Behind | Self::Ahead => (Span::from_mins(30), Span::from_mins(15)),
        }
    }
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeObject {
    /// A campaign, or a group or advertiser as the owner of a budget.
    Owner(BudgetOwner),
    /// All campaigns of an advertiser together.
    Account(AdvertiserId),
    /// All campaigns of a currency in this partition.
    Fleet(Currency),
    /// The partition.
    Partition,
}

/// Two figures that speak for a notice, in the order that its cause names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NoticeMoney {
    /// What was spent, in the stretch that its cause looks at.
    pub spent: Nanos,
    /// What was planned or allowed in it.
    pub planned: Nanos,
}

/// A notice that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Why.
    pub cause: NoticeCause,
    /// Of what.
    pub object: NoticeObject,
    /// When what gave rise to it began.
    pub since: Timestamp,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// What speaks for it, as of when it was raised.
    pub money: NoticeMoney,
}

/// A notice was raised, or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeEdge {
    /// Which.
    pub notice: Notice,
    /// It is over.
    pub is_cleared: bool,
}

/// A notice that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastNotice {
    /// Which.
    pub notice: Notice,
    /// When it was cleared.
    pub cleared_at: Timestamp,
}

/// How a cause stands with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    /// When it began.
    since: Timestamp,
    /// Absent while it has not lasted long enough.
    raised_at: Option<Timestamp>,
    /// When it was last seen to hold.
    held_at: Timestamp,
    money: NoticeMoney,
}

/// All that stand, and those that may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notices {
    #[serde(with = "crate::pairs")]
    watched: BTreeMap<(NoticeCause, NoticeObject), Watched>,
    /// The last to be cleared, the oldest first.
    recent: VecDeque<PastNotice>,
}

impl Notices {
    /// What is raised, by cause and object.
    pub fn standing(&self) -> impl Iterator<Item = Notice> + '_ {
        self.watched.iter().filter_map(|(&key, watched)| notice(key, watched))
    }

    /// What was cleared of late, the newest first; at most [`RECENT_MAX`].
    pub fn recent(&self) -> impl Iterator<Item = PastNotice> + '_ {
        self.recent.iter().rev().copied()
    }

    /// Whether a cause is watched with an object: raised, or on its way.
    #[must_use]
    pub fn is_watched(&self, cause: NoticeCause, object: NoticeObject) -> bool {
        self.watched.contains_key(&(cause, object))
    }

    /// Whether nothing at all is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// What gives rise to a notice holds at `now`.
    pub fn hold(
        &mut self,
        now: Timestamp,
        cause: NoticeCause,
        object: NoticeObject,
        money: NoticeMoney,
    ) {
        if let Some(watched) = self.watched.get_mut(&(cause, object)) {
            watched.held_at = watched.held_at.max(now);
            if watched.raised_at.is_none() {
                watched.money = money;
            }
        } else if self.watched.len() < NOTICES_MAX {
            let fresh = Watched { since: now, raised_at: None, held_at: now, money };
            self.watched.insert((cause, object), fresh);
        }
    }

    /// It does not hold, for certain; [`Self::settle`] finds as much where nobody says it does.
    pub fn drop(&mut self, cause: NoticeCause, object: NoticeObject) {
        let key = (cause, object);
        if self.watched.get(&key).is_some_and(|watched| watched.raised_at.is_none()) {
            self.watched.remove(&key);
        }
    }

    /// The round's edges: what lasted long enough, and what is gone for long enough. `period` is
    /// how often each cause is looked at.
    pub fn settle(
        &mut self,
        now: Timestamp,
        period: impl Fn(NoticeCause) -> Span,
    ) -> Vec<NoticeEdge> {
        let mut edges = Vec::new();
        self.watched.retain(|&key, watched| {
            let (lasts, gone) = key.0.patience();
            let silence = now - watched.held_at;
            let holds = silence <= period(key.0);
            if edges.len() >= EDGES_MAX {
                return true;
            }
            if watched.raised_at.is_none() {
                if holds && now - watched.since >= lasts {
                    watched.raised_at = Some(now);
                    edges.extend(
                        notice(key, watched).map(|notice| NoticeEdge { notice, is_cleared: false }),
                    );
                }
                return holds;
            }
            if holds || silence < gone {
                return true;
            }
            let edge = |notice| NoticeEdge { notice, is_cleared: true };
            edges.extend(notice(key, watched).map(edge));
            false
        });
        for edge in edges.iter().filter(|edge| edge.is_cleared) {
            if self.recent.len() >= RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(PastNotice { notice: edge.notice, cleared_at: now });
        }
        edges
    }
}

fn notice((cause, object): (NoticeCause, NoticeObject), watched: &Watched) -> Option<Notice> {
    let Watched { since, raised_at, money, .. } = *watched;
    Some(Notice { cause, object, since, raised_at: raised_at?, money })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::CampaignId;

    const OBJECT: NoticeObject =
        NoticeObject::Owner(BudgetOwner::Campaign(CampaignId::from_key(7)));

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(Span::from_mins(minutes).as_micros())
    }

    /// What is told while a cause holds in some of two hours' minutes.
    fn told(cause: NoticeCause, holds: impl Fn(i64) -> bool) -> Vec<(i64, bool)> {
        let mut notices = Notices::default();
        let mut told = Vec::new();
        for minute in 0..120 {
            if holds(minute) {
                notices.hold(at(minute), cause, OBJECT, NoticeMoney::default());
            }
            let edges = notices.settle(at(minute), |_| Span::ZERO);
            told.extend(edges.iter().map(|edge| (minute, edge.is_cleared)));
        }
        told
    }

    #[test]
    fn a_notice_is_raised_once_and_cleared_once() {
        let seen = told(NoticeCause::Runaway, |minute| (10..20).contains(&minute));
        assert_eq!(seen, vec![(10, false), (20, true)]);
    }

    #[test]
    fn what_comes_and_goes_within_its_patience_is_told_once() {
        let seen =
            told(NoticeCause::Behind, |minute| (10..80).contains(&minute) && minute % 90 > 0);
        assert_eq!(seen, vec![(40, false), (94, true)]);
        let seen = told(NoticeCause::Behind, |minute| minute % 20 > 1);
        assert!(seen.is_empty(), "never for half an hour: {seen:?}");
        let seen = told(NoticeCause::ExhaustedEarly, |minute| minute >= 10 && minute % 8 > 0);
        assert_eq!(seen, vec![(10, false)], "gone for a minute is not over");
    }

    #[test]
    fn what_does_not_fit_waits_and_is_not_lost() {
        let mut notices = Notices::default();
        for key in 0..u64::try_from(EDGES_MAX).unwrap() + 5 {
            let object = NoticeObject::Owner(BudgetOwner::Campaign(CampaignId::from_key(key)));
            notices.hold(at(0), NoticeCause::Blackout, object, NoticeMoney::default());
        }
        assert_eq!(notices.settle(at(0), |_| Span::HOUR).len(), EDGES_MAX);
        assert_eq!(notices.settle(at(1), |_| Span::HOUR).len(), 5);
        assert_eq!(notices.standing().count(), EDGES_MAX + 5);
    }

    #[test]
    fn what_is_over_is_told_of_for_a_while_the_newest_first() {
        let mut notices = Notices::default();
        for minute in 0..250 {
            let object = NoticeObject::Owner(BudgetOwner::Campaign(CampaignId::from_key(minute)));
            let minute = i64::try_from(minute).unwrap();
            notices.hold(at(minute), NoticeCause::Blackout, object, NoticeMoney::default());
            let _ = notices.settle(at(minute), |_| Span::ZERO);
        }
        let recent: Vec<PastNotice> = notices.recent().collect();
        assert_eq!((recent.len(), notices.standing().count()), (RECENT_MAX, 1));
        assert_eq!(recent[0].notice.raised_at, at(248));
        assert!(recent.iter().all(|past| past.cleared_at == past.notice.raised_at + Span::MINUTE));
    }

    #[test]
    fn notices_survive_text() {
        let mut notices = Notices::default();
        notices.hold(at(3), NoticeCause::Runaway, OBJECT, NoticeMoney::default());
        let _ = notices.settle(at(3), |_| Span::ZERO);
        let over = NoticeMoney { spent: Nanos::new(7), planned: Nanos::new(5) };
        notices.hold(at(3), NoticeCause::Blackout, NoticeObject::Partition, over);
        let _ = notices.settle(at(3), |_| Span::ZERO);
        notices.hold(at(4), NoticeCause::Runaway, OBJECT, NoticeMoney::default());
        let _ = notices.settle(at(4), |_| Span::ZERO);
        assert_eq!((notices.standing().count(), notices.recent().count()), (1, 1));
        let text = serde_json::to_string(&notices).unwrap();
        assert_eq!(serde_json::from_str::<Notices>(&text).unwrap(), notices);
    }
}
