//! Comparison of two v3 files by stored rows: it reports, in the same order, what a comparison of decoded records reports,
//! whatever tables lie over each other; and it walks over what it must alone.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use c1z::engine::types::SyncType;
use c1z::engine::{Identity, PebbleOptions, PebbleStore};
use c1z::ops::build::BuildOptions;
use c1z::ops::diff::{Change, Compared, DiffOptions, Side, diff};
use c1z::ops::{Observer, Progress, RecordKind, StoredRecord};
use c1z::record::message;
use c1z::{Error, MemoryBudget, OpenOptions, Store};
use c1z_proto::connector::v2;
use c1z_proto::storage::v3::{EntitlementRecord, GrantRecord, ResourceRecord, ResourceTypeRecord};
use shingle::vfs::Fs;
use testkit::chance::Chance;
use testkit::generate::{GenerateOptions, generate};
use testkit::golden::{Format, packed_files};

use super::layers::overlay;
use super::support::{Rows, build_file, mem, run_of};

pub(crate) fn open(fs: &Arc<dyn Fs>, path: impl AsRef<Path>) -> Store {
    let options = OpenOptions {
        fs: Arc::clone(fs),
        ..OpenOptions::default()
    };
    c1z::open_with(path, &options).unwrap()
}

/// Rows of a random sync.
fn random_rows(seed: u64) -> Rows {
    let store = PebbleStore::in_memory(PebbleOptions::default()).unwrap();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let records = generate(&GenerateOptions::small(seed));
    records.write_to(engine, 50).unwrap();
    engine.end_sync().unwrap();
    let mut rows = Rows::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    };
    store.for_each_row(&mut each).unwrap();
    rows
}

/// A file of rows in small tables, under a name.
fn write(fs: &Arc<dyn Fs>, rows: &Rows, name: &str) {
    let options = BuildOptions {
        table_bytes: 3_000,
        sync: false,
        ..BuildOptions::default()
    };
    build_file(fs, rows, run_of(rows).as_ref(), &options).unwrap();
    fs.rename(Path::new("out.c1z"), Path::new(name)).unwrap();
}

/// Another value of a record: another time, the same fields in another order, or another content.
pub(crate) fn other_value(chance: &mut Chance, record: &StoredRecord<'_>) -> Vec<u8> {
    let value = record.value;
    let time = match record.kind {
        RecordKind::ResourceType => 6,
        RecordKind::Resource | RecordKind::Entitlement => 8,
        RecordKind::Grant | RecordKind::Asset => 5,
    };
    match chance.below(4) {
        // A second time, of which the parts are merged into the first.
        0 => [
            value,
            &[time << 3 | 2, 2, 0x10, 1 + chance.bytes(1)[0] % 100],
        ]
        .concat(),
        1 if record.kind == RecordKind::Grant => [value, &[7 << 3, 1]].concat(),
        2 => rotated(value),
        _ => changed(record),
    }
}

/// The first field behind all others.
fn rotated(value: &[u8]) -> Vec<u8> {
    match value {
        [tag, len, rest @ ..] if tag & 0x87 == 2 && usize::from(*len) < rest.len().min(0x80) => {
            let (first, rest) = rest.split_at(usize::from(*len));
            [rest, &[*tag, *len], first].concat()
        }
        _ => value.to_vec(),
    }
}

fn changed(record: &StoredRecord<'_>) -> Vec<u8> {
    let value = record.value;
    match record.kind {
        RecordKind::ResourceType => {
            let mut record: ResourceTypeRecord = message::decode("record", value).unwrap();
            record.display_name.push('!');
            message::encode(&record)
        }
        RecordKind::Resource => {
            let mut record: ResourceRecord = message::decode("record", value).unwrap();
            record.display_name.push('!');
            message::encode(&record)
        }
        RecordKind::Entitlement => {
            let mut record: EntitlementRecord = message::decode("record", value).unwrap();
            record.slug.push('!');
            message::encode(&record)
        }
        RecordKind::Grant => {
            let mut record: GrantRecord = message::decode("record", value).unwrap();
            record.annotations.push(c1z_proto::google::protobuf::Any {
                type_url: "type.googleapis.com/c1.connector.v2.GrantImmutable".into(),
                ..Default::default()
            });
            message::encode(&record)
        }
        RecordKind::Asset => value.to_vec(),
    }
}

