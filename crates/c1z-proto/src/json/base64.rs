//! Base64 as JSON uses it: written with the standard alphabet and padding, read with either
//! alphabet, with or without padding.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Value of each letter of both alphabets, 64 for other bytes.
#[expect(clippy::indexing_slicing, reason = "evaluated when compiling")]
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut value = 0;
    while value < 64 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

/// Appends bytes as base64.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let letter = |bits: u32| ALPHABET.get(bits as usize & 63).copied().unwrap_or(b'=');
    let chunks = bytes.chunks_exact(3);
    let rest = chunks.remainder();
    for chunk in chunks {
        if let &[a, b, c] = chunk {
            let bits = u32::from_be_bytes([0, a, b, c]);
            out.extend([
                letter(bits >> 18),
                letter(bits >> 12),
                letter(bits >> 6),
                letter(bits),
            ]);
        }
    }
    match *rest {
        [a] => {
            let bits = u32::from(a) << 16;
            out.extend([letter(bits >> 18), letter(bits >> 12), b'=', b'=']);
        }
        [a, b] => {
            let bits = u32::from_be_bytes([0, a, b, 0]);
            out.extend([
                letter(bits >> 18),
                letter(bits >> 12),
                letter(bits >> 6),
                b'=',
            ]);
        }
        _ => {}
    }
}

/// Appends what base64 text stands for; `None` if it is not base64, and then `out` may have grown.
///
/// Letters of both alphabets in one text, line breaks and bits that no byte uses are refused.
pub(super) fn decode(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut text = text.as_bytes();
    if text.len().is_multiple_of(4) {
        text = text
            .strip_suffix(b"==")
            .or_else(|| text.strip_suffix(b"="))
            .unwrap_or(text);
    }
    let has = |letters: [u8; 2]| text.iter().any(|letter| letters.contains(letter));
    if has(*b"-_") && has(*b"+/") {
        return None;
    }
    out.reserve(text.len() / 4 * 3 + 2);
    for chunk in text.chunks(4) {
        let mut bits = 0_u32;
        for letter in chunk {
            let value = *VALUES.get(usize::from(*letter))?;
            if value == 64 {
                return None;
            }
            bits = bits << 6 | u32::from(value);
        }
        let [_, a, b, c] = bits.to_be_bytes();
        match chunk.len() {
            4 => out.extend([a, b, c]),
            3 if bits.trailing_zeros() >= 2 => out.extend((bits << 6).to_be_bytes().get(1..3)?),
            2 if bits.trailing_zeros() >= 4 => out.extend((bits << 12).to_be_bytes().get(1..2)?),
            _ => return None,
        }
    }
    Some(())
}
