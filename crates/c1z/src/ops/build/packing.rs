//! How far the packing of a database is: bytes of its files that were read.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use shingle::vfs::ReadFile;

use crate::ops::observe::{Observer, Progress, SharedObserver, Step};
use crate::{Error, Result};

/// Bytes between two calls of the observer.
const INTERVAL: u64 = 1 << 20;

/// Tells an observer of the bytes that are read; what it answers ends the reading.
#[derive(Debug)]
pub(super) struct Packing {
    observer: SharedObserver,
    bytes: AtomicU64,
    bytes_total: u64,
    /// Why the observer stopped the packing.
    stopped: Mutex<Option<Error>>,
}

impl Packing {
    /// The step begins: `bytes_total` are to be read.
    pub(super) fn new(observer: SharedObserver, bytes_total: u64) -> Result<Arc<Self>> {
        let packing = Self {
            observer,
            bytes: AtomicU64::new(0),
            bytes_total,
            stopped: Mutex::new(None),
        };
        packing.tell(0)?;
        Ok(Arc::new(packing))
    }

    /// `file`, whose reading is told.
    pub(super) fn watched(self: &Arc<Self>, file: Arc<dyn ReadFile>) -> Arc<dyn ReadFile> {
        let packing = Arc::clone(self);
        Arc::new(Watched { file, packing })
    }

    /// The step ends with `result`, or with what the observer answered.
    pub(super) fn end<T>(&self, result: Result<T>) -> Result<T> {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        match (stopped.take(), &result) {
            (Some(error), Err(_)) => Err(error),
            _ => result,
        }
    }

    fn read(&self, bytes: u64) -> io::Result<()> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let now = before + bytes;
        if before / INTERVAL == now / INTERVAL && now < self.bytes_total {
            return Ok(());
        }
        self.tell(now).map_err(|error| {
            let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
            stopped.get_or_insert(error);
            io::Error::other("the observer stopped the packing")
        })
    }

    fn tell(&self, bytes: u64) -> Result<()> {
        self.observer.advanced(&Progress {
            bytes,
            bytes_total: Some(self.bytes_total),
            ..Progress::of(Step::Pack)
        })
    }
}

/// A file that is read on its way into an envelope.
#[derive(Debug)]
struct Watched {
    file: Arc<dyn ReadFile>,
    packing: Arc<Packing>,
}

impl ReadFile for Watched {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(offset, buf)?;
        self.packing.read(read as u64)?;
        Ok(read)
    }

    fn len(&self) -> u64 {
        self.file.len()
    }
}
