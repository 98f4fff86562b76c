//! How near previews came, and how often their bands held.
//!
//! Called by the study of previews.

use super::{Kind, Tried};
use crate::number::length;
use serde::Serialize;

/// As near as this to what was spent, as a share of it, is told.
pub const NEAR: f64 = 0.05;
/// Events in the day from which that is asked.
const EVENTS_MIN: f64 = 1_000.0;

/// Some of them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Part {
    /// Edits.
    pub count: usize,
    /// Spend below the band.
    pub below: usize,
    /// Spend above it.
    pub above: usize,
    /// Edits of campaigns with enough events.
    pub many: usize,
    /// Of those, told within [`NEAR`].
    pub near: usize,
    /// Mean of |told − spent| ÷ spent of those.
    pub off: f64,
}

impl Part {
    fn of<'a>(tried: impl Iterator<Item = &'a Tried>) -> Self {
        let mut part = Self::default();
        for one in tried {
            part.count += 1;
            part.below += usize::from(one.spent < one.with.low);
            part.above += usize::from(one.spent > one.with.high);
            if one.events >= EVENTS_MIN {
                let spent = one.spent.as_f64();
                let off = (one.with.middle.as_f64() - spent).abs() / spent.max(1.0);
                part.many += 1;
                part.near += usize::from(off <= NEAR);
                part.off += off;
            }
        }
        part.off /= length(part.many).max(1.0);
        part
    }

    /// Share of the bands that held.
    #[must_use]
    pub fn held(&self) -> f64 {
        1.0 - length(self.below + self.above) / length(self.count).max(1.0)
    }

    /// Share of those with enough events that was told within [`NEAR`].
    #[must_use]
    pub fn near(&self) -> f64 {
        length(self.near) / length(self.many).max(1.0)
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Every edit.
    pub all: Part,
    /// Of campaigns that their budget held.
    pub limited: Part,
    /// Of campaigns that it did not hold.
    pub free: Part,
    /// By kind of edit, in the order of [`Kind::ALL`].
    pub kinds: Vec<Part>,
}

impl Score {
    pub(super) fn of(tried: &[Tried]) -> Self {
        let of_kind = |kind| Part::of(tried.iter().filter(move |one| one.kind == kind));
        Self {
            all: Part::of(tried.iter()),
            limited: Part::of(tried.iter().filter(|one| one.is_limited)),
            free: Part::of(tried.iter().filter(|one| !one.is_limited)),
            kinds: Kind::ALL.into_iter().map(of_kind).collect(),
        }
    }

    /// Whether it is as good as was set out: nine in ten within a twentieth, and bands that hold
    /// four times in five, within a twentieth.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.all.near() >= 0.9 && (0.75..=0.85).contains(&self.all.held())
    }
}
