//! Shading at its largest: 100 000 segments of one partition.
//!
//! Outcomes come evenly over all segments until each has a schedule of its own or its parent's;
//! then rounds of outcomes and ticks are timed as the loop runs them: taking outcomes in, the tick
//! with its refits, patching the published set and encoding the change, and encoding the whole set
//! for a reader that holds nothing. Time counts only while the thread is on a processor, where the
//! system tells. Prints a table and writes JSON under `target/`. `PACELINE_BENCH_SEGMENTS` sets
//! another size.
#![expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads its size from outside")]
#![expect(clippy::disallowed_macros, reason = "a benchmark prints")]

mod measure;

use measure::{Clock, resident_bytes, write_json};
use paceline_core::engine::{Applied, Engine, EngineConfig, ShadingMarket, Tick};
use paceline_core::hash::mix;
use paceline_core::input::Input;
use paceline_core::pace::ShippedLaw;
use paceline_core::shade::codec::{encode_schedules, encode_segments};
use paceline_core::shade::{
    Outcome, OutcomeReport, PriceRule, SegmentPath, ShadeSet, ShaderConfig,
};
use paceline_core::units::{CpmMicros, Currency, ProducerId, Span, Timestamp};

const TICK: Span = Span::from_secs(10);
/// Segments of a placement, and placements of an exchange.
const FAN: u64 = 50;
/// Outcomes of each segment before anything is timed: a fit needs 24, and they fade meanwhile.
const OUTCOMES: u64 = 40;
const ROUNDS: u64 = 41;
/// Outcomes of one round: a thousand a second.
const PER_ROUND: u64 = 10_000;
/// The most that the whole set may take.
const SET_BYTES_MAX: usize = 16 << 20;

fn main() {
    let asked = std::env::var("PACELINE_BENCH_SEGMENTS").ok().and_then(|text| text.parse().ok());
    let segments: u64 = asked.unwrap_or(100_000);
    let before = resident_bytes();
    let mut world = World::new(segments);
    let fill = Clock::start();
    world.fill();
    let filled = fill.elapsed().as_secs_f64();
    let memory = resident_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
    let figures = world.measured();
    let checkpoint = postcard::to_allocvec(world.engine.state()).expect("state is written").len();
    tell(&figures, &world, (filled, memory, checkpoint));
}

struct World {
    engine: Engine<ShippedLaw>,
    now: Timestamp,
    paths: Vec<SegmentPath>,
    drawn: u64,
    sequence: u64,
    published: ShadeSet,
}

/// Of each round, in milliseconds.
#[derive(Default)]
struct Figures {
    take: Vec<f64>,
    tick: Vec<f64>,
    publish: Vec<f64>,
    whole: Vec<f64>,
    refits: Vec<f64>,
    change_bytes: Vec<f64>,
    set_bytes: usize,
    schedules: usize,
}

