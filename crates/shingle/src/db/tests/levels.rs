//! Each promise between levels, broken once.

use super::builder::Builder;
use super::*;
use crate::iter::tests::{Entry, delete_range, set};
use crate::key::{InternalKey, Kind, Trailer};

fn check(build: impl FnOnce(&mut Builder)) -> Result<LevelsReport> {
    let mut builder = Builder::new();
    build(&mut builder);
    open(&builder.finish()).unwrap().check_levels()
}

#[track_caller]
fn broken(expected: &str, build: impl FnOnce(&mut Builder)) {
    let error = check(build).unwrap_err();
    let place = error.corruption().unwrap_or_else(|| panic!("{error:?}"));
    assert!(place.expected.contains(expected), "{error}");
    assert!(error.file().is_some());
}

#[test]
fn sound_levels_are_counted() {
    let report = check(|b| {
        b.log = vec![set("a", 40), delete_range("c", "d", 41)];
        b.add(0, &[set("a", 30), delete_range("a", "b", 29)]);
        b.add(0, &[set("a", 20), set("b", 21)]);
        b.add(5, &[set("a", 15), set("x", 3)]);
        b.add(6, &[set("a", 12), set("c", 9), delete_range("y", "z", 12)]);
    });
    let expected = LevelsReport {
        tables: 4,
        points: 8,
        range_tombstones: 3,
    };
    assert_eq!(report.unwrap(), expected);
}

#[test]
fn newer_versions_stand_above_older_ones() {
    broken("newer versions in newer levels", |b| {
        b.add(5, &[set("a", 12)]);
        b.add(6, &[set("a", 15)]);
    });
    broken("newer versions in newer levels", |b| {
        b.log = vec![set("a", 11)];
        b.add(0, &[set("a", 12)]);
    });
    // Of L0 the table that ends later is newer as a whole.
    broken("newer versions in newer levels", |b| {
        b.add(0, &[set("a", 12), set("b", 50)]);
        b.add(0, &[set("a", 15), set("b", 40)]);
    });
    broken("ascending internal keys", |b| {
        b.add(5, &[set("a", 12)]);
        b.add(6, &[set("a", 12)]);
    });
}

#[test]
fn tombstones_are_newer_than_what_they_cover_below() {
    broken("newer range tombstones in newer levels", |b| {
        b.add(5, &[delete_range("a", "c", 10)]);
        b.add(6, &[set("b", 20)]);
    });
    broken("newer range tombstones in newer levels", |b| {
        b.add(5, &[set("b", 10)]);
        b.add(6, &[delete_range("a", "c", 20)]);
    });
    broken("range tombstones up to 10 in older levels", |b| {
        b.add(5, &[delete_range("a", "c", 10)]);
        b.add(6, &[delete_range("b", "d", 20)]);
    });
    // Within one table a point may be newer than a tombstone over it.
    let report = check(|b| {
        b.add(6, &[delete_range("a", "c", 10), set("b", 20)]);
    });
    assert_eq!(report.unwrap().points, 1);
}

#[test]
fn tables_keep_what_the_manifest_says() {
    let narrow = |b: &mut Builder, change: fn(&mut TableMeta)| {
        let mut meta = b.write_table(&[set("b", 10), set("d", 20), delete_range("b", "c", 15)]);
        change(&mut meta);
        b.tables.push((Level::L6, meta));
    };
    let key = |user: &str| InternalKey::new(user, Trailer::new(SeqNo(10), Kind::Set));
    broken("a key in", |b| {
        narrow(b, |m| m.largest.user = b"c".to_vec());
    });
    broken("a sequence number in 11 to 20", |b| {
        narrow(b, |m| m.smallest_seq = SeqNo(11));
    });
    broken("a sequence number in 10 to 19", |b| {
        narrow(b, |m| m.largest_seq = SeqNo(19));
    });
    broken("a range tombstone within the bounds", |b| {
        narrow(b, |m| m.smallest.user = b"bb".to_vec());
    });
    // A virtual table may show a part of points and tombstones.
    let report = check(|b| {
        let meta = b.write_table(&[set("a", 10), set("b", 20), delete_range("a", "z", 15)]);
        b.backings.insert(meta.number, meta.size);
        let part = TableMeta {
            number: FileNumber(1000),
            backing: Some(meta.number),
            smallest: key("b"),
            largest: InternalKey::new("c", Trailer::new(SeqNo::MAX, Kind::RangeDelete)),
            ..meta
        };
        b.tables.push((Level::L6, part));
    });
    let report = report.unwrap();
    assert_eq!((report.points, report.range_tombstones), (1, 1));
}

#[test]
fn merges_are_unsupported() {
    let case = golden_db("db-merge");
    for name in ["000006.log", "000008.log"] {
        case.install(name, *b"").unwrap();
    }
    let database = open(&case).unwrap();
    assert_eq!(
        database.check_levels().unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    let mut refused = 0;
    for (key, _) in golden_rows("db-merge") {
        refused += u32::from(
            database
                .get(&key)
                .is_err_and(|e| e.kind() == ErrorKind::Unsupported),
        );
    }
    assert!(refused > 0);
}

#[test]
fn entries_of_any_delete_kind_hide_what_is_below() {
    let mut builder = Builder::new();
    let delete = |key: &str, seq, kind| Entry::Point(key.into(), seq, kind, Vec::new());
    builder.add(
        0,
        &[
            delete("a", 20, Kind::Delete),
            delete("b", 20, Kind::SingleDelete),
            delete("c", 20, Kind::DeleteSized),
            delete("d", 20, Kind::SetWithDelete),
        ],
    );
    builder.add(
        6,
        &[
            set("a", 1),
            set("b", 1),
            set("c", 1),
            set("d", 1),
            set("e", 1),
        ],
    );
    let database = open(&builder.finish()).unwrap();
    let found = rows(&database, Bounds::all()).unwrap();
    assert_eq!(
        found,
        [(b"d".to_vec(), vec![]), (b"e".to_vec(), b"e@1".to_vec())]
    );
    database.check_levels().unwrap();
}
