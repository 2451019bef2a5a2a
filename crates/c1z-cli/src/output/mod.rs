//! Forms of output: tables, one JSON document, JSON lines, CSV. All of them stream.

mod csv;
mod document;
pub(crate) mod json;
mod table;

pub(crate) use csv::Csv;
pub(crate) use document::Rows;
pub(crate) use json::Json;
pub(crate) use table::Table;
