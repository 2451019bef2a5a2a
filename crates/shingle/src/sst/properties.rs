//! Table properties: counts, sizes and names (`pebble-ondisk` §3.4).
//!
//! One table ([`COUNTS`], [`NAMES`]) says how each property is named and when it is written; reading
//! and writing both follow it. A name that stands in neither is kept in [`Properties::other`].

use std::collections::BTreeMap;

use super::footer::Attributes;
use super::kv_block;
use crate::codec::{Input, put_uvarint};
use crate::{Error, Result};

pub(super) const STRUCTURE: &str = "sstable properties";

const INDEX_TYPE: &str = "rocksdb.block.based.table.index.type";
const TWO_LEVEL: u32 = 2;

/// The only comparer that is supported: plain byte order.
pub(super) const COMPARER: &str = "leveldb.BytewiseComparator";
/// The merger that Pebble names when none is used.
pub(super) const MERGER: &str = "pebble.concatenate";
/// The key schema of columnar blocks under [`COMPARER`].
pub(super) const KEY_SCHEMA: &str = "DefaultKeySchema(leveldb.BytewiseComparator,16)";
/// What Pebble writes as the options of any compression.
pub(super) const COMPRESSION_OPTIONS: &str = "window_bits=-14; level=32767; strategy=0; max_dict_bytes=0; \
     zstd_max_train_bytes=0; enabled=0; ";

/// What a table says about itself. Lengths are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Point entries and range tombstones.
    pub entries: u64,
    /// Σ (user key + 8) over points, Σ (start + end) over range tombstone fragments.
    pub raw_key_len: u64,
    /// Σ value length.
    pub raw_value_len: u64,
    /// Point and range tombstones.
    pub deletions: u64,
    /// Range tombstones.
    pub range_deletions: u64,
    /// Sized point tombstones.
    pub sized_deletions: u64,
    /// Merge operands.
    pub merge_operands: u64,
    /// Data blocks.
    pub data_blocks: u64,
    /// Data blocks as stored, with trailers.
    pub data_len: u64,
    /// Index blocks of both levels before compression.
    pub index_len: u64,
    /// Lower index blocks of a two-level index.
    pub index_partitions: u64,
    /// The top index block of a two-level index before compression.
    pub top_index_len: u64,
    /// Whether the index has two levels.
    pub two_level_index: bool,
    /// The filter block.
    pub filter_len: u64,
    /// Σ user key length of point tombstones.
    pub tombstone_key_len: u64,
    /// Σ of the sizes that sized tombstones carry.
    pub tombstone_value_len: u64,
    /// Data blocks that are mostly tombstones.
    pub tombstone_dense_blocks: u64,
    /// Range key deletes.
    pub range_key_deletes: u64,
    /// Range key sets.
    pub range_key_sets: u64,
    /// Range key unsets.
    pub range_key_unsets: u64,
    /// Value blocks.
    pub value_blocks: u64,
    /// Values in value blocks.
    pub values_in_value_blocks: u64,
    /// Value blocks and their index as stored.
    pub value_blocks_len: u64,
    /// Values in blob files.
    pub values_in_blob_files: u64,
    /// Name of the comparer.
    pub comparer: String,
    /// Name of the merger.
    pub merger: String,
    /// Name of the compression profile.
    pub compression: String,
    /// Options of the compression: the same constant in all of Pebble's tables.
    pub compression_options: String,
    /// Stored and raw lengths by compression setting, over the blocks before the properties.
    pub compression_stats: String,
    /// Name of the filter policy; empty without a filter.
    pub filter_policy: String,
    /// Name of the key schema; empty in row-oriented tables.
    pub key_schema: String,
    /// Names of the block property collectors.
    pub property_collectors: String,
    /// Everything else, user properties included.
    pub other: BTreeMap<String, Vec<u8>>,
}

/// When a count is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    NonZero,
    TwoLevel,
}

