//! `c1z export c1z`: one finished sync of a file as a file of its own, in the same format.

use std::path::PathBuf;

use c1z::engine::types::SyncId;
use c1z::ops::convert::LossKind;
use c1z::ops::copy::{CloneOptions, clone_sync};
use clap::Args as ClapArgs;

use crate::args::Global;
use crate::commands::convert::options;
use crate::failure::{Failure, warn};

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ExportC1zArgs {
    /// File to write; it must not exist
    #[arg(long, value_name = "PATH", default_value = "./latest.c1z")]
    out: PathBuf,
    /// Leave out what the connector keeps between the steps of a sync
    #[arg(long)]
    no_sessions: bool,
}

pub(super) fn run(global: &Global, args: &ExportC1zArgs) -> Result<(), Failure> {
    let options = CloneOptions {
        sync: global.sync_id.as_deref().map(SyncId::new).transpose()?,
        leave_sessions: args.no_sessions,
        convert: options(global),
    };
    let summary = clone_sync(&global.file, &args.out, &options)?;
    let losses = summary.losses.iter();
    for (kind, loss) in losses.filter(|(kind, _)| *kind != LossKind::Sync) {
        warn(format_args!("{} {}", loss.count, kind.describe()));
    }
    Ok(())
}
