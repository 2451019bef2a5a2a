//! Every key of every golden file parses and encodes to itself; the stamps tell the layouts apart.

use c1z::ErrorKind;
use c1z::keyspace::{ExternalIdKey, Family, Key, Layout, MetadataKey, stamp};

use crate::golden::{Case, Era, cases};

fn layout_of(case: &Case) -> c1z::Result<Layout> {
    let kv = case.kv();
    let find = |key: MetadataKey<'_>| {
        let key = key.to_vec();
        kv.iter()
            .find(|(k, _)| *k == key)
            .map(|(_, v)| v.as_slice())
    };
    let rows = kv
        .iter()
        .any(|(key, _)| Family::of(key).is_none_or(|family| family != Family::Metadata));
    stamp::layout(
        find(MetadataKey::KeyspaceVersion),
        find(MetadataKey::GrantIdFormat),
        rows,
    )
}

#[test]
fn every_golden_key_parses_and_encodes_to_itself() {
    let mut keys = 0;
    for case in cases() {
        for (key, _) in case.kv() {
            let mut again = Vec::new();
            match case.era() {
                Era::SyncPrefixed => continue,
                Era::ExternalId => {
                    let parsed = ExternalIdKey::parse(&key).expect("a key of the older layout");
                    assert!(!is_stranger(&parsed), "{} {key:x?}", case.name);
                    parsed.encode_into(&mut again);
                }
                Era::Current => {
                    let parsed = Key::parse(&key).expect("a key");
                    assert!(
                        !matches!(parsed, Key::Unassigned(_) | Key::Retired(..)),
                        "{} {key:x?}",
                        case.name
                    );
                    parsed.encode_into(&mut again);
                }
            }
            assert_eq!(again, key, "{}", case.name);
            keys += 1;
        }
    }
    assert_eq!(keys, KEYS, "golden keys");
}

fn is_stranger(key: &ExternalIdKey<'_>) -> bool {
    matches!(
        key,
        ExternalIdKey::Same(Key::Unassigned(_) | Key::Retired(..))
    )
}

/// Keys of all golden files of the two layouts that are read.
const KEYS: usize = 15_818;

#[test]
fn stamps_of_golden_files_tell_their_layout() {
    for case in cases() {
        let layout = layout_of(&case);
        match case.era() {
            Era::SyncPrefixed => {
                assert_eq!(layout.unwrap_err().kind(), ErrorKind::FormatOlder);
            }
            Era::ExternalId => assert_eq!(layout.unwrap(), Layout::ExternalId, "{}", case.name),
            Era::Current => assert_eq!(layout.unwrap(), Layout::Current, "{}", case.name),
        }
    }
}