type Count = (&'static str, When, fn(&mut Properties) -> &mut u64);

/// Properties that are uvarints.
const COUNTS: &[Count] = &[
    ("rocksdb.num.entries", When::Always, |p| &mut p.entries),
    ("rocksdb.raw.key.size", When::Always, |p| &mut p.raw_key_len),
    ("rocksdb.raw.value.size", When::Always, |p| {
        &mut p.raw_value_len
    }),
    ("rocksdb.deleted.keys", When::Always, |p| &mut p.deletions),
    ("rocksdb.num.range-deletions", When::Always, |p| {
        &mut p.range_deletions
    }),
    ("pebble.num.deletions.sized", When::NonZero, |p| {
        &mut p.sized_deletions
    }),
    ("rocksdb.merge.operands", When::Always, |p| {
        &mut p.merge_operands
    }),
    ("rocksdb.num.data.blocks", When::Always, |p| {
        &mut p.data_blocks
    }),
    ("rocksdb.data.size", When::Always, |p| &mut p.data_len),
    ("rocksdb.index.size", When::Always, |p| &mut p.index_len),
    ("rocksdb.index.partitions", When::TwoLevel, |p| {
        &mut p.index_partitions
    }),
    ("rocksdb.top-level.index.size", When::TwoLevel, |p| {
        &mut p.top_index_len
    }),
    ("rocksdb.filter.size", When::Always, |p| &mut p.filter_len),
    ("pebble.raw.point-tombstone.key.size", When::NonZero, |p| {
        &mut p.tombstone_key_len
    }),
    (
        "pebble.raw.point-tombstone.value.size",
        When::NonZero,
        |p| &mut p.tombstone_value_len,
    ),
    ("pebble.num.tombstone-dense-blocks", When::NonZero, |p| {
        &mut p.tombstone_dense_blocks
    }),
    ("pebble.num.range-key-dels", When::NonZero, |p| {
        &mut p.range_key_deletes
    }),
    ("pebble.num.range-key-sets", When::NonZero, |p| {
        &mut p.range_key_sets
    }),
    ("pebble.num.range-key-unsets", When::NonZero, |p| {
        &mut p.range_key_unsets
    }),
    ("pebble.num.value-blocks", When::NonZero, |p| {
        &mut p.value_blocks
    }),
    ("pebble.num.values.in.value-blocks", When::NonZero, |p| {
        &mut p.values_in_value_blocks
    }),
    ("pebble.value-blocks.size", When::NonZero, |p| {
        &mut p.value_blocks_len
    }),
    ("pebble.num.values.in.blob-files", When::NonZero, |p| {
        &mut p.values_in_blob_files
    }),
];

type Name = (&'static str, fn(&mut Properties) -> &mut String);

/// Properties that are strings; written unless empty.
const NAMES: &[Name] = &[
    ("rocksdb.comparator", |p| &mut p.comparer),
    ("rocksdb.merge.operator", |p| &mut p.merger),
    ("rocksdb.compression", |p| &mut p.compression),
    ("rocksdb.compression_options", |p| {
        &mut p.compression_options
    }),
    ("pebble.compression_stats", |p| &mut p.compression_stats),
    ("rocksdb.filter.policy", |p| &mut p.filter_policy),
    ("pebble.colblk.schema", |p| &mut p.key_schema),
    ("rocksdb.property.collectors", |p| {
        &mut p.property_collectors
    }),
];

impl Properties {
    /// Takes a property as it stands in a properties block of any format.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        let name = &*String::from_utf8_lossy(name);
        if name == INDEX_TYPE {
            let kind = Input::new(STRUCTURE, value).u32()?;
            if kind != 0 && kind != TWO_LEVEL {
                return Err(Error::corrupt(STRUCTURE, 0, "index type 0 or 2", kind));
            }
            self.two_level_index = kind == TWO_LEVEL;
        } else if let Some((_, _, field)) = COUNTS.iter().find(|(known, ..)| *known == name) {
            let mut input = Input::new(STRUCTURE, value);
            *field(self) = input.uvarint()?;
            input.finish()?;
        } else if let Some((_, field)) = NAMES.iter().find(|(known, _)| *known == name) {
            *field(self) = String::from_utf8_lossy(value).into_owned();
        } else {
            self.other.insert(name.to_owned(), value.to_vec());
        }
        Ok(())
    }

    /// The properties block of a v7 table.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut copy = self.clone();
        let mut pairs: Vec<(String, Vec<u8>)> =
            std::mem::take(&mut copy.other).into_iter().collect();
        let index_type = if self.two_level_index { TWO_LEVEL } else { 0 };
        pairs.push((INDEX_TYPE.to_owned(), index_type.to_le_bytes().to_vec()));
        for (name, when, field) in COUNTS {
            let value = *field(&mut copy);
            let written = match when {
                When::Always => true,
                When::NonZero => value > 0,
                When::TwoLevel => self.two_level_index,
            };
            if written {
                let mut bytes = Vec::new();
                put_uvarint(&mut bytes, value);
                pairs.push(((*name).to_owned(), bytes));
            }
        }
        for (name, field) in NAMES {
            let value = std::mem::take(field(&mut copy));
            if !value.is_empty() {
                pairs.push(((*name).to_owned(), value.into_bytes()));
            }
        }
        pairs.sort_unstable();
        pairs.dedup_by(|a, b| a.0 == b.0);
        kv_block::encode(&pairs)
    }

    /// The features that a v7 footer must state.
    pub(super) fn attributes(&self) -> Attributes {
        let features = [
            (
                Attributes::VALUE_BLOCKS,
                self.value_blocks > 0 || self.values_in_value_blocks > 0,
            ),
            (Attributes::RANGE_KEY_SETS, self.range_key_sets > 0),
            (Attributes::RANGE_KEY_UNSETS, self.range_key_unsets > 0),
            (Attributes::RANGE_KEY_DELETES, self.range_key_deletes > 0),
            (Attributes::RANGE_DELETES, self.range_deletions > 0),
            (Attributes::TWO_LEVEL_INDEX, self.two_level_index),
            (Attributes::BLOB_VALUES, self.values_in_blob_files > 0),
            (Attributes::POINT_KEYS, self.data_blocks > 0),
        ];
        Attributes(
            features
                .iter()
                .filter(|(_, present)| *present)
                .fold(0, |bits, (bit, _)| bits | bit),
        )
    }

    /// Refuses what this build cannot read: other comparers, mergers and key schemas.
    ///
    /// # Errors
    /// `Unsupported`, naming the property; `Corrupt` when a columnar table names no schema.
    pub(super) fn check_supported(&self, columnar: bool) -> Result<()> {
        if !self.comparer.is_empty() && self.comparer != COMPARER {
            let found = &self.comparer;
            return Err(Error::unsupported(format_args!("comparer name=`{found}`")));
        }
        if !matches!(self.merger.as_str(), "" | "nullptr" | MERGER) {
            let found = &self.merger;
            return Err(Error::unsupported(format_args!("merger name=`{found}`")));
        }
        if columnar && self.key_schema != KEY_SCHEMA {
            if self.key_schema.is_empty() {
                return Err(Error::corrupt(STRUCTURE, 0, KEY_SCHEMA, "no key schema"));
            }
            let found = &self.key_schema;
            return Err(Error::unsupported(format_args!(
                "key schema name=`{found}`"
            )));
        }
        Ok(())
    }
}
