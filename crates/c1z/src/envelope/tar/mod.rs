//! Tar archives as `.c1z` files hold them: USTAR headers, PAX records where a name or a length
//! does not fit, two zero blocks at the end (`c1z-envelope` §3.3).
//!
//! Ours and not a crate's, because a payload is read by offset and not unpacked, because every
//! length and name is judged before anything is done with it, and because the subset is small: of
//! an archive only files matter; directories follow from names; links and devices are passed over as
//! the reference does. Stricter than the reference: names are clean, the end marker must be there,
//! and only zeros may follow it. Unsupported and refused: sparse files, long names in the GNU form
//! (no writer of these files makes either).

mod header;
mod pax;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use reader::{TarFile, TarInput, TarReader};
pub(super) use writer::{TarMember, archive_len, write_end, write_header, write_padding};

/// Everything in an archive is a multiple of this, bytes.
const BLOCK_LEN: usize = 512;
/// Zero blocks that end an archive, bytes.
const END_LEN: usize = 2 * BLOCK_LEN;

/// Bytes of zeros between a file of `len` bytes and the next header.
fn padding_len(len: u64) -> u64 {
    len.wrapping_neg() % BLOCK_LEN as u64
}
