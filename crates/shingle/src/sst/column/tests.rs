//! Contract of the column codecs: what is encoded decodes to the same, at the size that was
//! announced, in the bytes of the worked examples; what contradicts is corrupt.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::unhex;

const STRUCTURE: &str = "test block";

/// A block with one column. The number of rows in its header is 1: a column alone may hold more rows
/// than it has bytes, which no block of a table does.
fn block(kind: ColumnType, put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut frame = BlockFrame::begin(&mut out, &[], 1, 1);
    frame.column(&mut out, kind);
    put(&mut out);
    frame.finish(&mut out);
    out
}

const START: usize = headers_len(0, 1);

/// Integers of any magnitude, close together or not.
fn integers() -> impl Strategy<Value = Vec<u64>> {
    let base = prop_oneof![Just(0), any::<u8>().prop_map(u64::from), any::<u64>()];
    let spread = prop_oneof![Just(0_u32), Just(4), Just(8), Just(16), Just(40), Just(64)];
    (base, spread, vec(any::<u64>(), 0..40)).prop_map(|(base, spread, offsets)| {
        let mask = 1_u64.checked_shl(spread).map_or(u64::MAX, |n| n - 1);
        let value = |offset| base.saturating_add(offset & mask);
        offsets.into_iter().map(value).collect()
    })
}

proptest! {
    #[test]
    fn integers_round_trip(values in integers(), next in any::<u64>()) {
        let mut builder = UintBuilder::default();
        let mut announced = START;
        for &value in &values {
            announced = builder.end_with(START, value);
            builder.push(value);
        }
        for next in [None, Some(next), values.first().map(|v| v.saturating_sub(1))] {
            let data = block(ColumnType::Uint, |out| builder.put(next, out));
            prop_assert_eq!(data.len(), announced + 1);
            let mut columns = Columns::open(STRUCTURE, &data, 0, 1).unwrap();
            let column = columns.uint(values.len()).unwrap();
            columns.finish().unwrap();
            for (i, &value) in values.iter().enumerate() {
                prop_assert_eq!(column.get(&data, i), value);
            }
        }
    }

    #[test]
    fn strings_round_trip(strings in vec(vec(any::<u8>(), 0..30), 0..80)) {
        let mut builder = BytesBuilder::default();
        let mut announced = START;
        for string in &strings {
            announced = builder.end_with(START, string.len());
            builder.push(string);
            prop_assert_eq!(builder.last(), &string[..]);
        }
        let data = block(ColumnType::Bytes, |out| builder.put(out));
        prop_assert_eq!(data.len(), announced + 1);
        let mut columns = Columns::open(STRUCTURE, &data, 0, 1).unwrap();
        let column = columns.bytes(strings.len()).unwrap();
        columns.finish().unwrap();
        for (i, string) in strings.iter().enumerate() {
            prop_assert_eq!(column.get(&data, i), &string[..]);
        }
    }

    #[test]
    fn bits_round_trip(bits in vec(prop::bool::weighted(0.1), 1..5000), bitmap: bool) {
        let mut builder = BoolBuilder::default();
        let mut announced = START;
        for &bit in &bits {
            announced = builder.end_with(START, bit, bitmap);
            builder.push(bit);
        }
        let ones = bits.iter().filter(|&&bit| bit).count();
        prop_assert_eq!(builder.ones(), ones);
        let data = block(ColumnType::Bool, |out| builder.put(bitmap, out));
        prop_assert_eq!(data.len(), announced + 1);
        let mut columns = Columns::open(STRUCTURE, &data, 0, 1).unwrap();
        let column = columns.bool(bits.len()).unwrap();
        columns.finish().unwrap();
        prop_assert_eq!(column.is_all_false(), ones == 0 && !bitmap);
        for (i, &bit) in bits.iter().enumerate() {
            prop_assert_eq!(column.get(&data, i), bit);
        }
    }

    #[test]
    fn keys_round_trip_and_are_found(
        mut keys in vec(vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..8), 1..90),
        prefix in vec(any::<u8>(), 0..20),
        probe in vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..8),
    ) {
        for key in &mut keys {
            key.splice(0..0, prefix.iter().copied());
        }
        keys.sort();
        let data = prefix_block(&keys);
        let mut columns = Columns::open(STRUCTURE, &data, 0, 1).unwrap();
        let column = columns.prefix_bytes(keys.len()).unwrap();
        columns.finish().unwrap();
        for (row, key) in keys.iter().enumerate() {
            let tail = column.tail(&data, row);
            let found = [column.block_prefix(&data), tail.bundle, tail.suffix].concat();
            prop_assert_eq!(&found, key);
            prop_assert_eq!(column.cmp_key(&data, row, key), std::cmp::Ordering::Equal);
        }
        let probe = [&prefix[..], &probe].concat();
        for probe in keys.iter().map(Vec::as_slice).chain([&probe[..], b"", &prefix]) {
            let expected = keys.partition_point(|key| key.as_slice() < probe);
            prop_assert_eq!(column.seek_ge(&data, probe), expected);
            for (row, key) in keys.iter().enumerate() {
                prop_assert_eq!(column.cmp_key(&data, row, probe), key.as_slice().cmp(probe));
            }
        }
    }
}

