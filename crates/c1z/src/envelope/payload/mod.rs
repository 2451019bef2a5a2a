//! The files inside a v3 envelope, as a read-only [`Fs`]: nothing is unpacked.
//!
//! A file of the payload is read through the same seam as a file of the operating system. How its
//! bytes come, depends on how they are stored, and is decided when the file is first opened:
//!
//! | stored as | served by |
//! |---|---|
//! | plain tar | positioned reads of the envelope, no copy kept |
//! | frames that fit the cache share | [`Framed`]: a frame is decoded once, kept whole, evicted last-used first |
//! | one frame that does not fit | [`Stream`]: running decoders that go forward, the file's end kept |
//! | tar in one zstd frame | either of the two over the whole archive |
//!
//! What is promised: every byte handed out was covered by a verified zstd checksum, where the frame
//! has one, *before* it was handed out for whole frames, and by the end of the pass for streams. The
//! entry's own XXH64 is verified when a frame holds the whole file, and otherwise whenever a pass has
//! seen all of it in order. SHA-256 is verified by [`PayloadFs::verify`] alone, as in the reference
//! nobody looks at it while reading. Memory is the cache share plus, per thread that decodes, one
//! frame or one window.
//!
//! What is not done: nothing is written, nothing is locked, no temporary file is made.

mod archive;
mod cache;
mod file;
mod framed;
mod indexed;
mod stream;
mod verify;
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use shingle::vfs::{FileLock, Fs, Metadata, ReadFile, WriteFile};

use super::counters::ReadCounters;
use super::fault;
use super::limits::Limits;
use super::source::Source;
use crate::budget::{MemoryBudget, Reservation};
use crate::{Error, Result};
use cache::FrameCache;
use file::{Entry, PayloadFile};
use stream::StreamPool;

pub use verify::VerifiedPayload;

/// How much memory a payload may take, and for what.
#[derive(Clone, Debug)]
pub struct PayloadOptions {
    /// Where the memory comes from. Default: a budget of its own of
    /// [`MemoryBudget::DEFAULT_BYTES`].
    pub budget: MemoryBudget,
    /// Bytes of decoded frames that are kept; reserved from the budget for as long as the payload is
    /// open. Default 64 MiB, but at most a quarter of the budget. More means fewer frames decoded
    /// twice.
    pub cache_bytes: u64,
    /// Running decoders of oversized files that are kept for the next read, over all files. Default
    /// 4; each costs up to its window (8 MiB in known files) and 2 MiB.
    pub idle_streams_max: usize,
}

impl PayloadOptions {
    /// The default shares of `budget`.
    pub fn new(budget: MemoryBudget) -> Self {
        let cache_bytes = (64 << 20).min(budget.limit() / 4);
        Self {
            budget,
            cache_bytes,
            idle_streams_max: 4,
        }
    }
}

impl Default for PayloadOptions {
    fn default() -> Self {
        Self::new(MemoryBudget::default())
    }
}

/// What all files of one payload share.
#[derive(Debug)]
struct Context {
    source: Arc<Source>,
    limits: Limits,
    cache: FrameCache,
    streams: StreamPool,
    budget: MemoryBudget,
    _cache_share: Reservation,
}

impl Context {
    fn new(source: Arc<Source>, limits: Limits, options: &PayloadOptions) -> Result<Self> {
        let share = options
            .budget
            .reserve(options.cache_bytes, "cache of decoded frames")?;
        Ok(Self {
            source,
            limits,
            cache: FrameCache::new(options.cache_bytes),
            streams: StreamPool::new(options.idle_streams_max),
            budget: options.budget.clone(),
            _cache_share: share,
        })
    }

    /// Longest decoded frame that is kept whole: a pass over two of them in turn still hits.
    fn whole_max(&self) -> u64 {
        self.cache.capacity() / 2
    }
}

