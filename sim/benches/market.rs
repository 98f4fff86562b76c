//! The canonical workloads of the simulator: a market of paced bidders, and replay of a trace.
//!
//! `cargo bench -p paceline-sim`. A market is an hour of virtual time in which ten paced campaigns
//! meet in every auction, engine, reports and books included; its floor draws the same random
//! numbers and does nothing with them. A replay reads a generated trace that is held in memory,
//! under a fixed policy and under the law; its floor reads the same rows. Rounds of all cases are
//! interleaved and medians taken, so that other load falls on all alike; time counts only while the
//! thread is on a processor, where the system tells. Prints a table and writes JSON under
//! `target/`; the digest of the reports is told so that two runs of different code can be seen to
//! give the same. `PACELINE_BENCH_ROWS` sets another size.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use paceline_core::campaign::LawChoice;
use paceline_core::units::{CpmMicros, Nanos, Timestamp};
use paceline_sim::compare::plan::digest_of;
use paceline_sim::generate::{GenerateKind, GenerateOptions, Model, generate};
use paceline_sim::market::auction::Auction;
use paceline_sim::market::buyer::Buyer;
use paceline_sim::policy::{self, Bidding, Player, Policy, PolicyOptions, PriceRule, TieRule};
use paceline_sim::replay::{self, ReplayOptions};
use paceline_sim::report::render;
use paceline_sim::scenario::Scenario;
use paceline_sim::trace::auctions::{self, AuctionOptions, AuctionRow};
use paceline_sim::world::{self, RunOptions, setup};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
/// Rows a round of the policy replays: the trace several times over, for it is fast.
const POLICY_TURNS: usize = 10;

