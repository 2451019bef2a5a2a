use proptest::prelude::*;

use super::*;

#[test]
fn varints_at_the_edges() {
    for (value, bytes) in [
        (0, b"\x00".as_slice()),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (u64::from(u32::MAX), b"\xff\xff\xff\xff\x0f"),
        (u64::MAX, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    ] {
        let mut out = Vec::new();
        put_varint(&mut out, value);
        assert_eq!(out, bytes);
        assert_eq!(varint_len(value), bytes.len());
        assert_eq!(split_varint(bytes), Ok((value, b"".as_slice())));
    }
    // Longer than need be, but valid.
    assert_eq!(
        split_varint(b"\x80\x80\x00rest"),
        Ok((0, b"rest".as_slice()))
    );
}

#[test]
fn bad_varints() {
    assert_eq!(split_varint(b""), Err(FaultKind::Truncated));
    assert_eq!(split_varint(b"\x80"), Err(FaultKind::Truncated));
    assert_eq!(split_varint(&[0x80; 9]), Err(FaultKind::Truncated));
    assert_eq!(split_varint(&[0x80; 10]), Err(FaultKind::VarintOverflow));
    let too_large = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02";
    assert_eq!(split_varint(too_large), Err(FaultKind::VarintOverflow));
}

#[test]
fn bad_tags() {
    assert_eq!(split_tag(b"\x02"), Err(FaultKind::FieldNumber));
    assert_eq!(split_tag(b"\x0e"), Err(FaultKind::WireType));
    assert_eq!(split_tag(b"\x0f"), Err(FaultKind::WireType));
    let mut largest = Vec::new();
    put_tag(&mut largest, FIELD_NUMBER_MAX, WireType::Bytes);
    assert_eq!(
        split_tag(&largest),
        Ok((FIELD_NUMBER_MAX, WireType::Bytes, b"".as_slice()))
    );
    let mut beyond = Vec::new();
    put_tag(&mut beyond, FIELD_NUMBER_MAX + 1, WireType::Bytes);
    assert_eq!(split_tag(&beyond), Err(FaultKind::FieldNumber));
    assert_eq!(split_tag(&[0xff; 9]), Err(FaultKind::Truncated));
}

#[test]
fn lengths_beyond_the_end() {
    assert_eq!(
        split_bytes(b"\x03abc!"),
        Ok((b"abc".as_slice(), b"!".as_slice()))
    );
    assert_eq!(split_bytes(b"\x04abc"), Err(FaultKind::Truncated));
    let huge = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01abc";
    assert_eq!(split_bytes(huge), Err(FaultKind::Truncated));
}

proptest! {
    #[test]
    fn varints_round_trip(value: u64, shift in 0_u32..64) {
        let value = value >> shift;
        let mut out = Vec::new();
        put_varint(&mut out, value);
        prop_assert_eq!(out.len(), varint_len(value));
        prop_assert_eq!(split_varint(&out), Ok((value, b"".as_slice())));
    }
}
