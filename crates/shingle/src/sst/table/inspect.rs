//! Describing and verifying whole tables, for tools and for checking what was just written.

use std::cmp::Ordering;
use std::sync::Arc;

use super::index::{Index, check_part};
use super::{CacheMode, Table};
use crate::cursor::Cursor;
use crate::key::{self, Kind, SeqNo, Trailer};
use crate::sst::handle::{BlockHandle, TRAILER_LEN};
use crate::sst::wrapper::{self, Codec};
use crate::{Error, Result};

const STRUCTURE: &str = "sstable";

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockKind {
    /// Rows.
    Data,
    /// Index of data blocks.
    Index,
    /// Index of index blocks.
    TopIndex,
    /// Bloom filter.
    Filter,
    /// Range tombstones.
    RangeDeletes,
    /// Values stored apart from their keys.
    Values,
    /// Index of the former.
    ValueIndex,
    /// Properties.
    Properties,
    /// Index of the special blocks.
    Metaindex,
    /// Named in the metaindex, of unknown purpose.
    Other,
}

/// One block of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// What it is for.
    pub kind: BlockKind,
    /// Where it lies; the stored length is without the trailer.
    pub handle: BlockHandle,
    /// How it is compressed.
    pub codec: Codec,
    /// Length after decompression.
    pub decoded_len: u64,
}

/// What a walk over a whole table found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Point entries.
    pub points: u64,
    /// Point tombstones among them.
    pub point_deletions: u64,
    /// Range tombstones.
    pub range_deletions: u64,
    /// Σ user key length over points.
    pub key_len: u64,
    /// Σ value length over points.
    pub value_len: u64,
    /// Smallest and largest sequence number of points and range tombstones.
    pub seqs: Option<(SeqNo, SeqNo)>,
    /// First and last user key of the points.
    pub keys: Option<(Vec<u8>, Vec<u8>)>,
    /// CRC-32C over trailer, key length, key, value length and value of every point in order.
    pub points_crc: u32,
}

impl Contents {
    /// Counts one more point entry.
    #[inline]
    pub(in crate::sst) fn count_point(&mut self, key: &[u8], trailer: Trailer, value_len: usize) {
        self.points += 1;
        if !matches!(trailer.kind(), Some(Kind::Set | Kind::SetWithDelete)) {
            self.point_deletions += 1;
        }
        self.key_len += key.len() as u64;
        self.value_len += value_len as u64;
        self.add_seq(trailer.seq());
    }

    /// Counts one more point entry and takes it into the checksum.
    #[inline]
    pub(in crate::sst) fn add_point(&mut self, key: &[u8], trailer: Trailer, value: &[u8]) {
        self.count_point(key, trailer, value.len());
        self.begin_value(key, trailer, value.len());
        self.add_value(value);
    }

    /// Takes a point entry but for its value into the checksum.
    #[inline]
    pub(in crate::sst) fn begin_value(&mut self, key: &[u8], trailer: Trailer, value_len: usize) {
        let mut head = [0; 24];
        let (parts, _) = head.as_chunks_mut::<8>();
        let numbers = [trailer.0, key.len() as u64, value_len as u64];
        for (part, n) in parts.iter_mut().zip(numbers) {
            *part = n.to_le_bytes();
        }
        for part in [&head[..], key] {
            self.points_crc = crc32c::crc32c_append(self.points_crc, part);
        }
    }

    /// Takes a part of a value into the checksum.
    #[inline]
    pub(in crate::sst) fn add_value(&mut self, part: &[u8]) {
        self.points_crc = crc32c::crc32c_append(self.points_crc, part);
    }

    /// Takes a sequence number into account.
    pub(in crate::sst) fn add_seq(&mut self, seq: SeqNo) {
        let (low, high) = self.seqs.unwrap_or((seq, seq));
        self.seqs = Some((low.min(seq), high.max(seq)));
    }
}

impl Table {
    /// Every block of the table in the order of the file, its checksum verified.
    ///
    /// # Complexity
    /// Reads the whole file, block by block, and decodes nothing.
    pub fn blocks(self: &Arc<Self>) -> Result<Vec<BlockInfo>> {
        let mut blocks = Vec::new();
        let mut place = self.first_place()?;
        while let Some(here) = place {
            blocks.push(self.block_info(BlockKind::Data, here.describe(self)?.handle)?);
            place = self.next_place(&here)?;
        }
        if let Index::TwoLevel { top, .. } = &self.index {
            for part in 0..top.len() {
                let handle = top.handle(part).unwrap_or_default();
                blocks.push(self.block_info(BlockKind::Index, handle)?);
            }
            blocks.push(self.block_info(BlockKind::TopIndex, self.footer.index)?);
        } else {
            blocks.push(self.block_info(BlockKind::Index, self.footer.index)?);
        }
        for section in &self.sections {
            let kind = match section.name.as_str() {
                "rocksdb.properties" => BlockKind::Properties,
                "rocksdb.range_del2" => BlockKind::RangeDeletes,
                "pebble.value_index" => BlockKind::ValueIndex,
                name if name.starts_with("fullfilter.") => BlockKind::Filter,
                _ => BlockKind::Other,
            };
            blocks.push(self.block_info(kind, section.handle)?);
        }
        blocks.push(self.block_info(BlockKind::Metaindex, self.footer.metaindex)?);
        for handle in self.value_blocks()? {
            blocks.push(self.block_info(BlockKind::Values, handle)?);
        }
        blocks.sort_by_key(|block| block.handle);
        Ok(blocks)
    }

