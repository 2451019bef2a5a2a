//! The seam to a database that is written while it is read: everything that the writing half of the engine needs.
//!
//! | rows | who writes them | when they are true |
//! |---|---|---|
//! | primaries, sync run, sessions, metadata | the engine, in batches | from the batch on |
//! | indexes (`030701`, `030704`, `030705`) | the store, from the primaries | whenever they are read |
//! | hash index and digest nodes (`030708`, `030a`) | the engine's [`SealPass`] | from the seal on, until the engine deletes them |
//!
//! When the store derives an index (with each batch, or when the index is first read, or at the seal) is its own affair: a
//! snapshot shows exactly the index rows that follow from the primaries it shows, so an index row of a version that was
//! replaced is never seen, whether a batch replaced it or the batch before.
//!
//! The engine makes sure that there is one write, seal or barrier at a time, that no batch touches an index family, and that
//! no key occurs twice in a batch outside of its range deletes, which come first. Snapshots may be made at any time.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use shingle::batch::Batch;
use shingle::bulk::{BuiltDatabase, Scratch};
use shingle::vfs::Fs;

use super::kv::Kv;
use crate::keyspace::{Family, KeyRange};
use crate::observe::Figures;
use crate::{Error, ErrorKind, Result};

/// A database that is written while it is read.
pub(super) trait LiveKv: Send + Sync + fmt::Debug {
    /// Everything written so far, whatever is written later. O(1).
    fn snapshot(&self) -> Arc<dyn Kv>;

    /// Applies a batch, all or nothing: sets, deletes, and range deletes, with which the index rows go that follow from what
    /// they hide.
    ///
    /// # Errors
    /// `Internal` for a batch that touches an index family; whatever else stops it. Nothing of the batch is visible then, now
    /// or after a crash.
    fn write(&self, batch: Batch) -> Result<()>;

    /// Everything written so far survives power loss when this returns (`store-contract` §0.8).
    fn barrier(&self) -> Result<()>;

    /// Where a value waits until its length is known; none: it is held in memory.
    fn scratch(&self) -> Option<Scratch> {
        None
    }

    /// As [`LiveKv::write`], with one row more, whose value is large and comes in pieces.
    ///
    /// # Errors
    /// As [`LiveKv::write`], and those of reading the value.
    fn write_large(&self, mut batch: Batch, row: LargeRow<'_>) -> Result<()> {
        let mut value = Vec::new();
        row.value.read_to_end(&mut value).map_err(|error| {
            Error::new(ErrorKind::Io, "cannot read a large value").with_source(error)
        })?;
        batch.set(row.key, &value)?;
        self.write(batch)
    }

    /// Gives the space of what was deleted back, as far as nobody reads it any more.
    ///
    /// # Errors
    /// Whatever stops it; what is stored is as it was.
    fn reclaim(&self) -> Result<()> {
        Ok(())
    }

    /// Ends the writing of a sync: drops every derived row, derives the indexes anew from the primaries that won, adds
    /// the rows of `pass`, and applies the batch of its end. All of it becomes visible, and durable, at once.
    ///
    /// # Errors
    /// Whatever stops it, errors of `pass` included; the database is as it was then, and can be sealed again.
    fn seal(&self, pass: &mut dyn SealPass) -> Result<()>;

    /// Writes everything written so far, index rows included, as a sealed database in `dir`, which holds none. A database on
    /// disk has it on its own file system.
    ///
    /// # Errors
    /// Whatever stops it; what was made is removed as far as possible.
    fn checkpoint(&self, fs: &Arc<dyn Fs>, dir: &Path) -> Result<BuiltDatabase>;

    /// Gives the space of what was replaced and deleted back, family by family; `each` hears before each one how many of how
    /// many are done. Returns how many families had something to give back.
    ///
    /// # Errors
    /// Whatever stops it, errors of `each` included; families that are done stay done.
    fn compact(&self, each: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<u64> {
        each(0, 0)?;
        Ok(0)
    }

    /// Whether it can be written to.
    ///
    /// # Errors
    /// `Poisoned` after a failed write.
    fn check_usable(&self) -> Result<()> {
        Ok(())
    }

    /// What it counted so far.
    fn figures(&self) -> Figures {
        Figures::default()
    }

    /// The directory, if it has one.
    fn dir(&self) -> Option<&Path> {
        None
    }
}

/// A row that does not fit a batch.
pub(super) struct LargeRow<'a> {
    pub(super) key: &'a [u8],
    /// Bytes of the value.
    pub(super) len: usize,
    pub(super) value: &'a mut dyn Read,
}

/// Whether a store derives the rows of a family from primaries.
pub(super) const fn is_index(family: Family) -> bool {
    matches!(
        family,
        Family::ResourceByParent | Family::GrantByPrincipal | Family::GrantNeedsExpansion
    )
}

/// The parts of a range that hold no index rows, ascending: what a batch may delete of it.
pub(super) fn without_indexes(range: KeyRange) -> Vec<KeyRange> {
    let mut parts = Vec::new();
    let mut rest = range;
    for index in Family::ALL.into_iter().filter(|family| is_index(*family)) {
        let KeyRange { lower, upper } = index.range();
        let ends_before = rest.upper.as_ref().is_some_and(|end| *end <= lower);
        let Some(upper) = upper.filter(|upper| !ends_before && *upper > rest.lower) else {
            continue;
        };
        if rest.lower < lower {
            parts.push(KeyRange {
                lower: rest.lower,
                upper: Some(lower),
            });
        }
        rest.lower = upper;
    }
    if rest.upper.as_ref().is_none_or(|end| rest.lower < *end) {
        parts.push(rest);
    }
    parts
}

/// Takes a row of a derived family: key and value.
pub(super) type Emit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 'a;

/// What the engine contributes to a seal, in one pass over the primaries.
pub(super) trait SealPass {
    /// Takes a primary row; they come in the order of keys, each once. Rows may be emitted in any order; of several with
    /// one key the last one counts.
    fn row(&mut self, key: &[u8], value: &[u8], emit: &mut Emit<'_>) -> Result<()>;

    /// A row that was emitted is about to be written; an error leaves everything as it was.
    fn written(&mut self) -> Result<()>;

    /// All primaries have passed. Returns what changes beside the derived families, in the same step.
    fn finish(&mut self, emit: &mut Emit<'_>) -> Result<Batch>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;
    use crate::keyspace::prefix;

    #[test]
    fn ranges_are_cut_at_the_indexes() {
        let cut = |range: KeyRange| {
            let parts = without_indexes(range).into_iter();
            let text = |part: KeyRange| {
                let upper = part.upper.unwrap_or_default();
                format!("{}..{}", hex::short(&part.lower), hex::short(&upper))
            };
            parts.map(text).collect::<Vec<_>>()
        };
        let all = ["0301..030701", "030702..030704", "030706..03ff"];
        assert_eq!(cut(prefix::wiped_by_new_sync()), all);
        assert_eq!(cut(Family::Grant.range()), ["0304..0305"]);
        assert_eq!(cut(Family::Session.range()), ["0309..030a"]);
        assert_eq!(cut(Family::GrantByPrincipal.range()), [""; 0]);
        let inside = KeyRange::of_prefix(vec![3, 7, 4, 0, 9]);
        assert_eq!(cut(inside), [""; 0]);
    }
}
