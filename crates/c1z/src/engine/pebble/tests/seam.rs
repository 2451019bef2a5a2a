//! A store in memory that counts what is asked of it, fails when told, and can be stopped in the middle of a seal.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use shingle::batch::Batch;
use shingle::bulk::BuiltDatabase;
use shingle::vfs::Fs;

use crate::engine::pebble::kv::{Kv, KvScan, KvValue};
use crate::engine::pebble::live_kv::{Emit, LiveKv, SealPass};
use crate::engine::pebble::memory::MemoryKv;
use crate::keyspace::KeyRange;
use crate::{Error, ErrorKind, Result};

/// What was asked.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) gets: AtomicUsize,
    pub(super) scans: AtomicUsize,
    pub(super) writes: AtomicUsize,
    pub(super) barriers: AtomicUsize,
}

impl Counts {
    pub(super) fn gets(&self) -> usize {
        self.gets.swap(0, Ordering::Relaxed)
    }

    pub(super) fn scans(&self) -> usize {
        self.scans.swap(0, Ordering::Relaxed)
    }
}

/// See the module.
pub(super) struct Watched {
    kv: MemoryKv,
    pub(super) counts: Arc<Counts>,
    /// Operations to go until one fails; 0: none fails.
    fails_in: AtomicUsize,
    /// Whether seals wait in the middle, and whether one does.
    gate: Mutex<Gate>,
    moved: Condvar,
}

#[derive(Default)]
struct Gate {
    closed: bool,
    waiting: bool,
}

impl Watched {
    pub(super) fn new() -> Self {
        Self {
            kv: MemoryKv::new(64 << 20),
            counts: Arc::default(),
            fails_in: AtomicUsize::new(0),
            gate: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    /// Makes the `n`-th operation from now on fail, counted from 1.
    pub(super) fn fail_in(&self, n: usize) {
        self.fails_in.store(n, Ordering::Relaxed);
    }

    /// Whether the failure that was asked for has happened.
    pub(super) fn failed(&self) -> bool {
        self.fails_in.load(Ordering::Relaxed) == 0
    }

    /// Seals wait in the middle from now on.
    pub(super) fn close_gate(&self) {
        self.gate.lock().unwrap().closed = true;
    }

    /// Waits until a seal does.
    pub(super) fn await_seal(&self) {
        let gate = self.gate.lock().unwrap();
        drop(self.moved.wait_while(gate, |gate| !gate.waiting).unwrap());
    }

    /// Lets the seal go on.
    pub(super) fn open_gate(&self) {
        self.gate.lock().unwrap().closed = false;
        self.moved.notify_all();
    }

    fn pass_gate(&self) {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting = gate.closed;
        self.moved.notify_all();
        let mut gate = self.moved.wait_while(gate, |gate| gate.closed).unwrap();
        gate.waiting = false;
    }

    fn operation(&self) -> Result<()> {
        let left = self.fails_in.load(Ordering::Relaxed);
        if left > 0 {
            self.fails_in.store(left - 1, Ordering::Relaxed);
        }
        if left == 1 {
            return Err(Error::new(ErrorKind::Io, "the disk is gone"));
        }
        Ok(())
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl LiveKv for Watched {
    fn snapshot(&self) -> Arc<dyn Kv> {
        Arc::new(WatchedSnapshot {
            kv: self.kv.snapshot(),
            counts: Arc::clone(&self.counts),
        })
    }

    fn write(&self, batch: Batch) -> Result<()> {
        self.counts.writes.fetch_add(1, Ordering::Relaxed);
        self.operation()?;
        self.kv.write(batch)
    }

    fn barrier(&self) -> Result<()> {
        self.counts.barriers.fetch_add(1, Ordering::Relaxed);
        self.operation()
    }

    fn checkpoint(&self, fs: &Arc<dyn Fs>, dir: &Path) -> Result<BuiltDatabase> {
        self.kv.checkpoint(fs, dir)
    }

    fn seal(&self, pass: &mut dyn SealPass) -> Result<()> {
        self.operation()?;
        self.kv.seal(&mut WatchedPass { seam: self, pass })
    }
}

/// Fails at rows, and waits at the end.
struct WatchedPass<'a> {
    seam: &'a Watched,
    pass: &'a mut dyn SealPass,
}

impl SealPass for WatchedPass<'_> {
    fn row(&mut self, key: &[u8], value: &[u8], emit: &mut Emit<'_>) -> Result<()> {
        self.seam.operation()?;
        self.pass.row(key, value, emit)
    }

    fn written(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, emit: &mut Emit<'_>) -> Result<Batch> {
        self.seam.pass_gate();
        self.seam.operation()?;
        self.pass.finish(emit)
    }
}

#[derive(Debug)]
struct WatchedSnapshot {
    kv: Arc<dyn Kv>,
    counts: Arc<Counts>,
}

impl Kv for WatchedSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<KvValue>> {
        self.counts.gets.fetch_add(1, Ordering::Relaxed);
        self.kv.get(key)
    }

    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>> {
        self.counts.scans.fetch_add(1, Ordering::Relaxed);
        self.kv.scan(range)
    }

    fn size_on_disk(&self) -> u64 {
        self.kv.size_on_disk()
    }
}
