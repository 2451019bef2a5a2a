//! Payloads: how much of one stays on its b-tree page, and the chain of pages that hold the rest.
//!
//! With U usable bytes a page and P payload bytes: a payload stays whole up to X bytes, where X
//! is U − 35 in a table and (U − 12)·64/255 − 23 in an index. A longer one keeps K bytes if K ≤ X
//! and M bytes otherwise, where M = (U − 12)·32/255 − 23 and K = M + (P − M) mod (U − 4); four more
//! bytes name the first overflow page. An overflow page is a u32 (the next page, 0 on the last) and
//! U − 4 bytes of payload.

use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use shingle::{Error, ErrorKind, Result};

use super::node::{TreeKind, read_u32};
use super::pager::{Caching, PageBytes, PageNo, Pager};

const STRUCTURE: &str = "sqlite overflow chain";

/// The format's own limit of a record's length.
const LEN_LIMIT: u64 = (1 << 31) - 1;

/// The arithmetic of one database.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalSizes {
    usable: u32,
    min: u32,
    max_table: u32,
    max_index: u32,
    payload_max: u64,
}

impl LocalSizes {
    /// For pages with `usable` bytes; no payload is longer than the `page_count` pages of its file.
    pub(super) fn new(usable: u32, page_count: u32) -> Self {
        Self {
            usable,
            min: (usable - 12) * 32 / 255 - 23,
            max_table: usable - 35,
            max_index: (usable - 12) * 64 / 255 - 23,
            payload_max: LEN_LIMIT.min(u64::from(usable) * u64::from(page_count)),
        }
    }

    pub(super) fn payload_max(&self) -> u64 {
        self.payload_max
    }

    /// The length of a payload, if the file can hold it.
    pub(super) fn accept(&self, total: u64) -> Option<u32> {
        u32::try_from(total)
            .ok()
            .filter(|_| total <= self.payload_max)
    }

    /// How many of `total` bytes stay on the page.
    #[inline]
    pub(super) fn local(&self, tree: TreeKind, total: u32) -> usize {
        let max = match tree {
            TreeKind::Table => self.max_table,
            TreeKind::Index => self.max_index,
        };
        if total <= max {
            return total as usize;
        }
        let kept = self.min + (total - self.min) % (self.usable - 4);
        if kept <= max {
            kept as usize
        } else {
            self.min as usize
        }
    }
}

/// Where a payload is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PayloadRef {
    /// Its length in bytes.
    pub(super) total: u32,
    /// The rowid before it, 0 in an index.
    pub(super) rowid: i64,
    /// Offset of its first byte on the page.
    pub(super) start: usize,
    /// How many bytes of it are on the page.
    pub(super) local: usize,
    /// First overflow page as written, unchecked.
    pub(super) overflow: Option<u32>,
}

/// A position in an overflow chain: the page that holds the payload bytes from `offset` on.
#[derive(Debug)]
struct Link {
    offset: usize,
    no: PageNo,
    page: PageBytes,
}

impl Link {
    /// The payload bytes on the page.
    fn held<'a>(&'a self, pager: &Pager, payload: &PayloadRef) -> &'a [u8] {
        let area = self.page.get(4..pager.usable()).unwrap_or_default();
        let rest = payload.total as usize - self.offset;
        area.get(..area.len().min(rest)).unwrap_or(area)
    }

    /// The link after this one, which holds `held` bytes; `None` after the last.
    fn next(&self, pager: &Pager, payload: &PayloadRef, held: usize) -> Result<Option<Self>> {
        let offset = self.offset + held;
        let next = read_u32(&self.page, 0).unwrap_or_default();
        if offset < payload.total as usize {
            let no = pager.check(next, STRUCTURE, self.no, 0)?;
            let page = pager.page(no, Caching::Pass)?;
            return Ok(Some(Self { offset, no, page }));
        }
        if next != 0 {
            let expected = "0, the end of the chain";
            return Err(pager.corrupt(STRUCTURE, self.no, 0, expected, next));
        }
        Ok(None)
    }
}

/// Reads the part of a payload that is on overflow pages. Remembers where the last read ended, so
/// that reads in ascending order follow the chain once.
#[derive(Default)]
pub(super) struct Chain {
    last: Cell<Option<Link>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

impl Clone for Chain {
    /// A copy that remembers nothing.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Chain {
    /// Forgets the position: the next read is of another payload.
    #[inline]
    pub(super) fn reset(&mut self) {
        *self.last.get_mut() = None;
    }

    /// Hands the payload bytes of `range` to `sink`, piece by piece. All of them must be on
    /// overflow pages of `payload`, which was found on page `owner`.
    ///
    /// The number of pages followed is bounded by the payload's length, whatever they contain.
    pub(super) fn read(
        &self,
        pager: &Pager,
        payload: &PayloadRef,
        owner: PageNo,
        range: Range<usize>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        let mut at = range.start;
        let mut link = match self.last.take() {
            Some(link) if link.offset <= at => link,
            _ => first_link(pager, payload, owner)?,
        };
        loop {
            let held = link.held(pager, payload);
            if let Some(piece) = held.get(at - link.offset..) {
                let piece = piece.get(..range.end - at).unwrap_or(piece);
                sink(piece);
                at += piece.len();
            }
            let held = held.len();
            if at >= range.end {
                // The end of the chain is looked at by whoever reads the last byte.
                if at == payload.total as usize {
                    link.next(pager, payload, held)?;
                }
                self.last.set(Some(link));
                return Ok(());
            }
            match link.next(pager, payload, held)? {
                Some(next) => link = next,
                None => return Err(Error::new(ErrorKind::Internal, "read past a payload")),
            }
        }
    }
}

fn first_link(pager: &Pager, payload: &PayloadRef, owner: PageNo) -> Result<Link> {
    let at = payload.start + payload.local;
    let no = payload.overflow.unwrap_or_default();
    let no = pager.check(no, STRUCTURE, owner, at)?;
    Ok(Link {
        offset: payload.local,
        no,
        page: pager.page(no, Caching::Pass)?,
    })
}
