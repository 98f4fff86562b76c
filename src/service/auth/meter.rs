//! How often each caller may ask: a bound on what one of them takes from the others.
//!
//! The virtual scheduling algorithm of ITU-T Recommendation I.371 (2004), annex A: of each caller
//! one moment is kept, until which what they have asked for is spread at the steady rate. Whoever
//! is ahead of it by more than a burst waits. Asked by the doors, once a request: a stream is
//! counted when it is opened, and never again. Probes are counted in books of their own, under a
//! rate that no prober comes near: whoever asks too much is still told that the service is well,
//! and a flood of probes costs us no more than that rate. Knows no request.

use super::{Caller, Deed};
use crate::clock::Stopwatch;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Addresses told apart, at some hundred bytes each. All that come beside them share one rate,
/// until one of these has been quiet. Names need no bound: the file of tokens has one.
const ASKERS_MAX: usize = 10_000;
/// How often at most those who have been quiet are looked for, since that is a walk over all.
const SWEEP: Duration = Duration::from_secs(1);
/// How often one caller may probe. A probe costs some tens of microseconds, so that this is under
/// a hundredth of a core; a hundred probers behind one address, each once a second, all pass, and
/// the burst is for as many as begin anew at once.
pub(super) const PROBES: Rate = Rate { per_second: 100, burst: 1_000 };
/// Bits of an IPv6 address that tell networks apart: whoever has one has all that begin with them.
const NETWORK: u128 = !0 << 64;

/// How often one caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second that are taken for ever; at least 1.
    pub per_second: u32,
    /// Requests that are taken at once after a pause; at least 1.
    pub burst: u32,
}

/// Under which name requests are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Asker {
    /// Whoever has a token or a certificate.
    Named(Arc<str>),
    /// Whoever has neither, by where they ask from.
    At(Option<IpAddr>),
    /// All those for whom there is no room.
    Others,
}

#[derive(Debug, Default)]
struct Books {
    /// Until when what was asked for lasts at the steady rate.
    until: BTreeMap<Asker, Duration>,
    /// How many of these are addresses.
    addresses: usize,
    swept: Duration,
}

/// Counts the requests of a port. A copy counts in the same books.
#[derive(Debug, Clone)]
pub struct Meter {
    started: Stopwatch,
    asked: Account,
    probes: Account,
}

/// What is counted under one rate.
#[derive(Debug, Clone)]
struct Account {
    rate: Rate,
    books: Arc<Mutex<Books>>,
}

impl Meter {
    /// With empty books.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let of = |rate| Account { rate, books: Arc::default() };
        Self { started: Stopwatch::start(), asked: of(rate), probes: of(PROBES) }
    }

    /// Whether one more request is taken, or how long to wait with it. Probes are held up by other
    /// probes alone: who looks whether the service is well must not be told that it is not.
    pub(super) fn take(
        &self,
        deed: Deed,
        caller: Option<&Caller>,
        peer: Option<IpAddr>,
    ) -> Result<(), Duration> {
        let account = if deed == Deed::Probe { &self.probes } else { &self.asked };
        let asker = match caller {
            Some(caller) => Asker::Named(Arc::clone(&caller.name)),
            None => Asker::At(peer.map(network)),
        };
        account.take_at(asker, self.started.elapsed())
    }
}

impl Account {
    fn take_at(&self, asker: Asker, now: Duration) -> Result<(), Duration> {
        let step = Duration::from_secs(1) / self.rate.per_second.max(1);
        let ahead = step.saturating_mul(self.rate.burst.max(1) - 1);
        // What is kept is whole after every step, so that a panic elsewhere does not spoil it.
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let asker = books.place(asker, now);
        let until = books.until.get(&asker).copied().unwrap_or(now).max(now);
        match (until - now).checked_sub(ahead).filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(wait),
            None => {
                let is_address = matches!(asker, Asker::At(_));
                if books.until.insert(asker, until + step).is_none() && is_address {
                    books.addresses += 1;
                }
                Ok(())
            }
        }
    }
}

impl Books {
    /// Under which name somebody is counted.
    fn place(&mut self, asker: Asker, now: Duration) -> Asker {
        // The second bound is for names that were struck out of the file since.
        let is_full = self.addresses >= ASKERS_MAX || self.until.len() >= 2 * ASKERS_MAX;
        if is_full && now.saturating_sub(self.swept) >= SWEEP {
            self.swept = now;
            // Whose moment is past is as good as new.
            self.until.retain(|_, until| *until > now);
            self.addresses = self.until.keys().filter(|one| matches!(one, Asker::At(_))).count();
        }
        let is_told_apart = match asker {
            // Addresses of strangers must not push out whoever has a name.
            Asker::Named(_) | Asker::Others => true,
            Asker::At(_) => self.addresses < ASKERS_MAX || self.until.contains_key(&asker),
        };
        if is_told_apart { asker } else { Asker::Others }
    }
}

