//! From items to lines.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use c1z_proto::schema::{Described, Message};
use c1z_proto::storage::v3;
use sha2::{Digest, Sha256};

use super::counts::Counts;
use super::exact::{COLUMNS, Codec, Fidelity, MESSAGE, Names, RECORD, RUN, STATS};
use super::item::{Form, Item, Record, message_schema, stored_schema};
use super::{DATA_BYTES, INLINE_BYTES_MAX, SCHEMA};
use crate::{Error, ErrorKind, Result};

/// Writes a file: [`Writer::put`] for every item, then [`Writer::finish`], without which the file is a
/// cut one.
pub struct Writer<W> {
    out: W,
    hash: Sha256,
    codec: Codec,
    line: Vec<u8>,
    lines: u64,
    counts: Counts,
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("lines", &self.lines)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Writer<W> {
    /// Writes the first line. `out` should be buffered.
    ///
    /// # Errors
    /// `Io` from `out`, here and everywhere.
    pub fn new(out: W) -> Result<Self> {
        let mut writer = Self {
            out,
            hash: Sha256::new(),
            codec: Codec::new(),
            line: Vec::new(),
            lines: 0,
            counts: Counts::default(),
        };
        writer.begin_line("begin");
        writer.text("schema", SCHEMA);
        writer.end_line()?;
        Ok(writer)
    }

    /// Writes an item.
    ///
    /// # Errors
    /// `InvalidArgument` for a record before any sync, and for an asset that is not
    /// [`Form::Stored`]. Nothing is written then.
    ///
    /// # Complexity
    /// Linear in the bytes: a message is printed, and parsed again to see whether its bytes come
    /// back.
    pub fn put(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Sync(head) => {
                self.begin_line("sync");
                let run = (&RUN, v3::SyncRunRecord::MESSAGE, head.run);
                let stats = head.stats.unwrap_or_default();
                let stats = (&STATS, v3::SyncStatsRecord::MESSAGE, stats);
                let both = [run, stats];
                let len = 1 + usize::from(head.stats.is_some());
                self.messages(both.get(..len).unwrap_or(&both))?;
            }
            Item::Record(record) => self.record(record)?,
            Item::Session(value) => {
                self.begin_line("session");
                self.messages(&[(&RECORD, v3::SessionRecord::MESSAGE, value)])?;
            }
            Item::Row { key, value } => {
                self.begin_line("row");
                self.base64("key", key);
                if value.len() > INLINE_BYTES_MAX {
                    self.number("valueBytes", value.len() as u64);
                    self.end_line()?;
                    self.data(value)?;
                } else {
                    self.base64("value", value);
                    self.end_line()?;
                }
            }
        }
        self.counts.add(item);
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>) -> Result<()> {
        if self.counts.syncs == 0 {
            return Err(Error::invalid("record before any sync"));
        }
        let stored = stored_schema(record.kind);
        match record.form {
            Form::Stored { key } => {
                self.begin_line(record.kind.as_str());
                if let Some(key) = key {
                    self.base64("key", key);
                }
                self.messages(&[(&RECORD, stored, record.value)])
            }
            Form::Message { columns } => {
                let message = message_schema(record.kind)
                    .ok_or_else(|| Error::invalid("an asset has no message of a connector"))?;
                self.begin_line(record.kind.as_str());
                self.messages(&[
                    (&MESSAGE, message, record.value),
                    (&COLUMNS, stored, columns),
                ])
            }
        }
    }

    /// Writes the last line and flushes.
    pub fn finish(mut self) -> Result<Counts> {
        let sha256 = self.hash.clone().finalize();
        let lines = self.lines;
        self.begin_line("end");
        self.number("lines", lines);
        self.raw("counts", self.counts.to_json().as_bytes());
        self.text("sha256", &hex(&sha256));
        self.end_line()?;
        self.out.flush().map_err(write_error)?;
        Ok(self.counts)
    }

    /// Ends the line with messages, and writes the data lines of those that are long.
    fn messages(&mut self, parts: &[(&Names, &'static Message, &[u8])]) -> Result<()> {
        for (names, message, bytes) in parts {
            if bytes.len() > INLINE_BYTES_MAX {
                self.number(names.bytes, bytes.len() as u64);
            } else {
                self.message(names, message, bytes);
            }
        }
        self.end_line()?;
        for (_, _, bytes) in parts {
            if bytes.len() > INLINE_BYTES_MAX {
                self.data(bytes)?;
            }
        }
        Ok(())
    }

    fn message(&mut self, names: &Names, message: &'static Message, bytes: &[u8]) {
        let start = self.line.len();
        self.name(names.json);
        match self.codec.print(message, bytes, &mut self.line) {
            Fidelity::Exact => return,
            Fidelity::Shown => {}
            Fidelity::None => self.line.truncate(start),
        }
        self.base64(names.pb, bytes);
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(DATA_BYTES) {
            self.begin_line("data");
            self.base64("pb", piece);
            self.end_line()?;
        }
        Ok(())
    }

    fn begin_line(&mut self, kind: &str) {
        self.line.clear();
        self.line.extend_from_slice(b"{\"type\":\"");
        self.line.extend_from_slice(kind.as_bytes());
        self.line.push(b'"');
    }

    fn name(&mut self, name: &str) {
        self.line.extend_from_slice(b",\"");
        self.line.extend_from_slice(name.as_bytes());
        self.line.extend_from_slice(b"\":");
    }

    fn raw(&mut self, name: &str, json: &[u8]) {
        self.name(name);
        self.line.extend_from_slice(json);
    }

    /// A text that needs no escapes.
    fn text(&mut self, name: &str, text: &str) {
        self.raw(name, format!("\"{text}\"").as_bytes());
    }

    fn number(&mut self, name: &str, number: u64) {
        self.raw(name, number.to_string().as_bytes());
    }

    fn base64(&mut self, name: &str, bytes: &[u8]) {
        self.name(name);
        self.line.push(b'"');
        let start = self.line.len();
        // Four characters for every three bytes that have begun.
        self.line.resize(start + bytes.len().div_ceil(3) * 4, b'=');
        let room = self.line.get_mut(start..).unwrap_or_default();
        let written = STANDARD.encode_slice(bytes, room).unwrap_or_default();
        self.line.truncate(start + written);
        self.line.push(b'"');
    }

    fn end_line(&mut self) -> Result<()> {
        self.line.extend_from_slice(b"}\n");
        self.hash.update(&self.line);
        self.lines += 1;
        self.out.write_all(&self.line).map_err(write_error)
    }
}

fn write_error(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot write NDJSON").with_source(error)
}

/// Bytes in hexadecimal, all of them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
