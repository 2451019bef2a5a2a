//! Damage in one place: it is named, the rest is checked, and a repair saves everything around it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use c1z::envelope::{EnvelopeFile, OpenOptions};
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::build::{BuildOptions, PackOptions};
use c1z::ops::repair::{RepairOptions, RunSource, repair};
use c1z::ops::verify::{Class, Depth, VerifyOptions, verify};
use c1z::ops::{NoObserver, Observer, Progress};
use c1z::{ErrorKind, MemoryBudget};
use shingle::manifest::FileName;
use shingle::vfs::Fs;
use testkit::chance::SeededEntropy;
use testkit::golden::Case;

use crate::support::*;

/// What damage alone may entail.
const OF_DAMAGE: [Class; 4] = [Class::Envelope, Class::Frame, Class::Table, Class::Database];

fn tables_of(fs: &Arc<dyn Fs>, dir: &str) -> Vec<PathBuf> {
    let names = fs.list(Path::new(dir)).unwrap();
    let tables = names
        .iter()
        .filter(|name| matches!(FileName::parse(name), FileName::Table(_)));
    tables.map(|name| Path::new(dir).join(name)).collect()
}

fn read(fs: &Arc<dyn Fs>, path: &Path) -> Vec<u8> {
    let file = fs.open(path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

fn write(fs: &Arc<dyn Fs>, path: &Path, bytes: &[u8]) {
    fs.create(path).unwrap().write_all(bytes).unwrap();
}

fn mend_dir(fs: &Arc<dyn Fs>) -> c1z::ops::repair::RepairReport {
    let options = RepairOptions {
        build: BuildOptions {
            threads: 1,
            sync: false,
            ..BuildOptions::default()
        },
        pack: PackOptions {
            fs: Arc::clone(fs),
            entropy: Arc::new(SeededEntropy::seeded(3)),
            ..PackOptions::default()
        },
        opening: OpenOptions::default(),
    };
    repair("db", "out.c1z", &options, Arc::new(NoObserver)).unwrap()
}

#[test]
fn a_damaged_block_is_a_hole_and_nothing_else_is_blamed() {
    let rows = golden_rows("realistic");
    let whole = records(&rows);
    let (mut flips, mut complete, mut lost_most) = (0, 0, 0);
    let tables = tables_of(&database(&rows), "db").len();
    for table in 0..tables {
        for place in [0, 1, 2] {
            let fs = database(&rows);
            let path = tables_of(&fs, "db").swap_remove(table);
            let mut bytes = read(&fs, &path);
            // The first data block, the middle, the footer.
            let at = [3, bytes.len() / 2, bytes.len() - 20][place];
            bytes[at] ^= 4;
            write(&fs, &path, &bytes);
            flips += 1;

            let report = full(&fs, "db");
            let found = faults(&report);
            assert!(!found.is_empty(), "{} byte {at}", path.display());
            for (class, subject, _) in &found {
                assert!(
                    OF_DAMAGE.contains(class),
                    "{} byte {at}: {class} {subject}",
                    path.display()
                );
            }
            assert!(
                report.group(Class::Unchecked, "keys").is_some(),
                "{found:?}"
            );

            let mended = mend_dir(&fs);
            assert_eq!(faults(&full(&fs, "out.c1z")), []);
            let saved = records(&rows_of(&fs, "out.c1z"));
            assert!(
                saved
                    .iter()
                    .all(|(key, value)| whole.get(key) == Some(value))
            );
            assert!(!mended.is_complete || saved.len() == whole.len());
            complete += u32::from(mended.is_complete);
            for key in whole.keys().filter(|key| !saved.contains_key(*key)) {
                let named = mended.losses.iter().any(|loss| {
                    loss.from.as_ref().is_none_or(|from| from <= key)
                        && loss.to.as_ref().is_none_or(|to| to >= key)
                });
                assert!(
                    named,
                    "{} is lost and not in {:?}",
                    key.escape_ascii(),
                    mended.losses
                );
            }
            lost_most = lost_most.max(whole.len() - saved.len());
        }
    }
    println!(
        "{flips} bits in {tables} tables: {complete} repaired whole, at most {lost_most} of {} records lost",
        whole.len()
    );
    // A lost footer costs nothing: the blocks before it are found.
    assert!(complete as usize >= tables, "{complete}");
}

#[test]
fn a_damaged_frame_leaves_the_other_tables_checked() {
    let bytes = std::fs::read(Case::named("many-ssts").path("v3.indexed_zstd.c1z")).unwrap();
    let fs = holding(&bytes);
    let opened = EnvelopeFile::open(&*fs, Path::new("in.c1z"), &OpenOptions::default()).unwrap();
    let EnvelopeFile::V3(file) = opened else {
        panic!("a v1 file");
    };
    for frame in file.frames() {
        let mut damaged = bytes.clone();
        let at = usize::try_from(frame.offset + frame.compressed_len / 2).unwrap();
        damaged[at] ^= 0x20;
        let report = check(&damaged).unwrap();
        let found = faults(&report);
        assert!(
            found.iter().any(|(class, ..)| *class == Class::Frame),
            "{}: {found:?}",
            frame.name
        );
        for (class, subject, _) in &found {
            assert!(
                OF_DAMAGE.contains(class),
                "{}: {class} {subject}",
                frame.name
            );
        }
        assert!(
            report.checked.files >= file.frames().len() as u64 - 1,
            "{}",
            frame.name
        );
    }
}

#[test]
fn a_repair_makes_indexes_digests_and_statistics_anew() {
    let rows = golden_rows("realistic");
    let mut planted = rows.clone();
    planted.retain(|key, _| {
        let family = Family::of(key);
        !matches!(family, Some(Family::GrantByPrincipal | Family::DigestNode))
    });
    planted.insert(b"\x03\x07\x01\0a\0b\0c\0d".to_vec(), Vec::new());
    planted.remove(&MetadataKey::Stats.to_vec());
    let fs = database(&planted);
    assert!(!faults(&full(&fs, "db")).is_empty());
    let report = mend_dir(&fs);
    assert!(report.is_complete && report.losses.is_empty(), "{report:?}");
    assert_eq!(report.run_source, RunSource::Row);
    let mut expected = rows;
    let mut found = rows_of(&fs, "out.c1z");
    // Statistics have the time of the end of the sync now.
    let stats = MetadataKey::Stats.to_vec();
    assert!(expected.remove(&stats).is_some() && found.remove(&stats).is_some());
    assert_eq!(found, expected);
    assert_eq!(faults(&full(&fs, "out.c1z")), []);
}

#[test]
fn a_repair_moves_and_drops_what_stands_wrong() {
    let mut rows = golden_rows("realistic");
    let of = |family: Family, rows: &Rows| {
        let mut of = rows
            .iter()
            .filter(|(key, _)| Family::of(key) == Some(family));
        let (key, value) = of.next().unwrap();
        (key.clone(), value.clone())
    };
    let (asset, value) = of(Family::Asset, &rows);
    rows.remove(&asset);
    let mut other = asset.clone();
    other.push(b'x');
    rows.insert(other, value);
    let (resource, mut value) = of(Family::Resource, &rows);
    value.pop();
    rows.insert(resource.clone(), value);
    let fs = database(&rows);
    let report = mend_dir(&fs);
    assert_eq!(
        (report.moved, report.dropped, report.is_complete),
        (1, 1, false)
    );
    assert!(
        report.dropped_examples[0].starts_with("resource "),
        "{:?}",
        report.dropped_examples
    );
    let found = rows_of(&fs, "out.c1z");
    assert!(found.contains_key(&asset) && !found.contains_key(&resource));
    let checked = full(&fs, "out.c1z");
    assert_eq!(faults(&checked), []);
    assert!(checked.group(Class::Unfinished, "sync").is_some());
}

#[test]
fn older_layouts_are_rewritten() {
    let bytes = std::fs::read(Case::named("legacy-pebble2-basic").path("v3.pebble2.c1z")).unwrap();
    let fs = holding(&bytes);
    let before = records(&rows_of(&fs, "in.c1z"));
    let report = mend(&fs).unwrap();
    assert!(report.moved > 0);
    assert_eq!(faults(&full(&fs, "out.c1z")), []);
    assert_eq!(records(&rows_of(&fs, "out.c1z")).len(), before.len());
}

/// Stops at the n-th call.
#[derive(Debug)]
struct Impatient(std::sync::atomic::AtomicI64);

impl Observer for Impatient {
    fn advanced(&self, _: &Progress) -> c1z::Result<()> {
        if self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) > 0 {
            return Ok(());
        }
        Err(c1z::Error::new(ErrorKind::Cancelled, "enough"))
    }
}

#[test]
fn an_observer_stops_a_check() {
    let fs = database(&golden_rows("realistic"));
    for calls in 0..3 {
        let observer = Impatient(calls.into());
        let stopped = verify("db", &options(&fs, Depth::Full), Arc::new(observer));
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled, "{calls}");
    }
}

#[test]
fn threads_and_memory_change_nothing() {
    let mut rows = golden_rows("realistic");
    rows.retain(|key, _| Family::of(key) != Some(Family::GrantByPrincipal));
    let fs = database(&rows);
    let of = |threads, bytes| {
        let options = VerifyOptions {
            threads,
            budget: MemoryBudget::new(bytes),
            ..options(&fs, Depth::Full)
        };
        verify("db", &options, &NoObserver).unwrap()
    };
    let first = of(1, 64 << 20);
    assert!(!first.is_clean());
    for (threads, bytes) in [(2, 64 << 20), (4, 1 << 20), (1, 4096)] {
        assert_eq!(
            of(threads, bytes),
            first,
            "{threads} threads, {bytes} bytes"
        );
    }
}
