//! Records of one v1 sync that become one record of a v3 sync: rows with other external ids and the same structure.

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::{Duplicates, Scratch, SortOptions, Sorter};
use shingle::iter::Bounds;

use super::loss::{LossKind, LossReport};
use super::options::ConvertOptions;
use crate::Result;
use crate::ops::build::Workspace;

/// Share of the memory, in sixteenths.
const SHARE: u64 = 1;

/// Primary keys of one sync, counted by a sort: the records themselves go elsewhere.
pub(in crate::ops) struct Identities {
    keys: Sorter,
    // Removed after the keys, some of which may lie in it.
    _workspace: Workspace,
}

impl Identities {
    /// None so far; what does not fit the memory goes into a temporary folder for `output`.
    pub(in crate::ops) fn for_output(output: &Path, options: &ConvertOptions) -> Result<Self> {
        let workspace = Workspace::for_output(&options.pack_options(), output)?;
        let sort = SortOptions {
            memory_bytes: options.budget.share(SHARE),
            duplicates: Duplicates::KeepAll,
            ..SortOptions::default()
        };
        let scratch = Scratch::new(Arc::clone(&options.fs), workspace.dir());
        Ok(Self {
            keys: Sorter::new(scratch, sort),
            _workspace: workspace,
        })
    }

    pub(in crate::ops) fn add(&mut self, key: &[u8]) -> Result<()> {
        Ok(self.keys.add(key, &[])?)
    }

    /// Reports every key that came before as a loss.
    pub(in crate::ops) fn report(self, losses: &mut LossReport) -> Result<()> {
        let mut scan = self.keys.finish()?.scan(Bounds::all());
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
