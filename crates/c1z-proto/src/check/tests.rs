use super::*;
use crate::connector::v2::{Grant, ResourceType};
use crate::error::ErrorKind;
use crate::schema::Described;
use crate::storage::v3::SyncStatsRecord;
use crate::wire::put_bytes_field;

fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes_field(&mut out, number, value);
    out
}

#[test]
fn numbers_of_lists_may_be_packed_or_not() {
    let message = ResourceType::MESSAGE;
    check(message, b"\x18\x01\x1a\x02\x01\x02").unwrap();
    let error = check(message, b"\x1a\x02\x01\x80").unwrap_err();
    assert_eq!(
        (error.path().as_str(), error.offset()),
        ("traits[0]", Some(3))
    );
    // A single number is not packed, and a list of strings does not hold numbers.
    assert!(check(message, b"\x32\x01\x01").is_err());
    assert!(check(message, b"\x20\x01").is_err());
}

#[test]
fn entries_of_maps_are_looked_into() {
    let message = SyncStatsRecord::MESSAGE;
    let entry = |entry: &[u8]| check(message, &field(7, entry)).map_err(|error| error.offset());
    assert_eq!(entry(b"\x0a\x01k\x10\x05"), Ok(()));
    assert_eq!(entry(b""), Ok(()));
    assert_eq!(entry(b"\x0a\x01k\x12\x00"), Err(Some(5)));
    assert_eq!(entry(b"\x08\x01"), Err(Some(2)));
    assert_eq!(entry(b"\x0a\x01\xff"), Err(Some(4)));
    assert_eq!(entry(b"\x0a\x05k"), Err(Some(2)));
    // Unknown fields in an entry are no fault.
    assert_eq!(entry(b"\x18\x01"), Ok(()));
    assert!(check(message, b"\x38\x01").is_err());
}

#[test]
fn paths_count_the_elements_before() {
    let bytes = [
        field(4, b""),
        field(3, b"id"),
        field(4, b""),
        field(4, b"\x0a\x02x\xff"),
    ];
    let error = check(Grant::MESSAGE, &bytes.concat()).unwrap_err();
    assert_eq!(error.path(), "annotations[2].type_url");
    assert_eq!(error.offset(), Some(13));
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[test]
fn payloads_of_any_are_opaque() {
    let any = [field(1, b"x/c1.connector.v2.RawId"), field(2, b"\xff")].concat();
    check(Grant::MESSAGE, &field(4, &any)).unwrap();
}
