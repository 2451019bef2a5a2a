//! A walk over a table that passes over what is damaged instead of stopping at it, for tools that
//! say what is wrong with a file or save what is left of it.
//!
//! With its index a table loses only the blocks that are damaged. A table whose end is gone has no
//! index: its data blocks stand back to back from the first byte, each followed by a type and a
//! checksum, so the end of each is where the running checksum is the one that is stored
//! ([`recover`]).

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use super::index::Place;
use super::inspect::Contents;
use super::readahead::ReadAhead;
use super::{CacheMode, Table};
use crate::checksum::mask;
use crate::key::{Trailer, compare};
use crate::sst::data::DataBlock;
use crate::sst::footer::TableFormat;
use crate::sst::handle::{BlockHandle, TRAILER_LEN};
use crate::sst::key_buf::KeyBuf;
use crate::sst::wrapper::{self, ChecksumKind};
use crate::vfs::ReadFile;
use crate::{Error, ErrorKind, Result};

const STRUCTURE: &str = "sstable";
/// Longest stored block that is looked for without an index, bytes. Writers cut at 32 KiB unless one
/// value is longer.
const RECOVERED_LEN_MAX: usize = 64 << 20;

/// Receives the point entries of a walk: key, trailer, value.
pub type EntrySink<'s> = dyn FnMut(&[u8], Trailer, &[u8]) -> Result<()> + 's;

/// A part of a table that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// The first block of it; `None` when it is the index that is damaged.
    pub handle: Option<BlockHandle>,
    /// All keys in it are at least this; `None` where nothing bounds them.
    pub from: Option<Vec<u8>>,
    /// All keys in it are at most this; `None` where nothing bounds them.
    pub to: Option<Vec<u8>>,
    /// How many blocks follow each other unread.
    pub blocks: u64,
    /// What is wrong with the first.
    pub error: Error,
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Survey {
    /// What could be read, counted.
    pub contents: Contents,
    /// What could not.
    pub unreadable: Vec<Unreadable>,
    /// Data blocks read.
    pub blocks: u64,
    /// The first contradiction between parts that can be read: order of keys, properties.
    pub contradiction: Option<Error>,
}

impl Table {
    /// Walks the whole table and sends every entry that can be read to `sink`. Where nothing is
    /// unreadable, what was found is compared with the properties.
    ///
    /// # Errors
    /// Those of `sink` alone, and `Io` from the file; damage is in the [`Survey`].
    ///
    /// # Complexity
    /// O(table); memory stays within a few blocks.
    pub fn survey(self: &Arc<Self>, sink: &mut EntrySink<'_>) -> Result<Survey> {
        let mut walk = Walk::default();
        let mut place = walk.index_step(self.first_place())?;
        while let Some(here) = place {
            self.survey_block(&here, &mut walk, sink)?;
            place = walk.index_step(self.next_place(&here))?;
        }
        let mut survey = walk.survey;
        for tombstone in &self.range_tombstones {
            survey.contents.range_deletions += 1;
            survey.contents.add_seq(tombstone.seq);
        }
        if survey.unreadable.is_empty() && survey.contradiction.is_none() {
            let compared = self.compare(&survey.contents);
            survey.contradiction = compared.err().map(|e| e.in_file(&self.path));
        }
        Ok(survey)
    }

    fn survey_block(&self, place: &Place, walk: &mut Walk, sink: &mut EntrySink<'_>) -> Result<()> {
        let described = place.describe(self)?;
        let block = self.data_block(&described, CacheMode::Bypass, Some(&mut walk.ahead));
        let error = match block {
            Ok(block) => match self.survey_rows(&block, walk, sink)? {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Err(error) => error,
        };
        walk.lose(Unreadable {
            handle: Some(described.handle),
            from: described.floor.map(<[u8]>::to_vec),
            to: Some(described.separator.to_vec()),
            blocks: 1,
            error,
        })
    }

    /// The inner error is damage of a value that is stored apart.
    fn survey_rows(
        &self,
        block: &DataBlock,
        walk: &mut Walk,
        sink: &mut EntrySink<'_>,
    ) -> Result<Result<()>> {
        walk.survey.blocks += 1;
        for row in 0..block.rows() {
            if row == 0 {
                block.load_key(row, &mut walk.key);
            } else {
                block.load_next_key(row, &mut walk.key);
            }
            let apart;
            let value = if block.is_external(row) {
                apart = match self.external_value(block.value(row)) {
                    Ok(value) => value,
                    Err(error) => return Ok(Err(error)),
                };
                &apart
            } else {
                block.value(row)
            };
            walk.entry(&self.path, block.trailer(row), value.len());
            sink(walk.key.bytes(), block.trailer(row), value)?;
        }
        Ok(Ok(()))
    }
}

/// State of a walk.
#[derive(Default)]
struct Walk {
    survey: Survey,
    ahead: ReadAhead,
    key: KeyBuf,
    /// Trailer of the entry before.
    last: Option<Trailer>,
}

impl Walk {
    /// Counts the entry at hand and checks that it follows the one before.
    fn entry(&mut self, path: &Path, trailer: Trailer, value_len: usize) {
        let key = self.key.bytes();
        let contents = &mut self.survey.contents;
        let ascends = match (&contents.keys, self.last) {
            (Some((_, last)), Some(before)) => {
                compare((last, before), (key, trailer)) == Ordering::Less
            }
            _ => true,
        };
        if !ascends && self.survey.contradiction.is_none() {
            let found = format_args!("{}{trailer:?}", key.escape_ascii());
            let error = Error::corrupt(STRUCTURE, 0, "ascending internal keys", found);
            self.survey.contradiction = Some(error.in_file(path));
        }
        contents.count_point(key, trailer, value_len);
        match &mut contents.keys {
            Some((_, last)) => {
                last.clear();
                last.extend_from_slice(key);
            }
            none => *none = Some((key.to_vec(), key.to_vec())),
        }
        self.last = Some(trailer);
    }

