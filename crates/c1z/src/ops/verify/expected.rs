//! The rows that records imply: index rows, hash rows, digest nodes.
//!
//! Grants come entitlement by entitlement, and entitlements without grants have digest roots too, so
//! the two families are walked side by side; the walk also tells which grants have no entitlement.

use std::cmp::Ordering;

use super::readable::{Readable, Rows};
use crate::Result;
use crate::digest::{self, DigestBuilder, GrantHasher};
use crate::keyspace::{Deriver, Family, GrantKey, IndexSet, splice};
use crate::record::GrantView;

/// Receives a row that records imply.
pub(crate) type RowSink<'s> = dyn FnMut(Family, &[u8], &[u8]) -> Result<()> + 's;

/// How far stored digests can be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Digests {
    /// There are none, or none that mean anything.
    #[default]
    Unknown,
    /// Partitions that have a root are judged.
    InPart,
    /// The global root is there, so nothing may be missing.
    Certified,
}

/// Which derived families can be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) by_principal: bool,
    pub(crate) hashes: bool,
    pub(crate) digests: Digests,
}

impl Scope {
    /// Whether rows of `family` are judged.
    pub(crate) fn has(self, family: Family) -> bool {
        match family {
            Family::ResourceByParent | Family::GrantNeedsExpansion => true,
            Family::GrantByPrincipal => self.by_principal,
            Family::GrantHash => self.hashes,
            Family::DigestNode => self.digests != Digests::Unknown,
            _ => false,
        }
    }
}

/// The families that are derived.
pub(crate) const DERIVED: [Family; 5] = [
    Family::ResourceByParent,
    Family::GrantByPrincipal,
    Family::GrantNeedsExpansion,
    Family::GrantHash,
    Family::DigestNode,
];

/// A grant as the walk meets it.
pub(crate) struct GrantRow<'a> {
    pub(crate) key: &'a [u8],
    /// Its key and value, if both are well formed.
    pub(crate) parsed: Result<(GrantKey<'a>, GrantView<'a>)>,
    /// Whether its entitlement is in the file.
    pub(crate) has_entitlement: bool,
    /// Whether it is the first of its entitlement.
    pub(crate) opens_partition: bool,
}

/// Derives the rows of resources.
pub(crate) fn of_resource(
    deriver: &mut Deriver,
    key: &[u8],
    value: &[u8],
    sink: &mut RowSink<'_>,
) -> Result<()> {
    deriver.derive(key, value, &mut |row| {
        sink(Family::ResourceByParent, row, &[])
    })
}

