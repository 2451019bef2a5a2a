//! Times the building of v3 files: `just bench-build FILE` runs
//!
//! ```text
//! bench_build prepare FILE.c1z ROWS [shuffled]     the records of a v3 file as a plain list
//! bench_build run ROWS MEMORY_MIB THREADS          the list through `V3Builder` into a published file
//! ```
//!
//! Two processes, so that the peak memory of the second is that of the build alone; above the given
//! budget it is an error. A record comes as its value; the builder derives the key. Peak disk is what
//! the temporary folder and the output take together at their largest, looked at every few thousand
//! rows.
#![expect(clippy::print_stdout, reason = "the figures are the point of the run")]
#![expect(
    clippy::disallowed_methods,
    reason = "the list is no file of the product"
)]

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use c1z::MemoryBudget;
use c1z::engine::types::SyncRun;
use c1z::keyspace::Family;
use c1z::ops::build::{BuildOptions, PackOptions, RunToWrite, V3Builder, V3Summary};
use c1z::ops::{Observer, Progress, RecordKind, SharedObserver, StoredRecord};
use c1z::record::sync_run;
use shingle::db::ScanOptions;
use shingle::iter::Bounds;
use shingle::vfs::{Clock, CountingFs, Fs, OsClock, OsFs};
use testkit::usage::usage;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["prepare", file, rows] => prepare(file, rows, false),
        ["prepare", file, rows, "shuffled"] => prepare(file, rows, true),
        ["run", rows, memory_mib, threads] => run(rows, memory_mib.parse()?, threads.parse()?),
        _ => Err(
            "usage: bench_build prepare FILE.c1z ROWS [shuffled] | run ROWS MEMORY_MIB THREADS"
                .into(),
        ),
    }
}

/// Writes the sync run and all records of `file`: length of key, length of value, key, value.
fn prepare(file: &str, rows: &str, shuffled: bool) -> Outcome<()> {
    let store = c1z::open(file)?;
    let database = store.database().ok_or("not a v3 file")?;
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let mut found: Vec<(u64, Vec<u8>, Vec<u8>)> = Vec::new();
    while let Some((key, value)) = scan.next()? {
        let is_run = key == Family::SyncRun.header();
        if is_run || StoredRecord::of_row(key, value).is_some() {
            let place = if shuffled && !is_run {
                scattered(found.len() as u64)
            } else {
                0
            };
            found.push((place, key.to_vec(), value.to_vec()));
        }
    }
    // Stable: without shuffling the order of keys stays. The run comes first or among the first.
    found.sort_by_key(|(place, ..)| *place);
    let mut out = BufWriter::new(File::create(rows)?);
    for (_, key, value) in &found {
        out.write_all(&u32::try_from(key.len())?.to_le_bytes())?;
        out.write_all(&u32::try_from(value.len())?.to_le_bytes())?;
        out.write_all(key)?;
        out.write_all(value)?;
    }
    out.flush()?;
    println!("{} rows of {file}, shuffled: {shuffled}", found.len());
    Ok(())
}

/// A number with no relation to that of its neighbours.
fn scattered(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) | 1
}

/// The list, row by row, into buffers that are kept.
struct List(BufReader<File>);

impl List {
    fn open(path: &str) -> Outcome<Self> {
        Ok(Self(BufReader::with_capacity(256 << 10, File::open(path)?)))
    }

    fn next(&mut self, key: &mut Vec<u8>, value: &mut Vec<u8>) -> Outcome<bool> {
        let mut lens = [[0; 4]; 2];
        for len in &mut lens {
            match self.0.read_exact(len) {
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
                read => read?,
            }
        }
        let [key_len, value_len] = lens.map(u32::from_le_bytes);
        key.resize(usize::try_from(key_len)?, 0);
        value.resize(usize::try_from(value_len)?, 0);
        self.0.read_exact(key)?;
        self.0.read_exact(value)?;
        Ok(true)
    }
}

/// Notes when steps begin and how much disk is taken.
struct Watch {
    fs: OsFs,
    folder: PathBuf,
    peak_disk: AtomicU64,
}

