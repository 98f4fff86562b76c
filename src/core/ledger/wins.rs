//! Wins that wait for their billing, and billings that came before their win.
//!
//! Forgetting a win is harmless: its money lapses along the delay curve; a billing that comes after
//! all is posted without giving anything back.

use crate::campaign::BillingEvent;
use crate::units::{Nanos, Span, Timestamp, WinId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a billing needs to know of its win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenWin {
    /// What was posted to in flight.
    pub expected: Nanos,
    /// When it was served, inside the flight.
    pub served_at: Timestamp,
}

/// Bounded memory of open wins, oldest forgotten first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wins {
    most: usize,
    open: BTreeMap<WinId, OpenWin>,
    /// Order of arrival, by kind of billing.
    arrived: [VecDeque<(Timestamp, WinId)>; 3],
    /// Billed before the win came, newest half and older half.
    early: [BTreeSet<WinId>; 2],
}

/// How long a billing may follow its win before the win is forgotten.
const fn memory(billing: usize) -> Span {
    match billing {
        0 => Span::HOUR.times(2),
        1 => Span::DAY,
        _ => Span::DAY.times(5),
    }
}

impl Wins {
    /// At most this many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, open: BTreeMap::new(), arrived: Default::default(), early: Default::default() }
    }

    /// A win came.
    pub fn open(&mut self, now: Timestamp, billing: BillingEvent, id: WinId, win: OpenWin) {
        self.open.insert(id, win);
        self.arrived[billing as usize].push_back((now, id));
        if self.arrived.iter().map(VecDeque::len).sum::<usize>() > self.most {
            let fullest = self.arrived.iter_mut().max_by_key(|queue| queue.len());
            if let Some((_, oldest)) = fullest.and_then(VecDeque::pop_front) {
                self.open.remove(&oldest);
            }
        }
    }

    /// Its billing came.
    pub fn take(&mut self, id: WinId) -> Option<OpenWin> {
        self.open.remove(&id)
    }

    /// A billing came and no win was open for it.
    pub fn note_billed_early(&mut self, id: WinId) {
        if self.early[0].len() >= self.most / 8 {
            self.early.swap(0, 1);
            self.early[0].clear();
        }
        self.early[0].insert(id);
    }

    /// Whether the win's billing was posted before it; asked once.
    pub fn was_billed_early(&mut self, id: WinId) -> bool {
        self.early.iter_mut().any(|half| half.remove(&id))
    }

    /// Forgets what no billing will come for.
    pub fn forget(&mut self, now: Timestamp) {
        for (billing, queue) in self.arrived.iter_mut().enumerate() {
            while let Some(&(arrived, id)) = queue.front() {
                if now - arrived < memory(billing) {
                    break;
                }
                queue.pop_front();
                self.open.remove(&id);
            }
        }
    }

    /// Wins open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
