//! The closed list of what can happen. The log is a list of these, stamped, in one order; state is
//! a fold over it.

use crate::campaign::{AdvertiserSpec, CampaignSpec, GroupSpec};
use crate::event::{CounterRead, OpportunityBatch, SpendBatch};
use crate::hash::Digest;
use crate::object::Expected;
use crate::overrides::OverrideChange;
use crate::shade::OutcomeReport;
use crate::units::{
    BidderId, CampaignId, Epoch, EventId, Generation, Name, Nanos, ProducerId, ShapeId, Timestamp,
    Window, ZoneId,
};
use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// An advertiser was made or edited.
    Advertiser(AdvertiserSpec),
    /// A group was made or edited.
    Group(GroupSpec),
    /// A campaign was made or edited.
    Campaign(CampaignSpec),
    /// Several of these at once: all of them or, when one breaks a rule, none.
    Catalogue(CatalogueChange),
    /// Local days became known.
    Calendar(CalendarChange),
    /// A traffic shape was made or edited.
    Shape(ShapeChange),
    /// Money moved.
    Spend(SpendBatch),
    /// A counter was read.
    Counter(CounterRead),
    /// An operator accepts a counter that went back.
    CounterAccept(CounterAcceptance),
    /// Auctions were seen.
    Opportunities(OpportunityBatch),
    /// What became of bids.
    Outcomes(OutcomeReport),
    /// A bidder joined, acknowledged or left.
    Bidder(BidderChange),
    /// A bidder asks for money ahead of the tick.
    Draw(AllowanceDraw),
    /// A hand was laid on or taken off.
    Override(OverrideChange),
    /// An operator decides on suspended money.
    Suspense(SuspenseChange),
    /// A new term of leadership began.
    Lead(Epoch),
    /// A decision round. Its table may leave the process only after this is durable.
    Tick,
    /// A producer's events went to other partitions.
    Elsewhere(Elsewhere),
    /// What a tick came to: written before its table leaves the process. Changes nothing; a replay
    /// compares.
    Published(Published),
    /// A person's decision, with who, why and by which request.
    Decided(Decision),
}

impl Input {
    /// What it comes to, whoever decided it.
    #[must_use]
    pub fn bare(&self) -> &Self {
        match self {
            Self::Decided(decision) => &decision.input,
            other => other,
        }
    }
}

/// An input that a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who, as the service knows the caller.
    pub author: String,
    /// Why; may be empty where no reason is asked for.
    pub reason: String,
    /// By which request; may be empty.
    pub request_id: String,
    /// Generations that were read before: when one has moved on, nothing is done.
    pub expected: Vec<Expected>,
    /// The number of the change that this takes back, in the trail of the partition.
    pub undoes: Option<u64>,
    /// What is to be done; not a decision itself.
    pub input: Box<Input>,
}

/// The mark that a replay must come to as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Of the table.
    pub generation: Generation,
    /// Of the table and of all allowances beside it.
    pub digest: Digest,
}

/// Sequence numbers that a producer gave to events of other partitions. A producer counts over all
/// of them, so that without this every partition would see gaps that never close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Who counts.
    pub producer: ProducerId,
    /// From 1; bounded at the edge, as the events are.
    pub sequences: Vec<u64>,
}

/// Advertisers, groups, campaigns and shapes that are made or edited together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CatalogueChange {
    /// Entered first.
    pub shapes: Vec<ShapeChange>,
    /// Then these.
    pub advertisers: Vec<AdvertiserSpec>,
    /// Then these; may name advertisers above.
    pub groups: Vec<GroupSpec>,
    /// Last; may name everything above.
    pub campaigns: Vec<CampaignSpec>,
}

/// An operator takes a counter that went back as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterAcceptance {
    /// Whose counter.
    pub campaign: CampaignId,
    /// Who decided.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// An input and when the log received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// Never goes back within a log.
    pub at: Timestamp,
    /// What happened.
    pub input: Input,
}

/// One local hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalHour {
    /// In UTC. Usually an hour; shorter or longer in zones that shift by half an hour.
    pub window: Window,
    /// 0 is Monday 00:00 local, 167 is Sunday 23:00. Repeated when clocks go back, absent when they
    /// go forward.
    pub hour_of_week: u8,
}

/// One local day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalDay {
    /// 23, 24 or 25 hours in UTC.
    pub window: Window,
    /// The calendar month that holds it, in UTC.
    pub month: Window,
    /// Its hours, in order, without gaps.
    pub hours: Vec<LocalHour>,
}

impl LocalDay {
    /// The hour that holds a moment of the day; nothing at or after its end.
    #[must_use]
    pub fn hour_at(&self, at: Timestamp) -> Option<&LocalHour> {
        self.hours.get(self.hours.partition_point(|hour| hour.window.end() <= at))
    }
}

/// Local days of a zone, in order, at least 8 ahead, so that a dead catalogue cannot stop midnight.
/// Days already known are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarChange {
    /// Which zone.
    pub zone: ZoneId,
    /// In order, without gaps.
    pub days: Vec<LocalDay>,
}

/// The expected course of traffic over a local week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapeChange {
    /// Which shape.
    pub id: ShapeId,
    /// Outside identity; absent where nobody needs to read it.
    #[serde(default)]
    pub name: Option<Name>,
    /// Relative weight of each slot of the week, Monday 00:00 local first: 168, 336 or 672 slots
    /// (an hour, a half, a quarter).
    pub weights: Vec<u32>,
}

/// A bidder came, confirmed or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BidderChange {
    /// Connected, and says what it holds.
    Joined {
        /// Who.
        bidder: BidderId,
        /// The newest table it holds, if any.
        holds: Option<Generation>,
        /// Money it may still commit, by campaign and window start.
        held: Vec<HeldAllowance>,
    },
    /// Runs this table and these allowances.
    Acknowledged {
        /// Who.
        bidder: BidderId,
        /// What it runs.
        generation: Generation,
    },
    /// Disconnected for longer than a lease, or said goodbye.
    Left {
        /// Who.
        bidder: BidderId,
    },
}

/// Money a bidder says it may still commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAllowance {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Of which budget window.
    pub window_start: Timestamp,
    /// How much.
    pub left: Nanos,
}

/// A bidder with demand and no allowance asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowanceDraw {
    /// Who asks.
    pub bidder: BidderId,
    /// For which campaign.
    pub campaign: CampaignId,
    /// What one event would cost; the grant is at least this or nothing.
    pub price: Nanos,
}

/// What an operator decides about suspended money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspenseChange {
    /// Into the books.
    Post {
        /// Which event.
        event_id: EventId,
        /// Who decided.
        author: String,
        /// Why.
        reason: String,
    },
    /// Away.
    Drop {
        /// Which event.
        event_id: EventId,
        /// Who decided.
        author: String,
        /// Why.
        reason: String,
    },
}
