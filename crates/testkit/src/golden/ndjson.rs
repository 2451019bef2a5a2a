//! Gzip files of NDJSON: one JSON value a line.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// A row and the number of its line, from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<T> {
    /// Number of the line.
    pub number: usize,
    /// What stands in it.
    pub row: T,
}

/// Reads all rows of a file. A row that is not exactly a `T` is an error that names file and line.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<Vec<Line<T>>> {
    parse(&super::read_file(path)?).map_err(|error| error.at(path.display()))
}

/// As [`load`], from the bytes of a gzip file.
pub fn parse<T: DeserializeOwned>(gzip: &[u8]) -> Result<Vec<Line<T>>> {
    let reader = BufReader::new(MultiGzDecoder::new(gzip));
    let mut rows = Vec::new();
    for (index, line) in reader.lines().enumerate() {
        let number = index + 1;
        let about = |message: String| Error::new(message).at(format!("line {number}"));
        let line = line.map_err(|error| about(error.to_string()))?;
        let row = serde_json::from_str(&line).map_err(|error| about(error.to_string()))?;
        rows.push(Line { number, row });
    }
    Ok(rows)
}
