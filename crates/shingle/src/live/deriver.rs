//! Rows that follow from other rows.
//!
//! A log that holds an index beside what it indexes says everything twice. Here the log and the runs
//! hold *primary* rows, and a [`Deriver`] says which rows of which *families* follow from them. A
//! family is in one of two modes:
//!
//! | mode | its rows | a write of a primary costs |
//! |---|---|---|
//! | deferred | do not exist; the seal derives them from the winning primaries | nothing |
//! | kept | exist and are kept true by every write | a point read of what is overwritten |
//!
//! New databases begin with the modes that the families ask for. Reading a deferred family, and the
//! seal, make it kept.

use std::fmt;

use crate::iter::Bounds;
use crate::{Error, Result};

/// In which order a family's rows are derived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DerivedOrder {
    /// In any: they are sorted.
    #[default]
    Any,
    /// In ascending order of keys when their primaries come in ascending order: they are written
    /// as they come. A row out of order is an error.
    AsPrimaries,
}

/// A range of keys whose rows are all derived.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// Its keys. Families do not overlap each other or the sources.
    pub bounds: Bounds,
    /// In which order rows are derived.
    pub order: DerivedOrder,
    /// Whether a new database keeps the family from the start.
    pub kept: bool,
}

/// Takes a derived row: the place of its family in [`Deriver::families`], its key, its value.
pub type Emit<'a> = dyn FnMut(usize, &[u8], &[u8]) -> Result<()> + 'a;

/// Derives rows from rows. What follows from a row depends on that row alone.
pub trait Deriver: Send + Sync + fmt::Debug {
    /// The families, in order of their bounds. Always the same.
    fn families(&self) -> &[Family];

    /// The ranges that hold primary rows, ascending. Always the same.
    fn sources(&self) -> &[Bounds];

    /// Calls `emit` for every row that follows from the primary row `key`, in any order.
    ///
    /// # Errors
    /// Its own for a row that it cannot read, and those of `emit`.
    fn derive(&self, key: &[u8], value: &[u8], emit: &mut Emit<'_>) -> Result<()>;
}

/// Refuses families that overlap or do not ascend.
pub(super) fn check_families(families: &[Family]) -> Result<()> {
    let mut pairs = families.iter().zip(families.iter().skip(1));
    let apart = |(a, b): (&Family, &Family)| match (a.bounds.upper(), b.bounds.lower()) {
        (Some(upper), Some(lower)) => upper <= lower,
        _ => false,
    };
    if pairs.all(apart) {
        return Ok(());
    }
    Err(Error::invalid("derived families overlap or do not ascend"))
}

/// The family that `key` belongs to.
pub(super) fn family_of(families: &[Family], key: &[u8]) -> Option<usize> {
    families
        .iter()
        .position(|family| family.bounds.contains(key))
}

/// Refuses a derived row outside of its family.
pub(super) fn check_derived(families: &[Family], family: usize, key: &[u8]) -> Result<()> {
    let found = families.get(family);
    if found.is_some_and(|found| found.bounds.contains(key)) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "derived row is outside of its family family=`{family}` key=`{}`",
        key.escape_ascii()
    )))
}

/// Whether two ranges meet.
pub(super) fn meet(a: &Bounds, b: &Bounds) -> bool {
    let below = |upper: Option<&[u8]>, lower: Option<&[u8]>| match (upper, lower) {
        (Some(upper), Some(lower)) => upper <= lower,
        _ => false,
    };
    !below(a.upper(), b.lower()) && !below(b.upper(), a.lower())
}
