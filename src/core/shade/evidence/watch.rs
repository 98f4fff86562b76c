//! Which prices come again and again, in a bounded room.
//!
//! Space saving (Metwally, Agrawal and El Abbadi, ICDT 2005): whoever is least often seen gives its
//! place up, and its count is what the newcomer may have missed. Knows no intervals. Called by
//! `evidence`.

use serde::{Deserialize, Serialize};

/// Prices watched for coming back.
const WATCHED_MAX: usize = 24;

/// A price that may come back: seen at least `count − missed` times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Watched {
    price: i64,
    count: f32,
    missed: f32,
}

/// The prices under watch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Watch(Vec<Watched>);

impl Watch {
    /// Counts a price; how often it was seen for sure, after fading.
    pub(super) fn note(&mut self, price: i64, times: f32) -> f32 {
        let at = self.0.iter().position(|watched| watched.price == price);
        let at = match at {
            Some(at) => at,
            None if self.0.len() < WATCHED_MAX => {
                self.0.push(Watched { price, count: 0.0, missed: 0.0 });
                self.0.len() - 1
            }
            None => {
                let counts = self.0.iter().map(|watched| watched.count).enumerate();
                let least = counts.min_by(|a, b| a.1.total_cmp(&b.1));
                let (at, missed) = least.expect("there are some");
                self.0[at] = Watched { price, count: missed, missed };
                at
            }
        };
        self.0[at].count += times;
        self.0[at].count - self.0[at].missed
    }

    /// Multiplies all counts by a factor.
    pub(super) fn fade(&mut self, factor: f32) {
        for watched in &mut self.0 {
            watched.count *= factor;
            watched.missed *= factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_that_comes_back_is_counted_among_many_that_do_not() {
        let mut watch = Watch::default();
        let mut sure = 0.0;
        for number in 0..1_000 {
            let _ = watch.note(1_000 + number, 1.0);
            sure = watch.note(7, 1.0);
        }
        assert!(sure > 900.0 && watch.0.len() == WATCHED_MAX, "{sure}");
        watch.fade(0.5);
        assert!(watch.note(7, 1.0) < 502.0);
    }
}
