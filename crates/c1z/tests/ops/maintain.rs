//! Maintenance: what is written anew answers as before, is smaller or stays away, and takes its place in
//! one step whatever fails.

use std::path::Path;
use std::sync::Arc;

use c1z::engine::types::{SyncId, SyncType};
use c1z::engine::{PebbleOptions, PebbleStore};
use c1z::ops::convert::{ConvertOptions, FileFormat, convert};
use c1z::ops::maintain::{estimate, optimize, recalculate_stats};
use c1z::{Error, ErrorKind};
use shingle::batch::Batch;
use shingle::db::{Database, ReadOptions, ScanOptions};
use shingle::iter::Bounds;
use shingle::live::{CompactionPolicy, LiveDatabase, LiveOptions};
use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs};
use testkit::chance::{Chance, SeededEntropy};
use testkit::generate::{GenerateOptions, generate};
use testkit::golden::Case;

use super::support::{Rows, rows_of_case};

fn options(fs: &Arc<dyn Fs>) -> ConvertOptions {
    ConvertOptions {
        fs: Arc::clone(fs),
        entropy: Arc::new(SeededEntropy::seeded(3)),
        threads: 1,
        ..ConvertOptions::default()
    }
}

fn with_file(case: &str, file: &str) -> (MemFs, Arc<dyn Fs>) {
    let mem = MemFs::new();
    mem.install("in.c1z", Case::named(case).bytes(file).unwrap())
        .unwrap();
    let fs: Arc<dyn Fs> = Arc::new(mem.clone());
    (mem, fs)
}

/// Everything in a file or directory as lines.
fn lines(fs: &Arc<dyn Fs>, path: &str) -> String {
    let out = "lines.ndjson";
    let options = ConvertOptions {
        to: Some(FileFormat::Ndjson),
        existing: c1z::envelope::Existing::Replace,
        ..options(fs)
    };
    convert(path, out, &options).unwrap();
    let file = fs.open(Path::new(out)).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    fs.remove_file(Path::new(out)).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_file_that_is_written_anew_answers_as_before_and_never_grows() {
    let (mut replaced, mut kept) = (0, 0);
    let cases = [
        ("realistic", "v1.c1z"),
        ("multi-sync", "v1.c1z"),
        ("many-ssts", "v3.indexed_zstd.c1z"),
        ("unfinished", "v3.indexed_zstd.c1z"),
        ("realistic", "v3.tar.c1z"),
        ("basic", "v3.indexed_zstd.c1z"),
    ];
    for (case, file) in cases {
        let (mem, fs) = with_file(case, file);
        let before = lines(&fs, "in.c1z");
        let bytes = mem.read("in.c1z").unwrap();
        let done = optimize("in.c1z", &options(&fs)).unwrap();
        assert_eq!(done.bytes_before, bytes.len() as u64);
        assert_eq!(done.bytes_after, mem.read("in.c1z").unwrap().len() as u64);
        assert_eq!(done.replaced, done.bytes_after < done.bytes_before);
        if !done.replaced {
            assert_eq!(mem.read("in.c1z").unwrap(), bytes);
        }
        println!(
            "{case}/{file}: {} -> {}",
            done.bytes_before, done.bytes_after
        );
        assert_eq!(lines(&fs, "in.c1z"), before, "{case}/{file}");
        assert_eq!(mem.list(Path::new("")).unwrap(), ["in.c1z"]);
        replaced += u32::from(done.replaced);
        kept += u32::from(!done.replaced);
        // What was just written anew has nothing to give back.
        let again = optimize("in.c1z", &options(&fs)).unwrap();
        assert!(!again.replaced, "{case}/{file}");
    }
    assert!(replaced > 1 && kept > 0, "{replaced} {kept}");
}

/// A directory in which every row of a case was written several times, and in which rows that the case does not have were
/// deleted again: runs over runs.
fn fragmented(fs: &Arc<dyn Fs>, dir: &str, rows: &Rows, times: usize) {
    let live = LiveOptions {
        write_buffer_bytes: 64 << 10,
        memory_bytes: 1 << 20,
        compaction: CompactionPolicy {
            fan_in: 64,
            background: false,
        },
        ..LiveOptions::default()
    };
    let database = LiveDatabase::create(Arc::clone(fs), dir, live).unwrap();
    let mut chance = Chance::seeded(9);
    for round in 0..times {
        let mut batch = Batch::new();
        for (key, value) in rows {
            if round == 0 || chance.percent(70) {
                batch.set(key, value).unwrap();
            }
            // A row of a sync that was deleted.
            let stray = [key.as_slice(), b"\x00stray"].concat();
            if round + 1 < times {
                batch.set(&stray, value).unwrap();
            } else {
                batch.delete(&stray).unwrap();
            }
        }
        database.commit(batch).unwrap();
        database.flush().unwrap();
    }
    database.close().unwrap();
}

/// The rows of a sync of some thousand grants.
fn many_rows() -> Rows {
    let records = generate(&GenerateOptions {
        resources: 800,
        entitlements: 300,
        grants: 9_000,
        ..GenerateOptions::small(5)
    });
    let store = PebbleStore::in_memory(PebbleOptions::default()).unwrap();
    store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    records.write_to(store.engine(), 1_000).unwrap();
    store.engine().end_sync().unwrap();
    let mut rows = Rows::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    };
    store.for_each_row(&mut each).unwrap();
    rows
}

fn rows_in(fs: &Arc<dyn Fs>, dir: &str) -> Rows {
    let database = Database::open_sealed(Arc::clone(fs), Path::new(dir), ReadOptions::default());
    let database = database.unwrap();
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let mut rows = Rows::new();
    while let Some((key, value)) = scan.next().unwrap() {
        rows.insert(key.to_vec(), value.to_vec());
    }
    rows
}

