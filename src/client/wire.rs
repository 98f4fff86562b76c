//! Messages to core's types and back: the only file here that knows both.
//!
//! What breaks a rule is refused with field, value and rule; nothing is guessed. Called by the
//! subscriber and the reporters.

use crate::board_writer::TableHead;
use crate::shade_books::ShadesPart;
use paceline_core::hash::Digest;
use paceline_core::input::HeldAllowance;
use paceline_core::shade::ShadeDelta;
use paceline_core::shade::codec::{ShadeCodecError, decode_schedules, decode_segments};
use paceline_core::table::codec::{CodecError, decode_entries, decode_removed};
use paceline_core::table::{Allowance, Lease, TableEntry};
use paceline_core::units::{ArmId, CampaignId, Epoch, Generation, Nanos, PartitionId, Timestamp};
use paceline_proto::v1;

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum WireError {
    /// When a field that is required is absent.
    #[error("{0} is absent and is required")]
    Absent(&'static str),
    /// When a field's value breaks a rule.
    #[error("{field} is {value} and {rule}")]
    Field { field: &'static str, value: i64, rule: &'static str },
    /// When the records of a table break a rule.
    #[error(transparent)]
    Records(#[from] CodecError),
    /// When the records of schedules break a rule.
    #[error(transparent)]
    Shades(#[from] ShadeCodecError),
}

pub(crate) fn partition(value: u32) -> Result<PartitionId, WireError> {
    let rule = "must be at most 255";
    let id = u8::try_from(value);
    id.map(PartitionId).map_err(|_| WireError::Field {
        field: "partition",
        value: value.into(),
        rule,
    })
}

pub(crate) fn generation(
    field: &'static str,
    value: Option<v1::Generation>,
) -> Result<Generation, WireError> {
    let value = value.ok_or(WireError::Absent(field))?;
    Ok(Generation { epoch: Epoch(value.epoch), sequence: value.sequence })
}

pub(crate) fn to_generation(generation: Generation) -> v1::Generation {
    v1::Generation { epoch: generation.epoch.0, sequence: generation.sequence }
}

pub(crate) fn shades(
    partition: PartitionId,
    update: &v1::ShadingUpdate,
) -> Result<ShadesPart, WireError> {
    let base = update.base_generation;
    let base = base.map(|base| generation("shading.base_generation", Some(base))).transpose()?;
    let delta = ShadeDelta {
        schedules: decode_schedules(&update.schedules)?,
        segments: decode_segments(&update.segments)?,
    };
    let sum = |digest: v1::TableDigest| Digest::from_halves(digest.high, digest.low);
    Ok(ShadesPart {
        partition,
        base,
        generation: generation("shading.generation", update.generation)?,
        part: (update.part, update.parts),
        delta,
        digest: update.digest.map(sum),
        set_digest: update.set_digest.map(sum),
    })
}

/// Rounded down to the microsecond.
pub(crate) fn timestamp(
    field: &'static str,
    value: Option<prost_types::Timestamp>,
) -> Result<Timestamp, WireError> {
    let value = value.ok_or(WireError::Absent(field))?;
    let rule = "must lie between 1970 and 2200";
    let bad = WireError::Field { field, value: value.seconds, rule };
    let micros = value
        .seconds
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(i64::from(value.nanos / 1_000)))
        .map(Timestamp::from_micros);
    micros.filter(|at| at.is_plausible() && (0..1_000_000_000).contains(&value.nanos)).ok_or(bad)
}

pub(crate) fn to_timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_micros();
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

pub(crate) fn lease(value: Option<v1::Lease>) -> Result<Lease, WireError> {
    let value = value.ok_or(WireError::Absent("lease"))?;
    let valid_until = timestamp("lease.valid_until", value.valid_until)?;
    let grace_until = timestamp("lease.grace_until", value.grace_until)?;
    if grace_until < valid_until {
        let rule = "must not be before valid_until";
        let value = grace_until.as_micros();
        return Err(WireError::Field { field: "lease.grace_until", value, rule });
    }
    Ok(Lease { valid_until, grace_until })
}

pub(crate) fn allowance(value: &v1::Allowance) -> Result<Allowance, WireError> {
    let granted = value.granted_total_nanos;
    if granted < 0 {
        let rule = "must not be negative";
        return Err(WireError::Field { field: "granted_total_nanos", value: granted, rule });
    }
    if value.campaign_key == 0 {
        return Err(WireError::Absent("campaign_key"));
    }
    Ok(Allowance {
        campaign: CampaignId::from_key(value.campaign_key),
        window_start: timestamp("window_start", value.window_start)?,
        window_end: timestamp("window_end", value.window_end)?,
        granted_total: Nanos::new(granted),
        expires_at: timestamp("expires_at", value.expires_at)?,
    })
}

pub(crate) fn to_held_allowance(held: &HeldAllowance) -> v1::HeldAllowance {
    v1::HeldAllowance {
        campaign_key: held.campaign.key(),
        window_start: Some(to_timestamp(held.window_start)),
        left_nanos: held.left.get(),
    }
}

pub(crate) fn to_held_table((partition, generation): (PartitionId, Generation)) -> v1::HeldTable {
    v1::HeldTable { partition: u32::from(partition.0), generation: Some(to_generation(generation)) }
}

fn digest(value: Option<v1::TableDigest>) -> Option<Digest> {
    value.map(|value| Digest::from_halves(value.high, value.low))
}

fn width(entry_bytes: u32) -> usize {
    usize::try_from(entry_bytes).unwrap_or(usize::MAX)
}

/// A page, checked whole before any of it is used.
pub(crate) fn page(
    id: PartitionId,
    lease: Lease,
    page: &v1::TablePage,
) -> Result<(TableHead, Vec<TableEntry>), WireError> {
    let head = TableHead {
        partition: id,
        generation: generation("page.generation", page.generation)?,
        as_of: timestamp("page.as_of", page.as_of)?,
        lease,
        digest: digest(page.digest),
    };
    let entries: Result<_, _> = decode_entries(&page.entries, width(page.entry_bytes))?.collect();
    Ok((head, entries?))
}

/// A change, checked whole before any of it is used.
#[derive(Debug)]
pub(crate) struct Delta {
    pub(crate) head: TableHead,
    pub(crate) base: Generation,
    pub(crate) changed: Vec<TableEntry>,
    pub(crate) removed: Vec<(CampaignId, ArmId)>,
}

pub(crate) fn delta(
    id: PartitionId,
    lease: Lease,
    delta: &v1::TableDelta,
) -> Result<Delta, WireError> {
    let head = TableHead {
        partition: id,
        generation: generation("delta.generation", delta.generation)?,
        as_of: timestamp("delta.as_of", delta.as_of)?,
        lease,
        digest: digest(delta.digest),
    };
    let changed: Result<_, _> = decode_entries(&delta.changed, width(delta.entry_bytes))?.collect();
    let removed: Result<_, _> = decode_removed(&delta.removed)?.collect();
    let base = generation("delta.base_generation", delta.base_generation)?;
    Ok(Delta { head, base, changed: changed?, removed: removed? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_to_the_microsecond() {
        let at = Timestamp::from_micros(1_700_000_000_123_456);
        assert_eq!(timestamp("as_of", Some(to_timestamp(at))), Ok(at));
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        let far = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        assert_eq!(
            timestamp("as_of", Some(far)).unwrap_err().to_string(),
            "as_of is 9223372036854775807 and must lie between 1970 and 2200"
        );
        assert_eq!(timestamp("as_of", None), Err(WireError::Absent("as_of")));
        assert_eq!(
            partition(256).unwrap_err().to_string(),
            "partition is 256 and must be at most 255"
        );
    }
}
