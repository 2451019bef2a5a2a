//! The catalog: what the entries say of themselves, so that a folder of thousands is listed without opening them.
//!
//! It is a cache. What it says of an entry counts while the entry's files are those it was learnt from. A *print* tells:
//!
//! | print | of | what |
//! |---|---|---|
//! | 0 | a directory | the names of its files, whose numbers are never used again, and the lengths of logs and MANIFESTs, which alone grow |
//! | 1 | a packed file | its length and its last bytes, which hold the hashes of all others |
//! | 2 | a packed file that had stood for a while | its length and when it was written: it is not opened |
//!
//! Whoever deletes the file loses nothing but time, and a damaged one is no catalog. Only writers write it, when they close the
//! folder.
//!
//! | bytes | meaning |
//! |---|---|
//! | `c1z-catalog 2\n` | magic |
//! | entries | print: kind u8, hash u64; then name, number of runs u32, and per run: record, statistics (empty: none) |
//! | 8 | XXH64 of all before |
//!
//! Integers are little-endian; name, record and statistics have a u32 length before them. Record and statistics are the values
//! of v3 databases.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shingle::manifest::FileName;
use shingle::vfs::Fs;
use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::listing::Entry;
use super::name::{CATALOG, Form};
use super::state::State;
use crate::engine::types::SyncRun;
use crate::record::{stats, sync_run};
use crate::{Error, Result};

const MAGIC: &[u8] = b"c1z-catalog 2\n";
const TEMPORARY: &str = "c1z.catalog.tmp";
const SUM_LEN: usize = 8;
/// Most bytes of the file: more is no catalog.
const LEN_MAX: u64 = 1 << 30;
/// Last bytes of a packed file that its print covers.
const TAIL_LEN: u64 = 512;
/// How long ago a file must have been written for its time to tell it from a later one: file systems count in steps.
const SETTLED: Duration = Duration::from_secs(2);

/// What changes whenever an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Print {
    Names(u64),
    Tail(u64),
    Time(u64),
}

/// What is known of entries.
#[derive(Debug, Default)]
pub(super) struct Catalog(HashMap<String, (Print, Arc<[SyncRun]>)>);

impl Catalog {
    /// The catalog of a folder; an empty one if there is none that can be read.
    pub(super) fn read(fs: &dyn Fs, folder: &Path) -> Self {
        read_bytes(fs, &folder.join(CATALOG))
            .and_then(|bytes| decode(&bytes))
            .unwrap_or_default()
    }

    /// The runs of an entry, if they are known.
    ///
    /// # Errors
    /// Those of looking at the entry.
    pub(super) fn get(
        &self,
        fs: &dyn Fs,
        folder: &Path,
        entry: &Entry,
    ) -> Result<Option<Arc<[SyncRun]>>> {
        let Some((known, runs)) = self.0.get(&entry.now) else {
            return Ok(None);
        };
        let print = match known {
            Print::Names(_) => Some(names_of(fs, folder, entry)?),
            Print::Tail(_) => Some(tail_of(fs, folder, entry)?),
            Print::Time(_) => time_of(fs, folder, entry)?.map(|(_, print)| print),
        };
        Ok((print == Some(*known)).then(|| Arc::clone(runs)))
    }

    /// Writes what a handle knows, now.
    pub(super) fn write(fs: &dyn Fs, folder: &Path, state: &State, now: SystemTime) -> Result<()> {
        let mut bytes = MAGIC.to_vec();
        for entry in state.entries() {
            if !state.runs_of(&entry.stem).all(|run| state.is_sure(&run.id)) {
                continue;
            }
            let print = print_of(fs, folder, &entry, now)?;
            let runs: Vec<&SyncRun> = state.runs_of(&entry.stem).collect();
            // A run that v3 records cannot hold is read again each time.
            if let Ok(known) = encode_entry(&entry, print, &runs) {
                bytes.extend(known);
            }
        }
        bytes.extend(xxh64(&bytes, 0).to_le_bytes());
        let (temporary, path) = (folder.join(TEMPORARY), folder.join(CATALOG));
        let written = fs.create(&temporary).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync()?;
            fs.rename(&temporary, &path)
        });
        written.map_err(|e| Error::io("write the catalog", &path, e))
    }
}

/// The print of an entry that is told from all later ones by it.
fn print_of(fs: &dyn Fs, folder: &Path, entry: &Entry, now: SystemTime) -> Result<Print> {
    if entry.form == Form::Directory {
        return names_of(fs, folder, entry);
    }
    let is_settled = |at: SystemTime| now.duration_since(at).is_ok_and(|since| since >= SETTLED);
    match time_of(fs, folder, entry)? {
        Some((at, print)) if is_settled(at) => Ok(print),
        _ => tail_of(fs, folder, entry),
    }
}

