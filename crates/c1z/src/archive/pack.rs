//! Packing and unpacking of entries, and syncs as files of their own.
//!
//! Both forms of an entry may stand beside each other while one replaces the other. The packed one is whole then, and
//! counts; a directory is written only after the packed form is gone for good.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::Archive;
use super::folder::Folder;
use super::intent::{put_aside, remove_leftover, sync_folder};
use super::listing::Entry;
use super::name::{Form, Stem};
use crate::engine::source::Source;
use crate::engine::types::SyncId;
use crate::envelope::{self, EnvelopeFile, Existing, PayloadOptions, publish};
use crate::ops::build::{PackOptions, publish_store};
use crate::ops::dump;
use crate::ops::{Observer, Progress, Pulse, Step};
use crate::{Error, ErrorKind, Result};

/// Bytes copied at a time.
const STEP_LEN: usize = 1 << 20;

impl Archive {
    /// Packs the entry of a finished sync; one that is packed stays as it is. Returns whether it was packed now.
    ///
    /// # Errors
    /// `NotFound`; `SyncNotFinished`; `FailedPrecondition` for the current sync; `ReadOnly`; `Busy` while somebody else writes
    /// it; `Io`. The entry is one or the other form then, whole.
    ///
    /// # Complexity
    /// O(bytes).
    pub fn pack(&self, id: &SyncId) -> Result<bool> {
        let folder = self.contract.source();
        folder.check_writable()?;
        let _handle = folder.lock();
        if self.contract.bindings().current.as_ref() == Some(id) {
            let message = format!("the current sync is not packed: sync_id=`{id}`");
            return Err(Error::new(ErrorKind::FailedPrecondition, message));
        }
        folder.pack(id)
    }

    /// Packs the entries of all finished syncs but the current one. Returns how many were packed now.
    ///
    /// # Errors
    /// As [`Archive::pack`].
    pub fn pack_all(&self) -> Result<usize> {
        let runs = self.contract.source().sync_runs()?;
        let current = self.contract.bindings().current.clone();
        let mut packed = 0;
        for run in runs.iter().filter(|run| run.is_finished()) {
            if current.as_ref() != Some(&run.id) {
                packed += usize::from(self.pack(&run.id)?);
            }
        }
        Ok(packed)
    }

    /// Publishes one sync, finished or not, as a file of its own: v3, or the v1 file that holds it.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`, `Io`; `ReadOnly` for a sync in a directory of a folder that was opened for reading:
    /// [`crate::ops::copy::snapshot`] of that directory does not need the folder. What stood at the output before still does
    /// then.
    ///
    /// # Complexity
    /// O(bytes); writers wait.
    pub fn publish(&self, id: &SyncId, output: &Path, existing: Existing) -> Result<()> {
        let folder = self.contract.source();
        let _handle = folder.lock();
        let entry = folder.home(id)?;
        match entry.form {
            Form::Packed => {
                let input = entry.path(&folder.path);
                copy_file(folder, &input, output, existing)
            }
            Form::Directory => {
                let store = folder.writable(&entry)?;
                publish_store(&store, output, &folder.pack_options(existing)).map(drop)
            }
        }
    }
}

impl Folder {
    /// Tells the observer of what takes long.
    fn pulse(&self) -> Pulse {
        let observer = self.options.observer.clone();
        Pulse::new(observer, Arc::clone(&self.options.reading.clock))
    }

    pub(super) fn pack_options(&self, existing: Existing) -> PackOptions {
        PackOptions {
            fs: Arc::clone(&self.options.reading.fs),
            entropy: Arc::clone(&self.options.entropy),
            existing,
            temporary: None,
            observer: self.options.observer.clone(),
            clock: Arc::clone(&self.options.reading.clock),
            write: self.options.packing.clone(),
        }
    }

