//! Lengths of time and instants as scenario files write them.

use paceline_core::units::{Span, Timestamp};

/// Why a text is no length or instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// When a length is not whole numbers each followed by d, h, m, s or ms.
    #[error("must be whole numbers with d, h, m, s or ms, such as \"1d12h\" or \"90s\"")]
    Length,
    /// When it is more than ten years: no run is.
    #[error("must be at most 3650 days")]
    TooLong,
    /// When an instant is not in the one form taken.
    #[error("must be an instant in UTC such as \"2025-03-30T00:00:00Z\", 1970 to 2199")]
    Instant,
}

/// A length such as `"1d12h"`.
///
/// # Errors
/// [`TimeError::Length`] or [`TimeError::TooLong`].
pub fn parse_span(text: &str) -> Result<Span, TimeError> {
    let mut rest = text.trim();
    let mut total = Span::ZERO;
    if rest.is_empty() {
        return Err(TimeError::Length);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(TimeError::Length)?;
        let count: i64 = rest[..digits].parse().map_err(|_| TimeError::Length)?;
        let after = &rest[digits..];
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let each = match &after[..unit] {
            "d" => Span::DAY,
            "h" => Span::HOUR,
            "m" => Span::MINUTE,
            "s" => Span::from_secs(1),
            "ms" => Span::from_millis(1),
            _ => return Err(TimeError::Length),
        };
        let micros = each.as_micros().checked_mul(count).ok_or(TimeError::TooLong)?;
        total = total + Span::from_micros(micros);
        rest = &after[unit..];
    }
    if total > Span::DAY.times(3_650) { Err(TimeError::TooLong) } else { Ok(total) }
}

/// An instant such as `"2025-03-30T00:00:00Z"`, to the second.
///
/// # Errors
/// [`TimeError::Instant`].
pub fn parse_instant(text: &str) -> Result<Timestamp, TimeError> {
    let fixed = text.len() == 20
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            19 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !fixed {
        return Err(TimeError::Instant);
    }
    let part = |from: usize, to: usize| -> i64 { text[from..to].parse().unwrap_or(-1) };
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let (hour, minute, second) = (part(11, 13), part(14, 16), part(17, 19));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(TimeError::Instant),
    };
    let sound = (1970..2200).contains(&year)
        && (1..=month_days).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    if !sound {
        return Err(TimeError::Instant);
    }
    // Days since 1970 by Howard Hinnant's civil calendar: the year begins in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Ok(Timestamp::from_micros(seconds * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_add_up() {
        assert_eq!(parse_span("1d12h"), Ok(Span::HOUR.times(36)));
        assert_eq!(parse_span("1m500ms"), Ok(Span::from_millis(60_500)));
        assert_eq!(parse_span("0s"), Ok(Span::ZERO));
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in ["", "5", "h", "5y", "1.5h", "-3s"] {
            assert_eq!(parse_span(text), Err(TimeError::Length), "{text}");
        }
        assert_eq!(parse_span("4000d"), Err(TimeError::TooLong));
    }

    #[test]
    fn instants_are_read_to_the_second() {
        let at = |text| parse_instant(text).map(Timestamp::as_micros);
        assert_eq!(at("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(at("2024-02-29T12:00:01Z"), Ok(1_709_208_001_000_000));
        assert_eq!(at("2023-02-29T12:00:01Z"), Err(TimeError::Instant));
        assert_eq!(at("2023-02-28"), Err(TimeError::Instant));
    }
}
