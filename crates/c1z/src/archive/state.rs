//! What a handle knows of its folder: the runs in the order of creation, and the entry of each.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::listing::Entry;
use super::name::Stem;
use crate::engine::types::{SyncId, SyncRun};
use crate::{Error, ErrorKind, Result};

/// Runs and their homes.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) runs: Arc<[SyncRun]>,
    /// The entry of each run. Entries ascend.
    homes: Vec<Arc<Entry>>,
    /// Where each run is among them.
    places: HashMap<SyncId, usize>,
    /// Runs that changed and could not be read since.
    pub(super) unlearnt: BTreeSet<SyncId>,
    /// Syncs of which a call failed that may be done all the same: whoever opens their databases again decides. What is said
    /// of them here is for this handle, not for the catalog.
    pub(super) unsure: BTreeSet<SyncId>,
    pub(super) next_number: u64,
}

impl State {
    /// The state of entries with their runs.
    ///
    /// # Errors
    /// `FailedPrecondition` for a sync that two entries hold.
    pub(super) fn new(
        entries: impl IntoIterator<Item = (Arc<Entry>, Arc<[SyncRun]>)>,
        next_number: u64,
    ) -> Result<Self> {
        let mut state = Self {
            next_number,
            ..Self::default()
        };
        let mut runs = Vec::new();
        for (entry, of_entry) in entries {
            for run in of_entry.iter() {
                runs.push(run.clone());
                state.homes.push(Arc::clone(&entry));
            }
        }
        for (place, run) in runs.iter().enumerate() {
            if state.places.insert(run.id.clone(), place).is_some() {
                let message = format!("two entries hold one sync: sync_id=`{}`", run.id);
                let error = Error::new(ErrorKind::FailedPrecondition, message);
                return Err(error.with_hint("move one of them out of the folder"));
            }
        }
        state.runs = runs.into();
        Ok(state)
    }

    /// The entry of a sync.
    pub(super) fn home(&self, id: &SyncId) -> Option<Arc<Entry>> {
        let place = self.places.get(id)?;
        self.homes.get(*place).map(Arc::clone)
    }

    /// Whether a sync is known to be finished.
    pub(super) fn is_finished(&self, id: &SyncId) -> bool {
        let run = self.places.get(id).and_then(|place| self.runs.get(*place));
        run.is_some_and(SyncRun::is_finished)
    }

    /// Whether what is said of a sync here is what its database says to whoever opens it.
    pub(super) fn is_sure(&self, id: &SyncId) -> bool {
        !self.unsure.contains(id) && !self.unlearnt.contains(id)
    }

    /// All runs of an entry. O(log runs), and one step for each.
    pub(super) fn runs_of<'a>(&'a self, stem: &'a Stem) -> impl Iterator<Item = &'a SyncRun> {
        let first = self.homes.partition_point(|home| home.stem < *stem);
        let homes = self.homes.get(first..).unwrap_or_default();
        let runs = self.runs.get(first..).unwrap_or_default();
        let own = homes.iter().take_while(move |home| home.stem == *stem);
        runs.iter().zip(own).map(|(run, _)| run)
    }

    /// Each entry once, in order.
    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        let mut entries: Vec<Arc<Entry>> = self.homes.clone();
        entries.dedup_by(|a, b| a.stem == b.stem);
        entries
    }

    /// Adds runs of entries that come after all others.
    pub(super) fn push(&mut self, added: impl IntoIterator<Item = (Arc<Entry>, SyncRun)>) {
        let mut runs = self.runs.to_vec();
        for (entry, run) in added {
            self.next_number = self.next_number.max(entry.stem.number + 1);
            self.places.insert(run.id.clone(), runs.len());
            self.homes.push(entry);
            runs.push(run);
        }
        self.runs = runs.into();
    }

    /// Forgets entries.
    pub(super) fn remove(&mut self, is_gone: impl Fn(&Entry) -> bool) {
        let kept = |(_, home): &(&SyncRun, &Arc<Entry>)| !is_gone(home);
        let runs = self.runs.iter().zip(&self.homes).filter(kept);
        let (runs, homes): (Vec<_>, Vec<_>) = runs
            .map(|(run, home)| (run.clone(), Arc::clone(home)))
            .unzip();
        let places = runs.iter().enumerate();
        self.places = places.map(|(place, run)| (run.id.clone(), place)).collect();
        self.runs = runs.into();
        self.homes = homes;
    }

    /// An entry has another form now.
    pub(super) fn replace_entry(&mut self, entry: &Arc<Entry>) {
        let first = self.homes.partition_point(|home| home.stem < entry.stem);
        let homes = self.homes.get_mut(first..).unwrap_or_default();
        for home in homes.iter_mut().take_while(|home| home.stem == entry.stem) {
            *home = Arc::clone(entry);
        }
    }

    /// Takes over what a run is now. Whether it has changed.
    pub(super) fn replace_run(&mut self, run: SyncRun) -> bool {
        self.unlearnt.remove(&run.id);
        let place = self.places.get(&run.id).copied();
        let known = Arc::make_mut(&mut self.runs);
        let known = place.and_then(|place| known.get_mut(place));
        known.is_some_and(|known| {
            let is_news = *known != run;
            *known = run;
            is_news
        })
    }
}
