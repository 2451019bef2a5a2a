//! The subcommands about folders of syncs.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::ListArgs;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct LogArgs {
    /// The folder [default: that of --file]
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// The folder
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The sync's id [default: the latest finished one, or that of --sync-id or --at]
    #[arg(value_name = "SYNC")]
    pub(crate) sync: Option<String>,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct CleanupArgs {
    /// The folder
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Full syncs that stay [default: `BATON_KEEP_SYNC_COUNT`, or 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: Option<u32>,
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ArchiveCommand {
    /// Add all syncs of files; the folder is made if it is not there
    Add {
        /// The folder
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// .c1z files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Add even if records of a v1 file disappear; what is lost is listed
        #[arg(long)]
        allow_loss: bool,
    },
    /// Delete syncs
    DeleteSync {
        /// The folder
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Ids of syncs
        #[arg(value_name = "SYNC", required = true)]
        syncs: Vec<String>,
    },
    /// Pack finished syncs that are directories
    Pack {
        /// The folder
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}