#[test]
fn what_compaction_gives_back_is_estimated_within_a_fifth() {
    let rows = many_rows();
    for times in [2, 3, 6] {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        fragmented(&fs, "db", &rows, times);
        let estimated = estimate("db", &options(&fs)).unwrap();
        let done = optimize("db", &options(&fs)).unwrap();
        assert!(done.replaced);
        let real = done.bytes_before - done.bytes_after;
        println!(
            "{times} times: {} bytes, {} to be had, {real} got",
            estimated.bytes, estimated.reclaimable
        );
        assert!(
            estimated.reclaimable.abs_diff(real) * 5 <= real,
            "{estimated:?} {real}"
        );
        assert!(rows_in(&fs, "db") == rows, "{times}");
        assert_eq!(fs.list(Path::new("")).unwrap(), ["db"]);
    }
}

#[test]
fn counts_are_made_again_where_they_are_wrong_or_absent() {
    // Files of 2023 have no recorded statistics.
    let (mem, fs) = with_file("old-schema-2023", "v1.c1z");
    let all = recalculate_stats("in.c1z", None, &options(&fs)).unwrap();
    assert!(!all.is_empty());
    for sync in &all {
        assert!(sync.before.is_none() && sync.is_changed());
        assert!(sync.after.grants > 0);
    }
    let bytes = mem.read("in.c1z").unwrap();
    let again = recalculate_stats("in.c1z", None, &options(&fs)).unwrap();
    assert_eq!(again.len(), all.len());
    for (first, second) in all.iter().zip(&again) {
        assert_eq!(first.sync, second.sync);
        assert_eq!(Some(&first.after), second.before.as_ref());
        assert!(!second.is_changed());
    }
    // Right counts leave the file alone.
    assert_eq!(mem.read("in.c1z").unwrap(), bytes);
    assert_eq!(mem.list(Path::new("")).unwrap(), ["in.c1z"]);

    let (_, fs) = with_file("unfinished", "v3.indexed_zstd.c1z");
    let refuse = |sync: Option<&SyncId>| {
        recalculate_stats("in.c1z", sync, &options(&fs))
            .unwrap_err()
            .kind()
    };
    assert_eq!(refuse(None), ErrorKind::NotFound);
    let absent = SyncId::new("3MUPzRPZYOPwFvwlXORFhkByrjV").unwrap();
    assert_eq!(refuse(Some(&absent)), ErrorKind::NotFound);
}

#[test]
fn whatever_fails_the_old_one_stays_or_the_new_one_is_whole() {
    for (name, setup) in [
        (
            "in.c1z",
            (|fs: &Arc<dyn Fs>| install(fs, "realistic", "v1.c1z")) as fn(&Arc<dyn Fs>),
        ),
        ("db", |fs| {
            let rows = rows_of_case(&Case::named("basic"), "");
            fragmented(fs, "db", &rows, 5);
        }),
    ] {
        for pattern in ["fail any {}", "fail any {}..", "short write {}"] {
            let (mut old, mut new, mut aside) = (0, 0, 0);
            for n in 0.. {
                let mem = MemFs::new();
                let plain: Arc<dyn Fs> = Arc::new(mem.clone());
                setup(&plain);
                let before = lines(&plain, name);
                let plan = FaultPlan::parse(&pattern.replace("{}", &n.to_string())).unwrap();
                let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
                let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
                let done = optimize(name, &options(&fs));
                let clean = faulty.faults() == 0;
                let names = mem.list(Path::new("")).unwrap();
                // The old directory may wait under its other name: nothing is lost.
                let found = if names.iter().any(|found| found == name) {
                    name.to_owned()
                } else {
                    aside += 1;
                    names
                        .iter()
                        .find(|found| found.contains(".old"))
                        .unwrap()
                        .clone()
                };
                assert_eq!(lines(&plain, &found), before, "{name} {pattern} {n}");
                if done.is_ok() {
                    new += 1;
                } else {
                    old += 1;
                }
                if clean {
                    assert!(done.unwrap().replaced);
                    assert_eq!(mem.list(Path::new("")).unwrap(), [name]);
                    break;
                }
            }
            println!("{name} {pattern}: failed {old}, done {new}, aside {aside}");
            assert!(old > 3 && new >= 1);
        }
    }
}

fn install(fs: &Arc<dyn Fs>, case: &str, file: &str) {
    let bytes = Case::named(case).bytes(file).unwrap();
    let mut out = fs.create(Path::new("in.c1z")).unwrap();
    out.write_all(&bytes).unwrap();
}

#[test]
fn a_cancelled_one_leaves_everything_as_it_was() {
    struct Cancel;
    impl c1z::ops::Observer for Cancel {
        fn advanced(&self, progress: &c1z::ops::Progress) -> c1z::Result<()> {
            if progress.step == c1z::ops::Step::Pack {
                return Err(Error::new(ErrorKind::Cancelled, "enough"));
            }
            Ok(())
        }
    }
    let (mem, fs) = with_file("many-ssts", "v3.indexed_zstd.c1z");
    let bytes = mem.read("in.c1z").unwrap();
    let cancelled = ConvertOptions {
        observer: Arc::new(Cancel),
        ..options(&fs)
    };
    assert_eq!(
        optimize("in.c1z", &cancelled).unwrap_err().kind(),
        ErrorKind::Cancelled
    );
    assert_eq!(mem.read("in.c1z").unwrap(), bytes);
    assert_eq!(mem.list(Path::new("")).unwrap(), ["in.c1z"]);
    // The next attempt is not hindered.
    optimize("in.c1z", &options(&fs)).unwrap();
}
