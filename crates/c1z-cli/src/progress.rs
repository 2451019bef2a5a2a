//! Progress of a long operation, on a terminal alone.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use c1z::ops::{Observer, Progress, Step};
use shingle::vfs::{Clock, OsClock};

/// Time between two lines.
const INTERVAL: Duration = Duration::from_millis(200);
/// Clears the line and returns to its start.
const CLEAR: &str = "\r\x1b[K";

/// Prints how far an operation got to standard error, in place, when that is a terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    shows: bool,
    last: Mutex<Option<Duration>>,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self {
            shows: io::stderr().is_terminal(),
            last: Mutex::new(None),
        }
    }
}

impl Observer for Terminal {
    fn advanced(&self, progress: &Progress) -> c1z::Result<()> {
        if !self.shows {
            return Ok(());
        }
        let now = OsClock::default().monotonic();
        // Another thread is printing; nothing is lost by staying silent.
        let Ok(mut last) = self.last.try_lock() else {
            return Ok(());
        };
        if last.is_some_and(|last| now.saturating_sub(last) < INTERVAL) {
            return Ok(());
        }
        *last = Some(now);
        let (what, rows) = (name_of(progress.step), progress.rows);
        // A terminal that is gone needs no progress.
        let _ = write!(io::stderr(), "{CLEAR}{what}: {rows} rows");
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.shows {
            let _ = write!(io::stderr(), "{CLEAR}");
        }
    }
}

fn name_of(step: Step) -> &'static str {
    match step {
        Step::Rows => "reading",
        Step::Sort => "sorting",
        Step::Indexes => "writing indexes",
        Step::Pack => "packing",
        Step::Files => "checking files and tables",
        Step::Records => "checking records and indexes",
        Step::Compare => "comparing indexes row by row",
        Step::Salvage => "gathering what can be read",
        _ => "working",
    }
}
