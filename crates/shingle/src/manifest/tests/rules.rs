//! The rules of replay, one by one.

use super::*;
use crate::ErrorKind;
use crate::codec::{put_uvarint, put_vstr};

#[track_caller]
fn corrupt(edits: &[VersionEdit], expected: &str) {
    let error = replay_edits(edits).unwrap_err();
    let place = error.corruption().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(place.expected, expected, "{error}");
}

fn removing(from: usize, number: u64) -> VersionEdit {
    VersionEdit {
        removed_tables: vec![(level(from), FileNumber(number))],
        ..VersionEdit::default()
    }
}

#[test]
fn a_table_may_move_between_levels_in_one_edit() {
    let moving = VersionEdit {
        added_tables: vec![(level(5), table(3, "a", "c"))],
        ..removing(6, 3)
    };
    let version = replay_edits(&[adding(6, [table(3, "a", "c")]), moving])
        .unwrap()
        .version;
    assert_eq!(version.level(level(5)).len(), 1);
    assert!(version.level(Level::L6).is_empty());
}

#[test]
fn contradictions_are_corrupt() {
    corrupt(&[counters(), removing(6, 3)], "a live table to remove");
    corrupt(
        &[adding(6, [table(3, "a", "c")]), removing(5, 3)],
        "a live table to remove",
    );
    corrupt(
        &[adding(0, [table(3, "a", "c"), table(3, "a", "c")])],
        "a table once in a level",
    );
    corrupt(
        &[
            adding(0, [table(3, "a", "c")]),
            adding(1, [table(3, "a", "c")]),
        ],
        "a table in one level",
    );
    corrupt(
        &[VersionEdit::default()],
        "a log number or a next file number",
    );
    let newer = TableMeta {
        largest_seq: SeqNo(1001),
        ..table(3, "a", "c")
    };
    corrupt(&[adding(6, [newer])], "sequence numbers up to 1000");
}

#[test]
fn virtual_tables_need_their_backing_file() {
    let part = TableMeta {
        backing: Some(FileNumber(9)),
        ..table(3, "a", "c")
    };
    let backed = VersionEdit {
        added_backings: vec![(FileNumber(9), 7777)],
        ..adding(6, [part.clone()])
    };
    let unbacking = VersionEdit {
        removed_backings: vec![FileNumber(9)],
        ..VersionEdit::default()
    };
    let version = replay_edits(std::slice::from_ref(&backed)).unwrap().version;
    assert_eq!(version.file_len(&part), 7777);
    assert_eq!(version.files(), [(FileNumber(9), 7777)].into());
    let expected = "a virtual table with a live backing file";
    corrupt(&[adding(6, [part])], expected);
    corrupt(&[backed.clone(), unbacking.clone()], expected);
    corrupt(&[backed.clone(), backed.clone()], "a new backing file");
    corrupt(
        &[counters(), unbacking.clone()],
        "a live backing file to remove",
    );
    let gone = [backed, removing(6, 3), unbacking];
    assert!(replay_edits(&gone).unwrap().version.files().is_empty());
}

#[test]
fn sorted_levels_do_not_overlap() {
    let exclusive = |mut table: TableMeta| {
        table.largest.trailer = Trailer::new(SeqNo::MAX, Kind::RangeDelete);
        table
    };
    let apart = [table(3, "d", "f"), table(4, "a", "c")];
    let version = replay_edits(&[adding(6, apart)]).unwrap().version;
    let order: Vec<_> = version
        .level(Level::L6)
        .iter()
        .map(|t| t.number.0)
        .collect();
    assert_eq!(order, [4, 3]);
    let touching = [table(3, "a", "c"), table(4, "c", "d")];
    corrupt(&[adding(6, touching)], "tables of L6 that do not overlap");
    let excluded = [exclusive(table(3, "a", "c")), table(4, "c", "d")];
    replay_edits(&[adding(6, excluded)]).unwrap();
    let within = [table(3, "a", "z"), table(4, "c", "d")];
    corrupt(
        &[adding(1, within.clone())],
        "tables of L1 that do not overlap",
    );
    replay_edits(&[adding(0, within)]).unwrap();
}

#[test]
fn the_last_counters_count_and_zero_says_nothing() {
    let edits = [
        VersionEdit {
            min_unflushed_log: Some(FileNumber(8)),
            ..counters()
        },
        VersionEdit {
            next_file: Some(FileNumber(50)),
            last_seq: Some(SeqNo(0)),
            ..VersionEdit::default()
        },
    ];
    let version = replay_edits(&edits).unwrap().version;
    assert_eq!(version.min_unflushed_log(), FileNumber(8));
    assert_eq!(
        (version.next_file(), version.last_seq()),
        (FileNumber(50), SeqNo(1000))
    );
}

