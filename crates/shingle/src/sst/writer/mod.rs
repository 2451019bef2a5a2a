//! Writing a v7 table (`pebble-ondisk` §3, §6).
//!
//! Entries come in order and flow through: rows gather in one data block, a full block is encoded,
//! compressed and written, and its separator and handle stay in memory until the end. The bytes
//! depend on entries and options alone, not on the number of threads, and equal what Go's Pebble
//! writes from the same entries and options, but for values that Go puts into value blocks, and for
//! values of 1 MiB and more: each is the only one of its block, which is not compressed, so that it
//! passes through in pieces.
//!
//! The writer checks what it is given (order, kinds, lengths) and counts it; a table that was not
//! finished without an error must not be named in a manifest.

mod index;
mod options;
mod output;
mod pool;
mod separator;
mod summary;

use std::io::Read;
use std::path::PathBuf;

use super::data_block::{DataBlockBuilder, NewRow};
use super::filter::{self, FilterBuilder};
use super::footer::Footer;
use super::handle::BlockHandle;
use super::keyspan_block::KeyspanBlockBuilder;
use super::kv_block;
use super::properties::{COMPARER, COMPRESSION_OPTIONS, KEY_SCHEMA, MERGER, Properties};
use super::table::Contents;
use super::wrapper::ChecksumKind;
use crate::key::{InternalKey, Kind, RangeTombstone, SeqNo, Trailer};
use crate::vfs::WriteFile;
use crate::{Error, ErrorKind, Result};

pub use options::WriterOptions;
pub use pool::CompressionPool;
pub use summary::TableSummary;

use index::IndexWriter;
use options::FlushRule;
use output::Output;
use separator::{common_prefix_len, put_separator, put_successor};

/// Bytes of a value from which on it is written alone, as it is, without a copy of it.
const APART_LEN: usize = 1 << 20;

/// The most bytes of a key and its value together.
const ENTRY_LEN_MAX: usize = 1 << 30;

/// Tombstones in one block from which on it counts as dense.
const DENSE_TOMBSTONES: u64 = 100;

/// Block property of a block that holds obsolete rows only: id 0, length 1, `t`.
const ALL_OBSOLETE: &[u8] = &[0, 1, b't'];

/// Writes one table.
///
/// Points come through [`TableWriter::add`], range tombstones through
/// [`TableWriter::add_range_tombstone`], each in order, interleaved as the caller likes. After an
/// error every further call fails.
#[derive(Debug)]
pub struct TableWriter {
    options: WriterOptions,
    rule: FlushRule,
    output: Output,
    index: IndexWriter,
    block: DataBlockBuilder,
    /// Length of the pending block if it were closed now.
    block_len: usize,
    /// Where the pending block was written already; it has one row.
    written: Option<BlockHandle>,
    /// Point tombstones in the pending block: number, and bytes of their keys.
    block_tombstones: (u64, u64),
    filter: Option<FilterBuilder>,
    range_tombstones: KeyspanBlockBuilder,
    properties: Properties,
    contents: Contents,
    /// Whether a data block held a row that is not obsolete.
    has_current: bool,
    first_point: Option<InternalKey>,
    range_bounds: Option<(InternalKey, InternalKey)>,
    failed: bool,
}

impl TableWriter {
    /// A writer into `file`, which must be empty; `path` stands in errors.
    ///
    /// # Errors
    /// `Invalid` for options out of range.
    pub fn new(
        file: Box<dyn WriteFile>,
        path: impl Into<PathBuf>,
        options: WriterOptions,
    ) -> Result<Self> {
        options.check()?;
        let index_rule = FlushRule::new(options.index_block_len, options.block_fill_min);
        Ok(Self {
            rule: FlushRule::new(options.block_len, options.block_fill_min),
            output: Output::new(file, path.into(), &options),
            index: IndexWriter::new(index_rule),
            block: DataBlockBuilder::default(),
            block_len: 0,
            written: None,
            block_tombstones: (0, 0),
            filter: options.filter_bits_per_key.map(FilterBuilder::new),
            range_tombstones: KeyspanBlockBuilder::default(),
            properties: Properties::default(),
            contents: Contents::default(),
            has_current: false,
            first_point: None,
            range_bounds: None,
            failed: false,
            options,
        })
    }

    /// Adds a point entry.
    ///
    /// # Errors
    /// `Invalid` when it does not come after the entry before (user key ascending, then trailer
    /// descending), for kinds that are not written, and for entries over 1 GiB; failures of the file.
    ///
    /// # Complexity
    /// O(key + value); every block's worth of rows one block is encoded, compressed and written.
    #[inline]
    pub fn add(&mut self, user_key: &[u8], trailer: Trailer, value: &[u8]) -> Result<()> {
        let added = self.try_add(user_key, trailer, value);
        self.poison_on_error(added)
    }

