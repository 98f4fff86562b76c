//! Identities: outside names, and the 64-bit keys that stand for them inside.
//!
//! A key is a stable hash of its name, so that any producer, bidder or reader in any language can
//! compute it alone; the catalogue refuses the second of two names whose keys meet. Arms,
//! partitions, epochs and generations are small counters.

use crate::hash;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Why a name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// When it has no bytes or more than 64.
    #[error("a name has 1 to 64 bytes")]
    Length,
    /// When it holds a control character.
    #[error("a name holds no control characters")]
    Control,
}

/// An outside identity: 1 to 64 bytes of UTF-8 without control characters. A label: nothing is
/// decided by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Checked.
    ///
    /// # Errors
    /// [`NameError::Length`] or [`NameError::Control`].
    pub fn try_new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if name.is_empty() || name.len() > 64 {
            return Err(NameError::Length);
        }
        if name.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        Ok(Self(name))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        Self::try_new(name)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

macro_rules! key {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// From the bare key.
            #[must_use]
            pub const fn from_key(key: u64) -> Self {
                Self(key)
            }

            /// The key of an outside name.
            #[must_use]
            pub const fn of(name: &str) -> Self {
                Self(hash::key(name.as_bytes()))
            }

            /// The bare key.
            #[must_use]
            pub const fn key(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_key(self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_key(deserializer).map(Self)
            }
        }
    )+};
}

/// Text formats carry keys as sixteen hexadecimal digits: many readers of JSON lose bits above 2⁵³.
fn serialize_key<S: Serializer>(key: u64, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(&format_args!("{key:016x}"))
    } else {
        serializer.serialize_u64(key)
    }
}

fn deserialize_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    if deserializer.is_human_readable() {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    } else {
        u64::deserialize(deserializer)
    }
}

key!(
    /// Who pays.
    AdvertiserId,
    /// Campaigns that share a budget.
    GroupId,
    /// The order being delivered.
    CampaignId,
    /// A supply segment: exchange × placement class × size × device class.
    SegmentId,
    /// A process that bids and holds allowances.
    BidderId,
    /// A process that reports spend; a bidder's reporter has its bidder's key.
    ProducerId,
    /// A spend event's idempotency key.
    EventId,
    /// A win: what a billing event refers to.
    WinId,
    /// A person's decision.
    OverrideId,
    /// A traffic shape.
    ShapeId,
    /// An IANA time zone.
    ZoneId,
);

/// An experiment arm; 0 is everyone.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ArmId(pub u8);

/// A partition of advertisers; 0 to 255.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PartitionId(pub u8);

impl PartitionId {
    /// The partition of an advertiser: CRC-16 (XMODEM, as Redis Cluster uses) of its name, modulo
    /// the number of partitions. Public: any producer may compute it.
    #[must_use]
    pub fn of(advertiser: &str, partitions: u8) -> Self {
        let slot = crc16(advertiser.as_bytes()) % u16::from(partitions.max(1));
        Self(u8::try_from(slot).expect("below the number of partitions"))
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// A term of leadership. Grows with every change of leader; the fencing token.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u32);

/// Which table: ordered by epoch, then by sequence. Never goes back.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Generation {
    /// The leader's term.
    pub epoch: Epoch,
    /// Counts the tables of a term.
    pub sequence: u64,
}

impl Generation {
    /// The next table of the same term.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { epoch: self.epoch, sequence: self.sequence + 1 }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch.0, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_is_the_crc16_of_redis_cluster() {
        // The check value of CRC-16/XMODEM.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(PartitionId::of("123456789", 16), PartitionId(3));
    }

    #[test]
    fn names_have_one_to_sixty_four_bytes() {
        assert_eq!(Name::try_new(""), Err(NameError::Length));
        assert!(Name::try_new("x".repeat(64)).is_ok());
        assert_eq!(Name::try_new("x".repeat(65)), Err(NameError::Length));
        assert_eq!(Name::try_new("a\nb"), Err(NameError::Control));
    }

    #[test]
    fn keys_are_hexadecimal_in_text() {
        let id = CampaignId::from_key(255);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"00000000000000ff\"");
        assert_eq!(serde_json::from_str::<CampaignId>("\"00000000000000ff\"").unwrap(), id);
    }
}
