//! Decoding of a v1 file.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use shingle::compress::zstd::{Frame, HEADER_LEN_MAX};

use super::super::counters::{Counters, ReadCounters};
use super::super::decode::{read_step, stream, zstd_error};
use super::super::fault;
use super::super::identify::MAGIC_LEN;
use super::super::limits::Limits;
use super::super::open::OpenOptions;
use super::super::source::Source;
use super::database::V1Database;
use crate::Result;
use crate::budget::MemoryBudget;

/// Bytes decoded at a time.
const STEP_LEN: usize = 128 << 10;

/// A v1 file, open for reading.
#[derive(Debug)]
pub struct V1File {
    source: Arc<Source>,
    limits: Limits,
}

/// What was decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1Decoded {
    /// Length of the database in bytes.
    pub bytes: u64,
    /// Frames it came in; 0 for a file that is nothing but its magic.
    pub frames: u64,
}

impl V1File {
    pub(in super::super) fn new(source: Arc<Source>, options: &OpenOptions) -> Result<Self> {
        let limits = Limits::for_v1(&options.limits, &options.variables)?;
        Ok(Self { source, limits })
    }

    /// Length of the file in bytes.
    pub fn file_len(&self) -> u64 {
        self.source.len()
    }

    /// What reading cost so far.
    pub fn counters(&self) -> ReadCounters {
        self.source.counters().snapshot()
    }

    /// The length of the database that the first frame declares. Files written before April 2026
    /// declare none. A hint: other frames may follow.
    ///
    /// # Errors
    /// `DataLoss` for a stream that does not begin with a frame.
    pub fn declared_len(&self) -> Result<Option<u64>> {
        let body = self.body();
        if body.is_empty() {
            return Ok(Some(0));
        }
        let head = self
            .source
            .fetch(body.start..body.end.min(body.start + HEADER_LEN_MAX as u64))?;
        let frame = Frame::parse(&head).map_err(|e| zstd_error(e, body.start));
        match frame.map_err(|e| self.source.locate(e))? {
            Frame::Data(header) => Ok(header.content_len),
            Frame::Skippable { .. } => Ok(None),
        }
    }

    /// Decodes the database into `sink`, front to back.
    ///
    /// # Errors
    /// `DataLoss` for damage and for anything behind the last frame; `ResourceExhausted` for a
    /// declared or real length or a window over the caps; what `sink` reports, as `Io`. What was
    /// written before an error is no database.
    ///
    /// # Complexity
    /// Linear; memory is one window.
    pub fn decode_into(&self, sink: &mut dyn Write) -> Result<V1Decoded> {
        self.decode(|bytes| {
            let written = sink.write_all(bytes);
            written.map_err(|e| fault::from_io("write decoded bytes", self.source.path(), e))
        })
    }

    /// Decodes the database into memory taken from `budget`.
    ///
    /// # Errors
    /// As [`V1File::decode_into`], and `ResourceExhausted` when the budget is too small; nothing is
    /// decoded when the declared length already says so.
    pub fn decode_to_memory(&self, budget: &MemoryBudget) -> Result<V1Database> {
        self.decode_within(budget)?
    }

    /// As [`V1File::decode_to_memory`]; the inner error says that the budget is too small, which is no
    /// fault of the file.
    pub(crate) fn decode_within(&self, budget: &MemoryBudget) -> Result<Result<V1Database>> {
        let mut database = V1Database::new(budget.clone());
        if let Some(len) = self.declared_len()? {
            self.check_declared(len)?;
            if let Err(error) = budget.reserve(len, "decoded v1 database") {
                return Ok(Err(self.source.locate(error)));
            }
        }
        let mut is_full = false;
        let decoded = self.decode(|bytes| {
            let appended = database.append(bytes);
            is_full = appended.is_err();
            appended
        });
        match decoded {
            Ok(_) => Ok(Ok(database)),
            Err(error) if is_full => Ok(Err(self.source.locate(error))),
            Err(error) => Err(error),
        }
    }

    fn body(&self) -> Range<u64> {
        MAGIC_LEN as u64..self.source.len()
    }

    fn check_declared(&self, len: u64) -> Result<()> {
        if self.limits.fail_fast {
            let checked = self
                .limits
                .check_decoded("declared length of the database", len);
            checked.map_err(|e| self.source.locate(e))?;
        }
        Ok(())
    }

    fn decode(&self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<V1Decoded> {
        let body = self.body();
        let base = body.start;
        if body.is_empty() {
            return Ok(V1Decoded::default());
        }
        if let Some(len) = self.declared_len()? {
            self.check_declared(len)?;
        }
        let mut decoder = stream(&self.source, &self.limits, body);
        let mut buf = vec![0; STEP_LEN];
        let mut bytes = 0;
        loop {
            let n = read_step(&mut decoder, base, &mut buf).map_err(|e| self.source.locate(e))?;
            if n == 0 {
                let frames = decoder.frames();
                Counters::add(&self.source.counters().frames_decoded, frames);
                return Ok(V1Decoded { bytes, frames });
            }
            bytes += n as u64;
            Counters::add(&self.source.counters().decoded_bytes, n as u64);
            let checked = self.limits.check_decoded("database", bytes);
            checked.map_err(|e| self.source.locate(e))?;
            sink(buf.get(..n).unwrap_or_default())?;
        }
    }
}
