//! Every message in the golden files survives decoding and encoding to the byte.
//!
//! The files were written by the reference implementation, so this is what "canonical" means. The
//! numbers of messages are written down, so that none goes missing unnoticed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::collections::BTreeMap;

use c1z_proto::scan;
use support::{Sample, dump_samples, ops_samples, record_samples, round_trip};

/// Round-trips all samples and returns how many there were of each type.
fn round_trip_all(samples: &[Sample]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for Sample {
        origin,
        message,
        bytes,
        ..
    } in samples
    {
        let encoded = round_trip(message, bytes)
            .unwrap()
            .unwrap_or_else(|error| panic!("{origin}: {error}"));
        assert_eq!(
            encoded,
            canonical(message.name(), bytes),
            "{origin}: {}",
            message.name()
        );
        c1z_proto::check(message, bytes).unwrap_or_else(|error| panic!("{origin}: {error}"));
        *counts.entry(message.name()).or_default() += 1;
    }
    counts
}

/// What the bytes become: themselves, but for records of the first layout. Their field 1 is no
/// longer declared, so as an unknown field it moves behind the known ones.
fn canonical(name: &str, bytes: &[u8]) -> Vec<u8> {
    let records = [
        "ResourceTypeRecord",
        "ResourceRecord",
        "EntitlementRecord",
        "GrantRecord",
    ];
    let mut first = Vec::new();
    let mut rest = Vec::new();
    for field in scan::fields(bytes) {
        let field = field.unwrap();
        let old = field.number == 1
            && name
                .strip_prefix("c1.storage.v3.")
                .is_some_and(|name| records.contains(&name));
        if old { &mut first } else { &mut rest }.extend_from_slice(&bytes[field.range]);
    }
    rest.extend(first);
    rest
}

#[test]
fn objects_in_dumps() {
    let counts = round_trip_all(&dump_samples());
    let expected = [
        ("c1.connector.v2.Entitlement", 1030),
        ("c1.connector.v2.Grant", 6472),
        ("c1.connector.v2.Resource", 2113),
        ("c1.connector.v2.ResourceType", 473),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}

#[test]
fn objects_in_writes() {
    let counts = round_trip_all(&ops_samples());
    let expected = [
        ("c1.connector.v2.Entitlement", 403),
        ("c1.connector.v2.Grant", 2786),
        ("c1.connector.v2.Resource", 876),
        ("c1.connector.v2.ResourceType", 210),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}

#[test]
fn records_in_keyspaces() {
    let counts = round_trip_all(&record_samples());
    let expected = [
        ("c1.storage.v3.AssetRecord", 57),
        ("c1.storage.v3.EntitlementRecord", 665),
        ("c1.storage.v3.GrantRecord", 4106),
        ("c1.storage.v3.ResourceRecord", 1363),
        ("c1.storage.v3.ResourceTypeRecord", 288),
        ("c1.storage.v3.SessionRecord", 108),
        ("c1.storage.v3.SyncRunRecord", 62),
        ("c1.storage.v3.SyncStatsRecord", 56),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}
