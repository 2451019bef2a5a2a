//! One b-tree page: its header, its cell pointers, and the cells without their payloads.
//!
//! | offset | width | meaning |
//! |---|---|---|
//! | 0 | 1 | kind: 2, 5 = interior page of an index, a table; 10, 13 = leaf of an index, a table |
//! | 1 | 2 | first free block |
//! | 3 | 2 | number of cells |
//! | 5 | 2 | start of the cell content, 0 = 65 536 |
//! | 7 | 1 | fragmented free bytes |
//! | 8 | 4 | right-most child, interior pages only |
//! | 8 or 12 | 2 a cell | offsets of the cells in key order |
//!
//! Offsets count from the start of the page; on page 1 the header itself starts at byte 100. Cells:
//!
//! | page | cell |
//! |---|---|
//! | table leaf | varint payload length, varint rowid, payload |
//! | table interior | u32 left child, varint rowid: the largest of that child |
//! | index leaf | varint payload length, payload |
//! | index interior | u32 left child, varint payload length, payload |
//!
//! A payload that does not fit continues on overflow pages ([`super::payload`]).

use std::fmt;
use std::sync::Arc;

use shingle::{Error, Result};

use super::header;
use super::pager::{PageBytes, PageNo, Pager, corrupt_page};
use super::payload::{LocalSizes, PayloadRef};
use super::varint;

/// The two kinds of b-trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TreeKind {
    /// Keyed by rowid, rows in the leaves.
    Table,
    /// Keyed by a record, entries in all pages.
    Index,
}

impl TreeKind {
    pub(super) fn structure(self) -> &'static str {
        match self {
            Self::Table => "sqlite table b-tree page",
            Self::Index => "sqlite index b-tree page",
        }
    }

    /// The kind byte of a page of such a tree.
    pub(super) fn page_kind(self, leaf: bool) -> u8 {
        match (self, leaf) {
            (Self::Index, false) => 2,
            (Self::Table, false) => 5,
            (Self::Index, true) => 10,
            (Self::Table, true) => 13,
        }
    }
}

/// A b-tree page whose header was checked.
#[derive(Clone, Debug)]
pub(super) struct Node {
    bytes: PageBytes,
    no: PageNo,
    tree: TreeKind,
    leaf: bool,
    cells: usize,
    /// Offset of the first cell pointer.
    pointers: usize,
    usable: usize,
}

impl Node {
    /// Checks the header of page `no` and that it belongs to a `tree`.
    pub(super) fn parse(
        bytes: PageBytes,
        no: PageNo,
        tree: TreeKind,
        pager: &Pager,
    ) -> Result<Self> {
        let base = header_offset(no);
        let kind = bytes.get(base).copied().unwrap_or_default();
        let leaf = kind == tree.page_kind(true);
        if !leaf && kind != tree.page_kind(false) {
            let expected = format!(
                "page kind {} or {}",
                tree.page_kind(true),
                tree.page_kind(false)
            );
            return Err(pager.corrupt(tree.structure(), no, base, expected, kind));
        }
        let cells = usize::from(read_u16(&bytes, base + 3).unwrap_or_default());
        let node = Self {
            no,
            tree,
            leaf,
            cells,
            pointers: base + if leaf { 8 } else { 12 },
            usable: pager.usable(),
            bytes,
        };
        if node.pointers_end() > node.usable {
            let expected = format!("cell pointers inside {} bytes", node.usable);
            return Err(node.corrupt(base + 3, expected, format_args!("{cells} cells")));
        }
        Ok(node)
    }

    pub(super) fn bytes(&self) -> &PageBytes {
        &self.bytes
    }

    pub(super) fn tree(&self) -> TreeKind {
        self.tree
    }

    pub(super) fn no(&self) -> PageNo {
        self.no
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.leaf
    }

    /// Number of cells. An interior page has one child more.
    pub(super) fn cells(&self) -> usize {
        self.cells
    }

    /// Offset after the last cell pointer.
    pub(super) fn pointers_end(&self) -> usize {
        self.pointers + 2 * self.cells
    }

    /// Offset of cell `i`.
    pub(super) fn cell_start(&self, i: usize) -> Result<usize> {
        let at = self.pointers + 2 * i;
        let start = usize::from(read_u16(&self.bytes, at).unwrap_or_default());
        // No cell is shorter than four bytes.
        if i < self.cells && start >= self.pointers_end() && start + 4 <= self.usable {
            return Ok(start);
        }
        let expected = format!(
            "cell {i} of {} between {} and {}",
            self.cells,
            self.pointers_end(),
            self.usable
        );
        Err(self.corrupt(at, expected, start))
    }

    /// Page number of child `i` of an interior page, and where it stands; `i` may equal
    /// [`Node::cells`].
    pub(super) fn child(&self, i: usize) -> Result<(u32, usize)> {
        let at = if i == self.cells {
            self.pointers - 4
        } else {
            self.cell_start(i)?
        };
        let no = read_u32(&self.bytes, at)
            .ok_or_else(|| self.corrupt(at, "a child page number", "end of page"))?;
        Ok((no, at))
    }

    /// The rowid of cell `i` of a table page.
    #[inline]
    pub(super) fn rowid(&self, i: usize) -> Result<i64> {
        let start = self.cell_start(i)?;
        let skipped = if self.leaf { self.varint(start)?.1 } else { 4 };
        let (rowid, _) = self.varint(start + skipped)?;
        Ok(rowid.cast_signed())
    }

