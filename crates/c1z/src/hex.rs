//! Bytes in hexadecimal, for messages, reports and checksums.

use std::fmt::Write as _;

/// Longest prefix of a key that a message shows.
const SHOWN: usize = 32;

/// All bytes.
pub(crate) fn whole(bytes: &[u8]) -> String {
    let text = String::with_capacity(2 * bytes.len());
    bytes.iter().fold(text, |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first bytes, and two dots if there are more.
pub(crate) fn short(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(shown) if bytes.len() > SHOWN => whole(shown) + "..",
        _ => whole(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bytes_are_cut_and_said_to_be() {
        assert_eq!(short(&[0xab; SHOWN]), "ab".repeat(SHOWN));
        assert_eq!(short(&[0xab; SHOWN + 1]), "ab".repeat(SHOWN) + "..");
        assert_eq!(whole(&[0x00, 0xff]), "00ff");
    }
}
