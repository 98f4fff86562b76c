//! The bytes of a table entry, as every reader gets them: fixed width, little-endian.
//!
//! One place for stream, poll and store, so that the layout that the contract documents is written
//! once. Knows nothing of messages or sockets. Called by the service's `wire` and stores, and by
//! the client.

use super::{EntryShading, EntryState, TableEntry};
use crate::campaign::VALUE_CAP_MAX;
use crate::units::{ArmId, CampaignId, CpmMicros, PacingMultiplier, ParticipationRate, Ppm};

/// Bytes of one entry. A later version may append fields; the first 40 bytes keep their meaning.
pub const ENTRY_BYTES: usize = 40;
/// Bytes of one removed entry: key and arm.
pub const REMOVED_BYTES: usize = 9;
/// The value cap that stands for none.
const NO_CAP: i64 = -1;
/// The highest value cap, in micros per thousand: what a budget may be at most.
pub const CAP_MAX: i64 = VALUE_CAP_MAX.get();

const CAP_RULE: &str = "must be above 0 and at most 4000000000000000, or -1 for none";

/// Why records were refused. `record` is the place in the list, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// When the bytes are not a whole number of records.
    #[error("records are {width} bytes each, and {bytes} bytes are not a whole number of them")]
    Length {
        /// How many bytes there are.
        bytes: usize,
        /// How wide a record is.
        width: usize,
    },
    /// When the stated width cannot hold an entry.
    #[error("entry_bytes is {width} and must be at least 40")]
    Width {
        /// The stated width.
        width: usize,
    },
    /// When a field breaks a rule.
    #[error("{field} of record {record} is {value} and {rule}")]
    Field {
        /// Place in the list.
        record: usize,
        /// Name of the field.
        field: &'static str,
        /// What it holds.
        value: i64,
        /// What it should hold.
        rule: &'static str,
    },
}

/// Reads fixed places of one record.
struct Record<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Record<'_> {
    fn take<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes[at..at + N].try_into().expect("a record holds its fields")
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.take(at))
    }

    fn ppm(&self, at: usize) -> Ppm {
        Ppm::new(u32::from_le_bytes(self.take(at)))
    }

    fn refuse(&self, field: &'static str, value: impl Into<i64>, rule: &'static str) -> CodecError {
        CodecError::Field { record: self.place, field, value: value.into(), rule }
    }

    fn campaign(&self) -> Result<CampaignId, CodecError> {
        match self.u64(0) {
            0 => Err(self.refuse("campaign key", 0, "must not be 0")),
            key => Ok(CampaignId::from_key(key)),
        }
    }

    fn multiplier(&self, at: usize, field: &'static str) -> Result<PacingMultiplier, CodecError> {
        let ppm = self.ppm(at);
        PacingMultiplier::try_new(ppm)
            .map_err(|_| self.refuse(field, ppm.get(), "must be at most 4000000"))
    }

    fn state(&self) -> Result<EntryState, CodecError> {
        match self.bytes[37] {
            1 => Ok(EntryState::Run),
            2 => Ok(EntryState::Paused),
            3 => Ok(EntryState::Exhausted),
            4 => Ok(EntryState::Safe),
            other => Err(self.refuse("state", other, "must be 1, 2, 3 or 4")),
        }
    }

    fn value_cap(&self) -> Result<Option<CpmMicros>, CodecError> {
        match i64::from_le_bytes(self.take(16)) {
            NO_CAP => Ok(None),
            cap if (1..=CAP_MAX).contains(&cap) => Ok(Some(CpmMicros::new(cap))),
            other => Err(self.refuse("value cap", other, CAP_RULE)),
        }
    }

    fn entry(&self) -> Result<TableEntry, CodecError> {
        let participation = self.ppm(28);
        let flags = u16::from_le_bytes(self.take(38));
        let shading = EntryShading::from_bits(flags).ok_or_else(|| {
            self.refuse("flags", flags, "must be a shading level and at most 1000 per mille")
        })?;
        Ok(TableEntry {
            campaign: self.campaign()?,
            arm: ArmId(self.bytes[36]),
            state: self.state()?,
            multiplier: self.multiplier(24, "multiplier")?,
            participation: ParticipationRate::try_new(participation).map_err(|_| {
                self.refuse("participation", participation.get(), "must be at most 1000000")
            })?,
            safe_multiplier: self.multiplier(32, "safe multiplier")?,
            value_cap: self.value_cap()?,
            shading,
            salt: self.u64(8),
        })
    }
}

