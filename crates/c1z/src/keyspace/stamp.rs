//! The two stamps that say which layout a database has, and what follows from them.
//!
//! Dispatch is on the stamps, never on the engine name of the manifest: any of the three names may
//! stand over any layout that is still read (`c1z3-keyspace` §11.1, §12).

use std::cmp::Ordering;

use crate::hex;
use crate::{Error, ErrorKind, Result};

/// Version number of the layout and of the identity format, as this crate writes them.
pub const CURRENT_VERSION: u32 = 2;
/// The value of both stamps.
pub const CURRENT: [u8; 4] = CURRENT_VERSION.to_be_bytes();

/// What the stamps say about a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Structural keys, as written today.
    Current,
    /// Entitlements and grants keyed by external id; see [`super::external_id`].
    ExternalId,
}

/// Decides the layout from the values of the two stamps and whether the database holds any row.
///
/// `has_rows` tells whether a key in `[0301, 03ff)` exists. An empty database without stamps is a
/// current one.
///
/// # Errors
/// Data loss for a malformed stamp; [`ErrorKind::FormatOlder`] for layouts that no build reads
/// (several syncs in one keyspace, the interim identity format); [`ErrorKind::FormatNewer`] for
/// layouts of the future.
pub fn layout(
    keyspace_version: Option<&[u8]>,
    grant_id_format: Option<&[u8]>,
    has_rows: bool,
) -> Result<Layout> {
    match keyspace_version.map(|v| number("keyspace version stamp", v)) {
        None if has_rows => {
            return Err(Error::new(
                ErrorKind::FormatOlder,
                "keyspace layout without a version stamp over existing rows",
            )
            .with_hint("files of this layout are no longer read; sync again to write a new one"));
        }
        None => {}
        Some(version) => check_version("keyspace layout", version?)?,
    }
    match grant_id_format.map(|v| number("grant id format stamp", v)) {
        None if has_rows => Ok(Layout::ExternalId),
        None => Ok(Layout::Current),
        Some(format) => check_version("grant id format", format?).map(|()| Layout::Current),
    }
}

fn check_version(what: &str, version: u32) -> Result<()> {
    let kind = match version.cmp(&CURRENT_VERSION) {
        Ordering::Equal => return Ok(()),
        Ordering::Less => ErrorKind::FormatOlder,
        Ordering::Greater => ErrorKind::FormatNewer,
    };
    Err(Error::new(kind, format!("{what} version=`{version}`")))
}

fn number(structure: &'static str, value: &[u8]) -> Result<u32> {
    match value.try_into() {
        Ok(bytes) => Ok(u32::from_be_bytes(bytes)),
        Err(_) => Err(Error::data_loss(structure, 0, "4 bytes", hex::short(value))),
    }
}
