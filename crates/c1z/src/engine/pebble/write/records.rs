//! Resource types, resources and entitlements: key and value from the message alone.

use c1z_proto::connector::v2;

use super::super::live::{Ids, Live};
use super::{Change, Writing};
use crate::engine::contract::Contract;
use crate::engine::types::Timestamp;
use crate::keyspace::{Family, Key};
use crate::record::{self, entitlement, message, resource, resource_type, timestamp};
use crate::{Error, Result};

/// Which of two records with one key stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The one that is written.
    Replace,
    /// The one that is written, if the stored one is older than its stamp (`store-contract` §3.4).
    IfNewer,
}

/// A record of a call, under its key.
pub(super) type Keyed<'r, M> = (Vec<u8>, &'r M);

/// The records of a call by key; those of one key in the order of the call.
///
/// # Errors
/// `InvalidArgument` for the first record that lacks a part of its identity.
pub(super) fn by_key<'r, M>(
    kind: &str,
    records: &'r [M],
    key_into: impl Fn(&M, &mut Vec<u8>) -> Result<()>,
) -> Result<Vec<Keyed<'r, M>>> {
    let mut keyed = Vec::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        let mut key = Vec::new();
        key_into(record, &mut key).map_err(|error| at_index(kind, index, &error))?;
        keyed.push((key, record));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(keyed)
}

/// The error of one element of a call, by its place.
pub(super) fn at_index(kind: &str, index: usize, error: &Error) -> Error {
    Error::new(error.kind(), format!("{kind} at index `{index}`: {error}"))
}

/// Whether what is written at `stamp` replaces a stored row, of which only the time is read. A stored row without a time
/// is older than any.
///
/// # Errors
/// `DataLoss` for a row whose time cannot be read.
pub(super) fn is_older(family: Family, stored: &[u8], stamp: Timestamp) -> Result<bool> {
    let at = record::discovered_at(family, stored)?;
    Ok(timestamp::replaces(Some(stamp), at))
}

/// Writes records of one kind: of each key the last.
fn put<M>(
    contract: &Contract<Live>,
    (family, ids, rule): (Family, Ids, Rule),
    kind: &str,
    records: &[M],
    key_into: impl Fn(&M, &mut Vec<u8>) -> Result<()>,
    encode: impl Fn(&M, Timestamp) -> Vec<u8>,
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut writing = Writing::begin(contract, Change::Records)?;
    let keyed = by_key(kind, records, key_into)?;
    let stamp = writing.stamp();
    for same in keyed.chunk_by(|a, b| a.0 == b.0) {
        writing.check_cancelled()?;
        let Some((key, record)) = same.last() else {
            continue;
        };
        if rule == Rule::IfNewer
            && let Some(stored) = writing.stored(key)?
            && !is_older(family, &stored, stamp)?
        {
            continue;
        }
        writing.put(key, &encode(record, stamp))?;
    }
    writing.commit(ids)
}

pub(super) fn put_resource_types(
    contract: &Contract<Live>,
    records: &[v2::ResourceType],
    rule: Rule,
) -> Result<()> {
    put(
        contract,
        (Family::ResourceType, Ids::Kept, rule),
        "resource type",
        records,
        |record, key| resource_type::key_into(&record.id, key),
        |record, at| message::encode(&resource_type::to_record(record, Some(at))),
    )
}

pub(super) fn put_resources(
    contract: &Contract<Live>,
    records: &[v2::Resource],
    rule: Rule,
) -> Result<()> {
    put(
        contract,
        (Family::Resource, Ids::Kept, rule),
        "resource",
        records,
        |record, key| resource::key_into(&record.id.resource_type, &record.id.resource, key),
        |record, at| message::encode(&resource::to_record(record, Some(at))),
    )
}

pub(super) fn put_entitlements(
    contract: &Contract<Live>,
    records: &[v2::Entitlement],
    rule: Rule,
) -> Result<()> {
    put(
        contract,
        (Family::Entitlement, Ids::Changed, rule),
        "entitlement",
        records,
        |record, key| {
            if record.id.is_empty() {
                return Err(Error::invalid("entitlement without id"));
            }
            Key::Entitlement(entitlement::identity_of(record)?).encode_into(key);
            Ok(())
        },
        |record, at| message::encode(&entitlement::to_record(record, Some(at))),
    )
}