    /// Notes what cannot be read; blocks that follow each other become one part.
    fn lose(&mut self, lost: Unreadable) -> Result<()> {
        if lost.error.kind() == ErrorKind::Internal {
            return Err(lost.error);
        }
        match self.survey.unreadable.last_mut() {
            Some(last) if last.to.is_some() && last.to == lost.from => {
                last.to = lost.to;
                last.blocks += 1;
            }
            _ => self.survey.unreadable.push(lost),
        }
        Ok(())
    }

    /// The next place; where the index cannot be read the walk ends.
    fn index_step(&mut self, step: Result<Option<Place>>) -> Result<Option<Place>> {
        match step {
            Ok(place) => Ok(place),
            Err(error) => {
                let keys = self.survey.contents.keys.as_ref();
                self.lose(Unreadable {
                    handle: None,
                    from: keys.map(|(_, last)| last.clone()),
                    to: None,
                    blocks: 0,
                    error,
                })?;
                Ok(None)
            }
        }
    }
}

/// What was found in a file that holds the front of a table.
#[derive(Debug, Default)]
pub struct Recovered {
    /// What could be read, counted.
    pub contents: Contents,
    /// Data blocks read.
    pub blocks: u64,
    /// Bytes of the file that belong to them, from its start.
    pub len: u64,
}

/// Reads the data blocks at the front of `file`, whose index is gone, and sends their entries to
/// `sink`, in the order of the file. Ends at the first bytes that are no data block of a columnar
/// table with CRC-32C checksums, which is what Pebble writes since format version 19; older tables
/// need their index.
///
/// # Errors
/// Those of `sink`, and `Io` from the file.
///
/// # Complexity
/// O(file), a checksum a byte; memory is the longest block.
pub fn recover(file: &dyn ReadFile, path: &Path, sink: &mut EntrySink<'_>) -> Result<Recovered> {
    let mut recovered = Recovered::default();
    let mut window = Window::new(file, path);
    let mut key = KeyBuf::default();
    while let Some(stored) = window.next_block()? {
        let mut raw = Vec::new();
        let opened = wrapper::open(&stored, ChecksumKind::Crc32c, RECOVERED_LEN_MAX, &mut raw);
        let Ok(block) = opened.and_then(|()| DataBlock::decode(raw, TableFormat::V7)) else {
            break;
        };
        if !follows(&recovered.contents, &block, &mut key) {
            break;
        }
        for row in 0..block.rows() {
            block.load_key(row, &mut key);
            let (trailer, value) = (block.trailer(row), block.value(row));
            if block.is_external(row) {
                continue;
            }
            recovered
                .contents
                .count_point(key.bytes(), trailer, value.len());
            sink(key.bytes(), trailer, value)?;
        }
        let last = key.bytes().to_vec();
        let first = recovered.contents.keys.take().map(|(first, _)| first);
        recovered.contents.keys = Some((first.unwrap_or_else(|| last.clone()), last));
        recovered.blocks += 1;
        recovered.len += stored.len() as u64;
    }
    Ok(recovered)
}

/// Whether the keys of `block` come after those before: an index block decodes as rows too, but
/// begins again at the front.
fn follows(before: &Contents, block: &DataBlock, key: &mut KeyBuf) -> bool {
    if block.rows() == 0 {
        return false;
    }
    block.load_key(0, key);
    before
        .keys
        .as_ref()
        .is_none_or(|(_, last)| last.as_slice() <= key.bytes())
}

/// Finds the ends of blocks.
struct Window<'a> {
    file: &'a dyn ReadFile,
    path: &'a Path,
    /// Where the next block begins.
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(file: &'a dyn ReadFile, path: &'a Path) -> Self {
        Self {
            file,
            path,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// The next block with its trailer; `None` where no checksum matches any more.
    fn next_block(&mut self) -> Result<Option<Vec<u8>>> {
        let (mut crc, mut summed) = (0, 0);
        loop {
            while let Some(stored) = self.bytes.get(summed + 1..summed + TRAILER_LEN) {
                // Payload and type up to here; the checksum would follow.
                let body = self.bytes.get(summed..=summed).unwrap_or_default();
                crc = crc32c::crc32c_append(crc, body);
                summed += 1;
                if stored == mask(crc).to_le_bytes() && summed > 1 {
                    let rest = self.bytes.split_off(summed + TRAILER_LEN - 1);
                    self.start += (summed + TRAILER_LEN - 1) as u64;
                    return Ok(Some(std::mem::replace(&mut self.bytes, rest)));
                }
            }
            if self.bytes.len() > RECOVERED_LEN_MAX || !self.extend()? {
                return Ok(None);
            }
        }
    }

    /// Reads on; false at the end of the file.
    fn extend(&mut self) -> Result<bool> {
        let at = self.start + self.bytes.len() as u64;
        let left = usize::try_from(self.file.len().saturating_sub(at)).unwrap_or(usize::MAX);
        let step = left.min(64 << 10);
        let from = self.bytes.len();
        self.bytes.resize(from + step, 0);
        let target = self.bytes.get_mut(from..).unwrap_or_default();
        self.file
            .read_exact_at(at, target)
            .map_err(|e| Error::io("read a table", self.path, e))?;
        Ok(step > 0)
    }
}
