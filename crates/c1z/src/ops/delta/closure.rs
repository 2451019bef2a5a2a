//! What added records refer to, and what that refers to, and so on: so that a result holds no dangling reference that
//! the applied sync does not hold.
//!
//! | record | refers to |
//! |---|---|
//! | grant | entitlement; principal and its type |
//! | entitlement | resource and its type |
//! | resource | its type; parent and its type |
//!
//! References lead from kind to kind in one direction, but for parents, which are chains of any length and may be circles. So
//! the kinds are read one after another, grants first, and chains are followed in a table of parents ([`Chains`]).

use shingle::bulk::{Duplicates, SortOptions, Sorted, SortedScan, Sorter};
use shingle::iter::Bounds;

use super::DeltaOptions;
use super::chains::Chains;
use super::joined::{Joined, JoinedScan, Pick, Versions, kind_of};
use crate::ops::RecordKind;
use crate::{Error, ErrorKind, Result};

/// Share of the memory for keys that are sorted, in sixteenths. Two such sorts run at a time.
const SORT_SHARE: u64 = 2;

/// Keys of records that are wanted though they were not added.
pub(super) struct Wanted(Option<Sorted>);

impl Wanted {
    /// No key.
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    /// What the added records refer to.
    pub(super) fn of(joined: &Joined, options: &DeltaOptions) -> Result<Self> {
        let mut closure = Closure {
            joined,
            options,
            wanted: sorter(joined, options, Duplicates::KeepLast),
        };
        let of_grants = closure.follow(RecordKind::Grant, &Self::nothing())?;
        let of_entitlements = closure.follow(RecordKind::Entitlement, &of_grants)?;
        closure.follow_parents([&of_grants, &of_entitlements])?;
        Ok(Self(Some(closure.wanted.finish()?)))
    }

    /// Goes through the keys next to ascending ones.
    pub(super) fn scan(&self) -> WantedScan {
        WantedScan {
            rows: self.0.as_ref().map(|keys| keys.scan(Bounds::all())),
            key: None,
        }
    }
}

fn sorter(joined: &Joined, options: &DeltaOptions, duplicates: Duplicates) -> Sorter {
    let sort = SortOptions {
        memory_bytes: options.convert.budget.share(SORT_SHARE),
        duplicates,
        ..SortOptions::default()
    };
    Sorter::new(joined.scratch(options), sort)
}

/// The search.
struct Closure<'a> {
    joined: &'a Joined,
    options: &'a DeltaOptions,
    /// All keys that were found.
    wanted: Sorter,
}

impl Closure<'_> {
    /// What records of one kind refer to, of those that were added or are in `from`.
    fn follow(&mut self, kind: RecordKind, from: &Wanted) -> Result<Wanted> {
        let mut found = sorter(self.joined, self.options, Duplicates::KeepLast);
        let mut from = from.scan();
        let mut scan = self.joined.scan(Some(kind));
        while let Some(versions) = scan.next()? {
            if from.holds(&versions.key)? || self.is_added(&versions)? {
                references(self.joined, &versions, &mut |key| {
                    found.add(key, &[])?;
                    Ok(self.wanted.add(key, &[])?)
                })?;
            }
        }
        Ok(Wanted(Some(found.finish()?)))
    }

    /// The parents of resources that were added or are in `from`, their parents and so on, and the types of all.
    fn follow_parents(&mut self, from: [&Wanted; 2]) -> Result<()> {
        let mut chains = self.chains(from)?;
        chains.follow();
        let mut resources = Resources::of(self.joined);
        while let Some((number, versions)) = resources.next()? {
            if chains.is_wanted(number) {
                self.wanted.add(&versions.key, &[])?;
                references(self.joined, &versions, &mut |key| {
                    Ok(self.wanted.add(key, &[])?)
                })?;
            }
        }
        Ok(())
    }

    /// All resources of the applied sync with their parents. Wanted are those that were added or are in `from`.
    fn chains(&self, from: [&Wanted; 2]) -> Result<Chains> {
        let mut resources = Resources::of(self.joined);
        while resources.next()?.is_some() {}
        let mut chains = Chains::of(resources.count, &self.options.convert.budget)?;
        let mut children = sorter(self.joined, self.options, Duplicates::KeepAll);
        let mut from = from.map(Wanted::scan);
        let mut resources = Resources::of(self.joined);
        while let Some((number, versions)) = resources.next()? {
            let [grants, entitlements] = &mut from;
            let is_referred = grants.holds(&versions.key)? | entitlements.holds(&versions.key)?;
            if is_referred || self.is_added(&versions)? {
                chains.want(number);
            }
            references(self.joined, &versions, &mut |key| {
                if key.first() == Some(&(RecordKind::Resource as u8)) {
                    children.add(key, &number.to_be_bytes())?;
                }
                Ok(())
            })?;
        }
        self.join_parents(&children.finish()?, &mut chains)?;
        Ok(chains)
    }

    /// Gives each child, which stands beside its parent's key, the number of the parent.
    fn join_parents(&self, children: &Sorted, chains: &mut Chains) -> Result<()> {
        let mut resources = Resources::of(self.joined);
        let mut at = resources.next()?;
        let mut rows = children.scan(Bounds::all());
        while let Some(row) = rows.next()? {
            while at
                .as_ref()
                .is_some_and(|(_, parent)| *parent.key < *row.key)
            {
                at = resources.next()?;
            }
            let Some((parent, _)) = at.as_ref().filter(|(_, at)| at.key == row.key) else {
                continue;
            };
            if let Ok(child) = row.value.try_into() {
                chains.set_parent(u32::from_be_bytes(child), *parent);
            }
        }
        Ok(())
    }

    fn is_added(&self, versions: &Versions) -> Result<bool> {
        Ok(self.joined.picked(Pick::Added, versions)?.is_some())
    }
}

/// Gives the keys of all records that the applied version refers to.
fn references(
    joined: &Joined,
    versions: &Versions,
    take: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let Some(applied) = &versions.applied else {
        return Ok(());
    };
    let kind = kind_of(&versions.key)?;
    joined.form.references(kind, applied, &mut |kind, id| {
        take(&[&[kind as u8], id].concat())
    })
}

/// The resources of the applied sync in order of keys, numbered from 0.
struct Resources {
    scan: JoinedScan,
    count: u32,
}

impl Resources {
    fn of(joined: &Joined) -> Self {
        Self {
            scan: joined.scan(Some(RecordKind::Resource)),
            count: 0,
        }
    }

    fn next(&mut self) -> Result<Option<(u32, Versions)>> {
        while let Some(versions) = self.scan.next()? {
            if versions.applied.is_some() {
                let number = self.count;
                self.count = number.checked_add(1).ok_or_else(too_many)?;
                return Ok(Some((number, versions)));
            }
        }
        Ok(None)
    }
}

fn too_many() -> Error {
    let message = "more than 4,294,967,295 resources in one sync";
    Error::new(ErrorKind::ResourceExhausted, message)
}

/// A walk over wanted keys.
pub(super) struct WantedScan {
    rows: Option<SortedScan>,
    key: Option<Vec<u8>>,
}

impl WantedScan {
    /// Whether a key is wanted. Keys are asked in ascending order.
    pub(super) fn holds(&mut self, key: &[u8]) -> Result<bool> {
        let Some(rows) = &mut self.rows else {
            return Ok(false);
        };
        while self.key.as_deref().is_none_or(|at| at < key) {
            let Some(row) = rows.next()? else {
                self.rows = None;
                return Ok(false);
            };
            self.key = Some(row.key.to_vec());
        }
        Ok(self.key.as_deref() == Some(key))
    }
}
