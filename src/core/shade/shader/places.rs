//! Which node an outcome belongs to: found, made, or another's place taken.
//!
//! Bounded: when there are as many nodes as are kept, the one silent the longest makes room, if it
//! has been silent for long. Called by `shader`.

use super::super::node::{Node, Stand};
use super::super::outcome::SegmentPath;
use super::{ScheduleId, Shader, index};
use crate::hash::mix;
use crate::units::Timestamp;

impl Shader {
    /// The node of a path, made with those above it where it is new; the nearest above it when
    /// there are as many as are kept and none makes room. Keys of whole paths' last levels are
    /// unique: they name segments.
    pub(super) fn leaf(&mut self, at: Timestamp, path: &SegmentPath) -> u32 {
        let (mut node, mut key) = (0, 0x7368_6164_6572_0000);
        for &level in path.levels() {
            key = mix(key ^ mix(level));
            node = match self.places.get(&key) {
                Some(&known) => known,
                None => match self.place_for(at, node) {
                    Some(place) => {
                        self.settle(at, place, node, key);
                        place
                    }
                    None => {
                        // Its parents learn from it all the same.
                        self.counts.no_room += 1;
                        self.list(at, node);
                        return node;
                    }
                },
            };
        }
        if let Some(segment) = path.segment()
            && !self.segments.contains_key(&segment)
        {
            self.newcomers.push(segment);
            self.departed.remove(&segment);
            self.segments.insert(segment, (node, ScheduleId::MARKET));
            self.nodes[index(node)].stand.segment = Some(segment);
        }
        self.list(at, node);
        node
    }

    /// A number for a new node below `parent`: the next, or that of the one silent the longest.
    fn place_for(&mut self, at: Timestamp, parent: u32) -> Option<u32> {
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        if next < self.config.nodes_max {
            self.nodes.push(Node::new(Stand::default(), at));
            return Some(next);
        }
        let (heard_at, silent) = self.order.oldest()?;
        if at - heard_at < self.config.give_up || silent == parent {
            return None;
        }
        self.give_up(silent);
        Some(silent)
    }

    /// A node without children makes room: what it knew, its parents know as well.
    fn give_up(&mut self, place: u32) {
        let stand = self.nodes[index(place)].stand;
        if let Some(listed_at) = stand.listed_at {
            self.order.forget(listed_at, place);
        }
        self.places.remove(&stand.key);
        if let Some(segment) = stand.segment {
            self.segments.remove(&segment);
            self.departed.insert(segment);
        }
        self.successors.insert(place);
        self.counts.given_up += 1;
        let Some(above) = stand.parent.filter(|&above| above > 0) else { return };
        let parent = &mut self.nodes[index(above)];
        parent.stand.children = parent.stand.children.saturating_sub(1);
        let heard_at = parent.heard_at;
        self.list(heard_at, above);
    }

    /// A new node takes a number.
    fn settle(&mut self, at: Timestamp, place: u32, parent: u32, key: u64) {
        let above = &mut self.nodes[index(parent)].stand;
        above.children += 1;
        let depth = above.depth + 1;
        if let Some(listed_at) = above.listed_at.take() {
            self.order.forget(listed_at, parent);
        }
        let is_successor = self.successors.contains(&place);
        let stand = Stand { parent: Some(parent), key, depth, is_successor, ..Stand::default() };
        // One that waits for a refit waits in its successor's name: it comes to nothing.
        let is_queued = self.nodes[index(place)].is_queued;
        let node = &mut self.nodes[index(place)];
        *node = Node::new(stand, at);
        node.is_queued = is_queued;
        self.places.insert(key, place);
    }

    /// Lists a node among those that may make room, unless others are below it or it is the root.
    pub(super) fn list(&mut self, at: Timestamp, place: u32) {
        let stand = &mut self.nodes[index(place)].stand;
        if place > 0 && stand.children == 0 {
            stand.listed_at = Some(self.order.touch(place, stand.listed_at, at));
        }
    }
}
