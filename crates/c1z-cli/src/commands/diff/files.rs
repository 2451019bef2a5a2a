//! The difference as files of its own: additions, or upserts and deletions.

use std::path::PathBuf;

use c1z::engine::types::SyncId;
use c1z::ops::delta::{DeltaInput, DeltaOptions, additions, pair};
use clap::Args as ClapArgs;

use super::DiffArgs;
use crate::args::Global;
use crate::commands::convert::{options, tell_losses};
use crate::failure::Failure;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct FilesArgs {
    /// Write a file of what was added, instead of telling what changed
    #[arg(long, value_name = "OUT", requires = "files", conflicts_with_all = ["upserts", "stat", "name_only", "kind", "exit_code"])]
    additions: Option<PathBuf>,
    /// With --additions: take along what the records refer to
    #[arg(long, requires = "additions")]
    with_referenced: bool,
    /// Write a file of what was added or changed, and with --deletions one of what is gone
    #[arg(long, value_name = "OUT", requires_all = ["files", "deletions"], conflicts_with_all = ["stat", "name_only", "kind", "exit_code"])]
    upserts: Option<PathBuf>,
    /// With --upserts: the file of what is gone
    #[arg(long, value_name = "OUT", requires = "upserts")]
    deletions: Option<PathBuf>,
}

impl FilesArgs {
    /// Writes the files that are asked for; false if none is.
    pub(super) fn write(&self, global: &Global, args: &DiffArgs) -> Result<bool, Failure> {
        let [base, applied] = args.files.as_slice() else {
            return Ok(false);
        };
        let input = |path: &PathBuf, sync: &Option<String>| -> Result<DeltaInput, Failure> {
            Ok(DeltaInput {
                path: path.clone(),
                sync: sync.as_deref().map(SyncId::new).transpose()?,
            })
        };
        let base = input(base, &args.base_sync)?;
        let applied = input(applied, &args.applied_sync)?;
        let writing = DeltaOptions {
            with_referenced: self.with_referenced,
            convert: options(global),
            ..DeltaOptions::default()
        };
        match (&self.additions, &self.upserts, &self.deletions) {
            (Some(out), ..) => {
                tell_losses(&additions(&base, &applied, out, &writing)?.losses);
            }
            (None, Some(upserts), Some(deletions)) => {
                // Both halves tell of the same inputs.
                let [written, _] = pair(&base, &applied, upserts, deletions, &writing)?;
                tell_losses(&written.losses);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