/// The rows of a later sync: some gone, some with another value.
fn later(rows: &Rows, chance: &mut Chance) -> Rows {
    let permille = [3, 30, 200][chance.below(3)];
    let mut later = rows.clone();
    for (key, value) in rows {
        let Some(record) = StoredRecord::of_row(key, value) else {
            continue;
        };
        if chance.below(1_000) < permille {
            match chance.below(3) {
                0 => drop(later.remove(key)),
                _ => drop(later.insert(key.clone(), other_value(chance, &record))),
            }
        }
    }
    later
}

/// Changes with the canonical record, in the order in which they are told.
fn told<R: Compared>(
    base: Side<'_>,
    applied: Side<'_>,
    changes: &[Change],
) -> Vec<(Change, Vec<u8>)> {
    let mut told = Vec::new();
    let options = DiffOptions {
        identity: Identity::Structural,
        as_v3: false,
        changes,
        budget: MemoryBudget::default(),
    };
    let mut visit = |change, record: R| {
        told.push((change, c1z_proto::encode_canonical(&record)));
        Ok::<_, Error>(())
    };
    diff(base, applied, &options, &c1z::ops::NoObserver, &mut visit).unwrap();
    told
}

fn sync_of(store: &Store) -> Option<c1z::engine::types::SyncId> {
    let runs = store
        .reader()
        .list_sync_runs(&c1z::engine::PageRequest::default());
    runs.unwrap().rows.into_iter().next().map(|run| run.id)
}

/// Both ways of comparing; returns the number of changes of each kind of change.
fn compare(base: &Store, applied: &Store) -> [usize; 3] {
    let (Some(base_sync), Some(applied_sync)) = (sync_of(base), sync_of(applied)) else {
        return [0; 3];
    };
    let stored = [
        Side::of_store(base, &base_sync),
        Side::of_store(applied, &applied_sync),
    ];
    let decoded = [
        Side::new(base.reader(), &base_sync),
        Side::new(applied.reader(), &applied_sync),
    ];
    let mut counts = [0; 3];
    let mut add = |told: Vec<(Change, Vec<u8>)>| {
        for (change, _) in told {
            counts[change as usize] += 1;
        }
    };
    add(compare_kind::<v2::ResourceType>(stored, decoded));
    add(compare_kind::<v2::Resource>(stored, decoded));
    add(compare_kind::<v2::Entitlement>(stored, decoded));
    add(compare_kind::<v2::Grant>(stored, decoded));
    counts
}

