//! Assets (`store-contract` §6.1, D13).

use std::io::{self, Read};

use shingle::bulk::Spool;

use super::super::live::{Ids, Live};
use super::super::live_kv::LargeRow;
use super::{Change, Writing};
use crate::engine::Profile;
use crate::engine::contract::Contract;
use crate::record::{AssetView, asset};
use crate::sync::lifecycle;
use crate::{Error, ErrorKind, Result};

/// Bytes that are read between two looks at the cancel flag.
const CHUNK_LEN: u64 = 256 << 10;
/// Bytes of an asset that a store on disk holds in memory while it is read. A larger one bypasses log and write buffer: it
/// becomes a table of its own.
const HELD_LEN_MAX: usize = 1 << 20;

/// Stores an asset.
///
/// The data are read before the store is locked, so a slow source keeps nobody waiting; what is current may change
/// meanwhile, and the asset goes to what is current then.
pub(super) fn put(
    contract: &Contract<Live>,
    id: &str,
    content_type: &str,
    data: &mut dyn Read,
) -> Result<()> {
    let live = contract.source();
    live.writable()?;
    lifecycle::current(&contract.bindings())?;
    let mut key = Vec::new();
    asset::key_into(id, &mut key)?;
    let data = read(data, live)?;
    // Go's Pebble engine stores what it is given.
    let verbatim = live.options.profile == Profile::GoPebble;
    if data.is_empty() && !verbatim {
        return Ok(());
    }
    let mut writing = Writing::begin(contract, Change::Records)?;
    let stamp = writing.stamp();
    let sync = writing.sync.run.id.clone();
    let record = AssetView {
        sync_id: sync.as_str(),
        external_id: id,
        content_type: match content_type {
            "" if !verbatim => "unknown",
            given => given,
        },
        data: data.in_memory().unwrap_or_default(),
        discovered_at: Some(stamp),
    };
    let mut value = Vec::new();
    if data.in_memory().is_some() {
        record.encode_into(&mut value);
        drop(data);
        writing.put(&key, &value)?;
        drop(value);
        return writing.commit(Ids::Kept);
    }
    let data_len = usize::try_from(data.len()).unwrap_or(usize::MAX);
    let tail = record.encode_around(data_len, &mut value);
    let row = LargeRow {
        key: &key,
        len: value.len() + data_len + tail.len(),
        value: &mut value
            .as_slice()
            .chain(data.reader()?)
            .chain(tail.as_slice()),
    };
    writing.commit_large(row)
}

/// All of the data: few of them are held in memory, many on the disk of a store on disk.
///
/// # Errors
/// `ResourceExhausted` beyond the limit, of which no more than one byte more is read; `Io` from the source; `Cancelled`.
fn read(data: &mut dyn Read, live: &Live) -> Result<Spool> {
    let len_max = live.options.asset_len_max;
    let mut spool = match live.kv.scratch() {
        Some(scratch) => Spool::new(scratch, HELD_LEN_MAX),
        None => Spool::in_memory_only(),
    };
    let mut chunk = Vec::new();
    loop {
        live.options.cancel.check()?;
        chunk.clear();
        let wanted = CHUNK_LEN.min((len_max - spool.len()).saturating_add(1));
        let more = data.take(wanted).read_to_end(&mut chunk);
        if more.map_err(cannot_read)? == 0 {
            return Ok(spool);
        }
        if spool.len() + chunk.len() as u64 > len_max {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!("asset too large: bytes_max=`{len_max}`"),
            ));
        }
        spool.write(&chunk)?;
    }
}

fn cannot_read(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot read the asset").with_source(error)
}
