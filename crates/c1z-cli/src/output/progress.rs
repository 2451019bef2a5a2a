//! Progress of long lists, for somebody who waits: on standard error, and only where that is a
//! terminal and the rows go elsewhere.

use std::io::{self, IsTerminal, Stderr, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shingle::vfs::{Clock, OsClock};

/// Time between two lines.
const INTERVAL: Duration = Duration::from_millis(200);
/// Rows between two looks at the clock.
const ROWS: u64 = 1 << 10;

/// Counts rows and shows the count now and then; takes the line away in the end.
pub(crate) struct Progress<W: Write = Stderr> {
    out: Option<W>,
    clock: Arc<dyn Clock>,
    what: &'static str,
    rows: u64,
    next: Duration,
    shown: bool,
}

impl Progress {
    /// Progress over rows of this kind, hidden if `quiet` or if nobody watches.
    pub(crate) fn new(what: &'static str, quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let watched = io::stderr().is_terminal() && !io::stdout().is_terminal();
        let out = (watched && !dumb && !quiet).then(io::stderr);
        Self::on(out, what, Arc::new(OsClock))
    }
}

impl<W: Write> Progress<W> {
    fn on(out: Option<W>, what: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self {
            next: clock.monotonic() + INTERVAL,
            out,
            clock,
            what,
            rows: 0,
            shown: false,
        }
    }

    /// One more row.
    pub(crate) fn row(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS) {
            self.show();
        }
    }

    /// So many rows by now.
    pub(crate) fn at(&mut self, rows: u64) {
        self.rows = rows;
        self.show();
    }

    fn show(&mut self) {
        let Some(out) = self.out.as_mut() else {
            return;
        };
        let now = self.clock.monotonic();
        if now >= self.next {
            self.next = now + INTERVAL;
            self.shown = true;
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(out, "\r{} {}\u{1b}[K", self.rows, self.what).and_then(|()| out.flush());
        }
    }
}

/// Progress of an operation of the library.
pub(crate) struct Watch(Mutex<Progress>);

impl Watch {
    pub(crate) fn new(progress: Progress) -> Self {
        Self(Mutex::new(progress))
    }
}

impl c1z::ops::Observer for Watch {
    fn advanced(&self, progress: &c1z::ops::Progress) -> c1z::Result<()> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.at(progress.rows);
        Ok(())
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if let Some(out) = self.out.as_mut().filter(|_| self.shown) {
            let _ = write!(out, "\r\u{1b}[K").and_then(|()| out.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use shingle::vfs::ManualClock;

    use super::*;

    #[test]
    fn the_line_comes_now_and_then_and_goes_in_the_end() {
        let clock = Arc::new(ManualClock::new(Duration::ZERO));
        let mut out = Vec::new();
        let mut progress = Progress::on(Some(&mut out), "grants", clock.clone());
        for _ in 0..3 * ROWS {
            progress.row();
        }
        clock.advance(INTERVAL);
        for _ in 0..2 * ROWS {
            progress.row();
        }
        drop(progress);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\r4096 grants\u{1b}[K\r\u{1b}[K"
        );
    }
}
