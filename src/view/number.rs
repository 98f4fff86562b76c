//! Numbers as text: grouped, rounded, shortened. Money is rounded in integers.
//!
//! Must not know what a number is for. Called by axes, tables and by whoever fills a [`Tile`].
//!
//! [`Tile`]: crate::Tile

/// What stands where there is no number.
pub const NONE: &str = "–";
/// Nanos in one unit of currency have this many digits.
const NANO_DIGITS: u8 = 9;

/// A number with exactly `digits` decimals (at most 17 are shown) and commas between thousands;
/// [`NONE`] when it is not finite.
///
/// ```
/// assert_eq!(paceline_view::number::fixed(1_234_567.891, 1), "1,234,567.9");
/// ```
#[must_use]
pub fn fixed(value: f64, digits: u8) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let digits = usize::from(digits.min(17));
    grouped(&format!("{value:.digits$}"))
}

/// A ratio in per cent, with a sign for it: 0.5 is `50%`.
#[must_use]
pub fn percent(ratio: f64, digits: u8) -> String {
    let text = fixed(ratio * 100.0, digits);
    if text == NONE { text } else { text + "%" }
}

/// Money given in nanos of a unit, with `digits` decimals (at most 9), rounded half to even.
///
/// ```
/// assert_eq!(paceline_view::number::money(1_234_565_000_000_i64, 2), "1,234.56");
/// ```
#[must_use]
pub fn money(nanos: impl Into<i128>, digits: u8) -> String {
    let nanos = nanos.into();
    let digits = digits.min(NANO_DIGITS);
    let unit = 10_u128.pow(u32::from(NANO_DIGITS - digits));
    let (whole, rest) = (nanos.unsigned_abs() / unit, nanos.unsigned_abs() % unit);
    let is_up = rest * 2 > unit || (rest * 2 == unit && whole % 2 == 1);
    let rounded = whole + u128::from(is_up);
    let scale = 10_u128.pow(u32::from(digits));
    let sign = if nanos < 0 { "-" } else { "" };
    let (before, after) = (rounded / scale, rounded % scale);
    if digits == 0 {
        return grouped(&format!("{sign}{before}"));
    }
    grouped(&format!("{sign}{before}.{after:0width$}", width = usize::from(digits)))
}

/// A number in few characters, for axes and summaries: `12k`, `1.5M`, `0.025`.
#[must_use]
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let (divisor, suffix) = magnitude(value.abs());
    let size = (value / divisor).abs();
    let digits = match size {
        _ if size == 0.0 || size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 1e-6 => 2 + leading_zeros(size),
        _ => return format!("{value:.1e}"),
    };
    let text = fixed(value / divisor, digits);
    let text = if text.contains('.') { text.trim_end_matches('0') } else { &text };
    text.trim_end_matches('.').to_owned() + suffix
}

/// What to divide numbers of about this size by, and the letter that says so.
pub(crate) fn magnitude(size: f64) -> (f64, &'static str) {
    match size {
        _ if size >= 1e12 => (1e12, "T"),
        _ if size >= 1e9 => (1e9, "B"),
        _ if size >= 1e6 => (1e6, "M"),
        _ if size >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    }
}

/// Zeros between the point and the first other digit of a number in (0, 1).
fn leading_zeros(size: f64) -> u8 {
    let zeros = (0..6_u8).take_while(|zeros| size * 10_f64.powi(i32::from(*zeros) + 1) < 1.0);
    zeros.fold(0, |count, _| count + 1)
}

/// Commas between thousands of a plain decimal; a minus before nothing but zeros is dropped.
fn grouped(plain: &str) -> String {
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("-", digits));
    let is_zero = digits.bytes().all(|byte| byte == b'0' || byte == b'.');
    let (whole, rest) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut text = String::with_capacity(plain.len() + whole.len() / 3);
    text.push_str(if is_zero { "" } else { sign });
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(fixed(999.0, 0), "999");
        assert_eq!(fixed(-1_234.5, 2), "-1,234.50");
        assert_eq!(fixed(1e6, 0), "1,000,000");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(f64::NAN, 2), NONE);
    }

    #[test]
    fn money_rounds_half_to_even() {
        assert_eq!(money(1_005_000_000_i64, 2), "1.00");
        assert_eq!(money(1_015_000_000_i64, 2), "1.02");
        assert_eq!(money(1_015_000_001_i64, 2), "1.02");
        assert_eq!(money(-1_500_000_000_i64, 0), "-2");
        assert_eq!(money(-2_500_000_000_i64, 0), "-2");
        assert_eq!(money(-400_000_000_i64, 0), "0");
        assert_eq!(money(i64::MAX, 9), "9,223,372,036.854775807");
        assert_eq!(money(999_999_999_i64, 2), "1.00");
    }

    #[test]
    fn short_numbers_keep_three_figures() {
        let texts = [0.0, 7.0, 1_234.0, 12_345.0, 1.5e6, 0.025, -0.5, 1e-9, 2.0e13].map(short);
        let expected = ["0", "7", "1,234", "12.3k", "1.5M", "0.025", "-0.5", "1.0e-9", "20T"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn percent_of_nothing_is_nothing() {
        assert_eq!(percent(0.125, 1), "12.5%");
        assert_eq!(percent(f64::INFINITY, 1), NONE);
    }
}
