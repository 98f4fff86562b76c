//! Why each number is what it is: the round's report, and a campaign's explanation.
//!
//! Explanations are data: logs, metrics, RPCs and the simulator's report are views of these.

use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::{CampaignSpec, LawChoice, ReturnTarget};
use crate::ledger::{Account, SpendTotals};
use crate::notice::NoticeEdge;
use crate::overrides::Override;
use crate::pace::breaker::Trip;
use crate::pace::returns::ReturnState;
use crate::pace::{LawTerms, PaceSample};
use crate::shade::ShaderCounts;
use crate::table::TableEntry;
use crate::units::{BidderId, CampaignId, Currency, Generation, Nanos, Results, Timestamp, Window};
use serde::{Deserialize, Serialize};

/// Edges told in one report; more are only counted.
pub const NOTES_MAX: usize = 1_000;

/// Why a campaign's entry is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The law of one of its owners.
    Law,
    /// Its minimum, above what its group or advertiser says.
    Minimum,
    /// Its return target.
    Returns,
    /// Nothing bounds it.
    Unbounded,
    /// The brake of one of its owners.
    Brake,
    /// A velocity breaker: its own, an owner's, its account's or the fleet's.
    Breaker,
    /// An override pauses it.
    Paused,
    /// An override freezes it.
    Frozen,
    /// An override fixes it.
    Fixed,
    /// An override caps it.
    Capped,
    /// A budget cannot afford one more event.
    Exhausted,
    /// It is between its flights, or switched off.
    OutsideFlight,
    /// It may not deliver at this hour of the week.
    OutsideHours,
    /// Its spend has not been seen for too long.
    Blind,
    /// Its counter went back.
    CounterFault,
    /// An owner's numbers went bad.
    Quarantined,
}

impl Reason {
    /// The word for it in reports, labels and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Law => "law",
            Self::Minimum => "minimum",
            Self::Returns => "returns",
            Self::Unbounded => "unbounded",
            Self::Brake => "brake",
            Self::Breaker => "breaker",
            Self::Paused => "paused",
            Self::Frozen => "frozen",
            Self::Fixed => "fixed",
            Self::Capped => "capped",
            Self::Exhausted => "exhausted",
            Self::OutsideFlight => "outside_flight",
            Self::OutsideHours => "outside_hours",
            Self::Blind => "blind",
            Self::CounterFault => "counter_fault",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Something that changed and that a person may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Whose.
    pub campaign: CampaignId,
    /// From.
    pub before: Reason,
    /// To.
    pub after: Reason,
}

/// How many campaigns stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StateCounts {
    /// Bidding as the law says.
    pub running: usize,
    /// Held by a hand or outside their flights.
    pub paused: usize,
    /// Out of money.
    pub exhausted: usize,
    /// At safe values.
    pub safe: usize,
}

/// One decision round, told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct TickReport {
    /// When.
    pub now: Timestamp,
    /// Spend is known up to here.
    pub watermark: Option<Timestamp>,
    /// Whether the laws held because spend is not known well enough.
    pub is_stale: bool,
    /// Where the campaigns stand.
    pub states: StateCounts,
    /// Entries that changed.
    pub changed: usize,
    /// Edges since the last round, at most [`NOTES_MAX`].
    pub notes: Vec<Note>,
    /// Allowances outstanding: money at risk if the controller died now.
    pub outstanding: Nanos,
    /// Sources taken for dead in this round.
    pub sources_buried: usize,
    /// Overrides that ran out in this round.
    pub overrides_expired: usize,
    /// Owners set aside for bad numbers in this round.
    pub quarantined: usize,
    /// What is known of markets; absent before the first outcome.
    pub shading: Option<ShadingReport>,
    /// Notices raised or cleared in this round, at most [`crate::notice::EDGES_MAX`].
    pub notices: Vec<NoticeEdge>,
    /// Velocity breakers that hold something back.
    pub tripped: usize,
}

/// What a partition knows of its markets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadingReport {
    /// Segments told apart.
    pub segments: usize,
    /// Those and the levels above them.
    pub nodes: usize,
    /// Schedules that changed in this round.
    pub published: usize,
    /// What was done since the first outcome.
    pub counts: ShaderCounts,
}

/// Where the traffic shape that an owner's plan goes by is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShapeOrigin {
    /// The same traffic at all times: nothing is known.
    #[default]
    Flat,
    /// The caller's.
    Supplied,
    /// The caller's, corrected by strong evidence.
    Corrected,
    /// Learnt from its own asks.
    Learnt,
    /// Learnt from those of its group, its advertiser or everybody.
    Inherited,
}

