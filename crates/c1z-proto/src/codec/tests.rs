use super::*;
use crate::connector::v2::{Grant, GrantSources, Resource, ResourceType};
use crate::google::protobuf::{ListValue, Struct};
use crate::storage::v3::{GrantRecord, SyncStatsRecord};
use crate::wire::{WireType, put_bytes_field, put_tag, put_varint_field};

/// `put_bytes_field` into a new message.
fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes_field(&mut out, number, value);
    out
}

fn round_trip<M: Described>(bytes: &[u8]) -> Vec<u8> {
    encode_canonical(&decode::<M>(bytes).unwrap())
}

#[test]
fn entries_of_maps_keep_default_values() {
    let bytes = b"\x0a\x05\x0a\x01e\x12\x00";
    assert_eq!(round_trip::<GrantSources>(bytes), bytes);
    // The same without the value, and with neither: both come back in full.
    assert_eq!(round_trip::<GrantSources>(b"\x0a\x03\x0a\x01e"), bytes);
    assert_eq!(
        round_trip::<GrantSources>(b"\x0a\x00"),
        b"\x0a\x04\x0a\x00\x12\x00"
    );
    let counts = b"\x3a\x07\x0a\x03app\x10\x00";
    assert_eq!(round_trip::<SyncStatsRecord>(counts), counts);
}

#[test]
fn entries_of_maps_are_sorted_by_bytes() {
    let entry = |key: &str| field(9, &[field(1, key.as_bytes()), field(2, b"")].concat());
    let keys = ["", "B", "a", "a\0", "aa", "ä", "\u{10ffff}"];
    let sorted: Vec<u8> = keys.iter().flat_map(|key| entry(key)).collect();
    let reversed: Vec<u8> = keys.iter().rev().flat_map(|key| entry(key)).collect();
    assert_eq!(round_trip::<GrantRecord>(&reversed), sorted);
}

#[test]
fn fields_come_back_in_order_and_unknown_ones_last() {
    let unknown = [
        field(99, b"kept"),
        b"\xf8\x07\x96\x01".to_vec(), // 127: varint 150
        b"\xf1\x07\x01\x02\x03\x04\x05\x06\x07\x08".to_vec(), // 126: eight bytes
        b"\xed\x07\x01\x02\x03\x04".to_vec(), // 125: four bytes
        b"\xe3\x07\x08\x01\xe4\x07".to_vec(), // 124: group { 1: 1 }
        field(98, b""),
    ]
    .concat();
    let mixed = [field(5, b"text"), unknown.clone(), field(1, b"id")].concat();
    let ordered = [field(1, b"id"), field(5, b"text"), unknown].concat();
    assert_eq!(round_trip::<ResourceType>(&mixed), ordered);
    // The same inside a message inside a list inside a message.
    let nested = field(1, &field(5, &ordered));
    assert_eq!(round_trip::<Grant>(&nested), nested);
}

#[test]
fn unknown_annotations_are_opaque() {
    let any = [
        field(1, b"example.com/not.Known"),
        field(2, b"\xff\x00not a message"),
    ]
    .concat();
    let bytes = field(1, &field(6, &any));
    assert_eq!(round_trip::<Grant>(&bytes), bytes);
}

#[test]
fn numbers_of_lists_are_packed() {
    assert_eq!(
        round_trip::<ResourceType>(b"\x18\x01\x18\x02"),
        b"\x1a\x02\x01\x02"
    );
    assert_eq!(round_trip::<ResourceType>(b"\x1a\x00"), b"");
    // An enum number that has no name.
    assert_eq!(
        round_trip::<ResourceType>(b"\x1a\x02\xc8\x01"),
        b"\x1a\x02\xc8\x01"
    );
}

