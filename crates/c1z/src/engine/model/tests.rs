//! What the callers of the contract cannot see: the cap on rows, tokens, the projection, ids, rows without a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buffa::{EnumValue, MessageField};
use c1z_proto::connector::v2;
use shingle::vfs::Entropy;

use super::token::Token;
use super::*;
use crate::engine::ids::Ksuids;
use crate::engine::types::{ResourceRef, SyncId, SyncType};
use crate::engine::{Lifecycle as _, PageRequest, Reader as _, Scope, Writer as _};

/// A clock that stands.
#[derive(Debug)]
struct Standing;

impl Clock for Standing {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Bytes that count up.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buf: &mut [u8]) -> std::io::Result<()> {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        buf.fill(0);
        for (byte, from) in buf.iter_mut().rev().zip(number.iter().rev()) {
            *byte = *from;
        }
        Ok(())
    }
}

fn model(rows_max: usize) -> Model {
    Model::new(ModelOptions {
        identity: Identity::Structural,
        profile: Profile::Ours,
        clock: Arc::new(Standing),
        ids: Arc::new(Ksuids::new(Arc::new(Counting::default()))),
        rows_max,
        one_sync: false,
    })
}

fn types(ids: &[&str]) -> Vec<v2::ResourceType> {
    let of = |id: &&str| v2::ResourceType {
        id: (*id).to_owned(),
        ..Default::default()
    };
    ids.iter().map(of).collect()
}

fn id_of(of: &str, id: &str) -> MessageField<v2::ResourceId, buffa::Inline<v2::ResourceId>> {
    MessageField::some(v2::ResourceId {
        resource_type: of.to_owned(),
        resource: id.to_owned(),
        baton_resource: true,
        ..Default::default()
    })
}

fn full<T>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::ResourceExhausted)
}

#[test]
fn a_full_model_refuses_to_grow_and_still_replaces() {
    let model = model(4);
    let sync = model.start_new_sync(&SyncType::Full, "").unwrap();
    model.put_resource_types(&types(&["a", "b"])).unwrap();
    model.put_asset("icon", "t", &mut b"x".as_slice()).unwrap();
    model.session_set(&sync, "", "k", b"v").unwrap();
    assert!(full(model.put_resource_types(&types(&["a", "c"]))));
    assert!(full(model.put_asset("other", "t", &mut b"x".as_slice())));
    assert!(full(model.session_set(&sync, "", "k2", b"v")));
    assert_eq!(model.lock().rows(), 4);
    // One row twice is one row, and rows that are there need no room.
    model.put_resource_types(&types(&["a", "b", "a"])).unwrap();
    model.put_asset("icon", "t", &mut b"y".as_slice()).unwrap();
    model.session_set(&sync, "", "k", b"w").unwrap();
    model.session_delete(&sync, "", "k").unwrap();
    model.put_resource_types(&types(&["c", "c"])).unwrap();
    assert!(format!("{model:?}").contains("4 rows"));
}

#[test]
fn a_token_is_read_back_and_nothing_else_is() {
    let token = Token {
        operation: "grants".to_owned(),
        sync: "s".to_owned(),
        filter: "3:x".to_owned(),
        last: vec!["a:b".to_owned(), String::new(), "\0".to_owned()],
    };
    let text = token.encode();
    assert_eq!(Token::decode(&text).unwrap(), token);
    for cut in 0..text.len() {
        let decoded = Token::decode(&text[..cut]);
        // A cut at the end of a part is another position of the same list.
        assert!(decoded.is_err() || decoded.unwrap().last.len() < 3, "{cut}");
    }
    for foreign in ["", "AAAA", "not base64!", "MTA6c2hvcnQ"] {
        assert!(Token::decode(foreign).is_err(), "{foreign}");
    }
}

