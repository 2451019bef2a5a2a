//! The subcommands and their own flags.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use clap_complete::Shell;

use super::folder::{ArchiveCommand, CleanupArgs, LogArgs, ShowArgs};
use crate::commands::{
    ConvertArgs, DiffArgs, ExportC1zArgs, HealthArgs, MergeArgs, OptimizeArgs,
    RollbackExpansionArgs, SnapshotArgs, ToPebbleArgs, WhoArgs, WhyArgs,
};

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Counts of a sync, and how it ran
    Stats,
    /// The syncs of the file
    Syncs(ListArgs),
    /// Resource types
    ResourceTypes(ListArgs),
    /// Resources
    Resources(ResourcesArgs),
    /// Entitlements
    Entitlements(EntitlementsArgs),
    /// Grants
    Grants(GrantsArgs),
    /// Those who hold grants
    Principals(PrincipalsArgs),
    /// Everything that one principal has access to
    Access(AccessArgs),
    /// Those who hold an entitlement, directly or through others
    Who(WhoArgs),
    /// The ways by which a principal comes to hold an entitlement; exits with 1 if it does not
    Why(WhyArgs),
    /// What changed between two syncs: of two files, or the two latest finished full ones of one
    Diff(DiffArgs),
    /// Icons and other files that the sync brought along
    Assets {
        #[command(subcommand)]
        what: AssetsCommand,
    },
    /// Entries that the connector keeps between the steps of a sync
    Sessions {
        #[command(subcommand)]
        what: SessionsCommand,
    },
    /// The sync as a file for other programs
    #[command(subcommand)]
    Export(Export),
    /// Syncs from one format into another
    Convert(ConvertArgs),
    /// One sync of a v1 file as a v3 file
    ToPebble(ToPebbleArgs),
    /// One sync out of a base and newer syncs, each in a file of its own
    Merge(MergeArgs),
    /// Write the file anew in its place, without what nobody needs; it stays if it would not shrink
    #[command(visible_alias = "compact")]
    Optimize(OptimizeArgs),
    /// Count the rows of finished syncs again, and record what was counted
    RecalculateStats,
    /// A copy of all that the file holds, unfinished syncs too
    Snapshot(SnapshotArgs),
    /// A file with the expansion of one sync taken back
    RollbackExpansion(RollbackExpansionArgs),
    /// The database inside the file, as it is
    #[command(hide = true)]
    DumpDb(ExportArgs),
    /// The file's structure: envelope, manifest, tables, keys
    Inspect(InspectArgs),
    /// The history of a folder of syncs, a line each
    Log(LogArgs),
    /// One sync of a folder: what it holds, and how it differs in numbers from the one before
    Show(ShowArgs),
    /// Delete the syncs of a folder that retention does not keep
    Cleanup(CleanupArgs),
    /// Change a folder of syncs: add files, delete syncs, pack
    Archive {
        #[command(subcommand)]
        what: ArchiveCommand,
    },
    /// Whether a file, database directory or folder is well: a quick look; exits with 1 if it is not
    Health(HealthArgs),
    /// Check files: every checksum, index, digest and count
    Verify(VerifyArgs),
    /// Whether two files, of whatever formats, say the same of their syncs
    TeeCheck(TeeCheckArgs),
    /// Save what can be read of a damaged file, and rebuild the rest
    Repair(RepairArgs),
    /// Completions for a shell, to standard output
    #[command(visible_alias = "completion")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// The manual page of the program or of one command, as roff, to standard output
    #[command(hide = true)]
    Man {
        /// The command
        command: Option<String>,
    },
}

/// Flags of every list.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct ListArgs {
    /// At most this many rows; says so if there are more
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Only these parts of each row, as paths in its JSON: grant.id,principal.displayName
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
}

