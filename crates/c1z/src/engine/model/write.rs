//! Writes of records and assets (`store-contract` §3, §5.1, §5.3, §6.1).
//!
//! Every call first makes sure that it cannot fail, then changes the maps.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use c1z_proto::connector::v2;

use super::expansion;
use super::grants::{entitlement_of, grant_of};
use super::key::{self, Key};
use super::state::{Granted, Records, Row, State, Stored};
use super::{Model, project};
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, Timestamp};
use crate::engine::writer::ASSET_LEN_MAX;
use crate::engine::{Identity, Writer};
use crate::{Error, ErrorKind, Result};

/// Which of two rows with one key stays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The one that is written.
    Replace,
    /// The one that is written, if the stored one is older than its stamp (§3.4).
    IfNewer,
    /// The one that is written, with expansion and time of the stored one (§5.3).
    KeepExpansion,
}

/// The map of one kind of record.
type Rows<T> = BTreeMap<Key, Row<T>>;

/// Makes a stored record of what is written, given the stored row of the same key.
type Make<'a, M, T> = &'a dyn Fn(&M, Option<&Row<T>>) -> T;

impl Model {
    /// What is stored of a record: with structural identity, what a v3 file holds of it.
    fn stored<M: Clone>(&self, record: &M, project: fn(&M) -> M) -> M {
        match self.options.identity {
            Identity::Structural => project(record),
            Identity::External => record.clone(),
        }
    }

    /// Writes records of one kind into the current sync.
    fn put<M, T>(
        &self,
        records: &[M],
        rule: Rule,
        prepare: impl Fn(usize, &M) -> Result<(Key, M)>,
        rows_of: impl Fn(&mut Records) -> &mut Rows<T>,
        make: Make<'_, M, T>,
    ) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.writable()?;
        let mut state = self.lock();
        let current = state.current()?;
        let mut prepared = Vec::new();
        for (index, record) in records.iter().enumerate() {
            prepared.push(prepare(index, record)?);
        }
        let rows = rows_of(state.records_mut(&current)?);
        let new: BTreeSet<&Key> = prepared.iter().map(|(key, _)| key).collect();
        let more = new
            .into_iter()
            .filter(|key| !rows.contains_key(*key))
            .count();
        self.room_for(&state, more)?;
        let stamp = state.stamp(self.now());
        let rows = rows_of(state.records_mut(&current)?);
        if apply(rows, prepared, rule, stamp, make) {
            state.changed(&current)?;
        }
        Ok(())
    }

    fn put_types(&self, records: &[v2::ResourceType], rule: Rule) -> Result<()> {
        let prepare = |index, record: &v2::ResourceType| {
            key::require(&at("resource type", index), "id", &record.id)?;
            Ok((vec![record.id.clone()], record.clone()))
        };
        let make =
            |record: &v2::ResourceType, _: Option<&_>| self.stored(record, project::resource_type);
        self.put(records, rule, prepare, |to| &mut to.resource_types, &make)
    }

    fn put_resource_rows(&self, records: &[v2::Resource], rule: Rule) -> Result<()> {
        let prepare = |index, record: &v2::Resource| {
            let id = key::resource_ref(record);
            key::require_ref(&at("resource", index), &id)?;
            Ok((key::of_resource(self.options.identity, &id), record.clone()))
        };
        let make = |record: &v2::Resource, _: Option<&_>| self.stored(record, project::resource);
        self.put(records, rule, prepare, |to| &mut to.resources, &make)
    }

    fn put_entitlement_rows(&self, records: &[v2::Entitlement], rule: Rule) -> Result<()> {
        let prepare = |index, record: &v2::Entitlement| {
            let at = at("entitlement", index);
            let resource = key::entitlement_resource(record);
            key::require(&at, "id", &record.id)?;
            key::require_ref(&at, &resource)?;
            let key = key::of_entitlement(self.options.identity, &record.id, &resource);
            Ok((key, record.clone()))
        };
        let make =
            |record: &v2::Entitlement, _: Option<&_>| self.stored(record, project::entitlement);
        self.put(records, rule, prepare, |to| &mut to.entitlements, &make)
    }

    fn put_grant_rows(&self, records: &[v2::Grant], rule: Rule) -> Result<()> {
        let prepare = |index, record: &v2::Grant| {
            let at = at("grant", index);
            key::require_entitlement(&at, &key::grant_entitlement(record))?;
            key::require_ref(&at, &key::grant_principal(record))?;
            let mut record = record.clone();
            if record.id.is_empty() {
                record.id = key::concatenated_id(&record);
            }
            Ok((key::of_grant(self.options.identity, &record), record))
        };
        let make = |record: &v2::Grant, stored: Option<&Row<Granted>>| {
            let mut grant = record.clone();
            let lifted = expansion::lift(&mut grant);
            let grant = self.stored(&grant, project::grant);
            let stored = stored.map(|row| &row.record);
            let (expansion, needs_expansion) = match (rule, lifted, stored) {
                (Rule::KeepExpansion, _, Some(row)) => (row.expansion.clone(), row.needs_expansion),
                (Rule::KeepExpansion, _, None) | (_, None, _) => (None, false),
                // The flag stays as it was where the same expansion is written again (D5).
                (_, Some(lifted), Some(row)) if row.expansion.as_ref() == Some(&lifted) => {
                    (Some(lifted), row.needs_expansion)
                }
                (_, Some(lifted), _) => (Some(lifted), true),
            };
            Granted {
                entitlement: key::grant_entitlement(&grant),
                principal: key::grant_principal(&grant),
                grant,
                expansion,
                needs_expansion,
            }
        };
        self.put(records, rule, prepare, |to| &mut to.grants, &make)
    }

    /// Deletes what `choose` finds in the current sync, and returns how many rows that were.
    fn delete<T>(
        &self,
        choose: impl FnOnce(&Records) -> Result<Vec<Key>>,
        rows_of: impl Fn(&mut Records) -> &mut Rows<T>,
    ) -> Result<u64> {
        self.writable()?;
        let mut state = self.lock();
        let current = state.current()?;
        let keys = choose(state.records(&current)?)?;
        if keys.is_empty() {
            return Ok(0);
        }
        let rows = rows_of(state.records_mut(&current)?);
        let gone = keys
            .iter()
            .filter(|key| rows.remove(*key).is_some())
            .count();
        state.changed(&current)?;
        Ok(gone as u64)
    }

    fn store_asset(
        &self,
        state: &mut State,
        current: &SyncId,
        id: &str,
        asset: Stored,
    ) -> Result<()> {
        let is_new = !state.records(current)?.assets.contains_key(id);
        self.room_for(state, usize::from(is_new))?;
        state
            .records_mut(current)?
            .assets
            .insert(id.to_owned(), asset);
        state.changed(current)
    }
}

