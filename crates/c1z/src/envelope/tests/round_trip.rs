//! What we write we read, in every encoding; the bytes depend on the content alone; unchanged frames
//! are copied as they are.

use super::*;
use crate::ErrorKind;
use crate::envelope::index::{FrameIndex, IndexEntry};

/// Sizes around every boundary of the writer.
fn files() -> Vec<(String, Vec<u8>)> {
    let mib = 1 << 20;
    let sizes = [
        0,
        1,
        255,
        256,
        511,
        512,
        513,
        1024,
        1025,
        64 << 10,
        (64 << 10) + 1,
    ];
    let large = [mib * 3 / 2 - 1, mib * 3 / 2, 2 * mib + 17];
    let mut files: Vec<_> = sizes
        .into_iter()
        .chain(large)
        .enumerate()
        .map(|(i, len)| (format!("{i:06}.sst"), noise(i as u64, len)))
        .collect();
    files.push(("MANIFEST-000001".to_owned(), noise(99, 3000)));
    files.push((format!("folder/{}/é", "n".repeat(120)), b"deep".to_vec()));
    files.push(("zeros".to_owned(), vec![0; 2 * mib]));
    files.sort();
    files
}

fn entries(files: &[(String, Vec<u8>)]) -> Vec<NewEntry> {
    files
        .iter()
        .map(|(name, bytes)| entry(name, bytes.as_slice()))
        .collect()
}

#[test]
fn what_is_written_is_read() {
    let files = files();
    for encoding in ENCODINGS {
        let bytes = write(entries(&files), &in_encoding(encoding));
        for cache in [64 << 20, 4 << 20, 1 << 20] {
            let file = v3(&bytes, &small_cache(cache));
            assert_eq!(file.encoding(), encoding);
            let payload = file.payload().unwrap();
            assert!(contents(&payload) == files, "{encoding:?} {cache}");
            assert_eq!(payload.verify().unwrap().files, files.len() as u64);
            let folder = payload.list(Path::new("folder")).unwrap();
            assert_eq!(folder, ["n".repeat(120)]);
            assert!(payload.metadata(Path::new("/folder")).unwrap().is_dir);
        }
    }
}

#[test]
fn bytes_depend_on_the_content_alone() {
    let files = files();
    for encoding in ENCODINGS {
        let expected = write(entries(&files), &in_encoding(encoding));
        for threads in [1, 2, 8] {
            let mut shuffled = entries(&files);
            shuffled.reverse();
            shuffled.swap(1, 7);
            let options = WriteOptions {
                threads,
                ..in_encoding(encoding)
            };
            assert!(
                write(shuffled, &options) == expected,
                "{encoding:?} with {threads} threads"
            );
        }
    }
}

#[test]
fn entries_come_from_files_too() {
    let files = files();
    let opened = |(name, bytes): &(String, Vec<u8>)| NewEntry {
        name: name.clone(),
        content: EntryContent::File(Arc::new(MemFile::new(bytes.as_slice()))),
    };
    for encoding in ENCODINGS {
        let options = in_encoding(encoding);
        let from_files = write(files.iter().map(opened).collect(), &options);
        assert!(
            from_files == write(entries(&files), &options),
            "{encoding:?}"
        );
    }
}

/// A file that is read back otherwise than it was written: one bit, at its start, middle or end.
#[test]
fn a_file_that_holds_other_bytes_than_were_written_is_refused() {
    let content = noise(5, 3 << 20);
    let xxh64 = xxhash_rust::xxh64::xxh64(&content, 0);
    let hashed = |bytes: &[u8]| {
        let file = Arc::new(MemFile::new(bytes));
        let content = EntryContent::Hashed { file, xxh64 };
        let name = "000003.sst".to_owned();
        vec![NewEntry { name, content }]
    };
    for encoding in ENCODINGS {
        let options = in_encoding(encoding);
        let plain = write(vec![entry("000003.sst", content.as_slice())], &options);
        assert!(write(hashed(&content), &options) == plain, "{encoding:?}");
        for at in [0, content.len() / 2, content.len() - 1] {
            let mut other = content.clone();
            other[at] ^= 4;
            let written = write_v3(&mut Vec::new(), &manifest(), hashed(&other), &options);
            let error = written.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DataLoss, "{encoding:?} {at}");
            assert_eq!(error.file(), Some(Path::new("000003.sst")));
        }
    }
}

#[test]
fn the_frame_of_an_empty_file_is_that_of_the_reference() {
    let bytes = write(
        vec![entry("000001.log", [].as_slice())],
        &WriteOptions::default(),
    );
    let file = v3(&bytes, &OpenOptions::default());
    let splice = &file.splices()["000001.log"];
    let frame = slice(&bytes, splice.entry.frames());
    assert_eq!(
        frame,
        [
            0x28, 0xb5, 0x2f, 0xfd, 4, 0x68, 1, 0, 0, 0x99, 0xe9, 0xd8, 0x51
        ]
    );
    assert_eq!(splice.raw_xxh64(), 0xef46_db37_51d8_e999);
    assert_eq!(splice.entry.seek_table, None);
}

