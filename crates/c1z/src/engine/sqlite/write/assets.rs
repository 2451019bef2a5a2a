//! Assets (`store-contract` §6.1, D13).

use std::io::Read;

use rusqlite::params;

use super::super::fault::sql;
use super::super::live::Live;
use super::Writing;
use crate::engine::contract::{self, Contract};
use crate::sync::lifecycle;
use crate::{Error, ErrorKind, Result};

/// Stores an asset, whose data are read before the store is locked.
pub(super) fn put(
    contract: &Contract<Live>,
    id: &str,
    content_type: &str,
    data: &mut dyn Read,
) -> Result<()> {
    let live = contract.source();
    live.writable()?;
    lifecycle::current(&contract.bindings())?;
    contract::require_id("asset", id)?;
    let data = read(data, live.options.asset_len_max)?;
    if data.is_empty() {
        return Ok(());
    }
    let content_type = match content_type {
        "" => "unknown",
        given => given,
    };
    let mut writing = Writing::begin(contract)?;
    let at = writing.stamp()?;
    let sync = writing.sync().clone();
    writing.commit(|connection| {
        let put = || {
            let mut statement = connection.prepare_cached(
                "INSERT INTO v1_assets (external_id, content_type, data, sync_id, discovered_at) \
                 VALUES (?, ?, ?, ?, ?) ON CONFLICT (external_id, sync_id) DO UPDATE SET \
                 content_type = excluded.content_type, data = excluded.data, \
                 discovered_at = excluded.discovered_at",
            )?;
            statement.execute(params![id, content_type, data, sync.as_str(), at])
        };
        put().map_err(sql("write an asset"))?;
        Ok(1)
    })?;
    Ok(())
}

/// All of the data.
///
/// # Errors
/// `ResourceExhausted` beyond `len_max` bytes, of which no more than one more is read; `Io` from the source.
fn read(data: &mut dyn Read, len_max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    data.take(len_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Io, "cannot read the asset").with_source(error))?;
    if bytes.len() as u64 > len_max {
        return Err(Error::new(
            ErrorKind::ResourceExhausted,
            format!("asset too large: bytes_max=`{len_max}`"),
        ));
    }
    Ok(bytes)
}
