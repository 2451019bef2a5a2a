//! Rows from leaves, whatever order and state they are in.

use std::sync::Arc;

use shingle::{ErrorKind, Result};

use super::super::ddl::TableDef;
use super::super::node::{Node, TreeKind};
use super::super::pager::{Caching, PageNo, Pager};
use super::super::table::{Row, Table};
use super::leaf::sound_cells;

/// The rows of some leaves, one after another.
#[derive(Debug)]
pub(super) struct LeafRows {
    pager: Arc<Pager>,
    leaves: std::vec::IntoIter<PageNo>,
    node: Option<Node>,
    /// Cells of the node that are still to come, last first.
    cells: Vec<(usize, i64)>,
    row: Row,
    is_loaded: bool,
    broken: u64,
}

impl LeafRows {
    pub(super) fn new(pager: &Arc<Pager>, def: &Arc<TableDef>, leaves: Vec<PageNo>) -> Self {
        Self {
            pager: Arc::clone(pager),
            leaves: leaves.into_iter(),
            node: None,
            cells: Vec::new(),
            row: Row::empty(pager, def),
            is_loaded: false,
            broken: 0,
        }
    }

    /// Loads the next row whose id is greater than `last`; false at the end.
    pub(super) fn fill(&mut self, last: Option<i64>) -> Result<bool> {
        loop {
            if self.is_loaded && last.is_none_or(|last| self.row.rowid() > last) {
                return Ok(true);
            }
            self.is_loaded = false;
            match (self.cells.pop(), &self.node) {
                (Some((i, _)), Some(node)) => match self.row.load(node, i) {
                    Ok(()) => self.is_loaded = true,
                    Err(error) => self.note(error)?,
                },
                _ => {
                    if !self.open_leaf()? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn open_leaf(&mut self) -> Result<bool> {
        let Some(no) = self.leaves.next() else {
            return Ok(false);
        };
        let page = self.pager.page(no, Caching::Pass)?;
        match Node::parse(page, no, TreeKind::Table, &self.pager) {
            Ok(node) => {
                self.cells = sound_cells(&node);
                self.cells.reverse();
                self.broken += (node.cells() - self.cells.len()) as u64;
                self.node = Some(node);
            }
            Err(error) => self.note(error)?,
        }
        Ok(true)
    }

    /// A row that cannot be read is counted; an error of the file goes on.
    fn note(&mut self, error: shingle::Error) -> Result<()> {
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::Unsupported => self.broken += 1,
            _ => return Err(error),
        }
        Ok(())
    }

    /// Id of the loaded row.
    pub(super) fn rowid(&self) -> Option<i64> {
        self.is_loaded.then(|| self.row.rowid())
    }

    /// The loaded row, which is taken.
    pub(super) fn take(&mut self) -> Option<&Row> {
        let is_loaded = std::mem::take(&mut self.is_loaded);
        is_loaded.then_some(&self.row)
    }

    /// Rows that cannot be read.
    pub(super) fn broken(&self) -> u64 {
        self.broken
    }
}

/// A row, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct SalvagedRow<'r> {
    /// The row.
    pub row: &'r Row,
    /// Whether no tree leads to it.
    pub is_orphan: bool,
}

/// All rows of a table that can be read, by ascending row id.
#[derive(Debug)]
pub struct SalvagedRows {
    walked: LeafRows,
    orphans: LeafRows,
    last: Option<i64>,
}

impl SalvagedRows {
    pub(super) fn new(table: &Table, walked: &[PageNo], orphans: &[PageNo]) -> Self {
        let (pager, def) = table.parts();
        Self {
            walked: LeafRows::new(pager, def, walked.to_vec()),
            orphans: LeafRows::new(pager, def, orphans.to_vec()),
            last: None,
        }
    }

    /// The next row; it is valid until the next call.
    ///
    /// # Errors
    /// `Io` only.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend its buffer"
    )]
    pub fn next(&mut self) -> Result<Option<SalvagedRow<'_>>> {
        self.walked.fill(self.last)?;
        self.orphans.fill(self.last)?;
        let (walked, orphan) = (self.walked.rowid(), self.orphans.rowid());
        let is_orphan = match (walked, orphan) {
            (Some(walked), Some(orphan)) => orphan < walked,
            (walked, _) => walked.is_none(),
        };
        let source = if is_orphan {
            &mut self.orphans
        } else {
            &mut self.walked
        };
        self.last = source.rowid().or(self.last);
        Ok(source.take().map(|row| SalvagedRow { row, is_orphan }))
    }

    /// Rows that were met and cannot be read.
    pub fn broken(&self) -> u64 {
        self.walked.broken() + self.orphans.broken()
    }
}
