//! The canonical workload: one whole decision round over a million owners.
//!
//! Spend drained, planned, stepped, limited, reported, delta built with a twentieth of the entries
//! changed: every owner has a plan, is under way and is stepped; the dead-band is set so wide that
//! a twentieth of them is news. The floor is a copy of as many bytes as the target allows an owner,
//! in the same run. Time counts only while the thread is on a processor, where the system tells.
//! Prints a table and writes JSON under `target/`; the digest of the last table is told so that two
//! runs of different code can be seen to decide alike. `PACELINE_BENCH_OWNERS` sets another size,
//! `PACELINE_BENCH_DEAD_BAND` another dead-band (0.02 is what ships).
#![expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads its size from outside")]
#![expect(clippy::disallowed_macros, reason = "a benchmark prints")]

mod measure;

use measure::{Clock, resident_bytes, write_json};
use paceline_core::budget::{Budgets, Flight};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    LawChoice, RefundPolicy, ShadingTerms, SpendSource,
};
use paceline_core::engine::{Applied, Engine, EngineConfig};
use paceline_core::event::{SpendBatch, SpendEvent, SpendKind};
use paceline_core::hash::Digest;
use paceline_core::input::{CalendarChange, Input, LocalDay, LocalHour};
use paceline_core::units::{
    AdvertiserId, ArmId, CampaignId, Currency, EventId, Name, Nanos, PacingMultiplier, Ppb,
    ProducerId, Results, Span, Timestamp, Window, ZoneId,
};

const UTC: ZoneId = ZoneId::of("UTC");
const TICK: Span = Span::from_secs(10);
const ROUNDS: usize = 21;
/// Every campaign has had an event by then.
const WARM_UP: usize = 20;
const CAMPAIGNS_PER_ADVERTISER: u64 = 1_000;
/// What the floor copies for an owner: the memory it may take.
const FLOOR_BYTES: usize = 1_024;
/// Makes about a twentieth of this workload's entries news in a round.
const DEAD_BAND: f64 = 0.006;

fn main() {
    let owners: u64 = asked("PACELINE_BENCH_OWNERS").unwrap_or(1_000_000);
    let publish_threshold = asked("PACELINE_BENCH_DEAD_BAND").unwrap_or(DEAD_BAND);
    let before = resident_bytes();
    let mut engine = populated(owners, publish_threshold);
    let mut now = Timestamp::from_micros(Span::HOUR.times(6).as_micros());
    let clock = Clock::start();
    let _ = engine.tick(now);
    let plan = nanos_per(&clock, owners);
    for _ in 0..WARM_UP {
        now += TICK;
        report(&mut engine, now, &spend(now, owners));
        let _ = engine.tick(now);
    }
    let memory = resident_bytes().zip(before).map(|(after, before)| per(after - before, owners));
    let figures = measured(&mut engine, now, owners);
    tell(&figures, plan, memory, owners);
}

fn asked<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Medians over the rounds, nanoseconds an owner.
struct Figures {
    drain: f64,
    tick: f64,
    floor: f64,
    changed_share: f64,
    digest: Digest,
}

fn measured(engine: &mut Engine, mut now: Timestamp, owners: u64) -> Figures {
    let bytes = usize::try_from(owners).expect("a size") * FLOOR_BYTES;
    let (source, mut target) = (vec![1_u8; bytes], vec![0_u8; bytes]);
    let (mut ticks, mut drains, mut floors, mut changed) = (vec![], vec![], vec![], 0);
    let mut digest = Digest::default();
    for _ in 0..ROUNDS {
        now += TICK;
        let batches = spend(now, owners);
        let clock = Clock::start();
        report(engine, now, &batches);
        drains.push(nanos_per(&clock, owners));
        let clock = Clock::start();
        let tick = std::hint::black_box(engine.tick(now));
        ticks.push(nanos_per(&clock, owners));
        changed += tick.delta.changed.len();
        digest = tick.digest;
        let clock = Clock::start();
        target.copy_from_slice(std::hint::black_box(&source));
        std::hint::black_box(&target);
        floors.push(nanos_per(&clock, owners));
    }
    let changed_share = per(changed, owners) / per(ROUNDS, 1);
    Figures {
        drain: median(drains),
        tick: median(ticks),
        floor: median(floors),
        changed_share,
        digest,
    }
}

