//! Distinct principals of an entitlement, in `(type, id)` byte order.
//!
//! The index by entitlement and principal has them in order. Files of before 2025 lack it: there the
//! grants of the entitlement are read once for every [`BATCH`] principals.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::File;
use super::access::Query;
use super::rows::{self, typed};
use crate::engine::source::{After, Cursor, RowCursor};
use crate::engine::types::{EntitlementRef, ResourceRef, SyncId};
use crate::sqlite_file::{IndexRows, Lookup, Value};
use crate::{Error, ErrorKind, Result};

/// Principals that are held at a time where no index has them in order: one page and the next row.
/// Tests want more than one batch of them.
const BATCH: usize = if cfg!(test) { 3 } else { 10_001 };

/// Columns of the index that has principals in order.
const INDEX: [&str; 3] = [
    "entitlement_id",
    "principal_resource_type_id",
    "principal_resource_id",
];

/// The principals behind the one at position `after`.
pub(super) fn cursor(
    file: &Arc<File>,
    sync: &SyncId,
    entitlement: &EntitlementRef,
    after: After<'_>,
) -> Result<Cursor<ResourceRef>> {
    let Some(grants) = &file.grants else {
        return Ok(Box::new(rows::Nothing));
    };
    let last = after.map(decode).transpose()?;
    let Some(index) = grants.index_on(&INDEX) else {
        return Ok(Box::new(Batches {
            file: Arc::clone(file),
            sync: sync.clone(),
            entitlement: entitlement.clone(),
            ready: VecDeque::new(),
            last,
            done: false,
            position: Vec::new(),
        }));
    };
    let mut from = Vec::new();
    if let Some(last) = &last {
        from.push(Value::text(&last.resource_type));
        from.push(Value::text(&last.resource));
    }
    Ok(Box::new(Ordered {
        file: Arc::clone(file),
        sync: sync.clone(),
        on: entitlement.resource.clone(),
        entries: index.seek_from(&[Value::text(&entitlement.id)], &from)?,
        rows: grants.typed.table().lookup(),
        last,
        position: Vec::new(),
    }))
}

/// A walk over the index.
struct Ordered {
    file: Arc<File>,
    sync: SyncId,
    /// The resource of the entitlement, if the caller named it.
    on: Option<ResourceRef>,
    entries: IndexRows,
    rows: Lookup,
    last: Option<ResourceRef>,
    position: Vec<u8>,
}

impl RowCursor<ResourceRef> for Ordered {
    fn next(&mut self) -> Result<Option<ResourceRef>> {
        while let Some(entry) = self.entries.next()? {
            let (kind, id) = (entry.get(1)?, entry.get(2)?);
            let (Some(kind), Some(id)) = (kind.as_text(), id.as_text()) else {
                return Err(Error::new(
                    ErrorKind::DataLoss,
                    format!(
                        "an index of grants holds a principal that is no text row=`{}`",
                        entry.rowid()
                    ),
                ));
            };
            let is_new = self.last.as_ref().is_none_or(|last| {
                (last.resource_type.as_str(), last.resource.as_str()) != (kind, id)
            });
            if !is_new {
                continue;
            }
            let found = ResourceRef::new(kind, id);
            let Some(row) = self.rows.row(entry.rowid())? else {
                return Err(Error::new(
                    ErrorKind::DataLoss,
                    format!(
                        "an index names a row that is not there row=`{}`",
                        entry.rowid()
                    ),
                ));
            };
            let row = typed(&self.file, |file| file.grants.as_ref())?
                .typed
                .read(row)?;
            let is_on = self.on.as_ref().is_none_or(|on| {
                (on.resource_type.as_str(), on.resource.as_str())
                    == (&*row.resource_type_id, &*row.resource_id)
            });
            if row.sync_id == self.sync.as_str() && is_on {
                self.position = encode(&found);
                self.last = Some(found.clone());
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn position(&self) -> &[u8] {
        &self.position
    }
}

/// Batches of the smallest principals behind the last one.
struct Batches {
    file: Arc<File>,
    sync: SyncId,
    entitlement: EntitlementRef,
    ready: VecDeque<ResourceRef>,
    last: Option<ResourceRef>,
    done: bool,
    position: Vec<u8>,
}

impl Batches {
    fn fill(&mut self) -> Result<()> {
        let query = of_entitlement(&self.sync, &self.entitlement);
        let file = Arc::clone(&self.file);
        let mut grants = rows::select(self.file.grants.as_ref(), &query, None, move |row| {
            let row = typed(&file, |file| file.grants.as_ref())?.typed.read(row)?;
            let kind = row.principal_resource_type_id.into_owned();
            Ok(Some(ResourceRef::new(kind, row.principal_resource_id)))
        })?;
        let mut smallest = BTreeSet::new();
        self.done = true;
        while let Some(found) = grants.next()? {
            if self.last.as_ref().is_some_and(|last| found <= *last) {
                continue;
            }
            smallest.insert(found);
            if smallest.len() > BATCH {
                smallest.pop_last();
                self.done = false;
            }
        }
        self.ready = smallest.into_iter().collect();
        Ok(())
    }
}

impl RowCursor<ResourceRef> for Batches {
    fn next(&mut self) -> Result<Option<ResourceRef>> {
        if self.ready.is_empty() && !self.done {
            self.fill()?;
        }
        let next = self.ready.pop_front();
        if let Some(found) = &next {
            self.position = encode(found);
            self.last = Some(found.clone());
        }
        Ok(next)
    }

    fn position(&self) -> &[u8] {
        &self.position
    }
}

/// Grants of an entitlement.
pub(super) fn of_entitlement<'a>(sync: &'a SyncId, entitlement: &'a EntitlementRef) -> Query<'a> {
    let query = Query::of_sync(sync.as_str()).and("entitlement_id", &entitlement.id);
    match &entitlement.resource {
        Some(on) => query
            .and("resource_type_id", &on.resource_type)
            .and("resource_id", &on.resource),
        None => query,
    }
}

/// A position: the length of the type (8 bytes, big-endian), type, id.
fn encode(of: &ResourceRef) -> Vec<u8> {
    let mut bytes = (of.resource_type.len() as u64).to_be_bytes().to_vec();
    bytes.extend(of.resource_type.as_bytes());
    bytes.extend(of.resource.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Result<ResourceRef> {
    let decoded = || {
        let (len, rest) = bytes.split_first_chunk()?;
        let len = usize::try_from(u64::from_be_bytes(*len)).ok()?;
        let (kind, id) = rest.split_at_checked(len)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Some(ResourceRef::new(text(kind)?, text(id)?))
    };
    decoded().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidPageToken,
            "page token not accepted: its position is none of this file",
        )
    })
}
