//! Scenario files: a world, its campaigns, what goes wrong, and what the run must show.
//!
//! A file opens with a comment saying what should happen. [`Scenario::load`] checks everything it
//! can and lists all complaints at once. A scenario knows no engine; the world runs it.

pub mod campaigns;
pub mod check;
pub mod complaint;
pub mod data;
pub mod draft;
pub mod expect;
pub mod raw;
pub mod returns;
pub mod segments;
pub mod span;

use crate::fault::Fault;
use crate::market::auction::{Auction, Tie};
use crate::market::buyer::Buyer;
use crate::market::traffic::{Curve, Shock};
use crate::market::{Segment, clock::WeekClock};
pub use complaint::{Complaint, ScenarioError};
use expect::Expectation;
use paceline_core::campaign::{AdvertiserSpec, CampaignSpec};
use paceline_core::input::CalendarChange;
use paceline_core::overrides::OverrideAction;
use paceline_core::units::{Nanos, Span, Timestamp, Window};
use std::path::Path;

/// A checked scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file's stem.
    pub name: String,
    /// From first to last instant.
    pub window: Window,
    /// Seeds every stream unless the caller gives another.
    pub seed: u64,
    /// Whether campaigns bid against each other.
    pub is_competing: bool,
    /// Who wins a tie.
    pub tie: Tie,
    /// Time between decision rounds.
    pub tick: Span,
    /// Bidder processes.
    pub bidders: BidderPlan,
    /// Local days of every zone in use, from a day before the run to ten days after.
    pub calendars: Vec<CalendarChange>,
    /// Supply.
    pub segments: Vec<SegmentPlan>,
    /// Recorded auctions instead of modelled ones; may be empty.
    pub record: Vec<Auction>,
    /// Who pays.
    pub advertisers: Vec<AdvertiserSpec>,
    /// Demand, in file order.
    pub campaigns: Vec<CampaignPlan>,
    /// What operators do, in time order.
    pub actions: Vec<Action>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What the run must show.
    pub expectations: Vec<Expectation>,
}

/// Bidder processes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BidderPlan {
    /// How many, 1 to 1024.
    pub count: u32,
    /// From a tick to the table being in use.
    pub publish_delay: Span,
    /// How often each reports.
    pub report_every: Span,
    /// How long a report travels.
    pub report_delay: Span,
    /// From a bid to its outcome.
    pub outcome_delay: Span,
    /// Share of losses a bidder never hears of.
    pub lost_notices: f64,
    /// Whether they keep to allowances.
    pub has_allowances: bool,
    /// Whether the answer to a draw comes in time for the auction that caused it: a few
    /// milliseconds of the hundred an auction lasts.
    pub waits_for_draws: bool,
}

/// A segment and the shocks it draws from the run's seed.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentPlan {
    /// Without shocks.
    pub segment: Segment,
    /// On traffic.
    pub traffic_shock: Option<Shock>,
    /// On prices.
    pub price_shock: Option<Shock>,
}

/// What the planner is told of a campaign's traffic.
#[derive(Debug, Clone, PartialEq)]
pub enum Forecast {
    /// Nothing.
    None,
    /// The true curve times log-normal errors of this deviation, one an hour of the week.
    Error(f64),
    /// This curve, whatever the true one.
    Curve(Curve),
}

/// A campaign and its side of the market.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignPlan {
    /// As the engine takes it; its shape is set by the world.
    pub spec: CampaignSpec,
    /// Before the market's pressure is known.
    pub buyer: Buyer,
    /// Sets the buyer's scale: unpaced spend as a multiple of the budget.
    pub pressure: Option<f64>,
    /// What the planner is told.
    pub forecast: Forecast,
    /// Local days of its advertiser.
    pub clock: WeekClock,
}

/// An operator's deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// When.
    pub at: Timestamp,
    /// To which campaign, by index.
    pub campaign: usize,
    /// What.
    pub deed: Deed,
}

/// What an operator does to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Lays a hand on.
    Override {
        /// Which.
        action: OverrideAction,
        /// Until when.
        until: Timestamp,
    },
    /// Sets the flight's budget.
    Budget(Nanos),
    /// Sets the cap on each local day.
    DailyCap(Nanos),
}

impl Scenario {
    /// Reads and checks a file. `data` is the folder that `data = "…"` keys are resolved against.
    ///
    /// # Errors
    /// [`ScenarioError`]; [`ScenarioError::NoData`] when the only trouble is an absent data folder.
    pub fn load(path: &Path, data: &Path) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Read { file: file.clone(), source })?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
        Self::parse(&file, &name, &text, data)
    }

    /// Checks the text of a file called `file` whose scenario is called `name`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(file: &str, name: &str, text: &str, data: &Path) -> Result<Self, ScenarioError> {
        let raw: raw::RawScenario = toml::from_str(text).map_err(|source| {
            ScenarioError::Syntax { file: file.to_owned(), source: Box::new(source) }
        })?;
        check::check(file, name, &raw, data)
    }
}
