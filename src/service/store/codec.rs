//! How records become bytes: a format version, then postcard. Shared by both stores.
//!
//! A batch of records is one stored value (a row or a stream entry), because the cost of a store
//! follows the number of its keys, not its bytes. Knows no store.

use super::error::StoreFault;
use paceline_core::input::Stamped;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first byte of every stored value. A change of any stored type's shape takes the next one.
pub(crate) const FORMAT: u8 = 6;
/// The most records in one stored value: some 100 KB of spend, a page that is read in one go.
pub const BATCH_RECORDS_MAX: usize = 4_096;
/// The most bytes in one stored value: a server copies it in a few milliseconds.
pub const BATCH_BYTES_MAX: usize = 4 << 20;

/// Why stored bytes are not a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CodecError {
    /// When there is not even a version.
    #[error("it has no bytes")]
    Empty,
    /// When it was written by another format.
    #[error("it has format {0}, this program reads format {FORMAT}")]
    Format(u8),
    /// When the bytes make no sense.
    #[error("its bytes make no sense")]
    Bytes(#[from] postcard::Error),
    /// When something is left over.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
}

/// Version and value.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![FORMAT]).expect("stored types have no unsized sequences")
}

/// The value, if version and length are right.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (&format, body) = bytes.split_first().ok_or(CodecError::Empty)?;
    if format != FORMAT {
        return Err(CodecError::Format(format));
    }
    let (value, rest) = postcard::take_from_bytes(body)?;
    if rest.is_empty() { Ok(value) } else { Err(CodecError::LeftOver(rest.len())) }
}

/// A batch, within its bounds: at least one record.
pub(crate) fn encode_batch(records: &[Stamped]) -> Result<Vec<u8>, StoreFault> {
    if records.is_empty() {
        return Err(StoreFault::Empty { what: "the batch" });
    }
    let too_large = |what, size, max| StoreFault::TooLarge { what, size, max };
    if records.len() > BATCH_RECORDS_MAX {
        return Err(too_large("the batch in records", records.len(), BATCH_RECORDS_MAX));
    }
    let bytes = encode(records);
    if bytes.len() > BATCH_BYTES_MAX {
        return Err(too_large("the batch in bytes", bytes.len(), BATCH_BYTES_MAX));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::input::Input;
    use paceline_core::units::{Epoch, Timestamp};

    fn tick(micros: i64) -> Stamped {
        Stamped { at: Timestamp::from_micros(micros), input: Input::Tick }
    }

    #[test]
    fn a_batch_is_read_back_as_written() {
        let lead = Stamped { at: Timestamp::from_micros(2), input: Input::Lead(Epoch(7)) };
        let batch = [tick(1), lead];
        let bytes = encode_batch(&batch).unwrap();
        assert_eq!(bytes[0], FORMAT);
        assert_eq!(decode::<Vec<Stamped>>(&bytes).unwrap(), batch);
    }

    #[test]
    fn specifications_and_hands_are_read_back_as_written() {
        let campaign = r#"{"id":"cb31d2918cf999c0","name":"shoes","advertiser":"0000000000000001",
            "group":null,"budgets":{"flights":[{"window":{"start":1,"end":9},"budget":5}],
            "caps":[{"horizon":"day","amount":3}]},"delivery":"even","law":"log_pid",
            "billing":"click","spend_source":"events","refund_policy":"hold",
            "multiplier_max":1000000,"value_cap":null,"shape":null,"status":"active"}"#;
        let hand = r#"{"set":{"id":"0000000000000002","target":{"campaign":"cb31d2918cf999c0"},
            "action":{"fix":{"multiplier":500000,"participation":null}},"reason":"a test",
            "author":"me","set_at":1,"expires_at":2}}"#;
        let batch = [
            Input::Campaign(serde_json::from_str(campaign).unwrap()),
            Input::Override(serde_json::from_str(hand).unwrap()),
        ]
        .map(|input| Stamped { at: Timestamp::from_micros(3), input });
        let bytes = encode_batch(&batch).unwrap();
        assert_eq!(decode::<Vec<Stamped>>(&bytes).unwrap(), batch);
    }

    #[test]
    fn another_format_and_left_over_bytes_are_refused() {
        let mut bytes = encode_batch(&[tick(1)]).unwrap();
        bytes.push(0);
        assert!(matches!(decode::<Vec<Stamped>>(&bytes), Err(CodecError::LeftOver(1))));
        bytes[0] = 9;
        assert!(matches!(decode::<Vec<Stamped>>(&bytes), Err(CodecError::Format(9))));
    }

    #[test]
    fn a_batch_has_at_least_one_and_at_most_4096_records() {
        assert!(matches!(encode_batch(&[]), Err(StoreFault::Empty { .. })));
        assert!(encode_batch(&vec![tick(1); BATCH_RECORDS_MAX]).is_ok());
        let refused = encode_batch(&vec![tick(1); BATCH_RECORDS_MAX + 1]);
        assert!(matches!(refused, Err(StoreFault::TooLarge { size: 4_097, max: 4_096, .. })));
    }
}
