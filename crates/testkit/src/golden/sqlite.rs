//! A v1 file at table level: schema objects, pragmas, then every row of every table in row id order.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{json, ndjson};
use crate::Result;

/// One line of the description.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Row {
    /// A schema object.
    Schema {
        /// `table` or `index`.
        #[serde(rename = "type")]
        kind: String,
        /// Its name.
        name: String,
        /// The statement that made it; none for automatic indexes.
        schema: Option<String>,
    },
    /// A pragma and its value.
    Pragma {
        /// Name.
        pragma: String,
        /// Value.
        value: serde_json::Value,
    },
    /// A row of a table.
    Record {
        /// The table.
        table: String,
        /// Cells by column.
        row: BTreeMap<String, Cell>,
    },
}

/// A value of a cell.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Blob),
}

/// Bytes of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// The bytes.
    #[serde(rename = "blob_hex", deserialize_with = "json::hex")]
    pub bytes: Vec<u8>,
}

/// Reads a description.
pub fn load(path: &Path) -> Result<Vec<Row>> {
    let lines = ndjson::load(path)?;
    Ok(lines.into_iter().map(|line| line.row).collect())
}