    fn block_info(&self, kind: BlockKind, handle: BlockHandle) -> Result<BlockInfo> {
        let stored = self.read_stored(handle)?;
        let (payload, block_type) = wrapper::verify(&stored, self.footer.checksum)
            .map_err(|e| e.at(handle.offset).in_file(&self.path))?;
        let (codec, len) = wrapper::describe(payload, block_type, self.options.block_len_max)?;
        Ok(BlockInfo {
            kind,
            handle,
            codec,
            decoded_len: len as u64,
        })
    }

    /// Walks the whole table, which checks every block, and compares what it holds with what its
    /// properties say.
    ///
    /// # Errors
    /// `Corrupt` where anything contradicts.
    ///
    /// # Complexity
    /// O(table); memory stays within a few blocks.
    pub fn verify(self: &Arc<Self>) -> Result<Contents> {
        if let Index::TwoLevel { top, pinned: None } = &self.index {
            for part in 0..top.len() {
                let handle = top.handle(part).unwrap_or_default();
                self.cached_index_block(handle, |block| check_part(top, part, block))?;
            }
        }
        let mut contents = self.walk()?;
        for tombstone in &self.range_tombstones {
            contents.range_deletions += 1;
            contents.add_seq(tombstone.seq);
        }
        self.compare(&contents).map_err(|e| e.in_file(&self.path))?;
        Ok(contents)
    }

    /// Counts all points and checks their order over block boundaries; inside blocks it is checked
    /// when they are decoded.
    fn walk(self: &Arc<Self>) -> Result<Contents> {
        let mut contents = Contents::default();
        let mut cursor = self.cursor(CacheMode::Bypass);
        let mut last: (Vec<u8>, Trailer) = (Vec::new(), Trailer(u64::MAX));
        cursor.seek_first()?;
        let first = cursor.is_valid().then(|| cursor.user_key().to_vec());
        while cursor.is_valid() {
            let (key, trailer) = (cursor.user_key(), cursor.trailer());
            let order = key::compare((&last.0, last.1), (key, trailer));
            if contents.points > 0 && order != Ordering::Less {
                let found = format_args!("{key:x?} {trailer:?}");
                let e = Error::corrupt(STRUCTURE, 0, "ascending internal keys", found);
                return Err(e.in_file(&self.path));
            }
            contents.add_point(key, trailer, cursor.value());
            last.0.clear();
            last.0.extend_from_slice(key);
            last.1 = trailer;
            cursor.next()?;
        }
        contents.keys = first.map(|first| (first, last.0));
        Ok(contents)
    }

    /// Number of data blocks and their length with trailers.
    fn data_extent(&self) -> Result<(u64, u64)> {
        let (mut count, mut len) = (0, 0);
        let mut place = self.first_place()?;
        while let Some(here) = place {
            count += 1;
            len += here.describe(self)?.handle.len + TRAILER_LEN as u64;
            place = self.next_place(&here)?;
        }
        Ok((count, len))
    }

    /// Length of start and end over the fragments of range tombstones.
    fn spans_len(&self) -> u64 {
        let mut spans: Vec<_> = self
            .range_tombstones
            .iter()
            .map(|t| (t.start.as_slice(), t.end.as_slice()))
            .collect();
        spans.dedup();
        spans.iter().map(|(s, e)| (s.len() + e.len()) as u64).sum()
    }

    /// Compares what a walk found with the properties.
    pub(super) fn compare(&self, contents: &Contents) -> Result<()> {
        let p = &self.properties;
        let (data_blocks, data_len) = self.data_extent()?;
        let deletions = contents.point_deletions + contents.range_deletions;
        let mut pairs = vec![
            (
                "entries",
                p.entries,
                contents.points + contents.range_deletions,
            ),
            ("deletions", p.deletions, deletions),
            ("data blocks", p.data_blocks, data_blocks),
            ("data bytes", p.data_len, data_len),
            ("raw value bytes", p.raw_value_len, contents.value_len),
        ];
        if self.footer.format.is_columnar() {
            let keys = contents.key_len + contents.points * 8 + self.spans_len();
            pairs.push(("raw key bytes", p.raw_key_len, keys));
        } else {
            // Row-oriented writers count the values of range tombstones too.
            pairs.pop();
        }
        for (name, found, expected) in pairs {
            if found != expected {
                let expected = format_args!("{expected} {name}");
                return Err(Error::corrupt("sstable properties", 0, expected, found));
            }
        }
        Ok(())
    }
}
