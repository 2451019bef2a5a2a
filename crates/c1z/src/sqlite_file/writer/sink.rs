//! The file that pages are appended to.

use shingle::vfs::WriteFile;
use shingle::{Error, ErrorKind, Result};

use super::super::pager::PageNo;
use super::PAGE_SIZE;

/// The page with this byte of the file is never used: its bytes are what processes lock.
const LOCK_BYTE: u64 = 1 << 30;

/// Bytes that are gathered before they are written.
const BUFFER_LEN: usize = 256 << 10;

/// Numbers pages from 2 on and appends them.
pub(super) struct PageSink {
    file: Box<dyn WriteFile>,
    buffer: Vec<u8>,
    next: PageNo,
    lock_page: PageNo,
}

impl PageSink {
    pub(super) fn new(file: Box<dyn WriteFile>) -> Self {
        Self::with_lock_byte(file, LOCK_BYTE)
    }

    /// As [`PageSink::new`], with another locked byte: a test cannot write a GiB.
    pub(super) fn with_lock_byte(file: Box<dyn WriteFile>, lock_byte: u64) -> Self {
        let lock_page = lock_byte / PAGE_SIZE as u64 + 1;
        Self {
            file,
            buffer: Vec::with_capacity(BUFFER_LEN),
            next: PageNo(2),
            lock_page: PageNo(u32::try_from(lock_page).unwrap_or(u32::MAX)),
        }
    }

    /// The number that the next page will get.
    pub(super) fn next_no(&self) -> PageNo {
        self.usable(self.next)
    }

    /// The number of the page after `no`.
    pub(super) fn no_after(&self, no: PageNo) -> PageNo {
        self.usable(PageNo(no.0.saturating_add(1)))
    }

    fn usable(&self, no: PageNo) -> PageNo {
        if no == self.lock_page {
            PageNo(no.0.saturating_add(1))
        } else {
            no
        }
    }

    /// Number of pages, with the first one, which is not written here.
    pub(super) fn page_count(&self) -> u32 {
        self.next.0 - 1
    }

    /// Appends a page.
    pub(super) fn append(&mut self, page: &[u8]) -> Result<PageNo> {
        let no = self.next_no();
        if no.0 >= u32::MAX - 1 {
            return Err(Error::new(ErrorKind::Exhausted, "sqlite file is full"));
        }
        if no != self.next {
            self.write(&[0; PAGE_SIZE])?;
        }
        self.write(page)?;
        self.next = PageNo(no.0 + 1);
        Ok(no)
    }

    fn write(&mut self, page: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(page);
        if self.buffer.len() >= BUFFER_LEN {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.buffer).map_err(|source| {
            Error::new(ErrorKind::Io, "cannot write sqlite pages").with_source(source)
        })?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is gathered and returns the file, not synced.
    pub(super) fn finish(mut self) -> Result<Box<dyn WriteFile>> {
        self.flush()?;
        Ok(self.file)
    }
}
