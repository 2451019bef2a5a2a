//! Columns of sorted byte strings without their common prefixes (`pebble-ondisk` §3.5).
//!
//! | width | field |
//! |---|---|
//! | u8 | log2 of the bundle size, 4 |
//! | `1 + bundles + rows` integers | where each slice ends, without a base |
//! | … | the slices: block prefix; per bundle of 16 rows its prefix, then a suffix per row |
//!
//! The key of a row is block prefix ‖ bundle prefix ‖ suffix. An empty suffix on a row that is not
//! the first of its bundle repeats the key of the row before.

use std::cmp::Ordering;

use super::uint::{Encoding, Uint};
use super::{slice, u32_len};
use crate::{Error, Result};

const BUNDLE_SHIFT: u8 = 4;

/// Rows of a bundle.
const BUNDLE: usize = 1 << BUNDLE_SHIFT;

/// The most bytes of a prefix that several keys share.
const SHARED_LEN_MAX: usize = 65_535;

/// A view of a prefix-compressed column.
#[derive(Clone, Copy, Debug)]
pub(in crate::sst) struct PrefixBytes {
    offsets: Uint,
    /// Position of the first slice.
    start: usize,
    rows: usize,
}

/// The parts of a key that follow the block prefix.
#[derive(Clone, Copy, Debug)]
pub(in crate::sst) struct KeyTail<'a> {
    pub(in crate::sst) bundle: &'a [u8],
    pub(in crate::sst) suffix: &'a [u8],
}

impl KeyTail<'_> {
    /// Compares the key that this is the tail of with one that continues the same block prefix with
    /// `other`.
    pub(in crate::sst) fn cmp_bytes(&self, other: &[u8]) -> Ordering {
        match other.split_at_checked(self.bundle.len()) {
            Some((head, tail)) => self.bundle.cmp(head).then_with(|| self.suffix.cmp(tail)),
            // `other` is shorter than the bundle prefix: only its length of it can decide.
            None => self.bundle.cmp(other),
        }
    }
}

