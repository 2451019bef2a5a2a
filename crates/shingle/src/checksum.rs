//! The masked CRC-32C that guards log chunks, blocks and footers (`pebble-ondisk` §2.1, §3.1), and a
//! hash of whole files.

/// CRC-32C of `parts` one after the other, rotated and shifted so that a checksum of bytes that
/// hold checksums stays meaningful.
pub(crate) fn masked_crc32c(parts: &[&[u8]]) -> u32 {
    mask(
        parts
            .iter()
            .fold(0, |crc, part| crc32c::crc32c_append(crc, part)),
    )
}

/// A [`masked_crc32c`] whose parts come one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PartsCrc(u32);

impl PartsCrc {
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.0 = crc32c::crc32c_append(self.0, part);
    }

    pub(crate) fn masked(self) -> u32 {
        mask(self.0)
    }
}

/// The stored form of a CRC-32C.
pub(crate) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A running XXH64, seed 0, of a whole file: whoever copies the file can tell that it copied what was
/// written.
#[derive(Clone)]
pub(crate) struct FileHash(xxhash_rust::xxh64::Xxh64);

impl FileHash {
    /// The hash of nothing.
    pub(crate) fn new() -> Self {
        Self(xxhash_rust::xxh64::Xxh64::new(0))
    }

    /// The hash of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> u64 {
        xxhash_rust::xxh64::xxh64(bytes, 0)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn digest(&self) -> u64 {
        self.0.digest()
    }
}

impl std::fmt::Debug for FileHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_vector() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked_crc32c(&[b"12345", b"", b"6789"]), 0xc78a_b0e5);
    }
}
