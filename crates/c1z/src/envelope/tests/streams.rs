//! Files too big to keep: forward reads go on, the end is kept, going back is counted, damage is seen
//! by the end of a pass.

use shingle::compress::zstd::{Frame, compress};
use xxhash_rust::xxh64::xxh64;

use super::*;
use crate::envelope::index::{FrameIndex, IndexEntry};
use crate::{ErrorKind, MemoryBudget};

const LEN: usize = 7 << 20;
/// Half of it is the longest frame that is kept whole.
const CACHE: u64 = 4 << 20;

/// Cheap to make and to compress, different everywhere.
fn content() -> Vec<u8> {
    (0..LEN as u64 / 64)
        .flat_map(|i| [[0; 56].as_slice(), &i.to_le_bytes()].concat())
        .collect()
}

/// A file as the reference writes it: one frame for one entry.
fn one_frame(content: &[u8], hash: u64) -> Vec<u8> {
    let mut bytes = write(Vec::new(), &WriteOptions::default());
    let file = v3(&bytes, &OpenOptions::default());
    let start = 9 + file.manifest_bytes().len();
    bytes.truncate(start);
    let frame = compress(content, 1).unwrap();
    bytes.extend_from_slice(&frame);
    let entry = IndexEntry {
        name: "big.sst".to_owned(),
        frame_offset: start as u64,
        compressed_len: frame.len() as u64,
        raw_len: content.len() as u64,
        raw_xxh64: hash,
        raw_sha256: sha256(content),
        seek_table: None,
    };
    let index = FrameIndex {
        entries: vec![entry],
        manifest_xxh64: 0,
    };
    let end = bytes.len() as u64;
    reindex(&bytes, end, &index)
}

fn streamed() -> (Vec<u8>, Box<V3File>, Arc<dyn ReadFile>) {
    let content = content();
    let file = v3(
        &one_frame(&content, xxh64(&content, 0)),
        &small_cache(CACHE),
    );
    let big = file.payload().unwrap().open(Path::new("big.sst")).unwrap();
    (content, file, big)
}

fn check(content: &[u8], file: &dyn ReadFile, offset: usize, len: usize) {
    let mut buf = vec![0; len];
    file.read_exact_at(offset as u64, &mut buf).unwrap();
    assert!(
        buf == content[offset..offset + len],
        "{len} bytes at {offset}"
    );
}

#[test]
fn a_forward_scan_decodes_once() {
    let (content, file, big) = streamed();
    for offset in (0..LEN).step_by(32 << 10) {
        check(&content, &*big, offset, 32 << 10);
    }
    let counters = file.counters();
    assert_eq!((counters.stream_starts, counters.stream_restarts), (1, 0));
    assert_eq!(counters.decoded_bytes, LEN as u64);
    assert_eq!(counters.frames_decoded, 0);
}

#[test]
fn the_end_is_kept_from_the_first_pass() {
    let (content, file, big) = streamed();
    check(&content, &*big, LEN - 53, 53);
    let first = file.counters();
    assert_eq!(first.decoded_bytes, LEN as u64);
    check(&content, &*big, LEN - (1 << 20), 4096);
    check(&content, &*big, LEN - 5000, 5000);
    assert_eq!(file.counters(), first, "the end costs nothing more");
    check(&content, &*big, 0, 100);
    let second = file.counters();
    assert_eq!((second.stream_starts, second.stream_restarts), (2, 1));
    assert!(second.decoded_bytes <= first.decoded_bytes + (128 << 10));
}

#[test]
fn reads_a_little_back_cost_nothing_and_far_back_a_restart() {
    let (content, file, big) = streamed();
    check(&content, &*big, 4 << 20, 1000);
    let there = file.counters();
    check(&content, &*big, (4 << 20) - (900 << 10), 1000);
    assert_eq!(file.counters(), there);
    check(&content, &*big, 1 << 20, 1000);
    assert_eq!(file.counters().stream_restarts, 1);
}

#[test]
fn scans_side_by_side_keep_their_decoders() {
    let (content, file, big) = streamed();
    let steps = (0..3 << 20).step_by(64 << 10);
    for offset in steps {
        check(&content, &*big, offset + (3 << 20), 64 << 10);
        check(&content, &*big, offset, 64 << 10);
    }
    assert_eq!(file.counters().stream_starts, 2);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (content, big) = (&content, &big);
            scope.spawn(move || {
                for offset in (thread * 1000..LEN - 5000).step_by(50_000) {
                    check(content, &**big, offset, 5000);
                }
            });
        }
    });
}

