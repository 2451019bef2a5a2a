//! Files that have frames of their own (`INDEXED_ZSTD`).

use std::ops::Range;
use std::sync::Arc;

use super::super::fault;
use super::super::index::{FrameIndex, FrameSpan, IndexEntry, check_names};
use super::super::limits::Limits;
use super::super::source::Source;
use super::file::{Content, Entry};
use super::framed::Framed;
use super::stream::Stream;
use super::walk::{first_header, walk};
use super::{Context, PayloadFs, PayloadOptions};
use crate::Result;

/// Compressed files up to this are fetched together with neighbours of that kind.
const SMALL_LEN: u64 = 64 << 10;
/// Longest such fetch.
const CLUSTER_LEN: u64 = 256 << 10;
/// Least of a file's end that is kept while a stream passes it, and the part of longer files.
const TAIL_LEN: u64 = 1 << 20;
const TAIL_PART: u64 = 64;

impl PayloadFs {
    /// The files of `index`, which stands at `index_offset` of the envelope. Nothing is read.
    ///
    /// # Errors
    /// `DataLoss` for names that contradict each other; `ResourceExhausted` when the cache does not
    /// fit the budget.
    pub(in super::super) fn indexed(
        source: Arc<Source>,
        limits: Limits,
        options: &PayloadOptions,
        index: FrameIndex,
        index_offset: u64,
    ) -> Result<Self> {
        let names = index.entries.iter().map(|entry| entry.name.as_str());
        check_names("frame index", index_offset, names)?;
        let clusters = clusters(&index.entries);
        let context = Arc::new(Context::new(source, limits, options)?);
        let entries = index.entries.into_iter().zip(0..).map(|(entry, id)| {
            let cluster = cluster_of(&clusters, &entry.frames());
            Entry::indexed(id, entry, cluster)
        });
        let entries = entries.collect();
        Ok(Self::new(context, entries))
    }
}

/// Runs of small neighbours, in the order of the file.
fn clusters(entries: &[IndexEntry]) -> Vec<Range<u64>> {
    let small = |range: &Range<u64>| range.end - range.start <= SMALL_LEN;
    let mut ranges: Vec<_> = entries
        .iter()
        .map(IndexEntry::frames)
        .filter(small)
        .collect();
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut clusters: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match clusters.last_mut() {
            Some(last) if last.end == range.start && range.end - last.start <= CLUSTER_LEN => {
                last.end = range.end;
            }
            _ => clusters.push(range),
        }
    }
    clusters
}

fn cluster_of(clusters: &[Range<u64>], range: &Range<u64>) -> Option<Range<u64>> {
    let index = clusters
        .partition_point(|cluster| cluster.start <= range.start)
        .checked_sub(1)?;
    clusters
        .get(index)
        .filter(|cluster| range.end <= cluster.end)
        .cloned()
}

/// Decides how the bytes of `entry`, content number `id`, are served.
///
/// # Complexity
/// Reads nothing for a file with a seek table or one that fits the cache; else the header of its
/// first frame; and all headers of all frames when the first does not hold the whole file.
pub(super) fn content(
    context: &Context,
    id: u32,
    entry: &IndexEntry,
    cluster: Option<&Range<u64>>,
) -> Result<Content> {
    context
        .limits
        .check_decoded("payload file", entry.raw_len)?;
    let whole = FrameSpan {
        compressed_len: entry.compressed_len,
        raw_len: entry.raw_len,
    };
    let serve = |spans: &[FrameSpan]| {
        let framed = Framed::new(id, entry.frame_offset, spans, Some(entry.raw_xxh64));
        Content::Framed(Arc::new(framed.in_cluster(cluster.cloned())))
    };
    if let Some(table) = usable(
        context,
        entry.seek_table.as_ref().map(|t| t.frames.as_slice()),
    ) {
        return Ok(serve(table));
    }
    if entry.raw_len <= context.whole_max() {
        return Ok(serve(&[whole]));
    }
    let header = first_header(&context.source, &entry.frames())?;
    if header.is_none_or(|header| header.content_len != Some(entry.raw_len)) {
        let walked = walk(&context.source, entry.frames())?;
        if let Some(frames) = usable(context, walked.as_deref()) {
            check_sum(entry, frames)?;
            return Ok(serve(frames));
        }
    }
    let window = header.map_or(0, |header| header.window);
    context.limits.check_window("zstd window", window)?;
    Ok(Content::Stream(Arc::new(Stream::new(
        id,
        entry.frames(),
        entry.raw_len,
        Some(entry.raw_xxh64),
        window,
        vec![tail(context, 0..entry.raw_len)],
    ))))
}

/// The part of a file at `file` of a content that a passing stream keeps.
pub(super) fn tail(context: &Context, file: Range<u64>) -> Range<u64> {
    let len = file.end - file.start;
    let keep = TAIL_LEN
        .max(len / TAIL_PART)
        .min(context.whole_max())
        .min(len);
    file.end - keep..file.end
}

/// `frames`, if there are any and each fits the cache.
fn usable<'a>(context: &Context, frames: Option<&'a [FrameSpan]>) -> Option<&'a [FrameSpan]> {
    let fits = |span: &FrameSpan| span.raw_len <= context.whole_max();
    frames.filter(|frames| !frames.is_empty() && frames.iter().all(fits))
}

fn check_sum(entry: &IndexEntry, frames: &[FrameSpan]) -> Result<()> {
    let sum = frames
        .iter()
        .fold(0_u64, |sum, span| sum.saturating_add(span.raw_len));
    if sum != entry.raw_len {
        let expected = format!("frames of {} decoded bytes", entry.raw_len);
        return Err(fault::corrupt(
            "payload frame",
            entry.frame_offset,
            expected,
            sum,
        ));
    }
    Ok(())
}
