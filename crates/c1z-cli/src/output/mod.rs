//! Forms of output: tables, one JSON document, JSON lines. All of them stream.

mod document;
pub(crate) mod json;
mod table;

pub(crate) use document::Rows;
pub(crate) use json::Json;
pub(crate) use table::Table;
