//! The variable-length integers of the file format: big-endian, seven bits a byte, at most nine
//! bytes, of which the ninth carries eight bits.

/// The most bytes that one takes.
pub(super) const LEN_MAX: usize = 9;

/// Decodes one from the start of `bytes`: the value and the number of bytes it took. `None` when
/// the bytes end early.
#[inline]
pub(super) fn decode(bytes: &[u8]) -> Option<(u64, usize)> {
    match bytes {
        [a, ..] if *a < 0x80 => Some((u64::from(*a), 1)),
        [a, b, ..] if *b < 0x80 => Some((u64::from(*a & 0x7f) << 7 | u64::from(*b), 2)),
        _ => decode_long(bytes),
    }
}

fn decode_long(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (i, byte) in bytes.iter().take(LEN_MAX - 1).enumerate() {
        value = value << 7 | u64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Some((value, i + 1));
        }
    }
    let last = bytes.get(LEN_MAX - 1)?;
    Some((value << 8 | u64::from(*last), LEN_MAX))
}

/// The number of bytes that `value` takes.
pub(super) fn len(value: u64) -> usize {
    let bits = 64 - value.leading_zeros() as usize;
    if bits > 56 {
        LEN_MAX
    } else {
        bits.div_ceil(7).max(1)
    }
}

/// Appends `value` to `out`.
pub(super) fn encode(value: u64, out: &mut Vec<u8>) {
    let len = len(value);
    let (mut rest, groups) = if len == LEN_MAX {
        (value >> 8, LEN_MAX - 1)
    } else {
        (value, len)
    };
    let mut bytes = [0_u8; LEN_MAX];
    for (i, byte) in bytes.iter_mut().take(groups).enumerate().rev() {
        let more = if i + 1 == len { 0 } else { 0x80 };
        *byte = low_byte(rest) & 0x7f | more;
        rest >>= 7;
    }
    if let (LEN_MAX, [.., last]) = (len, &mut bytes) {
        *last = low_byte(value);
    }
    out.extend(bytes.iter().take(len));
}

fn low_byte(value: u64) -> u8 {
    let [.., low] = value.to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values around every change of length.
    fn edges() -> Vec<u64> {
        let mut values = vec![0, 1, u64::MAX, u64::MAX - 1, i64::MAX.cast_unsigned()];
        for bits in (7..64).step_by(7) {
            values.extend([(1 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        }
        values
    }

    #[test]
    fn every_length_comes_back() {
        for value in edges() {
            let mut bytes = Vec::new();
            encode(value, &mut bytes);
            assert_eq!(bytes.len(), len(value), "{value}");
            assert_eq!(decode(&bytes), Some((value, bytes.len())), "{bytes:02x?}");
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), None, "{value} cut at {cut}");
            }
        }
    }

    #[test]
    fn known_encodings() {
        let cases: [(u64, &[u8]); 6] = [
            (0x7f, &[0x7f]),
            (0x80, &[0x81, 0x00]),
            (0x3fff, &[0xff, 0x7f]),
            (0x4000, &[0x81, 0x80, 0x00]),
            (
                (1 << 56) - 1,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            ),
            (u64::MAX, &[0xff; 9]),
        ];
        for (value, want) in cases {
            let mut bytes = Vec::new();
            encode(value, &mut bytes);
            assert_eq!(bytes, want);
        }
    }
}
