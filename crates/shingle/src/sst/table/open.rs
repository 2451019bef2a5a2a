//! Opening a table: footer, metaindex, properties, range tombstones, filter, index.
//!
//! One read of the file's tail usually serves them all. When the index begins before it, one more
//! read fetches what lies between.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::index::{Index, check_part};
use super::values::ValueIndex;
use super::{Table, TableOptions, blocks};
use crate::codec::Input;
use crate::key::RangeTombstone;
use crate::sst::filter::{self, Filter};
use crate::sst::footer::{FOOTER_LEN_MAX, Footer, TableFormat};
use crate::sst::handle::BlockHandle;
use crate::sst::index_block::IndexBlock;
use crate::sst::properties::{self, Properties};
use crate::sst::{keyspan_block, kv_block, row_block, wrapper};
use crate::vfs::ReadFile;
use crate::{Error, Result};

const BLOCK: &str = "sstable block";
const METAINDEX: &str = "sstable metaindex";

const PROPERTIES: &str = "rocksdb.properties";
const RANGE_DELETES: &str = "rocksdb.range_del2";
const RANGE_DELETES_OLD: &str = "rocksdb.range_del";
const RANGE_KEYS: &str = "pebble.range_key";
const VALUE_INDEX: &str = "pebble.value_index";
const BLOB_REFERENCES: &str = "pebble.blob_ref_index";
const FILTER_PREFIX: &str = "fullfilter.";

/// A block that the metaindex names.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) handle: BlockHandle,
    /// What follows the handle.
    rest: Vec<u8>,
}

/// The end of a file, read before anything else.
struct Tail<'a> {
    file: &'a dyn ReadFile,
    path: &'a Path,
    options: &'a TableOptions,
    /// Position of `bytes` in the file.
    start: u64,
    bytes: Vec<u8>,
    /// End of all blocks.
    blocks_end: u64,
}

impl<'a> Tail<'a> {
    fn read(file: &'a dyn ReadFile, path: &'a Path, options: &'a TableOptions) -> Result<Self> {
        let len = file.len();
        let start = len.saturating_sub(options.tail_len.max(FOOTER_LEN_MAX) as u64);
        let mut tail = Self {
            file,
            path,
            options,
            start: len,
            bytes: Vec::new(),
            blocks_end: len,
        };
        tail.extend_to(start)?;
        Ok(tail)
    }

    /// Reads what lies between `from` and the tail, and puts it before the tail.
    fn extend_to(&mut self, from: u64) -> Result<()> {
        let missing = self.start.saturating_sub(from);
        if missing == 0 {
            return Ok(());
        }
        let mut bytes = self.fetch(from, missing)?;
        bytes.append(&mut self.bytes);
        self.bytes = bytes;
        self.start = from;
        Ok(())
    }

    /// Reads `len` bytes of the file; the caller has checked that it holds them.
    fn fetch(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.options.counters.file_reads(1);
        self.options.counters.file_bytes(len);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        self.file
            .read_exact_at(offset, &mut bytes)
            .map_err(|e| Error::io("read a table", self.path, e))?;
        Ok(bytes)
    }

    /// Bytes `from..to` of the file, if the tail holds them.
    fn held(&self, from: u64, to: u64) -> Option<&[u8]> {
        let at = |offset: u64| usize::try_from(offset.checked_sub(self.start)?).ok();
        self.bytes.get(at(from)?..at(to)?)
    }

    /// The decoded block at `handle`, from the tail when it lies there.
    fn block(&self, footer: &Footer, handle: BlockHandle) -> Result<Vec<u8>> {
        let end = handle.end(BLOCK, self.blocks_end)?;
        let len_max = self.options.block_len_max;
        if handle.len > len_max as u64 {
            return Err(wrapper::over_limit(handle.len, len_max));
        }
        let stored = match self.held(handle.offset, end) {
            Some(stored) => Cow::Borrowed(stored),
            None => Cow::Owned(self.fetch(handle.offset, end - handle.offset)?),
        };
        let mut block = Vec::new();
        wrapper::open(&stored, footer.checksum, len_max, &mut block)
            .map_err(|e| e.at(handle.offset))?;
        self.options.counters.decoded_bytes(block.len() as u64);
        Ok(block)
    }

