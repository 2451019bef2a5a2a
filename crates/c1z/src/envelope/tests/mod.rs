//! Tests of the framing as a whole: golden files, damage, bombs, round trips, publishing.
//!
//! Golden files were written by the reference implementation (`testdata/golden/README.md`).

mod corrupt;
mod golden;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::{Fs, OsFs, ReadFile};

use super::*;
use crate::Result;

/// The folder of the golden files.
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden")
}

/// All bytes of a file of `fs`.
fn read_all(fs: &dyn Fs, path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    let file = fs.open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
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

fn open_v3(path: &Path) -> V3File {
    match open_os(path).unwrap() {
        EnvelopeFile::V3(file) => file,
        EnvelopeFile::V1(_) => panic!("{} is v1", path.display()),
    }
}

/// Name and bytes of every file of a payload.
fn contents(payload: &PayloadFs) -> Vec<(String, Vec<u8>)> {
    payload.files().map(|(name, _)| (name.to_owned(), read_all(payload, name))).collect()
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

/// A file in memory.
#[derive(Debug)]
struct Memory(Vec<u8>);

impl ReadFile for Memory {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        let from = usize::try_from(offset).unwrap().min(self.0.len());
        let found = &self.0[from..];
        let n = found.len().min(buf.len());
        buf[..n].copy_from_slice(&found[..n]);
        Ok(n)
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Opens bytes as if they were a file.
fn open_bytes(bytes: &[u8], options: &OpenOptions) -> Result<EnvelopeFile> {
    let file: Arc<dyn ReadFile> = Arc::new(Memory(bytes.to_vec()));
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

/// The library's error inside what the file seam reported.
fn as_ours(e: std::io::Error) -> crate::Error {
    e.downcast::<crate::Error>().expect("every failure of a payload is one of ours")
}
