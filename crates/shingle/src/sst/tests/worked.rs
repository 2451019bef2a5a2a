//! The worked examples of `pebble-ondisk` §3.14, to the byte.

use super::*;
use crate::checksum::masked_crc32c;
use crate::sst::fuzz;
use crate::sst::handle::BlockHandle;
use crate::sst::{Compression, keyspan_block, row_block};

fn three_keys() -> Entries {
    let pairs = [("apple", "red"), ("apricot", "orange"), ("banana", "")];
    Entries {
        points: pairs
            .map(|(key, value)| Point::new(key, 0, Kind::Set, value))
            .to_vec(),
        ranges: Vec::new(),
    }
}

#[test]
fn a_table_of_three_keys() {
    let options = WriterOptions {
        compression: Compression::None,
        ..WriterOptions::default()
    };
    let (bytes, _) = write(&three_keys(), &options).unwrap();
    assert_eq!(bytes.len(), 1017);
    let data = unhex(
        "07000000 01 0700 03000000
         04 2e000000 03 47000000 02 48000000 01 4c000000 03 60000000 01 6e000000 01 6f000000
         04 01 00 00 05 0c 12 6170706c65 61707269636f74 62616e616e61
         00 01 01 01 01 00 000000 0700000000000000 0100000000000000
         01 00 03 09 09 726564 6f72616e6765 01 01 00 00 d8d28f97",
    );
    assert_eq!(bytes[..118], data);
    let index = unhex(
        "01 0400 01000000 03 1b000000 02 1f000000 02 20000000 03 22000000
         01 00 01 63 00 01 71 00 00 00 acd80389",
    );
    assert_eq!(bytes[118..159], index);
    assert_eq!(bytes[900..905], unhex("00 adaf428e"));
    let metaindex = unhex(
        "01 0200 01000000 03 11000000 03 26000000 01 00 12 726f636b7364622e70726f70657274696573
         01 00 04 9f01 e505 00 00 5a50ac50",
    );
    assert_eq!(bytes[905..956], metaindex);
    let footer = unhex("80000000 e885f928 07000000 f09faab3f09faab3");
    assert_eq!(bytes[956..963], unhex("01 8907 2e 76 24 00"));
    assert_eq!(bytes[997..], footer);
    assert_eq!(read(&open(bytes).unwrap()).unwrap(), three_keys());
}

#[test]
fn a_block_of_range_tombstones() {
    let tombstone = |start: &str, end: &str| RangeTombstone {
        start: start.into(),
        end: end.into(),
        seq: SeqNo(0),
    };
    let ranges = [
        tombstone("b", "d"),
        tombstone("d", "f"),
        tombstone("g", "h"),
    ];
    let mut builder = keyspan_block::KeyspanBlockBuilder::default();
    for range in &ranges {
        builder.push(range).unwrap();
    }
    let block = builder.encode();
    assert_eq!(block[..11], unhex("05000000 01 0500 03000000"));
    let columns = unhex("01 00 01 02 03 04 05 6264666768 01 00 01 02 02 03 01 0f 0f 0f 00 00 00");
    assert_eq!(block[11 + 25..], columns);
    assert_eq!(keyspan_block::decode(&block).unwrap(), ranges);
}

#[test]
fn row_blocks_of_three_keys() {
    let data = unhex(
        "00 0d 04 6170706c65 0100000000000000 00 726564
         02 0d 07 7269636f74 0100000000000000 00 6f72616e6765
         00 0e 01 62616e616e61 0100000000000000 00
         00000000 01000000",
    );
    let block = row_block::RowBlock::decode(&data, crate::sst::TableFormat::V4).unwrap();
    for (row, point) in three_keys().points.iter().enumerate() {
        assert_eq!(block.key(row), point.key);
        assert_eq!(block.value(row), point.value);
        assert_eq!(block.trailer(row), point.trailer);
    }
    fuzz::row_data_block(&data);
    let index = unhex("00 09 02 63 11ffffffffffffff 00 45 00000000 01000000");
    let index = row_block::decode_index(&index, 1000).unwrap();
    assert_eq!(index.separator(0), b"c");
    let handle = BlockHandle { offset: 0, len: 69 };
    assert_eq!(index.handle(0), Some(handle));
}

#[test]
fn checksum_vectors() {
    assert_eq!(masked_crc32c(&[b"123456789"]), 0xc78a_b0e5);
}
