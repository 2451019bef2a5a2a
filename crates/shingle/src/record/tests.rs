//! Framing: what a writer wrote comes back; every damaged byte of a MANIFEST is an error or a cut
//! tail; a write-ahead log cut anywhere gives a prefix, and damage before durable bytes is an
//! error.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::chunk::BLOCK_LEN;
use super::strict;
use super::wal::{self, End};
use super::{Format, Writer};
use crate::ErrorKind;
use crate::Result;
use crate::testing::unhex;
use crate::vfs::{Fs, MemFile, MemFs};

const FORMATS: [Format; 3] = [Format::Legacy, Format::Recyclable, Format::WalSync];

/// The file that a writer makes of `records`, synced after every one if `sync`.
fn file_of(format: Format, number: u64, records: &[Vec<u8>], sync: bool, close: bool) -> Vec<u8> {
    let fs = MemFs::new();
    let file = fs.create(Path::new("log")).unwrap();
    let mut writer = Writer::new(file, format, number);
    for record in records {
        writer.append(record).unwrap();
        if sync {
            writer.sync().unwrap();
        }
    }
    let len = writer.len();
    if close {
        writer.close().unwrap();
    } else {
        assert_eq!(fs.read("log").unwrap().len() as u64, len);
    }
    fs.read("log").unwrap()
}

fn read_strict(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Option<u64>)> {
    let mut reader = strict::Reader::new(Arc::new(MemFile::new(bytes)));
    let mut records = Vec::new();
    while let Some((_, record)) = reader.next_record()? {
        records.push(record.to_vec());
    }
    Ok((records, reader.torn_at()))
}

fn read_wal(bytes: &[u8], number: u64) -> Result<(Vec<Vec<u8>>, End)> {
    let mut reader = wal::Reader::new(Arc::new(MemFile::new(bytes)), number);
    let mut records = Vec::new();
    while let Some((_, record)) = reader.next_record()? {
        records.push(record.to_vec());
    }
    Ok((records, reader.end().unwrap()))
}

#[test]
fn a_known_manifest_chunk_is_read_and_written() {
    let bytes = unhex("d6e2358d 0600 01 | 02 14 | 03 15 | 04 1a");
    let record = unhex("0214 0315 041a");
    assert_eq!(read_strict(&bytes).unwrap(), (vec![record.clone()], None));
    assert_eq!(file_of(Format::Legacy, 0, &[record], true, true), bytes);
}

#[test]
fn known_wal_chunks_are_read() {
    let recyclable =
        unhex("7704334d 1300 05 02000000 0a00000000000000 01000000 01 02 7731 02 7631");
    let (records, end) = read_wal(&recyclable, 2).unwrap();
    assert_eq!(records, [&recyclable[11..]]);
    assert_eq!(end, End::Clean);

    let synced = unhex(
        "4b811d83 1200 09 06000000 0000000000000000 0c00000000000000 01000000 00 04 7a7a2f61
         00000000 0000 05 07000000 ffffffff",
    );
    let (records, end) = read_wal(&synced, 6).unwrap();
    assert_eq!(records, [&synced[19..37]]);
    assert_eq!(end, End::Clean);
    // The same file seen by the log that was to recycle it: nothing of it is its own.
    assert_eq!(
        read_wal(&synced, 11).unwrap(),
        (vec![], End::Torn { offset: 0 })
    );
    assert_eq!(
        read_wal(&synced, 6 + (1 << 32)).unwrap().0.len(),
        1,
        "only the low half of the number is stored"
    );
}

#[test]
fn records_round_trip_over_block_ends_in_every_format() {
    for format in FORMATS {
        for gap in 0..24 {
            for (len, close) in [(0, true), (1, false), (BLOCK_LEN, true)] {
                // The second record begins `gap` bytes before the end of the first block.
                let first = vec![1; BLOCK_LEN - format.header_len() - gap];
                let records = [first, vec![2; len], b"third".to_vec()];
                let bytes = file_of(format, 9, &records, false, close);
                let read = read_wal(&bytes, 9).unwrap();
                assert_eq!(
                    read,
                    (records.to_vec(), End::Clean),
                    "{format:?} {gap} {len}"
                );
                match read_strict(&bytes) {
                    Ok(read) => assert_eq!(read, (records.to_vec(), None)),
                    Err(error) => {
                        assert_ne!(format, Format::Legacy);
                        assert_eq!(error.kind(), ErrorKind::Corrupt);
                    }
                }
            }
        }
    }
}