/// Where bytes go.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct OutArgs {
    /// File to write; `-` is standard output
    #[arg(long, value_name = "PATH", default_value = "-")]
    pub(crate) out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ResourcesArgs {
    /// Only resources of this type
    #[arg(short = 't', long, value_name = "TYPE")]
    pub(crate) resource_type: Option<String>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct EntitlementsArgs {
    /// Only entitlements on resources of this type
    #[arg(short = 't', long, value_name = "TYPE")]
    pub(crate) resource_type: Option<String>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct GrantsArgs {
    /// Only grants of entitlements on resources of this type
    #[arg(short = 't', long, value_name = "TYPE")]
    pub(crate) resource_type: Option<String>,
    /// Only grants of entitlements on this resource; needs --resource-type
    #[arg(
        short = 'r',
        long,
        value_name = "ID",
        requires = "resource_type",
        conflicts_with = "entitlement"
    )]
    pub(crate) resource: Option<String>,
    /// Only grants of this entitlement
    #[arg(short = 'e', long, value_name = "ID")]
    pub(crate) entitlement: Option<String>,
    /// Only grants held by principals of this type
    #[arg(long, value_name = "TYPE")]
    pub(crate) principal_type: Option<String>,
    /// Only grants held by this principal; needs --principal-type
    #[arg(long, value_name = "ID", requires = "principal_type")]
    pub(crate) principal: Option<String>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Clone, Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PrincipalsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<PrincipalsCommand>,
    /// Only holders of entitlements on resources of this type
    #[arg(short = 't', long, value_name = "TYPE")]
    pub(crate) resource_type: Option<String>,
    /// Only holders of entitlements on this resource; needs --resource-type
    #[arg(
        short = 'r',
        long,
        value_name = "ID",
        requires = "resource_type",
        conflicts_with = "entitlement"
    )]
    pub(crate) resource: Option<String>,
    /// Only holders of this entitlement
    #[arg(short = 'e', long, value_name = "ID")]
    pub(crate) entitlement: Option<String>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PrincipalsCommand {
    /// Who holds one entitlement and not the other, in one file or two
    Compare(CompareArgs),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct CompareArgs {
    /// The entitlement to compare
    #[arg(short = 'e', long, value_name = "ID")]
    pub(crate) entitlement: String,
    /// The file with the other entitlement
    #[arg(long, value_name = "PATH", default_value = "sync.c1z")]
    pub(crate) compare_file: PathBuf,
    /// The other entitlement
    #[arg(long, value_name = "ID")]
    pub(crate) compare_entitlement: String,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct AccessArgs {
    /// The principal's resource type
    #[arg(short = 't', long, value_name = "TYPE")]
    pub(crate) resource_type: String,
    /// The principal's id
    #[arg(short = 'r', long, value_name = "ID")]
    pub(crate) resource: String,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum AssetsCommand {
    /// Ids, media types and sizes
    List(ListArgs),
    /// One asset's bytes
    Get(AssetGetArgs),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct AssetGetArgs {
    /// The asset's id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// Keys and sizes; values in JSON
    List(SessionListArgs),
    /// One entry's bytes
    Get(SessionGetArgs),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct SessionListArgs {
    /// Only keys that begin like this; printed without it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prefix: String,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct SessionGetArgs {
    /// The entry's key
    pub(crate) key: String,
    /// What the key begins with, if it was listed without
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prefix: String,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Export {
    /// Users, entitlements and grants as CSV [default output: ./sync.csv]
    Csv(ExportArgs),
    /// The same rows as an XLSX workbook [default output: ./sync.xlsx]
    Xlsx(ExportArgs),
    /// Everything, a line a record; nothing is lost [default output: ./sync.ndjson]
    Ndjson(ExportArgs),
    /// One finished sync as a file of its own, in the same format [default output: ./latest.c1z]
    C1z(ExportC1zArgs),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ExportArgs {
    /// File to write; `-` is standard output
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

impl ExportArgs {
    /// The file to write, if none was named: `default`.
    pub(crate) fn out_or<'a>(&'a self, default: &'a str) -> &'a Path {
        self.out.as_deref().unwrap_or(Path::new(default))
    }
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct InspectArgs {
    #[command(subcommand)]
    pub(crate) what: Inspect,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Inspect {
    /// Framing, payload entries and their frames
    Envelope,
    /// The envelope's manifest
    Manifest,
    /// The database: version, levels, tables
    Lsm,
    /// One table: blocks and properties
    Sst {
        /// Name of the table's file, for example 000004.sst
        name: String,
    },
    /// Keys, decoded
    Keys {
        /// Only keys that begin with these bytes, in hex
        #[arg(long, value_name = "HEX", default_value = "")]
        prefix: String,
        /// At most this many
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        /// Print values too, in hex
        #[arg(long)]
        values: bool,
    },
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// Files, database directories or folders of these to check [default: the file of --file]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Only head, index, manifest, footers and what they say of each other
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Everything; the default
    #[arg(long)]
    pub(crate) full: bool,
    /// Findings of one kind that are shown; all are counted
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) examples: usize,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct TeeCheckArgs {
    /// A file or database directory
    #[arg(value_name = "A")]
    pub(crate) left: PathBuf,
    /// Another one
    #[arg(value_name = "B")]
    pub(crate) right: PathBuf,
    /// Differences of one kind that are shown; all are counted
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) examples: usize,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct RepairArgs {
    /// The damaged file; it is not changed
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// Where the new file goes; must not exist
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
}
