//! The canonical workload of the client: one decision, a million entries, changes arriving.
//!
//! `cargo bench -p paceline-client`. Prints nanoseconds a decision, the ratio to reading a plain
//! array by index in the same run, and writes the same as JSON under the target folder. Rounds of
//! all cases are interleaved and medians taken, so that other load falls on all alike; time counts
//! only while the thread is on a processor, where the system tells.
//! `PACELINE_BENCH_ENTRIES` makes it smaller.

use paceline_client::{
    BoardWriter, CampaignHandle, PacelineHandle, SegmentHandle, Settings, ShadesPart, TableHead,
    open,
};
use paceline_core::bid::{AuctionType, BidAsk};
use paceline_core::campaign::ShadingLevel;
use paceline_core::hash::mix;
use paceline_core::shade::codec::decode_schedules;
use paceline_core::shade::{ScheduleId, ShadeDelta, ShadingSchedule};
use paceline_core::table::{Allowance, EntryShading, EntryState, Lease, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Generation, Nanos, PacingMultiplier, ParticipationRate,
    PartitionId, Ppm, SegmentId, Timestamp,
};
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// Decisions a thread and round: the system's count of processor time moves in milliseconds and
/// would not see fewer.
const CALLS: usize = 1_000_000;
/// Array reads a thread and round, which are shorter.
const READS: usize = 20_000_000;
/// Asks in a row before they come again; a power of two, so that going round costs next to nothing.
const ASKS: usize = 1 << 20;
/// Segments with a schedule of their own.
const SEGMENTS: u32 = 10_000;
/// Decisions timed one by one for the 99.9th percentile.
const CALLS_TIMED: usize = 200_000;
const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn clock() -> Instant {
    Instant::now()
}

/// Time that this thread was on a processor, so that other load on the machine does not count; the
/// clock's where the system does not tell.
fn time_on_processor(start: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// Memory this process occupies, where the system tells.
fn resident_bytes() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    told.split(' ').nth(1)?.parse().ok().map(|pages: u64| pages * 4_096)
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

fn campaign(index: u32) -> CampaignId {
    CampaignId::from_key(mix(u64::from(index) + 1))
}

fn entry(index: u32, multiplier: u32) -> TableEntry {
    TableEntry {
        campaign: campaign(index),
        arm: ArmId(0),
        state: EntryState::Run,
        multiplier: PacingMultiplier::try_new(Ppm::new(multiplier)).expect("at most one"),
        participation: ParticipationRate::ONE,
        safe_multiplier: PacingMultiplier::ONE,
        value_cap: None,
        shading: EntryShading::default(),
        // As the engine gives it.
        salt: mix(campaign(index).key()),
    }
}

fn head(sequence: u64) -> TableHead {
    TableHead {
        partition: PartitionId(0),
        generation: Generation { sequence, ..Generation::default() },
        as_of: NOW,
        lease: Lease { valid_until: later(3_600), grace_until: later(7_200) },
        digest: None,
    }
}

/// A board with all entries, and money for all of them if asked for.
fn board(entries: u32, has_bidder: bool) -> (PacelineHandle, BoardWriter) {
    let entries_max = usize::try_from(entries).expect("32 bits fit");
    let settings = Settings { entries_max, has_bidder, ..Settings::default() };
    let (handle, mut writer) = open(settings);
    let table = (0..entries).map(|index| entry(index, 900_000));
    let live = writer.apply_page(&head(1), 0, u64::from(entries), table);
    assert_eq!(live, Ok(true));
    for index in (0..entries).filter(|_| has_bidder) {
        let grant = Allowance {
            campaign: campaign(index),
            window_start: NOW,
            window_end: later(86_400),
            granted_total: Nanos::from_units(1_000_000),
            expires_at: later(86_400),
        };
        writer.grant(&grant, NOW);
    }
    (handle, writer)
}

/// Twelve knots that rise, a control group of a hundredth, and explorers.
fn schedule() -> ShadingSchedule {
    let mut words = [0_u64; 14];
    for (word, at) in words.iter_mut().take(12).zip(1_u64..) {
        *word = ((100_000 * at) << 32) | (60_000 * at);
    }
    words[12] = 10_000 << 32 | 50_000;
    words[13] = 1 | 12 << 48;
    let bytes: Vec<u8> =
        [0; 4].into_iter().chain(words.iter().flat_map(|w| w.to_le_bytes())).collect();
    decode_schedules(&bytes).expect("it keeps the rules")[0].1
}

fn segment(index: u32) -> SegmentId {
    SegmentId::from_key(mix(u64::from(index) + (1 << 40)))
}

/// A board of campaigns that are all shaded, and schedules for all segments.
fn shaded(entries: u32) -> PacelineHandle {
    let entries_max = usize::try_from(entries).expect("32 bits fit");
    let (handle, mut writer) = open(Settings { entries_max, ..Settings::default() });
    let shading = EntryShading::new(ShadingLevel::Standard, 0);
    let table = (0..entries).map(|index| TableEntry { shading, ..entry(index, 900_000) });
    assert_eq!(writer.apply_page(&head(1), 0, u64::from(entries), table), Ok(true));
    let delta = ShadeDelta {
        schedules: vec![(ScheduleId::MARKET, schedule())],
        segments: (0..SEGMENTS).map(|index| (segment(index), ScheduleId::MARKET)).collect(),
    };
    let part = ShadesPart {
        partition: PartitionId(0),
        base: None,
        generation: head(1).generation,
        part: (0, 1),
        delta,
        digest: None,
        set_digest: None,
    };
    assert_eq!(writer.apply_shades(&part), Ok(()));
    handle
}

/// Indexes in the order they are asked for.
fn uniform(entries: u32) -> Vec<u32> {
    (0..ASKS as u64).map(|n| scaled(mix(n), entries)).collect()
}

fn scaled(word: u64, entries: u32) -> u32 {
    u32::try_from((u128::from(word) * u128::from(entries)) >> 64).expect("below the entries")
}

/// Zipf with exponent one: the cumulative sum inverted by search.
#[expect(clippy::cast_precision_loss, reason = "53 bits of a draw are enough")]
fn zipf(entries: u32) -> Vec<u32> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=entries)
        .map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        })
        .collect();
    let index = |n: u64| {
        let draw = mix(n ^ 0x5eed) as f64 / 2_f64.powi(64) * sum;
        let rank = sums.partition_point(|&at| at < draw);
        // Ranks are scattered, or the hottest entries would be neighbours.
        scaled(mix(rank as u64), entries)
    };
    (0..ASKS as u64).map(index).collect()
}

