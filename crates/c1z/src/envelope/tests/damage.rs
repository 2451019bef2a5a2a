//! Cut files and flipped bits. A cut file is an error at every length; a flipped bit is an error or
//! changes nothing that is read.
//!
//! Harmless flips exist, and the test says which: bits that a decoder has no use for. Plain tar has
//! no checksums over its data, so there a flip inside a file goes through to whoever reads the file
//! (tables have checksums of their own).

use shingle::compress::zstd::{Frame, compress};
use testkit::hostile::{flips, sampled_flips, truncations};
use xxhash_rust::xxh64::xxh64;

use super::*;
use crate::ErrorKind;
use crate::envelope::index::{FrameIndex, FrameSpan, IndexEntry, SeekTable};

fn small_files() -> Vec<(String, Vec<u8>)> {
    let text: Vec<u8> = b"sst content, ".iter().copied().cycle().take(300).collect();
    vec![
        ("000001.sst".to_owned(), text),
        ("000002.log".to_owned(), Vec::new()),
        ("MANIFEST-000001".to_owned(), noise(3, 100)),
    ]
}

/// A small file in each encoding; the indexed one has an entry of three frames.
fn small(encoding: PayloadEncoding) -> Vec<u8> {
    let entries = small_files()
        .into_iter()
        .map(|(name, bytes)| entry(&name, bytes))
        .collect();
    let plain = write(entries, &in_encoding(encoding));
    if encoding != PayloadEncoding::IndexedZstd {
        return plain;
    }
    let file = v3(&plain, &OpenOptions::default());
    let splices = file.splices().into_values();
    let mut index = FrameIndex {
        entries: splices.map(|splice| splice.entry).collect(),
        manifest_xxh64: xxh64(file.manifest_bytes(), 0),
    };
    let end = index
        .entries
        .iter()
        .map(|entry| entry.frames().end)
        .max()
        .unwrap();
    let mut bytes = plain[..usize::try_from(end).unwrap()].to_vec();
    index.entries.push(seekable("seekable", end, &mut bytes));
    let end = bytes.len() as u64;
    reindex(&bytes, end, &index)
}

/// Appends three small frames and describes them as one entry.
fn seekable(name: &str, frame_offset: u64, out: &mut Vec<u8>) -> IndexEntry {
    let raw = noise(8, 90);
    let mut frames = Vec::new();
    for piece in raw.chunks(30) {
        let frame = compress(piece, 3).unwrap();
        out.extend_from_slice(&frame);
        frames.push(FrameSpan {
            compressed_len: frame.len() as u64,
            raw_len: 30,
        });
    }
    IndexEntry {
        name: name.to_owned(),
        frame_offset,
        compressed_len: frames.iter().map(|frame| frame.compressed_len).sum(),
        raw_len: 90,
        raw_xxh64: xxh64(&raw, 0),
        raw_sha256: sha256(&raw),
        seek_table: Some(SeekTable { frames }),
    }
}

fn v1() -> Vec<u8> {
    let mut out = Vec::new();
    write_v1(&MemFile::new(noise(4, 400)), LEVEL_DEFAULT, &mut out).unwrap();
    out
}

pub(super) fn all_small() -> Vec<(String, Vec<u8>)> {
    let v3 = ENCODINGS.map(|encoding| (encoding.as_str().to_owned(), small(encoding)));
    v3.into_iter().chain([("v1".to_owned(), v1())]).collect()
}

/// Damage that is told apart from a bad argument or a bug.
fn is_verdict(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DataLoss
            | ErrorKind::ResourceExhausted
            | ErrorKind::InvalidArgument
            | ErrorKind::NotFound
            | ErrorKind::FormatNewer
            | ErrorKind::EngineNotAvailable
            | ErrorKind::Unsupported
    )
}

#[test]
fn every_cut_is_an_error() {
    for (what, bytes) in all_small() {
        read_everything(&bytes, &OpenOptions::default()).unwrap();
        for (len, cut) in truncations(&bytes) {
            let result = read_everything(cut, &OpenOptions::default());
            if what == "v1" && len == MAGIC_LEN {
                assert_eq!(result.unwrap()[0].1, b"", "nothing but the magic is empty");
                continue;
            }
            let error = result
                .err()
                .unwrap_or_else(|| panic!("{what} cut to {len} bytes reads"));
            let expected = if len == 0 {
                ErrorKind::NotFound
            } else {
                ErrorKind::DataLoss
            };
            assert_eq!(
                error.kind(),
                expected,
                "{what} cut to {len} bytes: {error:?}"
            );
        }
    }
}

