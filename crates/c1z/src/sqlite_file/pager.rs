//! Pages: numbers, bounded reads, a small cache.
//!
//! A page is read whole and shared behind an `Arc`, so rows may keep borrowing it while a cursor
//! moves on. The cache is direct-mapped (a page has one slot): its memory is fixed, a lookup costs
//! O(1), and no list needs a lock over all of it. Scans of leaves read past the cache, so they do
//! not throw out the interior pages that seeks need.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use shingle::vfs::ReadFile;
use shingle::{Error, ErrorKind, Result};

use super::header::{self, FileHeader};
use super::payload::LocalSizes;

/// Number of a page; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PageNo(pub(super) u32);

impl PageNo {
    /// The page with the file header and the root of the schema table.
    pub(super) const FIRST: PageNo = PageNo(1);

    /// Offset of the page's first byte in the file.
    pub(super) fn offset(self, page_size: u32) -> u64 {
        u64::from(self.0.saturating_sub(1)) * u64::from(page_size)
    }
}

impl fmt::Display for PageNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The bytes of one page.
pub(super) type PageBytes = Arc<[u8]>;

/// Whether a page that had to be read stays in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caching {
    Keep,
    Pass,
}

/// Reads the pages of one file. Shareable between threads.
pub(super) struct Pager {
    file: Arc<dyn ReadFile>,
    header: FileHeader,
    page_count: u32,
    sizes: LocalSizes,
    slots: Box<[Slot]>,
    asked: AtomicU64,
    read: AtomicU64,
}

/// What reading cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCounters {
    /// Pages that were asked for, in the cache or not.
    pub asked: u64,
    /// Pages that were read from the file.
    pub read: u64,
}

/// One place of the cache.
type Slot = Mutex<Option<(PageNo, PageBytes)>>;

impl Pager {
    /// Reads the header of `file`. `cache_bytes` bounds the cache; it holds at least one page.
    pub(super) fn open(file: Arc<dyn ReadFile>, cache_bytes: usize) -> Result<Self> {
        let mut bytes = [0; header::LEN];
        let len = file
            .read_at(0, &mut bytes)
            .map_err(|source| read_error(PageNo::FIRST, source))?;
        let header = FileHeader::decode(bytes.get(..len).unwrap_or_default())?;
        let page_count = page_count(&header, file.len())?;
        let slots = (cache_bytes / header.page_size as usize)
            .min(page_count as usize)
            .max(1);
        Ok(Self {
            file,
            sizes: LocalSizes::new(header.usable_bytes(), page_count),
            header,
            page_count,
            slots: (0..slots).map(|_| Mutex::new(None)).collect(),
            asked: AtomicU64::new(0),
            read: AtomicU64::new(0),
        })
    }

    /// Opens a file that was cut or damaged: `header` is taken instead of the file's, and the pages are
    /// those that are whole.
    pub(super) fn open_damaged(file: Arc<dyn ReadFile>, header: FileHeader) -> Self {
        let whole = file.len() / u64::from(header.page_size);
        let page_count = u32::try_from(whole).unwrap_or(u32::MAX);
        Self {
            file,
            sizes: LocalSizes::new(header.usable_bytes(), page_count),
            header,
            page_count,
            slots: Box::new([]),
            asked: AtomicU64::new(0),
            read: AtomicU64::new(0),
        }
    }

    pub(super) fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Number of pages in the database.
    pub(super) fn page_count(&self) -> u32 {
        self.page_count
    }

    /// Bytes of a page that hold content.
    pub(super) fn usable(&self) -> usize {
        self.header.usable_bytes() as usize
    }

    /// The arithmetic of payloads.
    pub(super) fn sizes(&self) -> &LocalSizes {
        &self.sizes
    }

    /// Length of the file in bytes, which may exceed the pages.
    pub(super) fn file_len(&self) -> u64 {
        self.file.len()
    }

    /// The page `no`, from the cache or from the file. The caller has checked `no`
    /// ([`Pager::check`]).
    pub(super) fn page(&self, no: PageNo, caching: Caching) -> Result<PageBytes> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let slot = (no.0 as usize).checked_rem(self.slots.len());
        let Some(slot) = slot.and_then(|slot| self.slots.get(slot)) else {
            return self.read(no);
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((cached, bytes)) = &*slot
            && *cached == no
        {
            return Ok(Arc::clone(bytes));
        }
        if caching == Caching::Pass {
            drop(slot);
            return self.read(no);
        }
        let bytes = self.read(no)?;
        *slot = Some((no, Arc::clone(&bytes)));
        Ok(bytes)
    }

    /// What reading cost so far.
    pub(super) fn counters(&self) -> PageCounters {
        PageCounters {
            asked: self.asked.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
        }
    }

    fn read(&self, no: PageNo) -> Result<PageBytes> {
        self.read.fetch_add(1, Ordering::Relaxed);
        let page_size = self.header.page_size;
        let mut page: PageBytes = std::iter::repeat_n(0, page_size as usize).collect();
        if let Some(bytes) = Arc::get_mut(&mut page) {
            self.file
                .read_exact_at(no.offset(page_size), bytes)
                .map_err(|source| read_error(no, source))?;
        }
        Ok(page)
    }

    /// Checks a page number that was read at byte `at` of page `from`.
    pub(super) fn check(
        &self,
        no: u32,
        structure: &'static str,
        from: PageNo,
        at: usize,
    ) -> Result<PageNo> {
        if no >= 1 && no <= self.page_count {
            return Ok(PageNo(no));
        }
        let expected = format!("a page number from 1 to {}", self.page_count);
        Err(self.corrupt(structure, from, at, expected, no))
    }

    /// The error for a contradiction at byte `at` of page `no`.
    pub(super) fn corrupt(
        &self,
        structure: &'static str,
        no: PageNo,
        at: usize,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Error {
        corrupt_page(structure, no, self.header.page_size, at, expected, found)
    }
}

impl fmt::Debug for Pager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pager")
            .field("file", &self.file)
            .field("header", &self.header)
            .field("page_count", &self.page_count)
            .finish_non_exhaustive()
    }
}

/// The error for a contradiction at byte `at` of page `no`; the offset is the file's.
pub(super) fn corrupt_page(
    structure: &'static str,
    no: PageNo,
    page_size: u32,
    at: usize,
    expected: impl fmt::Display,
    found: impl fmt::Display,
) -> Error {
    let offset = no.offset(page_size).saturating_add(at as u64);
    Error::corrupt(
        structure,
        offset,
        format_args!("{expected} (page {no}, byte {at})"),
        found,
    )
}

fn page_count(header: &FileHeader, file_len: u64) -> Result<u32> {
    let whole = file_len / u64::from(header.page_size);
    let count = header.page_count.map_or(whole, u64::from);
    match u32::try_from(count) {
        Ok(count) if count >= 1 && u64::from(count) <= whole => Ok(count),
        _ => {
            let expected = format!("{} pages of {} bytes", count.max(1), header.page_size);
            let found = format!("{file_len} bytes");
            Err(Error::corrupt("sqlite file length", 28, expected, found))
        }
    }
}

fn read_error(no: PageNo, source: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot read sqlite page=`{no}`")).with_source(source)
}
