//! Campaign rows become the engine's own specifications.
//!
//! A DAILY budget is a cap on each local day; a CUSTOM_PERIOD budget is its flight's; rows of one
//! campaign are its flights. Knows the formats and core's types, and no market. Called by replay
//! and scenarios.

use super::campaigns::{BudgetPeriod, CampaignFile, CampaignRow, DeliveryMethod, Goal};
use super::error::TraceError;
use paceline_core::budget::{Budgets, Cap, Flight, Horizon};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    LawChoice, RefundPolicy, ShadingTerms, SpendSource,
};
use paceline_core::units::{
    AdvertiserId, CampaignId, CpmMicros, Micros, PacingMultiplier, SegmentId, Window, ZoneId,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// How rows are to be understood.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderOptions {
    /// Bill campaigns with the goal CLICKS per click; otherwise everything is billed per
    /// impression.
    pub bill_clicks: bool,
    /// The law of every campaign.
    pub law: LawChoice,
}

/// A campaign as the engine takes it, and what a bidder must know besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// For the engine.
    pub spec: CampaignSpec,
    /// What it wants for its money.
    pub goal: Goal,
    /// Value of a click.
    pub click_value: Option<Micros>,
    /// Value of a conversion or ceiling on its cost.
    pub conversion_value: Option<Micros>,
    /// Segments it wants, in key order; none is all.
    pub segments: Vec<SegmentId>,
    /// Extra columns of its first row.
    pub extras: Vec<Option<f64>>,
}

impl Order {
    /// Whether it wants a segment.
    #[must_use]
    pub fn wants(&self, segment: SegmentId) -> bool {
        self.segments.is_empty() || self.segments.binary_search(&segment).is_ok()
    }
}

/// All orders of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Orders {
    /// In order of first appearance.
    pub advertisers: Vec<AdvertiserSpec>,
    /// In order of first appearance.
    pub campaigns: Vec<Order>,
}

/// Puts the rows of a campaign file together.
///
/// # Errors
/// [`TraceError`] naming the row that does not go with those above it: another advertiser, zone,
/// period or daily budget for the same campaign, another zone for the same advertiser, flights that
/// overlap, two names with one key.
pub fn from_file(file: &CampaignFile, options: OrderOptions) -> Result<Orders, TraceError> {
    let mut advertisers = Vec::new();
    let mut zones: BTreeMap<AdvertiserId, &CampaignRow> = BTreeMap::new();
    let mut places: BTreeMap<CampaignId, usize> = BTreeMap::new();
    let mut gathered: Vec<Vec<&CampaignRow>> = Vec::new();
    for row in &file.rows {
        match zones.entry(AdvertiserId::of(row.advertiser.as_str())) {
            Entry::Vacant(entry) => {
                advertisers.push(advertiser(row));
                entry.insert(row);
            }
            Entry::Occupied(entry) => check_zone(&file.file, entry.get(), row)?,
        }
        match places.entry(CampaignId::of(row.campaign.as_str())) {
            Entry::Vacant(entry) => {
                entry.insert(gathered.len());
                gathered.push(vec![row]);
            }
            Entry::Occupied(entry) => gathered[*entry.get()].push(row),
        }
    }
    let campaigns =
        gathered.iter().map(|rows| order(&file.file, rows, options)).collect::<Result<_, _>>()?;
    Ok(Orders { advertisers, campaigns })
}

fn advertiser(row: &CampaignRow) -> AdvertiserSpec {
    AdvertiserSpec {
        id: AdvertiserId::of(row.advertiser.as_str()),
        name: row.advertiser.clone(),
        currency: row.currency,
        zone: ZoneId::of(row.zone.as_str()),
        zone_name: row.zone.clone(),
        budgets: Budgets::default(),
        holidays: Vec::new(),
    }
}

fn check_zone(file: &Arc<str>, first: &CampaignRow, row: &CampaignRow) -> Result<(), TraceError> {
    if first.advertiser != row.advertiser {
        let rule = format!("must not share its 64-bit key with {}", first.advertiser);
        return Err(row.refuse(file, "advertiser_id", row.advertiser.as_str(), rule));
    }
    if first.zone == row.zone {
        return Ok(());
    }
    let rule = format!(
        "must be {} as for advertiser {} in {}: an advertiser has one zone (campaign {})",
        first.zone, first.advertiser, first.place, row.campaign
    );
    Err(row.refuse(file, "timezone", row.zone.as_str(), rule))
}

