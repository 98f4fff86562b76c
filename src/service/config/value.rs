//! The written form of each kind of setting: `"250ms"`, `"35%"`, `"2 GB"`, `"12.50 USD"`.
//!
//! Reading and writing are inverse of one another. Knows no key. Called by `check`, `print` and by
//! whoever reads other files written by people.

use paceline_core::units::{Currency, Micros, Ppm, Span, Timestamp};
use std::net::SocketAddr;
use std::path::PathBuf;

/// How a value is spelt in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In quotes.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// A list or date: no setting is one.
    Other,
    /// A table with nothing in it: no setting either, though it may be a section.
    Section,
    /// From the environment or a flag, where everything is text.
    Loose,
}

/// A kind of setting.
pub trait Value: Sized + Clone {
    /// How it is spelt in TOML.
    const FORM: Form;
    /// What it must be, to follow the words "must be".
    const WHAT: &'static str;

    /// Reads the written form; `None` when it is not one.
    fn parse(text: &str) -> Option<Self>;
    /// The written form, without quotes.
    fn show(&self) -> String;

    /// Whether a written form is one that hides what it stands for, so that it says nothing when it
    /// is read.
    fn is_mask(_text: &str) -> bool {
        false
    }
}

/// What stands where something is hidden.
pub const MASK: &str = "***";

/// An amount of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(u64);

impl Bytes {
    /// So many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A path to a file whose content must not be shown; neither is the path.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Option<PathBuf>);

impl Secret {
    /// Not set.
    pub const NONE: Self = Self(None);

    /// The file, if one is named.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        self.0.as_ref()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "***" } else { "none" })
    }
}

/// Where state lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// One folder on this machine; nothing to install.
    Embedded,
    /// Redis, for more than one replica.
    Redis,
}

/// For whom log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// People.
    Text,
    /// Machines: one JSON object a line.
    Json,
}

/// Least severity that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Someone must look.
    Error,
    /// Degraded, will heal.
    Warn,
    /// Life cycle and leadership.
    Info,
    /// Each decision round.
    Debug,
    /// Everything.
    Trace,
}

/// How time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKind {
    /// As it does.
    System,
    /// So many times faster, from the moment of starting: 1 to 100 000.
    Scaled(u32),
    /// So many times faster since a moment of the world, so that every process that is told the
    /// same shows the same time, also after a restart.
    ScaledSince(u32, Timestamp),
}

/// The largest factor of a scaled clock: a day in under a second; beyond it a tick of ten seconds
/// would be shorter than the machine can keep.
const SCALE_MAX: u32 = 100_000;

const SPAN_UNITS: [(&str, i64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

const BYTE_UNITS: [(&str, u64); 5] =
    [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1)];

/// Splits `"250ms"` and `"2 GB"` where the number ends.
fn split_unit(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    (!number.is_empty()).then(|| (number, unit.trim_start()))
}

/// A decimal number as a whole count of `10^-decimals`; `None` if it has more decimals than that.
fn parse_decimal(text: &str, decimals: u32) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let places = u32::try_from(part.len()).ok()?;
    if !digits(whole) || !digits(part) || (places > decimals && part != "0") {
        return None;
    }
    let scale = 10_i64.checked_pow(decimals)?;
    let part_scale = if part == "0" { 0 } else { 10_i64.checked_pow(decimals - places)? };
    let part = part.parse::<i64>().ok()?.checked_mul(part_scale)?;
    let sum = whole.parse::<i64>().ok()?.checked_mul(scale)?.checked_add(part)?;
    Some(if negative { -sum } else { sum })
}

/// The inverse of [`parse_decimal`], with at least `least` decimals shown.
fn show_decimal(value: i64, decimals: usize, least: usize) -> String {
    let scale = 10_u64.pow(u32::try_from(decimals).expect("a handful of decimals"));
    let sign = if value < 0 { "-" } else { "" };
    let (whole, part) = (value.unsigned_abs() / scale, value.unsigned_abs() % scale);
    let part = format!("{part:0decimals$}");
    let kept = part.trim_end_matches('0').len().max(least);
    if kept == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{}", &part[..kept]) }
}

/// Reads `"12.50 USD"`: at most six decimals, a space, a currency.
#[must_use]
pub fn parse_money(text: &str) -> Option<(Micros, Currency)> {
    let (amount, code) = text.split_once(' ')?;
    Some((Micros::new(parse_decimal(amount, 6)?), Currency::try_new(code).ok()?))
}

