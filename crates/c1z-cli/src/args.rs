//! The command line, as the parser sees it. Flags stand before or after the subcommand.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::commands::{ConvertArgs, ExportC1zArgs, ToPebbleArgs};

/// Reads Baton .c1z sync files: who has access to what.
#[derive(Debug, Parser)]
#[command(name = "c1z", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// File to read
    #[arg(
        short,
        long,
        global = true,
        value_name = "PATH",
        default_value = "sync.c1z",
        env = "BATON_FILE"
    )]
    pub(crate) file: PathBuf,

    /// How to print
    #[arg(
        short = 'o',
        long = "output-format",
        visible_alias = "output",
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value_t = Format::Console,
        env = "BATON_OUTPUT_FORMAT"
    )]
    pub(crate) format: Format,

    /// Sync to read [default: the latest finished one]
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) sync_id: Option<String>,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people.
    Console,
    /// One JSON document, in the shape of the Go tool.
    Json,
    /// One JSON object a line, with a `type`; the last line has the type `end`.
    #[value(alias = "jsonl")]
    Ndjson,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Counts of a sync, and how it ran
    Stats,
    /// The syncs of the file
    Syncs,
    /// Resource types
    ResourceTypes,
    /// Resources
    Resources(ResourcesArgs),
    /// Entitlements
    Entitlements(EntitlementsArgs),
    /// Grants
    Grants(GrantsArgs),
    /// The sync as a file for other programs
    #[command(subcommand)]
    Export(Export),
    /// Syncs from one format into another
    Convert(ConvertArgs),
    /// One sync of a v1 file as a v3 file
    ToPebble(ToPebbleArgs),
    /// The database inside the file, as it is
    #[command(hide = true)]
    DumpDb(ExportArgs),
    /// The file's structure: envelope, manifest, tables, keys
    Inspect(InspectArgs),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ResourcesArgs {
    /// Only resources of this type
    #[arg(short = 't', long, value_name = "TYPE")]
    pub(crate) resource_type: Option<String>,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct EntitlementsArgs {
    /// Only entitlements on resources of this type
    #[arg(short = 't', long, value_name = "TYPE")]
    pub(crate) resource_type: Option<String>,
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
