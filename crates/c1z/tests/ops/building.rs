//! The builder against Go: from the primaries of every golden file it makes every other row, the
//! statistics, the digests and the manifest that Go made, whatever the order of input, memory and
//! threads; and the same bytes always.

use std::path::Path;
use std::sync::Arc;

use c1z::ErrorKind;
use c1z::digest::global_root_key;
use c1z::engine::types::{SyncId, SyncRun};
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::RecordKind;
use c1z::ops::build::{
    BuildOptions, Digests, InputOrder, RunToWrite, SameIdentity, SyncBuilder, V3Builder,
};
use c1z_proto::storage::v3::GrantRecord;
use sha2::{Digest as _, Sha256};
use shingle::vfs::{Fs, OsFs};
use testkit::golden::Case;
use testkit::table::Table;

use crate::support::*;

/// What Go leaves open and a sealed file does not have: the pending marker, with the rows that it
/// announces, and statistics of a sync that is not finished.
fn expected_of(rows: &Rows, run: Option<&(SyncRun, Vec<u8>)>) -> Rows {
    let mut expected = rows.clone();
    expected.remove(&MetadataKey::GrantIndexPending.to_vec());
    if !run.is_some_and(|(run, _)| run.is_finished()) {
        expected.remove(&MetadataKey::Stats.to_vec());
    }
    expected
}

#[test]
fn primaries_of_every_golden_file_make_all_its_rows() {
    let (mut rows_total, mut deferred) = (0, 0);
    let mut table = Table::new();
    for (file, golden) in golden_rows() {
        let run = run_of(&golden);
        let expected = expected_of(&golden, run.as_ref());
        for order in [InputOrder::Ascending, InputOrder::Any] {
            let options = BuildOptions {
                order,
                ..options_for(&golden)
            };
            let (mem, fs) = mem();
            let built = match order {
                InputOrder::Ascending => build_file(&fs, &golden, run.as_ref(), &options),
                InputOrder::Any => build_file(&fs, shuffled(&golden, 7), run.as_ref(), &options),
            };
            let built = built.unwrap();
            let (manifest, found) = read_v3(&mem, Path::new("out.c1z"));
            let mut different = difference(&expected, &found);
            if golden.contains_key(&MetadataKey::GrantIndexPending.to_vec()) {
                // The index is complete with us.
                different.retain(|line| !line.starts_with(r"extra \x03\x07\x04"));
                deferred += 1;
            }
            fill(&mut table, &file.label(), &expected, &found);
            assert_eq!(
                different,
                Vec::<String>::new(),
                "{} {order:?}",
                file.label()
            );
            check_manifest(&file, &manifest);
            assert_eq!(built.sync.database.rows, found.len() as u64);
            assert_eq!(built.sync.merged_rows, 0);
            assert_eq!(built.sync.run, run.as_ref().map(|(run, _)| published(run)));
            rows_total += found.len();
        }
    }
    println!("{}", table.render());
    println!("{rows_total} rows");
    assert_eq!(deferred, 2);
}