fn compare_kind<R: Compared>(
    stored: [Side<'_>; 2],
    decoded: [Side<'_>; 2],
) -> Vec<(Change, Vec<u8>)> {
    let wanted: [&[Change]; 4] = [
        &Change::ALL,
        &[Change::Created],
        &[Change::Deleted],
        &[Change::Modified],
    ];
    for changes in wanted {
        let expected = told::<R>(decoded[0], decoded[1], changes);
        let found = told::<R>(stored[0], stored[1], changes);
        assert_eq!(found, expected, "{} {changes:?}", R::STORED.as_str());
    }
    told::<R>(stored[0], stored[1], &Change::ALL)
}

fn seeds() -> u64 {
    let told = std::env::var("C1Z_HISTORIES").ok();
    told.map_or(3, |text| text.parse().unwrap())
}

#[test]
fn stored_rows_tell_what_decoded_records_tell() {
    let mut all = [0; 3];
    for seed in 0..seeds() {
        let mut chance = Chance::seeded(seed);
        let (_, fs) = mem();
        let rows = random_rows(seed);
        write(&fs, &rows, "base.c1z");
        let later = later(&rows, &mut chance);
        write(&fs, &later, "later.c1z");
        // Over each of them newer tables with records, tombstones and range tombstones, beside frames that stay.
        overlay(
            &fs,
            ["base.c1z", "base-over.c1z"],
            &rows,
            false,
            &mut chance,
        );
        overlay(
            &fs,
            ["later.c1z", "later-over.c1z"],
            &later,
            true,
            &mut chance,
        );
        overlay(
            &fs,
            ["base-over.c1z", "base-twice.c1z"],
            &rows,
            false,
            &mut chance,
        );
        let names = [
            "base.c1z",
            "later.c1z",
            "base-over.c1z",
            "later-over.c1z",
            "base-twice.c1z",
        ];
        let stores = names.map(|name| open(&fs, name));
        for (base, base_name) in stores.iter().zip(names) {
            for (applied, applied_name) in stores.iter().zip(names) {
                eprintln!("seed {seed}, {base_name} and {applied_name}");
                let counts = compare(base, applied);
                assert!(base_name != applied_name || counts == [0; 3]);
                for (all, count) in all.iter_mut().zip(counts) {
                    *all += count;
                }
            }
        }
    }
    assert!(all.iter().all(|count| *count > 100), "{all:?}");
}

#[test]
fn the_files_of_go_are_compared_alike() {
    let files = packed_files().unwrap();
    let files: Vec<_> = files
        .iter()
        .filter(|file| file.format == Format::V3)
        .collect();
    let opened: Vec<_> = files
        .iter()
        .filter_map(|file| c1z::open(file.case.path(file.file)).ok())
        .collect();
    assert!(opened.len() > 50, "{}", opened.len());
    let mut all = [0; 3];
    for (at, base) in opened.iter().enumerate() {
        for step in [0, 1] {
            let applied = &opened[(at + step) % opened.len()];
            let counts = compare(base, applied);
            assert!(step > 0 || counts == [0; 3], "{base:?}");
            for (all, count) in all.iter_mut().zip(counts) {
                *all += count;
            }
        }
    }
    assert!(all.iter().all(|count| *count > 50), "{all:?}");
}

#[derive(Default)]
struct RowsWalked(AtomicU64);

impl Observer for RowsWalked {
    fn advanced(&self, progress: &Progress) -> c1z::Result<()> {
        self.0.fetch_max(progress.rows, Ordering::Relaxed);
        Ok(())
    }
}

/// Rows of grants that are walked over.
fn walked(base: &Store, applied: &Store) -> u64 {
    let (base_sync, applied_sync) = (sync_of(base).unwrap(), sync_of(applied).unwrap());
    let options = DiffOptions {
        identity: Identity::Structural,
        as_v3: false,
        changes: &Change::ALL,
        budget: MemoryBudget::default(),
    };
    let rows = RowsWalked::default();
    let [base, applied] = [
        Side::of_store(base, &base_sync),
        Side::of_store(applied, &applied_sync),
    ];
    let mut visit = |_, _: v2::Grant| Ok::<_, Error>(());
    diff(base, applied, &options, &rows, &mut visit).unwrap();
    rows.0.into_inner()
}

#[test]
fn tables_that_both_files_have_are_not_walked() {
    let (_, fs) = mem();
    let mut rows = random_rows(1);
    write(&fs, &rows, "base.c1z");
    let is_grant = |key: &[u8]| {
        StoredRecord::of_row(key, &[]).is_some_and(|record| record.kind == RecordKind::Grant)
    };
    let grants: Vec<_> = rows.keys().filter(|key| is_grant(key)).cloned().collect();
    let last = grants.last().unwrap();
    let value = changed(&StoredRecord::of_row(last, &rows[last]).unwrap());
    rows.insert(last.clone(), value);
    write(&fs, &rows, "changed.c1z");
    let (base, changed) = (open(&fs, "base.c1z"), open(&fs, "changed.c1z"));
    assert_eq!(walked(&base, &base), 0);
    let few = walked(&base, &changed);
    assert!(
        0 < few && few < grants.len() as u64 / 2,
        "{few} of {}",
        grants.len()
    );
    // A newer table over all grants of a file, though its other tables are those of both.
    let all = {
        overlay(
            &fs,
            ["base.c1z", "over.c1z"],
            &rows,
            true,
            &mut Chance::seeded(3),
        );
        walked(&base, &open(&fs, "over.c1z"))
    };
    assert!(all >= grants.len() as u64 / 2, "{all} of {}", grants.len());
}
