//! Notices in words: of what they are, and what to do.
//!
//! Takes notices off an engine with the names that people know. What the log, the console, the RPC
//! and the webhook tell of a notice is all from here. Knows no message and holds nothing.

pub mod webhook;

use paceline_core::budget::BudgetOwner;
use paceline_core::engine::Engine;
use paceline_core::notice::{Notice, NoticeCause, NoticeObject};
use paceline_core::units::{AdvertiserId, Currency, Nanos, Timestamp};

/// A notice as it is told, in the order of telling: the gravest cause first, then the oldest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// Why.
    pub cause: NoticeCause,
    /// When what gave rise to it began.
    pub since: Timestamp,
    /// Of what kind its object is.
    pub kind: &'static str,
    /// Its object's id; empty for the partition.
    pub name: String,
    /// Where.
    pub partition: u16,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// Absent while it stands.
    pub cleared_at: Option<Timestamp>,
    /// What was spent, in the stretch that its cause looks at.
    pub spent: Nanos,
    /// What was planned or allowed in it.
    pub planned: Nanos,
    /// Of both; absent where there is no money in it.
    pub currency: Option<Currency>,
}

impl Told {
    /// A notice with the names that an engine knows.
    #[must_use]
    pub fn of(engine: &Engine, notice: &Notice, cleared_at: Option<Timestamp>) -> Self {
        let &Notice { cause, object, since, raised_at, money } = notice;
        let (kind, name) = named(engine, object);
        Self {
            cause,
            since,
            kind,
            name,
            partition: engine.config().partition.0.into(),
            raised_at,
            cleared_at,
            spent: money.spent,
            planned: money.planned,
            currency: currency(engine, object),
        }
    }
}

#[cfg(test)]
impl Told {
    /// A runaway of a campaign that stands.
    pub(crate) fn sample(name: &str) -> Self {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        Self {
            cause: NoticeCause::Runaway,
            since: at,
            kind: "campaign",
            name: name.to_owned(),
            partition: 3,
            raised_at: at,
            cleared_at: None,
            spent: Nanos::new(7),
            planned: Nanos::new(5),
            currency: Currency::try_new("USD").ok(),
        }
    }
}

/// What stands in an engine: the first `most`, and how many there are.
#[must_use]
pub fn standing(engine: &Engine, most: usize) -> (Vec<Told>, usize) {
    let mut all: Vec<_> = engine.notices().collect();
    all.sort_unstable_by_key(|notice| (notice.cause, notice.since, notice.object));
    let told = all.iter().take(most).map(|notice| Told::of(engine, notice, None));
    (told.collect(), all.len())
}

/// What was over of late in an engine, the newest first.
#[must_use]
pub fn recent(engine: &Engine, most: usize) -> Vec<Told> {
    let past = engine.past_notices().take(most);
    past.map(|past| Told::of(engine, &past.notice, Some(past.cleared_at))).collect()
}

/// What a notice is about: of which kind, and its name; a partition has none.
fn named(engine: &Engine, object: NoticeObject) -> (&'static str, String) {
    let advertiser = |id| engine.advertiser(id).map(|spec| spec.name.to_string());
    let (kind, name) = match object {
        NoticeObject::Owner(BudgetOwner::Campaign(id)) => {
            ("campaign", engine.campaign(id).map(|spec| spec.name.to_string()))
        }
        NoticeObject::Owner(BudgetOwner::Group(id)) => {
            ("group", engine.group(id).map(|spec| spec.name.to_string()))
        }
        NoticeObject::Owner(BudgetOwner::Advertiser(id)) => ("advertiser", advertiser(id)),
        NoticeObject::Account(id) => ("account", advertiser(id)),
        NoticeObject::Fleet(currency) => ("fleet", Some(currency.to_string())),
        NoticeObject::Partition => ("partition", Some(String::new())),
    };
    (kind, name.unwrap_or_default())
}

fn currency(engine: &Engine, object: NoticeObject) -> Option<Currency> {
    let of = |id: AdvertiserId| engine.advertiser(id).map(|spec| spec.currency);
    match object {
        NoticeObject::Owner(BudgetOwner::Campaign(id)) => of(engine.campaign(id)?.advertiser),
        NoticeObject::Owner(BudgetOwner::Group(id)) => of(engine.group(id)?.advertiser),
        NoticeObject::Owner(BudgetOwner::Advertiser(id)) | NoticeObject::Account(id) => of(id),
        NoticeObject::Fleet(currency) => Some(currency),
        NoticeObject::Partition => None,
    }
}

/// What a cause means, in a line, with what to do.
#[must_use]
pub const fn advice(cause: NoticeCause) -> &'static str {
    match cause {
        NoticeCause::Runaway => "cut to 2 %: look for a price or a count that is wrong by far",
        NoticeCause::Blackout => "has money and traffic and hardly bids: look at its bidders",
        NoticeCause::Behind => "spent far less of late than planned: its page says why",
        NoticeCause::Ahead => "spent far more of late than planned: its page says why",
        NoticeCause::Quarantined => "its numbers went bad: pause it and report it",
        NoticeCause::ExhaustedEarly => "a budget was used up long before its time",
        NoticeCause::CounterFault => "its counter went back: accept it once you know why",
        NoticeCause::Blind => "spend is not known: look at what reports it",
    }
}
