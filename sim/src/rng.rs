//! Randomness by name: one stream for each purpose, all from one seed.
//!
//! A draw added for one purpose shifts no other, so that a scenario's traffic stays the same when
//! its faults change. Streams are ChaCha, and the distributions use `libm`, so the same seed gives
//! the same numbers on every machine. Called by the generator and by the market.

use paceline_core::hash;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Above this mean a Poisson draw is made of smaller ones: `exp(-mean)` must stay above zero.
const POISSON_STEP: f64 = 500.0;

/// A stream of random numbers for one purpose.
#[derive(Debug, Clone)]
pub struct Stream {
    rng: ChaCha12Rng,
    /// The second half of the last pair of normal draws.
    spare_normal: Option<f64>,
}

impl Stream {
    /// The stream of a purpose under a seed. The name is all that tells streams apart.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let key = hash::key(purpose.as_bytes());
        let mut bytes = [0; 32];
        for (word, chunk) in (1_u64..).zip(bytes.chunks_exact_mut(8)) {
            chunk.copy_from_slice(
                &hash::mix(key ^ hash::mix(seed.wrapping_add(word))).to_le_bytes(),
            );
        }
        Self { rng: ChaCha12Rng::from_seed(bytes), spare_normal: None }
    }

    /// The stream of one of many that share a purpose, e.g. a campaign's own.
    #[must_use]
    pub fn numbered(seed: u64, purpose: &str, number: u64) -> Self {
        Self::new(hash::mix(seed ^ hash::mix(number)), purpose)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[0, bound)`; 0 for a bound of 0. The bias is below `bound / 2⁶⁴`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("below the bound")
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        let angle = std::f64::consts::TAU * self.unit();
        self.spare_normal = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// Log-normal: `exp(mu + sigma × normal)`.
    pub fn log_normal(&mut self, mu: f64, sigma: f64) -> f64 {
        libm::exp(mu + sigma * self.normal())
    }

    /// Gamma of scale 1 and a shape of at least 1 (Marsaglia and Tsang, 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape.max(1.0) - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        // Each round is taken with probability above 0.95, so the loop ends.
        loop {
            let normal = self.normal();
            let cube = libm::pow(1.0 + c * normal, 3.0);
            if cube > 0.0 {
                let bound = 0.5 * normal * normal + d - d * cube + d * libm::log(cube);
                if libm::log(1.0 - self.unit()) < bound {
                    return d * cube;
                }
            }
        }
    }

    /// Poisson of a mean of at least 0. Costs time in proportion to the mean.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        let mut left = mean.max(0.0);
        let mut count = 0;
        while left > 0.0 {
            let step = left.min(POISSON_STEP);
            left -= step;
            let floor = libm::exp(-step);
            let mut product = self.unit();
            while product > floor {
                count += 1;
                product *= self.unit();
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_has_a_stream_of_its_own() {
        let first = |purpose| Stream::new(7, purpose).bits();
        assert_eq!(first("prices"), first("prices"));
        assert_ne!(first("prices"), first("clicks"));
        assert_ne!(Stream::new(8, "prices").bits(), first("prices"));
        assert_ne!(Stream::numbered(7, "prices", 1).bits(), first("prices"));
    }

    #[test]
    fn distributions_have_their_published_means() {
        let mut stream = Stream::new(1, "means");
        let mut mean = |draw: &mut dyn FnMut(&mut Stream) -> f64| {
            (0..20_000).map(|_| draw(&mut stream)).sum::<f64>() / 20_000.0
        };
        let unit = mean(&mut Stream::unit);
        let normal = mean(&mut Stream::normal);
        let gamma = mean(&mut |stream| stream.gamma(3.77));
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let poisson = mean(&mut |stream| stream.poisson(1_200.0) as f64);
        assert!((unit - 0.5).abs() < 0.01, "{unit}");
        assert!(normal.abs() < 0.03, "{normal}");
        assert!((gamma - 3.77).abs() < 0.06, "{gamma}");
        assert!((poisson - 1_200.0).abs() < 1.0, "{poisson}");
    }
}
