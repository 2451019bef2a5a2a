//! Files that are members of a tar archive, plain or in one zstd frame.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use super::super::counters::Counters;
use super::super::decode::{RangeDecoder, read_step, stream};
use super::super::fault;
use super::super::hash::RunningHash;
use super::super::index::{FrameSpan, check_names};
use super::super::limits::Limits;
use super::super::source::{RangeReader, Source};
use super::super::tar::{TarFile, TarInput, TarReader};
use super::cache::FrameKey;
use super::file::{Content, Entry};
use super::framed::Framed;
use super::indexed::tail;
use super::stream::Stream;
use super::walk::first_header;
use super::{Context, PayloadFs, PayloadOptions};
use crate::Result;

const STRUCTURE: &str = "tar archive";
/// Step in which headers of a plain archive are read.
const HEADER_STEP_LEN: u64 = 16 << 10;
/// Members up to this are kept whole while a compressed archive is indexed.
const SMALL_LEN: u64 = 64 << 10;
/// Bytes decoded at a time to pass over data.
const SKIP_LEN: u64 = 128 << 10;
/// A compressed archive that fits the cache is the one frame of this content.
const WHOLE_ID: u32 = 0;
/// The kept parts of one that does not fit are the frames of this one.
const STREAM_ID: u32 = 1;

impl PayloadFs {
    /// The files of a plain tar archive that fills `range` of the envelope.
    ///
    /// # Errors
    /// As [`TarReader::next_file`]; names that contradict each other.
    ///
    /// # Complexity
    /// One short read per file that is longer than 16 KiB.
    pub(in super::super) fn tar(
        source: Arc<Source>,
        limits: Limits,
        options: &PayloadOptions,
        range: Range<u64>,
    ) -> Result<Self> {
        let input = RangeReader::new(Arc::clone(&source), range.clone(), HEADER_STEP_LEN);
        let mut reader = TarReader::new(
            PlainInput {
                reader: input,
                source: &source,
            },
            range.start,
        );
        let mut files = Vec::new();
        while let Some(file) = reader.next_file()? {
            files.push(file);
        }
        check(&files, range.start, &limits)?;
        let context = Arc::new(Context::new(source, limits, options)?);
        let entries = files.into_iter().map(|file| {
            Entry::inside(
                file.name,
                file.len,
                Content::Stored(range.start + file.offset),
                0,
            )
        });
        let entries = entries.collect();
        Ok(Self::new(context, entries))
    }

    /// The files of a tar archive in one zstd frame that fills `range` of the envelope. The archive is
    /// decoded once here: kept if it fits the cache, else its small files and the ends of its big ones
    /// are.
    ///
    /// # Errors
    /// As [`TarReader::next_file`]; damage of the frame; names that contradict each other;
    /// `ResourceExhausted` for more decoded bytes or a larger window than the caps allow.
    ///
    /// # Complexity
    /// Decodes the whole payload.
    pub(in super::super) fn tar_zstd(
        source: Arc<Source>,
        limits: Limits,
        options: &PayloadOptions,
        range: Range<u64>,
    ) -> Result<Self> {
        if range.is_empty() {
            return Err(fault::truncated(
                "payload",
                range.start,
                "a zstd frame",
                "nothing",
            ));
        }
        let context = Arc::new(Context::new(source, limits, options)?);
        let window = first_header(&context.source, &range)?.map_or(0, |header| header.window);
        context.limits.check_window("zstd window", window)?;
        let indexed = index_pass(&context, range.clone(), window)?;
        check(&indexed.files, 0, &context.limits)?;
        let archive = indexed.content(&context, range, window);
        let entries = indexed
            .files
            .into_iter()
            .map(|file| Entry::inside(file.name, file.len, archive.clone(), file.offset));
        let entries = entries.collect();
        Ok(Self::new(context, entries))
    }
}

fn check(files: &[TarFile], base: u64, limits: &Limits) -> Result<()> {
    let total = files
        .iter()
        .fold(0_u64, |sum, file| sum.saturating_add(file.len));
    limits.check_decoded("payload", total)?;
    let names = files.iter().map(|file| file.name.as_str());
    let mut sorted: Vec<_> = names.clone().collect();
    sorted.sort_unstable();
    if let Some([twice, _]) = sorted
        .windows(2)
        .find(|pair| matches!(pair, [a, b] if a == b))
    {
        return Err(fault::corrupt(
            STRUCTURE,
            base,
            "unique names",
            format!("{twice} twice"),
        ));
    }
    check_names(STRUCTURE, base, names)
}

/// A plain archive: data is passed over without reading it.
#[derive(Debug)]
struct PlainInput<'a> {
    reader: RangeReader,
    source: &'a Source,
}