impl World {
    fn new(segments: u64) -> Self {
        let currency = Currency::try_new("EUR").expect("a currency");
        let market = ShadingMarket { currency, shader: ShaderConfig::default() };
        let config = EngineConfig { shading: Some(market), ..EngineConfig::default() };
        let path = |number: u64| {
            let (placement, exchange) = (number / FAN, number / FAN / FAN);
            SegmentPath::new(&[
                mix(exchange + 1),
                mix(placement + (1 << 32)),
                mix(number + (1 << 48)),
            ])
        };
        Self {
            engine: Engine::new(config),
            now: Timestamp::from_micros(1_700_000_000_000_000),
            paths: (0..segments).map(path).collect(),
            drawn: 0,
            sequence: 0,
            published: ShadeSet::default(),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.drawn += 1;
        mix(self.drawn) % below
    }

    /// So many outcomes, of segments in turn from `first` on.
    fn report(&mut self, first: u64, count: u64) -> Input {
        let outcomes = (first..first + count).map(|number| {
            let place = usize::try_from(number).expect("a size") % self.paths.len();
            let dear = i64::try_from(mix(place as u64) % 400_000).expect("small");
            let least = 50_000 + dear + i64::try_from(self.draw(400_000)).expect("small");
            let bid = 100_000 + i64::try_from(self.draw(800_000)).expect("small");
            Outcome {
                path: self.paths[place],
                price_rule: PriceRule::First,
                floor: CpmMicros::ZERO,
                bid: CpmMicros::new(bid),
                won: bid >= least,
                clearing: None,
                min_to_win: Some(CpmMicros::new(least)),
                loss_reason: None,
                count: 1,
                trial: None,
            }
        });
        let outcomes = outcomes.collect();
        self.sequence += 1;
        Input::Outcomes(OutcomeReport {
            producer: Some(ProducerId::of("bench")),
            sequence: Some(self.sequence),
            currency: Currency::try_new("EUR").expect("a currency"),
            outcomes,
        })
    }

    fn tick(&mut self) -> Tick {
        self.now += TICK;
        match self.engine.apply(self.now, &Input::Tick) {
            Applied::Ticked(tick) => *tick,
            other => panic!("{other:?}"),
        }
    }

    fn publish(&mut self, tick: &Tick) -> usize {
        let Some(news) = &tick.shades else { return 0 };
        assert!(self.published.patch(news), "changes follow each other");
        let (schedules, segments) = (&news.delta.schedules, &news.delta.segments);
        let bytes = encode_schedules(schedules).len() + encode_segments(segments).len();
        std::hint::black_box(news.delta.digest());
        bytes
    }

    /// Until nothing waits for a refit any more.
    fn fill(&mut self) {
        let all = self.paths.len() as u64 * OUTCOMES;
        let mut told = 0;
        while told < all {
            let input = self.report(told, PER_ROUND);
            let _ = self.engine.apply(self.now, &input);
            told += PER_ROUND;
            let tick = self.tick();
            self.publish(&tick);
        }
        // As many rounds as all nodes take, at 400 refits each.
        for _ in 0..self.paths.len() / 200 {
            let tick = self.tick();
            self.publish(&tick);
        }
    }

    fn measured(&mut self) -> Figures {
        let mut figures = Figures::default();
        let counts =
            |tick: &Tick| tick.report.shading.as_ref().map_or(0, |told| told.counts.refits);
        let idle = self.tick();
        let mut refits = counts(&idle);
        self.publish(&idle);
        for round in 0..ROUNDS {
            // The same segments in turn, so that many are due at a time.
            let input = self.report(round * PER_ROUND / 10, PER_ROUND);
            let clock = Clock::start();
            let _ = self.engine.apply(self.now, &input);
            figures.take.push(clock.elapsed().as_secs_f64() * 1e3);
            let clock = Clock::start();
            let tick = self.tick();
            figures.tick.push(clock.elapsed().as_secs_f64() * 1e3);
            let now = counts(&tick);
            figures.refits.push(real(now - refits));
            refits = now;
            let clock = Clock::start();
            let bytes = self.publish(&tick);
            figures.publish.push(clock.elapsed().as_secs_f64() * 1e3);
            figures.change_bytes.push(real(bytes as u64));
            if round % 10 == 0 {
                let clock = Clock::start();
                let whole = self.published.whole();
                let bytes = encode_schedules(&whole.schedules).len();
                figures.set_bytes = bytes + encode_segments(&whole.segments).len();
                figures.whole.push(clock.elapsed().as_secs_f64() * 1e3);
                figures.schedules = whole.schedules.len();
            }
        }
        figures
    }
}

fn tell(
    figures: &Figures,
    world: &World,
    (filled, memory, checkpoint): (f64, Option<usize>, usize),
) {
    let segments = world.paths.len();
    let most = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    let (take, tick, publish) = (mean(&figures.take), mean(&figures.tick), mean(&figures.publish));
    let whole = take + tick + publish;
    let longest = most(&figures.take) + most(&figures.tick) + most(&figures.publish);
    let share = whole / (TICK.as_seconds() * 1e3);
    let megabytes = |bytes: usize| real(bytes as u64) / f64::from(1 << 20);
    println!(
        "{segments} segments, {} schedules, mean of {ROUNDS} rounds of 10 s",
        figures.schedules
    );
    println!("  outcomes taken in  {take:8.1} ms  {PER_ROUND} a round");
    println!("  tick with refits   {tick:8.1} ms  {:.0} refits", mean(&figures.refits));
    println!("  change published   {publish:8.1} ms  {:.0} KB", mean(&figures.change_bytes) / 1e3);
    println!(
        "  together           {whole:8.1} ms  {:.2} % of the tick, at most {longest:.1} ms",
        share * 100.0
    );
    println!(
        "  whole set encoded  {:8.1} ms  {:.1} MiB of at most 16",
        mean(&figures.whole),
        megabytes(figures.set_bytes)
    );
    println!("  checkpoint         {:8.1} MiB", megabytes(checkpoint));
    if let Some(memory) = memory {
        println!("  memory             {:8.1} MiB", megabytes(memory));
    }
    println!("  filled in          {filled:8.1} s   {OUTCOMES} outcomes each");
    let is_small = figures.set_bytes <= SET_BYTES_MAX;
    let memory = memory.map_or("null".to_owned(), |bytes| bytes.to_string());
    let json = format!(
        "{{\"segments\":{segments},\"schedules\":{},\"take_ms\":{take:.3},\"tick_ms\":{tick:.3},\
         \"publish_ms\":{publish:.3},\"whole_ms\":{whole:.3},\"longest_ms\":{longest:.3},\
         \"share_of_tick\":{share:.6},\"set_bytes\":{},\"is_set_small\":{is_small},\
         \"set_encode_ms\":{:.3},\"checkpoint_bytes\":{checkpoint},\"memory_bytes\":{memory}}}\n",
        figures.schedules,
        figures.set_bytes,
        mean(&figures.whole),
    );
    write_json("shading", &json);
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn real(amount: u64) -> f64 {
    amount as f64
}

/// The system counts processor time in milliseconds: only a mean sees less.
fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / real(times.len().max(1) as u64)
}
