//! Everything an engine knows: what a snapshot holds.
//!
//! Only fields and a first state; who changes which stands with the engine and its parts.

use super::EngineConfig;
use super::breakers::Crowd;
use super::campaign::CampaignState;
use super::learn::Learner;
use super::outcomes::Shading;
use super::owner::Owner;
use super::reports::Reports;
use crate::budget::BudgetOwner;
use crate::campaign::{AdvertiserSpec, GroupSpec};
use crate::days::KnownDays;
use crate::guard::Grants;
use crate::ledger::{Slot, SpendLedger};
use crate::notice::Notices;
use crate::object::ObjectId;
use crate::overrides::OverrideSet;
use crate::pace::breaker::Breaker;
use crate::plan::TrafficShape;
use crate::sources::Sources;
use crate::table::{Lease, MultiplierTable};
use crate::units::{
    AdvertiserId, BidderId, Currency, Generation, GroupId, Name, ShapeId, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A process that bids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bidder {
    pub(super) heard_at: Timestamp,
    pub(super) runs: Option<Generation>,
    pub(super) has_left: bool,
}

/// Everything an engine knows: what a snapshot holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineState<S> {
    pub(super) now: Timestamp,
    pub(super) generation: Generation,
    pub(super) learning_until: Timestamp,
    /// When the term of leadership began: spend was not heard before it, whoever was silent.
    pub(super) led_from: Timestamp,
    pub(super) pruned_at: Timestamp,
    pub(super) advertisers: BTreeMap<AdvertiserId, (AdvertiserSpec, Slot)>,
    pub(super) groups: BTreeMap<GroupId, (GroupSpec, Slot)>,
    pub(super) campaigns: Vec<CampaignState>,
    pub(super) owners: Vec<Owner<S>>,
    /// What groups and advertisers know of their members holds before this moment.
    pub(super) members_until: Timestamp,
    pub(super) days: KnownDays,
    pub(super) shapes: BTreeMap<ShapeId, TrafficShape>,
    /// What was learnt of everybody's traffic.
    pub(super) everybody: Option<Box<Learner>>,
    /// No local hour ends before this.
    pub(super) learn_at: Timestamp,
    /// Of shapes that were given one.
    pub(super) shape_names: BTreeMap<ShapeId, Name>,
    /// How often each object was changed, from one.
    #[serde(with = "crate::pairs")]
    pub(super) generations: BTreeMap<ObjectId, u64>,
    pub(super) ledger: SpendLedger,
    pub(super) event_sources: Sources,
    pub(super) counter_sources: Sources,
    pub(super) reports: Reports,
    pub(super) bidders: BTreeMap<BidderId, Bidder>,
    pub(super) overrides: OverrideSet,
    /// Allowances by campaign, where somebody holds or wants one.
    pub(super) grants: BTreeMap<Slot, Grants>,
    /// Owners in whose books allowances are claimed.
    pub(super) claimed: BTreeSet<Slot>,
    pub(super) table: MultiplierTable,
    /// What outcomes told; absent before the first.
    pub(super) shading: Option<Box<Shading>>,
    /// Velocity breakers over all campaigns of a currency.
    pub(super) fleets: BTreeMap<Currency, Crowd>,
    /// Breakers that had tripped when their owner lost its plan, by bad numbers or between two
    /// flights, until it has one again or they are forgiven.
    #[serde(with = "crate::pairs")]
    pub(super) aside: BTreeMap<BudgetOwner, Breaker>,
    /// What a person should hear of.
    pub(super) notices: Notices,
}

impl<S> EngineState<S> {
    /// Knows nobody yet.
    pub(super) fn new<L>(config: &EngineConfig<L>) -> Self {
        let lease = Lease { valid_until: Timestamp::MIN, grace_until: Timestamp::MIN };
        let sources = Sources::new(config.source_timeout, config.sources_max);
        Self {
            now: Timestamp::MIN,
            generation: Generation::default(),
            learning_until: Timestamp::MIN,
            led_from: Timestamp::MIN,
            pruned_at: Timestamp::MIN,
            advertisers: BTreeMap::new(),
            groups: BTreeMap::new(),
            campaigns: Vec::new(),
            owners: Vec::new(),
            members_until: Timestamp::MIN,
            days: KnownDays::default(),
            shapes: BTreeMap::new(),
            everybody: None,
            learn_at: Timestamp::MIN,
            shape_names: BTreeMap::new(),
            generations: BTreeMap::new(),
            ledger: SpendLedger::new(config.ledger),
            event_sources: sources.clone(),
            counter_sources: sources,
            reports: Reports::default(),
            bidders: BTreeMap::new(),
            overrides: OverrideSet::default(),
            grants: BTreeMap::new(),
            claimed: BTreeSet::new(),
            table: MultiplierTable::empty(config.partition, lease),
            shading: None,
            fleets: BTreeMap::new(),
            aside: BTreeMap::new(),
            notices: Notices::default(),
        }
    }
}