    /// The payload of cell `i`: of any index page, or of a table leaf.
    #[inline]
    pub(super) fn payload(&self, i: usize, sizes: &LocalSizes) -> Result<PayloadRef> {
        let start = self.cell_start(i)?;
        let mut at = if self.leaf { start } else { start + 4 };
        let (total, len) = self.varint(at)?;
        at += len;
        let mut rowid = 0;
        if self.tree == TreeKind::Table {
            let (value, len) = self.varint(at)?;
            rowid = value.cast_signed();
            at += len;
        }
        self.place_payload(total, rowid, at, sizes)
    }

    #[inline]
    fn place_payload(
        &self,
        total: u64,
        rowid: i64,
        start: usize,
        sizes: &LocalSizes,
    ) -> Result<PayloadRef> {
        let Some(total) = sizes.accept(total) else {
            let expected = format!("a payload of at most {} bytes", sizes.payload_max());
            return Err(self.corrupt(start, expected, total));
        };
        let local = sizes.local(self.tree, total);
        let end = start + local;
        let spills = total as usize > local;
        if end + if spills { 4 } else { 0 } > self.usable {
            let expected = format!("{local} payload bytes before byte {}", self.usable);
            return Err(self.corrupt(start, expected, "end of page"));
        }
        let overflow = if spills {
            read_u32(&self.bytes, end)
        } else {
            None
        };
        Ok(PayloadRef {
            total,
            rowid,
            start,
            local,
            overflow,
        })
    }

    /// Length of cell `i` on the page in bytes, at least 4.
    pub(super) fn cell_len(&self, i: usize, sizes: &LocalSizes) -> Result<usize> {
        let start = self.cell_start(i)?;
        let end = if self.tree == TreeKind::Table && !self.leaf {
            start + 4 + self.varint(start + 4)?.1
        } else {
            let payload = self.payload(i, sizes)?;
            payload.start + payload.local + if payload.overflow.is_some() { 4 } else { 0 }
        };
        Ok((end - start).max(4))
    }

    fn varint(&self, at: usize) -> Result<(u64, usize)> {
        self.bytes
            .get(at..self.usable)
            .and_then(varint::decode)
            .ok_or_else(|| self.corrupt(at, "a varint", "end of page"))
    }

    /// The error for a contradiction at byte `at` of this page.
    pub(super) fn corrupt(
        &self,
        at: usize,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Error {
        let page_size = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        corrupt_page(
            self.tree.structure(),
            self.no,
            page_size,
            at,
            expected,
            found,
        )
    }

    /// Whether `bytes` are this page's.
    pub(super) fn holds(&self, bytes: &PageBytes) -> bool {
        Arc::ptr_eq(&self.bytes, bytes)
    }
}

/// Builds one page from cells that arrive in key order. The content area grows down from the end of
/// the page, without gaps.
#[derive(Debug)]
pub(super) struct PageBuilder {
    bytes: Vec<u8>,
    base: usize,
    tree: TreeKind,
    leaf: bool,
    cells: usize,
    content: usize,
}

impl PageBuilder {
    /// An empty page of `page_size` bytes, none of them reserved; its header starts at `base`.
    pub(super) fn new(page_size: usize, base: usize, tree: TreeKind, leaf: bool) -> Self {
        Self {
            bytes: vec![0; page_size],
            base,
            tree,
            leaf,
            cells: 0,
            content: page_size,
        }
    }

    fn pointers(&self) -> usize {
        self.base + if self.leaf { 8 } else { 12 }
    }

    /// Adds a cell given in pieces, if it fits.
    pub(super) fn push(&mut self, pieces: &[&[u8]]) -> bool {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        let pointer = self.pointers() + 2 * self.cells;
        let Some(mut at) = self.content.checked_sub(len.max(4)) else {
            return false;
        };
        if pointer + 2 > at {
            return false;
        }
        self.content = at;
        self.cells += 1;
        put_u16(&mut self.bytes, pointer, at);
        for piece in pieces {
            put(&mut self.bytes, at, piece);
            at += piece.len();
        }
        true
    }

    /// Takes the last cell out again.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let last = self.cells.checked_sub(1)?;
        let end = match last.checked_sub(1) {
            Some(before) => read_u16(&self.bytes, self.pointers() + 2 * before)?.into(),
            None => self.bytes.len(),
        };
        let cell = self.bytes.get(self.content..end)?.to_vec();
        put(&mut self.bytes, self.content, &vec![0; cell.len()]);
        let pointer = self.pointers() + 2 * last;
        put_u16(&mut self.bytes, pointer, 0);
        self.content = end;
        self.cells = last;
        Some(cell)
    }

    /// The finished page; an interior page has a right-most child.
    pub(super) fn finish(&mut self, right_child: u32) -> &mut [u8] {
        let base = self.base;
        put(&mut self.bytes, base, &[self.tree.page_kind(self.leaf)]);
        put_u16(&mut self.bytes, base + 3, self.cells);
        // A page of 65 536 bytes without a cell has its content at 0, which stands for its end.
        put_u16(&mut self.bytes, base + 5, self.content);
        if !self.leaf {
            put(&mut self.bytes, base + 8, &right_child.to_be_bytes());
        }
        &mut self.bytes
    }

    /// Makes the page empty again.
    pub(super) fn clear(&mut self) {
        self.bytes.fill(0);
        self.cells = 0;
        self.content = self.bytes.len();
    }
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(slot) = bytes.get_mut(at..at + field.len()) {
        slot.copy_from_slice(field);
    }
}

fn put_u16(bytes: &mut [u8], at: usize, value: usize) {
    let [.., high, low] = value.to_be_bytes();
    put(bytes, at, &[high, low]);
}

/// Where the b-tree header of page `no` starts.
pub(super) fn header_offset(no: PageNo) -> usize {
    if no == PageNo::FIRST { header::LEN } else { 0 }
}

pub(super) fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map(|field| u16::from_be_bytes(*field))
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map(|field| u32::from_be_bytes(*field))
}
