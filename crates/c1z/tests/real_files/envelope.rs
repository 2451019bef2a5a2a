//! Envelopes that the reference wrote: how many reads they take, and that all of them verify.

use std::path::Path;

use c1z::envelope::{EnvelopeFile, OpenOptions, V3File};
use c1z::{MemoryBudget, envelope};
use shingle::vfs::{Clock, Fs, OsClock, OsFs, ReadFile};

use crate::fixture;

fn open(path: &str) -> Box<V3File> {
    match EnvelopeFile::open(&OsFs, &fixture(path), &OpenOptions::default()).unwrap() {
        EnvelopeFile::V3(file) => file,
        EnvelopeFile::V1(_) => panic!("{path} is v1"),
    }
}

fn read(fs: &dyn Fs, name: &str) -> usize {
    let file = fs.open(Path::new(name)).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes.len()
}

/// Everything that opening a database reads before it looks at a table: two reads of a file of 40 MB,
/// and nothing of its big tables.
#[test]
fn the_head_of_a_large_file_takes_two_reads() {
    let clock = OsClock;
    let start = clock.monotonic();
    let file = open("large/v3-1m.c1z");
    let payload = file.payload().unwrap();
    let small: Vec<_> = payload.files().filter(|(_, len)| *len < 200_000).collect();
    for (name, _) in &small {
        read(&*payload, name);
    }
    let took = clock.monotonic().saturating_sub(start);
    let counters = file.counters();
    assert!(small.len() >= 6, "{small:?}");
    assert_eq!(counters.reads, 2, "{counters:?}");
    assert!(counters.decoded_bytes < 200_000, "{counters:?}");
    println!("open and small files of v3-1m: {took:?}, {counters:?}");
    assert!(took.as_millis() < 25, "{took:?}");
}

#[test]
fn one_block_of_a_table_takes_one_read_more() {
    let file = open("large/v3-1m.c1z");
    let payload = file.payload().unwrap();
    let before = file.counters().reads;
    let table = payload.open(Path::new("000050.sst")).unwrap();
    let mut footer = [0; 53];
    table.read_exact_at(table.len() - 53, &mut footer).unwrap();
    table.read_exact_at(0, &mut footer).unwrap();
    assert_eq!(file.counters().reads - before, 1);
    assert_eq!(file.counters().frames_decoded, 1);
}

#[test]
fn every_real_file_verifies() {
    let clock = OsClock;
    let names = [
        "large/v3-100k.c1z",
        "large/v3-1m.c1z",
        "large/v3-applied-100k.c1z",
        "upstream/sync.36zGvJw3uxU1QMJKU2yPVQ1hBOC.unexpanded.pebble.c1z",
    ];
    for name in names {
        let start = clock.monotonic();
        let file = open(name);
        let verified = file.payload().unwrap().verify().unwrap();
        assert_eq!(verified.files, verified.hashed);
        println!(
            "{name}: {verified:?} in {:?}",
            clock.monotonic().saturating_sub(start)
        );
    }
}

/// Every table of the large file, front to back in blocks, with the memory of a small cache: what is
/// too big for it is streamed, and nothing is decoded twice.
#[test]
fn a_scan_of_all_tables_decodes_each_once() {
    let clock = OsClock;
    for cache_bytes in [64 << 20, 8 << 20] {
        let payload = envelope::PayloadOptions {
            cache_bytes,
            ..envelope::PayloadOptions::new(MemoryBudget::new(128 << 20))
        };
        let options = OpenOptions {
            payload,
            ..OpenOptions::default()
        };
        let start = clock.monotonic();
        let path = fixture("large/v3-1m.c1z");
        let EnvelopeFile::V3(file) = EnvelopeFile::open(&OsFs, &path, &options).unwrap() else {
            panic!("v1")
        };
        let payload = file.payload().unwrap();
        let mut total = 0;
        let mut buf = vec![0; 32 << 10];
        for (name, len) in payload.files() {
            let table = payload.open(Path::new(name)).unwrap();
            let mut offset = 0;
            while offset < len {
                offset += table.read_at(offset, &mut buf).unwrap() as u64;
            }
            total += len;
        }
        let counters = file.counters();
        assert_eq!(counters.decoded_bytes, total, "{counters:?}");
        println!(
            "scan with a cache of {cache_bytes}: {:?}",
            clock.monotonic().saturating_sub(start)
        );
    }
}

#[test]
fn v1_files_decode() {
    let clock = OsClock;
    for name in [
        "large/v1-100k.c1z",
        "upstream/sync.36zGvJw3uxU1QMJKU2yPVQ1hBOC.unexpanded",
        "upstream/sync-in-progress.c1z",
    ] {
        let start = clock.monotonic();
        let file = EnvelopeFile::open(&OsFs, &fixture(name), &OpenOptions::default()).unwrap();
        let EnvelopeFile::V1(file) = file else {
            panic!("{name} is v3")
        };
        let database = file.decode_to_memory(&MemoryBudget::default()).unwrap();
        let mut magic = [0; 16];
        database.read_exact_at(0, &mut magic).unwrap();
        assert_eq!(&magic, b"SQLite format 3\0", "{name}");
        println!(
            "{name}: {} bytes in {:?}",
            database.len(),
            clock.monotonic().saturating_sub(start)
        );
    }
}

/// The large file written again by us: tables cut into frames, then spliced.
#[test]
fn a_large_file_is_written_again() {
    let clock = OsClock;
    let source = open("large/v3-1m.c1z");
    let payload = source.payload().unwrap();
    let entries = || {
        let file = |(name, _): (&str, u64)| envelope::NewEntry {
            name: name.to_owned(),
            content: envelope::EntryContent::File(payload.open(Path::new(name)).unwrap()),
        };
        payload.files().map(file).collect::<Vec<_>>()
    };
    let mut expected = None;
    for threads in [1, 2] {
        let options = envelope::WriteOptions {
            threads,
            ..envelope::WriteOptions::default()
        };
        let start = clock.monotonic();
        let mut out = Vec::new();
        let summary = envelope::write_v3(&mut out, source.manifest(), entries(), &options).unwrap();
        println!(
            "{threads} threads: {summary:?} in {:?}",
            clock.monotonic().saturating_sub(start)
        );
        assert!(
            *expected.get_or_insert_with(|| out.clone()) == out,
            "{threads} threads"
        );
    }
    let start = clock.monotonic();
    let splices = source
        .splices()
        .into_values()
        .map(|splice| envelope::NewEntry {
            name: splice.name().to_owned(),
            content: envelope::EntryContent::Splice(splice),
        });
    let options = envelope::WriteOptions::default();
    let mut out = Vec::new();
    envelope::write_v3(&mut out, source.manifest(), splices.collect(), &options).unwrap();
    println!(
        "spliced, verified: {} bytes in {:?}",
        out.len(),
        clock.monotonic().saturating_sub(start)
    );
}