/// Writes `"12.50 USD"`: at least two decimals, exact.
#[must_use]
pub fn show_money(amount: Micros, currency: Currency) -> String {
    format!("{} {currency}", show_decimal(amount.get(), 6, 2))
}

impl Value for Span {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a length of time with its unit, like \"250ms\", \"10s\" or \"2h\"";

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split_unit(text)?;
        let (_, micros) = SPAN_UNITS.iter().find(|(name, _)| *name == unit)?;
        // The finest step is a microsecond: "1.5s" is exact, "0.3us" is refused.
        let millionths = i128::from(parse_decimal(number, 6)?) * i128::from(*micros);
        (millionths % 1_000_000 == 0).then_some(())?;
        i64::try_from(millionths / 1_000_000).ok().map(Self::from_micros)
    }

    fn show(&self) -> String {
        let micros = self.as_micros();
        if micros == 0 {
            return "0s".to_owned();
        }
        // Days only from two on: people say "24h" and "36h", but "35d".
        let unit =
            |(name, size): &&(&str, i64)| micros % size == 0 && (*name != "d" || micros / size > 1);
        let (name, size) = SPAN_UNITS.iter().find(unit).expect("a microsecond divides all");
        format!("{}{name}", micros / size)
    }
}

impl Value for Bytes {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "an amount of storage with its unit, like \"4 MB\" or \"2 GB\"";

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split_unit(text)?;
        let (_, size) = BYTE_UNITS.iter().find(|(name, _)| *name == unit)?;
        number.parse::<u64>().ok()?.checked_mul(*size).map(Self)
    }

    fn show(&self) -> String {
        let fits = |(_, size): &&(&str, u64)| self.0 >= *size && self.0.is_multiple_of(*size);
        let (name, size) = BYTE_UNITS.iter().find(fits).unwrap_or(&("B", 1));
        format!("{} {name}", self.0 / size)
    }
}

impl Value for Ppm {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a share, like \"35%\" or \"98.5%\"";

    fn parse(text: &str) -> Option<Self> {
        let tenthousandths = parse_decimal(text.strip_suffix('%')?, 4)?;
        u32::try_from(tenthousandths).ok().map(Self::new)
    }

    fn show(&self) -> String {
        format!("{}%", show_decimal(i64::from(self.get()), 4, 0))
    }
}

