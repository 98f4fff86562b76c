//! Front door of the equilibrium: the constant multipliers at which a market of pacing campaigns
//! comes to rest, reckoned from the market's truth.
//!
//! A [`SampledMarket`] is what all campaigns would pay for typical auctions; [`FirstPrice`] is its
//! equilibrium where winners pay their bids. Knows no engine and no law. Called by `self_play` and
//! by tests.

mod first_price;
mod sampled_market;

pub use first_price::{FirstPrice, Unsettled};
pub use sampled_market::SampledMarket;
