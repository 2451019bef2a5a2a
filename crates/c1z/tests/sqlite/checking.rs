//! Contract: the check finds nothing in a sound file, and each kind of damage where it is.
//!
//! Mechanics: golden files and those of `testdata/sqlite` are changed in one place that the format
//! gives a meaning to. Out of scope: opening (`hostile.rs`).

use c1z::sqlite_file::writer::WriteOptions;
use c1z::sqlite_file::{CheckOptions, CheckReport, FindingKind, fuzz};

use testkit::chance::Chance;
use testkit::golden::sqlite::Row;

use crate::random::seeds;
use crate::reference;
use crate::support::{copy_tables, golden, goldens, open, write};

const PAGE: usize = 4096;

fn check(bytes: &[u8]) -> CheckReport {
    open(bytes).unwrap().check(CheckOptions::default()).unwrap()
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    u16::from_be_bytes([bytes[at], bytes[at + 1]]).into()
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
        .try_into()
        .unwrap()
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// Offsets of the pages of the given kind with at least `cells` cells.
fn pages_of_kind(bytes: &[u8], kind: u8, cells: usize) -> Vec<usize> {
    (1..bytes.len() / PAGE)
        .map(|page| page * PAGE)
        .filter(|page| bytes[*page] == kind && u16_at(bytes, page + 3) >= cells)
        .collect()
}

/// Where `needle` is.
fn find(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    (0..bytes.len() - needle.len())
        .filter(|at| bytes[*at..].starts_with(needle))
        .collect()
}

#[track_caller]
fn assert_found(report: &CheckReport, kind: FindingKind, object: &str) {
    let found = report.findings.iter().any(|finding| {
        finding.kind == kind && finding.object.contains(object) && !finding.detail.is_empty()
    });
    assert!(found, "no {kind:?} of {object} in {:#?}", report.findings);
}

#[test]
fn golden_files_and_their_copies_are_sound() {
    for golden in goldens() {
        let database = open(&golden.database).unwrap();
        let report = database.check(CheckOptions::default()).unwrap();
        assert!(report.is_sound(), "{}: {:?}", golden.name, report.findings);
        let rows = golden
            .dump()
            .iter()
            .filter(|row| matches!(row, Row::Record { .. }))
            .count();
        assert_eq!(report.rows, rows as u64, "{}", golden.name);
        assert_eq!(
            (report.trailing_bytes, report.opaque.len()),
            (0, 0),
            "{}",
            golden.name
        );

        let objects = database.schema().objects().iter();
        let statements: Vec<&str> = objects.filter_map(|o| o.sql.as_deref()).collect();
        let options = WriteOptions::default();
        let copy = write(&statements, options, |writer| {
            copy_tables(&database, writer)
        })
        .unwrap();
        let again = check(&copy);
        assert!(again.is_sound(), "{}: {:?}", golden.name, again.findings);
        assert_eq!(
            (again.rows, again.entries),
            (report.rows, report.entries),
            "{}",
            golden.name
        );
        assert_eq!(again.free_pages, 0);
    }
}

#[test]
fn cells_out_of_order_are_found() {
    let original = golden("fanout").database;
    for (kind, object) in [(13, "v1_"), (10, "idx_")] {
        let page = *pages_of_kind(&original, kind, 2).last().unwrap();
        let mut bytes = original.clone();
        let (a, b) = (page + 8, page + 10);
        let (first, second) = (u16_at(&bytes, a), u16_at(&bytes, b));
        put(&mut bytes, a, &u16::try_from(second).unwrap().to_be_bytes());
        put(&mut bytes, b, &u16::try_from(first).unwrap().to_be_bytes());
        assert_found(&check(&bytes), FindingKind::Order, object);
    }
}

#[test]
fn a_separator_that_lies_is_found() {
    let original = golden("fanout").database;
    let page = pages_of_kind(&original, 5, 2)[0];
    let mut bytes = original.clone();
    let cell = page + u16_at(&bytes, page + 12);
    // The rowid of the first separator becomes 1.
    put(&mut bytes, cell + 4, &[1]);
    assert_found(&check(&bytes), FindingKind::Order, "v1_");
}

#[test]
fn leaves_at_two_depths_are_found() {
    let original = golden("fanout").database;
    let page = pages_of_kind(&original, 5, 2)[0];
    let mut bytes = original.clone();
    // A page between the root and its last leaf, without a cell of its own.
    let count = u32::try_from(bytes.len() / PAGE + 1).unwrap();
    let mut between = vec![5, 0, 0, 0, 0, 0x10, 0, 0];
    between.extend_from_slice(&original[page + 8..page + 12]);
    between.resize(PAGE, 0);
    bytes.extend(between);
    put(&mut bytes, page + 8, &count.to_be_bytes());
    put(&mut bytes, 28, &count.to_be_bytes());
    let report = check(&bytes);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert_found(&report, FindingKind::Order, "v1_");
    // Such a tree is read without loss.
    assert_eq!(fuzz::read(&bytes).0, fuzz::read(&original).0);
}

#[test]
fn overlapping_cells_and_lost_bytes_are_found() {
    let original = golden("basic").database;
    let page = pages_of_kind(&original, 13, 2)[0];
    let mut overlapping = original.clone();
    let same = original[page + 8..page + 10].to_vec();
    put(&mut overlapping, page + 10, &same);
    assert_found(&check(&overlapping), FindingKind::Malformed, "");

    let mut fragments = original.clone();
    fragments[page + 7] += 1;
    assert_found(&check(&fragments), FindingKind::Malformed, "");

    let mut free_block = original.clone();
    put(&mut free_block, page + 1, &4_090_u16.to_be_bytes());
    assert_found(&check(&free_block), FindingKind::Malformed, "");
}

#[test]
fn an_empty_leaf_is_found() {
    let mut bytes = golden("fanout").database;
    let objects = open(&bytes).unwrap().schema().objects().to_vec();
    let is_root = |page: usize| {
        objects
            .iter()
            .any(|o| o.root_page as usize == page / PAGE + 1)
    };
    let leaves = pages_of_kind(&bytes, 10, 2);
    let page = leaves.into_iter().find(|page| !is_root(*page)).unwrap();
    put(&mut bytes, page + 3, &[0, 0, 0x10, 0, 0]);
    assert_found(&check(&bytes), FindingKind::Malformed, "idx_");
}

#[test]
fn pages_with_two_owners_or_none_are_found() {
    let original = golden("fanout").database;
    let page = pages_of_kind(&original, 5, 2)[0];
    let mut shared = original.clone();
    let cell = |i: usize| page + u16_at(&original, page + 12 + 2 * i);
    let first_child = original[cell(0)..cell(0) + 4].to_vec();
    put(&mut shared, cell(1), &first_child);
    let report = check(&shared);
    assert_found(&report, FindingKind::Shared, "v1_");
    assert_found(&report, FindingKind::Unused, "file");

    let mut longer = original.clone();
    longer.extend([0; PAGE]);
    let report = check(&longer);
    assert!(report.is_sound(), "the header does not count the page");
    assert_eq!(report.trailing_bytes, PAGE as u64);
    let count = u32::try_from(longer.len() / PAGE).unwrap();
    put(&mut longer, 28, &count.to_be_bytes());
    assert_found(&check(&longer), FindingKind::Unused, "file");
}

#[test]
fn overflow_chains_of_a_wrong_length_are_found() {
    let original = golden("big-asset").database;
    // Overflow pages start with the number of the next one, which follows here.
    let link = (1..original.len() / PAGE - 1)
        .find(|page| u32_at(&original, page * PAGE) == page + 2)
        .expect("a chain of neighbours");
    let mut cut = original.clone();
    put(&mut cut, link * PAGE, &[0; 4]);
    assert_found(&check(&cut), FindingKind::Malformed, "v1_assets");
    assert!(fuzz::read(&cut).1.is_err());

    let last = (link..original.len() / PAGE)
        .find(|page| u32_at(&original, page * PAGE) == 0)
        .unwrap();
    let mut longer = original.clone();
    put(&mut longer, last * PAGE, &[0, 0, 0, 3]);
    assert_found(&check(&longer), FindingKind::Malformed, "v1_assets");
    assert!(fuzz::read(&longer).1.is_err());

    let mut circular = original.clone();
    let own = u32::try_from(link + 1).unwrap();
    put(&mut circular, link * PAGE, &own.to_be_bytes());
    assert_found(&check(&circular), FindingKind::Shared, "v1_assets");
}

#[test]
fn a_freelist_of_a_wrong_length_is_found() {
    let original = reference::database("deleted");
    let mut count = original.clone();
    count[39] += 1;
    assert_found(&check(&count), FindingKind::Freelist, "freelist");
    // A trunk page with more leaves than fit.
    let trunk = (u32_at(&original, 32) - 1) * 512;
    let mut leaves = original.clone();
    put(&mut leaves, trunk + 4, &[0, 0, 0, 127]);
    assert_found(&check(&leaves), FindingKind::Freelist, "freelist");
    let mut circular = original.clone();
    let own = original[32..36].to_vec();
    put(&mut circular, trunk, &own);
    assert_found(&check(&circular), FindingKind::Shared, "freelist");
}

#[test]
fn pointer_maps_that_lie_are_found() {
    let original = reference::database("autovacuum");
    for entry in 0..20 {
        for byte in [0, 4] {
            let mut bytes = original.clone();
            bytes[512 + 5 * entry + byte] ^= 1;
            assert_found(&check(&bytes), FindingKind::PointerMap, "pointer map");
        }
    }
}

#[test]
fn nulls_where_none_may_be_are_found() {
    let mut bytes = golden("basic").database;
    // In a sync run the text 'full' is followed by empty texts: serial types 21, 13, 13.
    let at = find(&bytes, &[21, 13, 13])[0];
    bytes[at + 1] = 0;
    let report = check(&bytes);
    assert_found(&report, FindingKind::Null, "v1_sync_runs");
    assert!(
        report.findings[0].detail.contains("parent_sync_id"),
        "{:?}",
        report.findings
    );
}

#[test]
fn tables_and_indexes_that_disagree_are_found() {
    let original = golden("basic").database;
    let index = "idx_entitlements_external_sync_v1";
    // The key's text, once in the row and once in the index.
    let places = find(&original, b"group:g2:member");
    let in_index = places
        .iter()
        .copied()
        .find(|at| matches!(original[at / PAGE * PAGE], 2 | 10))
        .expect("an index page");
    let mut bytes = original.clone();
    put(
        &mut bytes,
        in_index,
        b"group:g2:member"
            .map(|b| if b == b'r' { b's' } else { b })
            .as_slice(),
    );
    let report = check(&bytes);
    assert!(
        report
            .findings
            .iter()
            .all(|f| f.kind != FindingKind::Malformed),
        "{report:?}"
    );
    assert_found(&report, FindingKind::EntryOfOtherRow, "idx_");
    assert_found(&report, FindingKind::RowWithoutEntry, "idx_");

    // Two rows with the key of one, next to each other.
    let mut twice = original.clone();
    for at in find(&original, b"group:g1:member") {
        if matches!(original[at / PAGE * PAGE], 2 | 10) {
            put(&mut twice, at, b"group:g2:member");
        }
    }
    assert_found(&check(&twice), FindingKind::Duplicate, index);
}

#[test]
fn a_check_stops_at_its_limit() {
    let mut bytes = golden("fanout").database;
    for page in pages_of_kind(&bytes, 10, 1) {
        bytes[page + 7] ^= 0xff;
    }
    let database = open(&bytes).unwrap();
    let report = database.check(CheckOptions { findings_max: 3 }).unwrap();
    assert_eq!((report.findings.len(), report.stopped), (3, true));
    let report = database
        .check(CheckOptions {
            findings_max: 100_000,
        })
        .unwrap();
    assert!(report.findings.len() > 3 && !report.stopped);
}

#[test]
fn any_damage_that_reading_notices_the_check_notices() {
    let originals = [
        reference::database("types"),
        reference::database("autovacuum"),
        golden("overwrites-deletes").database,
    ];
    let (mut unsound, mut runs) = (0, 0);
    for original in &originals {
        for seed in seeds(60) {
            let mut random = Chance::seeded(seed);
            let mut bytes = original.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = *random.pick(&[0, 1, 0x0d, 0x7f, 0x80, 0xff]).unwrap();
            }
            let Some(report) = fuzz::check(&bytes) else {
                continue;
            };
            runs += 1;
            unsound += usize::from(!report.is_sound());
            if let Err(error) = fuzz::read(&bytes).1 {
                let noticed = !report.is_sound() || !report.opaque.is_empty();
                assert!(noticed, "seed {seed}: {error}");
            }
        }
    }
    assert!(unsound * 4 > runs, "{unsound} of {runs}");
}