const fn state_byte(state: EntryState) -> u8 {
    match state {
        EntryState::Run => 1,
        EntryState::Paused => 2,
        EntryState::Exhausted => 3,
        EntryState::Safe => 4,
    }
}

/// The record of one entry. Its campaign's key must not be 0 and its value cap must be above 0,
/// as keys and checked campaigns are.
#[must_use]
pub fn encode_entry(entry: &TableEntry) -> [u8; ENTRY_BYTES] {
    let mut record = [0; ENTRY_BYTES];
    record[0..8].copy_from_slice(&entry.campaign.key().to_le_bytes());
    record[8..16].copy_from_slice(&entry.salt.to_le_bytes());
    let cap = entry.value_cap.map_or(NO_CAP, CpmMicros::get);
    record[16..24].copy_from_slice(&cap.to_le_bytes());
    record[24..28].copy_from_slice(&entry.multiplier.ppm().get().to_le_bytes());
    record[28..32].copy_from_slice(&entry.participation.ppm().get().to_le_bytes());
    record[32..36].copy_from_slice(&entry.safe_multiplier.ppm().get().to_le_bytes());
    record[36] = entry.arm.0;
    record[37] = state_byte(entry.state);
    record[38..40].copy_from_slice(&entry.shading.bits().to_le_bytes());
    record
}

/// The records of entries, one after another.
#[must_use]
pub fn encode_entries(entries: &[TableEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        bytes.extend_from_slice(&encode_entry(entry));
    }
    bytes
}

/// Reads records of `width` bytes (0 stands for [`ENTRY_BYTES`]), one after another; what a later
/// version appended to each is skipped. Allocates nothing.
///
/// # Errors
/// [`CodecError`] for a bad width or length at once; for a bad record in its place.
pub fn decode_entries(
    bytes: &[u8],
    width: usize,
) -> Result<impl ExactSizeIterator<Item = Result<TableEntry, CodecError>> + '_, CodecError> {
    let width = if width == 0 { ENTRY_BYTES } else { width };
    if width < ENTRY_BYTES {
        return Err(CodecError::Width { width });
    }
    let records = chunks(bytes, width)?;
    Ok(records.enumerate().map(|(place, bytes)| Record { bytes, place }.entry()))
}

