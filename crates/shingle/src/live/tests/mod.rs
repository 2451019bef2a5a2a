//! Live databases against models: whatever is done, whatever fails, the rows are those of the
//! batches that were accepted, or of a beginning of them.

mod basics;
mod checkpoints;
mod faults;
mod joins;
mod model;
mod random;
mod readers;
#[cfg(feature = "schedules")]
mod schedules;
mod shared;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::db::{Database, ReadOptions};
use crate::vfs::MemFs;

/// Rows of a database.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Families of the tests, of rows whose keys begin with `p`:
///
/// | place | prefix | order | from the start | rows |
/// |---|---|---|---|---|
/// | 0 | `w` | any | deferred | first byte of the value, key |
/// | 1 | `x` | as primaries | deferred | key, if the first byte is even; value: the second byte |
/// | 2 | `y` | any | kept | second byte of the value, key |
#[derive(Debug)]
struct Letters {
    families: Vec<Family>,
    sources: Vec<Bounds>,
}

impl Letters {
    fn new() -> Arc<Self> {
        let family = |prefix: &[u8], order, kept| Family {
            bounds: Bounds::prefix(prefix),
            order,
            kept,
        };
        Arc::new(Self {
            families: vec![
                family(b"w", DerivedOrder::Any, false),
                family(b"x", DerivedOrder::AsPrimaries, false),
                family(b"y", DerivedOrder::Any, true),
            ],
            sources: vec![Bounds::prefix(b"p")],
        })
    }
}

impl Deriver for Letters {
    fn families(&self) -> &[Family] {
        &self.families
    }

    fn sources(&self) -> &[Bounds] {
        &self.sources
    }

    fn derive(&self, key: &[u8], value: &[u8], emit: &mut Emit<'_>) -> Result<()> {
        let [first, second, ..] = value else {
            return Err(Error::invalid("value of a primary row is too short"));
        };
        emit(0, &[b"w", &[*first], key].concat(), &[])?;
        if first % 2 == 0 {
            emit(1, &[b"x", key].concat(), &[*second])?;
        }
        emit(2, &[b"y", &[*second], key].concat(), &[])
    }
}

/// Primary rows and all that follows from them.
fn with_derived(rows: &Rows) -> Rows {
    let letters = Letters::new();
    let mut all = rows.clone();
    for (key, value) in rows.range(b"p".to_vec()..b"q".to_vec()) {
        let mut emit = |_: usize, key: &[u8], value: &[u8]| {
            all.insert(key.to_vec(), value.to_vec());
            Ok(())
        };
        letters.derive(key, value, &mut emit).unwrap();
    }
    all
}

/// Small in every way, so that everything happens soon.
fn small() -> LiveOptions {
    LiveOptions {
        memory_bytes: 1 << 18,
        write_buffer_bytes: 1 << 12,
        batch_bytes_max: 1 << 20,
        compaction: CompactionPolicy {
            fan_in: 3,
            background: false,
        },
        sections: [&b"p"[..], b"q", b"w", b"x", b"y", b"z"]
            .map(<[u8]>::to_vec)
            .to_vec(),
        deriver: Some(Letters::new()),
        block_len: 256,
        table_bytes: 2048,
        tables_open_max: 4,
        threads: 1,
        manifest_bytes_max: 2048,
        ..LiveOptions::default()
    }
}

fn create(fs: &MemFs, options: LiveOptions) -> LiveDatabase {
    LiveDatabase::create(Arc::new(fs.clone()), "db", options).unwrap()
}

fn batch(fill: impl FnOnce(&mut Batch) -> Result<()>) -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch).unwrap();
    batch
}

/// A value whose first bytes decide what follows from its row, padded so that buffers fill.
fn value(first: u8, second: u8, n: u64) -> Vec<u8> {
    let mut value = vec![first, second];
    value.extend(format!("{n:0>150}").bytes());
    value
}

/// The rows that are not derived.
fn plain_rows(database: &LiveDatabase) -> Rows {
    let snapshot = database.snapshot();
    let mut rows = Rows::new();
    for bounds in [
        Bounds {
            lower: None,
            upper: Some(b"w".to_vec()),
        },
        Bounds {
            lower: Some(b"z".to_vec()),
            upper: None,
        },
    ] {
        rows.extend(collect(
            snapshot.scan(bounds, ScanOptions::default()).unwrap(),
        ));
    }
    rows
}

/// All rows of a scan, which must be the same in both directions.
fn collect(mut scan: Scan) -> Rows {
    let mut rows = Vec::new();
    while let Some((key, value)) = scan.next().unwrap() {
        rows.push((key.to_vec(), value.to_vec()));
    }
    let mut back = Vec::new();
    scan.unwind();
    while let Some((key, value)) = scan.prev().unwrap() {
        back.push((key.to_vec(), value.to_vec()));
    }
    back.reverse();
    assert_eq!(rows, back, "both directions");
    rows.into_iter().collect()
}

/// All rows of a sealed directory, whose levels must agree.
fn sealed_rows(fs: &MemFs, dir: &str) -> Rows {
    let database = Database::open_sealed(Arc::new(fs.clone()), dir, ReadOptions::default());
    let database = database.unwrap();
    database.check_levels().unwrap();
    assert_eq!(database.unflushed_entries(), 0);
    collect(database.scan(Bounds::all(), ScanOptions::default()))
}

fn names(fs: &MemFs, dir: &str) -> Vec<String> {
    fs.list(Path::new(dir)).unwrap()
}
