//! Records of one v1 sync that become one record of a v3 sync: rows with other external ids and the same structure.

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::{Duplicates, Scratch, SortOptions, Sorter};
use shingle::iter::Bounds;

use super::loss::{LossKind, LossReport};
use super::options::ConvertOptions;
use crate::Result;

/// Share of the memory, in sixteenths.
const SHARE: u64 = 1;

/// Primary keys of one sync, counted by a sort: the records themselves go elsewhere.
pub(in crate::ops) struct Identities(Sorter);

impl Identities {
    /// None so far; what does not fit the memory goes into `dir`.
    pub(in crate::ops) fn new(options: &ConvertOptions, dir: &Path) -> Self {
        let bytes = options.budget.limit() / 16 * SHARE;
        let sort = SortOptions {
            memory_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            duplicates: Duplicates::KeepAll,
            ..SortOptions::default()
        };
        Self(Sorter::new(
            Scratch::new(Arc::clone(&options.fs), dir),
            sort,
        ))
    }

    pub(in crate::ops) fn add(&mut self, key: &[u8]) -> Result<()> {
        Ok(self.0.add(key, &[])?)
    }

    /// Reports every key that came before as a loss.
    pub(in crate::ops) fn report(self, losses: &mut LossReport) -> Result<()> {
        let mut scan = self.0.finish()?.scan(Bounds::all());
        while let Some(row) = scan.next()? {
            if !row.is_newest {
                losses.add(LossKind::SameIdentity, || {
                    row.key.escape_ascii().to_string()
                });
            }
        }
        Ok(())
    }
}
