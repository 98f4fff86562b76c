//! The canonical workload: one whole decision round over a million owners.
//!
//! Spend drained, planned, stepped, limited, reported, delta built with a twentieth of the entries
//! changed. The floor is a copy of as many bytes of state, in the same run. Prints a table and
//! writes JSON under `target/`. `PACELINE_BENCH_OWNERS` sets another size.
#![expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads its size from outside")]
#![expect(clippy::disallowed_macros, reason = "a benchmark prints")]

use paceline_core::budget::{Budgets, Flight};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, LawChoice,
    RefundPolicy, SpendSource,
};
use paceline_core::engine::{Applied, Engine, EngineConfig};
use paceline_core::event::{SpendBatch, SpendEvent, SpendKind};
use paceline_core::input::{CalendarChange, Input, LocalDay, LocalHour};
use paceline_core::units::{
    AdvertiserId, ArmId, CampaignId, Currency, EventId, Name, Nanos, PacingMultiplier, Ppb,
    ProducerId, Span, Timestamp, Window, ZoneId,
};
use std::time::Instant;

const UTC: ZoneId = ZoneId::of("UTC");
const ROUNDS: usize = 15;
const CAMPAIGNS_PER_ADVERTISER: u64 = 1_000;

fn main() {
    let owners = std::env::var("PACELINE_BENCH_OWNERS").ok().and_then(|size| size.parse().ok());
    let owners: u64 = owners.unwrap_or(1_000_000);
    let mut engine = populated(owners);
    let state_bytes = usize::try_from(owners).expect("a size") * bytes_per_owner();
    let mut now = Timestamp::from_micros(Span::HOUR.times(6).as_micros());
    for _ in 0..6 {
        spend(&mut engine, now, owners);
        let _ = engine.tick(now);
        now += Span::from_secs(10);
    }
    let (mut ticks, mut drains, mut floors, mut changed) = (vec![], vec![], vec![], 0);
    let source = vec![1_u8; state_bytes];
    let mut target = vec![0_u8; state_bytes];
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        spend(&mut engine, now, owners);
        drains.push(nanos_per(begun, owners));
        let begun = Instant::now();
        changed += std::hint::black_box(engine.tick(now)).delta.changed.len();
        ticks.push(nanos_per(begun, owners));
        let begun = Instant::now();
        target.copy_from_slice(std::hint::black_box(&source));
        std::hint::black_box(&target);
        floors.push(nanos_per(begun, owners));
        now += Span::from_secs(10);
    }
    let (tick, drain, floor) = (median(ticks), median(drains), median(floors));
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = changed as f64 / (ROUNDS as f64 * owners as f64);
    println!("whole tick over {owners} owners, median of {ROUNDS} rounds");
    println!("  spend drained   {drain:8.1} ns an owner (one event for every 20th)");
    println!("  decision round  {tick:8.1} ns an owner, {:.1} % of entries changed", share * 100.0);
    println!("  floor: copy of {} B an owner {floor:8.1} ns", bytes_per_owner());
    println!("  whole ÷ floor   {:8.1}", (tick + drain) / floor);
    let json = format!(
        "{{\"owners\":{owners},\"tick_ns\":{tick:.2},\"drain_ns\":{drain:.2},\
         \"floor_ns\":{floor:.2},\"ratio\":{:.3},\"changed_share\":{share:.4}}}\n",
        (tick + drain) / floor
    );
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
    std::fs::create_dir_all(folder).expect("target/ can be made");
    std::fs::write(format!("{folder}/bench-tick.json"), json).expect("target/ can be written");
}

/// What the floor copies for an owner: its budget state, its campaign's, its account's.
fn bytes_per_owner() -> usize {
    1_024
}