/// What is asked of a million entries.
#[derive(Clone, Copy)]
enum Design {
    /// A plain array by index: the floor.
    Array,
    ByHandle,
    ById,
    ByIdHeld,
    /// By handles of campaign and segment, shaded.
    InSegment,
}

struct World {
    plain: Vec<AtomicU64>,
    open: Mutex<PacelineHandle>,
    held: Mutex<PacelineHandle>,
    shaded: Mutex<PacelineHandle>,
}

/// Who is asked for, in order. Handles lie in that order too, as they would lie beside what else a
/// bidder knows of the campaigns of an auction.
struct Order {
    indexes: Vec<u32>,
    resolved: Vec<CampaignHandle>,
    /// The same campaigns where they are shaded, each with the auction's segment.
    shaded: Vec<(CampaignHandle, SegmentHandle)>,
}

impl Order {
    fn new(indexes: Vec<u32>, handle: &PacelineHandle, shaded: &PacelineHandle) -> Self {
        let resolve = |handle: &PacelineHandle, index: u32| {
            handle.resolve(campaign(index), ArmId(0)).expect("every entry is in")
        };
        let in_segment = |&index: &u32| {
            let place = scaled(mix(u64::from(index) ^ 0x5e6), SEGMENTS);
            (resolve(shaded, index), shaded.segment(segment(place)))
        };
        Self {
            resolved: indexes.iter().map(|&index| resolve(handle, index)).collect(),
            shaded: indexes.iter().map(in_segment).collect(),
            indexes,
        }
    }
}

impl World {
    fn ask(n: usize) -> BidAsk {
        BidAsk {
            auction: n as u64,
            impression: 0,
            value: CpmMicros::new(1_000_000),
            floor: CpmMicros::ZERO,
            auction_type: AuctionType::FirstPrice,
        }
    }

    #[inline]
    fn call(&self, design: Design, handle: &PacelineHandle, order: &Order, n: usize) {
        let place = n & (ASKS - 1);
        let index = order.indexes[place];
        match design {
            Design::Array => {
                black_box(self.plain[index as usize].load(Ordering::Relaxed));
            }
            Design::ByHandle => {
                let at = &order.resolved[place];
                black_box(&handle.decide_at(at, NOW, &Self::ask(n)));
            }
            Design::ById => {
                black_box(&handle.decide(campaign(index), ArmId(0), NOW, &Self::ask(n)));
            }
            Design::ByIdHeld => {
                let answer = handle.decide(campaign(index), ArmId(0), NOW, &Self::ask(n));
                handle.lost(black_box(&answer).hold);
            }
            Design::InSegment => {
                let (at, segment) = &order.shaded[place];
                black_box(&handle.decide_in(at, segment, NOW, &Self::ask(n)));
            }
        }
    }

    fn handle(&self, design: Design) -> PacelineHandle {
        let handle = match design {
            Design::ByIdHeld => &self.held,
            Design::InSegment => &self.shaded,
            _ => &self.open,
        };
        handle.lock().expect("no reader panics").clone()
    }

    fn calls(design: Design) -> usize {
        if matches!(design, Design::Array) { READS } else { CALLS }
    }

