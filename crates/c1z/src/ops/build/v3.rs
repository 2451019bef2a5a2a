//! From records to a published v3 file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::{Clock, Entropy, Fs, OsClock, OsEntropy, OsFs};

use super::manifest::manifest_of;
use super::options::BuildOptions;
use super::packing::Packing;
use super::sync::{BuiltSync, RunToWrite, SyncBuilder};
use super::workspace::Workspace;
use crate::envelope::{
    EntryContent, Existing, NewEntry, WriteOptions, WriteSummary, publish, write_v3,
};
use crate::ops::Pulse;
use crate::ops::observe::SharedObserver;
use crate::{Error, ErrorKind, Result};

/// Where a file goes and how it is packed.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// Where files are.
    pub fs: Arc<dyn Fs>,
    /// Names of temporary files.
    pub entropy: Arc<dyn Entropy>,
    /// What happens when the output exists; default it stays, and the operation is refused.
    pub existing: Existing,
    /// Where temporary files go but the last one, which becomes the output; default beside the output.
    pub temporary: Option<PathBuf>,
    /// Layout and compression of the payload, and the memory for it.
    pub write: WriteOptions,
    /// Watches what is built and packed.
    pub observer: SharedObserver,
    /// Tells when the observer has heard nothing for too long; default that of the system.
    pub clock: Arc<dyn Clock>,
}

impl PackOptions {
    /// These options, but on files that tell the observer of every read and write.
    pub(in crate::ops) fn pulse(&self) -> (Pulse, Self) {
        let pulse = Pulse::new(self.observer.clone(), Arc::clone(&self.clock));
        let watched = Self {
            fs: pulse.fs(Arc::clone(&self.fs)),
            observer: pulse.shared(),
            ..self.clone()
        };
        (pulse, watched)
    }
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            fs: Arc::new(OsFs),
            entropy: Arc::new(OsEntropy),
            existing: Existing::Keep,
            temporary: None,
            write: WriteOptions::default(),
            observer: SharedObserver::default(),
            clock: Arc::new(OsClock),
        }
    }
}

/// What was published.
#[derive(Clone, Debug)]
pub struct V3Summary {
    /// The sync. The directory that it names is gone.
    pub sync: BuiltSync,
    /// The envelope around it.
    pub envelope: WriteSummary,
}

/// Builds a sync in a temporary folder beside the output, and publishes it as a v3 file.
///
/// ```
/// use c1z::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
/// use c1z::ops::RecordKind;
/// use c1z::ops::build::{BuildOptions, PackOptions, RunToWrite, V3Builder};
/// use c1z_proto::storage::v3::ResourceTypeRecord;
///
/// # fn main() -> c1z::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("sync.c1z");
/// let id = SyncId::new("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w")?;
/// let now = Timestamp { seconds: 1_734_761_992, nanos: 0 };
/// let mut run = SyncRun::started(id, SyncType::Full, String::new(), now);
/// run.ended_at = Some(now);
///
/// let record = ResourceTypeRecord { external_id: "group".into(), ..Default::default() };
/// let mut builder = V3Builder::new(&path, &BuildOptions::default(), &PackOptions::default(), true)?;
/// builder.sync().put_value(RecordKind::ResourceType, &c1z_proto::encode_canonical(&record))?;
/// let written = builder.finish(Some(RunToWrite { run: &run, stored: None }))?;
/// assert_eq!(written.sync.counts.resource_types, 1);
/// assert!(c1z::open(&path)?.reader().get_sync(&run.id)?.is_finished());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct V3Builder {
    // Removed after the builder, whose files lie in it.
    sync: SyncBuilder,
    workspace: Workspace,
    output: PathBuf,
    pack: PackOptions,
    pulse: Pulse,
}