#[test]
fn bytes_behind_the_end_are_an_error() {
    for (what, bytes) in all_small() {
        for extra in [&b"\0"[..], b"x", b"garbage that is longer", &[0; 600]] {
            let longer = [&bytes, extra].concat();
            let result = read_everything(&longer, &OpenOptions::default());
            // Archives may be padded with zeros.
            if what == "tar" && extra.iter().all(|b| *b == 0) {
                result.unwrap();
                continue;
            }
            let error = result
                .err()
                .unwrap_or_else(|| panic!("{what} with {extra:?} reads"));
            assert_eq!(error.kind(), ErrorKind::DataLoss, "{what}: {error:?}");
        }
    }
}

/// Flips every bit; returns those that changed nothing.
fn harmless_flips(what: &str, bytes: &[u8]) -> Vec<usize> {
    let expected = read_everything(bytes, &OpenOptions::default()).unwrap();
    let mut harmless = Vec::new();
    for (bit, damaged) in flips(bytes) {
        match read_everything(&damaged, &OpenOptions::default()) {
            Ok(found) if found == expected => harmless.push(bit),
            Ok(_) => panic!("{what}: bit {bit} changes what is read without an error"),
            Err(error) => assert!(is_verdict(error.kind()), "{what}: bit {bit}: {error:?}"),
        }
    }
    harmless
}

/// Bits of zstd frames that a decoder has no use for: in the frame header the unused bit of the
/// descriptor, the flag that says whether a window or a content length follows (the length is known
/// from elsewhere), and the window; in each compressed block the two reserved bits beside the modes
/// of its sequences. Whatever else they change, length and checksum of the content are compared.
fn idle_bits(bytes: &[u8], frames: impl IntoIterator<Item = u64>) -> Vec<usize> {
    let mut bits = Vec::new();
    for frame in frames {
        let start = usize::try_from(frame).unwrap();
        let descriptor = start + 4;
        bits.extend([descriptor * 8 + 4, descriptor * 8 + 5]);
        if bytes[descriptor] & 0x20 == 0 {
            bits.extend((0..8).map(|bit| (descriptor + 1) * 8 + bit));
        }
        let Frame::Data(header) = Frame::parse(&bytes[start..]).unwrap() else {
            panic!()
        };
        let mut block = start + header.header_len;
        loop {
            let word = u32::from_le_bytes([bytes[block], bytes[block + 1], bytes[block + 2], 0]);
            let (kind, size) = (word >> 1 & 3, (word >> 3) as usize);
            if kind == 2 {
                let modes = modes_offset(&bytes[block + 3..block + 3 + size]);
                bits.extend(
                    modes
                        .iter()
                        .flat_map(|at| [0, 1].map(|bit| (block + 3 + at) * 8 + bit)),
                );
            }
            block += 3 + if kind == 1 { 1 } else { size };
            if word & 1 == 1 {
                break;
            }
        }
    }
    bits
}

/// Where a compressed block has the modes of its sequences, if it has sequences.
fn modes_offset(block: &[u8]) -> Option<usize> {
    let word = |n: usize| (0..n).fold(0_usize, |word, i| word | usize::from(block[i]) << (8 * i));
    let (kind, format) = (block[0] & 3, block[0] >> 2 & 3);
    let literals = match (kind, format) {
        (0 | 1, 0 | 2) => (1, word(1) >> 3),
        (0 | 1, 1) => (2, word(2) >> 4),
        (0 | 1, _) => (3, word(3) >> 4),
        (_, 0 | 1) => (3, word(3) >> 14),
        (_, 2) => (4, word(4) >> 18),
        _ => (5, word(5) >> 22),
    };
    let sequences = literals.0 + if kind == 1 { 1 } else { literals.1 };
    match block[sequences] {
        0 => None,
        1..128 => Some(sequences + 1),
        128..255 => Some(sequences + 2),
        255 => Some(sequences + 3),
    }
}