/// What all rows of a campaign must agree on.
fn check_same(file: &Arc<str>, first: &CampaignRow, row: &CampaignRow) -> Result<(), TraceError> {
    let campaign = &row.campaign;
    let refuse = |column: &str, value: &str| {
        let rule = format!("must be as in {} for campaign {campaign}", first.place);
        Err(row.refuse(file, column, value, rule))
    };
    if first.campaign != *campaign {
        let rule = format!("must not share its 64-bit key with {}", first.campaign);
        return Err(row.refuse(file, "campaign_id", campaign.as_str(), rule));
    }
    if first.advertiser != row.advertiser {
        return refuse("advertiser_id", row.advertiser.as_str());
    }
    if first.period != row.period {
        return refuse("period", &format!("{:?}", row.period));
    }
    if row.period == BudgetPeriod::Daily && first.budget != row.budget {
        return refuse("budget_micros", &(row.budget.get() / 1_000).to_string());
    }
    if first.delivery != row.delivery {
        return refuse("delivery_method", &format!("{:?}", row.delivery));
    }
    if first.goal != row.goal {
        return refuse("goal", &format!("{:?}", row.goal));
    }
    if first.segments != row.segments {
        return refuse("segments", &row.segments.join(";"));
    }
    for (column, before, after) in [
        ("max_bid_cpm_micros", first.max_bid.map(CpmMicros::get), row.max_bid.map(CpmMicros::get)),
        ("cpc_bid_micros", first.click_value.map(Micros::get), row.click_value.map(Micros::get)),
        (
            "target_cpa_micros",
            first.conversion_value.map(Micros::get),
            row.conversion_value.map(Micros::get),
        ),
    ] {
        if before != after {
            return refuse(column, &after.map_or_else(String::new, |value| value.to_string()));
        }
    }
    Ok(())
}

fn flight(row: &CampaignRow) -> Flight {
    let window = Window::try_new(row.start, row.end).expect("the reader checked start and end");
    let budget = match row.period {
        BudgetPeriod::Daily => row.total_budget,
        BudgetPeriod::CustomPeriod => {
            Some(row.total_budget.map_or(row.budget, |total| total.min(row.budget)))
        }
    };
    Flight { window, budget }
}

/// The flights of a campaign in order of start.
fn flights(file: &Arc<str>, rows: &[&CampaignRow]) -> Result<Vec<Flight>, TraceError> {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| row.start);
    for pair in sorted.windows(2) {
        if pair[0].end > pair[1].start {
            let start = pair[1].start.as_micros().to_string();
            let rule = format!(
                "must not be before the flight in {} ends: flights of campaign {} overlap",
                pair[0].place, pair[1].campaign
            );
            return Err(pair[1].refuse(file, "start_ts_us", &start, rule));
        }
    }
    Ok(sorted.into_iter().map(flight).collect())
}

fn order(
    file: &Arc<str>,
    rows: &[&CampaignRow],
    options: OrderOptions,
) -> Result<Order, TraceError> {
    let first = rows[0];
    for row in rows {
        check_same(file, first, row)?;
    }
    let caps = match first.period {
        BudgetPeriod::Daily => vec![Cap { horizon: Horizon::Day, amount: first.budget }],
        BudgetPeriod::CustomPeriod => Vec::new(),
    };
    let mut segments: Vec<SegmentId> =
        first.segments.iter().map(|name| SegmentId::of(name)).collect();
    segments.sort_unstable();
    segments.dedup();
    let spec = CampaignSpec {
        id: CampaignId::of(first.campaign.as_str()),
        name: first.campaign.clone(),
        advertiser: AdvertiserId::of(first.advertiser.as_str()),
        group: None,
        budgets: Budgets { flights: flights(file, rows)?, caps },
        delivery: match first.delivery {
            DeliveryMethod::Standard => DeliveryMode::Even,
            DeliveryMethod::Accelerated => DeliveryMode::Asap,
        },
        terms: DeliveryTerms::default(),
        law: options.law,
        billing: match first.goal {
            Goal::Clicks if options.bill_clicks => BillingEvent::Click,
            Goal::Clicks | Goal::Impressions | Goal::Conversions | Goal::Spend => {
                BillingEvent::Impression
            }
        },
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::default(),
        shading: ShadingTerms::default(),
        multiplier_max: PacingMultiplier::ONE,
        value_cap: first.max_bid,
        returns: None,
        shape: None,
        status: CampaignStatus::Active,
    };
    Ok(Order {
        spec,
        goal: first.goal,
        click_value: first.click_value,
        conversion_value: first.conversion_value,
        segments,
        extras: first.extras.clone(),
    })
}
