//! Recovery: logs in order, a prefix of the last one whatever cuts it, and typed refusals.

use std::sync::Arc;

use super::*;
use crate::ErrorKind;
use crate::batch::Batch;
use crate::cursor::Cursor;
use crate::testing::{KeyValue, golden_points, golden_tar};
use crate::vfs::{Fs, Lottery, MemFs};

const START: Start = Start {
    min_unflushed_log: FileNumber(0),
    last_seq: SeqNo(0),
    memory_max: 1 << 20,
};

/// Writes `batches` into log `number`, synced one by one, closed if `close`.
fn write_log(fs: &MemFs, number: u64, batches: &[Batch], close: bool) {
    drop(fs.remove_file(Path::new(&log_name(FileNumber(number)))));
    let mut writer = LogWriter::create(fs, Path::new(""), FileNumber(number)).unwrap();
    for batch in batches {
        writer.append(batch).unwrap();
        writer.sync().unwrap();
    }
    if close {
        writer.close().unwrap();
    }
}

fn batch(seq: u64, fill: impl FnOnce(&mut Batch) -> Result<()>) -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch).unwrap();
    batch.set_first_seq(SeqNo(seq));
    batch
}

fn set(seq: u64, key: &str) -> Batch {
    batch(seq, |b| b.set(key.as_bytes(), b"v"))
}

fn recover_all(fs: &MemFs, start: Start) -> Result<Recovered> {
    let dir = Path::new("");
    recover(fs, dir, &fs.list(dir).unwrap(), start)
}

/// The points as `key#seq,kind`.
fn points(memtable: MemTable) -> Vec<String> {
    let mut cursor = Arc::new(memtable).cursor(None, None);
    let mut points = Vec::new();
    cursor.seek_first().unwrap();
    while cursor.is_valid() {
        let key = String::from_utf8_lossy(cursor.user_key());
        points.push(format!("{key}{:?}", cursor.trailer()));
        cursor.next().unwrap();
    }
    points
}

#[test]
fn logs_are_read_in_order_from_the_first_unflushed_one() {
    let fs = MemFs::new();
    write_log(&fs, 4, &[set(10, "flushed")], true);
    write_log(&fs, 5, &[set(20, "b"), set(21, "a")], true);
    let more = batch(30, |b| {
        b.set(b"a", b"newer")?;
        b.delete(b"c")?;
        b.delete_range(b"x", b"z")
    });
    write_log(&fs, 10, &[more], false);
    let start = Start {
        min_unflushed_log: FileNumber(5),
        last_seq: SeqNo(19),
        ..START
    };
    let recovered = recover_all(&fs, start).unwrap();
    assert_eq!(recovered.next_seq, SeqNo(33));
    let logs: Vec<_> = recovered
        .logs
        .iter()
        .map(|l| (l.number.0, l.batches, l.operations))
        .collect();
    assert_eq!(logs, [(5, 2, 2), (10, 1, 3)]);
    assert_eq!(recovered.memtable.tombstones()[0].seq, SeqNo(32));
    assert_eq!(
        points(recovered.memtable),
        ["a#30,Set", "a#21,Set", "b#20,Set", "c#31,Delete"]
    );
}

#[test]
fn without_logs_nothing_is_recovered() {
    let fs = MemFs::new();
    fs.install("000007.log", *b"").unwrap();
    let start = Start {
        last_seq: SeqNo(3),
        ..START
    };
    let recovered = recover_all(&fs, start).unwrap();
    assert!(recovered.memtable.is_empty());
    assert_eq!(recovered.next_seq, SeqNo::FIRST);
}

#[test]
fn the_next_sequence_number_is_above_tables_and_logs() {
    let fs = MemFs::new();
    write_log(&fs, 4, &[set(10, "a"), set(30, "b")], true);
    write_log(&fs, 5, &[set(20, "c")], true);
    for (last_seq, next_seq) in [(0, 31), (30, 31), (31, 32), (500, 501)] {
        let start = Start {
            last_seq: SeqNo(last_seq),
            ..START
        };
        assert_eq!(recover_all(&fs, start).unwrap().next_seq, SeqNo(next_seq));
    }
}