impl Watch {
    /// Bytes of all files below `dir`.
    fn disk(&self, dir: &Path) -> u64 {
        let names = self.fs.list(dir).unwrap_or_default();
        let len = |name: String| match self.fs.metadata(&dir.join(&name)) {
            Ok(found) if found.is_dir => self.disk(&dir.join(name)),
            Ok(found) => found.len,
            Err(_) => 0,
        };
        names.into_iter().map(len).sum()
    }
}

impl Observer for Watch {
    fn advanced(&self, progress: &Progress) -> c1z::Result<()> {
        let disk = self.disk(&self.folder);
        self.peak_disk.fetch_max(disk, Ordering::Relaxed);
        if progress.rows == 0 {
            mark(&format!("{:?} begins", progress.step));
        }
        Ok(())
    }
}

fn mark(what: &str) {
    let (cpu, peak) = usage();
    let wall = OsClock.monotonic().as_secs_f64();
    println!("{what:<18} {wall:>7.2} s {cpu:>7.2} cpu s  peak {peak:>4} MiB");
}

fn run(rows: &str, memory_mib: u64, threads: usize) -> Outcome<()> {
    mark("start");
    let mut list = List::open(rows)?;
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let mut count = 0_u64;
    let mut run = None;
    while list.next(&mut key, &mut value)? {
        count += 1;
        if key == Family::SyncRun.header() {
            run = Some(sync_run::decode(&value)?);
        }
    }
    let run = run.ok_or("the list has no sync run")?;
    mark("list read alone");
    let folder = tempfile::tempdir()?;
    let fs = CountingFs::new(Arc::new(OsFs));
    let watch = Arc::new(Watch {
        fs: OsFs,
        folder: folder.path().to_owned(),
        peak_disk: AtomicU64::new(0),
    });
    let built = build(
        List::open(rows)?,
        &run,
        folder.path(),
        &fs,
        Arc::clone(&watch),
        memory_mib,
        threads,
    )?;
    mark("published");
    let (_, peak_mib) = usage();
    if peak_mib > memory_mib {
        return Err(format!("peak memory is over the budget mib=`{peak_mib}`").into());
    }
    let counts = fs.counts();
    let mib = |bytes: u64| bytes >> 20;
    let raw = mib(built.sync.database.raw_bytes);
    let peak = watch
        .peak_disk
        .load(Ordering::Relaxed)
        .max(built.envelope.raw_bytes + built.envelope.file_len);
    println!(
        "{count} records, {} rows of {raw} MiB, tables {} MiB, file {} bytes; wrote {} MiB, read {} MiB, peak disk {} MiB",
        built.sync.database.rows,
        mib(built.envelope.raw_bytes),
        built.envelope.file_len,
        mib(counts.write_bytes),
        mib(counts.read_bytes),
        mib(peak),
    );
    Ok(())
}

fn build(
    mut list: List,
    run: &SyncRun,
    folder: &Path,
    fs: &CountingFs,
    watch: Arc<Watch>,
    memory_mib: u64,
    threads: usize,
) -> Outcome<V3Summary> {
    let options = BuildOptions {
        threads,
        memory_bytes: usize::try_from(memory_mib << 20)? / 2,
        ..BuildOptions::default()
    };
    let mut pack = PackOptions {
        fs: Arc::new(fs.clone()),
        observer: SharedObserver::new(watch),
        ..PackOptions::default()
    };
    pack.write.threads = threads;
    pack.write.budget = MemoryBudget::new(memory_mib << 20);
    let mut builder = V3Builder::new(folder.join("out.c1z"), &options, &pack, run.is_finished())?;
    let (mut key, mut value) = (Vec::new(), Vec::new());
    while list.next(&mut key, &mut value)? {
        if let Some(kind) = Family::of(&key).and_then(RecordKind::of) {
            builder.sync().put_value(kind, &value)?;
        }
    }
    mark("all put");
    let stored = None;
    Ok(builder.finish(Some(RunToWrite { run, stored }))?)
}
