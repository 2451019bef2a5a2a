//! Batches: known bytes, round trips, and damage.

use proptest::prelude::*;

use super::*;
use crate::testing::unhex;

fn ops(record: &[u8]) -> Result<Vec<(u64, Op<'_>)>> {
    let mut reader = BatchReader::new(record)?;
    let mut ops = Vec::new();
    while let Some((seq, op)) = reader.next_op()? {
        ops.push((seq.0, op));
    }
    Ok(ops)
}

fn point<'a>(kind: Kind, key: &'a [u8], value: &'a [u8]) -> Op<'a> {
    Op::Point { kind, key, value }
}

#[test]
fn known_batches_are_read_and_written() {
    let set = unhex("0a00000000000000 01000000 01 02 7731 02 7631");
    assert_eq!(ops(&set).unwrap(), [(10, point(Kind::Set, b"w1", b"v1"))]);
    let mut batch = Batch::new();
    batch.set(b"w1", b"v1").unwrap();
    batch.set_first_seq(SeqNo(10));
    assert_eq!(batch.as_bytes(), set);

    let delete = unhex("0c00000000000000 01000000 00 04 7a7a2f61");
    assert_eq!(
        ops(&delete).unwrap(),
        [(12, point(Kind::Delete, b"zz/a", b""))]
    );
    batch.clear();
    batch.delete(b"zz/a").unwrap();
    batch.set_first_seq(SeqNo(12));
    assert_eq!(batch.as_bytes(), delete);
}

#[test]
fn log_data_takes_no_sequence_number() {
    let mut batch = Batch::new();
    batch.log_data(b"x").unwrap();
    assert!(batch.is_empty());
    batch.set(b"a", b"1").unwrap();
    batch.log_data(b"y").unwrap();
    batch.delete_range(b"b", b"c").unwrap();
    batch.set_first_seq(SeqNo(7));
    let (start, end) = (&b"b"[..], &b"c"[..]);
    assert_eq!(
        ops(batch.as_bytes()).unwrap(),
        [
            (7, Op::LogData(b"x")),
            (7, point(Kind::Set, b"a", b"1")),
            (8, Op::LogData(b"y")),
            (8, Op::DeleteRange { start, end }),
        ]
    );
    assert_eq!(
        BatchReader::new(batch.as_bytes()).unwrap().end_seq(),
        SeqNo(9)
    );
}

#[test]
fn an_empty_range_is_refused() {
    let mut batch = Batch::new();
    assert!(batch.delete_range(b"b", b"b").is_err());
    assert!(batch.is_empty());
}

#[test]
fn malformed_batches_are_corrupt_and_say_where() {
    let with = |count: u8, ops: &[u8]| [&[9, 0, 0, 0, 0, 0, 0, 0, count, 0, 0, 0], ops].concat();
    for (bytes, offset) in [
        (vec![0; 11], 8),
        (with(1, &[]), 12),
        (with(0, &[0, 1, b'a']), 12),
        (with(1, &[0, 1, b'a', 0, 1, b'b']), 15),
        (with(1, &[200, 1, b'a']), 12),
        (with(1, &[18, 1, b'a', 0]), 12),
        (with(1, &[1, 1, b'a', 5, b'v']), 16),
        (with(1, &[0, 0xff, 0xff, 0xff, 0xff, 0x1f]), 13),
        (with(1, &[22, 2, 7, 7]), 15),
        (with(1, &[22, 1, 0x80]), 14),
        ([&SeqNo::MAX.0.to_le_bytes()[..], &[1, 0, 0, 0]].concat(), 0),
    ] {
        let error = ops(&bytes).unwrap_err();
        let place = error.corruption().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!(place.offset, offset, "{error}");
    }
}

#[derive(Clone, Debug)]
enum AnyOp {
    Point(Kind, Vec<u8>, Vec<u8>),
    Two(Kind, Vec<u8>, Vec<u8>),
    LogData(Vec<u8>),
    Ingest(u64),
}

impl AnyOp {
    fn as_op(&self) -> Op<'_> {
        match self {
            AnyOp::Point(kind @ (Kind::Delete | Kind::SingleDelete), key, _) => {
                point(*kind, key, &[])
            }
            AnyOp::Point(kind, key, value) => point(*kind, key, value),
            AnyOp::Two(Kind::RangeDelete, start, end) => Op::DeleteRange { start, end },
            AnyOp::Two(Kind::Excise, start, end) => Op::Excise { start, end },
            AnyOp::Two(kind, start, rest) => Op::RangeKey {
                kind: *kind,
                start,
                rest,
            },
            AnyOp::LogData(data) => Op::LogData(data),
            AnyOp::Ingest(number) => Op::IngestTable(FileNumber(*number)),
        }
    }
}

fn any_op() -> impl Strategy<Value = AnyOp> {
    let points = [
        Kind::Set,
        Kind::Delete,
        Kind::SingleDelete,
        Kind::DeleteSized,
        Kind::Merge,
    ];
    let pairs = [
        Kind::RangeDelete,
        Kind::Excise,
        Kind::RangeKeySet,
        Kind::RangeKeyUnset,
        Kind::RangeKeyDelete,
    ];
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        (prop::sample::select(points.to_vec()), bytes(), bytes())
            .prop_map(|(kind, key, value)| AnyOp::Point(kind, key, value)),
        (prop::sample::select(pairs.to_vec()), bytes(), bytes())
            .prop_map(|(kind, start, rest)| AnyOp::Two(kind, start, rest)),
        bytes().prop_map(AnyOp::LogData),
        any::<u64>().prop_map(AnyOp::Ingest),
    ]
}

proptest! {
    #[test]
    fn any_batch_round_trips(
        expected in prop::collection::vec(any_op(), 0..20),
        seq in 0..1_u64 << 50,
    ) {
        let mut batch = Batch::new();
        for op in &expected {
            batch.push_op(op.as_op()).unwrap();
        }
        batch.set_first_seq(SeqNo(seq));
        let read = ops(batch.as_bytes()).unwrap();
        let read: Vec<_> = read.into_iter().map(|(_, op)| op).collect();
        let expected: Vec<_> = expected.iter().map(AnyOp::as_op).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        drop(ops(&bytes));
    }
}