#[test]
fn entries_over_a_frame_have_a_seek_table_and_small_ones_stand_last() {
    let files = files();
    let file = v3(
        &write(entries(&files), &WriteOptions::default()),
        &OpenOptions::default(),
    );
    let mut by_place: Vec<_> = file.splices().into_values().map(|s| s.entry).collect();
    by_place.sort_by_key(|entry| entry.frame_offset);
    let small: Vec<_> = by_place
        .iter()
        .map(|entry| entry.raw_len <= 64 << 10)
        .collect();
    assert!(small.is_sorted(), "{small:?}");
    let mut next = 9 + file.manifest_bytes().len() as u64;
    for entry in &by_place {
        assert_eq!(entry.frame_offset, next, "frames stand back to back");
        next += entry.compressed_len;
        let frames = entry
            .seek_table
            .as_ref()
            .map_or(1, |table| table.frames.len());
        let expected = ((entry.raw_len + (1 << 19)) >> 20).max(1);
        assert_eq!(frames as u64, expected, "{} bytes", entry.raw_len);
        assert_eq!(entry.seek_table.is_some(), frames > 1);
    }
}

#[test]
fn one_read_decodes_one_frame() {
    let content = noise(5, 6 << 20);
    let bytes = write(
        vec![entry("big", content.as_slice())],
        &WriteOptions::default(),
    );
    let file = v3(&bytes, &OpenOptions::default());
    let big = file.payload().unwrap().open(Path::new("big")).unwrap();
    let before = file.counters();
    let mut buf = vec![0; 4096];
    big.read_exact_at(3_000_000, &mut buf).unwrap();
    assert!(buf == content[3_000_000..3_004_096]);
    big.read_exact_at(3_000_000, &mut buf).unwrap();
    let after = file.counters();
    assert_eq!(after.frames_decoded - before.frames_decoded, 1);
    assert_eq!(after.reads - before.reads, 1);
    assert!(after.decoded_bytes <= 3 << 19);
}

/// Our frames, but without the table, as the reference leaves them when it saves a file again.
fn without_seek_tables(bytes: &[u8]) -> Vec<u8> {
    let file = v3(bytes, &OpenOptions::default());
    let mut index = FrameIndex::default();
    let mut end = 0;
    for splice in file.splices().into_values() {
        end = end.max(splice.entry.frames().end);
        index.entries.push(IndexEntry {
            seek_table: None,
            ..splice.entry
        });
    }
    reindex(bytes, end, &index)
}

#[test]
fn small_neighbours_are_fetched_together() {
    let mut chance = testkit::chance::Chance::seeded(3);
    let files: Vec<_> = (0..60)
        .map(|i| (format!("{i:06}.sst"), chance.bytes(20 << 10)))
        .collect();
    let bytes = write(entries(&files), &WriteOptions::default());
    assert!(bytes.len() > 1 << 20);
    let file = v3(&bytes, &OpenOptions::default());
    let payload = file.payload().unwrap();
    assert_eq!(file.counters().reads, 2, "head and tail");
    assert!(contents(&payload) == files);
    let counters = file.counters();
    assert!(counters.reads <= 2 + 6, "{counters:?}");
    assert_eq!(counters.frames_decoded, 60);
}

#[test]
fn missing_seek_tables_are_rebuilt() {
    let content = noise(5, 6 << 20);
    let plain = write(
        vec![entry("big", content.as_slice())],
        &WriteOptions::default(),
    );
    let file = v3(&without_seek_tables(&plain), &small_cache(4 << 20));
    assert_eq!(file.splices()["big"].entry.seek_table, None);
    let big = file.payload().unwrap().open(Path::new("big")).unwrap();
    let mut buf = vec![0; 4096];
    big.read_exact_at(3_000_000, &mut buf).unwrap();
    assert!(buf == content[3_000_000..3_004_096]);
    let counters = file.counters();
    assert_eq!((counters.frames_decoded, counters.stream_starts), (1, 0));
    assert!(read_file(&*big) == content);
}