fn names_of(fs: &dyn Fs, folder: &Path, entry: &Entry) -> Result<Print> {
    let dir = entry.path(folder);
    let names = fs.list(&dir);
    let names = names.map_err(|e| Error::io("list an entry", &dir, e))?;
    let mut hash = Xxh64::new(0);
    for name in names {
        hash.update(name.as_bytes());
        hash.update(&[0]);
        if matches!(
            FileName::parse(&name),
            FileName::Log { .. } | FileName::Manifest(_)
        ) {
            let path = dir.join(&name);
            let found = fs.metadata(&path);
            let found = found.map_err(|e| Error::io("look up an entry", &path, e))?;
            hash.update(&found.len.to_le_bytes());
        }
    }
    Ok(Print::Names(hash.digest()))
}

fn tail_of(fs: &dyn Fs, folder: &Path, entry: &Entry) -> Result<Print> {
    let path = entry.path(folder);
    let file = fs.open(&path).map_err(|e| Error::io("open", &path, e))?;
    let len = file.len().min(TAIL_LEN);
    let mut tail = vec![0; usize::try_from(len).unwrap_or_default()];
    file.read_exact_at(file.len() - len, &mut tail)
        .map_err(|e| Error::io("read", &path, e))?;
    let mut hash = Xxh64::new(0);
    hash.update(&file.len().to_le_bytes());
    hash.update(&tail);
    Ok(Print::Tail(hash.digest()))
}

/// When the file was written, and the print by that; none where the file system does not tell.
fn time_of(fs: &dyn Fs, folder: &Path, entry: &Entry) -> Result<Option<(SystemTime, Print)>> {
    let path = entry.path(folder);
    let found = fs.metadata(&path);
    let found = found.map_err(|e| Error::io("look up an entry", &path, e))?;
    let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).ok().map(|since| (at, since));
    Ok(found.modified.and_then(since).map(|(at, since)| {
        let mut hash = Xxh64::new(0);
        hash.update(&found.len.to_le_bytes());
        hash.update(&since.as_nanos().to_le_bytes());
        (at, Print::Time(hash.digest()))
    }))
}

fn read_bytes(fs: &dyn Fs, path: &Path) -> Option<Vec<u8>> {
    let file = fs.open(path).ok()?;
    if file.len() > LEN_MAX {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(file.len()).ok()?];
    file.read_exact_at(0, &mut bytes).ok()?;
    Some(bytes)
}

fn encode_entry(entry: &Entry, print: Print, runs: &[&SyncRun]) -> Result<Vec<u8>> {
    let (kind, hash) = match print {
        Print::Names(hash) => (0, hash),
        Print::Tail(hash) => (1, hash),
        Print::Time(hash) => (2, hash),
    };
    let mut bytes = vec![kind];
    bytes.extend(hash.to_le_bytes());
    put_bytes(&mut bytes, entry.now.as_bytes())?;
    put_len(&mut bytes, runs.len())?;
    for run in runs {
        let record = sync_run::encode_over(run, None)?;
        // A text that is no type comes back as another one.
        if sync_run::decode(&record)?.sync_type != run.sync_type {
            return Err(Error::invalid("type is not kept"));
        }
        put_bytes(&mut bytes, &record)?;
        let counts = run.stats.as_ref();
        let counts = counts.map(|counts| stats::encode(counts, run.id.as_str()));
        put_bytes(&mut bytes, &counts.transpose()?.unwrap_or_default())?;
    }
    Ok(bytes)
}

fn put_len(out: &mut Vec<u8>, len: usize) -> Result<()> {
    let len = u32::try_from(len).map_err(|_| Error::invalid("too long for the catalog"))?;
    out.extend(len.to_le_bytes());
    Ok(())
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    put_len(out, bytes.len())?;
    out.extend(bytes);
    Ok(())
}

