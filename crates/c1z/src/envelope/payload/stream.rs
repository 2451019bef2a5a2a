//! Content in one frame that is too big to keep: running decoders that only go forward.
//!
//! A read behind a decoder's position continues it; a read inside the last bytes it produced is served
//! from them; anything before has to begin again from the start of the frame, and is counted. Idle
//! decoders wait in a pool shared by all contents of the payload, so that several scans of one file
//! keep one each. While a decoder passes over a *segment* (by default the end of the file, where a
//! table has its footer and index), the segment is put into the frame cache, whence later reads take
//! it without decoding.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::counters::Counters;
use super::super::decode::{RangeDecoder, read_step, stream, wrong_hash, wrong_len};
use super::super::fault;
use super::super::hash::RunningHash;
use super::super::source::{copy_front, lock};
use super::Context;
use super::cache::FrameKey;
use crate::Result;
use crate::budget::Reservation;

/// Bytes behind a decoder's position that stay readable.
const WINDOW_LEN: usize = 1 << 20;
/// Bytes produced at a time.
const STEP_LEN: usize = 128 << 10;

/// A content that is decoded as a stream.
#[derive(Debug)]
pub(super) struct Stream {
    id: u32,
    range: Range<u64>,
    raw_len: u64,
    xxh64: Option<u64>,
    /// What the frame needs as window, bytes.
    window: u64,
    /// Parts of the content that are kept, in order and apart.
    segments: Vec<Range<u64>>,
    started: AtomicBool,
}

impl Stream {
    /// Content number `id` of `raw_len` bytes whose frames fill `range` of the file.
    pub(super) fn new(
        id: u32,
        range: Range<u64>,
        raw_len: u64,
        xxh64: Option<u64>,
        window: u64,
        segments: Vec<Range<u64>>,
    ) -> Self {
        let started = AtomicBool::new(false);
        Self {
            id,
            range,
            raw_len,
            xxh64,
            window,
            segments,
            started,
        }
    }

    /// Fills `buf` with content from `offset`; both ends must lie inside.
    ///
    /// # Complexity
    /// O(1) in a kept segment; otherwise the bytes between the best decoder and the read.
    pub(super) fn read_at(&self, context: &Context, offset: u64, buf: &mut [u8]) -> Result<()> {
        if self.read_segment(context, offset, buf) {
            return Ok(());
        }
        let mut running = match context.streams.take(self.id, offset) {
            Some(running) => running,
            None => self.start(context)?,
        };
        running.read_at(self, context, offset, buf)?;
        // At the end there is nothing to go on with; the end itself is in a segment.
        if running.position() < self.raw_len {
            context.streams.put(self.id, running);
        }
        Ok(())
    }

    fn read_segment(&self, context: &Context, offset: u64, buf: &mut [u8]) -> bool {
        let index = self.segments.partition_point(|s| s.end <= offset);
        let Some(segment) = self.segments.get(index).filter(|s| s.start <= offset) else {
            return false;
        };
        let Some(bytes) = context.cache.get(self.segment_key(index)) else {
            return false;
        };
        let from = usize::try_from(offset - segment.start).unwrap_or(usize::MAX);
        let found = bytes.get(from..).and_then(|bytes| bytes.get(..buf.len()));
        found.map(|found| buf.copy_from_slice(found)).is_some()
    }

    fn segment_key(&self, index: usize) -> FrameKey {
        FrameKey {
            content: self.id,
            frame: u32::try_from(index).unwrap_or(u32::MAX),
        }
    }

    fn start(&self, context: &Context) -> Result<Running> {
        let need = self.window.saturating_add(2 * WINDOW_LEN as u64);
        let purpose = "decoder of an oversized payload file";
        let share = context.budget.reserve(need, purpose).or_else(|_| {
            // Decoders that nobody uses make room.
            context.streams.clear();
            context.budget.reserve(need, purpose)
        })?;
        let counters = context.source.counters();
        Counters::add(&counters.stream_starts, 1);
        if self.started.swap(true, Ordering::Relaxed) {
            Counters::add(&counters.stream_restarts, 1);
        }
        Ok(Running {
            decoder: stream(&context.source, &context.limits, self.range.clone()),
            recent: Vec::new(),
            recent_start: 0,
            hash: RunningHash::new(),
            capture: None,
            _share: share,
        })
    }
}

/// A decoder on its way.
#[derive(Debug)]
struct Running {
    decoder: RangeDecoder,
    /// The last bytes produced, from `recent_start` of the content.
    recent: Vec<u8>,
    recent_start: u64,
    hash: RunningHash,
    /// Number of the segment that is being passed, and what was seen of it.
    capture: Option<(usize, Vec<u8>)>,
    _share: Reservation,
}

impl Running {
    fn position(&self) -> u64 {
        self.recent_start + self.recent.len() as u64
    }

