//! One module per command; each takes the parsed flags and prints what the library returns.

mod access;
mod assets;
mod completions;
mod convert;
mod diff;
mod dump_db;
mod entitlements;
mod export;
mod folder;
mod grants;
mod health;
mod inspect;
mod merge;
mod optimize;
mod principals;
mod recalculate_stats;
mod repair;
mod resource_types;
mod resources;
mod rollback_expansion;
mod sessions;
mod snapshot;
mod stats;
mod syncs;
mod tee_check;
mod to_pebble;
mod verify;
mod who;
mod why;

pub(crate) use convert::ConvertArgs;
pub(crate) use diff::DiffArgs;
pub(crate) use export::ExportC1zArgs;
pub(crate) use health::HealthArgs;
pub(crate) use merge::MergeArgs;
pub(crate) use optimize::OptimizeArgs;
pub(crate) use rollback_expansion::RollbackExpansionArgs;
pub(crate) use snapshot::SnapshotArgs;
pub(crate) use to_pebble::ToPebbleArgs;
pub(crate) use who::WhoArgs;
pub(crate) use why::WhyArgs;

use crate::args::{Args, Command, Format, Global};
use crate::failure::{Failure, Verdict};

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let global = &args.global;
    let done = match &args.command {
        Command::Stats => stats::run(global),
        Command::Syncs(args) => syncs::run(global, args),
        Command::ResourceTypes(args) => resource_types::run(global, args),
        Command::Resources(args) => resources::run(global, args),
        Command::Entitlements(args) => entitlements::run(global, args),
        Command::Grants(args) => grants::run(global, args),
        Command::Principals(args) => principals::run(global, args),
        Command::Access(args) => access::run(global, args),
        Command::Who(args) => who::run(global, args),
        Command::Why(args) => return why::run(global, args),
        Command::Diff(args) => return diff::run(global, args),
        Command::Assets { what } => assets::run(global, what),
        Command::Sessions { what } => sessions::run(global, what),
        Command::Export(export) => export::run(global, export),
        Command::Convert(args) => convert::run(global, args),
        Command::ToPebble(args) => to_pebble::run(global, args),
        Command::RollbackExpansion(args) => rollback_expansion::run(global, args),
        Command::Snapshot(args) => snapshot::run(global, args),
        Command::Merge(args) => merge::run(global, args),
        Command::Optimize(args) => optimize::run(global, args),
        Command::RecalculateStats => recalculate_stats::run(global),
        Command::DumpDb(args) => dump_db::run(global, args),
        Command::Inspect(args) => inspect::run(global, &args.what),
        Command::Log(args) => folder::log(global, args),
        Command::Show(args) => folder::show(global, args),
        Command::Cleanup(args) => folder::cleanup(global, args),
        Command::Archive { what } => folder::archive(global, what),
        Command::Health(args) => return health::run(global, args),
        Command::Verify(args) => return verify::run(global, args),
        Command::TeeCheck(args) => return tee_check::run(global, args),
        Command::Repair(args) => repair::run(global, args),
        Command::Completions { shell } => completions::completions(*shell),
        Command::Man { command } => completions::man(command.as_deref()),
    };
    done.map(|()| Verdict::Yes)
}

/// Refuses CSV for what is no list.
fn refuse_csv(global: &Global, what: &str) -> Result<(), Failure> {
    if global.format == Format::Csv {
        return Err(Failure::usage(
            format!("csv is for lists, and {what} is none"),
            "use console, json or ndjson; flag -o or variable BATON_OUTPUT_FORMAT",
        ));
    }
    Ok(())
}