fn main() {
    let rows: u64 = std::env::var("PACELINE_BENCH_ROWS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(400_000);
    let cases = Cases::new(rows);
    let names = Cases::NAMES;
    let mut times: Vec<Vec<(f64, f64)>> = vec![Vec::new(); names.len()];
    let mut digests = String::new();
    for round in 0..ROUNDS {
        for (case, times) in times.iter_mut().enumerate() {
            let (floor, floored) = measured(|| cases.floor(case));
            let (told, spent) = measured(|| cases.work(case));
            black_box(floor);
            times.push((spent / per(cases.rows(case)), floored / per(cases.floor_rows(case))));
            if round == 0 {
                digests.push_str(&told);
            }
        }
    }
    println!("simulator, median of {ROUNDS} rounds");
    let mut json = Vec::new();
    for ((name, target), times) in names.iter().zip(times) {
        let work = median(times.iter().map(|(work, _)| *work).collect());
        let floor = median(times.iter().map(|(_, floor)| *floor).collect());
        let ratio = median(times.iter().map(|(work, floor)| work / floor).collect());
        let millions = 1e3 / work;
        println!(
            "  {name:<22} {millions:6.2} M a second  {work:7.1} ns each, {ratio:6.2} x the floor \
             of {floor:6.1} ns; aim {target:.1} M"
        );
        json.push(format!(
            "\"{}\":{{\"ns\":{work:.2},\"floor_ns\":{floor:.2},\"ratio\":{ratio:.3},\
             \"millions_per_second\":{millions:.3},\"aim\":{target}}}",
            name.replace(' ', "_")
        ));
    }
    let digest = digest_of(digests.as_bytes());
    println!("  digest {digest}");
    let json = format!("{{{},\"rows\":{rows},\"digest\":\"{digest}\"}}\n", json.join(","));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../target");
    std::fs::create_dir_all(folder).expect("target/ can be made");
    std::fs::write(format!("{folder}/bench-market.json"), json).expect("target/ can be written");
}

/// Everything that is measured, made ready.
struct Cases {
    market: Scenario,
    auctions: usize,
    trace: Vec<AuctionRow>,
    recorded: Scenario,
}

impl Cases {
    /// What is measured, and how many millions a second are asked for on one core.
    const NAMES: [(&str, f64); 3] =
        [("ten paced bidders", 0.5), ("replay under a policy", 3.0), ("replay under the law", 3.0)];

    fn new(rows: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the trace");
        let path = folder.path().join("trace.parquet");
        let made = GenerateOptions {
            kind: GenerateKind::Auctions,
            model: Model::Auctionnet,
            seed: 1,
            rows,
            days: 1,
            start: Timestamp::MIN,
            campaigns: 1,
        };
        generate(&path, &made).expect("a trace is generated");
        let reader = auctions::open(&path, &AuctionOptions::default()).expect("a sound trace");
        let trace: Vec<AuctionRow> = reader.map(|row| row.expect("a sound row")).collect();
        let prices: i64 = trace.iter().map(|row| row.min_to_win.per_impression().get()).sum();
        let options = ReplayOptions {
            law: LawChoice::LogPid,
            price: PriceRule::Second,
            tie: TieRule::Lose,
            budget: Some(Nanos::new(prices / 3)),
            value_column: None,
            value_scale: 1.0,
            bill_clicks: false,
        };
        let recorded = replay::world_of(&path, &options, None).expect("a world around the trace");
        let mut cases = Self { market: market(rows), auctions: 0, trace, recorded };
        let mut auctions = 0;
        cases.each_auction(|_, _| auctions += 1);
        cases.auctions = auctions;
        cases
    }

    fn rows(&self, case: usize) -> usize {
        match case {
            0 => self.auctions,
            1 => self.trace.len() * POLICY_TURNS,
            _ => self.trace.len(),
        }
    }

    /// Goes through the market's arrivals, with its buyers.
    fn each_auction(&self, mut see: impl FnMut(&Auction, &[Buyer])) {
        let mut built = setup::build(&self.market, None, 1).expect("a sound world");
        let mut auctions = Vec::new();
        let mut now = self.market.window.start();
        while now < self.market.window.end() {
            let next = (now + self.market.tick).min(self.market.window.end());
            built.market.fill(now, next, &mut auctions);
            for auction in &auctions {
                see(auction, &built.buyers);
            }
            now = next;
        }
    }

    /// Does the work, and tells what came of it.
    fn work(&self, case: usize) -> String {
        match case {
            0 => report(&self.market),
            1 => self.replay(),
            _ => report(&self.recorded),
        }
    }

    fn replay(&self) -> String {
        let options = PolicyOptions {
            policy: Policy::Const(CpmMicros::new(500_000)),
            price: PriceRule::Trace,
            tie: TieRule::Lose,
            budget: None,
            value_column: None,
            value_scale: 1.0,
        };
        let bidding = Bidding::Const(CpmMicros::new(500_000));
        let mut players = vec![Player::alone(None)];
        for _ in 0..POLICY_TURNS {
            for row in &self.trace {
                policy::play(row, bidding, &options, &mut players).expect("a sound row");
            }
        }
        format!("{:?}", players[0].tally())
    }

    /// What no run can do without.
    fn floor(&self, case: usize) -> u64 {
        match case {
            0 => self.draws(),
            _ => (0..POLICY_TURNS).map(|_| self.reads()).fold(0, u64::wrapping_add),
        }
    }

    /// How many of them the floor does: the system's count of processor time would not see few.
    fn floor_rows(&self, case: usize) -> usize {
        if case == 0 { self.auctions } else { self.trace.len() * POLICY_TURNS }
    }

    /// Every arrival, price and value of the market.
    fn draws(&self) -> u64 {
        let mut sum = 0_u64;
        self.each_auction(|auction, buyers| {
            for buyer in buyers {
                sum = sum.wrapping_add(buyer.offer(auction).value.get().unsigned_abs());
            }
        });
        sum
    }

    /// Time, key and price of every row.
    fn reads(&self) -> u64 {
        self.trace.iter().fold(0, |sum, row| {
            let read = row.min_to_win.get() ^ row.at.as_micros();
            sum.wrapping_add(row.request ^ read.unsigned_abs())
        })
    }
}

/// An hour in which ten campaigns with budgets for a third of it meet in every auction.
fn market(auctions: u64) -> Scenario {
    let text = format!(
        r#"
start = "2025-03-03T00:00:00Z"
lasts = "1h"
mode = "competing"
[[segment]]
name = "all"
per_day = {}
prices = {{ median_cpm = 5.0, sigma = 0.5 }}
[[campaign]]
name = "c"
count = 10
budget_micros = [{}]
value = {{ median_cpm = 5.0, sigma = 0.6 }}
"#,
        auctions * 24,
        // A thirtieth of what all auctions cost at the rivals' median price.
        auctions * 5_000 / 30
    );
    Scenario::parse("market", "market", &text, Path::new("")).expect("a sound scenario")
}

fn report(scenario: &Scenario) -> String {
    let options = RunOptions::default();
    let made = world::run(scenario, &options, &mut |_| {}).expect("a world that runs");
    render::to_json(&made.report)
}

/// What something gives, and the nanoseconds it took.
fn measured<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let (wall, begun) = (Instant::now(), time_on_processor());
    let made = black_box(work());
    let elapsed = wall.elapsed();
    let spent = time_on_processor().zip(begun).map(|(now, begun)| now - begun);
    (made, spent.unwrap_or(elapsed).as_secs_f64() * 1e9)
}

fn time_on_processor() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per(count: usize) -> f64 {
    count as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
