//! A clock that stands until it is told to move.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use c1z::engine::types::Timestamp;
use shingle::vfs::Clock;

/// A clock under the test's control. Wall time may go back; monotonic time is the sum of all steps forward.
#[derive(Debug)]
pub struct ManualClock {
    time: Mutex<(SystemTime, Duration)>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            time: Mutex::new((system_time(now), Duration::ZERO)),
        }
    }

    /// Sets wall time.
    pub fn set(&self, now: Timestamp) {
        self.change(|time| time.0 = system_time(now));
    }

    /// Moves both times forward.
    pub fn advance(&self, by: Duration) {
        self.change(|time| *time = (time.0 + by, time.1 + by));
    }

    /// Moves wall time back.
    pub fn go_back(&self, by: Duration) {
        self.change(|time| time.0 -= by);
    }

    fn change(&self, change: impl FnOnce(&mut (SystemTime, Duration))) {
        change(&mut self.time.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn read(&self) -> (SystemTime, Duration) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.read().0
    }

    fn monotonic(&self) -> Duration {
        self.read().1
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    let nanos = Duration::from_nanos(u64::from(at.nanos));
    let seconds = Duration::from_secs(at.seconds.unsigned_abs());
    if at.seconds < 0 {
        UNIX_EPOCH - seconds + nanos
    } else {
        UNIX_EPOCH + seconds + nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_only_when_told() {
        for (seconds, nanos) in [(1_700_000_000, 5), (-3, 999_999_999)] {
            let start = Timestamp { seconds, nanos };
            let clock = ManualClock::at(start);
            assert_eq!(Timestamp::from_system_time(clock.now()), start);
            clock.advance(Duration::from_secs(2));
            assert_eq!(
                Timestamp::from_system_time(clock.now()),
                start.plus_seconds(2)
            );
            clock.go_back(Duration::from_secs(5));
            assert_eq!(
                Timestamp::from_system_time(clock.now()),
                start.plus_seconds(-3)
            );
            assert_eq!(clock.monotonic(), Duration::from_secs(2));
        }
    }
}