    /// Adds a point entry whose value is the next `len` bytes of `value`, without holding them: in a
    /// block of its own, not compressed. [`TableWriter::add`] writes a value of 1 MiB and more in the
    /// same way.
    ///
    /// # Errors
    /// As [`TableWriter::add`]; `Invalid` for tombstones and for a key that the table has already; `Io`
    /// when `value` fails or ends early.
    ///
    /// # Complexity
    /// O(key + value), in constant memory.
    pub fn add_streamed(
        &mut self,
        user_key: &[u8],
        trailer: Trailer,
        len: usize,
        value: &mut dyn Read,
    ) -> Result<()> {
        let added = self.try_add_streamed(user_key, trailer, len, value);
        self.poison_on_error(added)
    }

    fn try_add_streamed(
        &mut self,
        key: &[u8],
        trailer: Trailer,
        len: usize,
        value: &mut dyn Read,
    ) -> Result<()> {
        self.check_usable()?;
        let is_tombstone = check_entry(key, trailer, &[])?;
        check_len(key.len(), len)?;
        let (shared, repeated) = self.compare_with_last(key, trailer)?;
        if is_tombstone || repeated {
            let message = "entry cannot have a streamed value";
            return Err(Error::invalid(format!("{message} trailer=`{trailer:?}`")));
        }
        self.add_apart(key, trailer, shared, len, value)
    }

    /// Writes a block of one row now; its place in the index follows when the next key is known.
    fn add_apart(
        &mut self,
        key: &[u8],
        trailer: Trailer,
        shared: usize,
        len: usize,
        value: &mut dyn Read,
    ) -> Result<()> {
        let row = NewRow {
            key,
            trailer,
            value: &[],
            shared,
            repeated: false,
            obsolete: false,
        };
        if self.block.rows() > 0 {
            self.close_block(Some(&row))?;
        }
        let trial = self.block.try_row(&row);
        self.block.push_apart(&row, trial, len);
        let (head, tail) = self.block.encode_apart(len);
        self.output.drain(&mut self.index)?;
        self.count(&row, len, false);
        let contents = &mut self.contents;
        let verify = self.options.verify;
        if verify {
            contents.begin_value(key, trailer, len);
        }
        let mut visit = |part: &[u8]| {
            if verify {
                contents.add_value(part);
            }
        };
        let block = (&head[..], &tail[..]);
        let handle = self
            .output
            .put_streamed(block, len as u64, value, &mut visit)?;
        self.written = Some(handle);
        Ok(())
    }

    fn try_add(&mut self, key: &[u8], trailer: Trailer, value: &[u8]) -> Result<()> {
        self.check_usable()?;
        let is_tombstone = check_entry(key, trailer, value)?;
        let (shared, repeated) = self.compare_with_last(key, trailer)?;
        if value.len() >= APART_LEN && !repeated {
            return self.add_apart(key, trailer, shared, value.len(), &mut &*value);
        }
        // Go's writer never marks the first row of a table.
        let hides_nothing = is_tombstone && self.options.last_level && self.contents.points > 0;
        let row = NewRow {
            key,
            trailer,
            value,
            shared,
            repeated,
            obsolete: repeated || hides_nothing,
        };
        let mut trial = self.block.try_row(&row);
        if self.written.is_some()
            || self
                .rule
                .is_full(self.block.rows(), self.block_len, trial.len)
        {
            self.close_block(Some(&row))?;
            trial = self.block.try_row(&row);
        }
        self.block.push(&row, trial);
        self.block_len = trial.len;
        self.count(&row, value.len(), is_tombstone);
        if self.options.verify {
            self.contents.begin_value(key, trailer, value.len());
            self.contents.add_value(value);
        }
        Ok(())
    }

    /// How much of `key` the last key shares, and whether it is the same.
    #[inline]
    fn compare_with_last(&self, key: &[u8], trailer: Trailer) -> Result<(usize, bool)> {
        let Some(last_trailer) = self.block.last_trailer() else {
            return Ok((0, false));
        };
        let last = self.block.last_key();
        let shared = common_prefix_len(last, key);
        let (ours, theirs) = (key.get(shared), last.get(shared));
        // The first byte that differs decides; a key that ends comes first.
        if ours > theirs || (ours == theirs && trailer < last_trailer) {
            return Ok((shared, ours == theirs));
        }
        Err(Error::invalid(format!(
            "entries are out of order key=`{key:x?}` trailer=`{trailer:?}` \
             last_key=`{last:x?}` last_trailer=`{last_trailer:?}`"
        )))
    }