impl PrefixBytes {
    /// Reads the column of `rows` strings at `start`; returns its end, which lies inside `data`. The
    /// order of the keys is not looked at.
    pub(super) fn parse(
        structure: &'static str,
        data: &[u8],
        start: usize,
        rows: usize,
    ) -> Result<(Self, usize)> {
        let at = start as u64;
        if rows == 0 {
            return Err(Error::corrupt(structure, at, "at least one row", rows));
        }
        let shift = data.get(start).copied();
        if shift != Some(BUNDLE_SHIFT) {
            let found = shift.map_or_else(|| "end".into(), |b| b.to_string());
            return Err(Error::corrupt(structure, at, "bundle shift 4", found));
        }
        let count = 1 + rows.div_ceil(BUNDLE) + rows;
        let (offsets, slices) = Uint::parse(structure, data, start + 1, count)?;
        let len = offsets.check_ascending(structure, data, count)?;
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| slices.checked_add(len))
            .filter(|&end| end <= data.len())
            .ok_or_else(|| {
                let expected = format_args!("offsets up to {}", data.len() - slices);
                Error::corrupt(structure, at, expected, len)
            })?;
        let column = Self {
            offsets,
            start: slices,
            rows,
        };
        Ok((column, end))
    }

    /// Number of bundles.
    pub(in crate::sst) fn bundles(&self) -> usize {
        self.rows.div_ceil(BUNDLE)
    }

    /// The slice between offsets `i` and `j`.
    #[inline]
    fn between<'a>(&self, data: &'a [u8], i: usize, j: usize) -> &'a [u8] {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the offset table was checked to stay inside the block"
        )]
        let at = |i| self.start + self.offsets.get(data, i) as usize;
        slice(data, at(i), at(j))
    }

    /// What all keys begin with.
    pub(in crate::sst) fn block_prefix<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let (len, _) = self.offsets.pair(data, 0);
        slice(data, self.start, self.start + len)
    }

    /// What the keys of bundle `b` share after the block prefix.
    #[inline]
    pub(in crate::sst) fn bundle_prefix<'a>(&self, data: &'a [u8], b: usize) -> &'a [u8] {
        let i = b * (BUNDLE + 1);
        self.between(data, i, i + 1)
    }

    /// The first key of bundle `b` after the block prefix.
    pub(in crate::sst) fn bundle_first<'a>(&self, data: &'a [u8], b: usize) -> &'a [u8] {
        let i = b * (BUNDLE + 1);
        self.between(data, i, i + 2)
    }

    /// The stored suffix of `row`; empty for a repeated key.
    #[inline]
    pub(in crate::sst) fn suffix<'a>(&self, data: &'a [u8], row: usize) -> &'a [u8] {
        let i = 1 + Self::bundle_of(row) + row;
        self.between(data, i, i + 1)
    }

    /// The bundle that `row` is in.
    #[inline]
    pub(in crate::sst) fn bundle_of(row: usize) -> usize {
        row / BUNDLE
    }

    /// Whether `row` is the first of a bundle.
    #[inline]
    pub(in crate::sst) fn is_bundle_start(row: usize) -> bool {
        row.is_multiple_of(BUNDLE)
    }

    /// The key of `row` after the block prefix, repeated keys resolved (at most 15 steps back).
    pub(in crate::sst) fn tail<'a>(&self, data: &'a [u8], row: usize) -> KeyTail<'a> {
        let mut from = row;
        let mut suffix = self.suffix(data, from);
        while suffix.is_empty() && !Self::is_bundle_start(from) {
            from -= 1;
            suffix = self.suffix(data, from);
        }
        KeyTail {
            bundle: self.bundle_prefix(data, Self::bundle_of(row)),
            suffix,
        }
    }

    /// First row whose key is at least `key`; the number of rows when there is none.
    pub(in crate::sst) fn seek_ge(&self, data: &[u8], key: &[u8]) -> usize {
        let prefix = self.block_prefix(data);
        let shared = prefix.len().min(key.len());
        let (head, rest) = key.split_at(shared);
        match head.cmp(prefix) {
            // Either smaller than the prefix or a prefix of it.
            Ordering::Less => return 0,
            Ordering::Greater => return self.rows,
            Ordering::Equal => {}
        }
        let (mut low, mut high) = (0, self.bundles());
        while low < high {
            let middle = low.midpoint(high);
            if self.bundle_first(data, middle) < rest {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        match low.checked_sub(1) {
            None => 0,
            Some(bundle) => self.seek_ge_in(data, bundle, rest),
        }
    }

    /// First row with a key at least block prefix ‖ `rest`, known to lie after the first row of
    /// `bundle` and not after the first row of the next.
    fn seek_ge_in(&self, data: &[u8], bundle: usize, rest: &[u8]) -> usize {
        let first = bundle * BUNDLE;
        let end = (first + BUNDLE).min(self.rows);
        let prefix = self.bundle_prefix(data, bundle);
        let Some(suffix) = rest.strip_prefix(prefix) else {
            // The bundle's first key is smaller, so all keys with its prefix are.
            return end;
        };
        let (mut low, mut high) = (first + 1, end);
        while low < high {
            let middle = low.midpoint(high);
            if self.tail(data, middle).suffix < suffix {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Compares the key of `row` with `key`.
    pub(in crate::sst) fn cmp_key(&self, data: &[u8], row: usize, key: &[u8]) -> Ordering {
        let prefix = self.block_prefix(data);
        match key.split_at_checked(prefix.len()) {
            Some((head, rest)) => prefix
                .cmp(head)
                .then_with(|| self.tail(data, row).cmp_bytes(rest)),
            None => prefix.cmp(key),
        }
    }
}

/// Encoded size of a prefix-compressed column, kept row by row. Small and `Copy`, so that a row can
/// be tried before it is added.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sst) struct PrefixSizing {
    rows: usize,
    block_prefix: usize,
    /// Bytes of the bundles before the current one, each with its whole prefix.
    completed: usize,
    bundle_prefix: usize,
    /// Bytes and number of the distinct keys of the current bundle.
    bundle_len: usize,
    bundle_keys: usize,
}

impl PrefixSizing {
    /// The sizes after a key of `len` bytes, the first `shared` of which it has in common with the
    /// key before it (`shared == len` for a repeated key).
    #[inline]
    pub(in crate::sst) fn with(mut self, len: usize, shared: usize) -> Self {
        if self.rows.is_multiple_of(BUNDLE) {
            if self.rows == 0 {
                self.block_prefix = len.min(SHARED_LEN_MAX);
            } else {
                self.completed += self.bundle_bytes();
                self.block_prefix = self.block_prefix.min(shared);
            }
            self.bundle_prefix = len.min(SHARED_LEN_MAX);
            self.bundle_len = len;
            self.bundle_keys = 1;
        } else if shared < len {
            self.block_prefix = self.block_prefix.min(shared);
            self.bundle_prefix = self.bundle_prefix.min(shared);
            self.bundle_len += len;
            self.bundle_keys += 1;
        }
        self.rows += 1;
        self
    }

    /// Bytes of the current bundle, its prefix counted once and in full.
    fn bundle_bytes(&self) -> usize {
        self.bundle_len - self.bundle_keys.saturating_sub(1) * self.bundle_prefix
    }

    /// Bytes of all slices.
    fn slices_len(&self) -> usize {
        let again = self.rows.div_ceil(BUNDLE).saturating_sub(1);
        self.completed + self.bundle_bytes() - again * self.block_prefix
    }

    fn offsets(&self) -> usize {
        1 + self.rows.div_ceil(BUNDLE) + self.rows
    }

    /// End of the column when it begins at `start`.
    #[inline]
    pub(in crate::sst) fn end(&self, start: usize) -> usize {
        let slices = self.slices_len();
        Encoding::plain(slices as u64).end(start + 1, self.offsets()) + slices
    }
}

/// Collects the keys of a column.
#[derive(Debug, Default)]
pub(in crate::sst) struct PrefixBytesBuilder {
    /// Distinct keys, one after another.
    keys: Vec<u8>,
    /// End of each row's key in `keys`; a repeated key repeats the end.
    ends: Vec<u32>,
    /// Prefix length of each completed bundle, block prefix included.
    prefixes: Vec<u32>,
    last_start: usize,
    sizing: PrefixSizing,
    /// Scratch of [`PrefixBytesBuilder::put`].
    offsets: Vec<u32>,
    slices: Vec<u8>,
}

impl PrefixBytesBuilder {
    /// Forgets all keys and keeps the memory.
    pub(in crate::sst) fn clear(&mut self) {
        self.keys.clear();
        self.ends.clear();
        self.prefixes.clear();
        self.last_start = 0;
        self.sizing = PrefixSizing::default();
    }

    /// Number of keys.
    pub(in crate::sst) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The last key; empty when there is none.
    #[inline]
    pub(in crate::sst) fn last(&self) -> &[u8] {
        self.keys.get(self.last_start..).unwrap_or_default()
    }

    /// The sizes so far.
    #[inline]
    pub(in crate::sst) fn sizing(&self) -> PrefixSizing {
        self.sizing
    }

    /// Appends a key; `sizing` is what trying it gave.
    #[inline]
    pub(in crate::sst) fn push(&mut self, key: &[u8], repeated: bool, sizing: PrefixSizing) {
        let starts = self.ends.len().is_multiple_of(BUNDLE);
        if starts && !self.ends.is_empty() {
            self.prefixes.push(u32_len(self.sizing.bundle_prefix));
        }
        if !repeated || starts {
            self.last_start = self.keys.len();
            self.keys.extend_from_slice(key);
        }
        self.ends.push(u32_len(self.keys.len()));
        self.sizing = sizing;
    }

    /// Appends the column.
    pub(in crate::sst) fn put(&mut self, out: &mut Vec<u8>) {
        self.offsets.clear();
        self.slices.clear();
        if let [end] = *self.ends.as_slice() {
            self.offsets.extend_from_slice(&[end, end, end]);
            self.slices.extend_from_slice(&self.keys);
        } else {
            self.pack();
        }
        out.push(BUNDLE_SHIFT);
        let offsets = self.offsets.iter().map(|&end| u64::from(end));
        Encoding::plain(self.slices.len() as u64).put(0, offsets, out);
        out.extend_from_slice(&self.slices);
    }

    /// Fills `offsets` and `slices` from two or more keys.
    fn pack(&mut self) {
        let Self {
            keys,
            ends,
            prefixes,
            sizing,
            offsets,
            slices,
            ..
        } = self;
        let block_prefix = sizing.block_prefix;
        slices.extend_from_slice(keys.get(..block_prefix).unwrap_or_default());
        offsets.push(u32_len(slices.len()));
        let last = u32_len(sizing.bundle_prefix);
        let prefixes = prefixes.iter().chain(std::iter::once(&last));
        let mut start = 0;
        for (rows, &prefix) in ends.chunks(BUNDLE).zip(prefixes) {
            let prefix = start + prefix as usize;
            slices.extend_from_slice(keys.get(start + block_prefix..prefix).unwrap_or_default());
            offsets.push(u32_len(slices.len()));
            let shared = prefix - start;
            for &end in rows {
                let end = end as usize;
                // A repeated key has no bytes of its own.
                if end > start {
                    slices.extend_from_slice(keys.get(start + shared..end).unwrap_or_default());
                    start = end;
                }
                offsets.push(u32_len(slices.len()));
            }
        }
    }
}
