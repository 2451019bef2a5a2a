//! A folder of v3 files and database directories, one sync each, in the order of their names.

use std::path::Path;

use super::{Source, SourceSync, TakeRecord, TakeRow, TakeSession, V3Source};
use crate::ops::RecordKind;
use crate::ops::convert::format::FileFormat;
use crate::ops::convert::options::ConvertOptions;
use crate::{Error, Result};

/// The entries of a folder that hold a sync.
#[derive(Debug)]
pub(crate) struct FolderSource {
    entries: Vec<V3Source>,
    syncs: Vec<SourceSync>,
}

impl FolderSource {
    /// Opens every entry. Hidden names and plain files of another kind are passed over; a `.c1z` file
    /// that cannot be read is an error.
    pub(crate) fn open(path: &Path, options: &ConvertOptions) -> Result<Self> {
        let names = options.fs.list(path);
        let names = names.map_err(|e| Error::io("list the folder", path, e))?;
        let mut folder = Self {
            entries: Vec::new(),
            syncs: Vec::new(),
        };
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            folder.add(&path.join(name), options)?;
        }
        if folder.entries.is_empty() {
            let message = "folder holds no database and no v3 file";
            return Err(Error::not_found(message).in_file(path));
        }
        Ok(folder)
    }

    fn add(&mut self, path: &Path, options: &ConvertOptions) -> Result<()> {
        let is_named = path.extension().is_some_and(|extension| extension == "c1z");
        let entry =
            match FileFormat::of_existing(&*options.fs, path) {
                Ok(FileFormat::V3) => V3Source::open_file(path, options),
                Ok(FileFormat::PebbleDir) => V3Source::open_dir(path, options),
                Ok(FileFormat::V1) => Err(Error::invalid("a v1 file in a folder of syncs")
                    .with_hint("convert it by itself")),
                Err(error) if is_named => Err(error),
                _ => return Ok(()),
            };
        let entry = entry.map_err(|error| error.in_file(path))?;
        for sync in entry.syncs() {
            if self.syncs.iter().any(|known| known.run.id == sync.run.id) {
                let message = format!("sync is in the folder twice sync_id=`{}`", sync.run.id);
                return Err(Error::invalid(message).in_file(path));
            }
            self.syncs.push(sync.clone());
            // Only entries with a sync are counted: positions are those of syncs.
        }
        if !entry.syncs().is_empty() {
            self.entries.push(entry);
        }
        Ok(())
    }

    fn entry(&self, sync: usize) -> Result<&V3Source> {
        let entry = self.entries.get(sync);
        entry.ok_or_else(|| Error::invalid("no such sync in the folder"))
    }
}

impl Source for FolderSource {
    fn syncs(&self) -> &[SourceSync] {
        &self.syncs
    }

    fn records(&self, kind: RecordKind, syncs: &[usize], take: &mut TakeRecord<'_>) -> Result<u64> {
        for &sync in syncs {
            let entry = self.entry(sync)?;
            entry.records(kind, &[0], &mut |_, record| take(sync, record))?;
        }
        Ok(0)
    }

    fn sessions(&self, sync: usize, take: &mut TakeSession<'_>) -> Result<()> {
        self.entry(sync)?.sessions(0, take)
    }

    fn others(&self, sync: usize, take: &mut TakeRow<'_>) -> Result<()> {
        self.entry(sync)?.others(0, take)
    }
}
