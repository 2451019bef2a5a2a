//! Values of 1 MiB and more: each alone in its block, in pieces or whole the same bytes.

use super::*;
use crate::ErrorKind;
use crate::sst::CompressionPool;

const MIB: usize = 1 << 20;

/// Large values between, before and behind small ones.
fn entries() -> Entries {
    let mut lottery = Lottery::new(3);
    let lens = [MIB, 10, 0, MIB + 77, 2 * MIB, 500, MIB - 1];
    let points = lens.iter().zip(0_u8..).map(|(len, n)| {
        let value = std::iter::repeat_with(|| lottery.draw().to_le_bytes()[0] % 9);
        Point::new(
            format!("key-{n}"),
            7,
            Kind::Set,
            value.take(*len).collect::<Vec<_>>(),
        )
    });
    Entries {
        points: points.collect(),
        ranges: Vec::new(),
    }
}

fn streamed(entries: &Entries, options: &WriterOptions) -> Vec<u8> {
    let fs = MemFs::new();
    let file = fs.create(Path::new(PATH)).unwrap();
    let mut writer = TableWriter::new(file, PATH, options.clone()).unwrap();
    for point in &entries.points {
        let len = point.value.len();
        if len >= MIB {
            writer
                .add_streamed(&point.key, point.trailer, len, &mut point.value.as_slice())
                .unwrap();
        } else {
            writer.add(&point.key, point.trailer, &point.value).unwrap();
        }
    }
    writer.finish().unwrap();
    fs.read(PATH).unwrap()
}

#[test]
fn they_are_read_back_whatever_the_way_they_were_written() {
    let entries = entries();
    let pool = Arc::new(CompressionPool::new(2).unwrap());
    let mut first = None;
    for pool in [None, Some(pool)] {
        let options = WriterOptions {
            pool,
            ..WriterOptions::default()
        };
        let (bytes, summary) = write(&entries, &options).unwrap();
        assert!(streamed(&entries, &options) == bytes, "the bytes differ");
        assert!(
            *first.get_or_insert_with(|| bytes.clone()) == bytes,
            "threads"
        );
        let table = open(bytes).unwrap();
        assert_eq!(read(&table).unwrap(), entries);
        assert_eq!(read_back(&table).unwrap(), entries.points);
        summary.check(&table.verify().unwrap()).unwrap();
    }
}

#[test]
fn a_source_that_ends_early_a_key_again_and_a_tombstone_are_refused() {
    let fs = MemFs::new();
    let set = Trailer::new(SeqNo(5), Kind::Set);
    for (kind, key, trailer) in [
        (ErrorKind::Io, b"b", set),
        (ErrorKind::Invalid, b"a", Trailer::new(SeqNo(4), Kind::Set)),
        (
            ErrorKind::Invalid,
            b"b",
            Trailer::new(SeqNo(5), Kind::Delete),
        ),
    ] {
        let file = fs.create(Path::new(PATH)).unwrap();
        let mut writer = TableWriter::new(file, PATH, WriterOptions::default()).unwrap();
        writer.add(b"a", set, b"small").unwrap();
        let mut source = &b"not much"[..];
        let error = writer.add_streamed(key, trailer, MIB, &mut source);
        assert_eq!(error.unwrap_err().kind(), kind);
        let error = writer.add(b"c", set, b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned);
    }
}