#[test]
fn random_reads_are_right() {
    let (content, _, big) = streamed();
    let mut chance = testkit::chance::Chance::seeded(11);
    for _ in 0..40 {
        let len = chance.below(200_000);
        check(&content, &*big, chance.below(LEN - len), len);
    }
    let mut buf = vec![0; 100];
    assert_eq!(big.read_at(LEN as u64 - 10, &mut buf).unwrap(), 10);
    assert_eq!(big.read_at(LEN as u64, &mut buf).unwrap(), 0);
    assert_eq!(big.read_at(u64::MAX, &mut buf).unwrap(), 0);
}

#[test]
fn a_wrong_hash_or_length_is_seen_at_the_end_of_the_pass() {
    let content = content();
    let hash = xxh64(&content, 0);
    let wrong_hash = one_frame(&content, hash ^ 1);
    let error = read_everything(&wrong_hash, &small_cache(CACHE)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    let text = error.chain();
    assert!(
        text.contains("XXH64") && text.contains("name=`big.sst`"),
        "{text}"
    );

    let right = one_frame(&content, hash);
    let file = v3(&right, &OpenOptions::default());
    let entry = file.splices().remove("big.sst").unwrap().entry;
    for raw_len in [entry.raw_len - 1, entry.raw_len + 1] {
        let index = FrameIndex {
            entries: vec![IndexEntry {
                raw_len,
                ..entry.clone()
            }],
            manifest_xxh64: 0,
        };
        let bytes = reindex(&right, entry.frames().end, &index);
        for cache in [CACHE, 64 << 20] {
            let error = read_everything(&bytes, &small_cache(cache)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DataLoss, "{error:?}");
        }
    }
    // The frame's own checksum, behind the last block.
    let mut flipped = right.clone();
    flipped[usize::try_from(entry.frames().end).unwrap() - 1] ^= 1;
    let error = read_everything(&flipped, &small_cache(CACHE)).unwrap_err();
    assert!(error.chain().contains("checksum"), "{}", error.chain());
}

#[test]
fn the_memory_of_decoders_comes_from_the_budget() {
    let content = content();
    let bytes = one_frame(&content, xxh64(&content, 0));
    let budget = MemoryBudget::new(CACHE + (1 << 20));
    let payload = PayloadOptions {
        cache_bytes: CACHE,
        ..PayloadOptions::new(budget.clone())
    };
    let options = OpenOptions {
        payload,
        ..OpenOptions::default()
    };
    let error = read_everything(&bytes, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error:?}");
    assert!(error.hint().is_some());
    assert_eq!(budget.used(), 0);
}

#[test]
fn idle_decoders_make_room_for_new_ones() {
    let content = content();
    let bytes = one_frame(&content, xxh64(&content, 0));
    let frame = compress(&content, 1).unwrap();
    let Frame::Data(header) = Frame::parse(&frame).unwrap() else {
        panic!()
    };
    // The cache and one decoder.
    let budget = MemoryBudget::new(CACHE + header.window + (3 << 20));
    let payload = PayloadOptions {
        cache_bytes: CACHE,
        ..PayloadOptions::new(budget.clone())
    };
    let file = v3(
        &bytes,
        &OpenOptions {
            payload,
            ..OpenOptions::default()
        },
    );
    let big = file.payload().unwrap().open(Path::new("big.sst")).unwrap();
    check(&content, &*big, 4 << 20, 1000);
    assert!(budget.used() > CACHE, "a decoder waits");
    check(&content, &*big, 0, 1000);
    assert_eq!(file.counters().stream_starts, 2);
    assert!(budget.peak() <= budget.limit());
}

#[test]
fn a_compressed_archive_over_the_cache_is_streamed() {
    let content = content();
    let files = vec![
        ("a.sst".to_owned(), content.clone()),
        ("b.small".to_owned(), b"small".to_vec()),
    ];
    let entries = files
        .iter()
        .map(|(name, bytes)| entry(name, bytes.as_slice()))
        .collect();
    let bytes = write(entries, &in_encoding(PayloadEncoding::TarZstd));
    let file = v3(&bytes, &small_cache(CACHE));
    let payload = file.payload().unwrap();
    let indexed = file.counters();
    assert_eq!(indexed.stream_starts, 1);
    assert_eq!(read_all(&*payload, "b.small"), b"small");
    let a = payload.open(Path::new("a.sst")).unwrap();
    check(&content, &*a, LEN - 53, 53);
    assert_eq!(
        file.counters(),
        indexed,
        "small files and ends are kept from the first pass"
    );
    assert!(contents(&payload) == files);
    assert_eq!(file.counters().stream_starts, 2);
}