    /// The index block at `handle`, which points into the first `limit` bytes of the file.
    fn index_block(&self, footer: &Footer, handle: BlockHandle, limit: u64) -> Result<IndexBlock> {
        let block = self.block(footer, handle)?;
        self.options.counters.index_blocks(1);
        blocks::decode_index(footer.format, &block, limit).map_err(|e| e.at(handle.offset))
    }
}

impl Table {
    /// Opens the table in `file`; `path` stands in errors.
    ///
    /// # Errors
    /// `Corrupt` for damage and contradictions in what opening reads; `Unsupported` for other
    /// formats and for features that are not served (range keys, blob values, other comparers).
    ///
    /// # Complexity
    /// One read of the file's last bytes ([`TableOptions::tail_len`]), one more when the index begins
    /// before them.
    pub fn open(
        file: Arc<dyn ReadFile>,
        path: impl Into<PathBuf>,
        options: &TableOptions,
    ) -> Result<Self> {
        let path = path.into();
        match Self::open_parts(file, &path, options) {
            Ok(table) => Ok(table),
            Err(e) => Err(e.in_file(path)),
        }
    }

    fn open_parts(file: Arc<dyn ReadFile>, path: &Path, options: &TableOptions) -> Result<Self> {
        let len = file.len();
        let mut tail = Tail::read(file.as_ref(), path, options)?;
        let footer = Footer::decode(&tail.bytes)
            .map_err(|e| e.at(len.saturating_sub(FOOTER_LEN_MAX as u64)))?;
        let footer_len = footer.format.footer_len() as u64;
        tail.blocks_end = len.saturating_sub(footer_len);

        let sections = read_metaindex(&tail, &footer)?;
        let properties = read_properties(&tail, &footer, &sections)?;
        check_features(&footer, &properties, &sections)?;
        let range_tombstones = read_range_deletes(&tail, &footer, &sections, &properties)?;
        let filter = read_filter(&tail, &footer, &sections)?;
        let value_index = find(&sections, VALUE_INDEX)
            .map(|section| ValueIndex::new(section.handle, &section.rest))
            .transpose()?;
        let (index, data_end) = read_index(&mut tail, &footer, &properties, &sections)?;
        let blocks_end = tail.blocks_end;
        Ok(Self {
            file,
            path: path.to_owned(),
            options: options.clone(),
            owner: options.cache.owner(),
            footer,
            properties,
            index,
            filter,
            range_tombstones,
            value_index,
            sections,
            blocks_end,
            data_end,
        })
    }
}

fn find<'a>(sections: &'a [Section], name: &str) -> Option<&'a Section> {
    sections.iter().find(|section| section.name == name)
}

fn read_metaindex(tail: &Tail<'_>, footer: &Footer) -> Result<Vec<Section>> {
    let block = tail.block(footer, footer.metaindex)?;
    let mut sections = Vec::new();
    let mut push = |name: &[u8], value: &[u8]| {
        let mut input = Input::new(METAINDEX, value);
        let handle = BlockHandle::read(&mut input)?;
        handle.end(METAINDEX, footer.metaindex.offset)?;
        let rest = input.take(value.len() as u64 - input.offset())?.to_vec();
        let name = String::from_utf8_lossy(name).into_owned();
        sections.push(Section { name, handle, rest });
        Ok(())
    };
    if footer.format >= TableFormat::V6 {
        for (name, value) in kv_block::decode(METAINDEX, &block)? {
            push(name, value)?;
        }
    } else {
        row_block::entries(METAINDEX, &block, |name, value| push(name, value))?;
    }
    Ok(sections)
}

fn read_properties(tail: &Tail<'_>, footer: &Footer, sections: &[Section]) -> Result<Properties> {
    let section = find(sections, PROPERTIES).ok_or_else(|| {
        let at = footer.metaindex.offset;
        Error::corrupt(METAINDEX, 0, PROPERTIES, "no such entry").at(at)
    })?;
    let block = tail.block(footer, section.handle)?;
    let mut properties = Properties::default();
    if footer.format >= TableFormat::V7 {
        for (name, value) in kv_block::decode(properties::STRUCTURE, &block)? {
            properties.set(name, value)?;
        }
    } else {
        row_block::entries(properties::STRUCTURE, &block, |name, value| {
            properties.set(name, value)
        })?;
    }
    Ok(properties)
}

