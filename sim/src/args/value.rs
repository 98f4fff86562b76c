//! Values of flags, each with its rule. The parser puts flag and value before the rule.

use crate::contender::Contender;
use crate::policy::Policy;
use crate::scenario::expect::law_of;
use crate::scenario::span::parse_span;
use crate::trace::auctions::PRICE_MAX;
use paceline_core::campaign::LawChoice;
use paceline_core::units::{CpmMicros, Nanos, Span, Timestamp};
use std::path::PathBuf;

/// The most rows generated at once.
const ROWS_MAX: u64 = 10_000_000_000;
/// The most threads: no machine has more cores, and each run takes its own memory.
const THREADS_MAX: usize = 1_024;

/// A law or a rival by name.
pub(super) fn contender(text: &str) -> Result<Contender, String> {
    Contender::named(text).ok_or_else(|| {
        let names: Vec<&str> = Contender::all().into_iter().map(Contender::name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// A file of rows.
pub(super) fn table(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("csv" | "parquet") => Ok(path),
        _ => Err("must end in .csv or .parquet".to_owned()),
    }
}

/// A law by name.
pub(super) fn law(text: &str) -> Result<LawChoice, String> {
    law_of(text).ok_or_else(|| "must be log-pid, pass-through or asap".to_owned())
}

/// A fixed policy.
pub(super) fn policy(text: &str) -> Result<Policy, String> {
    let form = || "must be const:CPM_MICROS or lin:CPM_MICROS".to_owned();
    let (name, bid) = text.split_once(':').ok_or_else(form)?;
    let bid: i64 = bid.parse().map_err(|_| form())?;
    if !(0..=PRICE_MAX.get()).contains(&bid) {
        return Err(format!("CPM_MICROS must be 0 to {}", PRICE_MAX.get()));
    }
    match name {
        "const" => Ok(Policy::Const(CpmMicros::new(bid))),
        "lin" => Ok(Policy::Linear(CpmMicros::new(bid))),
        _ => Err(form()),
    }
}

/// A count of threads.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=THREADS_MAX) => Ok(threads),
        _ => Err(format!("must be an integer from 1 to {THREADS_MAX}")),
    }
}

/// A budget in nanos.
pub(super) fn budget(text: &str) -> Result<Nanos, String> {
    match text.parse() {
        Ok(nanos @ 1..=4_000_000_000_000_000_000) => Ok(Nanos::new(nanos)),
        _ => Err("must be an integer from 1 to 4000000000000000000 nanos".to_owned()),
    }
}

/// The name of a column.
pub(super) fn column(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// A factor.
pub(super) fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(scale),
        _ => Err("must be a finite number above zero".to_owned()),
    }
}

/// How many rows.
pub(super) fn rows(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(rows @ 1..=ROWS_MAX) => Ok(rows),
        _ => Err(format!("must be an integer from 1 to {ROWS_MAX}")),
    }
}

/// An instant that leaves room for the days that follow it.
pub(super) fn start(text: &str) -> Result<Timestamp, String> {
    let latest = Timestamp::MAX - Span::DAY.times(367);
    match text.parse().map(Timestamp::from_micros) {
        Ok(at) if (Timestamp::MIN..=latest).contains(&at) => Ok(at),
        _ => Err(format!("must be an integer from 0 to {}", latest.as_micros())),
    }
}

/// Where a service listens.
pub(super) fn endpoint(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(char::is_whitespace) => {
            Ok(text.to_owned())
        }
        _ => Err("must be http://HOST:PORT or https://HOST:PORT".to_owned()),
    }
}

/// A length of time above zero.
pub(super) fn span(text: &str) -> Result<Span, String> {
    match parse_span(text) {
        Ok(span) if span > Span::ZERO => Ok(span),
        Ok(_) => Err("must be above zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What names begin with.
pub(super) fn stem(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("must have 1 to 32 letters, digits, dots and dashes".to_owned())
    }
}
