//! Small files that claim or expand to a lot: each is refused, or read in bounded memory.
//!
//! One test in a process of its own, so that the peak of the process's memory, as the kernel counts
//! it, is that of the reader. Where the kernel does not count, only the answers are checked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    reason = "a test that meets unexpected data must stop"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "reads the kernel's count of this process's memory"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets unexpected data must stop"
)]

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use c1z::envelope::{
    EntryContent, EnvelopeFile, LimitOptions, Manifest, NewEntry, OpenOptions, PayloadEncoding,
    PayloadOptions, VAR_DECODED_MAX, VAR_WINDOW_MAX, Variables, WriteOptions, write_v3,
};
use c1z::{Error, ErrorKind, MemoryBudget, Result};
use shingle::vfs::{Fs, MemFile};
use xxhash_rust::xxh64::xxh64;

/// What reading may cost over what the process had before: budget, windows, buffers.
const PEAK_MAX: u64 = 64 << 20;
const TEN_GIB: u64 = 10 << 30;
const MIB: u64 = 1 << 20;

fn options(decoded_max: Option<u64>) -> OpenOptions {
    let limits = LimitOptions {
        decoded_max,
        window_max: None,
    };
    let payload = PayloadOptions {
        cache_bytes: 8 << 20,
        ..PayloadOptions::new(MemoryBudget::new(48 << 20))
    };
    OpenOptions {
        limits,
        payload,
        variables: Variables::default(),
    }
}

/// Peak of resident memory so far, bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read("/proc/self/status").ok()?;
    let text = String::from_utf8(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// A frame of RLE blocks that decodes to `len` zeros (a multiple of 128 KiB), 4 bytes per block.
fn rle_frame(len: u64, declared: Option<u64>) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd];
    match declared {
        Some(declared) => {
            // Eight bytes of length, a window of 8 MiB.
            frame.extend_from_slice(&[0xc0, 13 << 3]);
            frame.extend_from_slice(&declared.to_le_bytes());
        }
        None => frame.extend_from_slice(&[0x00, 13 << 3]),
    }
    let blocks = len / (128 << 10);
    for n in 0..blocks {
        let last = u32::from(n + 1 == blocks);
        let header = last | 1 << 1 | (128 << 10) << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// A frame whose header asks for a window of 2 GiB.
fn window_frame() -> Vec<u8> {
    vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00]
}

fn v1(body: &[u8]) -> Vec<u8> {
    [b"C1ZF\0", body].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
    out
}

/// An indexed file of one entry with those frames, that claims `raw_len`.
fn indexed(frames: &[u8], raw_len: u64, seek_table: Option<&[(u64, u64)]>) -> Vec<u8> {
    let mut file = head(5);
    let start = file.len() as u64;
    file.extend_from_slice(frames);
    let mut entry = b"\x0a\x01a\x10".to_vec();
    entry.extend(varint(start));
    entry.push(0x18);
    entry.extend(varint(frames.len() as u64));
    entry.push(0x20);
    entry.extend(varint(raw_len));
    entry.push(0x29);
    entry.extend_from_slice(&[0; 8]);
    entry.extend_from_slice(&[0x32, 32]);
    entry.extend_from_slice(&[0; 32]);
    if let Some(table) = seek_table {
        let table: Vec<u8> = table
            .iter()
            .flat_map(|(c, r)| [varint(*c), varint(*r)].concat())
            .collect();
        entry.extend_from_slice(&[0x8a, 0x7d]);
        entry.extend(varint(table.len() as u64));
        entry.extend_from_slice(&table);
    }
    let index = [&[0x0a][..], &varint(entry.len() as u64), &entry].concat();
    let at = file.len() as u64;
    file.extend_from_slice(&index);
    file.extend_from_slice(&at.to_be_bytes());
    file.extend_from_slice(&u32::try_from(index.len()).unwrap().to_be_bytes());
    file.extend_from_slice(&xxh64(&index, 0).to_be_bytes());
    file.extend_from_slice(b"C1ZIDX1\0");
    file
}

/// Magic and a manifest that names the encoding.
fn head(encoding: u8) -> Vec<u8> {
    [b"C1Z3\0\0\0\0\x0b\x0a\x07pebble3\x20", &[encoding][..]].concat()
}

