//! Signs of life of operations in which no row passes.
//!
//! Everything long that an operation does goes through files: sorts spill, merges read and write tables, envelopes are
//! packed and read back. So the file system that an operation works on is the one place that knows that it goes on,
//! and the one place at which it can be stopped anywhere: [`Pulse::fs`] wraps it. What an operation does between two
//! reads or writes is bounded by its memory.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use shingle::vfs::{Clock, FileLock, Fs, Metadata, ReadFile, WriteFile};

use super::observe::{Observer, Progress, SharedObserver, Step};
use crate::{Error, ErrorKind, Result};

/// An observer that hears of an operation at least every [`Pulse::INTERVAL`] while the operation reads or writes files of
/// [`Pulse::fs`]: when nothing else is told, the last progress again, with the bytes that moved. What the observer
/// answers stops the operation at its next read or write.
///
/// The operations of [`crate::ops`] that take a file system do this themselves.
///
/// # Complexity
/// A look at the clock for each read and write.
#[derive(Clone)]
pub struct Pulse(Arc<Inner>);

struct Inner {
    observer: SharedObserver,
    clock: Arc<dyn Clock>,
    moved: AtomicU64,
    /// When the observer has to hear something, nanoseconds of the clock.
    due: AtomicU64,
    /// What the observer was told last; held while it is told, so that it hears one thing after the other.
    last: Mutex<Progress>,
    /// Whether reads and writes fail when the observer stopped the operation.
    stops: AtomicBool,
    is_stopped: AtomicBool,
    /// Why the observer stopped the operation, for reads and writes, and for the end.
    why: Mutex<Option<(ErrorKind, String)>>,
    stopped: Mutex<Option<Error>>,
}

impl Pulse {
    /// Longest silence, but for one read or write that takes longer.
    pub const INTERVAL: Duration = Duration::from_millis(250);

    /// The pulse of an operation that begins now.
    pub fn new(observer: SharedObserver, clock: Arc<dyn Clock>) -> Self {
        let due = nanos(clock.monotonic() + Self::INTERVAL);
        Self(Arc::new(Inner {
            observer,
            clock,
            moved: AtomicU64::new(0),
            due: AtomicU64::new(due),
            last: Mutex::new(Progress::of(Step::Rows)),
            stops: AtomicBool::new(true),
            is_stopped: AtomicBool::new(false),
            why: Mutex::new(None),
            stopped: Mutex::new(None),
        }))
    }

    /// Watches the files of a store: the observer hears of reads and writes, and they do not fail when it answers with an
    /// error, since a write that fails would end writing for good. The file system, and what to tell about the store.
    pub(crate) fn of_store(
        observer: SharedObserver,
        clock: &Arc<dyn Clock>,
        fs: Arc<dyn Fs>,
    ) -> (Arc<dyn Fs>, SharedObserver) {
        if observer.is_none() {
            return (fs, observer);
        }
        let pulse = Self::new(observer, Arc::clone(clock));
        pulse.stops_no_more();
        (pulse.fs(fs), pulse.shared())
    }

    /// From now on files no longer fail, whatever the observer answers: they are those of a store.
    pub(crate) fn stops_no_more(&self) {
        self.0.stops.store(false, Ordering::Relaxed);
    }

    /// `fs`, whose reads and writes are told.
    pub fn fs(&self, fs: Arc<dyn Fs>) -> Arc<dyn Fs> {
        if self.0.observer.is_none() {
            return fs;
        }
        let pulse = self.clone();
        Arc::new(WatchedFs { fs, pulse })
    }

    /// Tells the last progress once more, with all the bytes that moved until now.
    ///
    /// # Errors
    /// What the observer answers.
    pub fn tell(&self) -> Result<()> {
        let last = *lock(&self.0.last);
        self.advanced(&last)
    }

