//! Content whose frames are small enough to be decoded and kept whole.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::super::decode::{decode, wrong_hash};
use super::super::fault;
use super::super::hash::RunningHash;
use super::super::index::FrameSpan;
use super::super::source::{copy_front, lock};
use super::Context;
use super::cache::{Bytes, FrameKey};
use crate::Result;

/// Where one unit of decoding starts, in the file and in the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Start {
    file: u64,
    raw: u64,
}

/// A content that is a sequence of units, each decodable without the others.
#[derive(Debug)]
pub(super) struct Framed {
    id: u32,
    /// Starts of the units, then the end of the last.
    starts: Vec<Start>,
    /// What is read at once when a unit has to be read and is small.
    cluster: Option<Range<u64>>,
    hash: Option<Mutex<PassHash>>,
}

/// The hash of the content, as far as its units were seen in order.
#[derive(Debug)]
struct PassHash {
    expected: u64,
    next: usize,
    hash: RunningHash,
}

impl Framed {
    /// Content number `id` in units `spans` that start at `offset` of the file; `xxh64` is the hash of
    /// all of it, if known.
    pub(super) fn new(id: u32, offset: u64, spans: &[FrameSpan], xxh64: Option<u64>) -> Self {
        let mut next = Start {
            file: offset,
            raw: 0,
        };
        let mut starts = vec![next];
        for span in spans {
            next.file += span.compressed_len;
            next.raw += span.raw_len;
            starts.push(next);
        }
        let pass = |expected| {
            Mutex::new(PassHash {
                expected,
                next: 0,
                hash: RunningHash::new(),
            })
        };
        Self {
            id,
            starts,
            cluster: None,
            hash: xxh64.map(pass),
        }
    }

    /// Names the neighbourhood that is fetched together with this content.
    pub(super) fn in_cluster(mut self, cluster: Option<Range<u64>>) -> Self {
        self.cluster = cluster;
        self
    }

    /// Fills `buf` with content from `offset`, which must lie inside.
    ///
    /// # Complexity
    /// O(log units) plus the units that are not kept, each decoded once.
    pub(super) fn read_at(&self, context: &Context, mut offset: u64, buf: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let unit = self
                .starts
                .partition_point(|start| start.raw <= offset)
                .saturating_sub(1);
            let bytes = self.unit(context, unit)?;
            let start = self.starts.get(unit).map_or(0, |start| start.raw);
            let from = usize::try_from(offset - start).unwrap_or(usize::MAX);
            let n = copy_front(rest, bytes.get(from..).unwrap_or_default());
            if n == 0 {
                return Err(fault::corrupt(
                    "payload read",
                    offset,
                    "bytes of the file",
                    "its end",
                ));
            }
            filled += n;
            offset += n as u64;
        }
        Ok(())
    }

    /// Decodes all units once, which verifies them; nothing is copied.
    pub(super) fn check_all(&self, context: &Context) -> Result<()> {
        (0..self.starts.len() - 1).try_for_each(|unit| self.unit(context, unit).map(drop))
    }

    fn unit(&self, context: &Context, unit: usize) -> Result<Bytes> {
        let key = FrameKey {
            content: self.id,
            frame: u32::try_from(unit).unwrap_or(u32::MAX),
        };
        let bytes = context
            .cache
            .get_or_decode(key, || self.decode(context, unit))?;
        if let Some(hash) = &self.hash {
            self.pass(&mut lock(hash), unit, &bytes)?;
        }
        Ok(bytes)
    }

    fn decode(&self, context: &Context, unit: usize) -> Result<Vec<u8>> {
        let (Some(start), Some(end)) = (self.starts.get(unit), self.starts.get(unit + 1)) else {
            return Err(fault::corrupt(
                "payload read",
                0,
                "a frame of the file",
                unit,
            ));
        };
        let raw_len = end.raw - start.raw;
        let len = usize::try_from(raw_len)
            .map_err(|_| fault::over_bound("payload frame", raw_len, usize::MAX as u64))?;
        let range = start.file..end.file;
        let cluster = self.cluster.clone().unwrap_or_else(|| range.clone());
        decode(&context.source, &context.limits, range, cluster, len)
    }

    /// Carries the hash on when `unit` is the next one, and compares it after the last.
    fn pass(&self, pass: &mut PassHash, unit: usize, bytes: &Arc<Vec<u8>>) -> Result<()> {
        if pass.next != unit {
            return Ok(());
        }
        pass.hash.update(bytes);
        pass.next += 1;
        let found = pass.hash.digest();
        if pass.next == self.starts.len() - 1 && found != pass.expected {
            pass.next = 0;
            pass.hash = RunningHash::new();
            let offset = self.starts.first().map_or(0, |start| start.file);
            return Err(wrong_hash(offset, pass.expected, found));
        }
        Ok(())
    }
}
