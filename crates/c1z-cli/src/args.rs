//! The command line, as the parser sees it. Flags stand before or after the subcommand.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

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
    /// The file's structure: envelope, manifest, tables, keys
    Inspect(InspectArgs),
    /// Check files: every checksum, index, digest and count
    Verify(VerifyArgs),
    /// Save what can be read of a damaged file, and rebuild the rest
    Repair(RepairArgs),
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

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// Files or database directories to check [default: the file of --file]
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
pub(crate) struct RepairArgs {
    /// The damaged file; it is not changed
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// Where the new file goes; must not exist
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
}
