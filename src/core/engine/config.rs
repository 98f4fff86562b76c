//! Everything an engine can be told: laws, periods, bounds. Part of every log's header, so that a
//! replay decides alike.

use crate::campaign::LawChoice;
use crate::ledger::LedgerConfig;
use crate::pace::{LogPidGains, PassThroughStep, ShippedLaw};
use crate::shade::ShaderConfig;
use crate::units::{Currency, PartitionId, Ppm, Span};
use serde::{Deserialize, Serialize};

/// The law for each choice a campaign has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Laws<L> {
    /// For [`LawChoice::LogPid`].
    pub log_pid: L,
    /// For [`LawChoice::PassThrough`].
    pub pass_through: L,
    /// For [`LawChoice::Asap`].
    pub asap: L,
}

impl<L> Laws<L> {
    /// The law of a choice.
    #[must_use]
    pub const fn get(&self, choice: LawChoice) -> &L {
        match choice {
            LawChoice::LogPid => &self.log_pid,
            LawChoice::PassThrough => &self.pass_through,
            LawChoice::Asap => &self.asap,
        }
    }
}

impl Default for Laws<ShippedLaw> {
    fn default() -> Self {
        Self {
            log_pid: ShippedLaw::LogPid(LogPidGains::default()),
            pass_through: ShippedLaw::PassThrough(PassThroughStep::default()),
            asap: ShippedLaw::Asap,
        }
    }
}

/// The market whose outcomes are learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShadingMarket {
    /// Of all its prices: campaigns of advertisers with another one are not shaded.
    pub currency: Currency,
    /// How it is learnt.
    pub shader: ShaderConfig,
}

/// What an engine is told once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EngineConfig<L = ShippedLaw> {
    /// Which partition it leads.
    pub partition: PartitionId,
    /// Which laws it runs.
    pub laws: Laws<L>,
    /// Bounds of the ledger.
    pub ledger: LedgerConfig,
    /// Period of the decision rounds.
    pub tick: Span,
    /// How long a table is fresh.
    pub lease_valid: Span,
    /// How long it glides to its safe values after that.
    pub lease_grace: Span,
    /// How often what is left is spread anew.
    pub replan_interval: Span,
    /// Spend unseen for longer than this: safe values.
    pub blind_limit: Span,
    /// A source silent for longer than this is dead, if another speaks.
    pub source_timeout: Span,
    /// Sources waited for, bidders known and producers of opportunity reports remembered, at most.
    pub sources_max: usize,
    /// Spend unseen for more ticks than this: the law holds.
    pub stale_ticks: i64,
    /// Share of the last day's traffic by which a plan completes, at most: a plan of few events is
    /// done earlier.
    pub finish: Ppm,
    /// A multiplier that moved less than this, in its logarithm, is not published.
    pub publish_threshold: f64,
    /// w_b: weight of billed against expected spend in the measurement.
    pub billed_share: f64,
    /// Shrinkage of billed ÷ expected, as a share of a day's budget.
    pub calibration_share: f64,
    /// κ: d ln spend ÷ d ln multiplier, while it is not estimated.
    pub elasticity: f64,
    /// Multiplier of a campaign without history.
    pub start_multiplier: f64,
    /// How long a bidder's allowance lasts; absent: no allowances are issued.
    pub allowance_horizon: Option<Span>,
    /// Whether the brake may act.
    pub has_brake: bool,
    /// Whether velocity breakers may act.
    pub has_breaker: bool,
    /// How bids are shaded; absent: not at all, and no outcomes are taken.
    pub shading: Option<ShadingMarket>,
    /// Whether traffic shapes are learnt from the asks that are reported.
    pub learns_traffic: bool,
}

impl Default for EngineConfig<ShippedLaw> {
    fn default() -> Self {
        Self::with_laws(Laws::default())
    }
}

impl<L> EngineConfig<L> {
    /// The defaults, with these laws.
    #[must_use]
    pub fn with_laws(laws: Laws<L>) -> Self {
        Self {
            partition: PartitionId(0),
            laws,
            ledger: LedgerConfig::default(),
            tick: Span::from_secs(10),
            lease_valid: Span::from_secs(30),
            lease_grace: Span::from_secs(90),
            replan_interval: Span::HOUR,
            blind_limit: Span::from_mins(5),
            source_timeout: Span::from_mins(2),
            sources_max: 10_000,
            stale_ticks: 3,
            finish: Ppm::new(985_000),
            publish_threshold: 0.02,
            billed_share: 0.5,
            calibration_share: 0.04,
            elasticity: 1.5,
            start_multiplier: 0.3,
            allowance_horizon: Some(Span::from_secs(120)),
            has_brake: true,
            has_breaker: true,
            shading: None,
            learns_traffic: true,
        }
    }
}
