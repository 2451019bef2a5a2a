//! The entries of many sources in the order of internal keys.

use super::loser_tree::LoserTree;
use super::source::Source;
use super::view::{Cover, Tables};
use crate::Result;
use crate::key::{SeqNo, Trailer};

/// Merges sources; walks one way until the next seek. All versions of all keys appear.
pub(crate) struct Merge<T: Tables> {
    sources: Vec<Source<T>>,
    tree: LoserTree,
    forward: bool,
}

impl<T: Tables> Merge<T> {
    pub(crate) fn new(sources: Vec<Source<T>>) -> Self {
        Self {
            sources,
            tree: LoserTree::default(),
            forward: true,
        }
    }

    /// Key and trailer of the entry; `None` behind the last one.
    pub(crate) fn current(&self) -> Option<(&[u8], Trailer)> {
        self.first().map(Source::position)
    }

    /// Value of the entry.
    pub(crate) fn value(&self) -> &[u8] {
        self.first().map_or(&[], Source::value)
    }

    /// The source that the entry comes from, by its place among the sources.
    pub(crate) fn source(&self) -> Option<(usize, &Source<T>)> {
        Some((self.tree.winner(), self.first()?))
    }

    /// The source that is at the entry.
    fn first(&self) -> Option<&Source<T>> {
        let source = self.sources.get(self.tree.winner())?;
        source.is_valid().then_some(source)
    }

    /// Whether the walk ascends.
    pub(crate) fn is_forward(&self) -> bool {
        self.forward
    }

    pub(crate) fn seek_first(&mut self) -> Result<()> {
        self.seek(true, |source| source.seek_end(true))
    }

    pub(crate) fn seek_last(&mut self) -> Result<()> {
        self.seek(false, |source| source.seek_end(false))
    }

    pub(crate) fn seek_ge(&mut self, key: &[u8]) -> Result<()> {
        self.seek(true, |source| source.seek_ge(key))
    }

    pub(crate) fn seek_lt(&mut self, key: &[u8]) -> Result<()> {
        self.seek(false, |source| source.seek_lt(key))
    }

    fn seek(
        &mut self,
        forward: bool,
        mut seek: impl FnMut(&mut Source<T>) -> Result<()>,
    ) -> Result<()> {
        self.forward = forward;
        for source in &mut self.sources {
            seek(source)?;
        }
        let sources = &self.sources;
        let beats = |a, b| is_before(sources, forward, a, b);
        self.tree.rebuild(sources.len(), beats);
        self.settle()
    }

    /// Moves on by one entry. Costs O(log sources) comparisons.
    pub(crate) fn step(&mut self) -> Result<()> {
        if let Some(source) = self.sources.get_mut(self.tree.winner()) {
            source.step()?;
        }
        self.replay();
        self.settle()
    }

    /// Passes over stops until a point is first.
    fn settle(&mut self) -> Result<()> {
        while let Some(source) = self.sources.get_mut(self.tree.winner()) {
            if source.is_point() || !source.is_valid() {
                break;
            }
            source.step()?;
            self.replay();
        }
        Ok(())
    }

    fn replay(&mut self) {
        if self.sources.len() < 2 {
            return;
        }
        let (sources, forward) = (&self.sources, self.forward);
        self.tree.replay(|a, b| is_before(sources, forward, a, b));
    }

    /// Whether any range tombstones are known where the merge stands.
    pub(crate) fn has_tombstones(&self) -> bool {
        self.sources.iter().any(Source::has_tombstones)
    }

    /// The newest range tombstone over `key` that is newer than `seq`. `key` is that of the entry,
    /// or of one passed since the last stop.
    pub(crate) fn covering(&mut self, key: &[u8], seq: SeqNo) -> Option<Cover<'_>> {
        let covers = self.sources.iter_mut().filter_map(|s| s.covering(key));
        covers.filter(|c| c.seq > seq).max_by_key(|c| c.seq)
    }

    /// Passes over entries of the first source that a tombstone with sequence number `seq` hides
    /// from the position up to `end`; steps at least once.
    pub(crate) fn skip(&mut self, end: &[u8], seq: SeqNo) -> Result<()> {
        let Some(source) = self.sources.get_mut(self.tree.winner()) else {
            return Ok(());
        };
        if !source.skip(end, seq)? {
            return self.step();
        }
        self.replay();
        self.settle()
    }
}

/// Whether source `a` stands before source `b` in the direction of the walk.
fn is_before<T: Tables>(sources: &[Source<T>], forward: bool, a: usize, b: usize) -> bool {
    let valid = |at: usize| sources.get(at).filter(|source| source.is_valid());
    let (Some(first), Some(second)) = (valid(a), valid(b)) else {
        // Those that are done come last.
        return valid(a).is_some();
    };
    let ((a_key, a_trailer), (b_key, b_trailer)) = (first.position(), second.position());
    let order = a_key.cmp(b_key).then_with(|| b_trailer.cmp(&a_trailer));
    let order = if forward { order } else { order.reverse() };
    order.then_with(|| a.cmp(&b)).is_lt()
}