/// A read-only view of the files inside a v3 envelope. Paths are names of files, `/` between
/// folders; a leading `/` or `./` means nothing.
#[derive(Debug)]
pub struct PayloadFs {
    context: Arc<Context>,
    entries: BTreeMap<String, Arc<Entry>>,
}

impl PayloadFs {
    fn new(context: Arc<Context>, entries: Vec<Entry>) -> Self {
        let named = entries
            .into_iter()
            .map(|e| (e.name().to_owned(), Arc::new(e)));
        Self {
            context,
            entries: named.collect(),
        }
    }

    /// Names and lengths of all files, sorted bytewise.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.entries
            .iter()
            .map(|(name, entry)| (name.as_str(), entry.len()))
    }

    /// What reading cost so far.
    pub fn counters(&self) -> ReadCounters {
        self.context.source.counters().snapshot()
    }

    /// Decodes every file front to back and verifies lengths and hashes, SHA-256 too where it is
    /// recorded. Takes the memory of one stream; nothing goes through the cache.
    ///
    /// # Errors
    /// The first damage found.
    pub fn verify(&self) -> Result<VerifiedPayload> {
        verify::verify(&self.context, self.entries.values())
    }

    /// Reads one file to its end and compares its hashes, SHA-256 too where it is recorded. Unlike
    /// [`PayloadFs::verify`] this goes through the cache: whoever reads the file next finds what fits.
    ///
    /// # Errors
    /// `NotFound` for a name that no file has; the first damage found.
    pub fn verify_file(&self, name: &str) -> Result<VerifiedPayload> {
        let entry = self.entries.get(name);
        let entry = entry.ok_or_else(|| Error::not_found(format!("no file name=`{name}`")))?;
        verify::verify_kept(&self.context, entry)
    }

    fn find(&self, path: &Path) -> Result<&Arc<Entry>, io::Error> {
        self.entries
            .get(&name_of(path)?)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn is_folder(&self, name: &str) -> bool {
        name.is_empty() || self.below(name).next().is_some()
    }

    /// What follows `folder/` in the names of the files below it.
    fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let len = prefix.len();
        self.entries
            .range(prefix.clone()..)
            .map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(&prefix))
            .filter_map(move |name| name.get(len..))
    }
}

/// The name that `path` means.
fn name_of(path: &Path) -> io::Result<String> {
    let text = path.to_str().ok_or(io::ErrorKind::NotFound)?;
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    Ok(parts.collect::<Vec<_>>().join("/"))
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Fs for PayloadFs {
    /// # Errors
    /// `NotFound`; damage of the file as `InvalidData` with a [`crate::Error`] inside.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let entry = self.find(path)?;
        let file = PayloadFile::open(Arc::clone(&self.context), Arc::clone(entry));
        Ok(Arc::new(file.map_err(fault::into_io)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let folder = name_of(dir)?;
        if !self.is_folder(&folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let first = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        let mut names: Vec<_> = self.below(&folder).map(first).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let name = name_of(path)?;
        if self.is_folder(&name) {
            return Ok(Metadata {
                len: 0,
                is_dir: true,
                modified: None,
            });
        }
        Ok(Metadata {
            len: self.find(path)?.len(),
            is_dir: false,
            modified: None,
        })
    }

    fn create(&self, _: &Path) -> io::Result<Box<dyn WriteFile>> {
        read_only()
    }

    fn create_new(&self, _: &Path) -> io::Result<Box<dyn WriteFile>> {
        read_only()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn hard_link(&self, _: &Path, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn remove_file(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn FileLock>> {
        read_only()
    }
}

/// Puts the name of a payload file and the path of the envelope around an error.
fn in_entry(context: &Context, name: &str, error: Error) -> Error {
    let hint = error.hint().map(str::to_owned);
    let message = format!("cannot read payload file name=`{}`", name.escape_debug());
    let outer = Error::new(error.kind(), message).in_file(context.source.path());
    let outer = match hint {
        Some(hint) => outer.with_hint(hint),
        None => outer,
    };
    outer.with_source(error)
}