/// Rows of each family that are equal; where some are not, `of` how many.
fn fill(table: &mut Table, label: &str, expected: &Rows, found: &Rows) {
    for family in Family::ALL
        .into_iter()
        .filter(|family| !family.is_retired())
    {
        let of = |rows: &Rows| -> Rows {
            let rows = rows
                .iter()
                .filter(|(key, _)| Family::of(key) == Some(family));
            rows.map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        let (expected, found) = (of(expected), of(found));
        let equal = expected
            .iter()
            .filter(|(key, value)| found.get(*key) == Some(*value));
        let (equal, most) = (equal.count(), expected.len().max(found.len()));
        let cell = if equal == most {
            equal.to_string()
        } else {
            format!("{equal} of {most}")
        };
        table.set(label, &format!("{family:?}"), &cell);
    }
}

/// Records of the layout before July 2026, put by their values: the rows of the file that the SDK
/// migrated.
#[test]
fn records_of_the_older_layout_make_the_rows_that_the_sdk_migrated() {
    let (mut cases, mut rows) = (0, 0);
    for case in testkit::golden::cases_with("migrated.c1z").unwrap() {
        let (_, old) = read_v3(&OsFs, &case.path("v3.pebble2.c1z"));
        // The figures of the syncer come from its token, as when a sync ends.
        let run = run_of(&old).map(|(run, stored)| (SyncRun { stats: None, ..run }, stored));
        let mut expected = expected_of(&rows_of_case(&case, "migrated"), run.as_ref());
        let options = BuildOptions {
            same_identity: SameIdentity::Fold,
            ..options_for(&expected)
        };
        let (_, fs) = mem();
        let finished = run.as_ref().is_some_and(|(run, _)| run.is_finished());
        let mut builder = SyncBuilder::new(fs.clone(), "db", &options, finished).unwrap();
        for (key, value) in &old {
            match Family::of(key) {
                Some(Family::Session) => builder.put_other(key, value).unwrap(),
                family => {
                    if let Some(kind) = family.and_then(RecordKind::of) {
                        builder.put_value(kind, value).unwrap();
                    }
                }
            }
        }
        let run = run.as_ref().map(|(run, stored)| RunToWrite {
            run,
            stored: Some(stored),
        });
        builder.finish(run).unwrap();
        let mut found = rows_in(fs, Path::new("db"));
        // When the SDK migrated is not in the records.
        let stats = MetadataKey::Stats.to_vec();
        for rows in [&mut expected, &mut found] {
            if let Some(value) = rows.get_mut(&stats) {
                let (id, mut counts) = c1z::record::stats::decode(value).unwrap();
                counts.written_at = None;
                *value = c1z::record::stats::encode(&counts, &id).unwrap();
            }
        }
        assert_eq!(
            difference(&expected, &found),
            Vec::<String>::new(),
            "{}",
            case.name
        );
        (cases, rows) = (cases + 1, rows + found.len());
    }
    println!("{cases} cases, {rows} rows");
    assert_eq!(cases, 9);
}

/// The run as a file that we write tells it.
fn published(run: &SyncRun) -> SyncRun {
    let mut run = run.clone();
    if !run.is_finished() {
        run.stats = None;
    }
    run
}

/// The manifest equals that of Go's file but for what is free: Go gives statistics and digests to
/// syncs that are not finished when it converts them.
fn check_manifest(file: &testkit::golden::PackedFile, found: &c1z::envelope::Manifest) {
    let (mut expected, _) = read_v3(&OsFs, &file.case.path(file.file));
    for run in &mut expected.sync_runs {
        if !run.ended_at.is_set() {
            run.stats = None.into();
        }
    }
    expected.fold_dead_bytes = 0;
    expected.payload_encoding = found.payload_encoding;
    let files = |manifest: &c1z::envelope::Manifest| -> Vec<_> {
        let files = manifest.descriptors.file.iter();
        files.map(|file| file.name.clone()).collect()
    };
    assert_eq!(files(found), files(&expected), "{}", file.label());
    let mut found = found.clone();
    found.descriptors = None.into();
    expected.descriptors = None.into();
    assert_eq!(found, expected, "{}", file.label());
}

/// Enough records to be spilled and to fill several tables.
fn many_records() -> Vec<Vec<u8>> {
    let grants = (0..12_000).map(|n| {
        let mut record = grant(&format!("grant {n}"), n % 97 == 0, i64::from(n));
        if let Some(of) = record.entitlement.as_option_mut() {
            of.resource_id = format!("eng-{:03}", n % 30);
            of.entitlement_id = format!("group:eng-{:03}:member", n % 30);
        }
        if let Some(to) = record.principal.as_option_mut() {
            to.resource_id = format!("user-{:06}", (n * 7919) % 6_000);
        }
        c1z_proto::encode_canonical(&record)
    });
    grants.collect()
}

#[test]
fn large_files_have_one_hash_for_any_order_memory_threads_and_place() {
    let records = many_records();
    let run = SyncRun {
        stats: None,
        ..run()
    };
    let mut hashes = Vec::new();
    let disk = tempfile::tempdir().unwrap();
    for (seed, threads, memory_bytes) in [
        (0_u64, 1, 0),
        (1, 1, 8 << 20),
        (2, 2, 8 << 20),
        (3, 4, 64 << 20),
        (4, 8, 256 << 20),
        (5, 8, 0),
        (6, 2, 256 << 20),
        (7, 4, 1 << 20),
    ] {
        let options = BuildOptions {
            threads,
            memory_bytes,
            table_bytes: 16 << 10,
            // Of two rows with one identity the last stays, whatever the order: fold instead.
            same_identity: SameIdentity::Fold,
            ..BuildOptions::default()
        };
        // Odd seeds on the disk, with names of their own; even ones in memory.
        let (mem, memory) = mem();
        let (fs, path): (Arc<dyn Fs>, _) = if seed % 2 == 1 {
            (Arc::new(OsFs), disk.path().join(format!("file-{seed}.c1z")))
        } else {
            (memory, Path::new("out.c1z").to_owned())
        };
        let mut pack = pack_options(&fs, threads);
        pack.entropy = Arc::new(testkit::chance::SeededEntropy::seeded(seed));
        let mut builder = V3Builder::new(&path, &options, &pack, true).unwrap();
        let mut order: Vec<_> = records.iter().collect();
        let mut chance = testkit::chance::Chance::seeded(seed);
        for at in (1..order.len()).rev() {
            order.swap(at, chance.below(at + 1));
        }
        for value in order {
            builder.sync().put_value(RecordKind::Grant, value).unwrap();
        }
        let written = builder.finish(Some(RunToWrite {
            run: &run,
            stored: None,
        }));
        assert!(written.unwrap().sync.database.tables.len() > 12);
        let bytes = if seed % 2 == 1 {
            testkit::golden::read_file(&path).unwrap()
        } else {
            mem.read("out.c1z").unwrap()
        };
        let place = disk.path().to_str().unwrap().as_bytes();
        assert!(
            !bytes.windows(place.len()).any(|part| part == place),
            "a path in the file"
        );
        hashes.push((Sha256::digest(&bytes), threads, memory_bytes));
    }
    let [(first, ..), ..] = hashes[..] else {
        panic!("no files")
    };
    println!("{} files of SHA-256 {first:02x?}", hashes.len());
    for (hash, threads, memory_bytes) in hashes {
        assert!(hash == first, "threads {threads} memory {memory_bytes}");
    }
}

#[test]
fn the_same_bytes_come_from_any_order_memory_and_threads() {
    let case = Case::named("unusual-strings");
    let golden = rows_of_case(&case, "");
    let run = run_of(&golden);
    let mut first = None;
    for (seed, threads, memory_bytes) in [
        (0, 1, 1 << 20),
        (1, 2, 64 << 20),
        (2, 8, 1 << 20),
        (3, 3, 0),
    ] {
        for order in [InputOrder::Any, InputOrder::Ascending] {
            let options = BuildOptions {
                order,
                threads,
                memory_bytes,
                table_bytes: 4 << 10,
                ..options_for(&golden)
            };
            let (mem, fs) = mem();
            match order {
                InputOrder::Any => build_file(&fs, shuffled(&golden, seed), run.as_ref(), &options),
                InputOrder::Ascending => build_file(&fs, &golden, run.as_ref(), &options),
            }
            .unwrap();
            let bytes = mem.read("out.c1z").unwrap();
            let first = first.get_or_insert_with(|| bytes.clone());
            assert!(*first == bytes, "seed {seed} threads {threads} {order:?}");
        }
    }
}

fn grant(id: &str, needs_expansion: bool, discovered_at: i64) -> GrantRecord {
    let mut record: GrantRecord = c1z_proto::json::parse_message(
        br#"{"entitlement": {"resourceTypeId": "group", "resourceId": "eng",
                             "entitlementId": "group:eng:member"},
             "principal": {"resourceTypeId": "user", "resourceId": "alice"}}"#,
    )
    .unwrap();
    id.clone_into(&mut record.external_id);
    record.needs_expansion = needs_expansion;
    let at = c1z::engine::types::Timestamp {
        seconds: discovered_at,
        nanos: 0,
    };
    record.discovered_at = c1z::record::timestamp::to_field(Some(at));
    record
}

