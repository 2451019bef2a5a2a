//! An external sort of byte strings within a memory budget.
//!
//! Strings are gathered in one arena. When it is full it is sorted and written to a file in the
//! scratch folder; at the end the files are merged. A file is a sequence of strings, each as two
//! varints (bytes shared with the string before it, bytes of its own) and those bytes.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::Arc;

use shingle::vfs::{Fs, WriteFile};
use shingle::{Error, ErrorKind, Result};

use super::super::varint;
use super::merge::Merge;

/// Files that are merged at once: more are first merged into one.
const RUNS_MAX: usize = 128;
/// Bytes that are gathered before they are written to a file, and read from one at once.
pub(super) const IO_LEN: usize = 64 << 10;
/// Longest arena: places in it are u32.
const ARENA_MAX: usize = u32::MAX as usize;

/// A folder for temporary files. The writer creates and removes files in it whose names start with
/// `sort-`; nothing else may use such names there.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// The file system.
    pub fs: Arc<dyn Fs>,
    /// The folder, which exists.
    pub dir: PathBuf,
}

/// A string in the arena.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Eight bytes after those that all strings share.
    head: u64,
    start: u32,
    len: u32,
}

/// Gathers and sorts.
#[derive(Debug)]
pub(super) struct Sorter {
    name: String,
    arena: Vec<u8>,
    entries: Vec<Entry>,
    memory_bytes: usize,
    scratch: Option<Scratch>,
    runs: Vec<PathBuf>,
    runs_made: usize,
}

impl Sorter {
    /// `name` distinguishes the files of sorters that share a scratch folder.
    pub(super) fn new(name: String, memory_bytes: usize, scratch: Option<Scratch>) -> Self {
        Self {
            name,
            arena: Vec::new(),
            entries: Vec::new(),
            memory_bytes: memory_bytes.min(ARENA_MAX),
            scratch,
            runs: Vec::new(),
            runs_made: 0,
        }
    }

    /// Adds a string.
    pub(super) fn push(&mut self, string: &[u8]) -> Result<()> {
        let needed =
            self.arena.len() + string.len() + (self.entries.len() + 1) * size_of::<Entry>();
        if needed > self.memory_bytes && !self.entries.is_empty() {
            self.spill()?;
        }
        let (Ok(start), Ok(len)) = (u32::try_from(self.arena.len()), u32::try_from(string.len()))
        else {
            return Err(Error::new(ErrorKind::Exhausted, "a sort key of 4 GiB"));
        };
        self.arena.extend_from_slice(string);
        self.entries.push(Entry {
            head: 0,
            start,
            len,
        });
        Ok(())
    }

    /// Sorts what was added; strings come out of the result in ascending order.
    pub(super) fn finish(mut self) -> Result<Sorted> {
        if self.runs.is_empty() {
            self.sort();
            return Ok(Sorted::Memory(self, 0));
        }
        if !self.entries.is_empty() {
            self.spill()?;
        }
        self.arena = Vec::new();
        self.entries = Vec::new();
        let merge = self.merge()?;
        Ok(Sorted::Files(self, merge))
    }

    fn sort(&mut self) {
        let shared = self.shared_len();
        let arena = &self.arena;
        for entry in &mut self.entries {
            entry.head = head(tail(string(arena, *entry), shared));
        }
        self.entries.sort_unstable_by(|a, b| {
            a.head.cmp(&b.head).then_with(|| {
                let (a, b) = (string(arena, *a), string(arena, *b));
                compare_tails(a, b, shared)
            })
        });
    }

    /// Length of the longest prefix that all strings share.
    fn shared_len(&self) -> usize {
        let mut entries = self.entries.iter().map(|entry| string(&self.arena, *entry));
        let Some(first) = entries.next() else {
            return 0;
        };
        entries.fold(first.len(), |shared, string| {
            shared_len(first.get(..shared).unwrap_or_default(), string)
        })
    }

    fn spill(&mut self) -> Result<()> {
        self.sort();
        let (path, file) = self.create_run()?;
        self.runs.push(path);
        let mut run = RunWriter::new(file);
        for entry in &self.entries {
            run.push(string(&self.arena, *entry))?;
        }
        run.finish()?;
        self.arena.clear();
        self.entries.clear();
        if self.runs.len() == RUNS_MAX {
            self.merge_runs()?;
        }
        Ok(())
    }