/// The records of removed entries, one after another.
#[must_use]
pub fn encode_removed(removed: &[(CampaignId, ArmId)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(removed.len() * REMOVED_BYTES);
    for (campaign, arm) in removed {
        bytes.extend_from_slice(&campaign.key().to_le_bytes());
        bytes.push(arm.0);
    }
    bytes
}

/// Reads records of removed entries. Allocates nothing.
///
/// # Errors
/// [`CodecError`] for a bad length at once; for a bad record in its place.
pub fn decode_removed(
    bytes: &[u8],
) -> Result<impl ExactSizeIterator<Item = Result<(CampaignId, ArmId), CodecError>> + '_, CodecError>
{
    let records = chunks(bytes, REMOVED_BYTES)?;
    Ok(records.enumerate().map(|(place, bytes)| {
        let record = Record { bytes, place };
        Ok((record.campaign()?, ArmId(bytes[8])))
    }))
}

fn chunks(bytes: &[u8], width: usize) -> Result<std::slice::ChunksExact<'_, u8>, CodecError> {
    if !bytes.len().is_multiple_of(width) {
        return Err(CodecError::Length { bytes: bytes.len(), width });
    }
    Ok(bytes.chunks_exact(width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::ShadingLevel;
    use proptest::prelude::*;

    fn entry() -> TableEntry {
        TableEntry {
            campaign: CampaignId::from_key(0x0102_0304_0506_0708),
            arm: ArmId(3),
            state: EntryState::Safe,
            multiplier: PacingMultiplier::try_new(Ppm::new(1_500_000)).unwrap(),
            participation: ParticipationRate::ONE,
            safe_multiplier: PacingMultiplier::ONE,
            value_cap: None,
            shading: EntryShading::new(ShadingLevel::Standard, 250),
            salt: 9,
        }
    }

    fn decoded(bytes: &[u8]) -> Result<Vec<TableEntry>, CodecError> {
        decode_entries(bytes, 0)?.collect()
    }

    /// The error of a sound record with one stretch of bytes replaced.
    fn refused(at: usize, with: &[u8]) -> String {
        let mut record = encode_entry(&entry());
        record[at..at + with.len()].copy_from_slice(with);
        decoded(&record).unwrap_err().to_string()
    }

    #[test]
    fn the_layout_is_the_published_one() {
        let mut expected = vec![8, 7, 6, 5, 4, 3, 2, 1, 9, 0, 0, 0, 0, 0, 0, 0];
        expected.extend([0xff; 8]);
        expected.extend([0x60, 0xe3, 0x16, 0, 0x40, 0x42, 0x0f, 0, 0x40, 0x42, 0x0f, 0]);
        expected.extend([3, 4, 0xea, 3]);
        assert_eq!(encode_entries(&[entry()]), expected);
    }

    #[test]
    fn a_bad_field_is_named_with_its_value_and_rule() {
        assert_eq!(refused(0, &[0; 8]), "campaign key of record 0 is 0 and must not be 0");
        assert_eq!(refused(37, &[0]), "state of record 0 is 0 and must be 1, 2, 3 or 4");
        assert_eq!(
            refused(38, &[4, 0]),
            "flags of record 0 is 4 and must be a shading level and at most 1000 per mille"
        );
        assert_eq!(
            refused(16, &[0; 8]),
            "value cap of record 0 is 0 and must be above 0 and at most 4000000000000000, or -1 \
             for none"
        );
        assert_eq!(
            refused(24, &4_000_001_u32.to_le_bytes()),
            "multiplier of record 0 is 4000001 and must be at most 4000000"
        );
        assert_eq!(
            refused(28, &1_000_001_u32.to_le_bytes()),
            "participation of record 0 is 1000001 and must be at most 1000000"
        );
        assert_eq!(
            refused(32, &4_000_001_u32.to_le_bytes()),
            "safe multiplier of record 0 is 4000001 and must be at most 4000000"
        );
    }

    #[test]
    fn a_bad_length_or_width_is_refused() {
        let error = CodecError::Length { bytes: 41, width: 40 };
        assert_eq!(decoded(&[0; 41]), Err(error));
        assert_eq!(decode_entries(&[], 39).map(|_| ()), Err(CodecError::Width { width: 39 }));
        assert_eq!(
            decode_removed(&[0; 8]).map(|_| ()),
            Err(CodecError::Length { bytes: 8, width: 9 })
        );
    }

    #[test]
    fn what_a_later_version_appends_is_skipped() {
        let mut wide = encode_entry(&entry()).to_vec();
        wide.extend([7; 8]);
        let read: Result<Vec<_>, _> = decode_entries(&wide, 48).unwrap().collect();
        assert_eq!(read, Ok(vec![entry()]));
    }

    prop_compose! {
        fn any_entry()(
            key in 1_u64..,
            salt: u64,
            cap in prop::option::of(1..=CAP_MAX),
            flags in 0_u16..4_096,
            multiplier in 0_u32..=4_000_000,
            participation in 0_u32..=1_000_000,
            safe in 0_u32..=4_000_000,
            arm: u8,
            state in prop::sample::select(vec![
                EntryState::Run, EntryState::Paused, EntryState::Exhausted, EntryState::Safe,
            ]),
        ) -> TableEntry {
            TableEntry {
                campaign: CampaignId::from_key(key),
                arm: ArmId(arm),
                state,
                multiplier: PacingMultiplier::try_new(Ppm::new(multiplier)).unwrap(),
                participation: ParticipationRate::try_new(Ppm::new(participation)).unwrap(),
                safe_multiplier: PacingMultiplier::try_new(Ppm::new(safe)).unwrap(),
                value_cap: cap.map(CpmMicros::new),
                shading: EntryShading::from_bits(flags).unwrap_or_default(),
                salt,
            }
        }
    }

    proptest! {
        #[test]
        fn entries_come_back_as_they_were(entries in prop::collection::vec(any_entry(), 0..20)) {
            prop_assert_eq!(decoded(&encode_entries(&entries)), Ok(entries));
        }

        #[test]
        fn removed_entries_come_back_as_they_were(
            removed in prop::collection::vec((1_u64.., any::<u8>()), 0..20)
        ) {
            let removed: Vec<_> = removed
                .into_iter()
                .map(|(key, arm)| (CampaignId::from_key(key), ArmId(arm)))
                .collect();
            let bytes = encode_removed(&removed);
            let read: Result<Vec<_>, _> = decode_removed(&bytes).unwrap().collect();
            prop_assert_eq!(read, Ok(removed));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decoded(&bytes);
        }
    }
}
