//! Publishing what a store holds.

use std::path::Path;
use std::sync::Arc;

use shingle::vfs::Fs;

use super::v3::check_output;
use super::{BuiltSync, PackOptions, V3Summary, Workspace, pack};
use crate::Result;
use crate::engine::PebbleStore;

/// Publishes what `store` holds as a v3 file, finished or not; the store stays as it is. An unfinished sync gets complete
/// indexes, and no digests or statistics.
///
/// A store on disk has to be on the file system of `options`. What is sealed is linked into a temporary folder beside its
/// directory, not copied.
///
/// The observer of `options` hears of packing; what the store does before that, it tells its own
/// ([`crate::engine::PebbleOptions::observer`]).
///
/// # Errors
/// `AlreadyExists`; `InvalidArgument` for an output without file name; those of [`pack`]; what stood at the output before
/// still does then.
///
/// # Complexity
/// O(bytes of the file); O(rows · log runs) for what was not sealed. Writers wait.
pub fn publish_store(
    store: &PebbleStore,
    output: &Path,
    options: &PackOptions,
) -> Result<V3Summary> {
    publish_checked(store, output, options, |_| Ok(()))
}

/// Publishes what `store` held at one instant, if that passes `check`.
pub(in crate::ops) fn publish_checked(
    store: &PebbleStore,
    output: &Path,
    options: &PackOptions,
    check: impl FnOnce(&BuiltSync) -> Result<()>,
) -> Result<V3Summary> {
    let (pulse, options) = options.pulse();
    pulse.end(publish_watched(store, output, &options, check))
}

fn publish_watched(
    store: &PebbleStore,
    output: &Path,
    options: &PackOptions,
    check: impl FnOnce(&BuiltSync) -> Result<()>,
) -> Result<V3Summary> {
    let fs: Arc<dyn Fs> = Arc::clone(&options.fs);
    check_output(&*fs, output, options.existing)?;
    let workspace = match store.dir() {
        Some(dir) => Workspace::beside(fs, &*options.entropy, dir)?,
        None => Workspace::for_output(options, output)?,
    };
    let sync: BuiltSync = store.checkpoint(&options.fs, &workspace.dir().join("db"))?;
    check(&sync)?;
    let envelope = pack(&sync, output, options)?;
    Ok(V3Summary { sync, envelope })
}
