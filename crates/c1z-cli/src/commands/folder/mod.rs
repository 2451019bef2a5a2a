//! Commands about folders of syncs: `log`, `show`, `cleanup`, `archive`.

mod change;
mod cleanup;
mod log;
mod show;

pub(crate) use change::run as archive;
pub(crate) use cleanup::run as cleanup;
pub(crate) use log::run as log;
pub(crate) use show::run as show;

use std::path::Path;

use c1z::archive::{Archive, ArchiveOptions};
use c1z::ops::SharedObserver;
use c1z::{MemoryBudget, OpenOptions};

use crate::args::Global;
use crate::failure::{Failure, warn};
use crate::{file, job, telemetry};

/// How folders are opened.
fn options(global: &Global) -> ArchiveOptions {
    ArchiveOptions {
        reading: OpenOptions {
            fs: job::fs(),
            budget: MemoryBudget::new(global.limits.memory),
            variables: file::variables(&global.limits),
            scratch: global.limits.tmp_dir.clone(),
            telemetry: telemetry::current(),
            ..OpenOptions::default()
        },
        observer: SharedObserver::new(job::observer()),
        ..ArchiveOptions::default()
    }
}

/// Opens a folder, to be changed, and passes its warnings on.
fn open(global: &Global, folder: &Path, create: bool) -> Result<Archive, Failure> {
    let open = if create {
        Archive::create
    } else {
        Archive::open
    };
    let archive = open(folder, options(global))?;
    archive.warnings().iter().for_each(warn);
    Ok(archive)
}
