//! One module per command; each takes the parsed flags and prints what the library returns.

mod entitlements;
mod grants;
mod inspect;
mod repair;
mod resource_types;
mod resources;
mod stats;
mod syncs;
mod verify;

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
        Command::Inspect(args) => inspect::run(global, &args.what),
        Command::Verify(args) => verify::run(global, args),
        Command::Repair(args) => repair::run(global, args),
    }
}

/// Standard output, buffered. Whoever takes it flushes it.
fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock())
}
