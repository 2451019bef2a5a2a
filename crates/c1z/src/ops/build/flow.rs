//! Primary rows in their order, and everything that follows from them.
//!
//! | row | goes to | and gives |
//! |---|---|---|
//! | resource | its table | parent index row, sorted later |
//! | entitlement | its table | an empty digest root, which a later one replaces |
//! | grant | its table | principal index row, sorted later; needs-expansion row, in order; hash row, sorted within its entitlement; its share of the digests |
//! | other | its table | |
//!
//! Grants come entitlement by entitlement, so the hash rows of one entitlement are sorted and written
//! when the next begins, and digests need the counts of one at a time.

use shingle::bulk::{DatabaseWriter, Section, SectionWriter, Sorter, write_sections};
use shingle::iter::Bounds;

use super::options::{BuildOptions, sections};
use crate::digest::{self, DigestBuilder, GrantHasher, HashedGrant, Node, Root};
use crate::engine::types::SyncStats;
use crate::keyspace::{Deriver, Family, IndexSet, splice};
use crate::record::stats;
use crate::{Error, ErrorKind, Result};

/// Share of the memory that sorts index rows, in eighths.
const DERIVED_SHARE: usize = 3;
/// Share that sorts the hash rows of one entitlement.
const PARTITION_SHARE: usize = 1;

/// Takes primary rows in ascending order.
pub(super) struct Flow {
    database: DatabaseWriter,
    threads: usize,
    done: Vec<Section>,
    /// The family whose rows are coming.
    open: Option<(Family, SectionWriter)>,
    needs_expansion: SectionWriter,
    /// Rows that come in no order: index rows, digest nodes, and what is no record.
    derived: Sorter,
    deriver: Deriver,
    digests: Option<Digests>,
    stats: SyncStats,
}

/// The hash index and the digest tree under construction.
struct Digests {
    hasher: GrantHasher,
    builder: DigestBuilder,
    /// Hash rows of the entitlement at hand.
    rows: Sorter,
    partition: Vec<u8>,
    hashes: SectionWriter,
    key: Vec<u8>,
}

/// What is left when all primaries have passed.
pub(super) struct Passed {
    pub(super) stats: SyncStats,
    pub(super) digest_root: Option<Node>,
    pub(super) rest: Rest,
}

/// Where the last rows go.
pub(super) struct Rest {
    database: DatabaseWriter,
    threads: usize,
    done: Vec<Section>,
    derived: Sorter,
}

impl Flow {
    pub(super) fn new(database: DatabaseWriter, options: &BuildOptions, digests: bool) -> Self {
        let scratch = database.scratch();
        let derived = Sorter::new(scratch.clone(), options.sort(DERIVED_SHARE));
        let digests = digests.then(|| Digests {
            hasher: GrantHasher::new(),
            builder: DigestBuilder::new(),
            rows: Sorter::new(scratch.clone(), options.sort(PARTITION_SHARE)),
            partition: Vec::new(),
            hashes: database.section(),
            key: Vec::new(),
        });
        Self {
            needs_expansion: database.section(),
            database,
            threads: options.threads,
            done: Vec::new(),
            open: None,
            derived,
            deriver: Deriver::new(IndexSet::ALL),
            digests,
            stats: SyncStats::default(),
        }
    }

    /// Takes a primary row; keys ascend.
    pub(super) fn row(&mut self, family: Family, key: &[u8], value: &[u8]) -> Result<()> {
        stats::count(&mut self.stats, key)?;
        self.derive(key, value)?;
        if let Some(digests) = &mut self.digests {
            match family {
                Family::Entitlement => {
                    let partition = splice::entitlement_partition(key)?;
                    let root = Root::default().encode();
                    self.derived.add(&digest::root_key(partition), &root)?;
                }
                Family::Grant => digests.grant(key, value, &mut self.derived)?,
                _ => {}
            }
        }
        self.section(family)?.add(key, value)?;
        Ok(())
    }

    /// Takes a row that is no record, in any order.
    pub(super) fn other(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.derived.add(key, value)?)
    }

    fn derive(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let (derived, needs_expansion) = (&mut self.derived, &mut self.needs_expansion);
        let mut emit = |row: &[u8]| {
            if row.starts_with(Family::GrantNeedsExpansion.header()) {
                needs_expansion.add(row, &[])?;
            } else {
                derived.add(row, &[])?;
            }
            Ok(())
        };
        self.deriver.derive(key, value, &mut emit)
    }

    /// The tables of `family`.
    fn section(&mut self, family: Family) -> Result<&mut SectionWriter> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != family) {
            self.close()?;
            self.open = Some((family, self.database.section()));
        }
        match &mut self.open {
            Some((_, section)) => Ok(section),
            None => Err(Error::new(ErrorKind::Internal, "no table is open")),
        }
    }

    fn close(&mut self) -> Result<()> {
        if let Some((_, section)) = self.open.take() {
            self.done.push(section.finish()?);
        }
        Ok(())
    }

    /// All primaries have passed.
    pub(super) fn finish(mut self) -> Result<Passed> {
        self.close()?;
        self.done.push(self.needs_expansion.finish()?);
        let mut digest_root = None;
        if let Some(digests) = self.digests {
            let (root, hashes) = digests.finish(&mut self.derived)?;
            digest_root = Some(root);
            self.done.push(hashes);
        }
        Ok(Passed {
            stats: self.stats,
            digest_root,
            rest: Rest {
                database: self.database,
                threads: self.threads,
                done: self.done,
                derived: self.derived,
            },
        })
    }
}

impl Digests {
    fn grant(&mut self, key: &[u8], value: &[u8], nodes: &mut Sorter) -> Result<()> {
        let hashed = self.hasher.hash(key, value)?;
        if hashed.grant.partition != self.partition {
            self.rows.drain(|key, value| self.hashes.add(key, value))?;
            self.partition.clear();
            self.partition.extend_from_slice(hashed.grant.partition);
        }
        self.builder
            .grant(&hashed, &mut |key, value| Ok(nodes.add(key, value)?))?;
        self.add_row(&hashed)
    }

    fn add_row(&mut self, hashed: &HashedGrant<'_>) -> Result<()> {
        self.key.clear();
        hashed.key_into(&mut self.key);
        Ok(self.rows.add(&self.key, &hashed.value())?)
    }

    /// The global root, which is among the nodes too, and the tables of the hash index.
    fn finish(mut self, nodes: &mut Sorter) -> Result<(Node, Section)> {
        self.rows.drain(|key, value| self.hashes.add(key, value))?;
        let root = self
            .builder
            .finish(&mut |key, value| Ok(nodes.add(key, value)?))?;
        nodes.add(&digest::global_root_key(), &root.encode())?;
        Ok((root, self.hashes.finish()?))
    }
}

impl Rest {
    /// Takes a row that is no record.
    pub(super) fn other(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.derived.add(key, value)?)
    }

    /// Sorts and writes what is left and makes the database.
    pub(super) fn finish(mut self) -> Result<shingle::bulk::BuiltDatabase> {
        let sorted = self.derived.finish()?;
        let written = write_sections(&self.database, &sorted, ranges(), self.threads)?;
        self.done.extend(written);
        drop(sorted);
        Ok(self.database.finish(self.done)?)
    }
}

/// All keys, cut at the families.
fn ranges() -> Vec<Bounds> {
    let mut lower = None;
    let mut ranges = Vec::new();
    for first in sections() {
        let upper = Some(first.clone());
        ranges.push(Bounds { lower, upper });
        lower = Some(first);
    }
    ranges.push(Bounds { lower, upper: None });
    ranges
}
