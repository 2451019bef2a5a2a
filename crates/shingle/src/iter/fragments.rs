//! Range tombstones cut into pieces that do not overlap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::key::{RangeTombstone, SeqNo};

/// `[start, end)` and the newest tombstone over it.
pub(crate) type Fragment = RangeTombstone;

/// Fragments in ascending order, none overlapping another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fragments(Vec<Fragment>);

impl Fragments {
    /// Cuts `tombstones`, in any order and overlapping as they like, into fragments, keeping of
    /// several over one key the newest that is at most `visible`. O(n · log n), at most 2n - 1
    /// fragments.
    pub(crate) fn new(tombstones: &[RangeTombstone], visible: SeqNo) -> Self {
        let mut sorted: Vec<_> = tombstones
            .iter()
            .filter(|t| t.seq <= visible && t.start < t.end)
            .collect();
        sorted.sort_by(|a, b| a.start.cmp(&b.start));
        let mut sweep = Sweep::default();
        for tombstone in sorted {
            sweep.advance(Some(&tombstone.start));
            sweep.open.push((tombstone.seq, Reverse(&tombstone.end)));
        }
        sweep.advance(None);
        Self(sweep.fragments)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fragment over `key`; `hint` is where the last search ended and speeds up searches near
    /// it. O(1) there, else O(log n).
    pub(crate) fn covering(&self, key: &[u8], hint: &mut usize) -> Option<&Fragment> {
        let after = |at: usize| {
            let fragment = self.0.get(at);
            fragment.is_none_or(|fragment| &fragment.start[..] > key)
        };
        // `hint` shall be the number of fragments that start at or before the key.
        let holds = |at: usize| after(at) && at.checked_sub(1).is_none_or(|before| !after(before));
        if !holds(*hint) {
            *hint += 1;
            if !holds(*hint) {
                *hint = self.0.partition_point(|f| &f.start[..] <= key);
            }
        }
        let fragment = self.0.get(hint.checked_sub(1)?)?;
        (key < &fragment.end[..]).then_some(fragment)
    }

    /// Whether a fragment holds a key of `[lower, upper)`; `None` is unbounded. O(log n).
    pub(crate) fn overlaps(&self, lower: Option<&[u8]>, upper: Option<&[u8]>) -> bool {
        self.within(lower, upper).next().is_some()
    }

    /// The parts of fragments within `[lower, upper)`, in order; `None` is unbounded.
    pub(crate) fn within<'a>(
        &'a self,
        lower: Option<&'a [u8]>,
        upper: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Fragment> + 'a {
        let first = lower.map_or(0, |lower| self.0.partition_point(|f| &f.end[..] <= lower));
        let found = self.0.get(first..).unwrap_or_default().iter();
        found
            .take_while(move |f| upper.is_none_or(|upper| &f.start[..] < upper))
            .map(move |f| Fragment {
                start: f.start.as_slice().max(lower.unwrap_or_default()).to_vec(),
                end: upper.map_or(&f.end[..], |upper| upper.min(&f.end)).to_vec(),
                seq: f.seq,
            })
            .filter(|f| f.start < f.end)
    }

    /// All fragments in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fragment> {
        self.0.iter()
    }
}

/// The walk over the ends of tombstones.
#[derive(Default)]
struct Sweep<'a> {
    /// Where the next fragment may start.
    at: &'a [u8],
    /// Tombstones that started, newest first; those that ended are dropped when they surface.
    open: BinaryHeap<(SeqNo, Reverse<&'a Vec<u8>>)>,
    fragments: Vec<Fragment>,
}

impl<'a> Sweep<'a> {
    /// Moves to `to`, or behind all ends, and writes what lies between.
    fn advance(&mut self, to: Option<&'a [u8]>) {
        while let Some(&(seq, Reverse(end))) = self.open.peek() {
            if &end[..] <= self.at {
                self.open.pop();
                continue;
            }
            // The newest one decides up to its end or the next start, whichever is first.
            let stop = to.map_or(&end[..], |to| to.min(end));
            if stop > self.at {
                self.put(stop, seq);
            }
            self.at = stop;
            if to == Some(stop) {
                break;
            }
        }
        if let Some(to) = to {
            self.at = to;
        }
    }

    /// Appends a fragment, joined with its neighbour if nothing tells them apart.
    fn put(&mut self, end: &[u8], seq: SeqNo) {
        match self.fragments.last_mut() {
            Some(last) if last.seq == seq && last.end == self.at => last.end = end.to_vec(),
            _ => self.fragments.push(Fragment {
                start: self.at.to_vec(),
                end: end.to_vec(),
                seq,
            }),
        }
    }
}
