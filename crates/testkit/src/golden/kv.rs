//! Live keys and values of an inner database, in key order.

use std::path::Path;

use serde::Deserialize;

use super::{json, ndjson};
use crate::Result;

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The key.
    #[serde(rename = "key_hex", deserialize_with = "json::hex")]
    pub key: Vec<u8>,
    /// The value.
    #[serde(rename = "value_hex", deserialize_with = "json::hex")]
    pub value: Vec<u8>,
}

/// Reads a list of pairs.
pub fn load(path: &Path) -> Result<Vec<Pair>> {
    let lines = ndjson::load(path)?;
    Ok(lines.into_iter().map(|line| line.row).collect())
}
