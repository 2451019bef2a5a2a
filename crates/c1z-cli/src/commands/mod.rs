//! One module per command; each takes the parsed flags and prints what the library returns.

mod convert;
mod dump_db;
mod entitlements;
mod export;
mod grants;
mod inspect;
mod resource_types;
mod resources;
mod stats;
mod syncs;
mod to_pebble;

pub(crate) use convert::ConvertArgs;
pub(crate) use export::ExportC1zArgs;
pub(crate) use to_pebble::ToPebbleArgs;

use std::io::{self, BufWriter, StdoutLock};

use crate::args::{Args, Command};
use crate::failure::Failure;

/// Buffer in front of standard output, in bytes.
const OUTPUT_BUFFER: usize = 128 << 10;

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let global = &args.global;
    match &args.command {
        Command::Stats => stats::run(global),
        Command::Syncs => syncs::run(global),
        Command::ResourceTypes => resource_types::run(global),
        Command::Resources(args) => resources::run(global, args),
        Command::Entitlements(args) => entitlements::run(global, args),
        Command::Grants(args) => grants::run(global, args),
        Command::Convert(args) => convert::run(global, args),
        Command::ToPebble(args) => to_pebble::run(global, args),
        Command::Export(export) => export::run(global, export),
        Command::DumpDb(args) => dump_db::run(global, args),
        Command::Inspect(args) => inspect::run(global, &args.what),
    }
}

/// Standard output, buffered. Whoever takes it flushes it.
fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock())
}
