//! The rows of another database become those of an empty one.

use std::collections::BTreeMap;

use shingle::bulk::{Section, SectionWriter};
use shingle::db::ScanOptions;
use shingle::live::LiveDatabase;

use super::{Disk, DiskKv};
use crate::engine::pebble::kv::{Kv, bounds_of};
use crate::engine::pebble::legacy;
use crate::engine::pebble::live_kv::{Emit, is_index};
use crate::engine::pebble::rekey::Rekeyed;
use crate::engine::pebble::store::{everything, has_rows, is_pending_marker};
use crate::engine::types::SyncStats;
use crate::keyspace::{Family, KeyRange, MetadataKey, stamp};
use crate::ops::build::sections;
use crate::record::{stats, sync_run, token};
use crate::{Error, ErrorKind, Result};

impl DiskKv {
    /// Takes the rows of `from` over: those that are true, in today's layout. Indexes follow from them. A crash leaves
    /// either nothing or all. Returns what a user should know.
    ///
    /// # Errors
    /// `AlreadyExists` for a database that holds rows.
    pub(in crate::engine::pebble) fn take_over(&self, from: &dyn Kv) -> Result<Vec<String>> {
        let database = &self.0.database;
        if self.0.holds_rows()? {
            let taken = Error::new(ErrorKind::AlreadyExists, "the directory holds a store");
            return Err(taken
                .in_file(database.dir())
                .with_hint("choose a directory that is empty or does not exist"));
        }
        let get = |key: MetadataKey<'_>| from.get(&key.to_vec());
        let version = get(MetadataKey::KeyspaceVersion)?;
        let id_format = get(MetadataKey::GrantIdFormat)?;
        let layout = stamp::layout(version.as_deref(), id_format.as_deref(), has_rows(from)?)?;
        let mut warnings = Vec::new();
        let mut rows = Rows::new(database);
        match layout {
            stamp::Layout::Current => {
                let half_built = get(MetadataKey::DigestBuildPending)?.is_some();
                rows.copy(from, &everything(), &|key| is_left_out(key, half_built))?;
            }
            stamp::Layout::ExternalId => {
                let mut rekeyed = Rekeyed::read(from, &self.0.scratch, self.0.sort_bytes)?;
                copy_rekeyed(from, &mut rekeyed, &mut rows)?;
                warnings.extend(rekeyed.changes.warnings());
            }
        }
        database.take_over(rows.finish()?)?;
        Ok(warnings)
    }
}

impl Disk {
    fn holds_rows(&self) -> Result<bool> {
        let snapshot = self.database.snapshot();
        for family in Family::ALL.into_iter().filter(|family| !is_index(*family)) {
            let rows = snapshot.scan(bounds_of(&family.range()), ScanOptions::default());
            if rows?.next()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Rows that are derived again, or known to be incomplete.
fn is_left_out(key: &[u8], half_built: bool) -> bool {
    let family = Family::of(key);
    family.is_some_and(|family| is_index(family) || (half_built && family.is_derived()))
        || is_pending_marker(key)
}

/// The rows of a database of the older layout, as [`legacy::rekey`] gives them.
fn copy_rekeyed(from: &dyn Kv, rekeyed: &mut Rekeyed, rows: &mut Rows<'_>) -> Result<()> {
    let mut counts = SyncStats::default();
    for family in Family::ALL {
        let mut add = |key: &[u8], value: &[u8]| {
            stats::count(&mut counts, key)?;
            rows.add(key, value)
        };
        match family {
            Family::Entitlement => rekeyed.entitlements(&mut add)?,
            Family::Grant => rekeyed.grants(&mut add)?,
            Family::Metadata => {}
            family if is_index(family) || family.is_retired() || family.is_derived() => {}
            family => each(from, family, &mut add)?,
        }
    }
    let mut metadata = BTreeMap::new();
    each(from, Family::Metadata, &mut |key, value| {
        if !legacy::is_stale(key)? {
            metadata.insert(key.to_vec(), value.to_vec());
        }
        Ok(())
    })?;
    metadata.insert(MetadataKey::GrantIdFormat.to_vec(), stamp::CURRENT.to_vec());
    if let Some(run) = from.get(Family::SyncRun.header())? {
        let run = sync_run::decode(&run)?;
        if run.is_finished() {
            token::lift_into(&run.token, &mut counts);
            metadata.insert(
                MetadataKey::Stats.to_vec(),
                stats::encode(&counts, run.id.as_str())?,
            );
        }
    }
    metadata
        .into_iter()
        .try_for_each(|(key, value)| rows.add(&key, &value))
}

/// Calls `emit` with the rows of a family.
fn each(from: &dyn Kv, family: Family, emit: &mut Emit<'_>) -> Result<()> {
    let mut scan = from.scan(&family.range())?;
    while let Some((key, value)) = scan.next()? {
        emit(key, value)?;
    }
    Ok(())
}

/// Ascending rows into tables that end at the sections of the database.
struct Rows<'a> {
    database: &'a LiveDatabase,
    /// Where sections begin.
    starts: Vec<Vec<u8>>,
    /// Tables of the section with so many starts before it.
    open: Option<(usize, SectionWriter)>,
    done: Vec<Section>,
}

impl<'a> Rows<'a> {
    fn new(database: &'a LiveDatabase) -> Self {
        Self {
            database,
            starts: sections(),
            open: None,
            done: Vec::new(),
        }
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let at = self.starts.partition_point(|start| &start[..] <= key);
        let section = match &mut self.open {
            Some((section, open)) if *section == at => open,
            _ => {
                self.close()?;
                &mut self.open.insert((at, self.database.section())).1
            }
        };
        Ok(section.add(key, value)?)
    }

    /// Adds the rows of a range that are not left out.
    fn copy(
        &mut self,
        from: &dyn Kv,
        range: &KeyRange,
        is_left_out: &dyn Fn(&[u8]) -> bool,
    ) -> Result<()> {
        let mut scan = from.scan(range)?;
        while let Some((key, value)) = scan.next()? {
            if !is_left_out(key) {
                self.add(key, value)?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if let Some((_, open)) = self.open.take() {
            self.done.push(open.finish()?);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Section>> {
        self.close()?;
        Ok(self.done)
    }
}
