//! Nested windows and how money fills them: a common level, caps first, exact to the nano.
//!
//! The forest of a plan is one tree in one vector, parents before children, in order of time:
//! flight ⊃ months ⊃ days ⊃ hours ⊃ leaves. Only branches have caps, only leaves have traffic.
//! Called by the planner; knows nothing of calendars or shapes.
//!
//! Each leaf gets level × mass, the level being the same wherever no cap binds; a branch whose cap
//! binds has a lower level of its own. This is the split that an owner paced by one multiplier
//! would make, and it does not change when a planned part has gone by as planned.

use crate::budget::Horizon;
use crate::units::{Nanos, Timestamp};

/// A window, or a stretch of traffic inside one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// Absent for a leaf.
    pub(super) horizon: Option<Horizon>,
    /// One past the last node inside it.
    pub(super) last: usize,
    /// What a branch may still take, in nanos; absent when it has no cap.
    pub(super) room: Option<u64>,
    /// Traffic of a leaf.
    pub(super) mass: u128,
    /// Leaves of rank 0 are filled first, then 1, then 2.
    pub(super) rank: u8,
    /// Whether the curve keeps a knot at a leaf's end.
    pub(super) has_knot: bool,
    /// What a leaf was given, in nanos.
    pub(super) amount: u64,
    /// Which budget decided a leaf's amount.
    pub(super) tight: Option<Horizon>,
    /// Whether the level at hand fills the branch to its cap.
    is_full: bool,
}

impl Node {
    pub(super) const fn leaf(start: Timestamp, end: Timestamp, mass: u128, rank: u8) -> Self {
        Self {
            start,
            end,
            horizon: None,
            last: 0,
            room: None,
            mass,
            rank,
            has_knot: false,
            amount: 0,
            tight: None,
            is_full: false,
        }
    }

    pub(super) const fn branch(horizon: Horizon, window: (Timestamp, Timestamp)) -> Self {
        let mut node = Self::leaf(window.0, window.1, 0, 0);
        node.horizon = Some(horizon);
        node
    }

    pub(super) fn money(&self) -> Nanos {
        Nanos::new(i64::try_from(self.amount).expect("a plan is bounded"))
    }
}

/// Money per mass, as a fraction: what is left to place over the mass it is spread on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Level {
    money: u128,
    mass: u128,
}

/// What a branch takes at a level: a fixed part, where caps bind, and a mass that follows the
/// level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Uptake {
    fixed: u128,
    mass: u128,
}

/// Fills the leaves of one rank.
pub(super) struct Filling<'a> {
    nodes: &'a mut [Node],
    rank: u8,
}

impl<'a> Filling<'a> {
    pub(super) const fn new(nodes: &'a mut [Node], rank: u8) -> Self {
        Self { nodes, rank }
    }

    /// Spreads up to `amount` over what is inside `at` at a common level; returns what it placed.
    ///
    /// The uptake is a concave line of straight parts, so stepping along its tangents from level
    /// zero reaches the level sought from below, after at most one step a cap.
    pub(super) fn spread(&mut self, at: usize, amount: u64, tight: Option<Horizon>) -> u64 {
        let mut level = Level { money: 0, mass: 1 };
        let mut uptake = self.uptake(at, level);
        for _ in 0..self.nodes.len() {
            if uptake.mass == 0 {
                break;
            }
            level = Level { money: u128::from(amount) - uptake.fixed, mass: uptake.mass };
            let next = self.uptake(at, level);
            if next == uptake {
                break;
            }
            uptake = next;
        }
        self.assign(at, level, tight, &mut 0)
    }

    /// What the inside of `at` takes at a level; marks the branches that it fills.
    fn uptake(&mut self, at: usize, level: Level) -> Uptake {
        let mut sum = Uptake::default();
        let mut child = at + 1;
        while child < self.nodes[at].last {
            let one = if self.nodes[child].horizon.is_none() {
                Uptake { fixed: 0, mass: self.mass(child) }
            } else {
                self.branch_uptake(child, level)
            };
            sum = Uptake { fixed: sum.fixed + one.fixed, mass: sum.mass + one.mass };
            child = self.nodes[child].last;
        }
        sum
    }

    fn branch_uptake(&mut self, at: usize, level: Level) -> Uptake {
        let inside = self.uptake(at, level);
        let Some(room) = self.nodes[at].room.map(u128::from) else {
            self.nodes[at].is_full = false;
            return inside;
        };
        // Masses and amounts are kept under 2⁶³, so the products fit.
        let is_full = inside.fixed > room
            || (inside.mass > 0 && inside.mass * level.money >= (room - inside.fixed) * level.mass);
        self.nodes[at].is_full = is_full;
        if is_full { Uptake { fixed: room, mass: 0 } } else { inside }
    }

    /// Gives the leaves their money: each the difference of two rounded sums, so that rounding
    /// never adds up and no branch passes its cap.
    fn assign(&mut self, at: usize, level: Level, tight: Option<Horizon>, gone: &mut u128) -> u64 {
        let mut placed = 0;
        let mut child = at + 1;
        while child < self.nodes[at].last {
            let node = self.nodes[child];
            placed += if node.horizon.is_none() {
                self.assign_leaf(child, level, tight, gone)
            } else {
                let taken = match node.room {
                    Some(room) if node.is_full => self.spread(child, room, node.horizon),
                    _ => self.assign(child, level, tight, gone),
                };
                self.draw(child, taken);
                taken
            };
            child = node.last;
        }
        placed
    }

    fn assign_leaf(
        &mut self,
        at: usize,
        level: Level,
        tight: Option<Horizon>,
        gone: &mut u128,
    ) -> u64 {
        let mass = self.mass(at);
        if mass == 0 {
            return 0;
        }
        let before = level.money * *gone / level.mass;
        *gone += mass;
        let after = level.money * *gone / level.mass;
        let amount = u64::try_from(after - before).expect("a part of an amount");
        self.nodes[at].amount = amount;
        self.nodes[at].tight = tight;
        amount
    }

    /// Places up to `amount` in order of time, as early as the caps allow, whatever the rank;
    /// returns what it placed.
    pub(super) fn rush(&mut self, at: usize, amount: u64, tight: Option<Horizon>) -> u64 {
        let mut left = amount;
        let mut child = at + 1;
        while child < self.nodes[at].last {
            let node = self.nodes[child];
            if node.horizon.is_some() {
                let taken = match node.room {
                    Some(room) if room < left => self.rush(child, room, node.horizon),
                    _ => self.rush(child, left, tight),
                };
                self.draw(child, taken);
                left -= taken;
            } else if node.mass > 0 {
                self.nodes[child].amount = left;
                self.nodes[child].tight = tight;
                left = 0;
            }
            child = node.last;
        }
        amount - left
    }

    fn draw(&mut self, at: usize, taken: u64) {
        if let Some(room) = &mut self.nodes[at].room {
            *room = room.checked_sub(taken).expect("a branch never passes its cap");
        }
    }

    fn mass(&self, at: usize) -> u128 {
        let node = &self.nodes[at];
        if node.rank == self.rank { node.mass } else { 0 }
    }
}
