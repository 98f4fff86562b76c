//! Our side: all campaigns in one engine, with their budgets and targets, a round a minute.
//!
//! The engine that the service runs, with its defaults; bids are what its table says.

use super::Got;
use super::guide::buy;
use super::landscape::{DAY, Landscape, MOST};
use paceline_core::budget::{Budgets, Flight};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    LawChoice, RefundPolicy, ReturnTarget, ShadingTerms, SpendSource,
};
use paceline_core::engine::{Applied, Engine, EngineConfig};
use paceline_core::event::{SpendBatch, SpendEvent, SpendKind};
use paceline_core::input::Input;
use paceline_core::table::EntryState;
use paceline_core::units::{
    AdvertiserId, ArmId, CampaignId, Currency, EventId, Name, Nanos, PacingMultiplier, Ppb, Ppm,
    ProducerId, Results, Span, Timestamp, Window, ZoneId,
};

/// What a click is worth, in nanos: a unit of currency, so that no rounding counts.
const CLICK: Nanos = Nanos::from_units(1);
const PRODUCER: ProducerId = ProducerId::of("market");

/// A day of every campaign.
pub(super) fn run(fleet: &[Landscape]) -> Vec<Got> {
    let start = Timestamp::from_micros(0);
    let mut market = Market::open(fleet, start);
    for minute in 0..DAY {
        market.minute(minute, start + Span::from_mins(i64::from(minute)));
    }
    market.got
}

struct Market<'a> {
    fleet: &'a [Landscape],
    engine: Engine,
    ids: Vec<CampaignId>,
    got: Vec<Got>,
    sequence: u64,
}

impl<'a> Market<'a> {
    fn open(fleet: &'a [Landscape], start: Timestamp) -> Self {
        let config =
            EngineConfig { tick: Span::MINUTE, allowance_horizon: None, ..EngineConfig::default() };
        let mut engine = Engine::new(config);
        let day = Window::try_new(start, start + Span::DAY).expect("a day is a window");
        let mut tell = |input: &Input| {
            let applied = engine.apply(start, input);
            assert!(matches!(applied, Applied::Done), "a sound order is taken: {applied:?}");
        };
        tell(&Input::Advertiser(advertiser()));
        let specs: Vec<CampaignSpec> =
            fleet.iter().enumerate().map(|(number, one)| order(number, one, day)).collect();
        for spec in &specs {
            tell(&Input::Campaign(spec.clone()));
        }
        let ids = specs.iter().map(|spec| spec.id).collect();
        Self { fleet, engine, ids, got: vec![Got::default(); fleet.len()], sequence: 0 }
    }

    /// A round, then the clicks of a minute at what it published.
    fn minute(&mut self, minute: u32, now: Timestamp) {
        let _ = self.engine.apply(now, &Input::Tick);
        let end = now + Span::MINUTE;
        let mut events = Vec::new();
        for (place, one) in self.fleet.iter().enumerate() {
            let Some(entry) = self.engine.table().get(self.ids[place], ArmId(0)) else { continue };
            if !matches!(entry.state, EntryState::Run | EntryState::Safe) {
                continue;
            }
            let (clicks, each) = one.minute(minute, entry.multiplier.ppm().as_f64());
            let bought = buy(&mut self.got[place], clicks, each, one.budget);
            for _ in 0..bought {
                self.sequence += 1;
                events.push(click(self.ids[place], self.sequence, each, end));
            }
        }
        let batch = SpendBatch { producer: Some(PRODUCER), reported_through: Some(end), events };
        let _ = self.engine.apply(end, &Input::Spend(batch));
    }
}

fn advertiser() -> AdvertiserSpec {
    let name = |name: &str| Name::try_new(name).expect("it is short");
    AdvertiserSpec {
        id: AdvertiserId::of("house"),
        name: name("house"),
        currency: Currency::NONE,
        zone: ZoneId::of("UTC"),
        zone_name: name("UTC"),
        budgets: Budgets::default(),
        holidays: Vec::new(),
    }
}

fn order(number: usize, one: &Landscape, day: Window) -> CampaignSpec {
    let name = Name::try_new(format!("campaign-{number}")).expect("it is short");
    let budget = Nanos::floor_from(one.budget * CLICK.as_f64()).max(Nanos::new(1));
    let most = Ppm::try_from_ratio(MOST).and_then(|most| PacingMultiplier::try_new(most).ok());
    CampaignSpec {
        id: CampaignId::of(name.as_str()),
        name,
        advertiser: AdvertiserId::of("house"),
        group: None,
        budgets: Budgets {
            flights: vec![Flight { window: day, budget: Some(budget) }],
            caps: Vec::new(),
        },
        delivery: DeliveryMode::Even,
        terms: DeliveryTerms::default(),
        law: LawChoice::LogPid,
        billing: BillingEvent::Impression,
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Hold,
        shading: ShadingTerms::default(),
        multiplier_max: most.expect("four is allowed"),
        value_cap: None,
        returns: Some(ReturnTarget::CostPerClick(CLICK)),
        shape: None,
        status: CampaignStatus::Active,
    }
}

fn click(campaign: CampaignId, sequence: u64, each: Got, at: Timestamp) -> SpendEvent {
    let worth = Nanos::floor_from(each.worth * 1e6).get();
    SpendEvent {
        event_id: EventId::from_key(sequence),
        sequence: Some(sequence),
        campaign,
        arm: ArmId(0),
        kind: SpendKind::Billing,
        win_id: None,
        price: Nanos::floor_from(each.cost * CLICK.as_f64()),
        bill_probability: Ppb::ONE,
        expected_results: Results::new(worth.unsigned_abs()),
        served_at: None,
        occurred_at: at - Span::from_secs(30),
    }
}