fn tell(figures: &Figures, plan: f64, memory: Option<f64>, owners: u64) {
    let Figures { drain, tick, floor, changed_share, digest } = figures;
    // A plan is made anew once an hour; its share of each of the hour's ticks.
    let replan = plan / (Span::HOUR.as_seconds() / TICK.as_seconds());
    let whole = drain + tick + replan;
    let percent = changed_share * 100.0;
    println!("whole tick over {owners} owners, median of {ROUNDS} rounds, ns an owner");
    println!("  spend drained    {drain:8.1}  one event for every 20th");
    println!("  decision round   {tick:8.1}  {percent:.1} % of entries changed");
    println!("  plans made anew  {replan:8.1}  {plan:.0} once an hour");
    println!("  whole            {whole:8.1}  {:.2} x the floor", whole / floor);
    println!("  floor            {floor:8.1}  a copy of {FLOOR_BYTES} B an owner");
    if let Some(memory) = memory {
        println!("  memory           {memory:8.0}  B an owner, with its campaign and entry");
    }
    println!("  digest           {digest}");
    let memory = memory.map_or("null".to_owned(), |bytes| format!("{bytes:.0}"));
    let json = format!(
        "{{\"owners\":{owners},\"drain_ns\":{drain:.2},\"tick_ns\":{tick:.2},\
         \"replan_ns\":{replan:.2},\"whole_ns\":{whole:.2},\"floor_ns\":{floor:.2},\
         \"floor_bytes\":{FLOOR_BYTES},\"ratio\":{:.3},\"changed_share\":{changed_share:.4},\
         \"memory_bytes\":{memory},\"digest\":\"{digest}\"}}\n",
        whole / floor
    );
    write_json("tick", &json);
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per(amount: usize, of: u64) -> f64 {
    amount as f64 / of as f64
}

fn nanos_per(clock: &Clock, owners: u64) -> f64 {
    clock.elapsed().as_secs_f64() * 1e9 * per(1, owners)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn name(name: &str) -> Name {
    Name::try_new(name).expect("a short name")
}

fn populated(owners: u64, publish_threshold: f64) -> Engine {
    let config = EngineConfig { publish_threshold, ..EngineConfig::default() };
    let mut engine = Engine::new(config);
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
            holidays: Vec::new(),
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
                budget: Some(Nanos::new(86_400_000_000)),
            }],
            caps: Vec::new(),
        },
        delivery: DeliveryMode::Even,
        terms: DeliveryTerms::default(),
        law: LawChoice::LogPid,
        billing: BillingEvent::Impression,
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Hold,
        shading: ShadingTerms::default(),
        multiplier_max: PacingMultiplier::ONE,
        value_cap: None,
        returns: None,
        shape: None,
        status: CampaignStatus::Active,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an answer that must be used")]
fn expect_done(applied: Applied) {
    assert_eq!(applied, Applied::Done);
}

/// One billing for every twentieth campaign, another twentieth each time: what each has planned.
fn spend(now: Timestamp, owners: u64) -> Vec<Input> {
    let round = now.as_micros().unsigned_abs() / TICK.as_micros().unsigned_abs();
    let first = round % 20;
    let event = |campaign: u64| SpendEvent {
        event_id: EventId::from_key(round * owners.div_ceil(20) + campaign / 20 + 1),
        sequence: None,
        campaign: CampaignId::of(&format!("c{campaign}")),
        arm: ArmId(0),
        kind: SpendKind::Billing,
        win_id: None,
        price: Nanos::new(100_000_000),
        bill_probability: Ppb::ONE,
        expected_results: Results::ZERO,
        served_at: None,
        occurred_at: now - Span::from_secs(1),
    };
    let events: Vec<SpendEvent> = (first..owners).step_by(20).map(event).collect();
    let batch = |events: &[SpendEvent]| {
        Input::Spend(SpendBatch {
            producer: Some(ProducerId::of("bench")),
            reported_through: Some(now),
            events: events.to_vec(),
        })
    };
    events.chunks(1_000).map(batch).collect()
}

fn report(engine: &mut Engine, now: Timestamp, batches: &[Input]) {
    for batch in batches {
        let _ = engine.apply(now, batch);
    }
}
