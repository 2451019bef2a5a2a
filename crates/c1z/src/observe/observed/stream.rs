//! A stream whose rows are counted, and the time that finding them takes: not that of whoever takes them.
//!
//! Looking at the clock twice a row would cost a tenth of a fast list. So only some rows of a fast stream are timed, up to one
//! in 64; those between count as the last one that was, unless they took long, taker included: then all of that counts,
//! and the rows that follow are timed each. What is slow is never missed, and a slow taker costs one such stretch.

use std::sync::Arc;
use std::time::Duration;

use super::Call;
use crate::Result;
use crate::engine::reader::Rows;
use crate::engine::types::SyncId;
use crate::error::ErrorKind;
use crate::observe::operation::Operation;
use crate::observe::shape::Shape;
use crate::observe::telemetry::{Ended, Telemetry};

struct Metered<T> {
    rows: Rows<T>,
    telemetry: Arc<Telemetry>,
    operation: Operation,
    sync: Option<SyncId>,
    filter: Shape,
    count: u64,
    timer: Timer,
    error: Option<ErrorKind>,
}

/// Opens a stream and counts it when it is dropped.
pub(super) fn metered<T: 'static>(
    telemetry: &Arc<Telemetry>,
    call: Call<'_>,
    open: impl FnOnce() -> Result<Rows<T>>,
) -> Result<Rows<T>> {
    let _span = call.span();
    let started = telemetry.clock.monotonic();
    let opened = open();
    let spent = telemetry.clock.monotonic().saturating_sub(started);
    let mut metered = Metered {
        rows: Box::new(std::iter::empty()),
        telemetry: Arc::clone(telemetry),
        operation: call.operation,
        sync: call.sync.cloned(),
        filter: call.filter,
        count: 0,
        timer: Timer::starting(spent),
        error: opened.as_ref().err().map(crate::Error::kind),
    };
    metered.rows = opened?;
    Ok(Box::new(metered))
}

/// A row that takes no longer, taker included, is fast: looking at the clock would show.
const FAST: Duration = Duration::from_micros(5);
/// The most rows of which one is timed.
const STRIDE_MAX: u32 = 64;

/// Adds up the time of rows.
#[derive(Debug)]
struct Timer {
    spent: Duration,
    /// Of so many rows one is timed.
    stride: u32,
    /// Rows since the last one that was timed, and those that may still pass by.
    passed: u32,
    left: u32,
    /// When the last timed row began and ended.
    began: Duration,
    ended: Duration,
    /// Whether the rows before the one that is timed were taken quickly.
    is_quick: bool,
}

impl Timer {
    fn starting(spent: Duration) -> Self {
        Self {
            spent,
            stride: 1,
            passed: 0,
            left: 0,
            began: Duration::ZERO,
            ended: Duration::ZERO,
            is_quick: false,
        }
    }

    /// Whether the next row is not timed.
    #[inline]
    fn passes_by(&mut self) -> bool {
        let passes = self.left > 0;
        if passes {
            self.left -= 1;
            self.passed += 1;
        }
        passes
    }

    fn begin(&mut self, now: Duration) {
        self.is_quick = if self.passed > 0 {
            self.count_passed(now)
        } else {
            now.saturating_sub(self.ended) <= FAST
        };
        self.began = now;
    }

    /// Counts the rows that passed by until `now`; false if they took long.
    fn count_passed(&mut self, now: Duration) -> bool {
        let passed = std::mem::take(&mut self.passed);
        let stretch = now.saturating_sub(self.ended);
        let is_fast = stretch <= FAST * passed;
        let last = self.ended.saturating_sub(self.began);
        self.spent += if is_fast {
            stretch.min(last * passed)
        } else {
            stretch
        };
        is_fast
    }

    fn end(&mut self, now: Duration) {
        self.ended = now;
        let took = now.saturating_sub(self.began);
        self.spent += took;
        self.stride = if took <= FAST && self.is_quick {
            (self.stride * 2).min(STRIDE_MAX)
        } else {
            1
        };
        self.left = self.stride - 1;
    }

    /// The time of all rows.
    fn finish(&mut self, now: impl FnOnce() -> Duration) -> Duration {
        if self.passed > 0 {
            self.count_passed(now());
        }
        self.spent
    }
}

impl<T> Iterator for Metered<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = if self.timer.passes_by() {
            self.rows.next()
        } else {
            let clock = &self.telemetry.clock;
            self.timer.begin(clock.monotonic());
            let row = self.rows.next();
            self.timer.end(clock.monotonic());
            row
        };
        match &row {
            Some(Ok(_)) => self.count += 1,
            Some(Err(error)) => self.error = Some(error.kind()),
            None => {}
        }
        row
    }
}

impl<T> Drop for Metered<T> {
    fn drop(&mut self) {
        self.telemetry.ended(&Ended {
            operation: self.operation,
            sync: self.sync.as_ref(),
            filter: self.filter,
            rows: self.count,
            duration: self.timer.finish(|| self.telemetry.clock.monotonic()),
            error: self.error,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Duration = Duration::from_micros(1);

    /// Rows that take `row(n)` each, with so much of the taker's time after each; the time measured, and how often the clock was
    /// looked at.
    fn measured(rows: u32, taker: Duration, row: impl Fn(u32) -> Duration) -> (Duration, u32) {
        let mut timer = Timer::starting(Duration::ZERO);
        let (mut now, mut looks) = (Duration::from_secs(9), 0);
        for n in 0..rows {
            if timer.passes_by() {
                now += row(n);
            } else {
                timer.begin(now);
                now += row(n);
                timer.end(now);
                looks += 2;
            }
            now += taker;
        }
        (timer.finish(|| now), looks)
    }

    #[test]
    fn fast_rows_are_sampled() {
        let (spent, looks) = measured(100_000, ROW, |_| ROW);
        assert_eq!(spent, ROW * 100_000);
        assert!(looks < 3_300, "{looks}");
    }

    #[test]
    fn slow_rows_are_timed_each_and_a_slow_taker_is_not_counted() {
        let slow = Duration::from_millis(1);
        let (spent, looks) = measured(1_000, ROW, |_| slow);
        assert_eq!((spent, looks), (slow * 1_000, 2_000));
        let (spent, _) = measured(1_000, slow, |_| ROW);
        assert_eq!(spent, ROW * 1_000);
    }

    #[test]
    fn a_single_stall_is_never_missed() {
        let stall = Duration::from_secs(7);
        for at in [0, 1, 500, 777, 998, 999] {
            let row = |n| if n == at { stall } else { ROW };
            let (spent, _) = measured(1_000, ROW, row);
            assert!(
                spent >= stall && spent < stall + ROW * 2_100,
                "{at}: {spent:?}"
            );
        }
    }
}