    #[inline]
    fn count(&mut self, row: &NewRow<'_>, value_len: usize, is_tombstone: bool) {
        if self.first_point.is_none() {
            self.first_point = Some(InternalKey::new(row.key, row.trailer));
        }
        if let Some(filter) = &mut self.filter {
            filter.add(row.key);
        }
        if is_tombstone {
            let len = row.key.len() as u64;
            self.block_tombstones.0 += 1;
            self.block_tombstones.1 += len;
            self.properties.tombstone_key_len += len;
            if row.trailer.kind() == Some(Kind::DeleteSized) {
                self.properties.sized_deletions += 1;
                self.properties.tombstone_value_len += sized_len(row.value).unwrap_or(0);
            }
        }
        self.contents.count_point(row.key, row.trailer, value_len);
    }

    /// Adds a fragment of range tombstones. Fragments come in order of start and do not overlap,
    /// except that the same fragment may come again at a smaller sequence number.
    ///
    /// # Errors
    /// `Invalid` otherwise.
    pub fn add_range_tombstone(&mut self, tombstone: &RangeTombstone) -> Result<()> {
        let added = self.check_usable().and_then(|()| {
            self.range_tombstones.push(tombstone)?;
            let RangeTombstone { start, end, seq } = tombstone;
            let last =
                InternalKey::new(end.as_slice(), Trailer::new(SeqNo::MAX, Kind::RangeDelete));
            let first = match self.range_bounds.take() {
                Some((first, _)) => first,
                None => InternalKey::new(start.as_slice(), Trailer::new(*seq, Kind::RangeDelete)),
            };
            self.range_bounds = Some((first, last));
            self.contents.range_deletions += 1;
            self.contents.add_seq(*seq);
            Ok(())
        });
        self.poison_on_error(added)
    }

    /// Bytes that the file would have at least if it were finished now; blocks that are not yet
    /// compressed count in full.
    pub fn estimated_len(&self) -> u64 {
        self.output.estimated_len() + (self.block_len + self.index.len()) as u64
    }

    /// Entries added so far, range tombstones included.
    pub fn entries(&self) -> u64 {
        self.contents.points + self.contents.range_deletions
    }

    /// Encodes the pending block and hands it to compression. `next` is the row that did not fit.
    fn close_block(&mut self, next: Option<&NewRow<'_>>) -> Result<()> {
        let mut separator = Vec::new();
        match next {
            Some(next) => put_separator(self.block.last_key(), next.key, &mut separator),
            None => put_successor(self.block.last_key(), &mut separator),
        }
        if let Some(handle) = self.written.take() {
            self.has_current = true;
            self.index.add(&separator, handle, &[], 1);
            self.begin_block(next);
            return Ok(());
        }
        let mut encoded = self.output.buffer();
        self.block.encode(next, &mut encoded);
        debug_assert_eq!(encoded.len(), self.block_len, "the sizes are exact");
        let all_obsolete = self.block.is_all_obsolete();
        self.has_current |= !all_obsolete;
        let (tombstones, key_len) = std::mem::take(&mut self.block_tombstones);
        // More than half of the block: the comparison that Go makes in single precision.
        if tombstones > DENSE_TOMBSTONES || key_len * 2 > encoded.len() as u64 {
            self.properties.tombstone_dense_blocks += 1;
        }
        let props: &[u8] = if all_obsolete { ALL_OBSOLETE } else { &[] };
        let rows = self.block.rows() as u64;
        self.output
            .submit(encoded, separator, props, rows, &mut self.index)?;
        self.begin_block(next);
        Ok(())
    }

    /// Forgets the pending block if another one follows.
    fn begin_block(&mut self, next: Option<&NewRow<'_>>) {
        if next.is_some() {
            self.block.clear();
            self.block_len = 0;
        }
    }

    /// Finishes the table: index, filter, range tombstones, properties, metaindex, footer.
    ///
    /// # Errors
    /// Failures of the file; `Internal` when the writer's own counts do not agree.
    pub fn finish(mut self) -> Result<TableSummary> {
        self.check_usable()?;
        let mut last_point = None;
        if let Some(trailer) = self.block.last_trailer() {
            last_point = Some(InternalKey::new(self.block.last_key(), trailer));
            self.close_block(None)?;
        }
        self.output.drain(&mut self.index)?;
        let data_len = self.output.offset();
        let index = self.index.finish(&mut self.output)?;

        let mut sections = Vec::new();
        if let Some(filter) = self.filter.take() {
            let handle = self.output.put_raw(&filter.finish())?;
            self.properties.filter_len = handle.len;
            filter::POLICY.clone_into(&mut self.properties.filter_policy);
            sections.push((format!("fullfilter.{}", filter::POLICY), handle));
        }
        if self.range_tombstones.count() > 0 {
            let handle = self.output.put_raw(&self.range_tombstones.encode())?;
            sections.push(("rocksdb.range_del2".to_owned(), handle));
        }
        self.fill_properties(data_len, &index);
        let handle = self.output.put(&self.properties.encode())?;
        sections.push(("rocksdb.properties".to_owned(), handle));

        sections.sort();
        let pairs: Vec<_> = sections
            .into_iter()
            .map(|(name, handle)| {
                let mut value = Vec::new();
                handle.put(&mut value);
                (name, value)
            })
            .collect();
        let metaindex = self.output.put_raw(&kv_block::encode(&pairs))?;
        let attributes = self.properties.attributes();
        let footer = Footer::encode_v7(ChecksumKind::Crc32c, metaindex, index.root, attributes);
        let file = self.output.finish(&footer, self.options.sync)?;
        self.summarize(file, last_point)
    }

