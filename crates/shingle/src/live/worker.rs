//! The background thread: it writes frozen memory to runs and merges runs.
//!
//! There is at most one job, that of the last freeze; who wants to freeze again waits for it, which
//! is the back-pressure that keeps memory within its bound. Nothing else changes tables while a job
//! is under way: those who do hold the write lock and wait until the thread is idle.

use std::sync::{Arc, PoisonError};

use super::core::Inner;
use super::metrics::count;
use super::spill::Frozen;
use crate::sync::{Builder, Condvar, JoinHandle, Mutex, MutexGuard};
use crate::{Error, ErrorKind, Result};

/// What the thread shall do.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    state: Mutex<JobState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct JobState {
    next: Option<Frozen>,
    is_running: bool,
    is_closing: bool,
    /// Whether the thread was started; what is to be done before is done by the caller.
    has_thread: bool,
}

impl Jobs {
    fn state(&self) -> MutexGuard<'_, JobState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody who waits.
    pub(super) fn wake(&self) {
        self.changed.notify_all();
    }

    fn submit(&self, job: Frozen) {
        self.state().next = Some(job);
        self.wake();
    }

    /// The next job; `None` when the database closes.
    fn take(&self) -> Option<Frozen> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.next.take() {
                state.is_running = true;
                return Some(job);
            }
            if state.is_closing {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, JobState>) -> MutexGuard<'a, JobState> {
        let woken = self.changed.wait(state);
        woken.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job under way; however it ends, those who wait hear of it.
struct Running<'a>(&'a Inner);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let panicked = Error::new(ErrorKind::Internal, "the background thread panicked");
            let _poisoned: Result<()> = self.0.or_poison(Err(panicked));
        }
        self.0.jobs.state().is_running = false;
        self.0.jobs.wake();
    }
}

impl Inner {
    /// Has a freeze written, by the thread if there is one.
    pub(super) fn hand_over(&self, job: Frozen) -> Result<()> {
        if self.jobs.state().has_thread {
            self.jobs.submit(job);
            return Ok(());
        }
        let done = self.write_frozen(&job);
        self.or_poison(done)
    }

    /// Waits until no job is under way.
    ///
    /// # Errors
    /// `Poisoned` if a job failed.
    pub(super) fn wait_idle(&self) -> Result<()> {
        let mut state = self.jobs.state();
        if state.is_running || state.next.is_some() {
            count(&self.metrics.stalls, 1);
        }
        while state.is_running || state.next.is_some() {
            state = self.jobs.wait(state);
        }
        drop(state);
        self.check_usable()
    }
}

/// The thread, ended when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread if the options want one.
    pub(super) fn start(inner: &Arc<Inner>) -> Result<Self> {
        let mut worker = Self {
            inner: Arc::clone(inner),
            thread: None,
        };
        if inner.options.compaction.background {
            let inner = Arc::clone(inner);
            let thread = Builder::new()
                .name("compact".to_owned())
                .spawn(move || work(&inner))
                .map_err(|e| Error::new(ErrorKind::Io, "cannot start a thread").with_source(e))?;
            worker.thread = Some(thread);
            worker.inner.jobs.state().has_thread = true;
        }
        Ok(worker)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inner.jobs.state().is_closing = true;
        self.inner.jobs.wake();
        if let Some(thread) = self.thread.take() {
            // A panic was noted when it happened.
            let _ended = thread.join();
        }
    }
}

fn work(inner: &Inner) {
    while let Some(job) = inner.jobs.take() {
        let _running = Running(inner);
        let done = inner.check_usable().and_then(|()| inner.write_frozen(&job));
        // Whoever writes next is told.
        let _noted = inner.or_poison(done);
    }
}
