//! What people configure: each has a generation, which grows by one with every change.
//!
//! Whoever read an object may say which generation they read, so that nobody's change is lost under
//! another's. Knows ids alone. Called by inputs, the engine and whoever keeps the trail of changes.

use crate::units::{AdvertiserId, CampaignId, GroupId, ShapeId};
use serde::{Deserialize, Serialize};

/// Something that is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectId {
    /// Who pays.
    Advertiser(AdvertiserId),
    /// Campaigns that share a budget.
    Group(GroupId),
    /// The order being delivered.
    Campaign(CampaignId),
    /// The expected course of traffic.
    Shape(ShapeId),
}

impl ObjectId {
    /// The word for its kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Advertiser(_) => "advertiser",
            Self::Group(_) => "group",
            Self::Campaign(_) => "campaign",
            Self::Shape(_) => "shape",
        }
    }
}

/// A generation that somebody read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Of what.
    pub object: ObjectId,
    /// Zero: it does not exist.
    pub generation: u64,
}
