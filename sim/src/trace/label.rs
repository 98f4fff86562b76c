//! Names met again and again (segments, exchanges, campaigns), kept once under their 64-bit keys.
//!
//! Called by the readers, and by whoever prints what they read.

use paceline_core::hash;
use std::collections::BTreeMap;

/// The most different names one column may hold. The published tables are sized for as many.
pub const LABELS_MAX: usize = 100_000;
/// The longest name in bytes.
pub const LABEL_BYTES_MAX: usize = 256;

/// Names by key.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    names: BTreeMap<u64, Box<str>>,
    last: Option<u64>,
}

impl Labels {
    /// The name of a key, if it was met.
    #[must_use]
    pub fn name(&self, key: u64) -> Option<&str> {
        self.names.get(&key).map(AsRef::as_ref)
    }

    /// How many different names were met.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether none was met.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Every key and name, by key.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &str)> {
        self.names.iter().map(|(&key, name)| (key, name.as_ref()))
    }

    /// The key of a name, which is the key its id has everywhere; or the rule the name breaks.
    pub(crate) fn intern(&mut self, name: &str) -> Result<u64, &'static str> {
        let key = hash::key(name.as_bytes());
        if self.last == Some(key) || self.names.contains_key(&key) {
            self.last = Some(key);
            return Ok(key);
        }
        if name.len() > LABEL_BYTES_MAX {
            return Err("must not be longer than 256 bytes");
        }
        if self.names.len() == LABELS_MAX {
            return Err("must not be the 100001st different name of its column");
        }
        self.names.insert(key, name.into());
        self.last = Some(key);
        Ok(key)
    }
}