    /// The pulse as an observer that is shared.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::new(self.clone())
    }

    /// The same among options; none if nobody watches.
    pub(crate) fn shared(&self) -> SharedObserver {
        if self.0.observer.is_none() {
            return SharedObserver::default();
        }
        SharedObserver::new(self.observer())
    }

    /// The operation ends with `result`, or with what the observer answered.
    ///
    /// # Errors
    /// That of `result`; that of the observer if it stopped the operation.
    pub fn end<T>(&self, result: Result<T>) -> Result<T> {
        let stopped = lock(&self.0.stopped).take();
        match (stopped, &result) {
            (Some(error), Err(_)) => Err(error),
            _ => result,
        }
    }

    /// Bytes were read or written, or a sync is done.
    fn moved(&self, bytes: usize) -> io::Result<()> {
        let inner = &*self.0;
        let moved = inner.moved.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        self.go_on()?;
        let now = inner.clock.monotonic();
        let due = inner.due.load(Ordering::Relaxed);
        if nanos(now) < due || !inner.puts_off(due, now) {
            return Ok(());
        }
        // Somebody who holds the lock tells the observer just now, or is the observer.
        let last = match inner.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(last)) => last.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let heard = inner.observer.advanced(&Progress { moved, ..*last });
        drop(last);
        inner.stopped_by(heard);
        self.go_on()
    }

    /// Fails once the observer stopped the operation.
    fn go_on(&self) -> io::Result<()> {
        let inner = &*self.0;
        if inner.is_stopped.load(Ordering::Relaxed) && inner.stops.load(Ordering::Relaxed) {
            let (kind, message) = lock(&inner.why).clone().unwrap_or_else(|| {
                let message = "the observer stopped the operation";
                (ErrorKind::Cancelled, message.to_owned())
            });
            return Err(io::Error::other(Error::new(kind, message)));
        }
        Ok(())
    }
}

impl Inner {
    /// Puts off the next sign of life; false if another thread did.
    fn puts_off(&self, due: u64, now: Duration) -> bool {
        let next = nanos(now + Pulse::INTERVAL);
        let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
        let put = self.due.compare_exchange(due, next, success, failure);
        put.is_ok()
    }

    fn stopped_by(&self, heard: Result<()>) {
        if let Err(error) = heard {
            self.is_stopped_by(&error);
            lock(&self.stopped).get_or_insert(error);
        }
    }

