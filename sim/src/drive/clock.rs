//! The service's clock, followed from outside: what time it is there, between two answers.
//!
//! Every answer says that the service's time lay between the asking and the hearing; all of them
//! together leave little room. When the service does not answer, its time is taken to stand still
//! after a moment, for a rehearsal has no other time than the service's. Never goes back. Knows no
//! RPC. Asked by whoever plays the market, fed by the task that asks the service.

use paceline::clock::Stopwatch;
use paceline_core::units::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long time goes on by itself after an answer: several askings long, far below a lease.
const HOLDOVER: Duration = Duration::from_millis(1_000);
/// How much room the clocks of two machines may gain between two answers, in parts per million of
/// the time between them.
const DRIFT_PPM: i64 = 200;

/// Follows a service's clock; clones tell the same time.
#[derive(Debug, Clone)]
pub(crate) struct FollowedClock {
    started: Stopwatch,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// How many times faster than the world it passes.
    factor: i64,
    /// Least and most that the service's time can be ahead of real time times the factor, in
    /// microseconds.
    room: Option<(i64, i64)>,
    /// When the service last answered, by real time since the start.
    heard: Duration,
    told: Timestamp,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl FollowedClock {
    /// Knows nothing yet: it is 1970.
    pub(crate) fn new() -> Self {
        Self { started: Stopwatch::start(), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Real time since the start: what is to be handed to [`Self::heard`] as the time of asking.
    pub(crate) fn real(&self) -> Duration {
        self.started.elapsed()
    }

    /// The service, asked at `asked`, has just answered that it is `server` o'clock there.
    pub(crate) fn heard(&self, asked: Duration, server: Timestamp, factor: u32) {
        let now = self.real();
        self.state().hear((asked, now), server, i64::from(factor.max(1)));
    }

    /// What time it is at the service.
    pub(crate) fn now(&self) -> Timestamp {
        let real = self.real();
        self.state().now(real)
    }

    /// How many times faster than the world it passes; 1 before the first answer.
    pub(crate) fn factor(&self) -> i64 {
        self.state().factor.max(1)
    }

    /// How long the service has not answered, in real time.
    pub(crate) fn silence(&self) -> Duration {
        self.real().saturating_sub(self.state().heard)
    }
}

impl State {
    fn hear(&mut self, (asked, now): (Duration, Duration), server: Timestamp, factor: i64) {
        let ahead = |real: Duration| server.as_micros() - factor * micros(real);
        let fresh = (ahead(now), ahead(asked));
        let drift = micros(now.saturating_sub(self.heard)) * DRIFT_PPM / 1_000_000 * factor;
        let narrowed = self.room.filter(|_| factor == self.factor).map(|(least, most)| {
            (fresh.0.max(least.saturating_sub(drift)), fresh.1.min(most.saturating_add(drift)))
        });
        // No room left: the service's clock was set, or the service began anew.
        self.room = Some(narrowed.filter(|(least, most)| least <= most).unwrap_or(fresh));
        self.factor = factor;
        self.heard = now;
    }

    fn now(&mut self, real: Duration) -> Timestamp {
        if let Some((least, most)) = self.room {
            let real = real.min(self.heard + HOLDOVER);
            let ahead = least + (most - least) / 2;
            let now = Timestamp::from_micros(self.factor * micros(real) + ahead);
            self.told = self.told.max(now);
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::Span;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_millis(millis)
    }

    #[test]
    fn answers_leave_less_and_less_room() {
        let mut state = State::default();
        // The service is 600 000 ms ahead and sixty times as fast.
        state.hear((millis(0), millis(10)), at(600_000 + 60 * 9), 60);
        assert_eq!(state.now(millis(100)), at(606_000 + 240));
        state.hear((millis(200), millis(202)), at(600_000 + 60 * 201), 60);
        // Exact but for the drift that two clocks may have.
        assert!((state.now(millis(300)) - at(618_000)).as_micros().abs() < 3_000);
    }

    #[test]
    fn without_answers_time_stands_still_after_a_moment() {
        let mut state = State::default();
        state.hear((millis(0), millis(0)), at(5_000), 60);
        assert_eq!(state.now(millis(500)), at(35_000));
        assert_eq!(state.now(millis(1_000)), at(65_000));
        assert_eq!(state.now(millis(9_000)), at(65_000));
    }

    #[test]
    fn a_service_that_began_anew_is_waited_for() {
        let mut state = State::default();
        state.hear((millis(0), millis(0)), at(5_000), 60);
        assert_eq!(state.now(millis(1_000)), at(65_000));
        // Its clock went on from its log, behind what was told here.
        state.hear((millis(4_000), millis(4_000)), at(50_000), 60);
        assert_eq!(state.now(millis(4_000)), at(65_000));
        assert_eq!(state.now(millis(4_500)), at(80_000));
    }
}
