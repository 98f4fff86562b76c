//! What is left of an allowance, packed into the one word that readers and writer change together.
//!
//! Knows nothing of slots or time. Called by `slot`.

/// Money left of an allowance, and which window it is of, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purse(u64);

impl Purse {
    /// The most that a purse can hold, 144 million units: more is used up to this at a time.
    pub(crate) const LEFT_MAX: i64 = (1 << 57) - 1;
    const TAG_AT: u32 = 58;

    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    pub(crate) fn new(tag: u8, left: i64) -> Self {
        let left = left.clamp(-Self::LEFT_MAX, Self::LEFT_MAX);
        let low = left.cast_unsigned() & ((1 << Self::TAG_AT) - 1);
        Self(u64::from(tag) << Self::TAG_AT | low)
    }

    /// Which window: counts modulo 64 for each slot.
    pub(crate) fn tag(self) -> u8 {
        (self.0 >> Self::TAG_AT) as u8
    }

    /// Nanos; below zero after a win that came later than its hold's end.
    pub(crate) fn left(self) -> i64 {
        (self.0 << 6).cast_signed() >> 6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purse_below_zero_keeps_its_sign_and_window() {
        let purse = Purse::new(63, -5);
        assert_eq!((purse.tag(), purse.left()), (63, -5));
    }
}
