//! Clock and randomness that a test owns.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Clock, Entropy};

/// A clock that stands still until told to move.
#[derive(Debug)]
pub struct ManualClock {
    times: Mutex<Times>,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    since_epoch: Duration,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that shows `since_epoch` after 1970-01-01 UTC; its monotonic time starts at zero.
    pub fn new(since_epoch: Duration) -> Self {
        Self {
            times: Mutex::new(Times {
                since_epoch,
                monotonic: Duration::ZERO,
            }),
        }
    }

    /// Lets `by` pass, on both clocks.
    pub fn advance(&self, by: Duration) {
        self.change(|times| {
            times.since_epoch += by;
            times.monotonic += by;
        });
    }

    /// Sets the wall clock, forwards or backwards; monotonic time does not notice.
    pub fn set(&self, since_epoch: Duration) {
        self.change(|times| times.since_epoch = since_epoch);
    }

    fn change(&self, change: impl FnOnce(&mut Times)) {
        change(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn times(&self) -> Times {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.times().since_epoch
    }

    fn monotonic(&self) -> Duration {
        self.times().monotonic
    }
}

/// Random bytes that depend on a seed alone.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<Lottery>);

impl SeededEntropy {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Lottery::new(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buf: &mut [u8]) -> io::Result<()> {
        let mut lottery = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buf.chunks_mut(8) {
            let bytes = lottery.draw().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(bytes) {
                *to = from;
            }
        }
        Ok(())
    }
}

/// A generator of numbers that depend on a seed alone (`splitmix64`): a counter passed through a
/// mixing function.
#[derive(Clone, Debug)]
pub(crate) struct Lottery(u64);

impl Lottery {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..end`, nearly even; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.draw()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or_default()
    }
}