fn read(bytes: &[u8], options: &OpenOptions) -> Result<u64> {
    let file = Arc::new(MemFile::new(bytes));
    match EnvelopeFile::from_file(file, Path::new("bomb.c1z"), options)? {
        EnvelopeFile::V1(file) => Ok(file.decode_into(&mut io::sink())?.bytes),
        EnvelopeFile::V3(file) => {
            let payload = file.payload()?;
            let mut total = 0;
            let mut buf = vec![0; 64 << 10];
            for (name, len) in payload.files() {
                let file = payload.open(Path::new(name)).map_err(ours)?;
                let mut offset = 0;
                while offset < len {
                    offset += file.read_at(offset, &mut buf).map_err(ours)? as u64;
                }
                total += len;
            }
            Ok(total)
        }
    }
}

fn ours(error: io::Error) -> Error {
    error
        .downcast::<Error>()
        .expect("every failure of a payload is one of ours")
}

/// A 512-byte tar header of a file `a` with that size field.
fn tar_header(size: [u8; 12]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[0] = b'a';
    block[100..107].copy_from_slice(b"0000644");
    block[124..136].copy_from_slice(&size);
    block[148..156].fill(b' ');
    block[156] = b'0';
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

/// A manifest with messages nested a hundred thousand deep.
fn deep_manifest() -> Vec<u8> {
    // Struct values inside an Any-like chain: field 10 (descriptors), then 1 and 4 by turns.
    let mut message = Vec::new();
    for depth in 0..100_000_u32 {
        let tag = if depth % 2 == 0 { 0x1a } else { 0x22 };
        let len = varint(message.len() as u64);
        let mut outer = Vec::with_capacity(message.len() + 8);
        outer.push(tag);
        outer.extend(len);
        outer.extend_from_slice(&message);
        message = outer;
        if message.len() > 60_000 {
            break;
        }
    }
    let manifest = [&[0x52][..], &varint(message.len() as u64), &message].concat();
    let len = u32::try_from(manifest.len()).unwrap().to_be_bytes();
    [b"C1Z3\0", &len[..], &manifest].concat()
}

#[derive(Clone)]
struct Case {
    what: &'static str,
    bytes: Vec<u8>,
    decoded_max: Option<u64>,
    kind: ErrorKind,
    says: &'static str,
}

fn case(
    what: &'static str,
    bytes: Vec<u8>,
    decoded_max: Option<u64>,
    kind: ErrorKind,
    says: &'static str,
) -> Case {
    Case {
        what,
        bytes,
        decoded_max,
        kind,
        says,
    }
}

const LOSS: ErrorKind = ErrorKind::DataLoss;
const EXHAUSTED: ErrorKind = ErrorKind::ResourceExhausted;

/// v1 streams and compressed archives.
fn streams() -> Vec<Case> {
    let declared = |len| v1(&rle_frame(MIB, Some(len)));
    let expands = v1(&rle_frame(TEN_GIB, None));
    let window = v1(&window_frame());
    let archive = [head(1), rle_frame(TEN_GIB, None)].concat();
    let cap = Some(256 * MIB);
    vec![
        case(
            "v1 that declares 11 GiB",
            declared(11 << 30),
            None,
            EXHAUSTED,
            VAR_DECODED_MAX,
        ),
        case(
            "v1 that declares 9 GiB of 1 MiB",
            declared(9 << 30),
            None,
            LOSS,
            "",
        ),
        case("v1 that expands", expands, cap, EXHAUSTED, VAR_DECODED_MAX),
        case(
            "v1 with a window of 2 GiB",
            window,
            None,
            EXHAUSTED,
            VAR_WINDOW_MAX,
        ),
        case(
            "an archive that expands to zeros",
            archive,
            cap,
            EXHAUSTED,
            VAR_DECODED_MAX,
        ),
    ]
}

/// Indexed files.
fn indexes() -> Vec<Case> {
    let small = rle_frame(MIB, None);
    let large = rle_frame(TEN_GIB, None);
    let lie = [(small.len() as u64, TEN_GIB)];
    let window = |raw_len| indexed(&window_frame(), raw_len, None);
    let claims = |raw_len| indexed(&small, raw_len, None);
    let holds_more = |raw_len| indexed(&large, raw_len, None);
    let table = indexed(&small, TEN_GIB, Some(&lie));
    vec![
        case(
            "a sum over the cap",
            claims(TEN_GIB + 1),
            None,
            EXHAUSTED,
            VAR_DECODED_MAX,
        ),
        case(
            "a length of 2^63 - 1",
            claims(u64::MAX >> 1),
            None,
            EXHAUSTED,
            VAR_DECODED_MAX,
        ),
        case(
            "an index that lies by 10 GiB",
            claims(TEN_GIB),
            None,
            LOSS,
            "",
        ),
        case("a frame that holds more", holds_more(1000), None, LOSS, ""),
        case(
            "a stream that holds more",
            holds_more(100 * MIB),
            None,
            LOSS,
            "",
        ),
        case("a seek table that lies", table, None, LOSS, ""),
        case(
            "a frame with a window of 2 GiB",
            window(1),
            None,
            EXHAUSTED,
            VAR_WINDOW_MAX,
        ),
        case(
            "a stream with a window of 2 GiB",
            window(TEN_GIB),
            None,
            EXHAUSTED,
            VAR_WINDOW_MAX,
        ),
    ]
}

/// Archives and heads.
fn claims() -> Vec<Case> {
    let base_256 = [
        0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    let member = |size| [head(2), tar_header(size)].concat();
    let cut = b"C1Z3\0\x01\0\0\0x".to_vec();
    let huge = b"C1Z3\0\xff\xff\xff\xff".to_vec();
    vec![
        case("a tar member of 2^63 - 1", member(base_256), None, LOSS, ""),
        case(
            "a tar member of 8 GiB",
            member(*b"77777777777\0"),
            None,
            LOSS,
            "",
        ),
        case("a manifest of 4 GiB", huge, None, EXHAUSTED, ""),
        case(
            "a manifest of 16 MiB that is not there",
            cut,
            None,
            LOSS,
            "",
        ),
        case("a deep manifest", deep_manifest(), None, LOSS, ""),
    ]
}

#[test]
fn bombs_are_refused_in_bounded_memory() {
    let cases = [streams(), indexes(), claims()].concat();
    // What decoders and threads need in any case, and the inputs, are not what is measured.
    read(&v1(&rle_frame(MIB, None)), &options(None)).unwrap();
    let before = peak();
    for case in &cases {
        let error = read(&case.bytes, &options(case.decoded_max)).expect_err(case.what);
        assert_eq!(error.kind(), case.kind, "{}: {error:?}", case.what);
        assert!(
            error.chain().contains(case.says),
            "{}: {error:?}",
            case.what
        );
        assert!(error.hint().is_some(), "{}: {error:?}", case.what);
    }
    // Not a lie, only large: read to its end, a stream at a time.
    let large = options(None);
    let error = read(
        &indexed(&rle_frame(256 * MIB, None), 256 * MIB, None),
        &large,
    )
    .unwrap_err();
    assert!(
        error.chain().contains("XXH64"),
        "only its hash is wrong: {error:?}"
    );
    if let (Some(before), Some(after)) = (before, peak()) {
        let grown = after - before;
        assert!(grown < PEAK_MAX, "peak grew by {} KiB", grown >> 10);
    }
    write_is_bounded_too();
}

/// A file of 96 MiB is written in the same bounds.
fn write_is_bounded_too() {
    #[derive(Debug)]
    struct Zeros;
    impl shingle::vfs::ReadFile for Zeros {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let left = usize::try_from(96 * MIB - offset.min(96 * MIB)).unwrap();
            let n = left.min(buf.len());
            buf[..n].fill(0);
            Ok(n)
        }

        fn len(&self) -> u64 {
            96 * MIB
        }
    }
    let before = peak();
    let manifest = Manifest {
        engine: "pebble3".to_owned(),
        ..Manifest::default()
    };
    for encoding in [
        PayloadEncoding::IndexedZstd,
        PayloadEncoding::TarZstd,
        PayloadEncoding::Tar,
    ] {
        let content = EntryContent::File(Arc::new(Zeros));
        let entries = vec![NewEntry {
            name: "zeros".to_owned(),
            content,
        }];
        let options = WriteOptions {
            encoding,
            level: 1,
            ..WriteOptions::default()
        };
        let mut sink = Checked(0);
        let summary = write_v3(&mut sink, &manifest, entries, &options).unwrap();
        assert_eq!((summary.raw_bytes, summary.file_len), (96 * MIB, sink.0));
    }
    if let (Some(before), Some(after)) = (before, peak()) {
        let grown = after - before;
        assert!(
            grown < PEAK_MAX,
            "writing grew the peak by {} KiB",
            grown >> 10
        );
    }
}

/// Counts and forgets.
struct Checked(u64);

impl Write for Checked {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0 += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
