//! Lines of bounded length, counted and hashed.

use std::io::{BufRead, ErrorKind as IoKind};

use sha2::{Digest, Sha256};

use super::LINE_BYTES_MAX;
use super::writer::hex;
use crate::{Error, ErrorKind, Result};

/// The lines of a file.
pub(super) struct Lines<R> {
    input: R,
    /// The line that was read last, with its end.
    line: Vec<u8>,
    /// Its number, from 1.
    number: u64,
    /// Of all lines before it.
    hash: Sha256,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
            hash: Sha256::new(),
        }
    }

    /// Reads the next line; false at the end of the input.
    ///
    /// # Errors
    /// `DataLoss` for a line without end; `ResourceExhausted` for one that is too long; `Io`.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.hash.update(&self.line);
        self.line.clear();
        self.number += 1;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == IoKind::Interrupted => continue,
                Err(error) => {
                    return Err(
                        Error::new(ErrorKind::Io, self.place("cannot be read")).with_source(error)
                    );
                }
            };
            if chunk.is_empty() {
                return self.at_end();
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            if self.line.len() + taken > LINE_BYTES_MAX {
                let what = format!("is longer than {LINE_BYTES_MAX} bytes");
                return Err(Error::new(ErrorKind::ResourceExhausted, self.place(&what)));
            }
            self.line
                .extend_from_slice(chunk.get(..taken).unwrap_or_default());
            self.input.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    fn at_end(&self) -> Result<bool> {
        if self.line.is_empty() {
            return Ok(false);
        }
        Err(self.fault("ends in its middle: the file is cut"))
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Lines before it.
    pub(super) fn before(&self) -> u64 {
        self.number - 1
    }

    /// SHA-256 of the lines before it, in hexadecimal.
    pub(super) fn sha256_before(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// An error about the line that was read last.
    pub(super) fn fault(&self, what: &str) -> Error {
        Error::new(ErrorKind::DataLoss, self.place(what))
    }

    fn place(&self, what: &str) -> String {
        format!("line {} of NDJSON {what}", self.number)
    }
}
