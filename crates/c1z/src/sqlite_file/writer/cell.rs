//! Cells with a payload: what stays on the page, and the overflow pages for the rest.

use std::io::Read;

use shingle::{Error, ErrorKind, Result};

use super::super::node::TreeKind;
use super::super::payload::LocalSizes;
use super::super::record;
use super::super::value::Value;
use super::super::varint;
use super::PAGE_SIZE;
use super::sink::PageSink;
use super::sorter::IO_LEN;

/// Takes the bytes of one payload in order. The first ones become part of a cell, the others go to
/// overflow pages as they come.
pub(super) struct CellWriter<'a> {
    cell: &'a mut Vec<u8>,
    local_left: usize,
    overflow_left: usize,
    page: Vec<u8>,
}

impl<'a> CellWriter<'a> {
    /// Starts a cell in `cell`, which is cleared. `rowid` is given in a table only.
    pub(super) fn start(
        cell: &'a mut Vec<u8>,
        sizes: &LocalSizes,
        total: u32,
        rowid: Option<i64>,
    ) -> Self {
        cell.clear();
        varint::encode(total.into(), cell);
        let tree = match rowid {
            Some(rowid) => {
                varint::encode(rowid.cast_unsigned(), cell);
                TreeKind::Table
            }
            None => TreeKind::Index,
        };
        let local = sizes.local(tree, total);
        Self {
            cell,
            local_left: local,
            overflow_left: total as usize - local,
            page: Vec::new(),
        }
    }

    /// Takes the next bytes of the payload.
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut PageSink) -> Result<()> {
        let (local, mut rest) = bytes.split_at(bytes.len().min(self.local_left));
        self.cell.extend_from_slice(local);
        self.local_left -= local.len();
        while !rest.is_empty() {
            if self.page.is_empty() {
                self.start_page(sink);
            }
            let room = PAGE_SIZE - self.page.len();
            let (now, later) = rest.split_at(rest.len().min(room));
            self.page.extend_from_slice(now);
            self.overflow_left = self.overflow_left.saturating_sub(now.len());
            if self.page.len() == PAGE_SIZE || self.overflow_left == 0 {
                self.end_page(sink)?;
            }
            rest = later;
        }
        Ok(())
    }

    fn start_page(&mut self, sink: &PageSink) {
        let no = sink.next_no();
        if self.page.capacity() == 0 {
            self.cell.extend_from_slice(&no.0.to_be_bytes());
            self.page.reserve_exact(PAGE_SIZE);
        }
        let next = if self.overflow_left > PAGE_SIZE - 4 {
            sink.no_after(no).0
        } else {
            0
        };
        self.page.extend_from_slice(&next.to_be_bytes());
    }

    fn end_page(&mut self, sink: &mut PageSink) -> Result<()> {
        self.page.resize(PAGE_SIZE, 0);
        sink.append(&self.page)?;
        self.page.clear();
        Ok(())
    }

    /// Takes the body of a value as the next bytes.
    pub(super) fn push_value(
        &mut self,
        value: &Value<'_>,
        scratch: &mut Vec<u8>,
        sink: &mut PageSink,
    ) -> Result<()> {
        match value {
            Value::Null => Ok(()),
            Value::Text(bytes) | Value::Blob(bytes) => self.push(bytes, sink),
            Value::Real(value) if value.is_nan() => Ok(()),
            Value::Real(value) => self.push(&value.to_be_bytes(), sink),
            Value::Integer(value) => {
                scratch.clear();
                record::encode_integer(record::integer_serial(*value), *value, scratch);
                self.push(scratch, sink)
            }
        }
    }

    /// Takes `len` bytes from `from`.
    pub(super) fn copy(
        &mut self,
        from: &mut dyn Read,
        len: u64,
        sink: &mut PageSink,
    ) -> Result<()> {
        let mut buffer = vec![0; IO_LEN];
        let mut left = len;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(IO_LEN).min(IO_LEN);
            let piece = buffer.get_mut(..now).unwrap_or_default();
            from.read_exact(piece).map_err(|source| {
                Error::new(ErrorKind::Io, "cannot read a blob to be written").with_source(source)
            })?;
            self.push(piece, sink)?;
            left -= now as u64;
        }
        Ok(())
    }

    /// Checks that all bytes came.
    pub(super) fn finish(self) -> Result<()> {
        if self.local_left == 0 && self.overflow_left == 0 {
            return Ok(());
        }
        let message = "sqlite writer: a payload shorter than its header says";
        Err(Error::new(ErrorKind::Internal, message))
    }
}

/// Writes a whole record as a cell.
pub(super) fn write_cell(
    cell: &mut Vec<u8>,
    sizes: &LocalSizes,
    record: &[u8],
    rowid: Option<i64>,
    sink: &mut PageSink,
) -> Result<()> {
    let total = u32::try_from(record.len())
        .map_err(|_| Error::new(ErrorKind::Exhausted, "a record of 4 GiB"))?;
    let mut writer = CellWriter::start(cell, sizes, total, rowid);
    writer.push(record, sink)?;
    writer.finish()
}
