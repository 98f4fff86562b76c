//! How values are spelt: money as "1250.00 USD", shares as "150%", choices as words.
//!
//! Each function takes text and gives the value or the rule that the text breaks. Money is counted
//! in integers from the first digit on. Called by the checks.

use paceline_core::campaign::{
    BillingEvent, CampaignStatus, DeliveryMode, LawChoice, RefundPolicy, ShadingLevel,
    ShadingObjective, SpendSource,
};
use paceline_core::units::{
    CpmMicros, Currency, Micros, MoneyError, Name, Nanos, PacingMultiplier, Ppm,
};

/// Decimals of money: a budget counts whole micros.
const MONEY_DIGITS: usize = 6;
/// Decimals of a percentage: a multiplier counts parts per million.
const SHARE_DIGITS: usize = 4;

pub(crate) const NAME: &str = "a name of 1 to 64 bytes";
pub(crate) const MONEY: &str = "money such as \"1250.00 USD\"";
pub(crate) const SHARE: &str = "a share such as \"100%\"";

pub(crate) fn name(text: &str) -> Result<Name, String> {
    Name::try_new(text).map_err(|error| error.to_string())
}

pub(crate) fn currency(text: &str) -> Result<Currency, String> {
    Currency::try_new(text).map_err(|error| error.to_string())
}

/// A decimal number with at most `digits` decimals, in units of its last possible decimal.
fn decimal(text: &str, digits: usize) -> Result<i128, String> {
    let bare = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
    if ["nan", "inf", "infinity"].contains(&bare.as_str()) {
        return Err("must not be NaN or infinity".to_owned());
    }
    let (sign, size) = text.strip_prefix('-').map_or((1, text), |size| (-1, size));
    let (whole, part) = size.split_once('.').unwrap_or((size, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return Err("must be a decimal number without exponent, such as 1250.00".to_owned());
    }
    if part.len() > digits {
        return Err(format!("must have at most {digits} decimals"));
    }
    let padded = format!("{whole}{part:0<digits$}");
    padded.parse::<i128>().map(|size| sign * size).map_err(|_| too_large())
}

fn too_large() -> String {
    MoneyError::TooLarge.to_string()
}

/// An amount above zero, at most four billion units, in micros.
fn money_micros(text: &str, due: Option<Currency>) -> Result<i64, String> {
    let Some((amount, code)) = text.trim().split_once(' ') else {
        return Err(format!("must be an amount and a currency: {MONEY} is due"));
    };
    let given = currency(code.trim())?;
    if let Some(due) = due.filter(|due| *due != given) {
        return Err(format!("must be in {due}, the advertiser's currency"));
    }
    let micros = decimal(amount, MONEY_DIGITS)?;
    let micros = i64::try_from(micros).map_err(|_| too_large())?;
    Nanos::try_budget(Micros::new(micros)).map_err(|error| error.to_string())?;
    Ok(micros)
}

/// A budget or cap in the advertiser's currency, where that is known.
pub(crate) fn budget(text: &str, due: Option<Currency>) -> Result<Nanos, String> {
    money_micros(text, due).map(|micros| Nanos::from(Micros::new(micros)))
}

/// A price per thousand in the advertiser's currency, where that is known.
pub(crate) fn cpm(text: &str, due: Option<Currency>) -> Result<CpmMicros, String> {
    money_micros(text, due).map(CpmMicros::new)
}

/// Parts per million; `rule` is told of what is none, or out of their range.
fn share(text: &str, rule: &str) -> Result<Ppm, String> {
    let Some(number) = text.trim().strip_suffix('%') else {
        return Err(format!("must end in %: {SHARE} is due"));
    };
    let ppm = decimal(number.trim_end(), SHARE_DIGITS)?;
    u32::try_from(ppm).map(Ppm::new).map_err(|_| rule.to_owned())
}

/// Above 0 %, at most 400 %.
pub(crate) fn multiplier(text: &str) -> Result<PacingMultiplier, String> {
    let rule = "must be above 0% and at most 400%";
    let ppm = share(text, rule)?;
    let multiplier = PacingMultiplier::try_new(ppm).ok().filter(|_| ppm.get() > 0);
    multiplier.ok_or_else(|| rule.to_owned())
}

/// Revenue over spend; the specification bounds it.
pub(crate) fn return_on_spend(text: &str) -> Result<Ppm, String> {
    share(text, "must be above 0% and at most 400000%")
}

/// Of a usual day's traffic; the specification bounds it.
pub(crate) fn share_of_traffic(text: &str) -> Result<Ppm, String> {
    share(text, "must be at most 1000%")
}

/// Of a day's average: at least all of it, at most ten times.
pub(crate) fn share_of_average(text: &str) -> Result<Ppm, String> {
    let rule = "must be at least 100% and at most 1000%";
    let ppm = share(text, rule)?;
    let is_sound = (1_000_000..=10_000_000).contains(&ppm.get());
    if is_sound { Ok(ppm) } else { Err(rule.to_owned()) }
}

/// Over a plan; the specification bounds it.
pub(crate) fn share_of_plan(text: &str) -> Result<Ppm, String> {
    share(text, "must be at most 900%")
}

/// A choice of words.
pub(crate) trait Choice: Sized + Copy + 'static {
    /// Every word and what it means.
    const WORDS: &'static [(&'static str, Self)];

    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| format!("must be {}", Self::listed()))
    }

    fn listed() -> String {
        let words: Vec<_> = Self::WORDS.iter().map(|(word, _)| format!("{word:?}")).collect();
        words.join(" or ")
    }
}

macro_rules! choice {
    ($($type:ident { $($word:literal => $variant:ident),+ $(,)? })+) => {$(
        impl Choice for $type {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }
    )+};
}

choice! {
    DeliveryMode { "even" => Even, "ahead" => Ahead, "asap" => Asap }
    LawChoice { "log_pid" => LogPid, "pass_through" => PassThrough, "asap" => Asap }
    BillingEvent { "impression" => Impression, "click" => Click, "action" => Action }
    SpendSource { "events" => Events, "counters" => Counters }
    RefundPolicy { "hold" => Hold, "respend" => Respend }
    ShadingLevel {
        "off" => Off, "cautious" => Cautious, "standard" => Standard, "aggressive" => Aggressive,
    }
    ShadingObjective { "value" => Value, "surplus" => Surplus }
    CampaignStatus { "active" => Active, "paused" => Paused, "archived" => Archived }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_to_the_micro() {
        let nanos = |text| budget(text, None).map(Nanos::get);
        assert_eq!(nanos("1250.00 USD"), Ok(1_250_000_000_000));
        assert_eq!(nanos("0.000001 EUR"), Ok(1_000));
        assert_eq!(nanos("4000000000 EUR"), Ok(4_000_000_000_000_000_000));
        assert_eq!(nanos("4000000000.000001 EUR"), Err(too_large()));
        assert_eq!(nanos(&format!("{} EUR", "9".repeat(60))), Err(too_large()));
    }

    #[test]
    fn a_price_per_thousand_counts_micros() {
        assert_eq!(cpm("8.85 USD", None), Ok(CpmMicros::new(8_850_000)));
    }

    #[test]
    fn a_multiplier_may_reach_four() {
        let ppm = |text| multiplier(text).map(|multiplier| multiplier.ppm().get());
        assert_eq!(ppm("100%"), Ok(1_000_000));
        assert_eq!(ppm("0.0001%"), Ok(1));
        assert_eq!(ppm("400 %"), Ok(4_000_000));
        assert!(ppm("400.0001%").is_err() && ppm("0%").is_err() && ppm("-1%").is_err());
    }
}
