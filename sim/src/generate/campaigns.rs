//! Made-up campaigns: budgets, bids and ceilings from the two models.

use super::{CPM_MICROS_PER_UNIT, GenerateOptions, Model, rounded};
use crate::rng::Stream;
use crate::trace::TraceError;
use crate::trace::writer::{Field, Store, TraceWriter, full};
use std::path::Path;

/// Mystique: the logarithm of a daily budget is Gamma of this shape and scale 1.
const BUDGET_SHAPE: f64 = 3.77;
/// Mystique: mu and sigma of the logarithm of a bid, below a daily budget of so many units.
const BID_CLASSES: [(f64, f64, f64); 3] =
    [(100.0, -9.06, 3.0), (200.0, -8.08, 2.47), (f64::INFINITY, -7.76, 1.95)];
/// Mystique: no bid is above so many times the class's mean.
const BID_CAP_MEANS: f64 = 50.0;
/// The largest budget the format takes, in micros.
const BUDGET_MAX: i64 = 4_000_000_000_000_000;

/// Writes the file; tells how many rows it has.
pub(super) fn write(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    match options.model {
        Model::Mystique => write_mystique(path, options),
        Model::Auctionnet => write_auctionnet(path, options),
    }
}

/// Mu and sigma of a campaign's bids.
fn bid_class(budget: f64) -> (f64, f64) {
    let class = BID_CLASSES.iter().find(|(below, ..)| budget < *below);
    let (_, mu, sigma) = class.expect("the last class has no upper end");
    (*mu, *sigma)
}

fn write_mystique(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    let columns = [
        full("campaign_id", Store::Text),
        full("period", Store::Text),
        full("budget_micros", Store::Int64),
        full("start_ts_us", Store::Int64),
        full("end_ts_us", Store::Int64),
        full("delivery_method", Store::Text),
        full("goal", Store::Text),
        full("currency", Store::Text),
        full("value_lognormal_mu", Store::Double),
        full("value_lognormal_sigma", Store::Double),
        full("max_bid_cpm_micros", Store::Int64),
    ];
    let mut writer = TraceWriter::create(path, &columns)?;
    let mut budgets = Stream::new(options.seed, "campaign budgets");
    for number in 0..options.rows {
        let budget = libm::exp(budgets.gamma(BUDGET_SHAPE));
        let (mu, sigma) = bid_class(budget);
        let mean = libm::exp(mu + 0.5 * sigma * sigma);
        let cap = rounded(mean * BID_CAP_MEANS * CPM_MICROS_PER_UNIT, 1, 1_000_000_000_000);
        writer.row(&[
            Field::Text(&format!("my-{number:03}")),
            Field::Text("DAILY"),
            Field::Int(rounded(budget * 1e6, 1, BUDGET_MAX)),
            Field::Int(options.start.as_micros()),
            Field::Int(options.end().as_micros()),
            Field::Text("STANDARD"),
            Field::Text("SPEND"),
            Field::Text("USD"),
            Field::Float(mu),
            Field::Float(sigma),
            Field::Int(cap),
        ])?;
    }
    writer.finish().map(|()| options.rows)
}

/// Budgets of 2 000 to 4 850 units in steps of 50 and ceilings of 60 to 130 in steps of 10.
fn write_auctionnet(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    let columns = [
        full("campaign_id", Store::Text),
        full("advertiser_category", Store::Int32),
        full("period", Store::Text),
        full("budget_micros", Store::Int64),
        full("start_ts_us", Store::Int64),
        full("end_ts_us", Store::Int64),
        full("delivery_method", Store::Text),
        full("goal", Store::Text),
        full("target_cpa_micros", Store::Int64),
        full("currency", Store::Text),
    ];
    let mut writer = TraceWriter::create(path, &columns)?;
    let mut budgets = Stream::new(options.seed, "campaign budgets");
    let mut ceilings = Stream::new(options.seed, "campaign ceilings");
    let drawn = |stream: &mut Stream, least: i64, step: i64, count: u64| {
        least + step * i64::try_from(stream.below(count)).expect("a small number")
    };
    for number in 0..options.rows {
        let category = i64::try_from(number * 6 / options.rows.max(1)).expect("below six");
        writer.row(&[
            Field::Text(&format!("an-{number:02}")),
            Field::Int(category),
            Field::Text("CUSTOM_PERIOD"),
            Field::Int(drawn(&mut budgets, 2_000, 50, 58) * 1_000_000),
            Field::Int(options.start.as_micros()),
            Field::Int(options.end().as_micros()),
            Field::Text("STANDARD"),
            Field::Text("CONVERSIONS"),
            Field::Int(drawn(&mut ceilings, 60, 10, 8) * 1_000_000),
            Field::Text("XXX"),
        ])?;
    }
    writer.finish().map(|()| options.rows)
}
