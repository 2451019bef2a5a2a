//! A position in a b-tree that moves both ways.
//!
//! The cursor keeps the path from the root, so it needs no parent pointers and no recursion. It is
//! safe on hostile trees: the path is at most [`DEPTH_MAX`] pages long, and a cursor that moves in
//! one direction loads each page at most once, so after more loads than the file has pages the tree
//! contains itself.
//!
//! In an index, interior pages hold entries too: the entry `i` of an interior page lies between its
//! children `i` and `i + 1`. The cursor is at whatever the last page of its path says.

use std::cmp::Ordering;
use std::sync::Arc;

use shingle::Result;

use super::node::{Node, TreeKind};
use super::pager::{Caching, PageNo, Pager};

/// Deepest tree: the format's own limit, and more than 2^32 pages can fill.
const DEPTH_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// One page of the path. `at` is a cell of the last page, and a child of the others.
#[derive(Clone, Debug)]
struct Frame {
    node: Node,
    at: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pager: Arc<Pager>,
    tree: TreeKind,
    root: PageNo,
    path: Vec<Frame>,
    loads: u64,
    /// Whether the pages stay in the cache: for lookups, not for scans, which keep their own path.
    caching: Caching,
}

impl Cursor {
    pub(super) fn new(pager: Arc<Pager>, tree: TreeKind, root: PageNo, caching: Caching) -> Self {
        Self {
            pager,
            tree,
            root,
            path: Vec::new(),
            loads: 0,
            caching,
        }
    }

    /// The page and cell of the current entry; `None` before the first seek and past either end.
    #[inline]
    pub(super) fn entry(&self) -> Option<(&Node, usize)> {
        self.path
            .last()
            .filter(|frame| frame.at < frame.node.cells())
            .map(|frame| (&frame.node, frame.at))
    }

    /// Moves to the first entry in the given direction.
    pub(super) fn seek_end(&mut self, direction: Direction) -> Result<()> {
        self.restart();
        self.descend_edge(self.root, direction)
    }

    /// Moves to the first entry for which `before` is false. The entries for which it is true must
    /// all come first. Reads one page a level.
    pub(super) fn seek(
        &mut self,
        mut before: impl FnMut(&Node, usize) -> Result<bool>,
    ) -> Result<()> {
        self.restart();
        let mut no = self.root;
        loop {
            let node = self.load(no)?;
            let at = partition_point(node.cells(), |i| before(&node, i))?;
            if node.is_leaf() {
                let ran_off = at == node.cells();
                self.path.push(Frame { node, at });
                return if ran_off {
                    self.leave(Direction::Forward)
                } else {
                    Ok(())
                };
            }
            no = self.child(&node, at)?;
            self.path.push(Frame { node, at });
        }
    }

    /// Moves to the first entry that is not less, by the order of entries against what is sought.
    /// Reads nothing if that entry is on the current leaf.
    pub(super) fn seek_near(
        &mut self,
        mut order: impl FnMut(&Node, usize) -> Result<Ordering>,
    ) -> Result<()> {
        if let Some(frame) = self.path.last_mut()
            && frame.node.is_leaf()
            && frame.node.cells() > 0
            && order(&frame.node, 0)?.is_le()
            && order(&frame.node, frame.node.cells() - 1)?.is_ge()
        {
            let node = &frame.node;
            frame.at = partition_point(node.cells(), |i| Ok(order(node, i)?.is_lt()))?;
            return Ok(());
        }
        self.seek(|node, i| Ok(order(node, i)?.is_lt()))
    }

    /// Moves one entry on. Must be at an entry.
    #[inline]
    pub(super) fn next(&mut self) -> Result<()> {
        let Some(frame) = self.path.last_mut() else {
            return Ok(());
        };
        frame.at += 1;
        if frame.node.is_leaf() {
            if frame.at < frame.node.cells() {
                return Ok(());
            }
            return self.leave(Direction::Forward);
        }
        let (node, at) = (frame.node.clone(), frame.at);
        let child = self.child(&node, at)?;
        self.descend_edge(child, Direction::Forward)
    }

    /// Moves one entry back; from past the end to the last entry. A cursor before the first entry
    /// has no path left, which is the same as past the end: callers stop there.
    pub(super) fn prev(&mut self) -> Result<()> {
        let Some(frame) = self.path.last_mut() else {
            return self.seek_end(Direction::Backward);
        };
        if !frame.node.is_leaf() {
            let (node, at) = (frame.node.clone(), frame.at);
            let child = self.child(&node, at)?;
            return self.descend_edge(child, Direction::Backward);
        }
        if frame.at > 0 {
            frame.at -= 1;
            return Ok(());
        }
        self.leave(Direction::Backward)
    }

    fn restart(&mut self) {
        self.path.clear();
        self.loads = 0;
    }

    /// Goes down from page `no` to its outermost leaf.
    fn descend_edge(&mut self, no: PageNo, direction: Direction) -> Result<()> {
        let mut no = no;
        loop {
            let node = self.load(no)?;
            if node.is_leaf() {
                let at = match direction {
                    Direction::Forward => 0,
                    Direction::Backward => node.cells().saturating_sub(1),
                };
                self.path.push(Frame { node, at });
                return Ok(());
            }
            let at = match direction {
                Direction::Forward => 0,
                Direction::Backward => node.cells(),
            };
            no = self.child(&node, at)?;
            self.path.push(Frame { node, at });
        }
    }

    /// Goes up from a leaf that has no entry left, to the next entry in the given direction.
    fn leave(&mut self, direction: Direction) -> Result<()> {
        loop {
            self.path.pop();
            let Some(frame) = self.path.last_mut() else {
                return Ok(());
            };
            let exhausted = match direction {
                Direction::Forward => frame.at == frame.node.cells(),
                Direction::Backward => frame.at == 0,
            };
            if exhausted {
                continue;
            }
            if self.tree == TreeKind::Index {
                if direction == Direction::Backward {
                    frame.at -= 1;
                }
                return Ok(());
            }
            match direction {
                Direction::Forward => frame.at += 1,
                Direction::Backward => frame.at -= 1,
            }
            let (node, at) = (frame.node.clone(), frame.at);
            let child = self.child(&node, at)?;
            return self.descend_edge(child, direction);
        }
    }

    fn child(&self, node: &Node, i: usize) -> Result<PageNo> {
        let (no, at) = node.child(i)?;
        self.pager.check(no, self.tree.structure(), node.no(), at)
    }

    fn load(&mut self, no: PageNo) -> Result<Node> {
        self.loads += 1;
        // A seek may look at the page after the one that a backward scan starts with.
        let loads_max = u64::from(self.pager.page_count()) + DEPTH_MAX as u64;
        if self.path.len() >= DEPTH_MAX || self.loads > loads_max {
            let expected = "a tree without cycles";
            let found = format!("{} pages read, depth {}", self.loads, self.path.len() + 1);
            return Err(self
                .pager
                .corrupt(self.tree.structure(), no, 0, expected, found));
        }
        let page = self.pager.page(no, self.caching)?;
        let node = Node::parse(page, no, self.tree, &self.pager)?;
        if node.is_leaf() && node.cells() == 0 && no != self.root {
            return Err(node.corrupt(0, "a cell in a page that is not the root", "none"));
        }
        Ok(node)
    }
}

/// The first index below `len` for which `before` is false, or `len`.
fn partition_point(len: usize, mut before: impl FnMut(usize) -> Result<bool>) -> Result<usize> {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