fn put_grants(builder: &mut SyncBuilder, grants: &[GrantRecord]) {
    for grant in grants {
        let value = c1z_proto::encode_canonical(grant);
        builder.put_value(RecordKind::Grant, &value).unwrap();
    }
}

fn run() -> SyncRun {
    let rows = rows_of_case(&Case::named("basic"), "");
    run_of(&rows).unwrap().0
}

fn build_grants(grants: &[GrantRecord], same_identity: SameIdentity) -> (Rows, u64) {
    let options = BuildOptions {
        same_identity,
        ..BuildOptions::default()
    };
    let (_, fs) = mem();
    let mut builder = SyncBuilder::new(fs.clone(), "db", &options, true).unwrap();
    put_grants(&mut builder, grants);
    let run = SyncRun {
        stats: None,
        ..run()
    };
    let built = builder.finish(Some(RunToWrite {
        run: &run,
        stored: None,
    }));
    let built = built.unwrap();
    assert_eq!(built.counts.grants, 1);
    (rows_in(fs, Path::new("db")), built.merged_rows)
}

#[test]
fn a_row_that_loses_leaves_no_trace_in_an_index() {
    let of = |rows: &Rows, family: Family| {
        rows.keys()
            .filter(|key| Family::of(key) == Some(family))
            .count()
    };
    let grants = [grant("first", true, 5), grant("second", false, 9)];
    let (rows, merged) = build_grants(&grants, SameIdentity::KeepLast);
    let indexed = [
        Family::GrantByPrincipal,
        Family::GrantNeedsExpansion,
        Family::GrantHash,
    ]
    .map(|family| of(&rows, family));
    assert_eq!((indexed, merged), ([1, 0, 1], 1));
    let stored = rows
        .iter()
        .find(|(key, _)| Family::of(key) == Some(Family::Grant))
        .unwrap();
    assert_eq!(*stored.1, c1z_proto::encode_canonical(&grants[1]));
}

