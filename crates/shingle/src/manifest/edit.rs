//! One record of a MANIFEST: what changed.
//!
//! A record is a sequence of `uvarint tag ‖ payload` until it ends; an unknown tag is corruption
//! (`pebble-ondisk` §2.2 has the table of tags). What is obsolete is read and dropped; what this
//! crate lacks is read and noted, so that a database that once used it is still served.

use super::table::{BLOB_VALUES, Decoded, Feature, Level, Shape, TableMeta};
use super::{COMPARER, FileNumber};
use crate::codec::{Input, put_uvarint, put_vstr};
use crate::key::SeqNo;
use crate::{Error, Result};

const STRUCTURE: &str = "version edit";

/// Numbers of the tags.
mod tag {
    pub(super) const COMPARER: u64 = 1;
    pub(super) const MIN_UNFLUSHED_LOG: u64 = 2;
    pub(super) const NEXT_FILE: u64 = 3;
    pub(super) const LAST_SEQ: u64 = 4;
    pub(super) const COMPACTION_POINTER: u64 = 5;
    pub(super) const REMOVED_TABLE: u64 = 6;
    pub(super) const TABLE_WITHOUT_SEQS: u64 = 7;
    pub(super) const PREVIOUS_LOG: u64 = 9;
    pub(super) const TABLE: u64 = 100;
    pub(super) const TABLE_WITH_PATH: u64 = 102;
    pub(super) const TABLE_WITH_FIELDS: u64 = 103;
    pub(super) const TABLE_WITH_RANGE_KEYS: u64 = 104;
    pub(super) const ADDED_BACKING: u64 = 105;
    pub(super) const REMOVED_BACKING: u64 = 106;
    pub(super) const ADDED_BLOB_FILE: u64 = 107;
    pub(super) const REMOVED_BLOB_FILE: u64 = 108;
    pub(super) const COLUMN_FAMILIES: std::ops::RangeInclusive<u64> = 200..=203;
}

/// A change of the set of live tables and of the counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionEdit {
    /// Name of the comparer; in the first edit of a MANIFEST.
    pub comparer: Option<Vec<u8>>,
    /// Logs with smaller numbers hold nothing that the tables do not.
    pub min_unflushed_log: Option<FileNumber>,
    /// The next number that a new file gets.
    pub next_file: Option<FileNumber>,
    /// No entry of any table has a larger sequence number.
    pub last_seq: Option<SeqNo>,
    /// Files whose last virtual table went.
    pub removed_backings: Vec<FileNumber>,
    /// Files that virtual tables show parts of, with their lengths in bytes.
    pub added_backings: Vec<(FileNumber, u64)>,
    /// Tables that left a level.
    pub removed_tables: Vec<(Level, FileNumber)>,
    /// Tables that joined a level.
    pub added_tables: Vec<(Level, TableMeta)>,
    /// Blob files that were added, by blob and file: recognised, not read.
    pub added_blob_files: Vec<(u64, FileNumber)>,
    /// Blob files that were removed.
    pub removed_blob_files: Vec<(u64, FileNumber)>,
    /// Added tables that need a feature which this crate lacks.
    pub(crate) unsupported: Vec<(FileNumber, Feature)>,
}

impl VersionEdit {
    /// Reads a record. Offsets in errors count from its first byte.
    ///
    /// # Errors
    /// `Corrupt` for what is no edit; `Unsupported` for column families, tables without sequence
    /// numbers, and fields that may not be skipped.
    pub fn decode(record: &[u8]) -> Result<Self> {
        let mut input = Input::new(STRUCTURE, record);
        let mut edit = Self::default();
        while !input.is_empty() {
            edit.decode_field(&mut input)?;
        }
        Ok(edit)
    }

