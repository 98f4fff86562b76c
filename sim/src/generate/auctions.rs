//! Made-up auctions: instants along the model's traffic, prices from its rivals.

use super::curve::Arrivals;
use super::{CPM_MICROS_PER_UNIT, GenerateOptions, Model, rounded};
use crate::rng::Stream;
use crate::trace::TraceError;
use crate::trace::auctions::PRICE_MAX;
use crate::trace::writer::{Field, Store, TraceWriter, full, gappy};
use std::path::Path;

/// Mystique: mu and sigma of the logarithm of an untracked bid, in units an impression.
const RIVAL: (f64, f64) = (-8.19, 2.14);
/// AuctionNet: the median price of the shared synthetic day and the deviation of its logarithm.
const PRICE_MEDIAN_CPM_MICROS: f64 = 190_000_000.0;
const PRICE_SIGMA: f64 = 0.32;
/// AuctionNet: the second-highest rival stands so far below the highest, as deviation of the
/// logarithm.
const RIVAL_GAP_SIGMA: f64 = 0.08;
/// Mu and sigma of the logarithm of a click or conversion probability: about one in a thousand.
const PROBABILITY: (f64, f64) = (-6.9, 0.8);

struct Draws {
    arrivals: Stream,
    prices: Stream,
    probabilities: Stream,
    outcomes: Stream,
}

impl Draws {
    fn new(seed: u64) -> Self {
        Self {
            arrivals: Stream::new(seed, "auction arrivals"),
            prices: Stream::new(seed, "auction prices"),
            probabilities: Stream::new(seed, "auction probabilities"),
            outcomes: Stream::new(seed, "auction outcomes"),
        }
    }

    /// The two highest rival bids in micros per thousand, highest first.
    fn rivals(&mut self, model: Model) -> [i64; 2] {
        let (first, second) = match model {
            Model::Mystique => {
                let mut bid = || self.prices.log_normal(RIVAL.0, RIVAL.1) * CPM_MICROS_PER_UNIT;
                (bid(), bid())
            }
            Model::Auctionnet => {
                let median = libm::log(PRICE_MEDIAN_CPM_MICROS);
                let highest = self.prices.log_normal(median, PRICE_SIGMA);
                let gap = RIVAL_GAP_SIGMA * self.prices.normal().abs();
                (highest, highest * libm::exp(-gap))
            }
        };
        [first.max(second), first.min(second)].map(|bid| rounded(bid, 0, PRICE_MAX.get()))
    }
}

/// Writes the file; tells how many rows it has.
pub(super) fn write(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    let (probability, outcome, segment, kind) = match options.model {
        Model::Mystique => ("pctr", "click", "mystique", 1),
        Model::Auctionnet => ("pcvr", "conversion", "neurips48", 2),
    };
    let columns = [
        full("ts_us", Store::Int64),
        full("request_id", Store::Text),
        full("segment", Store::Text),
        full("at", Store::Int32),
        gappy("bidfloor_cpm_micros", Store::Int64),
        full("min_to_win_cpm_micros", Store::Int64),
        full("min_to_win_censor", Store::Int32),
        full(probability, Store::Double),
        full(outcome, Store::Int32),
        full("bid1_cpm_micros", Store::Int64),
        full("bid2_cpm_micros", Store::Int64),
    ];
    let mut writer = TraceWriter::create(path, &columns)?;
    let mut draws = Draws::new(options.seed);
    let mut arrivals = Arrivals::new(options.model, options.start, options.days, options.rows);
    let mut row = 0_u64;
    while let Some(at) = arrivals.next(&mut draws.arrivals) {
        let [highest, second] = draws.rivals(options.model);
        let drawn = draws.probabilities.log_normal(PROBABILITY.0, PROBABILITY.1).min(1.0);
        let happened = draws.outcomes.chance(drawn);
        writer.row(&[
            Field::Int(at.as_micros()),
            Field::Text(&format!("gen-{row:09}")),
            Field::Text(segment),
            Field::Int(kind),
            Field::Null,
            Field::Int(highest),
            Field::Int(0),
            Field::Float(drawn),
            Field::Int(i64::from(happened)),
            Field::Int(highest),
            Field::Int(second),
        ])?;
        row += 1;
    }
    writer.finish().map(|()| row)
}