    fn create_run(&mut self) -> Result<(PathBuf, Box<dyn WriteFile>)> {
        let Some(scratch) = &self.scratch else {
            let message = format!(
                "index needs more memory to be sorted, or a scratch folder index=`{}` \
                 memory_bytes=`{}`",
                self.name, self.memory_bytes
            );
            return Err(Error::new(ErrorKind::Exhausted, message));
        };
        let path = scratch
            .dir
            .join(format!("sort-{}-{}", self.name, self.runs_made));
        self.runs_made += 1;
        let file = scratch
            .fs
            .create(&path)
            .map_err(|source| Error::io("create", &path, source))?;
        Ok((path, file))
    }

    /// Replaces all files by one.
    fn merge_runs(&mut self) -> Result<()> {
        let mut merge = self.merge()?;
        let (path, file) = self.create_run()?;
        let mut run = RunWriter::new(file);
        while let Some(string) = merge.next()? {
            run.push(string)?;
        }
        run.finish()?;
        drop(merge);
        self.remove_runs();
        self.runs.push(path);
        Ok(())
    }

    fn merge(&self) -> Result<Merge> {
        let Some(scratch) = &self.scratch else {
            return Merge::open(Vec::new());
        };
        let open = |path: &PathBuf| {
            scratch
                .fs
                .open(path)
                .map_err(|source| Error::io("open", path, source))
        };
        Merge::open(self.runs.iter().map(open).collect::<Result<_>>()?)
    }

    /// Removes the files; one that cannot be removed is left in the scratch folder.
    fn remove_runs(&mut self) {
        for path in self.runs.drain(..) {
            if let Some(scratch) = &self.scratch {
                let _ = scratch.fs.remove_file(&path);
            }
        }
    }
}

impl Drop for Sorter {
    fn drop(&mut self) {
        self.remove_runs();
    }
}

/// Strings in ascending order.
pub(super) enum Sorted {
    /// From the arena, and the number already taken.
    Memory(Sorter, usize),
    /// From files.
    Files(
        #[expect(dead_code, reason = "dropping it removes the files")] Sorter,
        Merge,
    ),
}

impl Sorted {
    /// The next string; valid until the next call.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
        match self {
            Self::Memory(sorter, taken) => {
                let entry = sorter.entries.get(*taken);
                *taken += 1;
                Ok(entry.map(|entry| string(&sorter.arena, *entry)))
            }
            Self::Files(_, merge) => merge.next(),
        }
    }
}

fn string(arena: &[u8], entry: Entry) -> &[u8] {
    let start = entry.start as usize;
    arena
        .get(start..start + entry.len as usize)
        .unwrap_or_default()
}

fn tail(string: &[u8], shared: usize) -> &[u8] {
    string.get(shared..).unwrap_or_default()
}

/// The first eight bytes, zeros after the end.
fn head(string: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (byte, value) in bytes.iter_mut().zip(string) {
        *byte = *value;
    }
    u64::from_be_bytes(bytes)
}

fn compare_tails(a: &[u8], b: &[u8], shared: usize) -> Ordering {
    tail(a, shared).cmp(tail(b, shared))
}

fn shared_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Writes one file.
struct RunWriter {
    file: Box<dyn WriteFile>,
    buffer: Vec<u8>,
    last: Vec<u8>,
}

impl RunWriter {
    fn new(file: Box<dyn WriteFile>) -> Self {
        Self {
            file,
            buffer: Vec::with_capacity(IO_LEN + 1024),
            last: Vec::new(),
        }
    }

    fn push(&mut self, string: &[u8]) -> Result<()> {
        let shared = shared_len(&self.last, string);
        let own = tail(string, shared);
        varint::encode(shared as u64, &mut self.buffer);
        varint::encode(own.len() as u64, &mut self.buffer);
        self.buffer.extend_from_slice(own);
        self.last.truncate(shared);
        self.last.extend_from_slice(own);
        if self.buffer.len() >= IO_LEN {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.buffer).map_err(|source| {
            Error::new(ErrorKind::Io, "cannot write a sort file").with_source(source)
        })?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.flush()
    }
}