/// `store-contract` §1.8, field by field: what a v3 file cannot hold is gone.
#[test]
fn a_resource_loses_what_a_v3_file_cannot_hold() {
    let whole = v2::Resource {
        id: id_of("user", "u"),
        parent_resource_id: id_of("org", ""),
        display_name: "name".to_owned(),
        description: "text".to_owned(),
        baton_resource: true,
        external_id: MessageField::some(v2::ExternalId::default()),
        creation_source: v2::resource::CreationSource::CREATION_SOURCE_CONNECTOR_LIST_RESOURCES
            .into(),
        icon: MessageField::some(v2::AssetRef::default()),
        status: MessageField::some(v2::Status::default()),
        ..Default::default()
    };
    let left = project::resource(&whole);
    let id = left.id.as_option().unwrap();
    assert_eq!((id.resource.as_str(), id.baton_resource), ("u", false));
    assert!(
        left.parent_resource_id.is_unset(),
        "a parent without a resource part"
    );
    assert!(left.icon.is_unset(), "an icon without an id");
    assert!(left.external_id.is_unset() && !left.baton_resource);
    assert_eq!(left.creation_source, EnumValue::default());
    assert!(left.status.is_set() && left.display_name == "name" && left.description == "text");
}

#[test]
fn embedded_messages_become_stubs() {
    let resource = v2::Resource {
        id: id_of("group", "g"),
        parent_resource_id: id_of("org", "o"),
        display_name: "name".to_owned(),
        ..Default::default()
    };
    let entitlement = v2::Entitlement {
        resource: MessageField::some(resource.clone()),
        id: "e".to_owned(),
        display_name: "kept".to_owned(),
        grantable_to: types(&["user", ""]),
        purpose: EnumValue::from(99),
        ..Default::default()
    };
    let left = project::entitlement(&entitlement);
    assert_eq!(left.display_name, "kept");
    assert_eq!(left.grantable_to, types(&["user"]));
    assert_eq!(left.purpose, EnumValue::default());
    let on = left.resource.as_option().unwrap();
    assert!(on.display_name.is_empty() && on.parent_resource_id.is_unset());
    let grant = v2::Grant {
        entitlement: MessageField::some(entitlement),
        principal: MessageField::some(resource),
        sources: MessageField::some(v2::GrantSources::default()),
        ..Default::default()
    };
    let left = project::grant(&grant);
    let principal = left.principal.as_option().unwrap();
    assert!(principal.display_name.is_empty());
    assert_eq!(
        principal.parent_resource_id.as_option().unwrap().resource,
        "o"
    );
    assert!(
        left.entitlement
            .as_option()
            .unwrap()
            .display_name
            .is_empty()
    );
    assert!(left.sources.is_unset(), "no source is no message");
    let of = v2::ResourceType {
        traits: vec![
            EnumValue::from(99),
            v2::resource_type::Trait::TRAIT_USER.into(),
        ],
        ..Default::default()
    };
    let unnamed = v2::resource_type::Trait::TRAIT_UNSPECIFIED;
    assert_eq!(project::resource_type(&of).traits[0], unnamed);
    assert_eq!(project::resource_type(&of).traits[1], of.traits[1]);
}

#[test]
fn unknown_fields_stay_with_external_ids_only() {
    use buffa::Message as _;
    let mut bytes = types(&["a"])[0].encode_to_vec();
    // Field 1000, a varint.
    bytes.extend([0xC0, 0x3E, 0x01]);
    let record = v2::ResourceType::decode_from_slice(&bytes).unwrap();
    for (identity, expected) in [
        (Identity::External, bytes.clone()),
        (Identity::Structural, types(&["a"])[0].encode_to_vec()),
    ] {
        let mut model = model(9);
        model.options.identity = identity;
        model.start_new_sync(&SyncType::Full, "").unwrap();
        model
            .put_resource_types(std::slice::from_ref(&record))
            .unwrap();
        let found = model.get_resource_type(&Scope::Default, "a").unwrap();
        assert_eq!(found.encode_to_vec(), expected);
    }
}

