//! Single bits turned over, one at a time, at every k-th byte of a file: the share that is found, by
//! part of the file. What is not found must change nothing that the file says.

use std::collections::BTreeMap;
use std::path::Path;

use c1z::envelope::{EnvelopeFile, OpenOptions};
use c1z::ops::verify::Severity;
use testkit::golden::Case;

use crate::support::*;

/// The parts of a file: where each begins, and its name.
type Parts = Vec<(usize, &'static str)>;

fn part_at(parts: &Parts, at: usize) -> &'static str {
    let after = parts.partition_point(|(start, _)| *start <= at);
    parts[after - 1].1
}

fn indexed_parts(bytes: &[u8]) -> Parts {
    let fs = holding(bytes);
    let opened = EnvelopeFile::open(&*fs, Path::new("in.c1z"), &OpenOptions::default()).unwrap();
    let EnvelopeFile::V3(file) = opened else {
        panic!("a v1 file");
    };
    let frames = file.frames();
    let first = frames.iter().map(|frame| frame.offset).min().unwrap();
    let end = frames
        .iter()
        .map(|frame| frame.offset + frame.compressed_len)
        .max()
        .unwrap();
    let at = |offset: u64| usize::try_from(offset).unwrap();
    vec![
        (0, "magic and length"),
        (9, "manifest"),
        (at(first), "frames"),
        (at(end), "index"),
        (bytes.len() - 28, "footer"),
    ]
}

fn tar_parts(bytes: &[u8]) -> Parts {
    let mut parts = vec![(0, "magic and length"), (9, "manifest")];
    let len = u32::from_be_bytes(bytes[5..9].try_into().unwrap());
    let mut at = 9 + usize::try_from(len).unwrap();
    while bytes[at] != 0 {
        let header = &bytes[at..at + 512];
        let name = String::from_utf8_lossy(&header[..100]);
        let size = String::from_utf8_lossy(&header[124..135]);
        let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).unwrap();
        parts.push((at, "tar header"));
        let kind = if name.contains(".sst") {
            "tables"
        } else if name.starts_with("MANIFEST") {
            "MANIFEST"
        } else {
            "OPTIONS"
        };
        parts.push((at + 512, kind));
        parts.push((at + 512 + size, "tar padding"));
        at += 512 + size.div_ceil(512) * 512;
    }
    parts.push((at, "tar end"));
    // A member that is empty leaves parts without bytes.
    parts.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 = later.1;
        }
        same
    });
    parts
}

/// Turns a bit of every `step`-th byte over; found and tried by part, and the places that were missed.
fn flip(
    bytes: &[u8],
    parts: &Parts,
    step: usize,
) -> (BTreeMap<&'static str, (u32, u32)>, Vec<usize>) {
    let mut shares: BTreeMap<&'static str, (u32, u32)> = BTreeMap::new();
    let mut missed = Vec::new();
    let mut damaged = bytes.to_vec();
    for at in (0..bytes.len()).step_by(step) {
        let bit = 1 << (at / step % 8);
        damaged[at] ^= bit;
        let found = match check(&damaged) {
            Ok(report) => {
                report.count(Severity::Damage) + report.count(Severity::Inconsistency) > 0
            }
            Err(_) => true,
        };
        damaged[at] ^= bit;
        let share = shares.entry(part_at(parts, at)).or_default();
        share.0 += u32::from(found);
        share.1 += 1;
        if !found {
            missed.push(at);
        }
    }
    (shares, missed)
}

fn print(label: &str, shares: &BTreeMap<&'static str, (u32, u32)>) {
    println!("{label}");
    for (part, (found, tried)) in shares {
        println!("  {part:18} {found:5} of {tried:5}");
    }
}

fn files_of(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let fs = holding(bytes);
    let opened = EnvelopeFile::open(&*fs, Path::new("in.c1z"), &OpenOptions::default()).unwrap();
    let EnvelopeFile::V3(file) = opened else {
        panic!("a v1 file");
    };
    let payload = file.payload().unwrap();
    let names: Vec<_> = payload
        .files()
        .map(|(name, len)| (name.to_owned(), len))
        .collect();
    let read = |(name, len): (String, u64)| {
        let file = shingle::vfs::Fs::open(&*payload, Path::new(&name)).unwrap();
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        file.read_exact_at(0, &mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

#[test]
fn a_flipped_bit_of_an_indexed_file_is_found_or_means_nothing() {
    for (case, step) in [("basic", 23), ("many-ssts", 97)] {
        let bytes = std::fs::read(Case::named(case).path("v3.indexed_zstd.c1z")).unwrap();
        let (shares, missed) = flip(&bytes, &indexed_parts(&bytes), step);
        print(&format!("{case} indexed_zstd, every {step} bytes"), &shares);
        let whole = files_of(&bytes);
        for at in missed {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at / step % 8);
            // A bit of a frame's header that decoders ignore: every file is what it was.
            assert_eq!(files_of(&damaged), whole, "byte {at}");
        }
        for part in ["manifest", "index", "footer"] {
            let (found, tried) = shares[part];
            assert_eq!(found, tried, "{case} {part}");
        }
    }
}

#[test]
fn a_flipped_bit_of_a_tar_file_is_found_or_changes_no_row() {
    let case = Case::named("many-ssts");
    for (file, step) in [("v3.tar.c1z", 89), ("v3.tar_zstd.c1z", 97)] {
        let bytes = std::fs::read(case.path(file)).unwrap();
        let parts = if file.contains("zstd") {
            let len = u32::from_be_bytes(bytes[5..9].try_into().unwrap());
            let payload = 9 + usize::try_from(len).unwrap();
            vec![(0, "magic and length"), (9, "manifest"), (payload, "frame")]
        } else {
            tar_parts(&bytes)
        };
        let (shares, missed) = flip(&bytes, &parts, step);
        print(&format!("many-ssts {file}, every {step} bytes"), &shares);
        let whole = rows_of(&holding(&bytes), "in.c1z");
        for at in missed {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at / step % 8);
            // The manifest of these encodings has no checksum; OPTIONS, padding and owners mean nothing.
            assert_eq!(rows_of(&holding(&damaged), "in.c1z"), whole, "byte {at}");
        }
        if let Some((found, tried)) = shares.get("tables") {
            assert_eq!(found, tried, "tables");
        }
    }
}