    fn fill_properties(&mut self, data_len: u64, index: &index::IndexTotals) {
        let (contents, spans_len) = (&self.contents, self.range_tombstones.spans_len());
        let p = &mut self.properties;
        p.entries = contents.points + contents.range_deletions;
        p.raw_key_len = contents.key_len + contents.points * 8 + spans_len;
        p.raw_value_len = contents.value_len;
        p.deletions = contents.point_deletions + contents.range_deletions;
        p.range_deletions = contents.range_deletions;
        p.data_blocks = index.blocks;
        p.data_len = data_len;
        p.index_len = index.len;
        p.index_partitions = index.partitions;
        p.top_index_len = index.top_len;
        p.two_level_index = index.partitions > 0;
        COMPARER.clone_into(&mut p.comparer);
        MERGER.clone_into(&mut p.merger);
        KEY_SCHEMA.clone_into(&mut p.key_schema);
        COMPRESSION_OPTIONS.clone_into(&mut p.compression_options);
        self.options
            .compression
            .profile()
            .clone_into(&mut p.compression);
        p.compression_stats = self.output.stats();
        "[obsolete-key]".clone_into(&mut p.property_collectors);
        let all_obsolete: &[u8] = if self.has_current { &[0] } else { &[0, b't'] };
        p.other
            .insert("obsolete-key".to_owned(), all_obsolete.to_vec());
    }

    fn summarize(
        mut self,
        (file_len, file_xxh64): (u64, u64),
        last_point: Option<InternalKey>,
    ) -> Result<TableSummary> {
        if self.index.rows() != self.contents.points {
            return Err(Error::new(
                ErrorKind::Internal,
                format!(
                    "rows of blocks and entries differ rows=`{}` entries=`{}`",
                    self.index.rows(),
                    self.contents.points
                ),
            ));
        }
        let points = self.first_point.take().zip(last_point);
        self.contents.keys = points
            .as_ref()
            .map(|(first, last)| (first.user.clone(), last.user.clone()));
        let bounds = match (points, self.range_bounds.take()) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (points, ranges) => points.or(ranges),
        };
        Ok(TableSummary {
            file_len,
            file_xxh64,
            bounds,
            contents: self.contents,
            properties: self.properties,
            verified: self.options.verify,
        })
    }

    fn check_usable(&self) -> Result<()> {
        if self.failed {
            let message = "the table writer failed before";
            return Err(Error::new(ErrorKind::Poisoned, message));
        }
        Ok(())
    }

    fn poison_on_error(&mut self, result: Result<()>) -> Result<()> {
        self.failed |= result.is_err();
        result
    }
}

/// Whether a point entry is a tombstone.
///
/// # Errors
/// `Invalid` for what must not stand in a data block.
#[inline]
fn check_entry(key: &[u8], trailer: Trailer, value: &[u8]) -> Result<bool> {
    check_len(key.len(), value.len())?;
    match trailer.kind() {
        Some(Kind::Set | Kind::SetWithDelete) => Ok(false),
        Some(Kind::Delete | Kind::SingleDelete) => Ok(true),
        Some(Kind::DeleteSized) if sized_len(value).is_some() => Ok(true),
        _ => Err(Error::invalid(format!(
            "entry cannot stand in a table trailer=`{trailer:?}`"
        ))),
    }
}

fn check_len(key_len: usize, value_len: usize) -> Result<()> {
    if key_len.saturating_add(value_len) > ENTRY_LEN_MAX {
        return Err(Error::invalid(format!(
            "entry exceeds 1 GiB key_len=`{key_len}` value_len=`{value_len}`"
        )));
    }
    Ok(())
}

/// The size that a sized tombstone carries.
fn sized_len(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return Some(0);
    }
    let mut input = crate::codec::Input::new("sized delete", value);
    let len = input.uvarint().ok()?;
    input.is_empty().then_some(len)
}