/// A row that never had a time is older than any (§3.4).
#[test]
fn a_row_without_a_time_is_replaced() {
    let model = model(9);
    let sync = model.start_new_sync(&SyncType::Full, "").unwrap();
    model.put_resource_types(&types(&["a"])).unwrap();
    {
        let mut state = model.lock();
        for row in state
            .records_mut(&sync)
            .unwrap()
            .resource_types
            .values_mut()
        {
            row.discovered_at = None;
            row.record.display_name = "old".to_owned();
        }
    }
    model.put_resource_types_if_newer(&types(&["a"])).unwrap();
    let found = model.get_resource_type(&Scope::Default, "a").unwrap();
    assert_eq!(found.display_name, "");
}

#[test]
fn a_source_of_ids_that_repeats_itself_is_asked_again_but_not_for_ever() {
    #[derive(Debug)]
    struct Stuck(AtomicU64, u64);
    impl SyncIds for Stuck {
        fn next(&self, _: Timestamp) -> Result<SyncId> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            SyncId::new(format!("id-{}", number.min(self.1) / 3))
        }
    }
    let mut model = model(9);
    model.options.ids = Arc::new(Stuck(AtomicU64::new(0), 5));
    for expected in ["id-0", "id-1"] {
        let id = model.start_new_sync(&SyncType::Full, "").unwrap();
        assert_eq!(id.as_str(), expected);
        model.end_sync().unwrap();
    }
    let stuck = model.start_new_sync(&SyncType::Full, "").unwrap_err();
    assert_eq!(stuck.kind(), ErrorKind::Internal);
    assert_eq!(
        model
            .list_sync_runs(&PageRequest::default())
            .unwrap()
            .rows
            .len(),
        2
    );
}

#[test]
fn generated_ids_are_ksuids_of_their_time() {
    let ids = Ksuids::new(Arc::new(Counting::default()));
    let at = Timestamp {
        seconds: 1_800_000_000,
        nanos: 0,
    };
    let id = ids.next(at).unwrap();
    let parsed = crate::ksuid::Ksuid::parse(id.as_str()).unwrap();
    assert_eq!(parsed.unix_seconds(), 1_800_000_000);
    assert_ne!(ids.next(at).unwrap(), id);
    // Before ids of this kind can tell time.
    assert!(ids.next(Timestamp::default()).is_err());
}

#[test]
fn stamps_rise_over_the_end_of_a_second() {
    let mut state = State::default();
    let last = Timestamp {
        seconds: 7,
        nanos: 999_999_999,
    };
    assert_eq!(state.stamp(last), last);
    let next = state.stamp(last);
    assert_eq!((next.seconds, next.nanos), (8, 0));
    let earlier = state.stamp(Timestamp::default());
    assert_eq!((earlier.seconds, earlier.nanos), (8, 1));
}

#[test]
fn ingest_quality_of_a_token_becomes_its_message() {
    use buffa::Message as _;
    let token = r#"{"ingest_quality":{"source_cache_replay_blocked":true,"grants_dropped":7}}"#;
    let stats = stats::count(&state::Records::default(), token);
    let bytes = stats.ingest_quality.unwrap();
    let message = c1z_proto::storage::v3::IngestQualityStats::decode_from_slice(&bytes).unwrap();
    assert!(message.source_cache_replay_blocked);
    assert_eq!((message.grants_dropped, message.expansions_dropped), (7, 0));
    for wrong in [
        r#"{"ingest_quality":3}"#,
        r#"{"ingest_quality":{"grants_dropped":"x"}}"#,
    ] {
        let stats = stats::count(&state::Records::default(), wrong);
        assert_eq!(stats.ingest_quality, None);
    }
}

#[test]
fn a_resource_is_keyed_by_its_parts_or_by_its_text() {
    let (a, b) = (ResourceRef::new("a:b", "c"), ResourceRef::new("a", "b:c"));
    let key = |identity, id| key::of_resource(identity, id);
    assert_ne!(key(Identity::Structural, &a), key(Identity::Structural, &b));
    assert_eq!(key(Identity::External, &a), key(Identity::External, &b));
}
