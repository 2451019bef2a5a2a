//! B-trees built bottom-up from entries in key order.
//!
//! Each level keeps one page that is being filled. When it is full, the entry that does not fit is
//! held back: it becomes the separator between the full page and the next one, which starts with
//! the entry after it. If no entry follows, the last entry of the full page becomes the separator
//! instead, so that no page is left empty. Leaves of tables hold all rows themselves: there the
//! separator is a copy of the last rowid of the full page.
//!
//! Memory: one page and one entry a level. Pages are appended when they are finished, children
//! before parents, the root last.

use shingle::{Error, ErrorKind, Result};

use super::super::node::{PageBuilder, TreeKind};
use super::super::pager::PageNo;
use super::super::varint;
use super::PAGE_SIZE;
use super::sink::PageSink;

/// A level above the leaves.
#[derive(Debug)]
struct Interior {
    page: PageBuilder,
    /// A child and the separator after it that did not fit.
    held: Option<(PageNo, Vec<u8>)>,
}

/// What a finished page gives to the level above.
type Upward = Option<(PageNo, Vec<u8>)>;

impl Interior {
    fn new(tree: TreeKind) -> Self {
        Self {
            page: PageBuilder::new(PAGE_SIZE, 0, tree, false),
            held: None,
        }
    }

    /// Adds a child and the separator after it.
    fn push(&mut self, sink: &mut PageSink, child: PageNo, separator: Vec<u8>) -> Result<Upward> {
        let up = match self.held.take() {
            Some((last, up)) => Some((self.write(sink, last)?, up)),
            None => None,
        };
        if !self.page.push(&[&child.0.to_be_bytes(), &separator]) {
            self.held = Some((child, separator));
        }
        Ok(up)
    }

    /// Adds the last child: what goes up before the level's last page, and that page.
    fn finish(&mut self, sink: &mut PageSink, last: PageNo) -> Result<(Upward, PageNo)> {
        let mut up = None;
        if let Some((child, separator)) = self.held.take() {
            let cell = self.page.pop().unwrap_or_default();
            let Some((before, moved)) = cell.split_first_chunk() else {
                return Err(internal("an interior page without cells"));
            };
            let before = PageNo(u32::from_be_bytes(*before));
            up = Some((self.write(sink, before)?, moved.to_vec()));
            self.page.push(&[&child.0.to_be_bytes(), &separator]);
        }
        Ok((up, self.write(sink, last)?))
    }

    fn write(&mut self, sink: &mut PageSink, right_child: PageNo) -> Result<PageNo> {
        let no = sink.append(self.page.finish(right_child.0))?;
        self.page.clear();
        Ok(no)
    }
}

/// The levels above the leaves of one tree.
#[derive(Debug)]
struct Levels {
    tree: TreeKind,
    levels: Vec<Interior>,
}

impl Levels {
    fn push(&mut self, sink: &mut PageSink, child: PageNo, separator: Vec<u8>) -> Result<()> {
        self.push_at(sink, 0, Some((child, separator)))
    }

    fn push_at(&mut self, sink: &mut PageSink, level: usize, mut up: Upward) -> Result<()> {
        let mut level = level;
        while let Some((child, separator)) = up {
            if self.levels.len() == level {
                self.levels.push(Interior::new(self.tree));
            }
            let Some(interior) = self.levels.get_mut(level) else {
                return Err(internal("a level without those below it"));
            };
            up = interior.push(sink, child, separator)?;
            level += 1;
        }
        Ok(())
    }

    /// Adds the last leaf and returns the root.
    fn finish(&mut self, sink: &mut PageSink, leaf: PageNo) -> Result<PageNo> {
        let mut child = leaf;
        let mut level = 0;
        while let Some(interior) = self.levels.get_mut(level) {
            let (up, last) = interior.finish(sink, child)?;
            child = last;
            level += 1;
            self.push_at(sink, level, up)?;
        }
        Ok(child)
    }
}

/// Builds the b-tree of a table.
#[derive(Debug)]
pub(super) struct TableTree {
    leaf: PageBuilder,
    levels: Levels,
    last_rowid: i64,
}

impl TableTree {
    pub(super) fn new() -> Self {
        Self {
            leaf: PageBuilder::new(PAGE_SIZE, 0, TreeKind::Table, true),
            levels: Levels {
                tree: TreeKind::Table,
                levels: Vec::new(),
            },
            last_rowid: 0,
        }
    }

    /// Adds the cell of a row; rows come in ascending order of rowid.
    pub(super) fn push(&mut self, sink: &mut PageSink, rowid: i64, cell: &[u8]) -> Result<()> {
        if !self.leaf.push(&[cell]) {
            let mut separator = Vec::new();
            varint::encode(self.last_rowid.cast_unsigned(), &mut separator);
            let no = sink.append(self.leaf.finish(0))?;
            self.leaf.clear();
            self.levels.push(sink, no, separator)?;
            if !self.leaf.push(&[cell]) {
                return Err(internal("a row that does not fit on an empty page"));
            }
        }
        self.last_rowid = rowid;
        Ok(())
    }

    /// Returns the root.
    pub(super) fn finish(mut self, sink: &mut PageSink) -> Result<PageNo> {
        let no = sink.append(self.leaf.finish(0))?;
        self.levels.finish(sink, no)
    }
}

/// Builds the b-tree of an index.
#[derive(Debug)]
pub(super) struct IndexTree {
    leaf: PageBuilder,
    held: Option<Vec<u8>>,
    levels: Levels,
}

impl IndexTree {
    pub(super) fn new() -> Self {
        Self {
            leaf: PageBuilder::new(PAGE_SIZE, 0, TreeKind::Index, true),
            held: None,
            levels: Levels {
                tree: TreeKind::Index,
                levels: Vec::new(),
            },
        }
    }

    /// Adds the cell of an entry; entries come in ascending order.
    pub(super) fn push(&mut self, sink: &mut PageSink, cell: &[u8]) -> Result<()> {
        if let Some(separator) = self.held.take() {
            self.end_leaf(sink, separator)?;
        }
        if !self.leaf.push(&[cell]) {
            self.held = Some(cell.to_vec());
        }
        Ok(())
    }

    fn end_leaf(&mut self, sink: &mut PageSink, separator: Vec<u8>) -> Result<()> {
        let no = sink.append(self.leaf.finish(0))?;
        self.leaf.clear();
        self.levels.push(sink, no, separator)
    }

    /// Returns the root.
    pub(super) fn finish(mut self, sink: &mut PageSink) -> Result<PageNo> {
        if let Some(last) = self.held.take() {
            let Some(separator) = self.leaf.pop() else {
                return Err(internal("an entry that does not fit on an empty page"));
            };
            self.end_leaf(sink, separator)?;
            self.leaf.push(&[&last]);
        }
        let no = sink.append(self.leaf.finish(0))?;
        self.levels.finish(sink, no)
    }
}

fn internal(message: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("sqlite writer: {message}"))
}