impl Value for bool {
    const FORM: Form = Form::Boolean;
    const WHAT: &'static str = "true or false";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for f64 {
    const FORM: Form = Form::Float;
    const WHAT: &'static str = "a number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number: &Self| number.is_finite())
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

/// Whole numbers.
macro_rules! whole {
    ($($int:ty),*) => {$(
        impl Value for $int {
            const FORM: Form = Form::Integer;
            const WHAT: &'static str = "a whole number";

            fn parse(text: &str) -> Option<Self> {
                text.replace('_', "").parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
whole!(u16, u32);

/// Values that are one of a few words.
macro_rules! words {
    ($kind:ty, $what:literal, $($word:literal => $variant:expr),+) => {
        impl Value for $kind {
            const FORM: Form = Form::Text;
            const WHAT: &'static str = $what;

            fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some($variant),)+ _ => None }
            }

            fn show(&self) -> String {
                let words = [$(($word, $variant)),+];
                let (word, _) = words.iter().find(|(_, v)| v == self).expect("every one is listed");
                (*word).to_owned()
            }
        }
    };
}
words!(StoreKind, "\"embedded\" or \"redis\"",
    "embedded" => Self::Embedded, "redis" => Self::Redis);
words!(LogFormat, "\"text\" or \"json\"", "text" => Self::Text, "json" => Self::Json);
words!(LogLevel, "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    "error" => Self::Error, "warn" => Self::Warn, "info" => Self::Info,
    "debug" => Self::Debug, "trace" => Self::Trace);

impl Value for ClockKind {
    const FORM: Form = Form::Text;
    const WHAT: &'static str =
        "\"system\", \"scaled:N\" or \"scaled:N@SECONDS\", with N from 1 to 100000";

    fn parse(text: &str) -> Option<Self> {
        if text == "system" {
            return Some(Self::System);
        }
        let scaled = text.strip_prefix("scaled:")?;
        let (factor, since) = match scaled.split_once('@') {
            Some((factor, since)) => (factor, Some(since)),
            None => (scaled, None),
        };
        let factor = factor.parse().ok().filter(|factor| (1..=SCALE_MAX).contains(factor))?;
        let Some(since) = since else { return Some(Self::Scaled(factor)) };
        let micros = since.parse::<i64>().ok()?.checked_mul(1_000_000)?;
        let since = Some(Timestamp::from_micros(micros)).filter(|at| at.is_plausible())?;
        Some(Self::ScaledSince(factor, since))
    }

    fn show(&self) -> String {
        match self {
            Self::System => "system".to_owned(),
            Self::Scaled(factor) => format!("scaled:{factor}"),
            Self::ScaledSince(factor, since) => {
                format!("scaled:{factor}@{}", since.as_micros() / 1_000_000)
            }
        }
    }
}

impl Value for SocketAddr {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "an address and a port, like \"127.0.0.1:7410\" or \"[::1]:0\"";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "text in quotes";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a path in quotes";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for Option<PathBuf> {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a path in quotes, or \"\" for none";

    fn parse(text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| PathBuf::from(text)))
    }

    fn show(&self) -> String {
        self.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

impl Value for Option<Currency> {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a code of three capital letters in quotes, or \"\" for none";

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { Currency::try_new(text).ok().map(Some) }
    }

    fn show(&self) -> String {
        self.map(|currency| currency.to_string()).unwrap_or_default()
    }
}

impl Value for Secret {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "the path of a file that holds the secret, or \"\" for none";

    fn parse(text: &str) -> Option<Self> {
        Option::<PathBuf>::parse(text).map(Self)
    }

    fn show(&self) -> String {
        self.0.as_ref().map(|_| MASK.to_owned()).unwrap_or_default()
    }

    fn is_mask(text: &str) -> bool {
        text == MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_read_with_their_unit_and_never_without() {
        assert_eq!(Span::parse("250ms"), Some(Span::from_millis(250)));
        assert_eq!(Span::parse("1.5h"), Some(Span::from_mins(90)));
        assert_eq!(Span::parse("7d"), Some(Span::DAY.times(7)));
        for wrong in ["10", "ms", "", "10 parsecs", "-1s", "1.2.3s", "0.3us", "99999999999999d"] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn shares_and_amounts_are_exact_or_refused() {
        assert_eq!(Ppm::parse("98.5%"), Some(Ppm::new(985_000)));
        assert_eq!(Ppm::parse("0.0001%"), Some(Ppm::new(1)));
        assert_eq!(Ppm::parse("0.00001%"), None);
        assert_eq!(Ppm::parse("35"), None);
        assert_eq!(Bytes::parse("2 GB"), Some(Bytes::new(2_000_000_000)));
        assert_eq!(Bytes::parse("2"), None);
    }

    #[test]
    fn money_needs_its_currency() {
        let usd = Currency::try_new("USD").unwrap();
        assert_eq!(parse_money("12.50 USD"), Some((Micros::new(12_500_000), usd)));
        assert_eq!(parse_money("-0.000001 USD"), Some((Micros::new(-1), usd)));
        for wrong in ["12.50", "12.50 usd", "0.0000001 USD", " USD", ". USD"] {
            assert_eq!(parse_money(wrong), None, "{wrong}");
        }
        assert_eq!(show_money(Micros::new(12_500_000), usd), "12.50 USD");
    }

    #[test]
    fn a_secret_shows_neither_in_text_nor_in_debug() {
        let secret = Secret::parse("/etc/key").unwrap();
        assert_eq!((secret.show(), format!("{secret:?}")), ("***".to_owned(), "***".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(
            micros in 0_i64..4_000_000_000_000, bytes: u64, ppm: u32, amount: i32, number: f64,
        ) {
            let span = Span::from_micros(micros);
            prop_assert_eq!(Span::parse(&span.show()), Some(span));
            let bytes = Bytes::new(bytes);
            prop_assert_eq!(Bytes::parse(&bytes.show()), Some(bytes));
            let share = Ppm::new(ppm);
            prop_assert_eq!(Ppm::parse(&share.show()), Some(share));
            let money = (Micros::new(i64::from(amount)), Currency::NONE);
            prop_assert_eq!(parse_money(&show_money(money.0, money.1)), Some(money));
            if number.is_finite() {
                let read = f64::parse(&number.show()).map(f64::to_bits);
                prop_assert_eq!(read, Some(number.to_bits()));
            }
        }
    }
}
