//! Assets (`store-contract` §6.1, D13).

use std::io::{self, Read};

use super::super::live::{Ids, Live};
use super::{Change, Writing};
use crate::engine::contract::Contract;
use crate::engine::{CancelFlag, Profile};
use crate::record::{AssetView, asset};
use crate::sync::lifecycle;
use crate::{Error, ErrorKind, Result};

/// Bytes that are read between two looks at the cancel flag.
const CHUNK_LEN: u64 = 256 << 10;

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
    let data = read(data, live.options.asset_len_max, &live.options.cancel)?;
    // Go's Pebble engine stores what it is given.
    let verbatim = live.options.profile == Profile::GoPebble;
    if data.is_empty() && !verbatim {
        return Ok(());
    }
    let mut writing = Writing::begin(contract, Change::Records)?;
    let stamp = writing.stamp();
    let mut value = Vec::new();
    let sync = writing.sync.run.id.clone();
    let record = AssetView {
        sync_id: sync.as_str(),
        external_id: id,
        content_type: match content_type {
            "" if !verbatim => "unknown",
            given => given,
        },
        data: &data,
        discovered_at: Some(stamp),
    };
    record.encode_into(&mut value);
    drop(data);
    writing.put(&key, &value)?;
    drop(value);
    writing.commit(Ids::Kept)
}

/// All of the data.
///
/// # Errors
/// `ResourceExhausted` beyond `len_max` bytes, of which no more than one more is read; `Io` from the source; `Cancelled`.
fn read(data: &mut dyn Read, len_max: u64, cancel: &CancelFlag) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        cancel.check()?;
        let len = bytes.len() as u64;
        let wanted = CHUNK_LEN.min((len_max - len).saturating_add(1));
        let more = data.take(wanted).read_to_end(&mut bytes);
        let more = more.map_err(cannot_read)?;
        if bytes.len() as u64 > len_max {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!("asset too large: bytes_max=`{len_max}`"),
            ));
        }
        if more == 0 {
            return Ok(bytes);
        }
    }
}

fn cannot_read(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot read the asset").with_source(error)
}
