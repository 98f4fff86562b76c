//! Front door of the unit types: money, ratios, time, identities.
//!
//! Money is integers and never touches a float; the one exception is a ratio of two amounts, which
//! is made in [`ratio::PaceRatio::of`] and [`money::Nanos::ratio_to`] and never becomes money again
//! except downwards ([`money::Nanos::scaled_down`]).

pub mod id;
pub mod money;
pub mod ratio;
pub mod results;
pub mod time;

pub use id::{
    AdvertiserId, ArmId, BidderId, CampaignId, Epoch, EventId, Generation, GroupId, Name,
    NameError, OverrideId, PartitionId, ProducerId, SegmentId, ShapeId, WinId, ZoneId,
};
pub use money::{
    BUDGET_UNITS_MAX, CpmMicros, Currency, CurrencyError, Micros, MoneyError, Nanos, Ppb,
};
pub use ratio::{PaceRatio, PacingMultiplier, ParticipationRate, Ppm, RatioError, ShadingFactor};
pub use results::Results;
pub use time::{Span, Timestamp, Window, WindowError};
