//! The reader of a log whose writer finished: a MANIFEST.
//!
//! Go's reader takes anything odd for the end of the log, so that one flipped bit silently drops
//! all later edits. This one accepts two ends: the file ends where a record ends, or inside a chunk
//! (a write that a crash cut off). All else is corruption with an offset.

use std::sync::Arc;

use super::block::Blocks;
use super::chunk::{Chunk, Defect, Format, HEADER_LEN_MIN, Head, has_damaged_length};
use crate::vfs::ReadFile;
use crate::{Error, Result};

const STRUCTURE: &str = "log record chunk";

/// Reads legacy records in order.
#[derive(Debug)]
pub(crate) struct Reader {
    blocks: Blocks,
    record: Vec<u8>,
    torn_at: Option<u64>,
}

/// What the next step of the walk found.
enum Step {
    /// A chunk was appended to the record; whether it ends the record.
    Chunk { ends: bool },
    /// The log ends here.
    End,
}

impl Reader {
    pub(crate) fn new(file: Arc<dyn ReadFile>) -> Self {
        Self {
            blocks: Blocks::new(file),
            record: Vec::new(),
            torn_at: None,
        }
    }

    /// The next record and the offset of its first chunk; `None` at the end.
    pub(crate) fn next_record(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.record.clear();
        let mut start = None;
        loop {
            match self.step(&mut start)? {
                Step::Chunk { ends: false } => {}
                Step::Chunk { ends: true } => {
                    return Ok(Some((start.unwrap_or_default(), &self.record)));
                }
                Step::End => {
                    if start.is_some() {
                        self.torn_at = start;
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// Where a cut-off record begins, once the end was reached; `None` after a clean end.
    pub(crate) fn torn_at(&self) -> Option<u64> {
        self.torn_at
    }

    /// Takes one chunk; `start` is set by the first of a record.
    fn step(&mut self, start: &mut Option<u64>) -> Result<Step> {
        while self.blocks.rest().len() < HEADER_LEN_MIN {
            if !self.blocks.rest().is_empty() && self.blocks.is_partial() {
                self.torn_at = Some(self.blocks.offset());
                return Ok(Step::End);
            }
            if self.blocks.rest().iter().any(|&byte| byte != 0) {
                return Err(self.corrupt("zeroes up to the block end", "other bytes"));
            }
            if !self.blocks.load_next()? {
                return Ok(Step::End);
            }
        }
        let chunk = match Chunk::parse(self.blocks.rest()) {
            Ok(chunk) => chunk,
            Err(Defect::Cut) if self.is_torn() => {
                self.torn_at = Some(self.blocks.offset());
                return Ok(Step::End);
            }
            Err(defect) => return Err(self.corrupt("a chunk or the end", defect)),
        };
        if chunk.format != Format::Legacy {
            return Err(self.corrupt("a chunk of type 1 to 4", "one of a write-ahead log"));
        }
        if chunk.place.begins() == start.is_some() {
            let expected = match start {
                Some(_) => "a middle or last chunk",
                None => "a full or first chunk",
            };
            return Err(self.corrupt(expected, format_args!("a {:?} one", chunk.place)));
        }
        start.get_or_insert(self.blocks.offset());
        self.record.extend_from_slice(chunk.payload);
        let (len, ends) = (chunk.len, chunk.place.ends());
        self.blocks.take(len);
        Ok(Step::Chunk { ends })
    }

    /// Whether the chunk here is cut off by the end of the file and by nothing else.
    fn is_torn(&self) -> bool {
        let rest = self.blocks.rest();
        let fits = |head: Head| {
            head.format() == Some(Format::Legacy)
                && HEADER_LEN_MIN + usize::from(head.len) <= self.blocks.room()
        };
        self.blocks.is_partial() && Head::parse(rest).is_ok_and(fits) && !has_damaged_length(rest)
    }

    fn corrupt(&self, expected: &str, found: impl std::fmt::Display) -> Error {
        Error::corrupt(STRUCTURE, self.blocks.offset(), expected, found)
    }
}
