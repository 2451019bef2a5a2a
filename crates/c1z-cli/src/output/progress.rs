//! Progress of what takes long, for somebody who waits: on standard error, a bar on a terminal, else a line every 5 s.
//!
//! There is one command a process, so there is one progress. Rows of lists and operations of the library both tell it
//! through [`observer`].

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use c1z::ops::{NoObserver, Observer, Report, Reporter, Step};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shingle::vfs::OsClock;

/// Time between two lines where nothing is drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Time between two drawings of a bar.
const BAR_INTERVAL: Duration = Duration::from_millis(200);
/// From then on a bar is followed by a summary.
const SUMMARY_AFTER: Duration = Duration::from_secs(2);
/// Rows between two calls of the observer.
const ROWS: u64 = 1 << 10;

/// When progress is shown, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// A bar on a terminal, else a line every 5 s
    Auto,
    /// A line every 5 s and one at the end
    Plain,
    /// Not at all
    Never,
}

/// What is shown while the command runs.
struct Shown {
    title: &'static str,
    reporter: Arc<Reporter>,
    bar: Option<ProgressBar>,
    /// Whether a summary was asked for, however short the command.
    is_asked: bool,
    /// Raised when the command has ended.
    ended: Arc<(Mutex<bool>, Condvar)>,
}

static SHOWN: OnceLock<Shown> = OnceLock::new();

/// Begins to show progress of a command.
pub(crate) fn start(when: When, title: &'static str) {
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    let bar = when == When::Auto && io::stderr().is_terminal() && !dumb;
    if when == When::Never {
        return;
    }
    let shown = SHOWN.get_or_init(|| Shown::new(title, bar.then(new_bar), when == When::Plain));
    shown.remind_forever();
}

/// What tells the progress of an operation of the library.
pub(crate) fn observer() -> Arc<dyn Observer> {
    match SHOWN.get() {
        Some(shown) => Arc::clone(&shown.reporter) as Arc<dyn Observer>,
        None => Arc::new(NoObserver),
    }
}

/// Takes a bar away for good where rows follow on the same terminal.
pub(crate) fn give_way() {
    let bar = SHOWN.get().and_then(|shown| shown.bar.as_ref());
    if let Some(bar) = bar.filter(|_| io::stdout().is_terminal()) {
        bar.finish_and_clear();
    }
}

/// Does something to standard error without a bar in the way.
pub(crate) fn beside(write: impl FnOnce()) {
    match SHOWN.get().and_then(|shown| shown.bar.as_ref()) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Ends the progress; a command that ended well gets a summary.
pub(crate) fn finish(is_done: bool) {
    if let Some(shown) = SHOWN.get() {
        shown.end(is_done);
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_style(ProgressStyle::default_spinner());
    bar
}

impl Shown {
    fn new(title: &'static str, bar: Option<ProgressBar>, is_asked: bool) -> Self {
        let interval = if bar.is_some() {
            BAR_INTERVAL
        } else {
            LINE_INTERVAL
        };
        let drawn = bar.clone();
        let say = move |report: &Report| match &drawn {
            Some(bar) => draw(bar, title, report),
            None => line(&format!("{title}: {report}")),
        };
        Self {
            title,
            reporter: Arc::new(Reporter::new(Arc::new(OsClock), interval, Box::new(say))),
            bar,
            is_asked,
            ended: Arc::default(),
        }
    }

    /// Breaks the silence of operations that tell nothing for a while.
    fn remind_forever(&self) {
        let (reporter, ended) = (Arc::clone(&self.reporter), Arc::clone(&self.ended));
        let remind = move || {
            let (is_ended, woken) = &*ended;
            let mut guard = is_ended.lock().unwrap_or_else(PoisonError::into_inner);
            while !*guard {
                let waited = woken.wait_timeout(guard, BAR_INTERVAL);
                guard = waited.unwrap_or_else(PoisonError::into_inner).0;
                if !*guard {
                    reporter.remind();
                }
            }
        };
        // Without a thread silence stays silence; nothing else depends on it.
        let _ = thread::Builder::new()
            .name("progress".to_owned())
            .spawn(remind);
    }

    fn end(&self, is_done: bool) {
        let (is_ended, woken) = &*self.ended;
        *is_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        woken.notify_all();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let ended = self.reporter.ended();
        let was_long = ended.was_said && ended.elapsed >= SUMMARY_AFTER;
        if is_done && (self.is_asked || was_long) {
            line(&format!("{}: done: {ended}", self.title));
        }
    }
}

/// Shows a report as a bar, or as a line that is renewed where the end is not known.
fn draw(bar: &ProgressBar, title: &str, report: &Report) {
    if bar.is_finished() {
        return;
    }
    if bar.is_hidden() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    let template = match report.share() {
        Some((done, total)) => {
            bar.set_length(total);
            bar.set_position(done);
            "{spinner} [{bar:20}] {wide_msg}"
        }
        None => "{spinner} {wide_msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(format!("{title}: {report}"));
    bar.tick();
}

/// Nobody may be listening on standard error; that is no reason to fail.
fn line(text: &str) {
    let _ = writeln!(io::stderr(), "c1z: {text}");
}

/// Counts the rows of a list.
pub(crate) struct Counted {
    observer: Arc<dyn Observer>,
    progress: c1z::ops::Progress,
}

impl Counted {
    /// A list without rows so far.
    pub(crate) fn new() -> Self {
        Self {
            observer: crate::job::observer(),
            progress: c1z::ops::Progress::of(Step::Rows),
        }
    }

    /// One more row.
    pub(crate) fn row(&mut self) {
        self.progress.rows += 1;
        if self.progress.rows.is_multiple_of(ROWS) {
            self.tell();
        }
    }

    fn tell(&self) {
        // The program's observer stops nothing.
        let _ = self.observer.advanced(&self.progress);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tell();
    }
}