#[test]
fn a_foreign_comparer_is_unsupported() {
    let edit = VersionEdit {
        comparer: Some(b"cockroach_comparator".to_vec()),
        ..counters()
    };
    let error = replay_edits(&[edit]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("cockroach_comparator"),
        "{error}"
    );
}

/// A record: the counters, then `tag`, level 6, number 3, then `tail`.
fn record_with(tag: u64, before_size: &[u64], tail: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    counters().encode(&mut record).unwrap();
    for value in [tag, 6, 3].iter().chain(before_size).chain(&[1003]) {
        put_uvarint(&mut record, *value);
    }
    record.extend_from_slice(tail);
    record
}

fn bounds_and_seqs() -> Vec<u8> {
    let mut bytes = Vec::new();
    for user in ["a", "c"] {
        put_vstr(
            &mut bytes,
            &[user.as_bytes(), &0x501_u64.to_le_bytes()].concat(),
        );
    }
    bytes.extend_from_slice(&[5, 9]);
    bytes
}

#[test]
fn what_is_lacking_is_refused_only_while_it_is_live() {
    let with = |field: &[u8]| [bounds_and_seqs(), field.to_vec(), vec![1]].concat();
    let both = [vec![7], bounds_and_seqs()[..20].to_vec(), bounds_and_seqs()].concat();
    for (record, feature) in [
        (
            record_with(103, &[], &with(b"\x43\x02ab")),
            "synthetic prefix",
        ),
        (
            record_with(103, &[], &with(b"\x44\x02ab")),
            "synthetic suffix",
        ),
        (record_with(103, &[], &with(b"\x41\x01\x01")), "path id"),
        (record_with(102, &[1], &bounds_and_seqs()), "path id"),
        (
            record_with(103, &[], &with(b"\x45\x01\x01\x07\x20")),
            "values in blob files",
        ),
        (
            record_with(104, &[], &[both, vec![1]].concat()),
            "range keys",
        ),
    ] {
        let edit = VersionEdit::decode(&record).unwrap_or_else(|e| panic!("{feature}: {e}"));
        assert_eq!(edit.added_tables[0].1.largest.user, b"c");
        assert_eq!(
            edit.encode(&mut Vec::new()).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        let mut live = Replay::new();
        live.apply(edit.clone(), 0).unwrap();
        let error = live.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(feature), "{error}");
        let mut gone = Replay::new();
        gone.apply(edit, 0).unwrap();
        gone.apply(removing(6, 3), 9).unwrap();
        gone.finish().unwrap();
    }
}

#[test]
fn blob_files_are_refused_while_one_is_live() {
    let mut record = Vec::new();
    counters().encode(&mut record).unwrap();
    record.extend_from_slice(&[107, 4, 9, 100, 90, 0]);
    let mut removed = Vec::new();
    removed.extend_from_slice(&[108, 4, 9]);
    let read = |records: &[Vec<u8>]| replay_file(records);
    let error = read(&[record.clone()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    read(&[record.clone(), removed.clone()]).unwrap();
    let error = read(&[record, removed.clone(), removed]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn what_may_not_be_skipped_is_refused_and_the_rest_is_skipped() {
    let with = |field: &[u8]| [bounds_and_seqs(), field.to_vec(), vec![1]].concat();
    for record in [
        record_with(103, &[], &with(b"\x46\x01\x01")),
        record_with(7, &[], &bounds_and_seqs()),
        vec![200, 1],
    ] {
        let error = VersionEdit::decode(&record).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    let skipped = record_with(103, &[], &with(b"\x21\x03abc"));
    assert_eq!(
        VersionEdit::decode(&skipped).unwrap().added_tables,
        adding(6, [table(3, "a", "c")]).added_tables
    );
    let obsolete = [&[5, 2, 1, b'x'][..], &[9, 4]].concat();
    assert_eq!(
        VersionEdit::decode(&obsolete).unwrap(),
        VersionEdit::default()
    );
}

#[test]
fn malformed_edits_are_corrupt_and_say_where() {
    let record = |tail: &[u8]| record_with(100, &[], tail);
    let good = bounds_and_seqs();
    let len = record(&[]).len() as u64;
    for (bytes, offset) in [
        (vec![0], 0),
        (vec![6, 7, 1], 1),
        (vec![3, 0x80], 1),
        (record(&good[..21]), len + 21),
        (record(&[&[3, 1, 2, 3][..], &good].concat()), len),
        (
            record(&[&good[10..20], &good[..10], &[5, 9]].concat()),
            len + 22,
        ),
        (record(&[&good[..20], &[9, 5]].concat()), len + 22),
    ] {
        let error = VersionEdit::decode(&bytes).unwrap_err();
        let place = error.corruption().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!(place.offset, offset, "{error}");
    }
}
