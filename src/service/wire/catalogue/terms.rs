//! Law, delivery terms and holidays, both ways.
//!
//! Called by the messages of campaigns and advertisers.

use super::super::{Refusal, instant, instant_message, optional_key};
use super::{Complaints, micros, money};
use paceline_calendar::Zone;
use paceline_core::campaign::{DeliveryTerms, HOLIDAYS_MAX, Holiday, LawChoice};
use paceline_core::hours::HoursOfWeek;
use paceline_core::units::{Ppm, ShapeId};
use paceline_proto::v1;

/// The law a number stands for; 0 is the log PID.
///
/// # Errors
/// [`Refusal`] when the number stands for nothing.
pub fn law(field: &str, number: i32) -> Result<LawChoice, Refusal> {
    match v1::PacingLaw::try_from(number) {
        Ok(v1::PacingLaw::Unspecified | v1::PacingLaw::LogPid) => Ok(LawChoice::LogPid),
        Ok(v1::PacingLaw::PassThrough) => Ok(LawChoice::PassThrough),
        Ok(v1::PacingLaw::Asap) => Ok(LawChoice::Asap),
        Err(_) => Err(Refusal::new(field, number, "must be a pacing law")),
    }
}

/// The number that stands for a law.
#[must_use]
pub const fn law_number(law: LawChoice) -> i32 {
    match law {
        LawChoice::LogPid => v1::PacingLaw::LogPid as i32,
        LawChoice::PassThrough => v1::PacingLaw::PassThrough as i32,
        LawChoice::Asap => v1::PacingLaw::Asap as i32,
    }
}

/// A campaign's delivery terms; nothing where one has a fault, which is told.
pub(super) fn terms(
    path: &str,
    message: &v1::Campaign,
    complaints: &mut Complaints,
) -> Option<DeliveryTerms> {
    let curve = optional_key("curve_shape_id", message.curve_shape_id.as_deref(), ShapeId::of);
    let curve = complaints.keep(path, curve);
    let hours = complaints.keep(path, hours(&message.hours_of_week));
    let minimum = message.minimum_micros.map(|micros| money("minimum_micros", micros));
    let minimum = complaints.keep(path, minimum.transpose());
    let default = DeliveryTerms::default();
    Some(DeliveryTerms {
        ahead: message.ahead_ppm.map_or(default.ahead, Ppm::new),
        catch_up: message.catch_up_ppm.map(Ppm::new),
        minimum: minimum?,
        hours: hours?,
        curve: curve?,
    })
}

fn hours(listed: &[u32]) -> Result<HoursOfWeek, Refusal> {
    if listed.is_empty() {
        return Ok(HoursOfWeek::ALL);
    }
    let mut hours = HoursOfWeek::NONE;
    for (index, &hour) in listed.iter().enumerate() {
        let hour = u8::try_from(hour).ok().filter(|&hour| hour < 168).ok_or_else(|| {
            Refusal::new(format!("hours_of_week[{index}]"), hour, "must be 0 to 167")
        })?;
        hours = hours.with(hour);
    }
    Ok(hours)
}

/// Delivery terms in a campaign's message; `curve` is the name of their shape.
pub(super) fn with_terms(
    message: v1::Campaign,
    terms: &DeliveryTerms,
    curve: Option<String>,
) -> v1::Campaign {
    let hours = terms.hours.iter().map(u32::from);
    v1::Campaign {
        ahead_ppm: Some(terms.ahead.get()),
        catch_up_ppm: terms.catch_up.map(Ppm::get),
        hours_of_week: if terms.hours.is_all() { Vec::new() } else { hours.collect() },
        curve_shape_id: curve,
        minimum_micros: terms.minimum.map(micros),
        ..message
    }
}

/// An advertiser's holidays; `zone` is its own, unless that is at fault.
pub(super) fn holidays(
    path: &str,
    messages: &[v1::Holiday],
    zone: Option<&Zone>,
    complaints: &mut Complaints,
) -> Vec<Holiday> {
    if messages.len() > HOLIDAYS_MAX {
        let rule = "must have at most 400 days";
        complaints.add(&format!("{path}.holidays"), &messages.len().to_string(), rule);
    }
    let read = |(index, message): (usize, &v1::Holiday)| {
        let path = format!("{path}.holidays[{index}]");
        let day = complaints.keep(&path, instant("day", message.day.as_ref()))?;
        let starts = |zone: &Zone| {
            zone.days(day, day).first().is_some_and(|local| local.window.start() == day)
        };
        if zone.is_some_and(|zone| !starts(zone)) {
            let rule = "must be the first moment of a day in the advertiser's time zone";
            complaints.add(&format!("{path}.day"), &day.as_micros().to_string(), rule);
            return None;
        }
        Some(Holiday { day, traffic: Ppm::new(message.traffic_ppm) })
    };
    messages.iter().take(HOLIDAYS_MAX).enumerate().filter_map(read).collect()
}

/// The messages of holidays.
pub(super) fn holiday_messages(holidays: &[Holiday]) -> Vec<v1::Holiday> {
    let message = |holiday: &Holiday| v1::Holiday {
        day: Some(instant_message(holiday.day)),
        traffic_ppm: holiday.traffic.get(),
    };
    holidays.iter().map(message).collect()
}