/// An address as far as it tells callers apart.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
        short @ IpAddr::V4(_) => short,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    fn meter(per_second: u32, burst: u32) -> Meter {
        Meter::new(Rate { per_second, burst })
    }

    fn at(number: u32) -> Asker {
        Asker::At(Some(IpAddr::from(number.to_be_bytes())))
    }

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_burst_is_taken_at_once_and_then_so_many_a_second() {
        let meter = meter(10, 5);
        let take = |now| meter.asked.take_at(at(1), millis(now));
        for _ in 0..5 {
            assert_eq!(take(0), Ok(()));
        }
        assert_eq!(take(0), Err(millis(100)), "how long until one is taken");
        assert_eq!(take(60), Err(millis(40)));
        assert_eq!(take(100), Ok(()));
        assert_eq!(take(100), Err(millis(100)), "refused ones cost nothing");
        assert_eq!(meter.asked.take_at(at(2), millis(100)), Ok(()), "somebody else");
        let taken = (200..10_200).filter(|now| take(*now).is_ok()).count();
        assert_eq!(taken, 100, "in ten seconds");
        let taken = (0..100).filter(|_| take(60_000).is_ok()).count();
        assert_eq!(taken, 5, "a long pause saves no more than a burst");
    }

    #[test]
    fn callers_are_counted_by_name_and_others_by_network() {
        let meter = meter(1, 1);
        let caller = |name: &str| Caller { name: name.into(), role: Role::Viewer };
        let (anna, bert) = (caller("anna"), caller("bert"));
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let take = |caller, peer| meter.take(Deed::Look, caller, address(peer)).is_ok();
        assert!(take(Some(&anna), "10.0.0.1") && take(Some(&bert), "10.0.0.1"));
        assert!(!take(Some(&anna), "10.0.0.2"), "wherever she asks from");
        assert!(take(None, "10.0.0.1") && !take(None, "10.0.0.1") && take(None, "10.0.0.2"));
        assert!(!take(None, "::ffff:10.0.0.2"), "the same address in another form");
        assert!(take(None, "2001:db8::1") && !take(None, "2001:db8::2"), "one network");
        assert!(take(None, "2001:db8:0:1::1"));
    }

    #[test]
    fn probes_are_held_up_by_a_flood_of_probes_alone() {
        let meter = meter(1, 1);
        let address = |number: u8| Some(IpAddr::from([10, 0, 0, number]));
        let anna = Caller { name: "anna".into(), role: Role::Viewer };
        while meter.take(Deed::Look, Some(&anna), address(1)).is_ok() {}
        let probe = |caller| meter.take(Deed::Probe, caller, address(1));
        assert!((0..PROBES.burst).all(|_| probe(Some(&anna)).is_ok()), "whoever asked too often");
        // Until then some may have been earned again, at their rate.
        let most = PROBES.burst + 60 * PROBES.per_second;
        let wait = (0..most).find_map(|_| probe(None).err()).expect("a flood is held up");
        assert!(wait <= Duration::from_secs(1) / PROBES.per_second);
        assert!(meter.take(Deed::Probe, None, address(2)).is_ok(), "nobody else is");
        assert!(meter.take(Deed::Look, None, address(1)).is_ok(), "nor any other request");
    }

    #[test]
    fn more_callers_than_are_told_apart_share_one_rate_until_others_were_quiet() {
        let meter = meter(1, 1);
        let most = u32::try_from(ASKERS_MAX).unwrap();
        for number in 0..most {
            assert_eq!(meter.asked.take_at(at(number), SWEEP), Ok(()));
        }
        assert_eq!(meter.asked.take_at(at(most), SWEEP), Ok(()));
        assert!(meter.asked.take_at(at(most + 1), SWEEP).is_err(), "the rate of all the others");
        assert!(meter.asked.take_at(at(0), SWEEP).is_err(), "its own");
        assert_eq!(meter.asked.books.lock().unwrap().until.len(), ASKERS_MAX + 1);
        let named = || meter.asked.take_at(Asker::Named("anna".into()), SWEEP);
        assert_eq!(named(), Ok(()), "a name of the file has its own rate");
        assert!(named().is_err());
        let later = SWEEP * 3;
        assert_eq!(meter.asked.take_at(at(most + 1), later), Ok(()));
        assert_eq!(meter.asked.take_at(at(most + 2), later), Ok(()), "there is room again");
        assert_eq!(meter.asked.books.lock().unwrap().until.len(), 2);
    }
}
