//! Front door of the market model: auctions in time order, from a model or from a record.
//!
//! The market knows the truth about traffic and prices and tells nobody; campaigns meet it through
//! bids alone. Called by the world.

pub mod auction;
pub mod billing;
pub mod buyer;
pub mod clock;
pub mod competition;
pub mod draw;
pub mod traffic;
pub mod truth;

use crate::rng::Stream;
use auction::Auction;
use competition::{Competition, to_cpm};
use draw::Use;
use paceline_core::bid::AuctionType;
use paceline_core::units::{CpmMicros, Name, Span, Timestamp};
use traffic::Traffic;

/// One kind of supply.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its outside name.
    pub name: Name,
    /// How many auctions it has, and when.
    pub traffic: Traffic,
    /// Who else bids in them.
    pub competition: Competition,
    /// How its prices are made.
    pub auction_type: AuctionType,
    /// No bid below this wins.
    pub floor: CpmMicros,
}

impl Segment {
    /// An auction of this segment at a stated time.
    fn auction(&self, segment: usize, at: Timestamp, key: u64, level: f64) -> Auction {
        let rival = self.competition.best(level, draw::unit(Use::Rival, 0, key));
        Auction {
            at,
            key,
            segment,
            auction_type: self.auction_type,
            floor: self.floor,
            rival: to_cpm(rival),
            recorded: None,
        }
    }
}

/// Where auctions come from.
#[derive(Debug, Clone)]
enum Source {
    /// Poisson arrivals with modelled prices.
    Model(Box<Stream>),
    /// A record, in time order, and how far it has been read.
    Record { auctions: Vec<Auction>, next: usize },
}

/// All supply of a run.
#[derive(Debug, Clone)]
pub struct Market {
    segments: Vec<Segment>,
    source: Source,
}

impl Market {
    /// Auctions made by the segments' own models.
    #[must_use]
    pub fn modelled(segments: Vec<Segment>, seed: u64) -> Self {
        Self { segments, source: Source::Model(Box::new(Stream::new(seed, "arrivals"))) }
    }

    /// Auctions as recorded, which must be in time order and name segments by index.
    #[must_use]
    pub fn recorded(segments: Vec<Segment>, auctions: Vec<Auction>) -> Self {
        Self { segments, source: Source::Record { auctions, next: 0 } }
    }

    /// Its segments, by index.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The auctions of a recorded market; none for a modelled one.
    #[must_use]
    pub fn record(&self) -> &[Auction] {
        match &self.source {
            Source::Model(_) => &[],
            Source::Record { auctions, .. } => auctions,
        }
    }

    /// Replaces `into` by the auctions of `[from, to)`, in time order. Calls must follow one
    /// another without gaps.
    pub fn fill(&mut self, from: Timestamp, to: Timestamp, into: &mut Vec<Auction>) {
        into.clear();
        match &mut self.source {
            Source::Record { auctions, next } => {
                let fresh = auctions[*next..].iter().take_while(|auction| auction.at < to);
                into.extend(fresh);
                *next += into.len();
            }
            Source::Model(stream) => {
                let middle = from + Span::from_micros((to - from).as_micros() / 2);
                arrive(&self.segments, stream, (from, to), middle, into);
            }
        }
    }