    fn read_at(
        &mut self,
        stream: &Stream,
        context: &Context,
        mut offset: u64,
        buf: &mut [u8],
    ) -> Result<()> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            if offset < self.recent_start || offset >= stream.raw_len {
                let expected =
                    format!("an offset inside {}..{}", self.recent_start, stream.raw_len);
                return Err(fault::corrupt("payload read", offset, expected, offset));
            }
            if offset >= self.position() {
                self.step(stream, context)?;
                continue;
            }
            let from = usize::try_from(offset - self.recent_start).unwrap_or(usize::MAX);
            let n = copy_front(rest, self.recent.get(from..).unwrap_or_default());
            filled += n;
            offset += n as u64;
        }
        Ok(())
    }

    /// Produces the next bytes; at the end of the content verifies that it is the end.
    fn step(&mut self, stream: &Stream, context: &Context) -> Result<()> {
        if self.recent.len() > 2 * WINDOW_LEN - STEP_LEN {
            let drop = self.recent.len() - WINDOW_LEN;
            self.recent.drain(..drop);
            self.recent_start += drop as u64;
        }
        let start = self.position();
        let from = self.recent.len();
        self.recent.resize(from + STEP_LEN, 0);
        let base = stream.range.start;
        let target = self.recent.get_mut(from..).unwrap_or_default();
        let n = read_step(&mut self.decoder, base, target)?;
        self.recent.truncate(from + n);
        Counters::add(&context.source.counters().decoded_bytes, n as u64);
        if n == 0 {
            return Err(wrong_len(base, stream.raw_len, start));
        }
        let produced = self.recent.get(from..).unwrap_or_default();
        self.hash.update(produced);
        capture(&mut self.capture, stream, context, start, produced);
        if self.position() >= stream.raw_len {
            self.finish(stream)?;
        }
        Ok(())
    }

    fn finish(&mut self, stream: &Stream) -> Result<()> {
        let base = stream.range.start;
        let position = self.position();
        if position > stream.raw_len || read_step(&mut self.decoder, base, &mut [0])? > 0 {
            return Err(wrong_len(base, stream.raw_len, "more"));
        }
        let found = self.hash.digest();
        match stream.xxh64 {
            Some(expected) if expected != found => Err(wrong_hash(base, expected, found)),
            _ => Ok(()),
        }
    }
}

/// Adds `produced`, which starts at `start` of the content, to the segments it overlaps, and keeps
/// those that are whole.
fn capture(
    capture: &mut Option<(usize, Vec<u8>)>,
    stream: &Stream,
    context: &Context,
    start: u64,
    produced: &[u8],
) {
    let end = start + produced.len() as u64;
    let first = stream.segments.partition_point(|s| s.end <= start);
    for (index, segment) in stream.segments.iter().enumerate().skip(first) {
        if segment.start >= end {
            return;
        }
        let from = usize::try_from(segment.start.saturating_sub(start)).unwrap_or(usize::MAX);
        let to = usize::try_from(segment.end.min(end) - start).unwrap_or(usize::MAX);
        let part = produced.get(from..to).unwrap_or_default();
        if segment.start >= start {
            let kept = context.cache.get(stream.segment_key(index)).is_some();
            *capture = (!kept).then(|| (index, Vec::new()));
        }
        let Some((_, bytes)) = capture.as_mut().filter(|(i, _)| *i == index) else {
            continue;
        };
        bytes.extend_from_slice(part);
        if segment.end <= end {
            context
                .cache
                .put(stream.segment_key(index), std::mem::take(bytes));
            *capture = None;
        }
    }
}

/// Idle decoders of all contents of a payload.
#[derive(Debug)]
pub(super) struct StreamPool {
    max: usize,
    /// Last used at the end.
    idle: Mutex<Vec<(u32, Running)>>,
}

impl StreamPool {
    /// A pool of at most `max` decoders.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            idle: Mutex::default(),
        }
    }

    /// Takes the decoder of `content` that reaches `offset` with the least work.
    fn take(&self, content: u32, offset: u64) -> Option<Running> {
        let mut idle = lock(&self.idle);
        let (index, _) = idle
            .iter()
            .enumerate()
            .filter(|(_, (id, running))| *id == content && running.recent_start <= offset)
            .min_by_key(|(_, (_, running))| Reverse(running.position().min(offset)))?;
        Some(idle.remove(index).1)
    }

    /// Drops all idle decoders.
    fn clear(&self) {
        lock(&self.idle).clear();
    }

    /// Gives a decoder back; the one used longest ago makes room.
    fn put(&self, content: u32, running: Running) {
        let mut idle = lock(&self.idle);
        idle.push((content, running));
        if idle.len() > self.max {
            idle.remove(0);
        }
    }
}