    fn decode_field(&mut self, input: &mut Input<'_>) -> Result<()> {
        let place = input.clone();
        match input.uvarint()? {
            tag::COMPARER => self.comparer = Some(input.vstr()?.to_vec()),
            tag::MIN_UNFLUSHED_LOG => self.min_unflushed_log = Some(FileNumber(input.uvarint()?)),
            tag::NEXT_FILE => self.next_file = Some(FileNumber(input.uvarint()?)),
            tag::LAST_SEQ => self.last_seq = Some(SeqNo(input.uvarint()?)),
            tag::COMPACTION_POINTER => {
                Level::decode(input)?;
                input.vstr()?;
            }
            tag::PREVIOUS_LOG => {
                input.uvarint()?;
            }
            tag::REMOVED_TABLE => {
                let level = Level::decode(input)?;
                let number = FileNumber(input.uvarint()?);
                self.removed_tables.push((level, number));
            }
            tag::TABLE => self.decode_table(input, Shape::Plain)?,
            tag::TABLE_WITH_PATH => self.decode_table(input, Shape::PathId)?,
            tag::TABLE_WITH_FIELDS => self.decode_table(input, Shape::Fields)?,
            tag::TABLE_WITH_RANGE_KEYS => self.decode_table(input, Shape::RangeKeys)?,
            tag::ADDED_BACKING => {
                let number = FileNumber(input.uvarint()?);
                self.added_backings.push((number, input.uvarint()?));
            }
            tag::REMOVED_BACKING => self.removed_backings.push(FileNumber(input.uvarint()?)),
            tag::ADDED_BLOB_FILE => {
                let blob = input.uvarint()?;
                let file = FileNumber(input.uvarint()?);
                self.added_blob_files.push((blob, file));
                // Size, size of the values, creation time.
                for _ in 0..3 {
                    input.uvarint()?;
                }
            }
            tag::REMOVED_BLOB_FILE => {
                let blob = input.uvarint()?;
                let file = FileNumber(input.uvarint()?);
                self.removed_blob_files.push((blob, file));
            }
            tag::TABLE_WITHOUT_SEQS => {
                return Err(Error::unsupported("table entry without sequence numbers"));
            }
            number if tag::COLUMN_FAMILIES.contains(&number) => {
                return Err(Error::unsupported("column families"));
            }
            unknown => return Err(place.corrupt("a known tag", unknown)),
        }
        Ok(())
    }

    fn decode_table(&mut self, input: &mut Input<'_>, shape: Shape) -> Result<()> {
        let level = Level::decode(input)?;
        let Decoded { meta, unsupported } = TableMeta::decode(input, shape)?;
        if let Some(feature) = unsupported {
            self.unsupported.push((meta.number, feature));
        }
        self.added_tables.push((level, meta));
        Ok(())
    }

    /// Appends the record. The same edit gives the same bytes.
    ///
    /// # Errors
    /// `Unsupported` for an edit read from a file that holds what this crate cannot write.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        self.refuse_unsupported()?;
        if let Some(name) = &self.comparer {
            put_uvarint(out, tag::COMPARER);
            put_vstr(out, name);
        }
        if let Some(number) = self.min_unflushed_log {
            put_uvarint(out, tag::MIN_UNFLUSHED_LOG);
            put_uvarint(out, number.0);
        }
        if let Some(number) = self.next_file {
            put_uvarint(out, tag::NEXT_FILE);
            put_uvarint(out, number.0);
        }
        self.encode_backings(out);
        if let Some(seq) = self.last_seq {
            put_uvarint(out, tag::LAST_SEQ);
            put_uvarint(out, seq.0);
        }
        self.encode_tables(out);
        Ok(())
    }

    fn encode_backings(&self, out: &mut Vec<u8>) {
        for number in &self.removed_backings {
            put_uvarint(out, tag::REMOVED_BACKING);
            put_uvarint(out, number.0);
        }
        for (number, size) in &self.added_backings {
            put_uvarint(out, tag::ADDED_BACKING);
            put_uvarint(out, number.0);
            put_uvarint(out, *size);
        }
    }

    fn encode_tables(&self, out: &mut Vec<u8>) {
        for (level, number) in &self.removed_tables {
            put_uvarint(out, tag::REMOVED_TABLE);
            put_uvarint(out, level.index() as u64);
            put_uvarint(out, number.0);
        }
        for (level, table) in &self.added_tables {
            let shape = match table.shape() {
                Shape::Fields => tag::TABLE_WITH_FIELDS,
                _ => tag::TABLE,
            };
            put_uvarint(out, shape);
            put_uvarint(out, level.index() as u64);
            table.encode(out);
        }
    }

    fn refuse_unsupported(&self) -> Result<()> {
        if let Some((_, feature)) = self.unsupported.first() {
            return Err(Error::unsupported(feature));
        }
        if self.added_blob_files.is_empty() && self.removed_blob_files.is_empty() {
            return Ok(());
        }
        Err(Error::unsupported(BLOB_VALUES))
    }

    /// Refuses a database whose keys are ordered otherwise.
    pub(super) fn check_comparer(&self) -> Result<()> {
        match &self.comparer {
            Some(name) if name != COMPARER.as_bytes() => Err(Error::unsupported(format_args!(
                "comparer name=`{}`",
                name.escape_ascii()
            ))),
            _ => Ok(()),
        }
    }
}
