//! The command line, as the parser sees it. Flags that every command takes stand before or after
//! the subcommand.

use std::path::PathBuf;
use std::time::Duration;

use c1z::engine::types::Timestamp;
use clap::{Args as ClapArgs, Parser, ValueEnum};

pub(crate) use self::commands::{
    AccessArgs, AssetGetArgs, AssetsCommand, Command, CompareArgs, EntitlementsArgs, Export,
    ExportArgs, GrantsArgs, Inspect, ListArgs, OutArgs, PrincipalsArgs, PrincipalsCommand,
    RepairArgs, ResourcesArgs, SessionGetArgs, SessionListArgs, SessionsCommand, TeeCheckArgs,
    VerifyArgs,
};
pub(crate) use self::folder::{ArchiveCommand, CleanupArgs, LogArgs, ShowArgs};
use crate::output::colour::When;
use crate::output::progress;
use crate::telemetry::parse_duration;

mod commands;
mod folder;
mod instant;
mod size;

/// Reads Baton .c1z sync files: who has access to what.
#[derive(Debug, Parser)]
#[command(
    name = "c1z",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 done; 1 a well-formed no; 3 wrong usage; 5 not found; 8 over a limit; 9 refused; \
                  14 the system failed; 15 the file is damaged; 130 interrupted."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// File, or folder of syncs, to read
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

    /// Sync to read: the newest that ended at or before this time, a date (its end) or RFC 3339
    #[arg(long, global = true, value_name = "DATE", conflicts_with = "sync_id", value_parser = instant::parse)]
    pub(crate) at: Option<Timestamp>,

    /// Colours; auto: on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub(crate) color: When,

    /// How progress is shown on standard error; auto: a bar on a terminal, else a line every 5 s
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t = progress::When::Auto)]
    pub(crate) progress: progress::When,

    /// No progress; warnings stay
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Write the metrics of the run to this file, in the text format of Prometheus
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,

    /// Log calls that take longer: seconds, or 250ms, 2m [without a value: 5s]
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "5s",
        env = "C1Z_SLOW",
        value_parser = parse_duration
    )]
    pub(crate) slow: Option<Duration>,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// What reading may cost.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// Memory for caches, decoded frames and tables: a number of MiB, or with a unit (KiB, MiB,
    /// GiB)
    #[arg(
        long,
        global = true,
        value_name = "SIZE",
        default_value = "256MiB",
        env = "C1Z_MEMORY",
        value_parser = size::parse
    )]
    pub(crate) memory: u64,

    /// Folder for the database of a v1 file that does not fit the memory [default: that of the
    /// file]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) tmp_dir: Option<PathBuf>,

    /// Refuse a file that decodes to more MiB [env: `BATON_DECODER_MAX_DECODED_SIZE_MB`]
    #[arg(long, global = true, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) decoder_max_decoded_size_mb: Option<u64>,

    /// Refuse a file whose decoding needs a window of more MiB [env: `BATON_DECODER_MAX_MEMORY_MB`]
    #[arg(long, global = true, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) decoder_max_memory_mb: Option<u64>,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people
    Console,
    /// One JSON document, in the shape of the Go tool
    Json,
    /// One JSON object a line, with a `type`; the last line has the type `end`
    #[value(alias = "jsonl")]
    Ndjson,
    /// Comma-separated values with a header row; lists only
    Csv,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/operations.md");

    /// Variables of a command and of those below it.
    fn variables(command: &clap::Command, found: &mut Vec<String>) {
        let of_args = command.get_arguments().filter_map(clap::Arg::get_env);
        found.extend(of_args.map(|name| name.to_string_lossy().into_owned()));
        for below in command.get_subcommands() {
            variables(below, found);
        }
    }

    #[test]
    fn every_variable_and_global_flag_is_a_documented_knob() {
        let command = Args::command();
        let mut knobs = Vec::new();
        variables(&command, &mut knobs);
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        let own = ["help", "version", "sync-id", "at"];
        let flags = flags.filter(|flag| !own.contains(flag));
        knobs.extend(flags.map(|flag| format!("--{flag}")));
        let read_elsewhere = [
            "BATON_DECODER_MAX_DECODED_SIZE_MB",
            "BATON_DECODER_MAX_MEMORY_MB",
            "BATON_KEEP_SYNC_COUNT",
            "BATON_SKIP_CLEANUP",
            "NO_COLOR",
        ];
        knobs.extend(read_elsewhere.map(str::to_owned));
        assert!(knobs.len() > 12, "{knobs:?}");
        let is_missing = |knob: &&String| !DOCUMENT.contains(&format!("`{knob}"));
        let missing: Vec<_> = knobs.iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
