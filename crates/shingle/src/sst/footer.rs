//! Footers of all table formats (`pebble-ondisk` §3.2).
//!
//! | v1–v5 | v6 | v7 | field |
//! |---|---|---|---|
//! | 0 | 0 | 0 | checksum type u8 |
//! | 1 | 1 | 1 | metaindex handle, index handle: uvarints, padded with zeros to 41 |
//! | – | – | 41 | attributes u32 |
//! | – | 41 | 45 | masked CRC-32C of the footer without these four bytes |
//! | 41 | 45 | 49 | version u32 |
//! | 45 | 49 | 53 | magic, 8 bytes |
//! | 53 | 57 | 61 | length |

use super::handle::BlockHandle;
use super::wrapper::ChecksumKind;
use crate::checksum::masked_crc32c;
use crate::codec::Input;
use crate::{Error, Result};

const STRUCTURE: &str = "sstable footer";
const HANDLES_END: usize = 41;

/// Length of the longest footer.
pub(super) const FOOTER_LEN_MAX: usize = 61;

const PEBBLE_MAGIC: [u8; 8] = [0xf0, 0x9f, 0xaa, 0xb3, 0xf0, 0x9f, 0xaa, 0xb3];
const ROCKSDB_MAGIC: [u8; 8] = [0xf7, 0xcf, 0xf4, 0x85, 0xb7, 0x41, 0xe2, 0x88];
const LEVELDB_MAGIC: [u8; 8] = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

/// The table formats that Pebble writes; each later one contains the earlier ones' features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum TableFormat {
    /// Row-oriented blocks; block properties.
    V1 = 1,
    /// Range keys.
    V2 = 2,
    /// Value blocks; a prefix byte on values.
    V3 = 3,
    /// Sized deletes; obsolete bit in the trailer.
    V4 = 4,
    /// Columnar data, index and keyspan blocks.
    V5 = 5,
    /// Columnar metaindex; footer checksum.
    V6 = 6,
    /// Columnar, compressed properties; attributes in the footer. The only format written here.
    V7 = 7,
}

impl TableFormat {
    fn from_version(version: u32) -> Option<Self> {
        Some(match version {
            1 => Self::V1,
            2 => Self::V2,
            3 => Self::V3,
            4 => Self::V4,
            5 => Self::V5,
            6 => Self::V6,
            7 => Self::V7,
            _ => return None,
        })
    }

    /// Bytes of the format's footer.
    pub(super) fn footer_len(self) -> usize {
        match self {
            Self::V7 => 61,
            Self::V6 => 57,
            _ => 53,
        }
    }

    /// Whether data, index and keyspan blocks are columnar.
    pub(super) fn is_columnar(self) -> bool {
        self >= Self::V5
    }
}

/// Features of a table as its footer states them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes(pub(super) u32);

impl Attributes {
    pub(super) const VALUE_BLOCKS: u32 = 0x01;
    pub(super) const RANGE_KEY_SETS: u32 = 0x02;
    pub(super) const RANGE_KEY_UNSETS: u32 = 0x04;
    pub(super) const RANGE_KEY_DELETES: u32 = 0x08;
    pub(super) const RANGE_DELETES: u32 = 0x10;
    pub(super) const TWO_LEVEL_INDEX: u32 = 0x20;
    pub(super) const BLOB_VALUES: u32 = 0x40;
    pub(super) const POINT_KEYS: u32 = 0x80;
}

/// A decoded footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) format: TableFormat,
    pub(super) checksum: ChecksumKind,
    pub(super) metaindex: BlockHandle,
    pub(super) index: BlockHandle,
    /// Only in v7.
    pub(super) attributes: Option<Attributes>,
}

