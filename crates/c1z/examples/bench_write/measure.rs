//! What a run took.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use shingle::vfs::{Clock, Fs, OsClock, OsFs};
use testkit::usage::{usage, written};

/// How often a folder is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// A run that is measured from its making on.
pub(crate) struct Run {
    since: (f64, f64, u64),
    disk: Option<(Sender<()>, JoinHandle<u64>)>,
}

/// What a whole run took.
pub(crate) struct Taken {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    pub(crate) peak_mib: u64,
    pub(crate) written: u64,
    pub(crate) peak_disk: u64,
}

impl Run {
    /// Starts to measure the process, and the bytes in a folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let (stop, stopped) = channel();
        let folder = folder.to_owned();
        let watch = std::thread::spawn(move || {
            let mut peak = 0;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(bytes_in(&folder));
            }
            peak
        });
        Self {
            since: (wall(), usage().0, written()),
            disk: Some((stop, watch)),
        }
    }

    /// Prints what was done so far, and what it took.
    pub(crate) fn mark(&self, what: &str) {
        let (cpu, peak) = usage();
        let (since_wall, since_cpu, _) = self.since;
        println!(
            "  {what:<10} {:>7.2} s {:>7.2} cpu s  peak {peak:>4} MiB",
            wall() - since_wall,
            cpu - since_cpu
        );
    }

    pub(crate) fn end(mut self) -> Taken {
        let peak_disk = self.disk.take().map_or(0, |(stop, watch)| {
            drop(stop);
            watch.join().unwrap_or(0)
        });
        let (cpu, peak_mib) = usage();
        let (since_wall, since_cpu, since_written) = self.since;
        Taken {
            wall: wall() - since_wall,
            cpu: cpu - since_cpu,
            peak_mib,
            written: written() - since_written,
            peak_disk,
        }
    }
}

fn wall() -> f64 {
    OsClock.monotonic().as_secs_f64()
}

/// Bytes of the files below a folder; what goes away meanwhile counts for nothing.
fn bytes_in(folder: &Path) -> u64 {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for name in OsFs.list(&folder).unwrap_or_default() {
            let path = folder.join(name);
            match OsFs.metadata(&path) {
                Ok(found) if found.is_dir => folders.push(path),
                Ok(found) => bytes += found.len,
                Err(_) => {}
            }
        }
    }
    bytes
}