fn decode(bytes: &[u8]) -> Option<Catalog> {
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM_LEN)?)?;
    if xxh64(content, 0).to_le_bytes() != sum {
        return None;
    }
    let mut rest = content.strip_prefix(MAGIC)?;
    let mut catalog = Catalog::default();
    while !rest.is_empty() {
        let kind = *take(&mut rest, 1)?.first()?;
        let hash = u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
        let print = match kind {
            0 => Print::Names(hash),
            1 => Print::Tail(hash),
            2 => Print::Time(hash),
            _ => return None,
        };
        let name = String::from_utf8(take_bytes(&mut rest)?.to_vec()).ok()?;
        let count = take_len(&mut rest)?;
        let mut runs = Vec::new();
        for _ in 0..count {
            let mut run = sync_run::decode(take_bytes(&mut rest)?).ok()?;
            let counts = take_bytes(&mut rest)?;
            if !counts.is_empty() {
                run.stats = Some(stats::decode(counts).ok()?.1);
            }
            runs.push(run);
        }
        catalog.0.insert(name, (print, runs.into()));
    }
    Some(catalog)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn take_len(rest: &mut &[u8]) -> Option<usize> {
    let len = u32::from_le_bytes(take(rest, 4)?.try_into().ok()?);
    usize::try_from(len).ok()
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_len(rest)?;
    take(rest, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::name::Stem;
    use crate::engine::types::{SyncId, SyncStats, SyncType, Timestamp};
    use shingle::vfs::{FaultFs, FaultPlan, MemFs, Op, OsFs};

    fn run(id: &str) -> SyncRun {
        let at = Timestamp {
            seconds: 7,
            nanos: 8,
        };
        let id = SyncId::from_stored(id);
        let mut run = SyncRun::started(id, SyncType::Partial, "parent".to_owned(), at);
        run.token = "token".to_owned();
        run.stats = Some(SyncStats {
            grants: 5,
            ..SyncStats::default()
        });
        run
    }

    fn folder() -> (MemFs, Arc<Entry>, State) {
        let fs = MemFs::new();
        let (number, label) = (3, "a".to_owned());
        let entry = Arc::new(Entry::new(Stem { number, label }, Form::Packed));
        fs.install("f/000003-a.c1z", vec![7; 2_000]).unwrap();
        let runs: Arc<[SyncRun]> = [run("a"), run("b")].into();
        let state = State::new([(Arc::clone(&entry), runs)], 4).unwrap();
        (fs, entry, state)
    }

    #[test]
    fn what_was_written_is_known_until_the_entry_changes() {
        let (fs, entry, state) = folder();
        let path = Path::new("f");
        Catalog::write(&fs, path, &state, UNIX_EPOCH).unwrap();
        let known = |fs: &MemFs| Catalog::read(fs, path).get(fs, path, &entry).unwrap();
        assert_eq!(known(&fs).as_deref(), Some(&*state.runs));
        let mut other = vec![7; 2_000];
        other[1_999] = 8;
        fs.install("f/000003-a.c1z", other).unwrap();
        assert_eq!(known(&fs), None, "other bytes");
        fs.install("f/000003-a.c1z", vec![7; 2_001]).unwrap();
        assert_eq!(known(&fs), None, "another length");
        fs.install("f/000003-a.c1z", vec![7; 2_000]).unwrap();
        assert!(known(&fs).is_some());
    }

    #[test]
    fn what_could_not_be_read_again_is_not_kept() {
        let (fs, entry, mut state) = folder();
        let path = Path::new("f");
        let id = state.runs.first().unwrap().id.clone();
        for is_sure in [true, false] {
            if !is_sure {
                state.unlearnt.insert(id.clone());
            }
            Catalog::write(&fs, path, &state, UNIX_EPOCH).unwrap();
            let known = Catalog::read(&fs, path).get(&fs, path, &entry).unwrap();
            assert_eq!(known.is_some(), is_sure);
        }
    }

    #[test]
    fn a_packed_file_that_has_stood_for_a_while_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (_, entry, state) = self::folder();
        let file = path.join(&entry.now);
        let write = |bytes: &[u8]| {
            let mut file = OsFs.create(&file).unwrap();
            file.write_all(bytes).unwrap();
        };
        write(&[7; 2_000]);
        let written = OsFs.metadata(&file).unwrap().modified.unwrap();
        for (after, is_opened) in [(Duration::ZERO, 1), (SETTLED, 0)] {
            Catalog::write(&OsFs, path, &state, written + after).unwrap();
            let plan = FaultPlan::parse("fail lock 9").unwrap();
            let counting = FaultFs::new(Arc::new(OsFs), plan);
            let catalog = Catalog::read(&counting, path);
            let opened = counting.operations(Op::Open);
            let known = catalog.get(&counting, path, &entry).unwrap();
            assert_eq!(known.as_deref(), Some(&*state.runs));
            assert_eq!(
                counting.operations(Op::Open) - opened,
                is_opened,
                "{after:?}"
            );
        }
        // Of the same length, at another time.
        while OsFs.metadata(&file).unwrap().modified == Some(written) {
            write(&[8; 2_000]);
        }
        let known = Catalog::read(&OsFs, path).get(&OsFs, path, &entry).unwrap();
        assert_eq!(known, None);
    }

    #[test]
    fn damage_is_no_catalog() {
        let (fs, entry, state) = folder();
        let path = Path::new("f");
        Catalog::write(&fs, path, &state, UNIX_EPOCH).unwrap();
        let whole = fs.read("f/c1z.catalog").unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(decode(&damaged).is_none(), "byte {at}");
            assert!(decode(&whole[..at]).is_none(), "cut at {at}");
        }
        fs.install("f/c1z.catalog", "nonsense").unwrap();
        let known = Catalog::read(&fs, path).get(&fs, path, &entry).unwrap();
        assert_eq!(known, None);
    }
}