    /// Nanoseconds a call, the threads together doing `readers` times as many.
    fn run(&self, design: Design, order: &Order, readers: usize) -> f64 {
        let spans: Vec<Duration> = std::thread::scope(|scope| {
            let reader = |reader: usize| {
                scope.spawn(move || {
                    let handle = self.handle(design);
                    let start = clock();
                    let before = time_on_processor(start);
                    for n in 0..Self::calls(design) {
                        self.call(design, &handle, order, n + reader * 77_777);
                    }
                    time_on_processor(start).saturating_sub(before)
                })
            };
            let running: Vec<_> = (0..readers).map(reader).collect();
            running.into_iter().map(|one| one.join().expect("readers do not panic")).collect()
        });
        let longest = spans.into_iter().max().unwrap_or_default();
        longest.as_secs_f64() * 1e9 / f64::from(u32::try_from(Self::calls(design)).expect("fits"))
    }

    /// The 99.9th percentile of single calls, the clock's own time included.
    fn tail(&self, design: Design, order: &Order) -> f64 {
        let handle = self.handle(design);
        let mut spans: Vec<u128> = (0..CALLS_TIMED)
            .map(|n| {
                let start = clock();
                self.call(design, &handle, order, n * 5);
                start.elapsed().as_nanos()
            })
            .collect();
        spans.sort_unstable();
        let at = spans[CALLS_TIMED - CALLS_TIMED / 1_000];
        f64::from(u32::try_from(at).unwrap_or(u32::MAX))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Changes one per cent of both boards, ten times a second; says how long one change takes.
fn write_until(stop: &AtomicBool, writers: [&mut BoardWriter; 2], entries: u32) -> f64 {
    let mut spans = Vec::new();
    let mut sequence = 1;
    let [open, held] = writers;
    while !stop.load(Ordering::Relaxed) {
        sequence += 1;
        let first = scaled(mix(sequence), entries - entries / 100);
        let changed: Vec<_> = (first..first + entries / 100)
            .map(|index| entry(index, 800_000 + u32::try_from(sequence % 1_000).expect("small")))
            .collect();
        for writer in [&mut *open, &mut *held] {
            let base = head(sequence - 1).generation;
            let start = clock();
            let applied = writer.apply_delta(&head(sequence), base, changed.iter().copied(), []);
            spans.push(start.elapsed().as_secs_f64() * 1e3);
            assert_eq!(applied, Ok(()));
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    median(spans)
}

fn main() {
    let stated = std::env::var("PACELINE_BENCH_ENTRIES").ok().and_then(|text| text.parse().ok());
    let entries: u32 = stated.unwrap_or(1_000_000).max(100);
    let before = resident_bytes();
    let (open, mut open_writer) = board(entries, false);
    let memory = resident_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
    let memory = memory.map(|bytes| bytes / u64::from(entries));
    let (held, mut held_writer) = board(entries, true);
    let shaded = shaded(entries);
    let orders = [("uniform", uniform(entries)), ("zipf", zipf(entries))]
        .map(|(traffic, indexes)| (traffic, Order::new(indexes, &open, &shaded)));
    let world = World {
        plain: (0..entries).map(|index| AtomicU64::new(u64::from(index))).collect(),
        open: Mutex::new(open),
        held: Mutex::new(held),
        shaded: Mutex::new(shaded),
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing =
            scope.spawn(|| write_until(&stop, [&mut open_writer, &mut held_writer], entries));
        measure(&world, &orders, entries, memory);
        stop.store(true, Ordering::Relaxed);
        let delta = writing.join().expect("the writer does not panic");
        println!("a change of 1 % applied in {delta:.2} ms");
    });
}

fn measure(world: &World, orders: &[(&str, Order)], entries: u32, memory: Option<u64>) {
    let designs = [
        ("array by index (floor)", Design::Array),
        ("decide by handle", Design::ByHandle),
        ("decide by id", Design::ById),
        ("decide by id, held and lost", Design::ByIdHeld),
        ("decide_in, shaded", Design::InSegment),
    ];
    println!("{entries} entries; ns a call; ×: to the floor of the same column");
    if let Some(bytes) = memory {
        println!("memory {bytes} B an entry");
    }
    let mut rows = Vec::new();
    for (traffic, order) in orders {
        for readers in [1, 2] {
            let mut spans = vec![Vec::new(); designs.len()];
            for _ in 0..ROUNDS {
                for (place, &(_, design)) in designs.iter().enumerate() {
                    spans[place].push(world.run(design, order, readers));
                }
            }
            let medians: Vec<f64> = spans.into_iter().map(median).collect();
            for (place, &(name, design)) in designs.iter().enumerate() {
                let (ns, floor) = (medians[place], medians[0].max(0.1));
                let tail = world.tail(design, order);
                println!(
                    "{traffic:8} {readers} reader(s)  {name:28} {ns:8.1} ns  {:6.1} ×  \
                     p99.9 {tail:7.0} ns",
                    ns / floor
                );
                rows.push(serde_json::json!({
                    "traffic": traffic, "readers": readers, "design": name,
                    "nanoseconds": ns, "ratio_to_floor": ns / floor, "p999_nanoseconds": tail,
                }));
            }
        }
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
    std::fs::create_dir_all(folder).expect("the target folder can be made");
    let path = std::path::Path::new(folder).join("bench-decide.json");
    let report = serde_json::json!({ "entries": entries, "entry_bytes": memory, "rows": rows });
    std::fs::write(&path, report.to_string()).expect("the target folder can be written to");
}
