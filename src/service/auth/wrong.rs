//! How many wrong tokens were shown at the log-in page, by whoever is on the other side.
//!
//! Counted an address at a time, so that one's guesses do not lock out others: but for those
//! behind the same address, and where more addresses guess in a minute than are told apart.
//! Tokens are random and long: this keeps guesses from filling the log and from costing us work,
//! not from hitting. Asked by the log-in page alone; programs that show a known token are never
//! held up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Wrong tokens taken in a minute from one address; nobody types that many.
const WRONG_MAX: u32 = 30;
/// Addresses told apart in a minute; all that come after them count as one.
const PEERS_MAX: usize = 1_000;

/// The count of the minute. A copy is the same count.
#[derive(Debug, Clone, Default)]
pub(super) struct WrongTokens(Arc<Mutex<Minute>>);

#[derive(Debug, Default)]
struct Minute {
    number: u64,
    wrong: BTreeMap<Option<IpAddr>, u32>,
}

impl Minute {
    /// Under which name an address is counted.
    fn name(&self, peer: Option<IpAddr>) -> Option<IpAddr> {
        peer.filter(|_| self.wrong.contains_key(&peer) || self.wrong.len() < PEERS_MAX)
    }
}

impl WrongTokens {
    /// Whether this address may show one more token. `now` is since some moment that is the same
    /// for all calls.
    pub(super) fn may_try(&self, peer: Option<IpAddr>, now: Duration) -> bool {
        self.with(now, |minute| {
            minute.wrong.get(&minute.name(peer)).is_none_or(|wrong| *wrong < WRONG_MAX)
        })
    }

    /// One more was wrong.
    pub(super) fn count(&self, peer: Option<IpAddr>, now: Duration) {
        self.with(now, |minute| {
            let name = minute.name(peer);
            *minute.wrong.entry(name).or_default() += 1;
        });
    }

    fn with<T>(&self, now: Duration, work: impl FnOnce(&mut Minute) -> T) -> T {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_secs() / 60;
        if minute.number != number {
            *minute = Minute { number, wrong: BTreeMap::new() };
        }
        work(&mut minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Duration = Duration::from_secs(720 * 60);

    fn peer(number: usize) -> Option<IpAddr> {
        let number = u32::try_from(number).unwrap();
        Some(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn guesses_end_after_thirty_a_minute_for_the_one_who_guesses_alone() {
        let wrong = WrongTokens::default();
        for _ in 0..30 {
            assert!(wrong.may_try(peer(1), NOON));
            wrong.count(peer(1), NOON);
        }
        assert!(!wrong.may_try(peer(1), NOON));
        assert!(wrong.may_try(peer(2), NOON), "somebody else's are not held up");
        assert!(wrong.may_try(peer(1), NOON + Duration::from_secs(60)), "a minute later");
    }

    #[test]
    fn more_addresses_than_are_told_apart_count_as_one() {
        let wrong = WrongTokens::default();
        for number in 0..PEERS_MAX + 30 {
            wrong.count(peer(number), NOON);
        }
        assert!(wrong.may_try(peer(0), NOON), "one that is told apart");
        assert!(!wrong.may_try(peer(PEERS_MAX + 31), NOON));
        assert!(!wrong.may_try(None, NOON));
    }
}