#[test]
fn a_batch_that_comes_again_is_skipped() {
    let fs = MemFs::new();
    let again = [set(20, "a"), set(20, "b"), set(15, "c"), set(21, "d")];
    write_log(&fs, 5, &again, true);
    let recovered = recover_all(&fs, START).unwrap();
    assert_eq!(points(recovered.memtable), ["a#20,Set", "d#21,Set"]);
}

#[test]
fn a_log_cut_anywhere_gives_its_first_batches_if_it_is_the_last() {
    let batches: Vec<_> = (0..9).map(|i| set(10 + i, &format!("key{i}"))).collect();
    let fs = MemFs::new();
    write_log(&fs, 5, &batches, true);
    let whole = fs.read("000005.log").unwrap();
    let mut counts = std::collections::BTreeSet::new();
    for len in 0..whole.len() {
        let fs = MemFs::new();
        fs.install("000005.log", &whole[..len]).unwrap();
        let recovered = recover_all(&fs, START).unwrap();
        let count = recovered.memtable.len();
        let expected: Vec<_> = (0..count)
            .map(|i| format!("key{i}#{},Set", 10 + i))
            .collect();
        assert_eq!(recovered.next_seq.0, 10 + count as u64);
        assert_eq!(points(recovered.memtable), expected, "cut at {len}");
        counts.insert(count);

        fs.install("000006.log", *b"").unwrap();
        match recover_all(&fs, START) {
            Ok(followed) => {
                assert_eq!(recovered.logs[0].torn_at, None, "cut at {len}");
                assert_eq!(followed.memtable.len(), count);
            }
            Err(error) => {
                assert!(recovered.logs[0].torn_at.is_some());
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                assert_eq!(error.file(), Some(Path::new("000005.log")));
            }
        }
    }
    assert_eq!(counts.len(), 10);
}