impl TarInput for PlainInput<'_> {
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = usize::try_from(self.reader.left()).map_or(buf.len(), |left| left.min(buf.len()));
        let buf = buf.get_mut(..n).unwrap_or_default();
        let read = self.reader.read_exact(buf);
        read.map_err(|e| fault::from_io("read", self.source.path(), e))?;
        Ok(n)
    }

    fn skip(&mut self, n: u64) -> Result<bool> {
        let enough = n <= self.reader.left();
        self.reader.skip(n);
        Ok(enough)
    }
}

/// What the pass over a compressed archive found.
#[derive(Debug)]
struct Indexed {
    files: Vec<TarFile>,
    /// Parts of the archive that were kept: numbers of frames in the cache are places here.
    segments: Vec<Range<u64>>,
    raw_len: u64,
    xxh64: u64,
}

impl Indexed {
    fn content(&self, context: &Context, range: Range<u64>, window: u64) -> Content {
        let hash = Some(self.xxh64);
        if self.raw_len <= context.whole_max() {
            let compressed_len = range.end - range.start;
            let span = FrameSpan {
                compressed_len,
                raw_len: self.raw_len,
            };
            return Content::Framed(Arc::new(Framed::new(WHOLE_ID, range.start, &[span], hash)));
        }
        let segments = self.segments.clone();
        let stream = Stream::new(STREAM_ID, range, self.raw_len, hash, window, segments);
        Content::Stream(Arc::new(stream))
    }
}

/// The one pass over a compressed archive.
fn index_pass(context: &Context, range: Range<u64>, window: u64) -> Result<Indexed> {
    let _share = context
        .budget
        .reserve(window, "decoder of a compressed archive")?;
    Counters::add(&context.source.counters().stream_starts, 1);
    let mut reader = TarReader::new(PackedInput::new(context, range), 0);
    let mut files = Vec::new();
    let mut segments = Vec::new();
    while let Some(file) = reader.next_file()? {
        let all = file.offset..file.offset + file.len;
        let keep = if file.len <= SMALL_LEN {
            all.clone()
        } else {
            tail(context, all.clone())
        };
        if !keep.is_empty() {
            reader.skip_data(keep.start - all.start)?;
            let mut bytes = vec![0; usize::try_from(keep.end - keep.start).unwrap_or_default()];
            reader.read_data(&mut bytes)?;
            let frame = u32::try_from(segments.len()).unwrap_or(u32::MAX);
            context.cache.put(
                FrameKey {
                    content: STREAM_ID,
                    frame,
                },
                bytes,
            );
            segments.push(keep);
        }
        files.push(file);
    }
    let input = reader.into_input();
    if let Some(whole) = input.whole {
        context.cache.put(
            FrameKey {
                content: WHOLE_ID,
                frame: 0,
            },
            whole,
        );
    }
    Ok(Indexed {
        files,
        segments,
        raw_len: input.produced,
        xxh64: input.hash.digest(),
    })
}

/// A compressed archive: everything passes through the decoder.
#[derive(Debug)]
struct PackedInput<'a> {
    decoder: RangeDecoder,
    base: u64,
    context: &'a Context,
    produced: u64,
    hash: RunningHash,
    /// All of the archive so far, as long as it fits the cache.
    whole: Option<Vec<u8>>,
}

impl<'a> PackedInput<'a> {
    fn new(context: &'a Context, range: Range<u64>) -> Self {
        Self {
            base: range.start,
            decoder: stream(&context.source, &context.limits, range),
            context,
            produced: 0,
            hash: RunningHash::new(),
            whole: Some(Vec::new()),
        }
    }

    fn account(&mut self, bytes: &[u8]) -> Result<()> {
        let n = bytes.len() as u64;
        self.produced += n;
        self.context
            .limits
            .check_decoded("payload", self.produced)?;
        Counters::add(&self.context.source.counters().decoded_bytes, n);
        self.hash.update(bytes);
        if self.produced > self.context.whole_max() {
            self.whole = None;
        }
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(bytes);
        }
        Ok(())
    }
}

impl TarInput for PackedInput<'_> {
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let n = read_step(&mut self.decoder, self.base, rest)?;
            if n == 0 {
                break;
            }
            self.account(rest.get(..n).unwrap_or_default())?;
            filled += n;
        }
        Ok(filled)
    }

    fn skip(&mut self, n: u64) -> Result<bool> {
        let mut scratch = vec![0; usize::try_from(n.min(SKIP_LEN)).unwrap_or_default()];
        let mut left = n;
        while left > 0 {
            let step = usize::try_from(left).map_or(scratch.len(), |left| left.min(scratch.len()));
            let read = self.fill(scratch.get_mut(..step).unwrap_or_default())?;
            left -= read as u64;
            if read < step {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
