//! What the writer refuses, and what its failures leave.

use super::*;
use crate::ErrorKind;
use crate::sst::CompressionPool;
use crate::vfs::{FaultFs, FaultPlan};

fn writer(options: WriterOptions) -> TableWriter {
    let file = MemFs::new().create(Path::new(PATH)).unwrap();
    TableWriter::new(file, PATH, options).unwrap()
}

fn set(seq: u64) -> Trailer {
    Trailer::new(SeqNo(seq), Kind::Set)
}

#[test]
fn entries_out_of_order_are_refused_and_end_the_table() {
    for (before, after) in [
        (("b", 5), ("a", 5)),
        (("b", 5), ("b", 5)),
        (("b", 5), ("b", 6)),
        (("ba", 5), ("b", 5)),
    ] {
        let mut writer = writer(small());
        writer.add(before.0.as_bytes(), set(before.1), b"").unwrap();
        let e = writer
            .add(after.0.as_bytes(), set(after.1), b"")
            .unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Invalid, "{before:?} {after:?}");
        let e = writer.add(b"z", set(1), b"").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Poisoned);
        assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Poisoned);
    }
}

#[test]
fn order_holds_over_block_boundaries() {
    let mut writer = writer(small());
    for i in 0..100 {
        writer
            .add(format!("{i:04}").as_bytes(), set(1), &[7; 100])
            .unwrap();
    }
    assert_eq!(
        writer.add(b"0098", set(1), b"").unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

#[test]
fn kinds_that_are_not_written_are_refused() {
    for kind in [
        Kind::Merge,
        Kind::LogData,
        Kind::RangeDelete,
        Kind::Separator,
        Kind::RangeKeySet,
        Kind::Excise,
    ] {
        let mut writer = writer(small());
        let e = writer
            .add(b"k", Trailer::new(SeqNo(1), kind), b"")
            .unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Invalid, "{kind:?}");
    }
    let mut writer = writer(small());
    let sized = Trailer::new(SeqNo(1), Kind::DeleteSized);
    assert!(writer.add(b"k", sized, &[0x80]).is_err(), "not a uvarint");
}

#[test]
fn range_tombstones_that_overlap_are_refused() {
    let tombstone = |start: &str, end: &str, seq| RangeTombstone {
        start: start.into(),
        end: end.into(),
        seq: SeqNo(seq),
    };
    for pair in [
        [tombstone("b", "d", 5), tombstone("a", "b", 5)],
        [tombstone("b", "d", 5), tombstone("c", "e", 5)],
        [tombstone("b", "d", 5), tombstone("b", "e", 4)],
        [tombstone("b", "d", 5), tombstone("b", "d", 5)],
        [tombstone("b", "d", 5), tombstone("b", "d", 6)],
        [tombstone("b", "d", 5), tombstone("e", "e", 1)],
    ] {
        let mut writer = writer(small());
        writer.add_range_tombstone(&pair[0]).unwrap();
        let e = writer.add_range_tombstone(&pair[1]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Invalid, "{pair:?}");
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let file = || MemFs::new().create(Path::new(PATH)).unwrap();
    for options in [
        WriterOptions {
            block_len: 1,
            ..small()
        },
        WriterOptions {
            index_block_len: 1 << 40,
            ..small()
        },
        WriterOptions {
            block_fill_min: 0,
            ..small()
        },
        WriterOptions {
            block_fill_min: 101,
            ..small()
        },
    ] {
        let e = TableWriter::new(file(), PATH, options).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Invalid);
    }
}

/// Every operation on the file fails once: the caller learns of it, with and without threads.
#[test]
fn failures_of_the_file_reach_the_caller() {
    let entries = random_entries(4, 4000);
    let mut failures = 0;
    for threads in [0, 2] {
        let pool = (threads > 0).then(|| Arc::new(CompressionPool::new(threads).unwrap()));
        let options = WriterOptions {
            pool,
            ..WriterOptions::default()
        };
        for op in 0.. {
            let plan = FaultPlan::parse(&format!("fail any {op}")).unwrap();
            let fs = FaultFs::new(Arc::new(MemFs::new()), plan);
            let Ok(file) = fs.create(Path::new(PATH)) else {
                continue;
            };
            let mut writer = TableWriter::new(file, PATH, options.clone()).unwrap();
            let written = entries
                .points
                .iter()
                .try_for_each(|p| writer.add(&p.key, p.trailer, &p.value))
                .and_then(|()| writer.finish());
            match written {
                Ok(_) => break,
                Err(e) => assert_eq!(e.kind(), ErrorKind::Io, "operation {op}: {e:?}"),
            }
            failures += 1;
        }
    }
    assert!(failures >= 6, "{failures}");
}
