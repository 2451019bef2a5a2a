//! Forms of output: tables, one JSON document, JSON lines, CSV, XLSX. All of them stream.

pub(crate) mod colour;
mod csv;
mod document;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod progress;
mod stdout;
mod table;
mod target;
mod text;
mod xlsx;

pub(crate) use csv::Csv;
pub(crate) use document::Rows;
pub(crate) use json::Json;
pub(crate) use progress::Counted;
pub(crate) use stdout::{data, stdout};
pub(crate) use table::Table;
pub(crate) use target::{Content, is_stdout, write_file, write_to};
pub(crate) use text::printable;
pub(crate) use xlsx::Workbook;
