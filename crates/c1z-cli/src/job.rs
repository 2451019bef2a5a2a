//! What a command is: a job over whole files, which is counted and timed, or a question.

use std::sync::{Arc, OnceLock};

use c1z::ErrorKind;
use c1z::observe::{Job, JobKind};
use c1z::ops::{Observer, Pulse, SharedObserver};
use shingle::vfs::{Fs, OsClock, OsFs};

use crate::args::{ArchiveCommand, Command, Export, Global};
use crate::failure::{Failure, Verdict};
use crate::output::progress::{self, When};
use crate::telemetry;

static RUNNING: OnceLock<Arc<Job>> = OnceLock::new();
static PULSE: OnceLock<Pulse> = OnceLock::new();

/// Begins to show progress, and to count the command if it is a job and somebody measures.
pub(crate) fn start(global: &Global, command: &Command) {
    let kind = kind_of(command);
    let title = kind.map_or("reading", title);
    progress::start(
        if global.quiet {
            When::Never
        } else {
            global.progress
        },
        title,
    );
    if let (Some(kind), Some(telemetry)) = (kind, telemetry::current()) {
        let job = Job::start(&telemetry, kind).observed_by(progress::observer());
        RUNNING.get_or_init(|| Arc::new(job));
    }
}

/// What hears of the progress of the command.
pub(crate) fn observer() -> Arc<dyn Observer> {
    Arc::new(pulse().clone())
}

/// The files that the command reads and writes; the observer hears of it.
pub(crate) fn fs() -> Arc<dyn Fs> {
    pulse().fs(Arc::new(OsFs))
}

fn pulse() -> &'static Pulse {
    PULSE.get_or_init(|| {
        let observer = match RUNNING.get() {
            Some(job) => Arc::clone(job) as Arc<dyn Observer>,
            None => progress::observer(),
        };
        Pulse::new(SharedObserver::new(observer), Arc::new(OsClock))
    })
}

/// The command has ended.
pub(crate) fn finish(done: &Result<Verdict, Failure>) {
    // The program's observers stop nothing.
    let _ = pulse().tell();
    progress::finish(done.is_ok());
    if let Some(job) = RUNNING.get() {
        job.ended(done.as_ref().err().map(|failure| match failure {
            Failure::Library(error) => error.kind(),
            Failure::Usage { .. } => ErrorKind::InvalidArgument,
            Failure::Output(_) => ErrorKind::Io,
        }));
    }
}

/// The name of a job in lines for people.
fn title(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Recalculate => "recalculate-stats",
        JobKind::Rollback => "rollback-expansion",
        kind => kind.as_str(),
    }
}

/// Which commands pass over whole files.
fn kind_of(command: &Command) -> Option<JobKind> {
    Some(match command {
        Command::Stats
        | Command::Syncs(_)
        | Command::ResourceTypes(_)
        | Command::Resources(_)
        | Command::Entitlements(_)
        | Command::Grants(_)
        | Command::Principals(_)
        | Command::Access(_)
        | Command::Assets { .. }
        | Command::Sessions { .. }
        | Command::Inspect(_)
        | Command::Log(_)
        | Command::Show(_)
        | Command::Health(_)
        | Command::Completions { .. }
        | Command::Man { .. } => return None,
        Command::Who(_) | Command::Why(_) => JobKind::Search,
        Command::Diff(_) => JobKind::Diff,
        Command::Export(Export::C1z(_)) | Command::Snapshot(_) => JobKind::Copy,
        Command::Export(_) => JobKind::Export,
        Command::Convert(_) | Command::ToPebble(_) => JobKind::Convert,
        Command::Merge(_) => JobKind::Merge,
        Command::Optimize(args) if args.is_estimate() => JobKind::Estimate,
        Command::Optimize(_) => JobKind::Optimize,
        Command::RecalculateStats => JobKind::Recalculate,
        Command::RollbackExpansion(_) => JobKind::Rollback,
        Command::DumpDb(_) => JobKind::Unpack,
        Command::Cleanup(_) => JobKind::Cleanup,
        Command::Archive { what } => match what {
            ArchiveCommand::Add { .. } => JobKind::Add,
            ArchiveCommand::DeleteSync { .. } => JobKind::Delete,
            ArchiveCommand::Pack { .. } => JobKind::Pack,
        },
        Command::Verify(_) => JobKind::Verify,
        Command::TeeCheck(_) => JobKind::Compare,
        Command::Repair(_) => JobKind::Repair,
    })
}
