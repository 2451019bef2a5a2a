//! Page tokens: the last row returned, bound to the operation, the sync and the filter (`store-contract` §1.0, D17).
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | operation tag |
//! | 2 | 8 | XXH64 of operation, sync id, filter and position, little-endian |
//! | 10 | 2 | length of the sync id, little-endian |
//! | 12 | n | sync id: a sequence of pages sticks to the sync of its first page |
//! | 12+n | rest | position: the engine's key of the last row |
//!
//! The text form is base64 with the URL alphabet, without padding.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::engine::types::SyncId;
use crate::{Error, ErrorKind, Result};

const VERSION: u8 = 1;
/// Longest accepted token text, in bytes: twice the largest key of a row with every id at 64 KiB.
const TEXT_LEN_MAX: usize = 1 << 20;

/// The list operation that a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Operation {
    SyncRuns = 1,
    ResourceTypes = 2,
    Resources = 3,
    Entitlements = 4,
    Grants = 5,
    GrantsForEntitlements = 6,
    PendingExpansion = 7,
    Assets = 8,
    Principals = 9,
}

/// What a token is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding<'a> {
    pub(crate) operation: Operation,
    /// A canonical text of the filter.
    pub(crate) filter: &'a str,
}

/// A decoded token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The sync that the sequence of pages reads.
    pub(crate) sync: SyncId,
    /// The engine's key of the last row returned.
    pub(crate) last_row: Vec<u8>,
}

/// Encodes the token that continues after `last_row`.
pub(crate) fn encode(binding: Binding<'_>, sync: &SyncId, last_row: &[u8]) -> Result<String> {
    let id = sync.as_str().as_bytes();
    let id_len = u16::try_from(id.len())
        .map_err(|_| Error::invalid("sync id is too long for a page token"))?;
    let mut bytes = Vec::with_capacity(12 + id.len() + last_row.len());
    bytes.extend([VERSION, binding.operation as u8]);
    bytes.extend(binding_hash(binding, id, last_row).to_le_bytes());
    bytes.extend(id_len.to_le_bytes());
    bytes.extend(id);
    bytes.extend(last_row);
    Ok(URL_SAFE_NO_PAD.encode(&bytes))
}

/// Decodes a token and checks that it belongs to `binding`; the empty token is the first page, `None`.
pub(crate) fn decode(binding: Binding<'_>, token: &str) -> Result<Option<Position>> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = if token.len() > TEXT_LEN_MAX {
        None
    } else {
        URL_SAFE_NO_PAD.decode(token).ok()
    };
    let bytes = bytes.ok_or_else(|| bad("it is not one of ours"))?;
    let (head, rest) = bytes
        .split_at_checked(12)
        .ok_or_else(|| bad("it is too short"))?;
    let [version, operation, h0, h1, h2, h3, h4, h5, h6, h7, l0, l1] = *head else {
        return Err(bad("it is too short"));
    };
    if version != VERSION {
        return Err(bad("it has another version"));
    }
    if operation != binding.operation as u8 {
        return Err(bad("another operation produced it"));
    }
    let (id, last_row) = rest
        .split_at_checked(usize::from(u16::from_le_bytes([l0, l1])))
        .ok_or_else(|| bad("it is too short"))?;
    if u64::from_le_bytes([h0, h1, h2, h3, h4, h5, h6, h7]) != binding_hash(binding, id, last_row) {
        return Err(bad("it belongs to another filter, or was changed"));
    }
    let id = std::str::from_utf8(id).map_err(|_| bad("its sync id is not text"))?;
    Ok(Some(Position {
        sync: SyncId::from_stored(id),
        last_row: last_row.to_vec(),
    }))
}

/// Whether `token` is well formed and of this operation, whatever else it is bound to.
pub(crate) fn is_of(operation: Operation, token: &str) -> bool {
    token.len() <= TEXT_LEN_MAX
        && URL_SAFE_NO_PAD
            .decode(token)
            .is_ok_and(|bytes| bytes.len() >= 12 && bytes.starts_with(&[VERSION, operation as u8]))
}

fn binding_hash(binding: Binding<'_>, sync: &[u8], last_row: &[u8]) -> u64 {
    let mut hash = xxhash_rust::xxh64::Xxh64::new(0);
    hash.update(&[binding.operation as u8]);
    hash.update(&(sync.len() as u64).to_le_bytes());
    hash.update(sync);
    hash.update(&(binding.filter.len() as u64).to_le_bytes());
    hash.update(binding.filter.as_bytes());
    hash.update(last_row);
    hash.digest()
}

fn bad(why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidPageToken,
        format!("page token not accepted: {why}"),
    )
    .with_hint("start again from the first page")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn binding(filter: &str) -> Binding<'_> {
        Binding {
            operation: Operation::Grants,
            filter,
        }
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(sync in "[a-zA-Z0-9]{1,40}", row in prop::collection::vec(any::<u8>(), 0..80)) {
            let sync = SyncId::new(sync).unwrap();
            let token = encode(binding("f"), &sync, &row).unwrap();
            let position = decode(binding("f"), &token).unwrap().unwrap();
            prop_assert_eq!(position, Position { sync, last_row: row });
        }

        #[test]
        fn no_text_panics_and_foreign_text_is_refused(text in "\\PC{1,60}") {
            let refused = decode(binding("f"), &text).unwrap_err();
            prop_assert_eq!(refused.kind(), ErrorKind::InvalidPageToken);
        }
    }

    #[test]
    fn a_token_is_bound_to_operation_filter_and_alphabet() {
        let sync = SyncId::new("s").unwrap();
        let token = encode(binding("f"), &sync, b"row").unwrap();
        let other = Binding {
            operation: Operation::Resources,
            filter: "f",
        };
        for refused in [
            decode(other, &token),
            decode(binding("g"), &token),
            decode(binding("f"), &format!("{token}=")),
            decode(binding("f"), &token[..token.len() - 1]),
            decode(binding("f"), &token.to_lowercase()),
        ] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidPageToken);
        }
        assert_eq!(decode(binding("f"), "").unwrap(), None);
    }
}