/// Applies writes one after the other; of those that depend on time, only the last per key. Returns whether any row
/// changed.
fn apply<M, T>(
    rows: &mut Rows<T>,
    writes: Vec<(Key, M)>,
    rule: Rule,
    stamp: Timestamp,
    make: Make<'_, M, T>,
) -> bool {
    let last: BTreeMap<Key, usize> = writes
        .iter()
        .enumerate()
        .map(|(index, (key, _))| (key.clone(), index))
        .collect();
    let mut changed = false;
    for (index, (key, record)) in writes.into_iter().enumerate() {
        let stored = rows.get(&key);
        if rule == Rule::IfNewer {
            let is_last = last.get(&key) == Some(&index);
            let is_older = |row: &Row<T>| row.discovered_at.is_none_or(|at| at < stamp);
            if !is_last || !stored.is_none_or(is_older) {
                continue;
            }
        }
        let discovered_at = match (rule, stored) {
            (Rule::KeepExpansion, Some(row)) => row.discovered_at,
            _ => Some(stamp),
        };
        let row = Row {
            record: make(&record, stored),
            discovered_at,
        };
        rows.insert(key, row);
        changed = true;
    }
    changed
}

fn at(kind: &str, index: usize) -> String {
    format!("{kind} at index `{index}`")
}

impl Writer for Model {
    fn put_resource_types(&self, records: &[v2::ResourceType]) -> Result<()> {
        self.put_types(records, Rule::Replace)
    }

    fn put_resources(&self, records: &[v2::Resource]) -> Result<()> {
        self.put_resource_rows(records, Rule::Replace)
    }

    fn put_entitlements(&self, records: &[v2::Entitlement]) -> Result<()> {
        self.put_entitlement_rows(records, Rule::Replace)
    }

    fn put_grants(&self, records: &[v2::Grant]) -> Result<()> {
        self.put_grant_rows(records, Rule::Replace)
    }

    fn store_expanded_grants(&self, records: &[v2::Grant]) -> Result<()> {
        self.put_grant_rows(records, Rule::KeepExpansion)
    }