#[test]
fn malformed_bytes_are_placed() {
    let cases: [(Vec<u8>, &str, usize, ErrorKind); 7] = [
        (b"\x0a\x05abc".to_vec(), "", 0, ErrorKind::Malformed),
        (b"\x1a\x03id\xff".to_vec(), "id", 4, ErrorKind::Malformed),
        (b"\x1a\x02id\x80".to_vec(), "", 4, ErrorKind::Malformed),
        (b"\x18\x01".to_vec(), "id", 0, ErrorKind::Malformed),
        (b"\x07".to_vec(), "", 0, ErrorKind::Malformed),
        (b"\x02\x00".to_vec(), "", 0, ErrorKind::Malformed),
        (
            [field(4, b""), field(4, &field(1, b"\xc3\x28"))].concat(),
            "annotations[1].type_url",
            6,
            ErrorKind::Malformed,
        ),
    ];
    for (bytes, path, offset, kind) in cases {
        let error = decode::<Grant>(&bytes).unwrap_err();
        assert_eq!(error.path(), path, "{bytes:02x?}: {error}");
        assert_eq!(error.offset(), Some(offset), "{bytes:02x?}: {error}");
        assert_eq!(error.kind(), kind);
        assert_eq!(error.message(), "c1.connector.v2.Grant");
    }
    let error = decode::<Grant>(b"\x1a\x01\xff").unwrap_err();
    let text = "string is not UTF-8: message=`c1.connector.v2.Grant` path=`id` offset=`2`";
    assert_eq!(error.to_string(), text);
}

#[test]
fn keys_of_maps_are_checked() {
    let entry = [field(1, b"\xff"), field(2, b"")].concat();
    let error = decode::<GrantRecord>(&field(9, &entry)).unwrap_err();
    assert_eq!(error.path(), "sources[0]");
    assert_eq!(error.offset(), Some(4));
}

/// A struct in a struct in a struct, `levels` times, and the same of lists.
fn nested(levels: u32) -> (Vec<u8>, Vec<u8>) {
    let (mut structs, mut lists) = (Vec::new(), Vec::new());
    for _ in 0..levels {
        let value = field(5, &structs);
        structs = field(1, &[field(1, b"k"), field(2, &value)].concat());
        lists = field(1, &field(6, &lists));
    }
    (structs, lists)
}

#[test]
fn depth_is_limited() {
    // Test threads have a stack of 2 MiB; a level of either takes two messages.
    let (structs, lists) = nested(DEPTH_MAX / 2);
    assert_eq!(round_trip::<Struct>(&structs), structs);
    assert_eq!(round_trip::<ListValue>(&lists), lists);
    check(Struct::MESSAGE, &structs).unwrap();
    let (structs, lists) = nested(DEPTH_MAX / 2 + 1);
    assert_eq!(
        decode::<Struct>(&structs).unwrap_err().kind(),
        ErrorKind::Limit
    );
    assert_eq!(
        decode::<ListValue>(&lists).unwrap_err().kind(),
        ErrorKind::Limit
    );
    assert_eq!(
        check(Struct::MESSAGE, &structs).unwrap_err().kind(),
        ErrorKind::Limit
    );
}

#[test]
fn memory_is_limited_by_the_input() {
    // Empty children: two bytes each on the wire, hundreds in memory.
    let bytes = b"\x0a\x00".repeat(1 << 20);
    let error = decode::<crate::connector::v2::GrantsServiceListGrantsResponse>(&bytes);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit);
    // A page as services send it is far from the limit.
    let grant = field(
        1,
        &[field(3, &[b'i'; 100]), field(1, b""), field(2, b"")].concat(),
    );
    let page = grant.repeat(100_000);
    let page = decode::<crate::connector::v2::GrantsServiceListGrantsResponse>(&page).unwrap();
    assert_eq!(page.list.len(), 100_000);
}

#[test]
fn groups_are_kept_and_bounded() {
    let mut group = Vec::new();
    (0..10).for_each(|_| put_tag(&mut group, 30, WireType::GroupStart));
    put_varint_field(&mut group, 1, 7);
    (0..10).for_each(|_| put_tag(&mut group, 30, WireType::GroupEnd));
    assert_eq!(round_trip::<Resource>(&group), group);
    let open = b"\xf3\x01".repeat(100_000);
    assert!(decode::<Resource>(&open).is_err());
    assert!(check(Resource::MESSAGE, &open).is_err());
}

#[test]
fn encoding_appends() {
    let grant = Grant {
        id: "x".into(),
        ..Default::default()
    };
    let mut out = b"before".to_vec();
    encode_canonical_into(&grant, &mut out).unwrap();
    assert_eq!(out, b"before\x1a\x01x");
}
