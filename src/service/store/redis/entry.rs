//! Stream ids and stream entries as Redis sends them.

use crate::store::error::StoreFault;
use crate::store::offset::Offset;
use redis::Value;
use std::fmt;
use std::str::FromStr;

/// The id of a stream's entry: milliseconds and a sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub(super) millis: u64,
    pub(super) sequence: u64,
}

impl StreamId {
    pub(super) const fn of(offset: Offset) -> Self {
        let (millis, sequence) = offset.entry();
        Self { millis, sequence }
    }

    /// The record `index` of this entry of the log.
    pub(super) const fn record(self, index: u32) -> Offset {
        Offset::new(self.millis, self.sequence, index)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

impl FromStr for StreamId {
    type Err = StoreFault;

    fn from_str(text: &str) -> Result<Self, StoreFault> {
        let read = || {
            let (millis, sequence) = text.split_once('-')?;
            Some(Self { millis: millis.parse().ok()?, sequence: sequence.parse().ok()? })
        };
        read().ok_or_else(|| StoreFault::unreadable("a stream id", format!("it is {text:?}")))
    }
}

/// An entry, its fields in the order they were given.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: StreamId,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// The answer to `XRANGE`.
    pub(super) fn list(answer: Vec<Value>) -> Result<Vec<Self>, StoreFault> {
        answer.into_iter().map(Self::read).collect()
    }

    fn read(value: Value) -> Result<Self, StoreFault> {
        let (id, flat): (String, Vec<Vec<u8>>) = redis::from_redis_value(value)
            .map_err(|error| StoreFault::unreadable("a stream's entry", error))?;
        let mut fields = Vec::with_capacity(flat.len() / 2);
        let mut flat = flat.into_iter();
        while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
            fields.push((name, value));
        }
        Ok(Self { id: id.parse()?, fields })
    }

    pub(super) fn field(&self, name: &str) -> Option<&[u8]> {
        let found = self.fields.iter().find(|(field, _)| field == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }
}
