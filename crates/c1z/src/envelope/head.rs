//! What stands before the payload of a v3 file: magic, manifest length, manifest
//! (`c1z-envelope` §3).
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 5 | `C1Z3\0` |
//! | 5 | 4 | manifest length L, u32 big-endian, at most 16 MiB |
//! | 9 | L | manifest, protobuf `c1.c1z.v3.C1ZManifestV3` |
//! | 9 + L | to the end | payload |

use super::fault;
use super::identify::{MAGIC_LEN, MAGIC_V3};
use crate::{Error, ErrorKind, Result};

/// Length of magic and manifest length, bytes.
pub(super) const PREFIX_LEN: usize = MAGIC_LEN + 4;
/// Longest manifest, bytes, inclusive.
pub(super) const MANIFEST_LEN_MAX: u32 = 16 << 20;

const STRUCTURE: &str = "manifest length";

/// The manifest length that `prefix`, the first bytes of a v3 file of `file_len` bytes, declares.
///
/// # Errors
/// `DataLoss` (truncated) when the file ends before the manifest does; `ResourceExhausted` for a
/// length over the cap, which is looked at first: nothing is allocated for it.
pub(super) fn manifest_len(prefix: &[u8], file_len: u64) -> Result<u32> {
    let at = MAGIC_LEN as u64;
    let Some(bytes) = prefix
        .get(MAGIC_LEN..PREFIX_LEN)
        .and_then(|b| b.first_chunk::<4>())
    else {
        let found = format!("{} bytes", prefix.len().saturating_sub(MAGIC_LEN));
        return Err(fault::truncated(STRUCTURE, at, "4 bytes", found));
    };
    let len = u32::from_be_bytes(*bytes);
    if len > MANIFEST_LEN_MAX {
        let bound = u64::from(MANIFEST_LEN_MAX);
        return Err(fault::over_bound("manifest length", len, bound));
    }
    let present = file_len.saturating_sub(PREFIX_LEN as u64);
    if u64::from(len) > present {
        let found = format!("{present} bytes");
        return Err(fault::truncated(
            "manifest",
            PREFIX_LEN as u64,
            format!("{len} bytes"),
            found,
        ));
    }
    Ok(len)
}

/// Everything before the payload.
///
/// # Errors
/// `InvalidArgument` for a manifest over the cap.
pub(super) fn encode(manifest: &[u8]) -> Result<Vec<u8>> {
    let len = u32::try_from(manifest.len())
        .ok()
        .filter(|len| *len <= MANIFEST_LEN_MAX);
    let Some(len) = len else {
        let message = format!(
            "manifest is too long bytes=`{}` cap=`{MANIFEST_LEN_MAX}`",
            manifest.len()
        );
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    };
    let mut out = Vec::with_capacity(PREFIX_LEN + manifest.len());
    out.extend_from_slice(&MAGIC_V3);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(manifest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_bounded_before_anything_is_read() {
        let head = encode(b"abc").unwrap();
        assert_eq!(head, b"C1Z3\0\0\0\0\x03abc");
        assert_eq!(manifest_len(&head, 12).unwrap(), 3);
        for (prefix, file_len, kind, begins) in [
            (
                &head[..5],
                5,
                ErrorKind::DataLoss,
                "truncated manifest length",
            ),
            (
                &head[..8],
                8,
                ErrorKind::DataLoss,
                "truncated manifest length",
            ),
            (&head[..9], 9, ErrorKind::DataLoss, "truncated manifest"),
            (&head[..11], 11, ErrorKind::DataLoss, "truncated manifest"),
            (
                b"C1Z3\0\x01\0\0\x01",
                1 << 40,
                ErrorKind::ResourceExhausted,
                "manifest length",
            ),
        ] {
            let error = manifest_len(prefix, file_len).unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().starts_with(begins), "{error}");
        }
        assert_eq!(
            manifest_len(b"C1Z3\0\x01\0\0\0", 1 << 40).unwrap(),
            MANIFEST_LEN_MAX
        );
    }

    #[test]
    fn a_manifest_over_the_cap_is_not_written() {
        let error = encode(&vec![0; (16 << 20) + 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}
