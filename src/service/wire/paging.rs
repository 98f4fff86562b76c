//! How much one page of a list may hold: a number of items, and of bytes.
//!
//! A caller takes messages of four megabytes unless it says otherwise, and a thousand items may be
//! more than that. Knows nothing of what the items are. Called by the lists of several partitions,
//! each of which gives its first items before all are put together.

/// Bytes of the items of one page, about: half of what a caller takes by default.
const PAGE_BYTES: usize = 2 << 20;

/// The bounds of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageBound {
    /// Items at most, at least one.
    items: usize,
    /// Bytes at most; a single item may have more.
    bytes: usize,
}

impl PageBound {
    /// A page of so many items.
    #[must_use]
    pub const fn of(items: usize) -> Self {
        Self { items, bytes: PAGE_BYTES }
    }

    /// Items at most.
    #[must_use]
    pub const fn items(self) -> usize {
        self.items
    }

    /// The first of one partition's items: a page and one more, so that it shows whether there are
    /// others. `bytes` tells an item's size.
    pub fn first<T>(
        self,
        items: impl IntoIterator<Item = T>,
        bytes: impl Fn(&T) -> usize,
    ) -> Vec<T> {
        let (mut told, mut total) = (Vec::new(), 0);
        for item in items {
            // A page may be one item that is larger than a page: then one more is due as well.
            if told.len() > self.items || told.len() > 1 && total > self.bytes {
                break;
            }
            total += bytes(&item);
            told.push(item);
        }
        told
    }

    /// Cuts what all partitions gave, in its order, to a page; whether there is more.
    pub fn cut<T>(self, found: &mut Vec<T>, bytes: impl Fn(&T) -> usize) -> bool {
        let (mut count, mut total) = (0, 0);
        for item in found.iter().take(self.items) {
            total += bytes(item);
            if count > 0 && total > self.bytes {
                break;
            }
            count += 1;
        }
        let has_more = found.len() > count;
        found.truncate(count);
        has_more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pages_of_several_partitions_tell_every_item_once_and_in_order(
            partitions in prop::collection::vec(prop::collection::vec(0..40_usize, 0..12), 1..4),
            items in 1..6_usize,
        ) {
            let bound = PageBound { items, bytes: 30 };
            // An item is its place in the order of all, and its size.
            let count = partitions.len();
            let of = |at: usize, sizes: &[usize]| -> Vec<(usize, usize)> {
                sizes.iter().enumerate().map(|(row, size)| (row * count + at, *size)).collect()
            };
            let lists = partitions.iter().enumerate().map(|(at, sizes)| of(at, sizes));
            let lists: Vec<Vec<(usize, usize)>> = lists.collect();
            let mut all: Vec<_> = lists.concat();
            all.sort_unstable();
            let (mut told, mut after): (Vec<(usize, usize)>, Option<usize>) = (Vec::new(), None);
            loop {
                let rest = |list: &Vec<(usize, usize)>| {
                    let rest = list.iter().filter(|(place, _)| Some(*place) > after).copied();
                    bound.first(rest, |(_, size)| *size)
                };
                let mut page: Vec<_> = lists.iter().flat_map(rest).collect();
                page.sort_unstable();
                let has_more = bound.cut(&mut page, |(_, size)| *size);
                let total: usize = page.iter().map(|(_, size)| size).sum();
                prop_assert!(page.len() <= items && (page.len() == 1 || total <= 30), "{page:?}");
                after = page.last().map(|(place, _)| *place);
                told.extend(page);
                if !has_more {
                    break;
                }
            }
            prop_assert_eq!(told, all);
        }
    }
}
