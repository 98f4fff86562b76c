//! Which corners of the envelope a schedule keeps.
//!
//! Corners are added one by one where the line loses most. Between two that are kept the bid rises,
//! or holds until the dearer one is better, whichever loses less. Losses are shares of the surplus,
//! every value weighing the same in the logarithm. Called by `schedule`.

use super::super::number::{price, real};
use super::super::surplus::{Corner, Envelope, Market};
use super::KNOTS_MAX;
use crate::units::CpmMicros;

/// Mean loss below which no corner is added: a quarter of what is promised, since values are not
/// spread evenly.
const LOSS_MAX: f64 = 0.000_5;
/// Values beyond so many times the cheapest bid that wins half of what any wins are bid as those.
const VALUE_SPAN: f64 = 32.0;
/// Corners tried for a place in a stretch.
const TRIED_MAX: usize = 8;

/// A knot to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) value: i64,
    pub(super) bid: i64,
    pub(super) is_held: bool,
}

/// A stretch between two corners that are kept.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: usize,
    to: usize,
    is_held: bool,
    /// Loss times the length in the logarithm.
    loss: f64,
    /// The corner that it misses most.
    missed: usize,
}

struct Line<'a> {
    market: &'a Market<'a>,
    corners: &'a [Corner],
}

/// The points of a line, and its mean loss.
pub(super) fn fit(market: &Market<'_>, envelope: &Envelope) -> (Vec<Point>, f64) {
    let all = envelope.corners();
    let most = all.last().map_or(0.0, |last| last.chance);
    let middle = all.iter().find(|corner| corner.chance >= most / 2.0);
    let end = middle.map_or(0.0, |corner| VALUE_SPAN * real(corner.bid.get()));
    let count = all.partition_point(|corner| corner.from <= end);
    let line = Line { market, corners: &all[..count] };
    let Some(first) = line.corners.first() else { return (Vec::new(), 0.0) };
    if count == 1 {
        return (vec![point(first.from, first, false)], 0.0);
    }
    let length = libm::log(line.corners[count - 1].from / first.from).max(1e-9);
    let mut stretches = vec![line.stretch(0, count - 1)];
    let mut loss = stretches[0].loss;
    while loss > LOSS_MAX * length && stretches.len() < KNOTS_MAX - 1 {
        let by_loss = |a: &(usize, &Stretch), b: &(usize, &Stretch)| a.1.loss.total_cmp(&b.1.loss);
        let worst = stretches.iter().enumerate().filter(|(_, one)| one.to - one.from > 1);
        let Some((at, stretch)) = worst.max_by(by_loss) else { break };
        let (low, high) = line.split(*stretch);
        stretches[at] = low;
        stretches.insert(at + 1, high);
        loss = stretches.iter().map(|one| one.loss).sum();
    }
    let mut points = vec![point(first.from, first, stretches[0].is_held)];
    for (place, stretch) in stretches.iter().enumerate() {
        let next = stretches.get(place + 1).is_some_and(|next| next.is_held);
        let corner = &line.corners[stretch.to];
        points.push(point(line.turn(stretch), corner, next));
    }
    // Rounding may bring two turns together; the dearer bid is the better one from there on.
    points.dedup_by(|later, earlier| {
        let meets = later.value <= earlier.value;
        if meets {
            (earlier.bid, earlier.is_held) = (later.bid, later.is_held);
        }
        meets
    });
    (points, loss / length)
}

fn point(value: f64, corner: &Corner, is_held: bool) -> Point {
    let bid = corner.bid.get();
    Point { value: price(libm::ceil(value)).max(bid), bid, is_held }
}

impl Line<'_> {
    /// The value from which the end of a stretch is bid for.
    fn turn(&self, stretch: &Stretch) -> f64 {
        let (low, high) = (&self.corners[stretch.from], &self.corners[stretch.to]);
        if stretch.is_held { crossing(low, high) } else { high.from }
    }

    /// The better of the two ways from one corner to another.
    fn stretch(&self, from: usize, to: usize) -> Stretch {
        let (low, high) = (&self.corners[from], &self.corners[to]);
        let mut ways = [(0.0, 0.0, from), (0.0, 0.0, from)];
        let turn = crossing(low, high);
        let run = (high.from - low.from).max(1.0);
        for at in from..to {
            let (corner, next) = (&self.corners[at], &self.corners[at + 1]);
            // Where the corner begins to be best, and half way to the next.
            let half = libm::log(next.from / corner.from) / 2.0;
            for value in [corner.from, libm::sqrt(corner.from * next.from)] {
                let best = (value - real(corner.bid.get())) * corner.chance;
                let least = best.max(0.002 * value);
                let kept = if value < turn { low } else { high };
                let held = (value - real(kept.bid.get())) * kept.chance;
                let rise = real(high.bid.get() - low.bid.get()) * (value - low.from) / run;
                let bid = CpmMicros::new(price(real(low.bid.get()) + rise));
                let risen = (value - real(bid.get())) * self.market.chance(bid);
                for (way, got) in ways.iter_mut().zip([held, risen]) {
                    let loss = (best - got).max(0.0) / least;
                    way.0 += half * loss;
                    // Either side of what is missed may be what is needed.
                    if loss > way.1 {
                        way.1 = loss;
                        way.2 = if at > from { at } else { at + 1 };
                    }
                }
            }
        }
        let is_held = ways[0].0 <= ways[1].0;
        let way = ways[usize::from(!is_held)];
        Stretch { from, to, is_held, loss: way.0, missed: way.2 }
    }

    /// Two stretches for one, with the corner between them that loses least of those tried.
    fn split(&self, stretch: Stretch) -> (Stretch, Stretch) {
        let inside = stretch.to - stretch.from - 1;
        let step = inside.div_ceil(TRIED_MAX).max(1);
        let even = (stretch.from + 1..stretch.to).step_by(step);
        let missed = stretch.missed.clamp(stretch.from + 1, stretch.to - 1);
        let mut best = (self.stretch(stretch.from, missed), self.stretch(missed, stretch.to));
        for at in even {
            let tried = (self.stretch(stretch.from, at), self.stretch(at, stretch.to));
            if tried.0.loss + tried.1.loss < best.0.loss + best.1.loss {
                best = tried;
            }
        }
        best
    }
}

/// The value at which two corners leave over the same.
fn crossing(low: &Corner, high: &Corner) -> f64 {
    let cost = |corner: &Corner| real(corner.bid.get()) * corner.chance;
    (cost(high) - cost(low)) / (high.chance - low.chance).max(1e-12)
}
