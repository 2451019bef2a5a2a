//! The walk over one table that goes on around pages that cannot be read.

use std::ops::RangeInclusive;
use std::sync::Arc;

use shingle::{ErrorKind, Result};

use super::super::node::{Node, TreeKind};
use super::super::page_set::PageSet;
use super::super::pager::{Caching, PageNo, Pager};

/// Deepest tree.
const DEPTH_MAX: usize = 20;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Leaves in the order of their keys.
    pub(super) leaves: Vec<PageNo>,
    /// Ranges of row ids whose pages cannot be read, ascending, none touching the next.
    pub(super) lost: Vec<RangeInclusive<i64>>,
}

/// A page to be read, and the row ids that stand below it.
struct Visit {
    no: Option<PageNo>,
    rows: RangeInclusive<i64>,
    depth: usize,
}

impl Walked {
    fn lose(&mut self, rows: RangeInclusive<i64>) {
        if rows.is_empty() {
            return;
        }
        match self.lost.last_mut() {
            Some(last) if last.end().saturating_add(1) >= *rows.start() => {
                *last = *last.start()..=*rows.end().max(last.end());
            }
            _ => self.lost.push(rows),
        }
    }
}

/// Walks the table with the given root; takes the pages that it meets.
pub(super) fn walk(pager: &Arc<Pager>, root: PageNo, claimed: &mut PageSet) -> Result<Walked> {
    let mut walked = Walked::default();
    let mut stack = vec![Visit {
        no: Some(root),
        rows: i64::MIN..=i64::MAX,
        depth: 1,
    }];
    while let Some(visit) = stack.pop() {
        match open(pager, &visit, claimed)? {
            None => walked.lose(visit.rows),
            Some(node) if node.is_leaf() => walked.leaves.push(node.no()),
            Some(node) => push_children(&node, &visit, &mut stack),
        }
    }
    Ok(walked)
}

/// The page, if it is there, nobody else's, and a page of a table.
fn open(pager: &Arc<Pager>, visit: &Visit, claimed: &mut PageSet) -> Result<Option<Node>> {
    let Some(no) = visit.no else {
        return Ok(None);
    };
    let is_there = no.0 >= 1 && no.0 <= pager.page_count() && visit.depth <= DEPTH_MAX;
    if !is_there || claimed.contains(no) {
        return Ok(None);
    }
    match pager
        .page(no, Caching::Pass)
        .and_then(|page| Node::parse(page, no, TreeKind::Table, pager))
    {
        Ok(node) => {
            claimed.insert(no);
            Ok(Some(node))
        }
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
        Err(error) => Err(error),
    }
}

/// Pushes the children of an interior page, the first on top.
fn push_children(node: &Node, visit: &Visit, stack: &mut Vec<Visit>) {
    let mut first = *visit.rows.start();
    let mut children = Vec::with_capacity(node.cells() + 1);
    for i in 0..=node.cells() {
        let separator = if i < node.cells() {
            // One that is out of order bounds nothing.
            node.rowid(i)
                .ok()
                .filter(|rowid| visit.rows.contains(rowid) && *rowid >= first)
        } else {
            Some(*visit.rows.end())
        };
        let end = separator.unwrap_or(*visit.rows.end());
        children.push(Visit {
            no: node.child(i).ok().map(|(no, _)| PageNo(no)),
            rows: first..=end,
            depth: visit.depth + 1,
        });
        if let Some(separator) = separator {
            first = separator.saturating_add(1);
        }
    }
    stack.extend(children.into_iter().rev());
}
