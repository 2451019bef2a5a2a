//! `c1z export c1z`: one finished sync of a file as a file of its own, in the same format.

use std::path::PathBuf;

use c1z::engine::types::SyncId;
use c1z::ops::convert::{ConvertOptions, FileFormat, LossKind, SyncChoice, convert};
use clap::Args as ClapArgs;
use shingle::vfs::OsFs;

use crate::args::Global;
use crate::commands::convert::options;
use crate::failure::{Failure, warn};

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ExportC1zArgs {
    /// File to write; it must not exist
    #[arg(long, value_name = "PATH", default_value = "./latest.c1z")]
    out: PathBuf,
}

pub(super) fn run(global: &Global, args: &ExportC1zArgs) -> Result<(), Failure> {
    let format = FileFormat::of_existing(&OsFs, &global.file)?;
    let sync = match &global.sync_id {
        Some(id) => SyncChoice::Id(SyncId::new(id)?),
        None => SyncChoice::LatestFull,
    };
    let options = ConvertOptions {
        to: Some(match format {
            FileFormat::V1 => FileFormat::V1,
            _ => FileFormat::V3,
        }),
        sync,
        finished_only: true,
        // To leave the other syncs out is what the command is for.
        allow_loss: true,
        ..options(global)
    };
    let summary = convert(&global.file, &args.out, &options)?;
    let losses = summary.losses.iter();
    for (kind, loss) in losses.filter(|(kind, _)| *kind != LossKind::Sync) {
        warn(format_args!("{} {}", loss.count, kind.describe()));
    }
    Ok(())
}
