//! The 100 bytes at the start of the file. Multi-byte integers are big-endian.
//!
//! | offset | width | meaning | accepted |
//! |---|---|---|---|
//! | 0 | 16 | `SQLite format 3\0` | exactly |
//! | 16 | 2 | page size in bytes, 1 = 65 536 | powers of two from 512 |
//! | 18, 19 | 1 + 1 | write and read version: 1 = journal, 2 = write-ahead log | 1, 2 to read |
//! | 20 | 1 | unused bytes at the end of each page | 480 bytes must stay usable |
//! | 21, 22, 23 | 1 each | payload fractions | 64, 32, 32 |
//! | 24 | 4 | change counter | any |
//! | 28 | 4 | size in pages; counts only if field 92 equals field 24 | at most the file's |
//! | 32, 36 | 4 + 4 | first freelist trunk page, number of free pages | checker only |
//! | 40 | 4 | schema cookie | any |
//! | 44 | 4 | schema format | 1 to 4; 0 in a database without schema |
//! | 48 | 4 | suggested cache size | any |
//! | 52 | 4 | largest root page; not 0 = auto-vacuum, with pointer maps | checker only |
//! | 56 | 4 | text encoding, 1 = UTF-8 | 1; 0 in a database without schema |
//! | 60 | 4 | user version | any |
//! | 64 | 4 | incremental vacuum | any |
//! | 68 | 4 | application id | any |
//! | 72 | 20 | reserved | any |
//! | 92 | 4 | change counter when field 28 was written | any |
//! | 96 | 4 | version of the library that wrote the file | any |

use shingle::{Error, Result};

/// Length of the header in bytes.
pub(super) const LEN: usize = 100;
/// The first bytes of every database file.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

const STRUCTURE: &str = "sqlite file header";

/// The decoded header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// Page size in bytes.
    pub page_size: u32,
    /// Unused bytes at the end of each page.
    pub reserved_bytes: u8,
    /// Whether the file was last written in write-ahead-log mode.
    pub write_ahead_log: bool,
    /// Database size in pages, `None` when the field does not count.
    pub page_count: Option<u32>,
    /// First trunk page of the freelist, 0 when it is empty.
    pub freelist_head: u32,
    /// Number of pages on the freelist.
    pub freelist_count: u32,
    /// Changes with every change of the schema (`PRAGMA schema_version`).
    pub schema_cookie: u32,
    /// Largest root page of an auto-vacuum database, 0 for any other.
    pub largest_root: u32,
    /// `PRAGMA user_version`.
    pub user_version: u32,
    /// `PRAGMA application_id`.
    pub application_id: u32,
}

impl FileHeader {
    /// Bytes of a page that hold content.
    pub(super) fn usable_bytes(&self) -> u32 {
        self.page_size - u32::from(self.reserved_bytes)
    }

    /// What all files of this kind had in their header: stands in for one that cannot be read.
    pub(super) fn usual() -> Self {
        Self {
            page_size: 4096,
            reserved_bytes: 0,
            write_ahead_log: false,
            page_count: None,
            freelist_head: 0,
            freelist_count: 0,
            schema_cookie: 0,
            largest_root: 0,
            user_version: 0,
            application_id: 0,
        }
    }

    /// Decodes the header from the first bytes of a file.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let fields = Fields(bytes);
        let magic = fields.array::<16>(0)?;
        fields.u32(LEN - 4)?;
        if magic != *MAGIC {
            let found = magic.escape_ascii();
            return Err(Error::corrupt(STRUCTURE, 0, MAGIC.escape_ascii(), found));
        }
        let page_size = page_size(&fields)?;
        let header = Self {
            page_size,
            reserved_bytes: reserved_bytes(&fields, page_size)?,
            write_ahead_log: read_version(&fields)? == 2,
            page_count: page_count(&fields)?,
            freelist_head: fields.u32(32)?,
            freelist_count: fields.u32(36)?,
            schema_cookie: fields.u32(40)?,
            largest_root: fields.u32(52)?,
            user_version: fields.u32(60)?,
            application_id: fields.u32(68)?,
        };
        check_fractions(&fields)?;
        check_schema_fields(&fields)?;
        Ok(header)
    }

    /// Encodes the header of a new file: rollback journal, UTF-8, schema format 4, no freelist.
    pub(super) fn encode(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let page_size = if self.page_size == 65_536 {
            1
        } else {
            self.page_size
        };
        let journal = if self.write_ahead_log { 2 } else { 1 };
        let [.., size_high, size_low] = page_size.to_be_bytes();
        let mut put = |offset: usize, field: &[u8]| {
            if let Some(slot) = bytes.get_mut(offset..offset + field.len()) {
                slot.copy_from_slice(field);
            }
        };
        put(0, MAGIC);
        put(
            16,
            &[
                size_high,
                size_low,
                journal,
                journal,
                self.reserved_bytes,
                64,
                32,
                32,
            ],
        );
        put(24, &CHANGE_COUNTER.to_be_bytes());
        put(28, &self.page_count.unwrap_or(0).to_be_bytes());
        put(32, &self.freelist_head.to_be_bytes());
        put(36, &self.freelist_count.to_be_bytes());
        put(40, &self.schema_cookie.to_be_bytes());
        put(44, &4_u32.to_be_bytes());
        put(52, &self.largest_root.to_be_bytes());
        put(56, &1_u32.to_be_bytes());
        put(60, &self.user_version.to_be_bytes());
        put(68, &self.application_id.to_be_bytes());
        put(92, &CHANGE_COUNTER.to_be_bytes());
        put(96, &LIBRARY_VERSION.to_be_bytes());
        bytes
    }
}

