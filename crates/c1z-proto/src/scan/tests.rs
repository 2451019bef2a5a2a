use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wire::{put_bytes_field, put_tag, put_varint, put_varint_field};

/// A field as the tests build it.
#[derive(Debug, Clone)]
enum Part {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Vec<u8>),
    Group(Vec<(u32, Part)>),
}

fn part() -> impl Strategy<Value = Part> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Part::Varint),
        any::<u64>().prop_map(Part::Fixed64),
        any::<u32>().prop_map(Part::Fixed32),
        vec(any::<u8>(), 0..300).prop_map(Part::Bytes),
    ];
    leaf.prop_recursive(4, 16, 4, |part| {
        vec((number(), part), 0..4).prop_map(Part::Group)
    })
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![1_u32..16, 1..=crate::wire::FIELD_NUMBER_MAX]
}

fn put(out: &mut Vec<u8>, number: u32, part: &Part) {
    match part {
        Part::Varint(value) => put_varint_field(out, number, *value),
        Part::Bytes(value) => put_bytes_field(out, number, value),
        Part::Fixed64(value) => {
            put_tag(out, number, WireType::Fixed64);
            out.extend(value.to_le_bytes());
        }
        Part::Fixed32(value) => {
            put_tag(out, number, WireType::Fixed32);
            out.extend(value.to_le_bytes());
        }
        Part::Group(parts) => {
            put_tag(out, number, WireType::GroupStart);
            for (number, part) in parts {
                put(out, *number, part);
            }
            put_tag(out, number, WireType::GroupEnd);
        }
    }
}

proptest! {
    #[test]
    fn fields_come_as_they_were_put(parts in vec((number(), part()), 0..20)) {
        let mut message = Vec::new();
        let mut ends = vec![0];
        for (number, part) in &parts {
            put(&mut message, *number, part);
            ends.push(message.len());
        }
        let found: Vec<_> = fields(&message).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(found.len(), parts.len());
        for ((field, (number, part)), ends) in found.iter().zip(&parts).zip(ends.windows(2)) {
            prop_assert_eq!(field.number, *number);
            prop_assert_eq!(&field.range, &(ends[0]..ends[1]));
            match (part, field.value) {
                (Part::Varint(a), Value::Varint(b)) | (Part::Fixed64(a), Value::Fixed64(b)) => {
                    prop_assert_eq!(*a, b);
                }
                (Part::Fixed32(a), Value::Fixed32(b)) => prop_assert_eq!(*a, b),
                (Part::Bytes(a), Value::Bytes(b)) => prop_assert_eq!(a.as_slice(), b),
                (Part::Group(a), Value::Group(b)) => {
                    let mut inner = Vec::new();
                    for (number, part) in a {
                        put(&mut inner, *number, part);
                    }
                    prop_assert_eq!(inner.as_slice(), b);
                }
                (part, value) => prop_assert!(false, "{:?} became {:?}", part, value),
            }
        }
    }

    #[test]
    fn cut_messages_are_faults_or_shorter(parts in vec((number(), part()), 1..8), cut: u16) {
        let mut message = Vec::new();
        for (number, part) in &parts {
            put(&mut message, *number, part);
        }
        let cut = usize::from(cut) % message.len();
        let mut whole = 0;
        for field in fields(&message[..cut]) {
            match field {
                Ok(field) => whole = field.range.end,
                Err(fault) => prop_assert_eq!(fault.offset, whole),
            }
        }
        prop_assert!(whole <= cut);
    }

    #[test]
    fn noise_ends(bytes in vec(any::<u8>(), 0..200)) {
        let mut walk = fields(&bytes);
        let faults = walk.by_ref().filter(Result::is_err).count();
        prop_assert!(faults <= 1);
        prop_assert!(walk.next().is_none());
    }
}

#[test]
fn only_refuses_what_readers_disagree_on() {
    let once = b"\x08\x01\x12\x02id\x1a\x00";
    assert_eq!(only(once, 2), Ok(Some(b"id".as_slice())));
    assert_eq!(only(once, 3), Ok(Some(b"".as_slice())));
    assert_eq!(only(once, 4), Ok(None));
    assert_eq!(only_str(once, 4), Ok(""));
    let fault = |offset, kind| Some(Fault { offset, kind });
    assert_eq!(only(once, 1).err(), fault(0, FaultKind::WireTypeMismatch));
    assert_eq!(
        only(b"\x12\x02id\x12\x02id", 2).err(),
        fault(4, FaultKind::Repeated)
    );
    assert_eq!(
        only_str(b"\x08\x01\x12\x02i\xff", 2).err(),
        fault(5, FaultKind::Utf8)
    );
    assert_eq!(
        only(b"\x12\x02id\x12", 2).err(),
        fault(4, FaultKind::Truncated)
    );
}

#[test]
fn groups_must_match() {
    let kinds = |bytes: &[u8]| fields(bytes).find_map(Result::err).map(|fault| fault.kind);
    assert_eq!(kinds(b"\x0b\x0c"), None);
    assert_eq!(kinds(b"\x0c"), Some(FaultKind::Group));
    assert_eq!(kinds(b"\x0b\x14"), Some(FaultKind::Group));
    assert_eq!(kinds(b"\x0b"), Some(FaultKind::Truncated));
    assert_eq!(kinds(b"\x0b\x13\x0c\x14"), Some(FaultKind::Group));
    assert_eq!(kinds(&b"\x0b".repeat(10_000)), Some(FaultKind::Depth));
    let mut deepest = b"\x0b".repeat(GROUP_DEPTH_MAX + 1);
    deepest.extend(b"\x0c".repeat(GROUP_DEPTH_MAX + 1));
    assert_eq!(kinds(&deepest), None);
    let mut length = Vec::new();
    put_varint(&mut length, u64::MAX);
    assert_eq!(
        kinds(&[b"\x0b\x12", length.as_slice()].concat()),
        Some(FaultKind::Truncated)
    );
}
