//! Walks an archive from front to back and tells where its files are.

use super::super::fault;
use super::super::index::{ENTRIES_MAX, check_name};
use super::header::{Header, Kind};
use super::pax::{RECORDS_LEN_MAX, Records};
use super::{BLOCK_LEN, padding_len};
use crate::{Error, ErrorKind, Result};

const STRUCTURE: &str = "tar header";

/// Where an archive comes from: a file, whose data can be passed over without reading, or a stream.
pub(crate) trait TarInput {
    /// Reads until `buf` is full or the archive ends; returns the number of bytes read.
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize>;
    /// Passes over `n` bytes; false if the archive ends before.
    fn skip(&mut self, n: u64) -> Result<bool>;
}

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TarFile {
    /// Clean relative path, `/` between folders.
    pub(crate) name: String,
    /// Where its bytes start, from the start of the archive.
    pub(crate) offset: u64,
    /// Its length in bytes.
    pub(crate) len: u64,
}

/// Reads members in order.
#[derive(Debug)]
pub(crate) struct TarReader<I> {
    input: I,
    /// Where the archive starts in the file, for errors; 0 when the archive is compressed.
    base: u64,
    position: u64,
    /// End of the data of the current member, without padding.
    data_end: u64,
    members: usize,
}

impl<I: TarInput> TarReader<I> {
    /// A reader of the archive in `input`, whose errors count offsets from `base`.
    pub(crate) fn new(input: I, base: u64) -> Self {
        Self {
            input,
            base,
            position: 0,
            data_end: 0,
            members: 0,
        }
    }

    /// The next file, with the input standing at its first byte; `None` after the end marker, with
    /// the input read to its end. Directories, links and devices are passed over.
    ///
    /// # Errors
    /// `DataLoss` (truncated) when the archive ends without its end marker, (corrupt) for a header,
    /// name or mode that is not acceptable and for anything but zeros behind the end marker.
    pub(crate) fn next_file(&mut self) -> Result<Option<TarFile>> {
        let mut records = Records::default();
        loop {
            self.skip_rest()?;
            let at = self.place();
            let Some(header) = Header::decode(&self.block()?, at)? else {
                self.end()?;
                return Ok(None);
            };
            self.count_member()?;
            self.data_end = self.data_end(header.len, at)?;
            match header.kind {
                Kind::Records => records = self.records(&header)?,
                Kind::Refused(what) => {
                    let message = format!("file uses a feature that is not read feature=`{what}`");
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
                Kind::File => return self.file(header, records, at).map(Some),
                Kind::Directory => {
                    let path = std::mem::take(&mut records).path.unwrap_or(header.name);
                    check_name(STRUCTURE, at, path.strip_suffix(b"/").unwrap_or(&path))?;
                    check_mode(header.mode, at)?;
                }
                Kind::Other => records = Records::default(),
            }
        }
    }

    /// Reads data of the current file: until `buf` is full or the file ends.
    pub(crate) fn read_data(&mut self, buf: &mut [u8]) -> Result<usize> {
        let left = self.data_end - self.position;
        let len = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        let buf = buf.get_mut(..len).unwrap_or_default();
        let read = self.input.fill(buf)?;
        self.position += read as u64;
        if read < len {
            return Err(self.cut("file data", self.data_end - self.position));
        }
        Ok(read)
    }

    /// Passes over data of the current file, at most to its end.
    pub(crate) fn skip_data(&mut self, n: u64) -> Result<()> {
        let n = n.min(self.data_end - self.position);
        if !self.input.skip(n)? {
            return Err(self.cut("file data", n));
        }
        self.position += n;
        Ok(())
    }

    /// The input, for what the caller has to do with it at the end.
    pub(crate) fn into_input(self) -> I {
        self.input
    }

    fn place(&self) -> u64 {
        self.base.saturating_add(self.position)
    }

    fn cut(&self, what: &str, missing: u64) -> Error {
        let structure = format!("tar archive ({what})");
        let expected = format!("{missing} more bytes");
        fault::truncated(&structure, self.place(), expected, "end of the archive")
    }

    fn count_member(&mut self) -> Result<()> {
        self.members += 1;
        if self.members > 2 * ENTRIES_MAX {
            return Err(fault::over_bound(
                "members of the archive",
                "more",
                2 * ENTRIES_MAX as u64,
            ));
        }
        Ok(())
    }

    fn data_end(&self, len: u64, at: u64) -> Result<u64> {
        let end = self
            .position
            .checked_add(len)
            .filter(|end| i64::try_from(*end).is_ok());
        end.ok_or_else(|| fault::corrupt(STRUCTURE, at, "a size that fits the archive", len))
    }

    fn block(&mut self) -> Result<[u8; BLOCK_LEN]> {
        let mut block = [0; BLOCK_LEN];
        let read = self.input.fill(&mut block)?;
        self.position += read as u64;
        if read < BLOCK_LEN {
            return Err(self.cut("header or end marker", (BLOCK_LEN - read) as u64));
        }
        self.data_end = self.position;
        Ok(block)
    }

    fn skip_rest(&mut self) -> Result<()> {
        let rest = self.data_end - self.position;
        let skip = rest + padding_len(self.data_end);
        if !self.input.skip(skip)? {
            return Err(self.cut("file data", skip));
        }
        self.position += skip;
        Ok(())
    }

    fn records(&mut self, header: &Header) -> Result<Records> {
        if header.len > RECORDS_LEN_MAX {
            return Err(fault::over_bound(
                "pax records",
                header.len,
                RECORDS_LEN_MAX,
            ));
        }
        let at = self.place();
        let mut bytes = vec![0; usize::try_from(header.len).unwrap_or_default()];
        self.read_data(&mut bytes)?;
        Records::decode(&bytes, at)
    }

    fn file(&mut self, header: Header, records: Records, at: u64) -> Result<TarFile> {
        let path = records.path.unwrap_or(header.name);
        let name = check_name(STRUCTURE, at, &path)?.to_owned();
        check_mode(header.mode, at)?;
        let len = records.size.unwrap_or(header.len);
        self.data_end = self.data_end(len, at)?;
        Ok(TarFile {
            name,
            offset: self.position,
            len,
        })
    }

    /// After the first zero block: a second one, then nothing but zeros.
    fn end(&mut self) -> Result<()> {
        let mut rest = [0; 16 * BLOCK_LEN];
        let mut first = true;
        loop {
            let read = self.input.fill(&mut rest)?;
            let found = rest.get(..read).unwrap_or_default();
            if let Some(at) = found.iter().position(|b| *b != 0) {
                let at = self.place() + at as u64;
                let expected = "zeros behind the end marker";
                return Err(fault::corrupt("tar archive", at, expected, "other bytes"));
            }
            self.position += read as u64;
            if first && read < BLOCK_LEN {
                return Err(self.cut("end marker", (BLOCK_LEN - read) as u64));
            }
            first = false;
            if read < rest.len() {
                return Ok(());
            }
        }
    }
}

/// The reference refuses set-id and sticky bits, and so do we, though nothing is unpacked here.
fn check_mode(mode: u64, at: u64) -> Result<()> {
    if mode > 0o777 {
        let found = format!("{mode:o}");
        return Err(fault::corrupt(
            STRUCTURE,
            at,
            "a mode of at most 777",
            found,
        ));
    }
    Ok(())
}