    fn put_resource_types_if_newer(&self, records: &[v2::ResourceType]) -> Result<()> {
        self.put_types(records, Rule::IfNewer)
    }

    fn put_resources_if_newer(&self, records: &[v2::Resource]) -> Result<()> {
        self.put_resource_rows(records, Rule::IfNewer)
    }

    fn put_entitlements_if_newer(&self, records: &[v2::Entitlement]) -> Result<()> {
        self.put_entitlement_rows(records, Rule::IfNewer)
    }

    fn put_grants_if_newer(&self, records: &[v2::Grant]) -> Result<()> {
        self.put_grant_rows(records, Rule::IfNewer)
    }

    fn delete_grant(&self, id: &str) -> Result<()> {
        let choose = |records: &Records| {
            key::require("grant", "id", id)?;
            let found = grant_of(records, id)?;
            Ok(found.map(|(key, _)| key.clone()).into_iter().collect())
        };
        self.delete(choose, |from| &mut from.grants).map(drop)
    }

    fn delete_grants_by_ids(&self, ids: &[String]) -> Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let choose = |records: &Records| {
            for (index, id) in ids.iter().enumerate() {
                key::require(&at("grant id", index), "id", id)?;
            }
            let mut chosen = Vec::new();
            for id in ids {
                let found = grant_of(records, id)?;
                chosen.extend(found.map(|(key, _)| key.clone()));
            }
            Ok(chosen)
        };
        self.delete(choose, |from| &mut from.grants)
    }

    fn delete_grants_by_keys(&self, keys: &[GrantKey]) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        let choose = |records: &Records| {
            for (index, wanted) in keys.iter().enumerate() {
                let at = at("grant key", index);
                key::require_entitlement(&at, &wanted.entitlement)?;
                key::require_ref(&at, &wanted.principal)?;
            }
            let mut chosen = Vec::new();
            for wanted in keys {
                let found = self.grants_with_key(records, wanted)?;
                chosen.extend(found.into_iter().map(|(key, _)| key.clone()));
            }
            Ok(chosen)
        };
        self.delete(choose, |from| &mut from.grants)
    }

    fn delete_resource(&self, id: &ResourceRef) -> Result<u64> {
        let choose = |records: &Records| {
            key::require_ref("resource", id)?;
            let key = key::of_resource(self.options.identity, id);
            Ok(records
                .resources
                .contains_key(&key)
                .then_some(key)
                .into_iter()
                .collect())
        };
        self.delete(choose, |from| &mut from.resources)
    }

    fn delete_entitlement(&self, id: &EntitlementRef) -> Result<u64> {
        let choose = |records: &Records| {
            key::require_entitlement("entitlement", id)?;
            let found = entitlement_of(records, id)?;
            Ok(found.map(|(key, _)| key.clone()).into_iter().collect())
        };
        self.delete(choose, |from| &mut from.entitlements)
    }

    fn put_asset(&self, id: &str, content_type: &str, data: &mut dyn Read) -> Result<()> {
        self.writable()?;
        self.lock().current()?;
        key::require("asset", "id", id)?;
        let mut bytes = Vec::new();
        data.take(ASSET_LEN_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| {
                Error::new(ErrorKind::Io, "cannot read the asset").with_source(error)
            })?;
        if bytes.len() as u64 > ASSET_LEN_MAX {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!("asset too large: bytes_max=`{ASSET_LEN_MAX}`"),
            ));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let content_type = match content_type {
            "" => "unknown",
            given => given,
        };
        let asset = Stored {
            content_type: content_type.to_owned(),
            data: bytes.into(),
        };
        let mut state = self.lock();
        let current = state.current()?;
        // The row is stamped like any other, though nobody reads the stamp.
        state.stamp(self.now());
        self.store_asset(&mut state, &current, id, asset)
    }

    fn session_set(&self, sync: &SyncId, prefix: &str, key: &str, value: &[u8]) -> Result<()> {
        self.set_session(sync, prefix, &[(key.to_owned(), value.to_vec())])
    }

    fn session_set_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<()> {
        self.set_session(sync, prefix, entries)
    }

    fn session_delete(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<()> {
        let wanted = format!("{prefix}{key}");
        self.delete_session(sync, |key| key == wanted)
    }

    fn session_clear(&self, sync: &SyncId, prefix: &str) -> Result<()> {
        self.delete_session(sync, |key| key.starts_with(prefix))
    }
}