impl V3Builder {
    /// A file without records that will appear at `output`, whose folder must exist; `is_finished`
    /// tells whether the run will have an end.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidArgument` for an output without file name; `Io` from the file system.
    pub fn new(
        output: impl Into<PathBuf>,
        build: &BuildOptions,
        pack: &PackOptions,
        is_finished: bool,
    ) -> Result<Self> {
        let output = output.into();
        check_output(&*pack.fs, &output, pack.existing)?;
        let (pulse, pack) = pack.pulse();
        let workspace = Workspace::for_output(&pack, &output)?;
        // The directory is only a stop on the way into the file.
        let build = BuildOptions {
            sync: false,
            ..build.clone()
        };
        let dir = workspace.dir().join("db");
        let sync = SyncBuilder::new(Arc::clone(&pack.fs), dir, &build, is_finished)?;
        Ok(Self {
            sync: sync.observed_by(pulse.observer()),
            workspace,
            output,
            pack,
            pulse,
        })
    }

    /// Takes the records.
    pub fn sync(&mut self) -> &mut SyncBuilder {
        &mut self.sync
    }

    /// Writes what is left, packs and publishes. See [`SyncBuilder::finish`] for `run`.
    ///
    /// # Errors
    /// Those of [`SyncBuilder::finish`] and [`pack`]. What stood at the output before still does,
    /// unless the error came after the file was put there; temporary files are gone either way.
    pub fn finish(self, run: Option<RunToWrite<'_>>) -> Result<V3Summary> {
        self.finish_checked(run, |_| Ok(()))
    }

    /// As [`V3Builder::finish`], but publishes only if `check` agrees to what was built.
    ///
    /// # Errors
    /// Also what `check` returns.
    pub fn finish_checked(
        self,
        run: Option<RunToWrite<'_>>,
        check: impl FnOnce(&BuiltSync) -> Result<()>,
    ) -> Result<V3Summary> {
        let sync = self.pulse.end(self.sync.finish(run))?;
        check(&sync)?;
        let envelope = pack(&sync, &self.output, &self.pack);
        drop(self.workspace);
        Ok(V3Summary {
            sync,
            envelope: self.pulse.end(envelope)?,
        })
    }
}

/// Refuses early what publishing would refuse in the end.
pub(crate) fn check_output(fs: &dyn Fs, output: &Path, existing: Existing) -> Result<()> {
    match fs.metadata(output) {
        Ok(_) if existing == Existing::Keep => {
            Err(Error::new(ErrorKind::AlreadyExists, "output exists")
                .in_file(output)
                .with_hint("choose another path, or ask for the file to be replaced"))
        }
        Ok(found) if found.is_dir => Err(Error::invalid("output is a folder").in_file(output)),
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("look up the output", output, e))
        }
        _ => Ok(()),
    }
}

/// Packs the directory of `sync` into a v3 file and publishes it. The payload is read file by file, and
/// must be what was written.
///
/// # Errors
/// Those of [`publish`] and [`write_v3`].
pub fn pack(sync: &BuiltSync, output: &Path, options: &PackOptions) -> Result<WriteSummary> {
    let _span = tracing::debug_span!("publish").entered();
    let manifest = manifest_of(sync)?;
    let raw_len = sync.database.files.iter().map(|(_, len)| len).sum();
    let packing = Packing::new(options.observer.clone(), raw_len)?;
    let dir = &sync.database.dir;
    let entry = |(name, &xxh64): (&String, &u64)| -> Result<NewEntry> {
        let path = dir.join(name);
        let file = options
            .fs
            .open(&path)
            .map_err(|e| Error::io("open", &path, e))?;
        Ok(NewEntry {
            name: name.clone(),
            content: EntryContent::Hashed {
                file: Packing::watched(&packing, file),
                xxh64,
            },
        })
    };
    let names = sync.database.files.iter().map(|(name, _)| name);
    let hashed = names.zip(&sync.database.hashes);
    let entries = hashed.map(entry).collect::<Result<Vec<_>>>()?;
    let published = publish(
        &*options.fs,
        &*options.entropy,
        output,
        options.existing,
        |out| write_v3(out, &manifest, entries, &options.write),
    );
    packing.end(published)
}
