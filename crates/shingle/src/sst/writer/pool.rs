//! Threads that compress blocks for any number of table writers.
//!
//! Jobs are taken in the order they come and each answers on a channel of its own, so a writer gets
//! its blocks back in its own order and the output does not depend on the number of threads.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::sst::wrapper::{Compression, Sealed, Sealer};
use crate::{Error, ErrorKind, Result};

/// A block to compress.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) block: Vec<u8>,
    pub(super) compression: Compression,
    pub(super) verify: bool,
}

/// A compressed block.
#[derive(Debug)]
pub(super) struct Done {
    /// The block's own buffer, for another one.
    pub(super) block: Vec<u8>,
    pub(super) stored: Vec<u8>,
    pub(super) sealed: Sealed,
}

/// The answer to a job, some time.
#[derive(Debug)]
pub(super) struct Pending(Receiver<Result<Done>>);

impl Pending {
    /// Waits for the answer.
    pub(super) fn wait(self) -> Result<Done> {
        self.0.recv().unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "a compression thread ended")
}

type Message = (Job, SyncSender<Result<Done>>);

/// A fixed number of threads that compress blocks. Dropping it waits for them.
#[derive(Debug)]
pub struct CompressionPool {
    jobs: Option<Sender<Message>>,
    threads: Vec<JoinHandle<()>>,
}

impl CompressionPool {
    /// A pool of `threads` threads, at least one.
    ///
    /// # Errors
    /// `Io` when the system gives no thread.
    pub fn new(threads: usize) -> Result<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let threads = (0..threads.max(1))
            .map(|i| {
                let receiver = Arc::clone(&receiver);
                Builder::new()
                    .name(format!("compress-{i}"))
                    .spawn(move || work(&receiver))
                    .map_err(|e| Error::new(ErrorKind::Io, "cannot start a thread").with_source(e))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            jobs: Some(sender),
            threads,
        })
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    pub(super) fn submit(&self, job: Job) -> Result<Pending> {
        let (sender, receiver) = sync_channel(1);
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send((job, sender)).ok())
            .map(|()| Pending(receiver))
            .ok_or_else(gone)
    }
}

impl Drop for CompressionPool {
    fn drop(&mut self) {
        // Without a sender the threads run out of jobs.
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has already failed the writer that waited for it.
            let _ended = thread.join();
        }
    }
}

fn work(jobs: &Mutex<Receiver<Message>>) {
    let mut sealer = Sealer::default();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((job, answer)) = next else {
            return;
        };
        let done = compress(&mut sealer, job);
        // A writer that gave up does not wait for its answer.
        let _sent = answer.send(done);
    }
}

fn compress(tools: &mut Sealer, job: Job) -> Result<Done> {
    let mut stored = Vec::new();
    let sealed = tools.seal(&job.block, job.compression, job.verify, &mut stored)?;
    Ok(Done {
        block: job.block,
        stored,
        sealed,
    })
}
