//! The only reader of the system clock: what time it is, how long something took, when to wake.
//!
//! Time is logical: a scaled clock passes faster than the system's, a replayed one stands still
//! until told. Whatever kind, it never goes back. Knows nothing of what happens when. Made by
//! `app`, handed to everyone who needs `now`.

use crate::config::ClockKind;
use paceline_core::units::{Span, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;

/// Tells the time; clones tell the same time.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    System { begun: Begun, steady: Mutex<Steady> },
    Scaled { begun: Begun, base: Timestamp, factor: u32, ahead: AtomicI64 },
    Replayed { now: watch::Receiver<Timestamp> },
}

/// When the clock was made.
#[derive(Debug)]
struct Begun {
    wall: Timestamp,
    started: Stopwatch,
}

/// Moves a replayed clock.
#[derive(Debug)]
pub struct Replay(watch::Sender<Timestamp>);

/// Measures how long something takes, whatever the clock on the wall does.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

/// Wall time made monotone. When the wall jumps back, time goes on at half its pace until the wall
/// has caught up: it never stands still, so no tick is missed, and never goes back.
#[derive(Debug, Default)]
struct Steady {
    wall: Timestamp,
    told: Timestamp,
    /// While ahead of the wall: what was told, and how long after the start, when it jumped.
    ahead: Option<(Timestamp, Span)>,
    jumps: u64,
}

impl Clock {
    /// The clock a configuration asks for.
    #[must_use]
    pub fn of(kind: ClockKind) -> Self {
        match kind {
            ClockKind::System => Self::system(),
            ClockKind::Scaled(factor) => Self::scaled(factor),
            ClockKind::ScaledSince(factor, since) => Self::scaled_since(factor, since),
        }
    }