impl ShapeOrigin {
    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Supplied => "supplied",
            Self::Corrected => "corrected",
            Self::Learnt => "learnt",
            Self::Inherited => "inherited",
        }
    }
}

/// One owner's part in a campaign's entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerExplanation {
    /// Who.
    pub owner: BudgetOwner,
    /// Its open accounts.
    pub accounts: Vec<Account>,
    /// Which law runs.
    pub law: LawChoice,
    /// Its plan, if it has one.
    pub plan: Option<PlanExplanation>,
    /// Where the traffic shape of its plan is from.
    pub shape: ShapeOrigin,
    /// Its signal, before hands: ln(multiplier × participation).
    pub x: Option<f64>,
    /// The parts of the signal.
    pub terms: Option<LawTerms>,
    /// What the law saw last.
    pub sample: Option<PaceSample>,
    /// Traffic of late over what was expected, 0 to 1; one too where nobody reports it.
    pub traffic: f64,
    /// The brake's bound on participation; one is released.
    pub brake: f64,
    /// Its velocity breaker's last trip, until that is forgiven.
    pub breaker: Option<Trip>,
    /// Set aside for bad numbers until then.
    pub quarantined_until: Option<Timestamp>,
}

/// Where an owner's plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlanExplanation {
    /// What it covers.
    pub window: Window,
    /// When it was made.
    pub planned_at: Timestamp,
    /// The law has stepped up to here; what is planned and measured is as of then.
    pub stepped_to: Timestamp,
    /// Planned spend from then to now, without what is forgone.
    pub planned: Nanos,
    /// Planned from then to now while next to no traffic came: the next plan spreads it anew.
    pub forgone: Nanos,
    /// Measured spend from then to now.
    pub measured: Nanos,
    /// All it places from then on.
    pub total: Nanos,
    /// Planned spend of 24 hours: the unit of the error.
    pub day_budget: Nanos,
    /// What the caps leave no room for.
    pub unplaced: Nanos,
    /// The horizon whose cap is tight.
    pub tight: Option<Horizon>,
}

/// Where a campaign stands with its return target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReturnExplanation {
    /// What is asked.
    pub target: ReturnTarget,
    /// Over which flight; absent before the first.
    pub window: Option<Window>,
    /// Expected of what was won in it.
    pub results: Results,
    /// What those may cost, at the target in force at each win.
    pub worth: Nanos,
    /// What they cost, as expected at each win.
    pub cost: Nanos,
    /// Kept in hand against chance.
    pub reserve: Nanos,
    /// The law: how high it may bid for its returns' sake.
    pub law: ReturnState,
}

/// Where a campaign stands, without its owners' parts: little enough to be told of all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CampaignOverview<'a> {
    /// Which.
    pub spec: &'a CampaignSpec,
    /// Of every amount here.
    pub currency: Currency,
    /// What is published; absent before its first round and once it is archived.
    pub entry: Option<&'a TableEntry>,
    /// Why.
    pub reason: Reason,
    /// Its own plan, if it has one.
    pub plan: Option<PlanExplanation>,
    /// Its own budget over the flight it is in.
    pub flight: Option<&'a Account>,
    /// Money since it was entered.
    pub totals: SpendTotals,
    /// Money bidders may still commit.
    pub outstanding: Nanos,
}

/// What is known of a bidder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BidderOverview {
    /// Which.
    pub bidder: BidderId,
    /// The newest table it acknowledged, if any.
    pub runs: Option<Generation>,
    /// When it last joined, acknowledged, drew or reported.
    pub heard_at: Timestamp,
    /// It said goodbye, or was silent for too long.
    pub has_left: bool,
}

/// Everything about one campaign, now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which.
    pub campaign: CampaignId,
    /// When.
    pub now: Timestamp,
    /// The table it speaks of.
    pub generation: Generation,
    /// What is published; absent before its first round and once it is archived.
    pub entry: Option<TableEntry>,
    /// Why.
    pub reason: Reason,
    /// The owner whose law binds.
    pub binding: Option<BudgetOwner>,
    /// Its owners: itself, group, advertiser.
    pub owners: Vec<OwnerExplanation>,
    /// Its return target, if it has one.
    pub returns: Option<ReturnExplanation>,
    /// Hands on it.
    pub overrides: Vec<Override>,
    /// Money bidders may still commit.
    pub outstanding: Nanos,
    /// Expected, not billed.
    pub in_flight: Nanos,
    /// Set aside: how many events and how much.
    pub suspense: (u64, Nanos),
    /// Spend of what it reports by, events or counters, is known up to here.
    pub watermark: Option<Timestamp>,
}