#[expect(clippy::cast_precision_loss, reason = "a time for people")]
fn nanos_per(begun: Instant, owners: u64) -> f64 {
    begun.elapsed().as_nanos() as f64 / owners as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn name(name: &str) -> Name {
    Name::try_new(name).expect("a short name")
}

fn populated(owners: u64) -> Engine {
    let mut engine = Engine::new(EngineConfig::default());
    let at = |span: Span| Timestamp::from_micros(span.as_micros());
    let days: Vec<LocalDay> = (0..10).map(|day| local_day(at(Span::DAY.times(day)), day)).collect();
    let start = Timestamp::MIN;
    expect_done(engine.apply(start, &Input::Calendar(CalendarChange { zone: UTC, days })));
    for advertiser in 0..owners.div_ceil(CAMPAIGNS_PER_ADVERTISER) {
        let label = format!("a{advertiser}");
        let spec = AdvertiserSpec {
            id: AdvertiserId::of(&label),
            name: name(&label),
            currency: Currency::NONE,
            zone: UTC,
            zone_name: name("UTC"),
            budgets: Budgets::default(),
        };
        expect_done(engine.apply(start, &Input::Advertiser(spec)));
        let first = advertiser * CAMPAIGNS_PER_ADVERTISER;
        for campaign in first..(first + CAMPAIGNS_PER_ADVERTISER).min(owners) {
            let spec = campaign_spec(&label, campaign);
            expect_done(engine.apply(start, &Input::Campaign(spec)));
        }
    }
    engine
}

fn local_day(start: Timestamp, day: i64) -> LocalDay {
    let window = Window::try_new(start, start + Span::DAY).expect("a day");
    let month = Window::try_new(Timestamp::MIN, Timestamp::MIN + Span::DAY.times(30));
    let hours = (0..24).map(|hour| LocalHour {
        window: Window::try_new(start + Span::HOUR.times(hour), start + Span::HOUR.times(hour + 1))
            .expect("an hour"),
        hour_of_week: u8::try_from((day + 3) % 7 * 24 + hour).expect("below 168"),
    });
    LocalDay { window, month: month.expect("a month"), hours: hours.collect() }
}

fn campaign_spec(advertiser: &str, campaign: u64) -> CampaignSpec {
    let label = format!("c{campaign}");
    let window = Window::try_new(Timestamp::MIN, Timestamp::MIN + Span::DAY.times(2));
    CampaignSpec {
        id: CampaignId::of(&label),
        name: name(&label),
        advertiser: AdvertiserId::of(advertiser),
        group: None,
        budgets: Budgets {
            flights: vec![Flight {
                window: window.expect("two days"),
                budget: Some(Nanos::from_units(200)),
            }],
            caps: Vec::new(),
        },
        delivery: DeliveryMode::Even,
        law: LawChoice::LogPid,
        billing: BillingEvent::Impression,
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Hold,
        multiplier_max: PacingMultiplier::ONE,
        value_cap: None,
        shape: None,
        status: CampaignStatus::Active,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an answer that must be used")]
fn expect_done(applied: Applied) {
    assert_eq!(applied, Applied::Done);
}

/// One billing for every twentieth campaign, another twentieth each time.
fn spend(engine: &mut Engine, now: Timestamp, owners: u64) {
    let round = now.as_micros().unsigned_abs() / 10_000_000;
    let producer = Some(ProducerId::of("bench"));
    let mut events = Vec::with_capacity(1_000);
    let mut sequence = round * owners.div_ceil(20);
    for campaign in ((round % 20)..owners).step_by(20) {
        sequence += 1;
        events.push(SpendEvent {
            event_id: EventId::from_key(sequence),
            sequence: None,
            campaign: CampaignId::of(&format!("c{campaign}")),
            arm: ArmId(0),
            kind: SpendKind::Billing,
            win_id: None,
            price: Nanos::new(100_000_000),
            bill_probability: Ppb::ONE,
            served_at: None,
            occurred_at: now - Span::from_secs(1),
        });
        if events.len() == 1_000 {
            report(engine, now, producer, std::mem::take(&mut events));
        }
    }
    report(engine, now, producer, events);
}

fn report(
    engine: &mut Engine,
    now: Timestamp,
    producer: Option<ProducerId>,
    events: Vec<SpendEvent>,
) {
    let batch = SpendBatch { producer, reported_through: Some(now), events };
    let _ = engine.apply(now, &Input::Spend(batch));
}