    /// The system's time, made monotone.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Inner::System { begun: Begun::now(), steady: Mutex::default() }))
    }

    /// Begins now and passes `factor` times faster.
    ///
    /// # Panics
    /// When `factor` is 0: time that stands still is replayed time.
    #[must_use]
    pub fn scaled(factor: u32) -> Self {
        Self::scaled_from(factor, wall())
    }

    /// Passes `factor` times faster since the wall showed `since`, now if that is still to come:
    /// whoever is told the same shows the same.
    ///
    /// # Panics
    /// As [`Self::scaled`].
    #[must_use]
    pub fn scaled_since(factor: u32, since: Timestamp) -> Self {
        let passed = (wall() - since).max(Span::ZERO);
        Self::scaled_from(factor, since + passed.times(i64::from(factor)))
    }

    fn scaled_from(factor: u32, base: Timestamp) -> Self {
        assert!(factor > 0, "a scaled clock moves");
        let (begun, ahead) = (Begun::now(), AtomicI64::new(0));
        Self(Arc::new(Inner::Scaled { begun, base, factor, ahead }))
    }

    /// Stands at `at` until moved.
    #[must_use]
    pub fn replayed(at: Timestamp) -> (Self, Replay) {
        let (tx, now) = watch::channel(at);
        (Self(Arc::new(Inner::Replayed { now })), Replay(tx))
    }

    /// What time it is. Never less than it was.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Inner::System { begun, steady } => {
                // Read under the lock, or two threads would see each other as a jump back.
                let mut steady = steady.lock().unwrap_or_else(PoisonError::into_inner);
                steady.step(wall(), begun.started.span())
            }
            Inner::Scaled { begun, base, factor, ahead } => {
                let ahead = Span::from_micros(ahead.load(Ordering::Acquire));
                *base + begun.started.span().times(i64::from(*factor)) + ahead
            }
            Inner::Replayed { now } => *now.borrow(),
        }
    }

    /// The time on which promises to other machines run, such as a lead: it passes at the world's
    /// pace even in a rehearsal, since processes and servers are no closer to each other then, and
    /// whatever becomes of the wall. Only to be compared with itself; a replayed clock has no other
    /// than its own.
    #[must_use]
    pub fn world(&self) -> Timestamp {
        match &*self.0 {
            Inner::System { begun, .. } | Inner::Scaled { begun, .. } => {
                begun.wall + begun.started.span()
            }
            Inner::Replayed { now } => *now.borrow(),
        }
    }

    /// A log already knows of `at`: time goes on from there, so that nothing in it is of the
    /// future. Whether it does. Rehearsed time always does: it ran ahead of the world in an earlier
    /// life. The system's does where it is behind by no more than `behind_max`, which counts as a
    /// jump back: it was set back over a restart, or who wrote the log has a clock ahead of ours.
    #[must_use]
    pub fn go_on_from(&self, at: Timestamp, behind_max: Span) -> bool {
        match &*self.0 {
            Inner::System { begun, steady } => {
                let mut steady = steady.lock().unwrap_or_else(PoisonError::into_inner);
                let elapsed = begun.started.span();
                let behind = at - steady.step(wall(), elapsed);
                if behind > Span::ZERO && behind <= behind_max {
                    steady.go_on_from(at, elapsed);
                }
                behind <= behind_max
            }
            Inner::Scaled { ahead, .. } => {
                let behind = (at - self.now()).max(Span::ZERO);
                ahead.fetch_add(behind.as_micros(), Ordering::AcqRel);
                true
            }
            Inner::Replayed { .. } => true,
        }
    }

    /// How often the system's clock went back since the start, or was found behind a log.
    #[must_use]
    pub fn jumps_back(&self) -> u64 {
        match &*self.0 {
            Inner::System { steady, .. } => {
                steady.lock().unwrap_or_else(PoisonError::into_inner).jumps
            }
            Inner::Scaled { .. } | Inner::Replayed { .. } => 0,
        }
    }

    /// How many times faster than the world it passes: 1 but for a scaled clock.
    #[must_use]
    pub fn factor(&self) -> u32 {
        match &*self.0 {
            Inner::Scaled { factor, .. } => *factor,
            Inner::System { .. } | Inner::Replayed { .. } => 1,
        }
    }

    /// How long a span of logical time takes in the world; a negative one takes none. Time-outs
    /// towards real machines are real and need no such conversion.
    #[must_use]
    pub fn real(&self, span: Span) -> Duration {
        let micros = u64::try_from(span.as_micros()).unwrap_or_default();
        match &*self.0 {
            Inner::Scaled { factor, .. } => Duration::from_micros(micros) / *factor,
            Inner::System { .. } | Inner::Replayed { .. } => Duration::from_micros(micros),
        }
    }

    /// Returns once the clock shows `at` or later.
    pub async fn sleep_until(&self, at: Timestamp) {
        if let Inner::Replayed { now } = &*self.0 {
            // A replay that has ended moves no clock: whoever waits for it waits for ever.
            if now.clone().wait_for(|now| *now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
            return;
        }
        // A loop, since a wall that was set back makes the first estimate too short.
        loop {
            let now = self.now();
            if now >= at {
                return;
            }
            tokio::time::sleep(self.real(at - now).max(SLEEP_MIN)).await;
        }
    }

    /// Returns once `span` has passed on this clock.
    pub async fn sleep(&self, span: Span) {
        self.sleep_until(self.now() + span).await;
    }
}

/// The timer's own step: sleeping for less would spin.
const SLEEP_MIN: Duration = Duration::from_millis(1);

impl Replay {
    /// Moves the clock to `at`; whether it moved. A time before the one shown moves nothing.
    pub fn advance_to(&self, at: Timestamp) -> bool {
        self.0.send_if_modified(|now| {
            let moves = at > *now;
            *now = at.max(*now);
            moves
        })
    }
}

impl Begun {
    fn now() -> Self {
        Self { wall: wall(), started: Stopwatch::start() }
    }
}