/// Starts of all frames of an indexed file.
fn frame_starts(bytes: &[u8]) -> Vec<u64> {
    let mut starts = Vec::new();
    for splice in v3(bytes, &OpenOptions::default()).splices().into_values() {
        let mut next = splice.entry.frame_offset;
        let table = splice.entry.seek_table.unwrap_or_default();
        starts.push(next);
        for frame in table
            .frames
            .iter()
            .take(table.frames.len().saturating_sub(1))
        {
            next += frame.compressed_len;
            starts.push(next);
        }
    }
    starts
}

#[test]
fn every_flip_of_an_indexed_file_is_seen_or_idle() {
    let bytes = small(PayloadEncoding::IndexedZstd);
    let idle = idle_bits(&bytes, frame_starts(&bytes));
    let harmless = harmless_flips("indexed_zstd", &bytes);
    for bit in &harmless {
        assert!(
            idle.contains(bit),
            "bit {} of byte {} is harmless",
            bit % 8,
            bit / 8
        );
    }
    assert!(
        harmless.len() >= 6,
        "each frame has an unused bit: {harmless:?}"
    );
}

#[test]
fn every_flip_of_a_v1_file_is_seen_or_idle() {
    let bytes = v1();
    let idle = idle_bits(&bytes, [MAGIC_LEN as u64]);
    for bit in harmless_flips("v1", &bytes) {
        assert!(
            idle.contains(&bit),
            "bit {} of byte {} is harmless",
            bit % 8,
            bit / 8
        );
    }
}

#[test]
fn every_flip_of_a_compressed_archive_is_seen_or_idle() {
    let bytes = small(PayloadEncoding::TarZstd);
    let payload = 9 + v3(&bytes, &OpenOptions::default()).manifest_bytes().len();
    let idle = idle_bits(&bytes, [payload as u64]);
    // The manifest of an archive has no hash: what opening does not use may change.
    let manifest = 9 * 8..payload * 8;
    let harmless = harmless_flips("tar_zstd", &bytes);
    let unused = |bit: &&usize| !idle.contains(bit) && !manifest.contains(bit);
    // Headers repeat themselves: a match at another distance can copy the same bytes.
    let other_distance: Vec<_> = harmless.iter().filter(unused).collect();
    let bits = (bytes.len() - payload) * 8;
    assert!(
        other_distance.len() * 50 < bits,
        "{other_distance:?} of {bits}"
    );
}

#[test]
fn flips_of_a_plain_archive_never_lose_a_file_silently() {
    let bytes = small(PayloadEncoding::Tar);
    let expected = read_everything(&bytes, &OpenOptions::default()).unwrap();
    for (bit, damaged) in flips(&bytes) {
        let Ok(found) = read_everything(&damaged, &OpenOptions::default()) else {
            continue;
        };
        assert_eq!(found.len(), expected.len(), "bit {bit}");
        let differing = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
        assert!(differing <= 1, "bit {bit} changes {differing} files");
        for ((found, a), (name, b)) in found.iter().zip(&expected) {
            assert_eq!(
                (found, a.len()),
                (name, b.len()),
                "bit {bit}: only data is unprotected"
            );
        }
    }
}

#[test]
fn sampled_flips_of_golden_files_are_seen_or_idle() {
    for name in ["v3.indexed_zstd.c1z", "v1.c1z"] {
        let bytes = read_all(&OsFs, has("basic", name).unwrap());
        let expected = read_everything(&bytes, &OpenOptions::default()).unwrap();
        let idle = match name {
            "v1.c1z" => idle_bits(&bytes, [MAGIC_LEN as u64]),
            _ => idle_bits(&bytes, frame_starts(&bytes)),
        };
        for (bit, damaged) in sampled_flips(&bytes, 7, 400) {
            match read_everything(&damaged, &OpenOptions::default()) {
                Ok(found) => assert!(
                    found == expected && idle.contains(&bit),
                    "{name}: bit {bit}"
                ),
                Err(error) => assert!(is_verdict(error.kind()), "{name}: bit {bit}: {error:?}"),
            }
        }
    }
}
