//! A ZIP archive, written front to back: no part is known before it is written, so its sizes and
//! checksum follow it, and stand in the directory at the end (PKWARE APPNOTE 4.3).
//!
//! | structure | fields, little endian |
//! |---|---|
//! | local header | `PK 3 4`, version u16, flags u16, method u16, time u16, date u16, crc u32, packed u32, raw u32, name length u16, extra length u16, name |
//! | data descriptor | `PK 7 8`, crc u32, packed u32, raw u32 |
//! | directory entry | `PK 1 2`, made by u16, version … extra length as above, comment length u16, disk u16, internal u16, external u32, offset u32, name |
//! | directory end | `PK 5 6`, disk u16, disk u16, entries u16, entries u16, length u32, offset u32, comment length u16 |
//!
//! Parts and archive stay below 4 GiB; what would be longer is an error. Times are those of the
//! format's epoch, so that the same content gives the same bytes.

use std::io::{self, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Sizes follow the part.
const FLAGS: u16 = 1 << 3;
const DEFLATE: u16 = 8;
const VERSION: u16 = 20;
/// 1980-01-01.
const DATE: u16 = 1 << 5 | 1;
/// Packed bytes are handed on in pieces of this.
const PACKED_LEN: usize = 64 << 10;

/// An archive under construction.
pub(super) struct Zip<W> {
    out: W,
    offset: u64,
    deflate: Compress,
    packed: Vec<u8>,
    open: Part,
    done: Vec<Part>,
}

#[derive(Default)]
struct Part {
    name: String,
    offset: u64,
    crc: Crc,
    packed: u64,
    raw: u64,
}

impl<W: Write> Zip<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            offset: 0,
            deflate: Compress::new(Compression::fast(), false),
            packed: Vec::with_capacity(PACKED_LEN),
            open: Part::default(),
            done: Vec::new(),
        }
    }

    /// Begins a part.
    pub(super) fn begin(&mut self, name: &str) -> io::Result<()> {
        self.deflate.reset();
        self.open = Part {
            name: name.to_owned(),
            offset: self.offset,
            ..Part::default()
        };
        let mut header = b"PK\x03\x04".to_vec();
        common_fields(&mut header, &Part::default(), name)?;
        header.extend_from_slice(name.as_bytes());
        self.put(&header)
    }

    /// Bytes of the open part so far.
    pub(super) fn part_len(&self) -> u64 {
        self.open.raw
    }

    /// Adds to the part that is open.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open.crc.update(bytes);
        self.open.raw += bytes.len() as u64;
        self.pack(bytes, FlushCompress::None)
    }

    /// Ends the part that is open.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.pack(&[], FlushCompress::Finish)?;
        let part = std::mem::take(&mut self.open);
        let mut descriptor = b"PK\x07\x08".to_vec();
        sizes(&mut descriptor, &part)?;
        self.put(&descriptor)?;
        self.done.push(part);
        Ok(())
    }

    /// Writes the directory.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let start = self.offset;
        let parts = std::mem::take(&mut self.done);
        for part in &parts {
            let mut entry = b"PK\x01\x02".to_vec();
            put_u16(&mut entry, VERSION);
            common_fields(&mut entry, part, &part.name)?;
            // No comment, first disk, no attributes.
            entry.extend_from_slice(&[0; 10]);
            put_u32(&mut entry, narrow(part.offset)?);
            entry.extend_from_slice(part.name.as_bytes());
            self.put(&entry)?;
        }
        let count = u16::try_from(parts.len()).map_err(|_| too_large())?;
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        put_u16(&mut end, count);
        put_u16(&mut end, count);
        put_u32(&mut end, narrow(self.offset - start)?);
        put_u32(&mut end, narrow(start)?);
        put_u16(&mut end, 0);
        self.put(&end)?;
        Ok(self.out)
    }

    fn pack(&mut self, mut bytes: &[u8], flush: FlushCompress) -> io::Result<()> {
        loop {
            let before = self.deflate.total_in();
            let status = self
                .deflate
                .compress_vec(bytes, &mut self.packed, flush)
                .map_err(io::Error::other)?;
            let taken = usize::try_from(self.deflate.total_in() - before).unwrap_or(usize::MAX);
            bytes = bytes.get(taken..).unwrap_or_default();
            let is_full = self.packed.len() == self.packed.capacity();
            let is_done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                _ => bytes.is_empty() && !is_full,
            };
            if is_full || is_done && flush == FlushCompress::Finish {
                self.hand_on()?;
            }
            if is_done {
                return Ok(());
            }
        }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.open.packed += self.packed.len() as u64;
        self.offset += self.packed.len() as u64;
        let written = self.out.write_all(&self.packed);
        self.packed.clear();
        written
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.offset += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// What local headers and directory entries have in common, from version to length of extra fields.
fn common_fields(out: &mut Vec<u8>, part: &Part, name: &str) -> io::Result<()> {
    for field in [VERSION, FLAGS, DEFLATE, 0, DATE] {
        put_u16(out, field);
    }
    sizes(out, part)?;
    put_u16(out, u16::try_from(name.len()).map_err(|_| too_large())?);
    put_u16(out, 0);
    Ok(())
}

fn sizes(out: &mut Vec<u8>, part: &Part) -> io::Result<()> {
    put_u32(out, part.crc.sum());
    put_u32(out, narrow(part.packed)?);
    put_u32(out, narrow(part.raw)?);
    Ok(())
}

fn narrow(value: u64) -> io::Result<u32> {
    u32::try_from(value).map_err(|_| too_large())
}

fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "an XLSX file of 4 GiB or more; export CSV instead",
    )
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}