impl Footer {
    /// Reads the footer at the end of `tail`, which holds the last bytes of a file, at least
    /// [`FOOTER_LEN_MAX`] of them unless the file is shorter. Offsets in errors count from the start
    /// of the footer.
    ///
    /// # Errors
    /// `Corrupt` for a foreign magic, a checksum that does not match, or unknown fields;
    /// `Unsupported` for tables of LevelDB, RocksDB and later Pebble formats, by name.
    pub(super) fn decode(tail: &[u8]) -> Result<Self> {
        let format = Self::format(tail)?;
        let len = format.footer_len();
        let footer = tail
            .len()
            .checked_sub(len)
            .and_then(|start| tail.get(start..))
            .ok_or_else(|| {
                let expected = format_args!("a footer of {len} bytes");
                Error::corrupt(STRUCTURE, 0, expected, tail.len())
            })?;
        let attributes = match format {
            TableFormat::V7 => {
                check_crc(footer, 45)?;
                let mut input = Input::new(STRUCTURE, footer.get(41..).unwrap_or_default());
                Some(Attributes(input.u32()?))
            }
            TableFormat::V6 => {
                check_crc(footer, 41)?;
                None
            }
            _ => None,
        };
        let mut input = Input::new(STRUCTURE, footer.get(..HANDLES_END).unwrap_or_default());
        let checksum = ChecksumKind::from_byte(input.u8()?)?;
        let metaindex = BlockHandle::read(&mut input)?;
        let index = BlockHandle::read(&mut input)?;
        while !input.is_empty() {
            let byte = input.u8()?;
            if byte != 0 {
                return Err(input.corrupt("zeros after the handles", byte));
            }
        }
        Ok(Self {
            format,
            checksum,
            metaindex,
            index,
            attributes,
        })
    }

    fn format(tail: &[u8]) -> Result<TableFormat> {
        let magic = tail
            .last_chunk::<8>()
            .ok_or_else(|| Error::corrupt(STRUCTURE, 0, "a footer", "end of file"))?;
        match *magic {
            PEBBLE_MAGIC => {}
            ROCKSDB_MAGIC => return Err(Error::unsupported("RocksDB table format")),
            LEVELDB_MAGIC => return Err(Error::unsupported("LevelDB table format")),
            _ => {
                let found = format_args!("{magic:02x?}");
                return Err(Error::corrupt(
                    STRUCTURE,
                    0,
                    "magic f09faab3f09faab3",
                    found,
                ));
            }
        }
        let version = tail
            .last_chunk::<12>()
            .and_then(|end| end.first_chunk::<4>())
            .map(|version| u32::from_le_bytes(*version))
            .unwrap_or_default();
        TableFormat::from_version(version).ok_or_else(|| {
            if version == 0 {
                Error::corrupt(STRUCTURE, 0, "a version from 1", version)
            } else {
                Error::unsupported(format_args!("Pebble table format version=`{version}`"))
            }
        })
    }

    /// The footer of a v7 table.
    pub(super) fn encode_v7(
        checksum: ChecksumKind,
        metaindex: BlockHandle,
        index: BlockHandle,
        attributes: Attributes,
    ) -> Vec<u8> {
        let mut out = vec![checksum as u8];
        metaindex.put(&mut out);
        index.put(&mut out);
        out.resize(HANDLES_END, 0);
        out.extend_from_slice(&attributes.0.to_le_bytes());
        let version = (TableFormat::V7 as u32).to_le_bytes();
        let crc = masked_crc32c(&[&out, &version, &PEBBLE_MAGIC]);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&version);
        out.extend_from_slice(&PEBBLE_MAGIC);
        out
    }
}

/// Checks the checksum at `at` over the rest of `footer`.
fn check_crc(footer: &[u8], at: usize) -> Result<()> {
    let (head, rest) = footer.split_at_checked(at).unwrap_or_default();
    let (stored, tail) = rest.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    let stored = u32::from_le_bytes(*stored);
    let computed = masked_crc32c(&[head, tail]);
    if stored == computed {
        return Ok(());
    }
    Err(Error::corrupt(
        STRUCTURE,
        at as u64,
        format_args!("checksum {computed:08x}"),
        format_args!("{stored:08x}"),
    ))
}
