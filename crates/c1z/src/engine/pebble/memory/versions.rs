//! Versions of rows by key, and who still reads the old ones.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::{Error, ErrorKind, Result};

/// A value that readers share.
pub(super) type Stored = Arc<[u8]>;

/// What a commit changes: new values, and none for keys that go.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Stored>>;

/// All versions of all rows.
pub(super) struct Versions {
    rows: BTreeMap<Vec<u8>, Vec<Version>>,
    /// Number of the newest commit.
    seq: u64,
    /// How many snapshots see each commit.
    pins: BTreeMap<u64, usize>,
    /// Keys whose older versions can go once no snapshot is older than the commit.
    replaced: VecDeque<(u64, Vec<u8>)>,
    bytes: u64,
    bytes_max: u64,
}

/// The value of a key from a commit on; none: it has none.
struct Version {
    seq: u64,
    value: Option<Stored>,
}

impl Versions {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            rows: BTreeMap::new(),
            seq: 0,
            pins: BTreeMap::new(),
            replaced: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Number of the newest commit.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// Bytes of keys and values of all versions.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Keeps what is visible now, until it is unpinned.
    pub(super) fn pin(&mut self) -> u64 {
        *self.pins.entry(self.seq).or_default() += 1;
        self.seq
    }

    pub(super) fn unpin(&mut self, seq: u64) {
        if let Some(pins) = self.pins.get_mut(&seq) {
            *pins -= 1;
            if *pins == 0 {
                self.pins.remove(&seq);
            }
        }
    }

    pub(super) fn get(&self, key: &[u8], seq: u64) -> Option<Stored> {
        visible(self.rows.get(key)?, seq)
    }

    /// The first row within bounds that is visible at `seq`.
    pub(super) fn first(
        &self,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        seq: u64,
    ) -> Option<(Vec<u8>, Stored)> {
        if let (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high)) = (lower, upper)
            && low >= high
        {
            return None;
        }
        let mut rows = self.rows.range::<[u8], _>((lower, upper));
        rows.find_map(|(key, versions)| Some((key.clone(), visible(versions, seq)?)))
    }

    /// Makes changes visible, all at once.
    ///
    /// # Errors
    /// `ResourceExhausted` when they do not fit; nothing is visible then.
    pub(super) fn commit(&mut self, changes: Changes) -> Result<()> {
        self.prune();
        let added = changes.iter().map(|(key, value)| cost(key, value.as_ref()));
        let bytes = self.bytes + added.sum::<u64>();
        if bytes > self.bytes_max {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!(
                    "the store in memory is full: bytes=`{bytes}` bytes_max=`{}`",
                    self.bytes_max
                ),
            )
            .with_hint("raise its limit, or write to a file"));
        }
        self.bytes = bytes;
        self.seq += 1;
        let seq = self.seq;
        for (key, value) in changes {
            let versions = self.rows.entry(key.clone()).or_default();
            if !versions.is_empty() || value.is_none() {
                self.replaced.push_back((seq, key));
            }
            versions.push(Version { seq, value });
        }
        Ok(())
    }

    /// Drops versions that no snapshot can see any more. Amortised O(log rows) per version.
    fn prune(&mut self) {
        let oldest = self
            .pins
            .first_key_value()
            .map_or(self.seq, |(seq, _)| *seq);
        while let Some((seq, _)) = self.replaced.front()
            && *seq <= oldest
        {
            let Some((_, key)) = self.replaced.pop_front() else {
                return;
            };
            let Some(versions) = self.rows.get_mut(&key) else {
                continue;
            };
            let newest_seen = versions.iter().rposition(|version| version.seq <= oldest);
            for version in versions.drain(..newest_seen.unwrap_or(0)) {
                self.bytes -= cost(&key, version.value.as_ref());
            }
            // That a key is gone needs no saying where nothing older is left.
            if versions
                .first()
                .is_some_and(|first| first.value.is_none() && first.seq <= oldest)
            {
                versions.remove(0);
                self.bytes -= cost(&key, None);
            }
            if versions.is_empty() {
                self.rows.remove(&key);
            }
        }
    }
}

fn visible(versions: &[Version], seq: u64) -> Option<Stored> {
    let newest = versions.iter().rfind(|version| version.seq <= seq)?;
    newest.value.clone()
}

fn cost(key: &[u8], value: Option<&Stored>) -> u64 {
    (key.len() + value.map_or(0, |value| value.len())) as u64
}
