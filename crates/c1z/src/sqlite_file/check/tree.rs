//! The walk over one b-tree in key order.

use shingle::Result;

use super::super::node::{Node, TreeKind, header_offset, read_u16};
use super::super::pager::{Caching, PageNo};
use super::{Checker, FindingKind, Role};

/// Bytes of the pointer to a cell.
const CELL_POINTER: usize = 2;
/// Deepest tree.
const DEPTH_MAX: usize = 20;

/// What a walk meets, in key order.
pub(super) enum Visit<'a> {
    /// A row of a table, or an entry of an index: cell `i` of a page.
    Entry(&'a Node, usize),
    /// A separator in a table: no row before it has a greater rowid, no row after it a lesser one
    /// or the same.
    Separator(&'a Node, i64),
}

struct Frame {
    node: Node,
    /// The child that is next.
    child: usize,
}

impl Checker<'_> {
    /// Walks a tree without looking at what it holds.
    pub(super) fn walk_pages(&mut self, object: &str, tree: TreeKind, root: PageNo) -> Result<()> {
        self.walk_tree(object, tree, root, &mut |_, _| Ok(()))
    }

    /// Walks a tree: checks and takes its pages and overflow chains, and calls `visit` for each
    /// entry whose page and cell are sound.
    pub(super) fn walk_tree(
        &mut self,
        object: &str,
        tree: TreeKind,
        root: PageNo,
        visit: &mut dyn FnMut(&mut Self, Visit<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(root) = self.claim(object, root.0, PageNo::FIRST, Role::Root)? else {
            return Ok(());
        };
        let mut path: Vec<Frame> = Vec::new();
        let mut leaf_depth = None;
        let mut next = Some(root);
        loop {
            if let Some(no) = next.take()
                && let Some(node) = self.open_node(object, tree, no, no == root)?
            {
                path.push(Frame { node, child: 0 });
                self.check_depth(object, &path, &mut leaf_depth);
            }
            let Some(frame) = path.last_mut() else {
                return Ok(());
            };
            let (node, child) = (frame.node.clone(), frame.child);
            frame.child += 1;
            let is_over = child > node.cells() || path.len() > DEPTH_MAX || self.report.stopped;
            if node.is_leaf() || is_over {
                if node.is_leaf() && !is_over {
                    self.visit_leaf(object, &node, visit)?;
                }
                path.pop();
                continue;
            }
            if let Some(before) = child.checked_sub(1) {
                self.visit_separator(object, &node, before, visit)?;
            }
            next = self.open_child(object, &node, child)?;
        }
    }

    fn open_node(
        &mut self,
        object: &str,
        tree: TreeKind,
        no: PageNo,
        is_root: bool,
    ) -> Result<Option<Node>> {
        let page = self.pager.page(no, Caching::Pass)?;
        let node = Node::parse(page, no, tree, self.pager);
        let Some(node) = self.note(object, no, node)? else {
            return Ok(None);
        };
        if node.is_leaf() && node.cells() == 0 && !is_root {
            let detail = "a leaf without cells that is not the root".to_owned();
            self.find(FindingKind::Malformed, object, Some(no), detail);
        }
        self.check_layout(object, &node)?;
        self.count_cells(&node);
        Ok(Some(node))
    }

    fn open_child(&mut self, object: &str, node: &Node, i: usize) -> Result<Option<PageNo>> {
        match self.note(object, node.no(), node.child(i))? {
            Some((no, _)) => self.claim(object, no, node.no(), Role::Node),
            None => Ok(None),
        }
    }

    fn check_depth(&mut self, object: &str, path: &[Frame], leaf_depth: &mut Option<usize>) {
        let Some(frame) = path.last() else {
            return;
        };
        let (no, depth) = (frame.node.no(), path.len());
        if depth > DEPTH_MAX {
            let detail = format!("a tree deeper than {DEPTH_MAX} pages");
            self.find(FindingKind::Order, object, Some(no), detail);
        } else if frame.node.is_leaf() {
            let want = *leaf_depth.get_or_insert(depth);
            if depth != want {
                let detail = format!("a leaf at depth {depth}, the first was at {want}");
                self.find(FindingKind::Order, object, Some(no), detail);
            }
        }
    }

    fn visit_leaf(
        &mut self,
        object: &str,
        node: &Node,
        visit: &mut dyn FnMut(&mut Self, Visit<'_>) -> Result<()>,
    ) -> Result<()> {
        for i in 0..node.cells() {
            if self.report.stopped {
                return Ok(());
            }
            self.visit_entry(object, node, i, visit)?;
        }
        Ok(())
    }

    fn visit_entry(
        &mut self,
        object: &str,
        node: &Node,
        i: usize,
        visit: &mut dyn FnMut(&mut Self, Visit<'_>) -> Result<()>,
    ) -> Result<()> {
        let payload = node.payload(i, self.pager.sizes());
        if let Some(payload) = self.note(object, node.no(), payload)? {
            self.report.cell_bytes += u64::from(payload.total) - payload.local as u64;
            self.walk_overflow(object, node.no(), &payload)?;
            visit(self, Visit::Entry(node, i))?;
        }
        Ok(())
    }

    fn visit_separator(
        &mut self,
        object: &str,
        node: &Node,
        i: usize,
        visit: &mut dyn FnMut(&mut Self, Visit<'_>) -> Result<()>,
    ) -> Result<()> {
        if node.tree() == TreeKind::Index {
            return self.visit_entry(object, node, i, visit);
        }
        match self.note(object, node.no(), node.rowid(i))? {
            Some(rowid) => visit(self, Visit::Separator(node, rowid)),
            None => Ok(()),
        }
    }

    /// Checks that cells and free blocks do not overlap, and that the gaps between them are what
    /// the header says.
    fn check_layout(&mut self, object: &str, node: &Node) -> Result<()> {
        let layout = self.layout(node);
        if let Some(Err((at, what))) = self.note(object, node.no(), layout)? {
            let detail = format!("{what} at byte {at}");
            self.find(FindingKind::Malformed, object, Some(node.no()), detail);
        }
        Ok(())
    }

    /// Counts the bytes that the cells of a page take on it.
    fn count_cells(&mut self, node: &Node) {
        for i in 0..node.cells() {
            // A cell that cannot be measured is a finding of the layout.
            let len = node.cell_len(i, self.pager.sizes()).unwrap_or_default();
            self.report.cell_bytes += (CELL_POINTER + len) as u64;
        }
    }

    fn layout(&self, node: &Node) -> Result<Result<(), (usize, String)>> {
        let (bytes, usable) = (node.bytes(), self.pager.usable());
        let base = header_offset(node.no());
        let mut content = usize::from(read_u16(bytes, base + 5).unwrap_or_default());
        if content == 0 {
            content = 65_536;
        }
        if content < node.pointers_end() || content > usable {
            return Ok(Err((base + 5, format!("content that starts at {content}"))));
        }
        let mut extents = Vec::with_capacity(node.cells());
        for i in 0..node.cells() {
            let start = node.cell_start(i)?;
            extents.push((start, start + node.cell_len(i, self.pager.sizes())?));
        }
        if let Err(found) = free_blocks(bytes, base, usable, &mut extents) {
            return Ok(Err(found));
        }
        extents.sort_unstable();
        let fragments = usize::from(bytes.get(base + 7).copied().unwrap_or_default());
        Ok(gaps(&extents, content, usable, fragments))
    }
}

/// Adds the free blocks of a page to `extents`: a chain of u16 next and u16 length.
fn free_blocks(
    bytes: &[u8],
    base: usize,
    usable: usize,
    extents: &mut Vec<(usize, usize)>,
) -> Result<(), (usize, String)> {
    let mut at = base + 1;
    loop {
        let next = usize::from(read_u16(bytes, at).unwrap_or_default());
        if next == 0 {
            return Ok(());
        }
        // Blocks ascend, so the chain ends.
        let len = usize::from(read_u16(bytes, next + 2).unwrap_or_default());
        if next <= at || len < 4 || next + len > usable {
            return Err((at, format!("a free block of {len} bytes at {next}")));
        }
        extents.push((next, next + len));
        at = next;
    }
}

/// Checks that `extents` are disjoint and leave `fragments` bytes between them.
fn gaps(
    extents: &[(usize, usize)],
    content: usize,
    usable: usize,
    fragments: usize,
) -> Result<(), (usize, String)> {
    let mut end = content;
    let mut free = 0;
    for (start, next_end) in extents {
        if *start < end {
            return Err((
                *start,
                format!("a cell before byte {end}, where another ends"),
            ));
        }
        free += start - end;
        end = *next_end;
    }
    if end > usable {
        return Err((end, format!("a cell beyond the {usable} usable bytes")));
    }
    free += usable - end;
    if free != fragments {
        let what = format!("{free} bytes between cells, {fragments} in the page header");
        return Err((content, what));
    }
    Ok(())
}