#[test]
fn an_empty_file_is_an_empty_log() {
    assert_eq!(read_strict(&[]).unwrap(), (vec![], None));
    assert_eq!(read_wal(&[], 1).unwrap(), (vec![], End::Clean));
}

/// Records over three blocks, small enough to damage every interesting byte.
fn three_block_records() -> Vec<Vec<u8>> {
    vec![
        b"first".to_vec(),
        vec![1; 40],
        vec![2; BLOCK_LEN - 100],
        b"over the block end, in two chunks or behind a filler".to_vec(),
        vec![3; BLOCK_LEN],
        b"last".to_vec(),
    ]
}

/// Offsets worth damaging: near chunk headers and ends, and a sample of the rest.
fn offsets(len: usize) -> impl Iterator<Item = usize> {
    (0..len).filter(move |i| {
        let in_block = i % BLOCK_LEN;
        !(120..=BLOCK_LEN - 120).contains(&in_block) || i + 70 > len || i % 4999 == 0
    })
}

#[test]
fn a_manifest_cut_anywhere_gives_a_prefix_and_says_that_it_is_torn() {
    let records = three_block_records();
    let bytes = file_of(Format::Legacy, 0, &records, false, true);
    let mut boundaries = 0;
    for len in offsets(bytes.len()) {
        let (read, torn_at) = read_strict(&bytes[..len]).unwrap();
        assert_eq!(read, records[..read.len()], "cut at {len}");
        boundaries += usize::from(torn_at.is_none());
        if let Some(offset) = torn_at {
            assert!(offset < len as u64);
        }
    }
    // The empty file, each record end, and the filler behind one.
    assert!(
        (records.len()..records.len() + 8).contains(&boundaries),
        "{boundaries}"
    );
}

#[test]
fn a_flipped_bit_in_a_manifest_is_never_taken_for_its_end() {
    let records = three_block_records();
    let bytes = file_of(Format::Legacy, 0, &records, false, true);
    for offset in offsets(bytes.len()) {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[offset] ^= 1 << bit;
            let Err(error) = read_strict(&damaged) else {
                panic!("bit {bit} of {offset} went unseen");
            };
            let place = error.corruption().unwrap();
            assert!(
                place.offset <= offset as u64,
                "{error} bit {bit} of {offset}"
            );
        }
    }
}