/// Refuses features that are not served, and a footer that contradicts the properties.
fn check_features(footer: &Footer, properties: &Properties, sections: &[Section]) -> Result<()> {
    properties.check_supported(footer.format.is_columnar())?;
    if let Some(found) = footer.attributes {
        let expected = properties.attributes();
        if found != expected {
            return Err(Error::corrupt(
                "sstable footer",
                0,
                format_args!("attributes {:#04x}, as the properties say", expected.0),
                format_args!("{:#04x}", found.0),
            ));
        }
    }
    for (name, feature) in [
        (RANGE_KEYS, "range keys"),
        (BLOB_REFERENCES, "values in blob files"),
    ] {
        if find(sections, name).is_some() {
            return Err(Error::unsupported(feature));
        }
    }
    if find(sections, RANGE_DELETES_OLD).is_some() {
        let found = RANGE_DELETES_OLD;
        return Err(Error::corrupt(METAINDEX, 0, RANGE_DELETES, found));
    }
    Ok(())
}

fn read_range_deletes(
    tail: &Tail<'_>,
    footer: &Footer,
    sections: &[Section],
    properties: &Properties,
) -> Result<Vec<RangeTombstone>> {
    let tombstones = match find(sections, RANGE_DELETES) {
        None => Vec::new(),
        Some(section) => {
            let block = tail.block(footer, section.handle)?;
            let decoded = if footer.format.is_columnar() {
                keyspan_block::decode(&block)
            } else {
                row_block::decode_range_deletes(&block)
            };
            decoded.map_err(|e| e.at(section.handle.offset))?
        }
    };
    if tombstones.len() as u64 != properties.range_deletions {
        return Err(Error::corrupt(
            properties::STRUCTURE,
            0,
            format_args!("{} range deletes", tombstones.len()),
            properties.range_deletions,
        ));
    }
    Ok(tombstones)
}

fn read_filter(tail: &Tail<'_>, footer: &Footer, sections: &[Section]) -> Result<Option<Filter>> {
    let name = format!("{FILTER_PREFIX}{}", filter::POLICY);
    find(sections, &name)
        .map(|section| {
            let block = tail.block(footer, section.handle)?;
            Filter::decode(block).map_err(|e| e.at(section.handle.offset))
        })
        .transpose()
}

/// The index, and where the data blocks end at the latest.
fn read_index(
    tail: &mut Tail<'_>,
    footer: &Footer,
    properties: &Properties,
    sections: &[Section],
) -> Result<(Index, u64)> {
    let root = footer.index;
    root.end("sstable index", tail.blocks_end)?;
    if tail.start.saturating_sub(root.offset) <= tail.options.pinned_index_len_max as u64 {
        tail.extend_to(root.offset.min(tail.start))?;
    }
    let limit = sections
        .iter()
        .map(|section| section.handle.offset)
        .fold(root.offset, u64::min);
    if !properties.two_level_index {
        let block = tail.index_block(footer, root, limit)?;
        return Ok((Index::Single(Arc::new(block)), limit));
    }
    // In row-oriented tables the filter stands before the lower blocks.
    let top = Arc::new(tail.index_block(footer, root, root.offset)?);
    let first = top.handle(0).map_or(root.offset, |first| first.offset);
    let data_end = limit.min(first);
    let pinned = if root.offset - first <= tail.options.pinned_index_len_max as u64 {
        tail.extend_to(first.min(tail.start))?;
        Some(read_partitions(tail, footer, &top, data_end)?)
    } else {
        None
    };
    Ok((Index::TwoLevel { top, pinned }, data_end))
}

fn read_partitions(
    tail: &Tail<'_>,
    footer: &Footer,
    top: &IndexBlock,
    data_end: u64,
) -> Result<Vec<Arc<IndexBlock>>> {
    (0..top.len())
        .map(|part| {
            let handle = top.handle(part).unwrap_or_default();
            let block = tail.index_block(footer, handle, data_end)?;
            check_part(top, part, &block).map_err(|e| e.at(handle.offset))?;
            Ok(Arc::new(block))
        })
        .collect()
}
