//! Progress as people read it: now and then, with rates and the time that is left.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shingle::vfs::Clock;

use super::observe::{Observer, Progress, Step};
use crate::Result;

/// Shortest time from which a rate is computed.
const RATE_AFTER: Duration = Duration::from_millis(500);

/// How far an operation is. Prints as a line without anything of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// What was told last.
    pub progress: Progress,
    /// Time since the operation began.
    pub elapsed: Duration,
    /// Time since its step began.
    pub in_step: Duration,
}

impl Report {
    /// Rows of this step per second; none in the first half second, and where no rows are counted.
    pub fn rows_per_second(&self) -> Option<f64> {
        per_second(self.progress.rows, self.in_step)
    }

    /// Bytes read and written by the operation per second.
    pub fn bytes_per_second(&self) -> Option<f64> {
        per_second(self.progress.moved, self.elapsed)
    }

    /// What is left of this step at the rate so far; none where the end is not known.
    pub fn remaining(&self) -> Option<Duration> {
        let (done, total) = self.share()?;
        let rate = per_second(done, self.in_step)?;
        let seconds = as_f64(total.saturating_sub(done)) / rate;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// What is done of this step, in its own measure, and what there is in all; none where that is not known.
    pub fn share(&self) -> Option<(u64, u64)> {
        let progress = &self.progress;
        let rows = progress.rows_total.map(|total| (progress.rows, total));
        rows.or_else(|| progress.bytes_total.map(|total| (progress.bytes, total)))
    }
}

/// A rate; none while too little is known.
fn per_second(count: u64, time: Duration) -> Option<f64> {
    let is_known = count > 0 && time >= RATE_AFTER;
    is_known.then(|| as_f64(count) / time.as_secs_f64())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let progress = &self.progress;
        f.write_str(progress.step.as_str())?;
        let mut separator = ": ";
        let mut part = |f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>| {
            let written = write!(f, "{separator}{text}");
            separator = ", ";
            written
        };
        match (progress.rows, progress.rows_total) {
            (0, None) => {}
            (rows, None) => part(f, format_args!("{rows} rows"))?,
            (rows, Some(total)) => part(f, format_args!("{rows} of {total} rows"))?,
        }
        if let Some(total) = progress.bytes_total {
            let done = Size(as_f64(progress.bytes));
            part(f, format_args!("{done} of {}", Size(as_f64(total))))?;
        }
        if let Some(rate) = self.rows_per_second() {
            part(f, format_args!("{rate:.0} rows/s"))?;
        }
        if progress.moved > 0 {
            let moved = Size(as_f64(progress.moved));
            part(f, format_args!("{moved} read and written"))?;
        }
        if let Some(rate) = self.bytes_per_second() {
            part(f, format_args!("{}/s", Size(rate)))?;
        }
        part(f, format_args!("{} s", self.elapsed.as_secs()))?;
        match self.remaining() {
            Some(left) => part(f, format_args!("about {} s left", left.as_secs())),
            None => Ok(()),
        }
    }
}

/// What an operation did in all. Prints as a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How long it took.
    pub elapsed: Duration,
    /// Rows that it passed, each step counted.
    pub rows: u64,
    /// Bytes that it read and wrote.
    pub moved: u64,
    /// Whether it was ever said how far it is.
    pub was_said: bool,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        write!(f, "{} rows", self.rows)?;
        if self.moved > 0 {
            let moved = Size(as_f64(self.moved));
            write!(f, ", {moved} read and written")?;
        }
        write!(f, " in {seconds:.1} s")
    }
}

/// Bytes as people read them.
struct Size(f64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut size = self.0;
        let mut units = ["B", "KiB", "MiB", "GiB"].into_iter();
        let mut unit = units.next().unwrap_or_default();
        while size >= 1024.0 {
            let Some(next) = units.next() else { break };
            (size, unit) = (size / 1024.0, next);
        }
        let digits = usize::from(unit != "B" && size < 100.0);
        write!(f, "{size:.digits$} {unit}")
    }
}

fn as_f64(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for people, who round anyway")]
    let count = count as f64;
    count
}

/// Takes reports.
pub type SayReport = Box<dyn Fn(&Report) + Send + Sync>;

/// An observer that says how far an operation is, at most once in an interval, however often it is told.
///
/// It speaks when it is told something; who wants to hear from it also while the operation is silent calls
/// [`Reporter::remind`] from a thread of its own.
pub struct Reporter {
    clock: Arc<dyn Clock>,
    interval: Duration,
    say: SayReport,
    state: Mutex<State>,
}

struct State {
    started: Duration,
    step_started: Duration,
    said: Duration,
    last: Progress,
    rows_before: u64,
    was_said: bool,
}