impl Stopwatch {
    /// Starts.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Real time since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    fn span(self) -> Span {
        Span::from_micros(i64::try_from(self.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}

/// What the system says, whatever that is worth. Before 1970 counts as 1970.
#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Steady {
    /// The time to tell when the wall says `wall`, `elapsed` after the start.
    fn step(&mut self, wall: Timestamp, elapsed: Span) -> Timestamp {
        if wall < self.wall {
            self.jumps += 1;
            self.ahead = Some((self.told, elapsed));
        }
        self.wall = wall;
        let mut now = wall;
        if let Some((from, since)) = self.ahead {
            let slow = from + Span::from_micros((elapsed - since).as_micros() / 2);
            if wall >= slow {
                self.ahead = None;
            }
            now = wall.max(slow);
        }
        self.told = now.max(self.told);
        self.told
    }

    /// Time was told up to `at` already, in an earlier life: the wall went back meanwhile.
    fn go_on_from(&mut self, at: Timestamp, elapsed: Span) {
        self.jumps += 1;
        self.told = at;
        self.ahead = Some((at, elapsed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000)
    }

    #[test]
    fn a_wall_that_jumps_back_slows_time_down_until_it_has_caught_up() {
        let mut steady = Steady::default();
        let mut told = |wall, elapsed| steady.step(at(wall), Span::from_secs(elapsed));
        assert_eq!(told(1_000, 0), at(1_000));
        // Back by 100 s, then 60 s pass: half of them are told.
        assert_eq!(told(900, 0), at(1_000));
        assert_eq!(told(960, 60), at(1_030));
        // After 200 s the wall says 1100 and half time says 1100: caught up.
        assert_eq!(told(1_100, 200), at(1_100));
        assert_eq!(told(1_101, 201), at(1_101));
        assert_eq!(steady.jumps, 1);
    }

    #[test]
    fn a_wall_behind_the_log_slows_time_down_until_it_has_caught_up() {
        let mut steady = Steady::default();
        assert_eq!(steady.step(at(1_000), Span::ZERO), at(1_000));
        steady.go_on_from(at(1_020), Span::ZERO);
        assert_eq!(steady.step(at(1_010), Span::from_secs(10)), at(1_025));
        assert_eq!(steady.step(at(1_040), Span::from_secs(40)), at(1_040));
        assert_eq!(steady.step(at(1_041), Span::from_secs(41)), at(1_041));
        assert_eq!(steady.jumps, 1);
    }

    #[test]
    fn the_system_clock_goes_on_from_a_log_that_is_a_little_ahead_and_from_no_other() {
        let clock = Clock::system();
        assert!(clock.go_on_from(clock.now() - Span::DAY, Span::MINUTE), "the usual restart");
        assert_eq!(clock.jumps_back(), 0);
        let far = clock.now() + Span::HOUR;
        assert!(!clock.go_on_from(far, Span::MINUTE));
        assert!(clock.now() < far && clock.jumps_back() == 0, "it was left alone");
        let near = clock.now() + Span::from_secs(20);
        assert!(clock.go_on_from(near, Span::MINUTE));
        assert!(clock.now() >= near && clock.jumps_back() == 1);
    }

    #[test]
    fn a_wall_that_jumps_forward_is_followed() {
        let mut steady = Steady::default();
        assert_eq!(steady.step(at(10), Span::ZERO), at(10));
        assert_eq!(steady.step(at(500), Span::from_secs(1)), at(500));
        assert_eq!(steady.jumps, 0);
    }

    #[test]
    fn scaled_clocks_since_the_same_moment_show_the_same_time() {
        let since = wall() - Span::from_mins(10);
        let (one, other) = (Clock::scaled_since(60, since), Clock::scaled_since(60, since));
        assert!(one.now() - since >= Span::from_mins(600));
        // Made a moment apart; a minute of theirs is a second of ours.
        assert!((other.now() - one.now()) < Span::from_mins(1));
        let ahead = Clock::scaled_since(60, wall() + Span::HOUR);
        assert!(ahead.now() >= wall() + Span::from_mins(59), "not before its moment");
    }

    #[test]
    fn a_scaled_clock_turns_an_hour_into_a_minute() {
        let clock = Clock::scaled(60);
        assert_eq!((clock.factor(), Clock::system().factor()), (60, 1));
        assert_eq!(clock.real(Span::HOUR), Duration::from_secs(60));
        assert!(clock.go_on_from(clock.now() + Span::DAY, Span::ZERO));
        let world = clock.world();
        assert!(world <= wall() && world > wall() - Span::MINUTE, "promises are of the world");
        assert_eq!(clock.real(Span::from_secs(-1)), Duration::ZERO);
        assert!(clock.now() >= Timestamp::MIN && clock.now().is_plausible());
    }

    #[test]
    fn a_replayed_clock_moves_only_forward_and_only_when_told() {
        let (clock, replay) = Clock::replayed(at(5));
        assert!(replay.advance_to(at(7)));
        assert!(!replay.advance_to(at(6)));
        assert_eq!(clock.now(), at(7));
    }

    #[tokio::test]
    async fn who_sleeps_on_a_replayed_clock_wakes_when_it_gets_there() {
        let (clock, replay) = Clock::replayed(at(0));
        let sleeper = clock.sleep(Span::from_secs(10));
        let mover = async {
            replay.advance_to(at(9));
            tokio::task::yield_now().await;
            replay.advance_to(at(10));
        };
        tokio::join!(sleeper, mover);
        assert_eq!(clock.now(), at(10));
    }
}