    /// The n-th of a stream of typical auctions of some segments inside a stretch of time, and its
    /// relative frequency: what a campaign there should expect. Independent of the run's own.
    #[must_use]
    pub fn typical(
        &self,
        among: &[usize],
        from: Timestamp,
        length: Span,
        n: u64,
    ) -> (Auction, f64) {
        // Times follow the golden ratio, so that every n leaves them evenly spread.
        let turn = draw::to_unit(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let along = Span::from_micros(whole_micros(turn * length.as_seconds()));
        let at = from + along;
        let key = draw::word(Use::Forecast, 0x0074_7970, n);
        let index = among[usize::try_from(n).unwrap_or(0) % among.len()];
        let segment = &self.segments[index];
        let level = segment.competition.level(at);
        (segment.auction(index, at, key, level), segment.traffic.rate(at))
    }

    /// Auctions expected in some segments inside a stretch of time, by the minute.
    #[must_use]
    pub fn expected(&self, among: &[usize], from: Timestamp, length: Span) -> f64 {
        let minutes = length.as_micros() / Span::MINUTE.as_micros();
        among
            .iter()
            .map(|&index| {
                let traffic = &self.segments[index].traffic;
                (0..minutes)
                    .map(|minute| 60.0 * traffic.rate(from + Span::from_mins(minute)))
                    .sum::<f64>()
            })
            .sum()
    }
}

fn whole_micros(seconds: f64) -> i64 {
    i64::try_from(crate::number::whole(seconds * 1e6)).unwrap_or(i64::MAX)
}

/// Poisson arrivals of all segments together, each auction given to a segment by its share.
fn arrive(
    segments: &[Segment],
    stream: &mut Stream,
    (from, to): (Timestamp, Timestamp),
    middle: Timestamp,
    into: &mut Vec<Auction>,
) {
    let rates: Vec<(f64, f64)> = segments
        .iter()
        .map(|segment| (segment.traffic.rate(middle), segment.competition.level(middle)))
        .collect();
    let total: f64 = rates.iter().map(|(rate, _)| rate).sum();
    if total <= 0.0 {
        return;
    }
    let length = (to - from).as_seconds();
    let mut at = traffic::gap(total, stream);
    while at < length {
        let key = stream.bits();
        let mut share = if segments.len() == 1 { 0.0 } else { stream.unit() * total };
        let index = rates
            .iter()
            .position(|(rate, _)| {
                share -= rate;
                share < 0.0
            })
            .unwrap_or(segments.len() - 1);
        let time = from + Span::from_micros(whole_micros(at));
        into.push(segments[index].auction(index, time, key, rates[index].1));
        at += traffic::gap(total, stream);
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Small worlds for unit tests.

    use super::competition::Competition;
    use super::draw::Distribution;
    use super::traffic::{Curve, Traffic};
    use super::*;
    use paceline_core::input::{LocalDay, LocalHour};
    use paceline_core::units::Window;

    /// Days of UTC from a midnight on.
    pub(crate) fn utc_days(start: Timestamp, count: i64) -> Vec<LocalDay> {
        let window = |from, span: Span| Window::try_new(from, from + span).unwrap();
        (0..count)
            .map(|day| {
                let midnight = start + Span::DAY.times(day);
                let weekday = (midnight.as_micros() / Span::DAY.as_micros() + 3) % 7;
                let hours = (0..24)
                    .map(|hour| LocalHour {
                        window: window(midnight + Span::HOUR.times(hour), Span::HOUR),
                        hour_of_week: u8::try_from(weekday * 24 + hour).unwrap(),
                    })
                    .collect();
                let month = window(start, Span::DAY.times(31));
                LocalDay { window: window(midnight, Span::DAY), month, hours }
            })
            .collect()
    }

    /// A flat segment with log-normal prices around one unit per thousand.
    pub(crate) fn segment(per_day: f64) -> Segment {
        let start = Timestamp::from_micros(0);
        let clock = clock::WeekClock::new(&utc_days(start, 3));
        Segment {
            name: Name::try_new("all").unwrap(),
            traffic: Traffic {
                per_day,
                curve: Curve::flat(),
                clock: clock.clone(),
                drift_per_day: 0.0,
                surges: Vec::new(),
                shocks: Vec::new(),
                start,
            },
            competition: Competition {
                bids: Distribution::LogNormal { ln_median: 0.0, sigma: 0.4 },
                rivals: 1,
                season: None,
                clock,
                jumps: Vec::new(),
                shocks: Vec::new(),
                start,
            },
            auction_type: AuctionType::SecondPrice,
            floor: CpmMicros::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(market: &mut Market) -> Vec<Auction> {
        let mut all = Vec::new();
        let mut step = Vec::new();
        for tick in 0..8_640 {
            let from = Timestamp::from_micros(0) + Span::from_secs(10 * tick);
            market.fill(from, from + Span::from_secs(10), &mut step);
            all.extend_from_slice(&step);
        }
        all
    }

    #[test]
    fn arrivals_come_in_order_and_as_many_as_stated() {
        let segments = vec![testing::segment(30_000.0), testing::segment(10_000.0)];
        let auctions = day(&mut Market::modelled(segments, 1));
        assert!(auctions.is_sorted_by_key(|auction| auction.at));
        // Poisson with mean 40 000: sigma 200.
        assert!(auctions.len().abs_diff(40_000) < 800, "{}", auctions.len());
        let second = auctions.iter().filter(|auction| auction.segment == 1).count();
        assert!(second.abs_diff(10_000) < 400, "{second}");
    }

    #[test]
    fn the_same_seed_gives_the_same_market() {
        let market = |seed| day(&mut Market::modelled(vec![testing::segment(5_000.0)], seed));
        assert_eq!(market(7), market(7));
        assert_ne!(market(7), market(8));
    }

    #[test]
    fn a_record_is_read_once_in_order() {
        let made = day(&mut Market::modelled(vec![testing::segment(5_000.0)], 3));
        let mut market = Market::recorded(vec![testing::segment(0.0)], made.clone());
        assert_eq!(day(&mut market), made);
        assert!(day(&mut market).is_empty());
    }
}