#[test]
fn spliced_frames_are_copied_as_they_are() {
    let files = files();
    let source = write(entries(&files), &WriteOptions::default());
    let opened = v3(&source, &OpenOptions::default());
    let mut splices = opened.splices();
    let changed = "000003.sst";
    splices.remove(changed);
    let mut new = vec![entry(changed, b"changed".as_slice())];
    new.extend(splices.values().map(|splice| NewEntry {
        name: splice.name().to_owned(),
        content: EntryContent::Splice(splice.clone()),
    }));
    for encoding in ENCODINGS {
        let mut out = Vec::new();
        let summary = write_v3(&mut out, &manifest(), new.clone(), &in_encoding(encoding)).unwrap();
        let indexed = encoding == PayloadEncoding::IndexedZstd;
        assert_eq!(
            summary.spliced_files,
            if indexed { splices.len() as u64 } else { 0 }
        );
        let copy = v3(&out, &OpenOptions::default());
        let expected: Vec<_> = files
            .iter()
            .map(|(name, bytes)| match name.as_str() {
                "000003.sst" => (name.clone(), b"changed".to_vec()),
                _ => (name.clone(), bytes.clone()),
            })
            .collect();
        assert!(
            contents(&copy.payload().unwrap()) == expected,
            "{encoding:?}"
        );
        for (name, splice) in copy.splices().iter().filter(|(name, _)| *name != changed) {
            let copied = slice(&out, splice.entry.frames());
            assert!(
                copied == slice(&source, splices[name].entry.frames()),
                "{name}"
            );
            assert_eq!(splice.entry.raw_sha256, splices[name].entry.raw_sha256);
            assert_eq!(splice.entry.seek_table, splices[name].entry.seek_table);
        }
    }
}

#[test]
fn damaged_frames_are_not_spliced() {
    let content = noise(1, 200_000);
    let mut source = write(vec![entry("a", content)], &WriteOptions::default());
    let opened = v3(&source, &OpenOptions::default());
    let frames = opened.splices()["a"].entry.frames();
    source[usize::try_from(frames.start).unwrap() + 5000] ^= 1;
    let opened = v3(&source, &OpenOptions::default());
    let new = || {
        let content = EntryContent::Splice(opened.splices()["a"].clone());
        vec![NewEntry {
            name: "a".to_owned(),
            content,
        }]
    };
    let mut out = Vec::new();
    let error = write_v3(&mut out, &manifest(), new(), &WriteOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss, "{error:?}");
    let trusting = WriteOptions {
        verify_spliced: false,
        ..WriteOptions::default()
    };
    let copy = write(new(), &trusting);
    let error = read_everything(&copy, &OpenOptions::default()).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::DataLoss,
        "the reader finds it: {error:?}"
    );
}

#[test]
fn unacceptable_input_is_refused_before_a_byte_is_written() {
    let a = || entry("a", b"1".as_slice());
    for names in [
        vec!["a", "a"],
        vec!["a", "a/b"],
        vec![""],
        vec!["../a"],
        vec!["/a"],
        vec!["a//b"],
    ] {
        let entries = names
            .iter()
            .map(|name| entry(name, b"1".as_slice()))
            .collect();
        let mut out = Vec::new();
        let error = write_v3(&mut out, &manifest(), entries, &WriteOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{names:?}");
        assert!(out.is_empty(), "{names:?}");
    }
    for engine in ["", "pebble", "pebble2", "pebble4", "sqlite"] {
        let manifest = Manifest {
            engine: engine.to_owned(),
            ..Manifest::default()
        };
        let mut out = Vec::new();
        let error = write_v3(&mut out, &manifest, vec![a()], &WriteOptions::default()).unwrap_err();
        assert_eq!(
            (error.kind(), out.len()),
            (ErrorKind::InvalidArgument, 0),
            "{engine}"
        );
    }
}

#[test]
fn v1_files_are_one_frame_with_length_and_checksum() {
    for len in [0, 1, 255, 256, 4096, 139_264, 20 << 20] {
        let database = if len < 1 << 20 {
            noise(len as u64, len)
        } else {
            vec![7; len]
        };
        let mut out = Vec::new();
        write_v1(&MemFile::new(database.as_slice()), LEVEL_DEFAULT, &mut out).unwrap();
        let EnvelopeFile::V1(file) = open_bytes(&out, &OpenOptions::default()).unwrap() else {
            panic!("not v1")
        };
        let mut decoded = Vec::new();
        assert_eq!(file.decode_into(&mut decoded).unwrap().frames, 1);
        assert!(decoded == database, "{len}");
        let frame = shingle::compress::zstd::Frame::parse(&out[5..]).unwrap();
        let shingle::compress::zstd::Frame::Data(header) = frame else {
            panic!("skippable")
        };
        assert!(
            header.has_checksum && header.window <= 8 << 20,
            "{len}: {header:?}"
        );
        assert_eq!(header.content_len, (len > 0).then_some(len as u64), "{len}");
        assert_eq!(
            shingle::compress::zstd::frame_len(&out[5..]).unwrap(),
            out.len() - 5
        );
        if len == 0 {
            assert_eq!(
                out[5..],
                [
                    0x28, 0xb5, 0x2f, 0xfd, 4, 0x68, 1, 0, 0, 0x99, 0xe9, 0xd8, 0x51
                ]
            );
        }
    }
}