/// Walks all grants, shows each to `visit` and sends the rows that well-formed ones imply to `sink`.
pub(crate) fn of_grants(
    readable: &Readable,
    scope: Scope,
    sink: &mut RowSink<'_>,
    visit: &mut dyn FnMut(&GrantRow<'_>) -> Result<()>,
) -> Result<()> {
    let mut grants = readable.scan(&Family::Grant.range());
    let mut entitlements = Entitlements::new(readable)?;
    let mut derive = Derive::new(scope);
    let mut partition = Vec::new();
    let (mut opened, mut has_entitlement) = (false, false);
    while grants.advance()? {
        let Some((key, value)) = grants.row() else {
            break;
        };
        let parsed = GrantKey::parse(key).and_then(|key| Ok((key, GrantView::parse(value)?)));
        let mut opens_partition = false;
        if let Ok((grant, _)) = &parsed
            && (!opened || grant.partition != partition)
        {
            opened = true;
            opens_partition = true;
            partition.clear();
            partition.extend_from_slice(grant.partition);
            has_entitlement = entitlements.pass_to(&partition, &mut derive, sink)?;
        }
        let row = GrantRow {
            key,
            parsed,
            has_entitlement,
            opens_partition,
        };
        visit(&row)?;
        if row.parsed.is_ok() {
            derive.grant(key, value, sink)?;
        }
    }
    entitlements.pass_rest(&mut derive, sink)?;
    derive.finish(sink)
}

struct Derive {
    scope: Scope,
    deriver: Deriver,
    hasher: GrantHasher,
    builder: DigestBuilder,
    key: Vec<u8>,
}

impl Derive {
    fn new(scope: Scope) -> Self {
        Self {
            scope,
            deriver: Deriver::new(IndexSet {
                by_principal: scope.by_principal,
                ..IndexSet::ALL
            }),
            hasher: GrantHasher::new(),
            builder: DigestBuilder::new(),
            key: Vec::new(),
        }
    }

    fn entitlement(&mut self, partition: &[u8], sink: &mut RowSink<'_>) -> Result<()> {
        if self.scope.digests == Digests::Unknown {
            return Ok(());
        }
        let mut nodes = |key: &[u8], value: &[u8]| sink(Family::DigestNode, key, value);
        self.builder.entitlement(partition, &mut nodes)
    }

    fn grant(&mut self, key: &[u8], value: &[u8], sink: &mut RowSink<'_>) -> Result<()> {
        self.deriver.derive(key, value, &mut |row| {
            let of_principal = row.starts_with(Family::GrantByPrincipal.header());
            let family = if of_principal {
                Family::GrantByPrincipal
            } else {
                Family::GrantNeedsExpansion
            };
            sink(family, row, &[])
        })?;
        if !self.scope.hashes && self.scope.digests == Digests::Unknown {
            return Ok(());
        }
        let hashed = self.hasher.hash(key, value)?;
        if self.scope.hashes {
            self.key.clear();
            hashed.key_into(&mut self.key);
            sink(Family::GrantHash, &self.key, &hashed.value())?;
        }
        if self.scope.digests != Digests::Unknown {
            let mut nodes = |key: &[u8], value: &[u8]| sink(Family::DigestNode, key, value);
            self.builder.grant(&hashed, &mut nodes)?;
        }
        Ok(())
    }

    fn finish(self, sink: &mut RowSink<'_>) -> Result<()> {
        if self.scope.digests == Digests::Unknown {
            return Ok(());
        }
        let mut nodes = |key: &[u8], value: &[u8]| sink(Family::DigestNode, key, value);
        let root = self.builder.finish(&mut nodes)?;
        if self.scope.digests == Digests::Certified {
            nodes(&digest::global_root_key(), &root.encode())?;
        }
        Ok(())
    }
}

/// The entitlements, walked as far as the grants are.
struct Entitlements {
    rows: Rows,
    partition: Option<Vec<u8>>,
}

impl Entitlements {
    fn new(readable: &Readable) -> Result<Self> {
        let mut found = Self {
            rows: readable.scan(&Family::Entitlement.range()),
            partition: None,
        };
        found.advance()?;
        Ok(found)
    }

    /// The next entitlement with a well-formed key.
    fn advance(&mut self) -> Result<()> {
        let mut partition = self.partition.take().unwrap_or_default();
        while self.rows.advance()? {
            let Some((key, _)) = self.rows.row() else {
                break;
            };
            if let Ok(found) = splice::entitlement_partition(key) {
                partition.clear();
                partition.extend_from_slice(found);
                self.partition = Some(partition);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Passes over the entitlements up to `partition`; true if it is one of them.
    fn pass_to(
        &mut self,
        partition: &[u8],
        derive: &mut Derive,
        sink: &mut RowSink<'_>,
    ) -> Result<bool> {
        while let Some(at) = &self.partition {
            match at.as_slice().cmp(partition) {
                Ordering::Less => derive.entitlement(at, sink)?,
                Ordering::Equal => return Ok(true),
                Ordering::Greater => return Ok(false),
            }
            self.advance()?;
        }
        Ok(false)
    }

    fn pass_rest(&mut self, derive: &mut Derive, sink: &mut RowSink<'_>) -> Result<()> {
        while let Some(at) = &self.partition {
            derive.entitlement(at, sink)?;
            self.advance()?;
        }
        Ok(())
    }
}