#[test]
fn garbage_behind_a_manifest_is_corruption() {
    let mut bytes = file_of(Format::Legacy, 0, &three_block_records(), false, true);
    bytes.extend_from_slice(&[0; 7]);
    assert_eq!(read_strict(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
    bytes.truncate(bytes.len() - 7);
    bytes.extend_from_slice(b"garbage of some length");
    assert_eq!(read_strict(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn chunks_out_of_place_are_corruption_in_a_manifest() {
    let long = file_of(Format::Legacy, 0, &[vec![1; BLOCK_LEN + 10]], false, true);
    let (first, last) = long.split_at(BLOCK_LEN);
    let error = read_strict(last).unwrap_err();
    assert_eq!(
        error.corruption().unwrap().expected,
        "a full or first chunk"
    );
    let twice = [first, first].concat();
    let error = read_strict(&twice).unwrap_err();
    assert_eq!(error.corruption().unwrap().offset, BLOCK_LEN as u64);
}

#[test]
fn a_wal_cut_anywhere_gives_a_prefix() {
    let records = three_block_records();
    for format in FORMATS {
        let bytes = file_of(format, 4, &records, true, false);
        for len in offsets(bytes.len()) {
            let (read, _) = read_wal(&bytes[..len], 4).unwrap();
            assert_eq!(read, records[..read.len()], "{format:?} cut at {len}");
        }
    }
}

#[test]
fn a_wal_that_ends_inside_a_record_is_torn() {
    let long = [vec![1; BLOCK_LEN]];
    for format in FORMATS {
        let bytes = file_of(format, 4, &long, true, false);
        let offset = BLOCK_LEN as u64;
        let at_block_end = read_wal(&bytes[..BLOCK_LEN], 4).unwrap();
        assert_eq!(at_block_end, (vec![], End::Torn { offset }));
        let mut closed = bytes[..BLOCK_LEN].to_vec();
        closed.extend_from_slice(&unhex("00000000 0000 05 05000000"));
        let closed = read_wal(&closed, 4).unwrap();
        assert_eq!(
            closed,
            (vec![], End::Torn { offset }),
            "a trailer ends no record"
        );
        assert_eq!(read_wal(&bytes, 4).unwrap(), (long.to_vec(), End::Clean));
    }
}

#[test]
fn the_unused_end_of_a_block_is_zero_in_a_manifest() {
    let records = [vec![1; BLOCK_LEN - 7 - 5], b"next".to_vec()];
    let bytes = file_of(Format::Legacy, 0, &records, false, true);
    assert_eq!(read_strict(&bytes).unwrap(), (records.to_vec(), None));
    for offset in BLOCK_LEN - 5..BLOCK_LEN {
        let mut damaged = bytes.clone();
        damaged[offset] = 1;
        assert_eq!(
            read_strict(&damaged).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
}

#[test]
fn a_flipped_bit_before_durable_bytes_of_a_wal_is_corruption() {
    let mut records = three_block_records();
    records.push(b"written when all before was synced".to_vec());
    let bytes = file_of(Format::WalSync, 4, &records, true, true);
    let proof_len = 34 + 19 + 11;
    for offset in offsets(bytes.len()) {
        let mut damaged = bytes.clone();
        damaged[offset] ^= 4;
        match read_wal(&damaged, 4) {
            Err(error) => assert!(error.corruption().unwrap().offset <= offset as u64),
            // Behind the last chunk that proves anything, or in a filler that nobody reads.
            Ok((read, _)) => assert!(
                offset >= bytes.len() - proof_len || read == records,
                "flip at {offset} gave {} records",
                read.len()
            ),
        }
    }
}

#[test]
fn a_flipped_bit_in_an_unsynced_wal_ends_it() {
    let records = three_block_records();
    for format in FORMATS {
        let bytes = file_of(format, 4, &records, false, true);
        for offset in offsets(bytes.len()) {
            let mut damaged = bytes.clone();
            damaged[offset] ^= 16;
            let (read, _) = read_wal(&damaged, 4).unwrap();
            assert_eq!(read, records[..read.len()], "{format:?} flip at {offset}");
        }
    }
}

#[test]
fn a_stale_tail_of_a_recycled_file_is_not_replayed() {
    let stale: Vec<_> = (0..2000_u32)
        .map(|i| vec![9; 20 + i as usize % 50])
        .collect();
    for format in [Format::Recyclable, Format::WalSync] {
        let old = file_of(format, 7, &stale, true, true);
        let fresh = vec![b"new".to_vec(), vec![5; 700]];
        for close in [false, true] {
            let mut bytes = file_of(format, 9, &fresh, true, close);
            let tail = &old[bytes.len()..];
            bytes.extend_from_slice(tail);
            let (records, end) = read_wal(&bytes, 9).unwrap();
            assert_eq!(records, fresh);
            assert_eq!(end == End::Clean, close, "{end:?}");
        }
    }
}

#[test]
fn a_tail_without_its_start_is_passed_over_in_a_wal() {
    let records = [vec![1; BLOCK_LEN + 10], b"whole".to_vec()];
    let bytes = file_of(Format::WalSync, 4, &records, true, true);
    let (read, end) = read_wal(&bytes[BLOCK_LEN..], 4).unwrap();
    assert_eq!((read, end), (vec![b"whole".to_vec()], End::Clean));
}

#[test]
fn a_writer_that_failed_stays_failed() {
    use crate::vfs::{FaultFs, FaultPlan};
    let plan = FaultPlan::parse("fail write 1").unwrap();
    let fs = FaultFs::new(Arc::new(MemFs::new()), plan);
    let mut writer = Writer::new(fs.create(Path::new("log")).unwrap(), Format::WalSync, 1);
    writer.append(b"a").unwrap();
    assert_eq!(writer.append(b"b").unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(writer.append(b"c").unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(writer.sync().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(writer.close().unwrap_err().kind(), ErrorKind::Poisoned);
}

proptest! {
    #[test]
    fn any_records_round_trip(
        lengths in prop::collection::vec(0_usize..70_000, 0..12),
        number: u64,
        format in prop::sample::select(&FORMATS[..]),
        sync: bool,
    ) {
        let records: Vec<_> = lengths.iter().map(|&n| vec![n.to_le_bytes()[0]; n]).collect();
        let bytes = file_of(format, number, &records, sync, true);
        let (read, end) = read_wal(&bytes, number).unwrap();
        prop_assert_eq!((&read, end), (&records, End::Clean));
        if format == Format::Legacy {
            prop_assert_eq!(read_strict(&bytes).unwrap(), (records, None));
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, number: u64) {
        drop(read_strict(&bytes));
        drop(read_wal(&bytes, number));
    }
}
