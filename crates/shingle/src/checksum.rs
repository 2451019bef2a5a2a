//! The masked CRC-32C that guards log chunks, blocks and footers (`pebble-ondisk` §2.1, §3.1).

/// CRC-32C of `parts` one after the other, rotated and shifted so that a checksum of bytes that
/// hold checksums stays meaningful.
pub(crate) fn masked_crc32c(parts: &[&[u8]]) -> u32 {
    mask(
        parts
            .iter()
            .fold(0, |crc, part| crc32c::crc32c_append(crc, part)),
    )
}

/// The stored form of a CRC-32C.
pub(crate) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
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
