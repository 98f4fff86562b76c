//! Made-up traffic: Mystique as counted requests a minute, AuctionNet as shares of a day.

use super::curve::Curve;
use super::{GenerateOptions, Model};
use crate::rng::Stream;
use crate::trace::TraceError;
use crate::trace::writer::{Field, Store, TraceWriter, full};
use paceline_core::units::Span;
use std::path::Path;

/// How far a published share strays from its smooth curve, as deviation of its logarithm.
const SHARE_SIGMA: f64 = 0.05;

/// Writes the file; tells how many rows it has.
pub(super) fn write(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    match options.model {
        Model::Mystique => write_counts(path, options),
        Model::Auctionnet => write_shares(path, options),
    }
}

/// A dated series: a Poisson count for each minute of each day.
fn write_counts(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    let columns = [
        full("ts_us", Store::Int64),
        full("slot_s", Store::Int32),
        full("segment", Store::Text),
        full("requests", Store::Int64),
    ];
    let mut writer = TraceWriter::create(path, &columns)?;
    let mut requests = Stream::new(options.seed, "traffic requests");
    let curve = Curve::new(Model::Mystique);
    let mut rows = 0;
    for day in 0..i64::from(options.days) {
        let mut at = options.start + Span::DAY.times(day);
        for mean in &curve.slots {
            let count = i64::try_from(requests.poisson(*mean)).expect("a few thousand");
            writer.row(&[
                Field::Int(at.as_micros()),
                Field::Int(60),
                Field::Text("mystique"),
                Field::Int(count),
            ])?;
            at += curve.slot;
            rows += 1;
        }
    }
    writer.finish().map(|()| rows)
}

/// A cycle of 48 half hours whose shares sum to one.
fn write_shares(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    let columns = [
        full("segment", Store::Text),
        full("slot", Store::Int32),
        full("slot_s", Store::Int32),
        full("share", Store::Double),
    ];
    let mut writer = TraceWriter::create(path, &columns)?;
    let mut noise = Stream::new(options.seed, "traffic shares");
    let curve = Curve::new(Model::Auctionnet);
    let slots: Vec<f64> =
        curve.slots.iter().map(|mean| mean * noise.log_normal(0.0, SHARE_SIGMA)).collect();
    let total: f64 = slots.iter().sum();
    for (slot, share) in (0_i64..).zip(&slots) {
        writer.row(&[
            Field::Text("neurips48"),
            Field::Int(slot),
            Field::Int(1_800),
            Field::Float(share / total),
        ])?;
    }
    writer.finish().map(|()| 48)
}