    fn pack(&self, id: &SyncId) -> Result<bool> {
        let entry = self.home(id)?;
        if entry.form == Form::Packed {
            return Ok(false);
        }
        let store = self.writable(&entry)?;
        if !store.engine().get_sync(id)?.is_finished() {
            let message = format!("an unfinished sync is not packed: sync_id=`{id}`");
            return Err(Error::new(ErrorKind::SyncNotFinished, message));
        }
        let packed = Arc::new(Entry::new(entry.stem.clone(), Form::Packed));
        let output = packed.path(&self.path);
        publish_store(&store, &output, &self.pack_options(Existing::Replace))?;
        drop(store);
        self.close_entry(&entry.stem);
        self.state().replace_entry(&packed);
        self.touch();
        let gone = put_aside(self.fs(), &self.path, &entry.now)?;
        sync_folder(self.fs(), &self.path)?;
        if let Some(gone) = gone {
            remove_leftover(self.fs(), &gone);
        }
        Ok(true)
    }

    /// Makes a directory of a packed entry, to be written.
    pub(super) fn unpack(&self, entry: &Entry) -> Result<Arc<Entry>> {
        let path = entry.path(&self.path);
        let options = envelope::OpenOptions {
            limits: self.options.reading.limits,
            variables: self.options.reading.variables.clone(),
            payload: PayloadOptions::new(self.options.reading.budget.clone()),
        };
        let file = EnvelopeFile::open(self.fs(), &path, &options)?;
        if matches!(file, EnvelopeFile::V1(_)) {
            let message = "a v1 file in a folder of syncs is read only";
            let error = Error::new(ErrorKind::ReadOnly, message).in_file(path);
            return Err(error.with_hint("add its syncs to the folder: `c1z archive add`"));
        }
        let unpacked = Arc::new(Entry::new(entry.stem.clone(), Form::Directory));
        let dir = unpacked.path(&self.path);
        remove_leftover(self.fs(), &dir);
        self.options
            .observer
            .advanced(&Progress::of(Step::Unpack))?;
        let pulse = self.pulse();
        let fs = pulse.fs(Arc::clone(&self.options.reading.fs));
        pulse.end(dump(&fs, &*self.options.entropy, &file, &dir))?;
        sync_folder(self.fs(), &self.path)?;
        // From here on the directory is the entry; until this is done for good nobody writes it.
        let removed = self.fs().remove_file(&path);
        removed.map_err(|e| Error::io("remove the packed entry", &path, e))?;
        sync_folder(self.fs(), &self.path)?;
        self.state().replace_entry(&unpacked);
        Ok(unpacked)
    }

    /// The name of the next entry.
    pub(super) fn next_stem(&self, id: &SyncId, more: u64) -> Stem {
        Stem {
            number: self.state().next_number + more,
            label: id.as_str().to_owned(),
        }
    }
}

/// Copies a file, published as a whole.
pub(super) fn copy_file(
    folder: &Folder,
    input: &Path,
    output: &Path,
    existing: Existing,
) -> Result<()> {
    let file = folder.fs().open(input);
    let file = file.map_err(|e| Error::io("open", input, e))?;
    let entropy = &*folder.options.entropy;
    publish(
        folder.fs(),
        entropy,
        output,
        existing,
        |sink: &mut dyn Write| {
            let mut buffer = vec![0; STEP_LEN];
            let mut at = 0;
            while at < file.len() {
                folder.options.observer.advanced(&Progress {
                    bytes: at,
                    bytes_total: Some(file.len()),
                    ..Progress::of(Step::Pack)
                })?;
                let read = file.read_at(at, &mut buffer);
                let read = read.map_err(|e| Error::io("read", input, e))?;
                let part = buffer.get(..read).unwrap_or_default();
                if part.is_empty() {
                    let short = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(Error::io("read", input, short));
                }
                sink.write_all(part)
                    .map_err(|e| Error::io("write", output, e))?;
                at += read as u64;
            }
            Ok(())
        },
    )
}