impl Reporter {
    /// A reporter of an operation that begins now, which speaks after an `interval` for the first time.
    pub fn new(clock: Arc<dyn Clock>, interval: Duration, say: SayReport) -> Self {
        let now = clock.monotonic();
        Self {
            clock,
            interval,
            say,
            state: Mutex::new(State {
                started: now,
                step_started: now,
                said: now,
                last: Progress::of(Step::Rows),
                rows_before: 0,
                was_said: false,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says the last progress again if nothing was said in an interval.
    pub fn remind(&self) {
        let mut state = self.state();
        self.say_if_due(&mut state);
    }

    fn say_if_due(&self, state: &mut State) {
        let now = self.clock.monotonic();
        if now.saturating_sub(state.said) < self.interval {
            return;
        }
        state.said = now;
        state.was_said = true;
        (self.say)(&Report {
            progress: state.last,
            elapsed: now.saturating_sub(state.started),
            in_step: now.saturating_sub(state.step_started),
        });
    }

    /// What the operation did until now.
    pub fn ended(&self) -> Ended {
        let state = self.state();
        Ended {
            elapsed: self.clock.monotonic().saturating_sub(state.started),
            rows: state.rows_before + state.last.rows,
            moved: state.last.moved,
            was_said: state.was_said,
        }
    }
}

impl Observer for Reporter {
    fn advanced(&self, progress: &Progress) -> Result<()> {
        let mut state = self.state();
        if begins(&state.last, progress) {
            state.rows_before += state.last.rows;
            state.step_started = self.clock.monotonic();
        }
        // Parts of an operation count what they move each for itself.
        let moved = state.last.moved.max(progress.moved);
        state.last = Progress { moved, ..*progress };
        self.say_if_due(&mut state);
        Ok(())
    }
}

/// Whether a step begins: another one, or the same one with other rows. Threads may tell rows out of order, but none
/// tells 0 after another told more.
pub(crate) fn begins(last: &Progress, now: &Progress) -> bool {
    now.step != last.step || (now.rows == 0 && last.rows > 0)
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

#[cfg(test)]
mod tests {
    use shingle::vfs::ManualClock;

    use super::*;
    use crate::ops::RecordKind;

    fn reporter() -> (Arc<ManualClock>, Arc<Mutex<Vec<String>>>, Reporter) {
        let clock = Arc::new(ManualClock::new(Duration::from_secs(1000)));
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let say = move |report: &Report| kept.lock().unwrap().push(report.to_string());
        let reporter = Reporter::new(clock.clone(), Duration::from_secs(5), Box::new(say));
        (clock, lines, reporter)
    }

    #[test]
    fn it_speaks_once_in_an_interval_with_rates_and_what_is_left() {
        let (clock, lines, reporter) = reporter();
        for second in 0..=10 {
            let grants = Progress {
                rows: second * 100,
                rows_total: Some(4000),
                moved: second << 20,
                ..Progress::of(Step::Records(RecordKind::Grant))
            };
            reporter.advanced(&grants).unwrap();
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(
            *lines.lock().unwrap(),
            [
                "grants: 500 of 4000 rows, 100 rows/s, 5.0 MiB read and written, 1.0 MiB/s, 5 s, about 35 s left",
                "grants: 1000 of 4000 rows, 100 rows/s, 10.0 MiB read and written, 1.0 MiB/s, 10 s, about 30 s left",
            ]
        );
    }

    #[test]
    fn silence_is_broken_by_a_reminder() {
        let (clock, lines, reporter) = reporter();
        reporter.advanced(&Progress::of(Step::Sort)).unwrap();
        clock.advance(Duration::from_secs(4));
        reporter.remind();
        assert!(lines.lock().unwrap().is_empty());
        clock.advance(Duration::from_secs(1));
        reporter.remind();
        reporter.remind();
        assert_eq!(*lines.lock().unwrap(), ["sorting: 5 s"]);
    }

    #[test]
    fn the_end_counts_the_rows_of_all_steps() {
        let (clock, _, reporter) = reporter();
        for (step, rows) in [
            (Step::Rows, 0),
            (Step::Rows, 70),
            (Step::Sort, 0),
            (Step::Sort, 0),
            (Step::Sort, 30),
            (Step::Sort, 0),
            (Step::Sort, 5),
        ] {
            let progress = Progress {
                rows,
                ..Progress::of(step)
            };
            reporter.advanced(&progress).unwrap();
        }
        clock.advance(Duration::from_millis(1500));
        let ended = reporter.ended();
        assert_eq!((ended.rows, ended.was_said), (105, false));
        assert_eq!(ended.to_string(), "105 rows in 1.5 s");
    }

    #[test]
    fn a_step_of_bytes_knows_its_end_too() {
        let report = Report {
            progress: Progress {
                bytes: 3 << 20,
                bytes_total: Some(12 << 20),
                ..Progress::of(Step::Pack)
            },
            elapsed: Duration::from_secs(10),
            in_step: Duration::from_secs(3),
        };
        assert_eq!(report.remaining(), Some(Duration::from_secs(9)));
        assert_eq!(
            report.to_string(),
            "packing: 3.0 MiB of 12.0 MiB, 10 s, about 9 s left"
        );
    }
}
