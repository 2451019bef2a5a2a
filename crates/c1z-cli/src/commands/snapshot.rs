//! `c1z snapshot`: a copy of all that a file or the directory of a database holds.

use std::path::PathBuf;

use c1z::ops::copy::snapshot;
use clap::Args as ClapArgs;

use super::convert::options;
use crate::args::Global;
use crate::failure::Failure;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct SnapshotArgs {
    /// File to write; it must not exist
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

pub(crate) fn run(global: &Global, args: &SnapshotArgs) -> Result<(), Failure> {
    snapshot(&global.file, &args.output, &options(global))?;
    Ok(())
}
