//! Entries that are open: a bounded number, the least lately used goes first.

use std::sync::Arc;

use super::name::Stem;
use crate::Store;
use crate::engine::PebbleStore;
use crate::engine::source::Source;

/// An open entry.
#[derive(Clone, Debug)]
pub(super) enum Opened {
    /// A packed file, or the directory of a finished sync. Read only.
    Sealed(Arc<Store>),
    /// A directory that this handle may write.
    Live(Arc<PebbleStore>),
    /// A directory that somebody writes, as it was when it was opened. Read only.
    Seen(Arc<PebbleStore>),
}

impl Opened {
    /// Its rows.
    pub(super) fn source(&self) -> &dyn Source {
        match self {
            Self::Sealed(store) => store.source(),
            Self::Live(store) | Self::Seen(store) => store.source(),
        }
    }
}

/// Open entries, the last one used lately.
#[derive(Debug)]
pub(super) struct OpenEntries {
    entries: Vec<(Stem, Opened)>,
    most: usize,
}

impl OpenEntries {
    pub(super) fn new(most: usize) -> Self {
        Self {
            entries: Vec::new(),
            most: most.max(1),
        }
    }

    /// An entry, if it is open.
    pub(super) fn get(&mut self, stem: &Stem) -> Option<Opened> {
        let index = self.entries.iter().position(|(open, _)| open == stem)?;
        let entry = self.entries.remove(index);
        let opened = entry.1.clone();
        self.entries.push(entry);
        Some(opened)
    }

    /// Keeps an entry open. Whoever reads one that goes, goes on reading.
    pub(super) fn keep(&mut self, stem: Stem, opened: Opened) {
        self.close(&stem);
        if self.entries.len() >= self.most {
            self.entries.remove(0);
        }
        self.entries.push((stem, opened));
    }

    /// Closes an entry.
    pub(super) fn close(&mut self, stem: &Stem) {
        self.entries.retain(|(open, _)| open != stem);
    }

    /// Closes all.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Bytes that those say of themselves which are watched.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.entries.iter().map(|(_, opened)| match opened {
            Opened::Sealed(store) => store.figures().size,
            Opened::Live(store) => store.figures().size,
            Opened::Seen(_) => 0,
        });
        bytes.sum()
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