    fn is_stopped_by(&self, error: &Error) {
        lock(&self.why).get_or_insert_with(|| (error.kind(), error.to_string()));
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

impl Observer for Pulse {
    fn advanced(&self, progress: &Progress) -> Result<()> {
        let inner = &*self.0;
        let mut last = lock(&inner.last);
        *last = Progress {
            moved: inner.moved.load(Ordering::Relaxed).max(progress.moved),
            ..*progress
        };
        let next = inner.clock.monotonic() + Self::INTERVAL;
        inner.due.store(nanos(next), Ordering::Relaxed);
        let heard = inner.observer.advanced(&last);
        if let Err(error) = &heard {
            inner.is_stopped_by(error);
        }
        heard
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pulse")
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A file system whose reads and writes are told. Names are changed in silence, so that what was stopped can be
/// cleaned up.
#[derive(Debug)]
struct WatchedFs {
    fs: Arc<dyn Fs>,
    pulse: Pulse,
}

impl WatchedFs {
    fn writer(&self, file: Box<dyn WriteFile>) -> Box<dyn WriteFile> {
        let pulse = self.pulse.clone();
        Box::new(WatchedWriter { file, pulse })
    }
}

impl Fs for WatchedFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let file = self.fs.open(path)?;
        let pulse = self.pulse.clone();
        Ok(Arc::new(WatchedReader { file, pulse }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(self.writer(self.fs.create(path)?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(self.writer(self.fs.create_new(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.fs.list(dir)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.fs.metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fs.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fs.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.fs.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.fs.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.fs.create_dir_all(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.fs.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.fs.lock(path)
    }
}

#[derive(Debug)]
struct WatchedReader {
    file: Arc<dyn ReadFile>,
    pulse: Pulse,
}

impl ReadFile for WatchedReader {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(offset, buf)?;
        self.pulse.moved(read)?;
        Ok(read)
    }

    fn len(&self) -> u64 {
        self.file.len()
    }
}

#[derive(Debug)]
struct WatchedWriter {
    file: Box<dyn WriteFile>,
    pulse: Pulse,
}

impl WriteFile for WatchedWriter {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)?;
        self.pulse.moved(data.len())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.pulse.moved(0)
    }
}

#[cfg(test)]
mod tests {
    use shingle::vfs::{ManualClock, MemFs};

    use super::*;

    /// Keeps the bytes it is told; stops after so many calls.
    struct Heard(Mutex<Vec<(u64, u64)>>, usize);

    impl Observer for Heard {
        fn advanced(&self, progress: &Progress) -> Result<()> {
            let mut heard = lock(&self.0);
            heard.push((progress.rows, progress.moved));
            if heard.len() > self.1 {
                return Err(Error::new(ErrorKind::Cancelled, "enough"));
            }
            Ok(())
        }
    }

    fn pulse(calls: usize) -> (Arc<ManualClock>, Arc<Heard>, Pulse) {
        let clock = Arc::new(ManualClock::new(Duration::ZERO));
        let heard = Arc::new(Heard(Mutex::default(), calls));
        let observer = SharedObserver::new(heard.clone());
        let pulse = Pulse::new(observer, clock.clone());
        (clock, heard, pulse)
    }

    #[test]
    fn files_tell_when_nothing_else_did_for_a_while() {
        let (clock, heard, pulse) = pulse(usize::MAX);
        let fs = pulse.fs(Arc::new(MemFs::new()));
        let mut file = fs.create(Path::new("f")).unwrap();
        file.write_all(&[0; 10]).unwrap();
        let rows = Progress {
            rows: 7,
            ..Progress::of(Step::Sort)
        };
        pulse.advanced(&rows).unwrap();
        for _ in 0..4 {
            clock.advance(Pulse::INTERVAL / 2);
            file.write_all(&[0; 10]).unwrap();
        }
        assert_eq!(*lock(&heard.0), [(7, 10), (7, 30), (7, 50)]);
    }

    #[test]
    fn the_observer_stops_reads_and_writes_and_its_error_is_the_one() {
        let (clock, _, pulse) = pulse(0);
        let fs = pulse.fs(Arc::new(MemFs::new()));
        let mut file = fs.create(Path::new("f")).unwrap();
        file.write_all(b"a").unwrap();
        clock.advance(Pulse::INTERVAL);
        let mut work = || {
            let written = file.write_all(b"b").and_then(|()| file.write_all(b"c"));
            written.map_err(|e| Error::io("write", Path::new("f"), e))
        };
        let error = pulse.end(work()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        let mut byte = [0];
        fs.open(Path::new("f"))
            .unwrap()
            .read_at(0, &mut byte)
            .unwrap_err();
        // What is left can be removed.
        fs.remove_file(Path::new("f")).unwrap();
    }

    #[test]
    fn an_observer_that_reads_files_does_not_wait_for_itself() {
        struct Reads(Mutex<Option<Arc<dyn ReadFile>>>, Arc<ManualClock>);
        impl Observer for Reads {
            fn advanced(&self, _: &Progress) -> Result<()> {
                if let Some(file) = &*lock(&self.0) {
                    self.1.advance(Pulse::INTERVAL * 2);
                    file.read_at(0, &mut [0]).unwrap();
                }
                Ok(())
            }
        }
        let clock = Arc::new(ManualClock::new(Duration::ZERO));
        let reads = Arc::new(Reads(Mutex::default(), Arc::clone(&clock)));
        let pulse = Pulse::new(SharedObserver::new(reads.clone()), clock);
        let fs = pulse.fs(Arc::new(MemFs::new()));
        drop(fs.create(Path::new("f")).unwrap());
        *lock(&reads.0) = Some(fs.open(Path::new("f")).unwrap());
        pulse.advanced(&Progress::of(Step::Pack)).unwrap();
    }
}
