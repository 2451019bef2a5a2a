//! Tests of the framing as a whole: golden files, damage, bombs, round trips, publishing.
//!
//! Golden files were written by the reference implementation (`testdata/golden/README.md`).

mod corrupt;
mod damage;
mod golden;
mod round_trip;
mod streams;
mod v1_stream;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::{Entropy, Fs, MemFile, OsFs, ReadFile, SeededEntropy};

use super::*;
use crate::Result;

/// The folder of the golden files.
pub(super) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden")
}

/// The bytes of a range of offsets.
fn slice(bytes: &[u8], range: Range<u64>) -> &[u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

/// All bytes of a file of `fs`.
pub(super) fn read_all(fs: &dyn Fs, path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    let file = fs
        .open(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    read_file(&*file)
}

fn read_file(file: &dyn ReadFile) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

fn open_os(path: &Path) -> Result<EnvelopeFile> {
    EnvelopeFile::open(&OsFs, path, &OpenOptions::default())
}

fn open_v3(path: &Path) -> Box<V3File> {
    match open_os(path).unwrap() {
        EnvelopeFile::V3(file) => file,
        EnvelopeFile::V1(_) => panic!("{} is v1", path.display()),
    }
}

/// A small file of each format and encoding.
pub(super) fn small_files_of_every_kind() -> Vec<Vec<u8>> {
    damage::all_small()
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect()
}

/// Name and bytes of every file of a payload.
fn contents(payload: &PayloadFs) -> Vec<(String, Vec<u8>)> {
    payload
        .files()
        .map(|(name, _)| (name.to_owned(), read_all(payload, name)))
        .collect()
}

/// Names of the golden cases, sorted.
fn cases() -> Vec<String> {
    OsFs.list(&golden()).unwrap()
}

/// Whether the case has a file of that name.
fn has(case: &str, name: &str) -> Option<PathBuf> {
    let path = golden().join(case).join(name);
    OsFs.metadata(&path).is_ok().then_some(path)
}

/// Opens bytes as if they were a file.
fn open_bytes(bytes: &[u8], options: &OpenOptions) -> Result<EnvelopeFile> {
    let file: Arc<dyn ReadFile> = Arc::new(MemFile::new(bytes));
    EnvelopeFile::from_file(file, Path::new("memory.c1z"), options)
}

/// Opens bytes and reads everything in them: the database of a v1 file, the files of a v3 file.
fn read_everything(bytes: &[u8], options: &OpenOptions) -> Result<Vec<(String, Vec<u8>)>> {
    match open_bytes(bytes, options)? {
        EnvelopeFile::V1(file) => {
            let mut database = Vec::new();
            file.decode_into(&mut database)?;
            Ok(vec![(String::new(), database)])
        }
        EnvelopeFile::V3(file) => {
            let payload = file.payload()?;
            let mut all = Vec::new();
            for (name, len) in payload.files() {
                let file = payload.open(Path::new(name)).map_err(as_ours)?;
                let mut bytes = vec![0; usize::try_from(len).unwrap()];
                file.read_exact_at(0, &mut bytes).map_err(as_ours)?;
                all.push((name.to_owned(), bytes));
            }
            Ok(all)
        }
    }
}

/// Bytes that compress a little, from a seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = vec![0; 4096];
    SeededEntropy::new(seed).fill(&mut random).unwrap();
    let mut bytes = Vec::with_capacity(len + 64);
    for i in 0_u64.. {
        if bytes.len() >= len {
            break;
        }
        let from = (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % 4032;
        bytes.extend_from_slice(&random[from..from + 64]);
        bytes.extend_from_slice(&i.wrapping_mul(seed | 1).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn entry(name: &str, bytes: impl Into<Arc<[u8]>>) -> NewEntry {
    NewEntry {
        name: name.to_owned(),
        content: EntryContent::Bytes(bytes.into()),
    }
}

fn manifest() -> Manifest {
    Manifest {
        engine: "pebble3".to_owned(),
        engine_schema_version: 24,
        ..Manifest::default()
    }
}

/// A v3 file with those entries.
fn write(entries: Vec<NewEntry>, options: &WriteOptions) -> Vec<u8> {
    let mut out = Vec::new();
    let summary = write_v3(&mut out, &manifest(), entries, options).unwrap();
    assert_eq!(summary.file_len, out.len() as u64);
    out
}

fn in_encoding(encoding: PayloadEncoding) -> WriteOptions {
    WriteOptions {
        encoding,
        ..WriteOptions::default()
    }
}

fn v3(bytes: &[u8], options: &OpenOptions) -> Box<V3File> {
    match open_bytes(bytes, options).unwrap() {
        EnvelopeFile::V3(file) => file,
        EnvelopeFile::V1(_) => panic!("v1"),
    }
}

/// Options under which frames of more than half of `cache_bytes` are streamed.
fn small_cache(cache_bytes: u64) -> OpenOptions {
    let payload = PayloadOptions {
        cache_bytes,
        ..PayloadOptions::default()
    };
    OpenOptions {
        payload,
        ..OpenOptions::default()
    }
}

const ENCODINGS: [PayloadEncoding; 3] = [
    PayloadEncoding::IndexedZstd,
    PayloadEncoding::Tar,
    PayloadEncoding::TarZstd,
];

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

/// The library's error inside what the file seam reported.
fn as_ours(e: std::io::Error) -> crate::Error {
    e.downcast::<crate::Error>()
        .expect("every failure of a payload is one of ours")
}

/// `bytes` up to `end`, then `index` and its footer.
fn reindex(bytes: &[u8], end: u64, index: &index::FrameIndex) -> Vec<u8> {
    let mut out = bytes[..usize::try_from(end).unwrap()].to_vec();
    let encoded = index.encode();
    let footer = index::Footer::of(&encoded, end).unwrap();
    out.extend_from_slice(&encoded);
    out.extend_from_slice(&footer.encode());
    out
}
