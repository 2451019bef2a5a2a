//! What is in the folder, by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::Fs;

use super::intent::Intent;
use super::name::{Form, Name, Stem};
use crate::{Error, ErrorKind, Result};

/// How often the folder is listed again when an operation of the writer comes between.
const TRIES: usize = 16;

/// An entry of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stem: Stem,
    pub(super) form: Form,
    /// The name that it has now: another than its own while an operation is not done.
    pub(super) now: String,
}

impl Entry {
    /// An entry that has its own name.
    pub(super) fn new(stem: Stem, form: Form) -> Self {
        let now = stem.name(form);
        Self { stem, form, now }
    }

    /// Where it is.
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.now)
    }
}

/// The names of a folder, sorted out.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In the order of their numbers.
    pub(super) entries: Vec<Arc<Entry>>,
    /// Directories whose packed form is there too, and what interrupted operations left.
    pub(super) leftovers: Vec<String>,
    /// Names that mean nothing here.
    pub(super) foreign: Vec<String>,
    /// Whether there is anything that belongs to a folder of syncs.
    pub(super) is_archive: bool,
}

impl Listing {
    /// Lists the folder as it is when the decided operation, if there is one, is done.
    pub(super) fn read(fs: &dyn Fs, folder: &Path) -> Result<Self> {
        for _ in 0..TRIES {
            let intent = Intent::read(fs, folder)?;
            let names = fs.list(folder);
            let names = names.map_err(|e| Error::io("list the folder", folder, e))?;
            if Intent::read(fs, folder)? == intent {
                return Ok(Self::of(names, &intent.unwrap_or_default()));
            }
        }
        let message = "the folder changes while it is listed";
        Err(Error::new(ErrorKind::Busy, message).in_file(folder))
    }

    fn of(names: Vec<String>, intent: &Intent) -> Self {
        let mut listing = Self::default();
        let mut found = Vec::new();
        for (name, now) in intent.seen(names) {
            match Name::parse(&name) {
                Name::Entry(stem, form) => found.push(Entry { stem, form, now }),
                Name::Leftover => listing.leftovers.push(now),
                Name::Own if name.starts_with('.') => {}
                Name::Own => listing.is_archive = true,
                Name::Foreign => listing.foreign.push(name),
            }
        }
        listing.is_archive |= !found.is_empty();
        // Of the two forms of an entry the packed one comes last, and is whole.
        found.sort_by(|a, b| (&a.stem, a.form).cmp(&(&b.stem, b.form)));
        for entry in found {
            match listing.entries.last_mut() {
                Some(last) if last.stem == entry.stem => {
                    listing.leftovers.push(last.now.clone());
                    *last = Arc::new(entry);
                }
                _ => listing.entries.push(Arc::new(entry)),
            }
        }
        listing
    }

    /// The number of the next entry: beyond all that are there, leftovers included.
    pub(super) fn next_number(&self) -> u64 {
        let leftovers = self.leftovers.iter().filter_map(|name| {
            let name = name.trim_start_matches('.');
            name.split('-').next()?.parse().ok()
        });
        let entries = self.entries.iter().map(|entry| entry.stem.number);
        entries.chain(leftovers).max().unwrap_or(0) + 1
    }
}
