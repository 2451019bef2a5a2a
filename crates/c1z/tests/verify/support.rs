//! Files made and damaged in memory, checked and repaired there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use c1z::envelope::{EnvelopeFile, OpenOptions};
use c1z::keyspace::Family;
use c1z::ops::build::{BuildOptions, PackOptions};
use c1z::ops::repair::{RepairOptions, RepairReport, repair};
use c1z::ops::verify::{Class, Depth, Report, Severity, VerifyOptions, verify};
use c1z::ops::{NoObserver, StoredRecord};
use shingle::bulk::{BulkBuilder, BulkOptions};
use shingle::db::{Database, ReadOptions, ScanOptions};
use shingle::iter::Bounds;
use shingle::vfs::{Fs, MemFs, OsFs};
use testkit::chance::SeededEntropy;
use testkit::golden::Case;

pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A file system that holds `bytes` as `in.c1z`.
pub(crate) fn holding(bytes: &[u8]) -> Arc<dyn Fs> {
    let fs = MemFs::new();
    let mut file = fs.create(Path::new("in.c1z")).unwrap();
    file.write_all(bytes).unwrap();
    Arc::new(fs)
}

pub(crate) fn options(fs: &Arc<dyn Fs>, depth: Depth) -> VerifyOptions {
    VerifyOptions {
        depth,
        fs: Arc::clone(fs),
        entropy: Arc::new(SeededEntropy::seeded(1)),
        threads: 1,
        scratch: "".into(),
        ..VerifyOptions::default()
    }
}

/// A full check of `path`.
pub(crate) fn full(fs: &Arc<dyn Fs>, path: &str) -> Report {
    verify(path, &options(fs, Depth::Full), &NoObserver).unwrap()
}

/// A full check of a file of these bytes; an error counts as found.
pub(crate) fn check(bytes: &[u8]) -> c1z::Result<Report> {
    let fs = holding(bytes);
    verify("in.c1z", &options(&fs, Depth::Full), &NoObserver)
}

/// Class, subject and count of everything that is no notice.
pub(crate) fn faults(report: &Report) -> Vec<(Class, &'static str, u64)> {
    let faults = report
        .groups()
        .filter(|group| group.class.severity() != Severity::Notice);
    faults
        .map(|group| (group.class, group.subject, group.count))
        .collect()
}

/// Repairs `in.c1z` to `out.c1z`.
pub(crate) fn mend(fs: &Arc<dyn Fs>) -> c1z::Result<RepairReport> {
    let options = RepairOptions {
        build: BuildOptions {
            memory_bytes: 8 << 20,
            threads: 1,
            sync: false,
            ..BuildOptions::default()
        },
        pack: PackOptions {
            fs: Arc::clone(fs),
            entropy: Arc::new(SeededEntropy::seeded(2)),
            ..PackOptions::default()
        },
        opening: OpenOptions::default(),
    };
    repair("in.c1z", "out.c1z", &options, Arc::new(NoObserver))
}

/// All rows of a v3 file.
pub(crate) fn rows_of(fs: &Arc<dyn Fs>, path: &str) -> Rows {
    let opened = EnvelopeFile::open(&**fs, Path::new(path), &OpenOptions::default()).unwrap();
    let EnvelopeFile::V3(file) = opened else {
        panic!("a v1 file");
    };
    let payload: Arc<dyn Fs> = file.payload().unwrap();
    let database = Database::open_sealed(payload, "", ReadOptions::default()).unwrap();
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let mut rows = Rows::new();
    while let Some((key, value)) = scan.next().unwrap() {
        rows.insert(key.to_vec(), value.to_vec());
    }
    rows
}

/// The records among rows.
pub(crate) fn records(rows: &Rows) -> Rows {
    let records = rows
        .iter()
        .filter(|(key, value)| StoredRecord::of_row(key, value).is_some());
    records
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// How many rows of `family` there are.
pub(crate) fn count_of(rows: &Rows, family: Family) -> usize {
    rows.keys()
        .filter(|key| Family::of(key) == Some(family))
        .count()
}

/// The rows of a finished sync of Go with digests.
pub(crate) fn golden_rows(case: &str) -> Rows {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let path = Case::named(case).path("v3.indexed_zstd.c1z");
    rows_of(&fs, path.to_str().unwrap())
}

/// A database directory `db` that holds exactly `rows`.
pub(crate) fn database(rows: &Rows) -> Arc<dyn Fs> {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let options = BulkOptions {
        threads: 1,
        memory_bytes: 1 << 20,
        table_bytes: 16 << 10,
        ..BulkOptions::default()
    };
    let mut builder = BulkBuilder::new(Arc::clone(&fs), "db", options).unwrap();
    for (key, value) in rows {
        builder.add(key, value).unwrap();
    }
    builder.finish().unwrap();
    fs
}
