//! The manifest of a v3 file: decoding, the checks that opening needs, encoding
//! (`c1z-envelope` §3.1, `c1z3-keyspace` §9).
//!
//! The message is kept whole, with the fields this version does not know, so that a file can be
//! written again without losing them. What the manifest says about syncs and digests is *recorded*,
//! not certified: whoever answers from it compares with the payload or says so. The schema version
//! and the record types are informational, as in the reference: the payload has marks of its own.

use buffa::{DecodeOptions, EnumValue, Message};
use c1z_proto::c1z::v3 as proto;
pub use c1z_proto::c1z::v3::C1ZManifestV3 as Manifest;

use super::fault;
use super::head::{MANIFEST_LEN_MAX, PREFIX_LEN};
use crate::{Error, ErrorKind, Result};

const STRUCTURE: &str = "manifest";
/// Deepest nesting; real manifests reach 10 (options inside descriptors).
const RECURSION_LIMIT: u32 = 100;
/// Most unknown fields kept; each costs some tens of bytes.
const UNKNOWN_FIELDS_MAX: usize = 100_000;
/// Memory for decoded elements; real manifests need some 100 KiB.
const ELEMENT_MEMORY_MAX: usize = 64 << 20;
/// The version behind `pebble` that is written, and the newest that is read.
const PEBBLE_CURRENT: u32 = 3;

/// How the payload of a v3 file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadEncoding {
    /// A tar archive in one zstd frame.
    TarZstd,
    /// A plain tar archive.
    Tar,
    /// Independent zstd frames and an index; the default.
    IndexedZstd,
}

impl PayloadEncoding {
    /// The name that tools print.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TarZstd => "tar_zstd",
            Self::Tar => "tar",
            Self::IndexedZstd => "indexed_zstd",
        }
    }

    fn to_proto(self) -> proto::PayloadEncoding {
        match self {
            Self::TarZstd => proto::PayloadEncoding::PAYLOAD_ENCODING_TAR_ZSTD,
            Self::Tar => proto::PayloadEncoding::PAYLOAD_ENCODING_TAR,
            Self::IndexedZstd => proto::PayloadEncoding::PAYLOAD_ENCODING_INDEXED_ZSTD,
        }
    }

    fn from_proto(value: EnumValue<proto::PayloadEncoding>) -> Option<Self> {
        match value.as_known()? {
            proto::PayloadEncoding::PAYLOAD_ENCODING_TAR_ZSTD => Some(Self::TarZstd),
            proto::PayloadEncoding::PAYLOAD_ENCODING_TAR => Some(Self::Tar),
            proto::PayloadEncoding::PAYLOAD_ENCODING_INDEXED_ZSTD => Some(Self::IndexedZstd),
            proto::PayloadEncoding::PAYLOAD_ENCODING_UNSPECIFIED => None,
        }
    }
}

/// The name of the engine that wrote the payload. It changes with every incompatible change of the
/// key layout; which layout a payload really has, its own stamp tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EngineName {
    /// `pebble`, the oldest.
    Pebble,
    /// `pebble2`, until July 2026.
    Pebble2,
    /// `pebble3`, the only one that is written.
    Pebble3,
}

impl EngineName {
    /// The name as it stands in the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pebble => "pebble",
            Self::Pebble2 => "pebble2",
            Self::Pebble3 => "pebble3",
        }
    }

    /// The engine that a manifest names.
    ///
    /// # Errors
    /// `EngineNotAvailable` for every other name, also for none.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "pebble" => Ok(Self::Pebble),
            "pebble2" => Ok(Self::Pebble2),
            "pebble3" => Ok(Self::Pebble3),
            other => Err(unknown_engine(other)),
        }
    }
}

fn unknown_engine(name: &str) -> Error {
    let newer = name
        .strip_prefix("pebble")
        .and_then(|version| version.parse::<u32>().ok())
        .is_some_and(|version| version > PEBBLE_CURRENT);
    let hint = if newer {
        "the name is newer than `pebble3`: upgrade to a version that reads it"
    } else {
        "this version reads the engines `pebble`, `pebble2` and `pebble3`"
    };
    let message = format!("engine not available engine=`{}`", name.escape_debug());
    Error::new(ErrorKind::EngineNotAvailable, message).with_hint(hint)
}

/// Decodes the manifest bytes, which stand at the fixed place behind the prefix.
///
/// # Errors
/// `DataLoss` when the bytes are no such message.
pub(super) fn decode(bytes: &[u8]) -> Result<Manifest> {
    DecodeOptions::new()
        .with_recursion_limit(RECURSION_LIMIT)
        .with_max_message_size(MANIFEST_LEN_MAX as usize)
        .with_unknown_field_limit(UNKNOWN_FIELDS_MAX)
        .with_element_memory_limit(ELEMENT_MEMORY_MAX)
        .decode_from_slice(bytes)
        .map_err(|e| {
            let expected = "a protobuf C1ZManifestV3";
            fault::corrupt(STRUCTURE, PREFIX_LEN as u64, expected, &e).with_source(e)
        })
}

/// The payload encoding that the manifest names.
///
/// # Errors
/// `DataLoss` when there is none, `FormatNewer` for one that this version does not know.
pub(super) fn payload_encoding(manifest: &Manifest) -> Result<PayloadEncoding> {
    let value = manifest.payload_encoding;
    match PayloadEncoding::from_proto(value) {
        Some(encoding) => Ok(encoding),
        None if value.to_i32() == 0 => {
            let found = "payload_encoding 0";
            Err(fault::corrupt(
                STRUCTURE,
                PREFIX_LEN as u64,
                "payload_encoding 1, 2 or 5",
                found,
            ))
        }
        None => {
            let message = format!(
                "payload encoding is not known encoding=`{}`",
                value.to_i32()
            );
            Err(Error::new(ErrorKind::FormatNewer, message)
                .with_hint("upgrade to a version that reads it"))
        }
    }
}

/// Encodes `manifest` for a payload in `encoding`, fields in order, without regard to the encoding
/// that stands in it.
///
/// # Errors
/// `InvalidArgument` for an engine name that is never written.
pub(super) fn encode(manifest: &Manifest, encoding: PayloadEncoding) -> Result<Vec<u8>> {
    if manifest.engine != EngineName::Pebble3.as_str() {
        let name = manifest.engine.escape_debug();
        return Err(Error::invalid(format!(
            "manifest must name engine `pebble3` engine=`{name}`"
        )));
    }
    let mut manifest = manifest.clone();
    manifest.payload_encoding = EnumValue::from(encoding.to_proto());
    manifest.try_encode_to_vec().map_err(|e| {
        Error::new(ErrorKind::InvalidArgument, "manifest cannot be encoded").with_source(e)
    })
}
