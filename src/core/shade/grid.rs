//! The price line: sixteen steps an octave, in whole micros, the same on every machine.
//!
//! Prices are told apart in proportion, so a grid that is even in the logarithm serves a market of
//! cents and one of units alike. Made of shifts alone. Knows nothing of what is counted on it.
//! Called by `evidence` and `estimate`.

/// Steps in an octave: 4.4 % a step. The surplus is flat about its best bid, so that a bid which is
/// half a step off loses a thousandth of it.
const PER_OCTAVE: u32 = 16;
/// 2^(k / 16) in units of 2⁻²⁰.
const MANTISSAS: [i64; PER_OCTAVE as usize] = [
    1_048_576, 1_095_000, 1_143_480, 1_194_106, 1_246_974, 1_302_182, 1_359_835, 1_420_040,
    1_482_910, 1_548_564, 1_617_125, 1_688_722, 1_763_488, 1_841_564, 1_923_097, 2_008_240,
];
/// The first step: 64 micros per thousand. Below it edges would meet.
pub(super) const FIRST: u32 = 6 * PER_OCTAVE;
/// The last step: 2⁵⁰ micros, a million units an impression.
pub(super) const LAST: u32 = 50 * PER_OCTAVE;

/// The price of a step, rounded down; steps outside [`FIRST`] to [`LAST`] count as the nearest.
pub(super) const fn edge(step: u32) -> i64 {
    let step = if step < FIRST {
        FIRST
    } else if step > LAST {
        LAST
    } else {
        step
    };
    let (octave, place) = (step / PER_OCTAVE, step % PER_OCTAVE);
    let mantissa = MANTISSAS[place as usize];
    if octave >= 20 { mantissa << (octave - 20) } else { mantissa >> (20 - octave) }
}

/// The least step whose price is at least this; [`LAST`] for what is beyond it.
pub(super) fn step_of(price: i64) -> u32 {
    if price <= edge(FIRST) {
        return FIRST;
    }
    let octave = 63 - price.leading_zeros();
    let from = octave * PER_OCTAVE;
    (from..=from + PER_OCTAVE).find(|&step| edge(step) >= price).map_or(LAST, |step| step.min(LAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_rise_and_every_price_lies_between_two() {
        for step in FIRST..LAST {
            assert!(edge(step) < edge(step + 1), "{step}");
        }
        for price in [1, 64, 65, 66, 999, 200_000, 1_000_000, 123_456_789, 1 << 50] {
            let step = step_of(price);
            assert!(edge(step) >= price, "{price}");
            assert!(step == FIRST || edge(step - 1) < price, "{price}");
        }
        assert_eq!(step_of(i64::MAX), LAST);
    }
}
