//! Forms of output: tables, one JSON document, JSON lines, CSV, XLSX. All of them stream.

mod csv;
mod document;
pub(crate) mod json;
mod table;
mod target;
mod xlsx;

pub(crate) use csv::Csv;
pub(crate) use document::Rows;
pub(crate) use json::Json;
pub(crate) use table::Table;
pub(crate) use target::{is_stdout, write_file};
pub(crate) use xlsx::Workbook;
