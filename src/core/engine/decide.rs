//! What people decide, on what they read: carried out while it still holds.
//!
//! Each object counts its changes; a decision that rests on an older count changes nothing.

use super::{Applied, Engine};
use crate::campaign::SpecError;
use crate::input::{Decision, Input};
use crate::object::ObjectId;
use crate::pace::PacingLaw;
use crate::units::Timestamp;

impl<L: PacingLaw> Engine<L> {
    /// A decision that was made on what still holds is carried out.
    pub(super) fn take_decision(&mut self, now: Timestamp, decision: &Decision) -> Applied {
        if matches!(*decision.input, Input::Decided(_)) {
            let rule = "must not be a decision about a decision";
            return Applied::Refused(vec![SpecError::new("input", rule)]);
        }
        let stale = decision.expected.iter().enumerate().filter_map(|(index, expected)| {
            let found = self.generation_of(expected.object);
            let rule = || {
                format!(
                    "must be {found}, its generation now: it was changed since it was read; read \
                     it again"
                )
            };
            let path = || format!("expected[{index}].generation");
            (found != expected.generation).then(|| SpecError::new(path(), rule()))
        });
        let stale: Vec<SpecError> = stale.collect();
        if stale.is_empty() { self.apply(now, &decision.input) } else { Applied::Refused(stale) }
    }

    /// An object was entered: one more generation, unless it is as it was.
    pub(super) fn note_change(&mut self, object: ObjectId, is_alike: bool) {
        let generation = self.state.generations.entry(object).or_insert(0);
        *generation += u64::from(!is_alike);
    }

    /// How often an object was changed, making it counted; zero where there is none.
    #[must_use]
    pub fn generation_of(&self, object: ObjectId) -> u64 {
        self.state.generations.get(&object).copied().unwrap_or(0)
    }
}