/// A block with one column of sorted keys; its size is compared with the announced one.
fn prefix_block(keys: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = PrefixBytesBuilder::default();
    for key in keys {
        let before = builder.last();
        let shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
        let repeated = builder.rows() > 0 && before == key.as_slice();
        let sizing = builder.sizing().with(key.len(), shared);
        builder.push(key, repeated, sizing);
    }
    let announced = builder.sizing().end(START);
    let data = block(ColumnType::PrefixBytes, |out| builder.put(out));
    assert_eq!(data.len(), announced + 1);
    data
}

/// `pebble-ondisk` §3.14 (b), first bundle prefix and offsets.
#[test]
fn worked_example_of_a_prefix_column() {
    let keys: Vec<Vec<u8>> = (0..40)
        .map(|i| format!("user/{:04}/x{i:02}", i / 3).into_bytes())
        .collect();
    let data = prefix_block(&keys);
    let column = &data[START..];
    assert_eq!(&column[..6], unhex("04 01 07 08 0d 12"));
    let offsets = &column[2..];
    assert_eq!((offsets[1 + 16], offsets[1 + 17]), (0x58, 0x58));
    assert_eq!(offsets[1 + 17 + 1], 0x5e);
    assert_eq!(
        (offsets[34], offsets[35], offsets[36 + 7]),
        (0xb8, 0xb9, 0xe1)
    );
    let slices = &offsets[1 + 3 + 40..];
    assert!(slices.starts_with(b"user/0000/x000/x010/x02"), "{slices:?}");
}

#[test]
fn integer_encodings_are_those_of_the_reference() {
    let encoded = |values: &[u64]| {
        let mut builder = UintBuilder::default();
        for &value in values {
            builder.push(value);
        }
        let data = block(ColumnType::Uint, |out| builder.put(None, out));
        data[START..data.len() - 1].to_vec()
    };
    assert_eq!(encoded(&[0, 0, 0]), unhex("00"));
    // One value that is not zero: a base of eight bytes does not pay.
    assert_eq!(encoded(&[7]), unhex("01 07"));
    assert_eq!(encoded(&[256; 3]), unhex("02 00 0001 0001 0001"));
    // From eight rows on it does, however little it saves.
    assert_eq!(encoded(&[256; 8]), unhex("80 0001000000000000"));
    assert_eq!(encoded(&[1; 40]), unhex("80 0100000000000000"));
    assert_eq!(encoded(&[0, u64::MAX])[0], 8);
}

#[test]
fn headers_that_contradict_are_corrupt() {
    let good = prefix_block(&[b"key".to_vec()]);
    let open = |data: &[u8]| -> Result<()> {
        let mut columns = Columns::open(STRUCTURE, data, 0, 1)?;
        let rows = columns.rows();
        columns.prefix_bytes(rows)?;
        columns.finish()
    };
    open(&good).unwrap();
    for (at, byte, what) in [
        (0, 2, "version"),
        (1, 2, "number of columns"),
        (3, 0, "no rows"),
        (3, 0xff, "more rows than bytes"),
        (6, 0xff, "rows beyond any memory"),
        (7, 3, "type of the column"),
        (8, 99, "position of the column"),
        (12, 3, "bundle shift"),
        (13, 0x81, "offsets with a base"),
        (13, 9, "width"),
        (14, 9, "offset"),
        (16, 99, "offset beyond the block"),
        (good.len() - 1, 1, "closing byte"),
    ] {
        let mut bad = good.clone();
        assert_ne!(bad[at], byte, "{what}");
        bad[at] = byte;
        let e = open(&bad).expect_err(what);
        assert_eq!(e.kind(), crate::ErrorKind::Corrupt, "{what}");
    }
    for len in 0..good.len() {
        assert!(open(&good[..len]).is_err(), "cut to {len}");
    }
    assert!(open(&[&good[..], &[0]].concat()).is_err(), "one byte more");
}
