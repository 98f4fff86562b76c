//! What may be said of paired differences: mean, interval, and the chance of it by mere luck.
//!
//! Runs with the same seed share their market, so a seed is one observation: differences are
//! averaged within seeds first, and Student's t is taken over seeds. Knows no worlds. Called by
//! cells.

use crate::number::{length, mean};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Of an interval.
const CONFIDENCE: f64 = 0.95;

/// A mean over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// The mean.
    pub mean: f64,
    /// Low end of the 95 % interval; absent with one seed.
    pub low: Option<f64>,
    /// High end of it; absent with one seed.
    pub high: Option<f64>,
    /// Chance of a mean at least as high if the true one were zero; absent with one seed.
    pub p: Option<f64>,
    /// How many.
    pub seeds: usize,
}

impl Paired {
    /// From one mean difference a seed; 0 without any.
    ///
    /// # Panics
    /// Never: Student's t is defined for one degree of freedom and more.
    #[must_use]
    pub fn of(by_seed: &[f64]) -> Self {
        let (seeds, centre) = (by_seed.len(), mean(by_seed));
        if seeds < 2 {
            return Self { mean: centre, low: None, high: None, p: None, seeds };
        }
        let freedom = length(seeds - 1);
        let squares: f64 = by_seed.iter().map(|one| (one - centre) * (one - centre)).sum();
        let error = (squares / freedom / length(seeds)).sqrt();
        let student = StudentsT::new(0.0, 1.0, freedom).expect("at least one degree of freedom");
        let half = error * student.inverse_cdf(0.5 + CONFIDENCE / 2.0);
        let p = if error > 0.0 {
            student.sf(centre / error)
        } else {
            // Without any scatter there is nothing to doubt, and nothing to be had from zero.
            f64::from(u8::from(centre <= 0.0))
        };
        Self {
            mean: centre,
            low: Some(centre - half),
            high: Some(centre + half),
            p: Some(p),
            seeds,
        }
    }
}

/// Holm's correction: what each chance is worth among all of them, in their order. Those that are
/// not known stay so and count for nothing.
#[must_use]
pub fn holm(chances: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = chances
        .iter()
        .enumerate()
        .filter_map(|(place, chance)| chance.map(|chance| (place, chance)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut corrected = vec![None; chances.len()];
    let mut most: f64 = 0.0;
    for (rank, &(place, chance)) in order.iter().enumerate() {
        most = most.max((chance * length(order.len() - rank)).min(1.0));
        corrected[place] = Some(most);
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_seeds_are_as_in_the_tables() {
        // Mean 2, deviation 1, error 1 ÷ √3; t of two degrees at 97.5 % is 4.302653.
        let paired = Paired::of(&[1.0, 2.0, 3.0]);
        let half = 4.302_652_73 / 3.0_f64.sqrt();
        assert!((paired.mean - 2.0).abs() < 1e-12);
        assert!((paired.low.unwrap() - (2.0 - half)).abs() < 1e-6);
        assert!((paired.high.unwrap() - (2.0 + half)).abs() < 1e-6);
        // Two degrees have a closed form: ½ − t ÷ (2 √(2 + t²)), with t = 2√3.
        let t = 2.0 * 3.0_f64.sqrt();
        let p = 0.5 - t / (2.0 * (2.0 + t * t).sqrt());
        assert!((paired.p.unwrap() - p).abs() < 1e-9, "{paired:?}");
    }

    #[test]
    fn one_seed_has_no_interval() {
        let paired = Paired::of(&[0.5]);
        assert_eq!((paired.mean, paired.low, paired.high, paired.p), (0.5, None, None, None));
    }

    #[test]
    fn no_scatter_leaves_no_doubt() {
        assert_eq!(Paired::of(&[1.0, 1.0]).p, Some(0.0));
        assert_eq!(Paired::of(&[0.0, 0.0]).p, Some(1.0));
        assert_eq!(Paired::of(&[1.0, 1.0]).low, Some(1.0));
    }

    #[test]
    fn holm_corrects_the_least_the_most_and_keeps_the_order() {
        let corrected = holm(&[Some(0.04), None, Some(0.01), Some(0.03), Some(0.9)]);
        let expected = [Some(0.09), None, Some(0.04), Some(0.09), Some(0.9)];
        for (found, expected) in corrected.iter().zip(expected) {
            match (found, expected) {
                (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12),
                (found, expected) => assert_eq!(*found, expected),
            }
        }
    }
}
