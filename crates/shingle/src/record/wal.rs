//! The reader of a write-ahead log, whose writer may have crashed and whose file may have been
//! another log before (`pebble-ondisk` §5.1).

use std::sync::Arc;

use super::block::Blocks;
use super::chunk::{Chunk, Defect, Format, HEADER_LEN_MIN, Head, claimed_log};
use crate::vfs::ReadFile;
use crate::{Error, Result};

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At the end of the file after a whole record, or at a closing trailer.
    Clean,
    /// At `offset` no chunk of this log follows: a crash, or the stale tail of a recycled file.
    /// Nothing behind it proves that the bytes there were ever durable.
    Torn {
        /// Where the first thing that is not a chunk of this log stands.
        offset: u64,
    },
}

/// Reads the records of one log in order, in any of the three formats.
#[derive(Debug)]
pub(crate) struct Reader {
    blocks: Blocks,
    log_number: u32,
    record: Vec<u8>,
    end: Option<End>,
}

/// What the next step of the walk found.
enum Step {
    /// A chunk was appended to the record; whether it ends the record.
    Chunk { ends: bool },
    /// Something was passed over.
    Skipped,
    /// The log ends here.
    End(End),
}

impl Reader {
    /// Reads log `number` from its file.
    pub(crate) fn new(file: Arc<dyn ReadFile>, number: u64) -> Self {
        Self {
            blocks: Blocks::new(file),
            log_number: low_half(number),
            record: Vec::new(),
            end: None,
        }
    }

    /// The next record and the offset of its first chunk; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` if what looks like the end of the log lies before bytes that were durable.
    pub(crate) fn next_record(&mut self) -> Result<Option<(u64, &[u8])>> {
        if self.end.is_some() {
            return Ok(None);
        }
        self.record.clear();
        let mut start = None;
        loop {
            match self.step(&mut start)? {
                Step::Skipped | Step::Chunk { ends: false } => {}
                Step::Chunk { ends: true } => {
                    return Ok(Some((start.unwrap_or_default(), &self.record)));
                }
                Step::End(end) => {
                    self.end = Some(end);
                    return Ok(None);
                }
            }
        }
    }

    /// How the log ends, once the end was reached.
    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    fn step(&mut self, start: &mut Option<u64>) -> Result<Step> {
        let in_record = start.is_some();
        let rest = self.blocks.rest();
        if rest.len() < HEADER_LEN_MIN {
            return self.next_block(in_record);
        }
        if let Some((head, format, number)) = claimed_log(rest)
            && format != Format::Legacy
            && number != self.log_number
        {
            let closes = head.crc == 0 && head.len == 0 && format == Format::Recyclable;
            if closes && !in_record && number == self.log_number.wrapping_add(1) {
                return Ok(Step::End(End::Clean));
            }
            return self.torn("a chunk of this log", format_args!("one of log {number}"));
        }
        match Chunk::parse(rest) {
            Err(Defect::Zero) if is_filler(rest) => {
                self.blocks.take_all();
                Ok(Step::Skipped)
            }
            Err(defect) => self.torn("a chunk or the end", defect),
            Ok(chunk) if in_record && chunk.place.begins() => {
                self.torn("a middle or last chunk", "the start of a record")
            }
            Ok(chunk) if !in_record && !chunk.place.begins() => {
                let len = chunk.len;
                self.blocks.take(len);
                Ok(Step::Skipped)
            }
            Ok(chunk) => {
                start.get_or_insert(self.blocks.offset());
                self.record.extend_from_slice(chunk.payload);
                let (len, ends) = (chunk.len, chunk.place.ends());
                self.blocks.take(len);
                Ok(Step::Chunk { ends })
            }
        }
    }

    fn next_block(&mut self, in_record: bool) -> Result<Step> {
        let leftover = !self.blocks.rest().is_empty() && self.blocks.is_partial();
        if !leftover && self.blocks.load_next()? {
            return Ok(Step::Skipped);
        }
        if leftover || in_record {
            let offset = self.blocks.offset();
            return Ok(Step::End(End::Torn { offset }));
        }
        Ok(Step::End(End::Clean))
    }

    /// The end of the log, unless a later chunk of it was written when the bytes here were durable.
    fn torn(&mut self, expected: &str, found: impl std::fmt::Display) -> Result<Step> {
        let offset = self.blocks.offset();
        // Rendered first: the search moves on from the bytes that `found` may describe.
        let found = found.to_string();
        match self.find_proof(offset)? {
            None => Ok(Step::End(End::Torn { offset })),
            Some(proof) => Err(Error::corrupt(
                "write-ahead log chunk",
                offset,
                expected,
                format_args!(
                    "{found}, and at offset {proof} a chunk written after these were synced"
                ),
            )),
        }
    }

    /// Offset of a later chunk of this log that was written when the byte at `offset` was durable.
    /// Looks at every offset, since the chunk here may lie about its length. O(rest of the file).
    fn find_proof(&mut self, offset: u64) -> Result<Option<u64>> {
        loop {
            self.blocks.take(1);
            while self.blocks.rest().len() >= Format::WalSync.header_len() {
                if let Some((_, Format::WalSync, number)) = claimed_log(self.blocks.rest())
                    && number == self.log_number
                    && Chunk::parse(self.blocks.rest()).is_ok_and(|c| c.synced_offset > offset)
                {
                    return Ok(Some(self.blocks.offset()));
                }
                self.blocks.take(1);
            }
            if !self.blocks.load_next()? {
                return Ok(None);
            }
        }
    }
}

/// The part of a log's number that its chunks carry.
pub(super) fn low_half(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Whether the zeroes here may be the unused end of a block: too short for the header of some
/// writer, and nothing but zeroes.
fn is_filler(rest: &[u8]) -> bool {
    debug_assert!(matches!(Head::parse(rest), Err(Defect::Zero)));
    rest.len() < Format::Recyclable.header_len()
        || (rest.len() < Format::WalSync.header_len() && rest.iter().all(|&byte| byte == 0))
}