/// A new file was changed once.
const CHANGE_COUNTER: u32 = 1;
/// The library version that files of ours name: the one that wrote the newest known files.
const LIBRARY_VERSION: u32 = 3_054_001;

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, offset: usize) -> Result<[u8; N]> {
        self.0
            .get(offset..)
            .and_then(|rest| rest.first_chunk())
            .copied()
            .ok_or_else(|| {
                let found = format!("{} bytes", self.0.len());
                Error::corrupt(STRUCTURE, offset as u64, "100 bytes", found)
            })
    }

    fn u8(&self, offset: usize) -> Result<u8> {
        let [byte] = self.array(offset)?;
        Ok(byte)
    }

    fn u32(&self, offset: usize) -> Result<u32> {
        self.array(offset).map(u32::from_be_bytes)
    }
}

fn page_size(fields: &Fields<'_>) -> Result<u32> {
    match u32::from(u16::from_be_bytes(fields.array(16)?)) {
        1 => Ok(65_536),
        size if size >= 512 && size.is_power_of_two() => Ok(size),
        size => {
            let expected = "page size: a power of two from 512 to 65536";
            Err(Error::corrupt(STRUCTURE, 16, expected, size))
        }
    }
}

fn reserved_bytes(fields: &Fields<'_>, page_size: u32) -> Result<u8> {
    let reserved = fields.u8(20)?;
    if page_size - u32::from(reserved) < 480 {
        let expected = "at least 480 usable bytes a page";
        let found = format!("page size {page_size}, {reserved} reserved");
        return Err(Error::corrupt(STRUCTURE, 20, expected, found));
    }
    Ok(reserved)
}

fn read_version(fields: &Fields<'_>) -> Result<u8> {
    match fields.u8(19)? {
        0 => Err(Error::corrupt(STRUCTURE, 19, "read version 1 or 2", 0)),
        version @ (1 | 2) => Ok(version),
        version => Err(Error::unsupported(format_args!(
            "sqlite file format read version=`{version}`"
        ))),
    }
}

fn page_count(fields: &Fields<'_>) -> Result<Option<u32>> {
    let count = fields.u32(28)?;
    let counts = count != 0 && fields.u32(24)? == fields.u32(92)?;
    Ok(counts.then_some(count))
}

fn check_fractions(fields: &Fields<'_>) -> Result<()> {
    match fields.array(21)? {
        [64, 32, 32] => Ok(()),
        found => {
            let expected = "payload fractions 64, 32, 32";
            Err(Error::corrupt(
                STRUCTURE,
                21,
                expected,
                format_args!("{found:?}"),
            ))
        }
    }
}

fn check_schema_fields(fields: &Fields<'_>) -> Result<()> {
    let format = fields.u32(44)?;
    if format > 4 {
        return Err(Error::unsupported(format_args!(
            "sqlite schema format=`{format}`"
        )));
    }
    match fields.u32(56)? {
        // A database into which no table was ever put has neither.
        0 | 1 => Ok(()),
        2 | 3 => Err(Error::unsupported("sqlite text encoding=`utf-16`")),
        found => Err(Error::corrupt(
            STRUCTURE,
            56,
            "text encoding 1, 2 or 3",
            found,
        )),
    }
}

#[cfg(test)]
mod tests {
    use shingle::ErrorKind;

    use super::*;

    fn header() -> FileHeader {
        FileHeader {
            page_size: 4096,
            reserved_bytes: 0,
            write_ahead_log: false,
            page_count: Some(7),
            freelist_head: 0,
            freelist_count: 0,
            schema_cookie: 23,
            largest_root: 0,
            user_version: 5,
            application_id: 6,
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for page_size in [512, 4096, 32_768, 65_536] {
            let header = FileHeader {
                page_size,
                ..header()
            };
            assert_eq!(FileHeader::decode(&header.encode()).unwrap(), header);
        }
        assert_eq!(&header().encode()[18..20], &[1, 1]);
    }

    #[test]
    fn a_stale_page_count_does_not_count() {
        let mut bytes = header().encode();
        bytes[95] ^= 1;
        assert_eq!(FileHeader::decode(&bytes).unwrap().page_count, None);
    }

    #[test]
    fn each_bad_field_is_named() {
        let cases: [(usize, u8, ErrorKind); 11] = [
            (0, b'X', ErrorKind::Corrupt),
            (15, 1, ErrorKind::Corrupt),
            (16, 0x11, ErrorKind::Corrupt),
            (17, 2, ErrorKind::Corrupt),
            (19, 0, ErrorKind::Corrupt),
            (19, 3, ErrorKind::Unsupported),
            (21, 65, ErrorKind::Corrupt),
            (23, 0, ErrorKind::Corrupt),
            (47, 5, ErrorKind::Unsupported),
            (59, 2, ErrorKind::Unsupported),
            (59, 9, ErrorKind::Corrupt),
        ];
        for (offset, byte, kind) in cases {
            let mut bytes = header().encode();
            bytes[offset] = byte;
            let error = FileHeader::decode(&bytes).unwrap_err();
            assert_eq!(error.kind(), kind, "offset {offset}: {error}");
        }
    }

    #[test]
    fn small_pages_cannot_reserve_much() {
        let mut bytes = FileHeader {
            page_size: 512,
            ..header()
        }
        .encode();
        bytes[20] = 32;
        assert!(FileHeader::decode(&bytes).is_ok());
        bytes[20] = 33;
        assert!(FileHeader::decode(&bytes).is_err());
    }

    #[test]
    fn every_truncation_is_corrupt() {
        let bytes = header().encode();
        for len in 0..LEN {
            match FileHeader::decode(&bytes[..len]) {
                Ok(_) => panic!("{len} bytes were enough"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
            }
        }
    }
}