#[test]
fn folding_takes_from_all_whatever_their_order() {
    let grants = [
        grant("b", false, 7),
        grant("a", true, 5),
        grant("c", false, 9),
    ];
    let (first, merged) = build_grants(&grants, SameIdentity::Fold);
    assert_eq!(merged, 2);
    let stored = first
        .iter()
        .find(|(key, _)| Family::of(key) == Some(Family::Grant))
        .unwrap();
    assert_eq!(*stored.1, c1z_proto::encode_canonical(&grant("a", true, 5)));
    for turn in 1..3 {
        let mut turned = grants.clone();
        turned.rotate_left(turn);
        assert_eq!(build_grants(&turned, SameIdentity::Fold).0, first);
    }
}

#[test]
fn what_the_builder_writes_itself_is_refused() {
    let (_, fs) = mem();
    let mut builder = SyncBuilder::new(fs, "db", &BuildOptions::default(), true).unwrap();
    for key in [
        MetadataKey::KeyspaceVersion.to_vec(),
        MetadataKey::Stats.to_vec(),
        MetadataKey::GrantIndexPending.to_vec(),
        global_root_key(),
        Family::SyncRun.header().to_vec(),
        b"\x03\x04\0a\0b\x000\0c\0d\0e".to_vec(),
        b"\x03\x07\x02\0a".to_vec(),
    ] {
        let error = builder.put_other(&key, b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{key:x?}");
    }
    builder.put_other(b"\x03\xffsomebody", b"else").unwrap();
}

#[test]
fn a_sync_that_a_v3_file_cannot_hold_is_refused_and_nothing_appears() {
    for id in ["short", "0!Vy-yUb4B6tF8S1zv0KqZ3xQ1w"] {
        let (mem, fs) = mem();
        let run = SyncRun {
            id: SyncId::new(id).unwrap(),
            ..run()
        };
        let error = build_file(&fs, [], Some(&(run, Vec::new())), &BuildOptions::default());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(Fs::list(&mem, Path::new("")).unwrap(), Vec::<String>::new());
    }
    let (_, fs) = mem();
    let mut builder = SyncBuilder::new(fs, "db", &BuildOptions::default(), true).unwrap();
    put_grants(&mut builder, &[grant("a", false, 1)]);
    assert_eq!(
        builder.finish(None).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn a_file_without_a_sync_has_nothing_but_stamps() {
    let (mem, fs) = mem();
    let options = BuildOptions {
        digests: Digests::WhenFinished,
        ..BuildOptions::default()
    };
    build_file(&fs, [], None, &options).unwrap();
    let (manifest, rows) = read_v3(&mem, Path::new("out.c1z"));
    assert_eq!(manifest.sync_runs.len(), 0);
    assert_eq!(rows, rows_of_case(&Case::named("no-syncs"), "from-v1"));
}
