//! Made-up billing events as they arrive in the wild: some twice, some late, some never.

use super::curve::Arrivals;
use super::{CPM_MICROS_PER_UNIT, GenerateOptions, rounded};
use crate::rng::Stream;
use crate::trace::TraceError;
use crate::trace::writer::{Field, Store, TraceWriter, full};
use paceline_core::units::{CpmMicros, Span, Timestamp};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

/// Share of events delivered twice.
const TWICE: f64 = 0.02;
/// Share of events that come late, by up to [`LATE_MAX`].
const LATE: f64 = 0.03;
const LATE_MAX: Span = Span::from_mins(15);
/// Share of events that never come.
const LOST: f64 = 0.005;
/// Delay of an event in time, in microseconds: mu and sigma of its logarithm, median 50 ms.
const DELAY: (f64, f64) = (10.8, 0.5);
/// Price of an impression in units: mu and sigma of its logarithm, about one unit a thousand.
const PRICE: (f64, f64) = (-6.9, 0.6);

/// An event on its way, ordered by arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Sent {
    received_at: Timestamp,
    number: u64,
    at: Timestamp,
    campaign: u64,
    price: CpmMicros,
}

type UnderWay = BinaryHeap<Reverse<Sent>>;

struct Draws {
    arrivals: Stream,
    faults: Stream,
    delays: Stream,
    prices: Stream,
    campaigns: Stream,
}

impl Draws {
    fn delay(&mut self) -> Span {
        let prompt = rounded(self.delays.log_normal(DELAY.0, DELAY.1), 1, 1_000_000);
        let late = self.delays.below(LATE_MAX.as_micros().unsigned_abs());
        if self.faults.chance(LATE) {
            Span::from_micros(i64::try_from(late).expect("at most fifteen minutes"))
        } else {
            Span::from_micros(prompt)
        }
    }
}

/// Writes the file; tells how many rows it has. Events still under way are held: as many as the
/// model sends in fifteen minutes, at most.
pub(super) fn write(path: &Path, options: &GenerateOptions) -> Result<u64, TraceError> {
    let columns = [
        full("recv_ts_us", Store::Int64),
        full("ts_us", Store::Int64),
        full("event_id", Store::Text),
        full("request_id", Store::Text),
        full("campaign_id", Store::Text),
        full("event_type", Store::Text),
        full("spend_micros", Store::Int64),
        full("price_cpm_micros", Store::Int64),
    ];
    let mut writer = TraceWriter::create(path, &columns)?;
    let mut draws = Draws {
        arrivals: Stream::new(options.seed, "spend arrivals"),
        faults: Stream::new(options.seed, "spend faults"),
        delays: Stream::new(options.seed, "spend delays"),
        prices: Stream::new(options.seed, "spend prices"),
        campaigns: Stream::new(options.seed, "spend campaigns"),
    };
    let mut arrivals = Arrivals::new(options.model, options.start, options.days, options.rows);
    let mut under_way = UnderWay::new();
    let (mut number, mut rows) = (0, 0);
    while let Some(at) = arrivals.next(&mut draws.arrivals) {
        while let Some(sent) = pop_before(&mut under_way, at) {
            write_event(&mut writer, &sent)?;
            rows += 1;
        }
        let price = draws.prices.log_normal(PRICE.0, PRICE.1) * CPM_MICROS_PER_UNIT;
        let price = CpmMicros::new(rounded(price, 1, 1_000_000_000_000));
        let campaign = draws.campaigns.below(u64::from(options.campaigns));
        let deliveries = match (draws.faults.chance(LOST), draws.faults.chance(TWICE)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        for _ in 0..deliveries {
            let received_at = at + draws.delay();
            under_way.push(Reverse(Sent { received_at, number, at, campaign, price }));
        }
        number += 1;
    }
    while let Some(Reverse(sent)) = under_way.pop() {
        write_event(&mut writer, &sent)?;
        rows += 1;
    }
    writer.finish().map(|()| rows)
}

/// The first event to arrive, if it arrives before an instant.
fn pop_before(under_way: &mut UnderWay, at: Timestamp) -> Option<Sent> {
    if under_way.peek()?.0.received_at < at {
        under_way.pop().map(|Reverse(sent)| sent)
    } else {
        None
    }
}

fn write_event(writer: &mut TraceWriter, sent: &Sent) -> Result<(), TraceError> {
    writer.row(&[
        Field::Int(sent.received_at.as_micros()),
        Field::Int(sent.at.as_micros()),
        Field::Text(&format!("ev-{:09}", sent.number)),
        Field::Text(&format!("gen-{:09}", sent.number)),
        Field::Text(&format!("c{}", sent.campaign + 1)),
        Field::Text("billing"),
        Field::Int(sent.price.per_impression().to_micros_display().get()),
        Field::Int(sent.price.get()),
    ])
}
