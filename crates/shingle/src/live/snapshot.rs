//! The state of a live database at one moment.

use std::sync::Arc;

use super::Deriver;
use super::core::{Inner, View};
use super::deriver::{family_of, meet};
use crate::db::{ReadCounters, Scan, ScanOptions, Value};
use crate::iter::Bounds;
use crate::{Error, Result};

/// What was accepted up to one moment. Reading takes no lock; the files it needs stay until it goes.
#[derive(Clone, Debug)]
pub struct LiveSnapshot {
    view: View,
    deriver: Option<Arc<dyn Deriver>>,
    counters: Arc<ReadCounters>,
}

impl LiveSnapshot {
    pub(super) fn new(inner: &Inner, view: View) -> Self {
        Self {
            view,
            deriver: inner.options.deriver.clone(),
            counters: Arc::clone(&inner.counters),
        }
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// As [`crate::db::Database::get`]; `Invalid` for a family that was deferred then.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        let families = self.deriver.as_deref().map_or(&[][..], Deriver::families);
        if let Some(family) = family_of(families, key) {
            self.check_kept(family)?;
        }
        self.counters.count_get();
        self.view.state.get(key)
    }

    /// The rows within `bounds`, in both directions. Opens nothing until the first movement.
    ///
    /// # Errors
    /// `Invalid` for bounds that meet a family that was deferred then.
    pub fn scan(&self, bounds: Bounds, options: ScanOptions) -> Result<Scan> {
        let families = self.deriver.as_deref().map_or(&[][..], Deriver::families);
        for (family, found) in families.iter().enumerate() {
            if meet(&found.bounds, &bounds) {
                self.check_kept(family)?;
            }
        }
        let rows = self.view.state.rows(bounds, options.cache_mode());
        Ok(Scan::new(rows, Arc::clone(&self.counters)))
    }

    /// Which families were deferred then, in the order of [`Deriver::families`].
    pub fn deferred(&self) -> &[bool] {
        &self.view.deferred
    }

    fn check_kept(&self, family: usize) -> Result<()> {
        if self.view.deferred.get(family) != Some(&true) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "rows were not derived yet when the snapshot was taken family=`{family}`"
        )))
    }
}