#[test]
fn what_cannot_be_served_is_refused_by_name() {
    let ops: [(&str, Op<'_>); 3] = [
        (
            "merge operands",
            Op::Point {
                kind: Kind::Merge,
                key: b"k",
                value: b"v",
            },
        ),
        (
            "range keys",
            Op::RangeKey {
                kind: Kind::RangeKeySet,
                start: b"a",
                rest: b"b",
            },
        ),
        (
            "range keys",
            Op::RangeKey {
                kind: Kind::RangeKeyDelete,
                start: b"a",
                rest: b"b",
            },
        ),
    ];
    for (name, op) in ops {
        let fs = MemFs::new();
        write_log(&fs, 5, &[set(10, "a"), batch(11, |b| b.push_op(op))], true);
        let error = recover_all(&fs, START).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(name), "{error}");
    }
    let fs = MemFs::new();
    fs.install("000005-001.log", *b"").unwrap();
    assert_eq!(
        recover_all(&fs, START).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn ingested_tables_are_reported_and_stand_alone() {
    let ingest = |also: bool| {
        batch(20, |b| {
            b.push_op(Op::Excise {
                start: b"c",
                end: b"f",
            })?;
            b.push_op(Op::IngestTable(FileNumber(300)))?;
            b.push_op(Op::IngestTable(FileNumber(7)))?;
            if also { b.set(b"k", b"v") } else { Ok(()) }
        })
    };
    let fs = MemFs::new();
    write_log(&fs, 5, &[set(10, "a"), ingest(false)], true);
    let recovered = recover_all(&fs, START).unwrap();
    let ingested: Vec<_> = recovered
        .ingested
        .iter()
        .map(|t| (t.number.0, t.seq.0))
        .collect();
    assert_eq!(ingested, [(300, 21), (7, 22)]);
    assert_eq!(recovered.next_seq, SeqNo(23));
    assert_eq!(recovered.memtable.tombstones().len(), 1);
    write_log(&fs, 5, &[ingest(true)], true);
    assert_eq!(
        recover_all(&fs, START).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[test]
fn the_budget_holds() {
    let fs = MemFs::new();
    let batches: Vec<_> = (0..100).map(|i| set(10 + i, "some key")).collect();
    write_log(&fs, 5, &batches, true);
    let start = Start {
        memory_max: 1000,
        ..START
    };
    assert_eq!(
        recover_all(&fs, start).unwrap_err().kind(),
        ErrorKind::Exhausted
    );
    recover_all(&fs, START).unwrap();
}

#[test]
fn a_cursor_stays_in_its_range() {
    let mut builder = Builder::new(usize::MAX);
    for (seq, key) in [(10, "b"), (11, "d"), (12, "d"), (13, "f")] {
        builder
            .add_point(SeqNo(seq), Kind::Set, key.as_bytes(), b"")
            .unwrap();
    }
    let table = Arc::new(builder.finish());
    let mut cursor = table.cursor(Some(b"c"), Some(b"f"));
    let at = |cursor: &MemCursor| cursor.is_valid().then(|| cursor.trailer().seq().0);
    cursor.seek_first().unwrap();
    assert_eq!(at(&cursor), Some(12), "newest version first");
    cursor.seek_last().unwrap();
    assert_eq!(at(&cursor), Some(11));
    cursor.next().unwrap();
    assert_eq!(at(&cursor), None);
    for (key, ge, lt) in [
        ("a", Some(12), None),
        ("d", Some(12), None),
        ("e", None, Some(11)),
        ("z", None, Some(11)),
    ] {
        cursor.seek_ge(key.as_bytes()).unwrap();
        assert_eq!(at(&cursor), ge, "ge {key}");
        cursor.seek_lt(key.as_bytes()).unwrap();
        assert_eq!(at(&cursor), lt, "lt {key}");
    }
    cursor.seek_first().unwrap();
    cursor.prev().unwrap();
    assert_eq!(at(&cursor), None);
}

/// What is visible of a memtable: of each key the newest version, if it is a value that no newer
/// tombstone covers.
fn live(memtable: MemTable) -> Vec<KeyValue> {
    let memtable = Arc::new(memtable);
    let mut cursor = memtable.cursor(None, None);
    let mut live = Vec::new();
    let mut last: Option<Vec<u8>> = None;
    cursor.seek_first().unwrap();
    while cursor.is_valid() {
        let (key, seq) = (cursor.user_key(), cursor.trailer().seq());
        let hidden = memtable
            .tombstones()
            .iter()
            .any(|t| &t.start[..] <= key && key < &t.end[..] && t.seq > seq);
        if last.as_deref() != Some(key) {
            last = Some(key.to_vec());
            if cursor.trailer().kind() == Some(Kind::Set) && !hidden {
                live.push((key.to_vec(), cursor.value().to_vec()));
            }
        }
        cursor.next().unwrap();
    }
    live
}

#[test]
fn go_logs_are_recovered_or_refused() {
    let read = |case: &str, from: u64| {
        let fs = golden_tar(&format!("pebble/{case}/db.tar.gz"));
        let start = Start {
            min_unflushed_log: FileNumber(from),
            ..START
        };
        recover_all(&fs, start)
    };
    let several = read("db-wal-several", 2).unwrap();
    assert_eq!(several.logs.len(), 4);
    assert_eq!(
        live(several.memtable),
        golden_points("pebble/db-wal-several/kv.ndjson.gz")
    );
    let torn = read("db-wal-torn", 2).unwrap();
    assert!(torn.logs[0].torn_at.is_some());
    assert_eq!(
        live(torn.memtable),
        golden_points("pebble/db-wal-torn/kv.ndjson.gz")
    );
    let ingest = read("db-wal-flushable-ingest", 2).unwrap();
    assert_eq!(ingest.ingested[0].number, FileNumber(4));
    assert_eq!(
        read("db-wal-only", 2).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(
        read("db-range-keys", 0).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn mutated_logs_never_panic() {
    let mut lottery = Lottery::new(106);
    let batches: Vec<_> = (0..20)
        .map(|i| {
            batch(10 + 3 * i, |b| {
                b.set(format!("key{i}").as_bytes(), &[7; 50])?;
                b.delete(b"key3")?;
                b.delete_range(b"key5", b"key7")
            })
        })
        .collect();
    let fs = MemFs::new();
    write_log(&fs, 4, &batches, true);
    let whole = fs.read("000004.log").unwrap();
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=lottery.below(4) {
            let at = usize::try_from(lottery.below(bytes.len() as u64)).unwrap();
            bytes[at] = lottery.draw().to_le_bytes()[0];
        }
        fuzz::log(&bytes);
        for batch in &batches {
            let mut bytes = batch.as_bytes().to_vec();
            let at = usize::try_from(lottery.below(bytes.len() as u64)).unwrap();
            bytes[at] = lottery.draw().to_le_bytes()[0];
            fuzz::batch(&bytes);
        }
    }
}
