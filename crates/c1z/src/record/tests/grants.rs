//! Grants: every way agrees with the plain one, what is lifted, and how duplicates fold.

use std::collections::BTreeMap;

use buffa::MessageField;
use c1z_proto::connector::v2::{
    Entitlement, Grant, GrantExpandable, GrantSources, Resource, ResourceId,
    grant_sources::GrantSource,
};
use c1z_proto::google::protobuf::Any;
use c1z_proto::storage::v3::{GrantExpandableRecord, GrantRecord, GrantSourceRecord};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::engine::Profile;
use crate::engine::types::Timestamp;
use crate::record::grant::MessageView;
use crate::record::{
    Expansion, GrantPut, GrantView, PutExpansion, StoredExpansion, fuzz, grant, message, timestamp,
};

const PROFILES: [Profile; 3] = [Profile::Ours, Profile::GoPebble, Profile::GoSqlite];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-c:]{0,6}",
        1 => Just("\0\u{1}é🙂 ".to_owned()),
        1 => "[a-z]{120,140}",
    ]
}

fn expandable() -> impl Strategy<Value = GrantExpandable> {
    let id = prop_oneof![Just(String::new()), Just(" \t".to_owned()), text()];
    (vec(id, 0..3), any::<bool>(), vec(text(), 0..2)).prop_map(
        |(entitlement_ids, shallow, resource_type_ids)| GrantExpandable {
            entitlement_ids,
            shallow,
            resource_type_ids,
            ..Default::default()
        },
    )
}

fn expandable_any(expandable: &GrantExpandable) -> Any {
    Any {
        type_url: "type.googleapis.com/c1.connector.v2.GrantExpandable".to_owned(),
        value: message::encode(expandable),
        ..Default::default()
    }
}

fn annotation() -> impl Strategy<Value = Any> {
    let plain = (text(), vec(any::<u8>(), 0..4)).prop_map(|(type_url, value)| Any {
        type_url,
        value,
        ..Default::default()
    });
    let lifted = expandable().prop_map(|expandable| expandable_any(&expandable));
    let broken = Just(Any {
        type_url: "x/c1.connector.v2.GrantExpandable".to_owned(),
        value: vec![0xff],
        ..Default::default()
    });
    prop_oneof![3 => plain, 2 => lifted, 1 => broken]
}

fn resource_id() -> impl Strategy<Value = MessageField<ResourceId, buffa::Inline<ResourceId>>> {
    option::of(
        (text(), text()).prop_map(|(resource_type, resource)| ResourceId {
            resource_type,
            resource,
            ..Default::default()
        }),
    )
    .prop_map(Into::into)
}

fn resource() -> impl Strategy<Value = Resource> {
    (resource_id(), resource_id()).prop_map(|(id, parent_resource_id)| Resource {
        id,
        parent_resource_id,
        display_name: "lost".to_owned(),
        ..Default::default()
    })
}

fn grants() -> impl Strategy<Value = Grant> {
    let entitlement = (option::of(resource()), text()).prop_map(|(resource, id)| Entitlement {
        resource: resource.into(),
        id,
        ..Default::default()
    });
    let source = any::<bool>().prop_map(|is_direct| GrantSource {
        is_direct,
        ..Default::default()
    });
    let sources = btree_map(text(), source, 0..4).prop_map(|sources| GrantSources {
        sources,
        ..Default::default()
    });
    let parts = (
        option::of(entitlement),
        option::of(resource()),
        text(),
        vec(annotation(), 0..4),
        option::of(sources),
    );
    parts.prop_map(|(entitlement, principal, id, annotations, sources)| Grant {
        entitlement: entitlement.into(),
        principal: principal.into(),
        id,
        annotations,
        sources: sources.into(),
        ..Default::default()
    })
}

fn moments() -> impl Strategy<Value = Option<Timestamp>> {
    let moment = (any::<i64>(), 0u32..1_000_000_000);
    option::of(moment.prop_map(|(seconds, nanos)| Timestamp { seconds, nanos }))
}

/// Owned expansion state; borrowed by [`PutExpansion`].
type State = (bool, Option<GrantExpandable>, bool);

fn put_of<'a>(
    profile: Profile,
    discovered_at: Option<Timestamp>,
    (keep, _, needs_expansion): &State,
    expansion: Option<&'a [u8]>,
) -> GrantPut<'a> {
    let state = StoredExpansion {
        expansion,
        needs_expansion: *needs_expansion,
    };
    GrantPut {
        profile,
        discovered_at,
        expansion: match (keep, state.expansion) {
            (true, _) => PutExpansion::Keep(state),
            (false, None) => PutExpansion::Lift(None),
            (false, Some(_)) => PutExpansion::Lift(Some(state)),
        },
    }
}

proptest! {
    #[test]
    fn the_short_way_of_writing_is_the_plain_one(
        source in grants(),
        profile in prop::sample::select(&PROFILES[..]),
        moment in moments(),
        state in (any::<bool>(), option::of(expandable()), any::<bool>()),
    ) {
        let stored = state.1.as_ref().map(message::encode);
        let put = put_of(profile, moment, &state, stored.as_deref());
        let plain = message::encode(&grant::to_record(&source, &put).unwrap());
        let mut short = Vec::new();
        grant::encode_into(&source, &put, &mut short).unwrap();
        prop_assert_eq!(&short, &plain);
        // Whatever is written is read alike by the view and by the message.
        fuzz::value(crate::keyspace::Family::Grant, &short);
    }

    #[test]
    fn bytes_of_a_message_become_what_the_message_becomes(
        source in grants(),
        moment in moments(),
        state in (option::of(expandable()), any::<bool>()),
        seed in any::<u64>(),
    ) {
        let expansion = state.0.as_ref().map(message::encode);
        let state = StoredExpansion {
            expansion: expansion.as_deref(),
            needs_expansion: state.1,
        };
        let ordinary = message::encode(&source);
        for told in [ordinary.clone(), shuffled(&ordinary, seed), ordinary.repeat(2)] {
            let Some(view) = MessageView::parse(&told).unwrap() else { continue };
            let mut found = Vec::new();
            view.encode_into(moment, state, &mut found).unwrap();
            let decoded: Grant = message::decode("grant", &told).unwrap();
            let put = GrantPut {
                profile: Profile::GoPebble,
                discovered_at: moment,
                expansion: PutExpansion::Keep(state),
            };
            let mut plain = Vec::new();
            grant::encode_into(&decoded, &put, &mut plain).unwrap();
            prop_assert_eq!(found, plain);
        }
        // What an ordinary encoder writes is understood, but for what is lifted.
        let lifts = source.annotations.iter().any(|annotation| {
            annotation.type_url.ends_with("c1.connector.v2.GrantExpandable")
        });
        prop_assert_eq!(MessageView::parse(&ordinary).unwrap().is_some(), !lifts);
    }

    #[test]
    fn what_a_reader_gets_is_written_as_it_was(source in grants(), moment in moments()) {
        let put = GrantPut { discovered_at: moment, ..GrantPut::default() };
        let once = grant::to_record(&source, &put).unwrap();
        let read = grant::from_record(once.clone(), Expansion::Attach);
        let twice = grant::to_record(&read, &put).unwrap();
        // A reference whose parts are all absent comes back with empty parts.
        prop_assert_eq!(grant::from_record(twice, Expansion::Attach), read);
    }

    #[test]
    fn a_message_that_is_filled_again_holds_nothing_of_the_one_before(
        first in grants(), second in grants(),
    ) {
        let mut filled = Grant::default();
        for source in [&first, &second] {
            let mut stored = Vec::new();
            grant::encode_into(source, &GrantPut::default(), &mut stored).unwrap();
            let view = GrantView::parse(&stored).unwrap();
            view.fill_message(Expansion::Attach, &mut filled).unwrap();
            prop_assert_eq!(&filled, &view.to_message(Expansion::Attach).unwrap());
        }
    }

    #[test]
    fn any_order_of_fields_is_read_alike(source in grants(), seed in any::<u64>()) {
        let mut stored = Vec::new();
        grant::encode_into(&source, &GrantPut::default(), &mut stored).unwrap();
        // Everything twice: singular messages merge, lists and maps repeat.
        let shuffled = [shuffled(&stored, seed), stored.clone()].concat();
        fuzz::value(crate::keyspace::Family::Grant, &shuffled);
    }

    #[test]
    fn folding_is_commutative_and_associative(records in vec(records(), 3)) {
        let [a, b, c] = <[GrantRecord; 3]>::try_from(records).unwrap();
        let ab = grant::fold(a.clone(), b.clone());
        prop_assert_eq!(&ab, &grant::fold(b.clone(), a.clone()));
        let left = grant::fold(ab, c.clone());
        let right = grant::fold(a, grant::fold(b, c));
        prop_assert_eq!(left, right);
    }
}

/// Records of one identity.
/// The fields of a message in an order drawn from a seed.
fn shuffled(message: &[u8], seed: u64) -> Vec<u8> {
    let mut fields: Vec<&[u8]> = c1z_proto::scan::fields(message)
        .map(|field| &message[field.unwrap().range])
        .collect();
    let mut state = seed | 1;
    for i in (1..fields.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let other = usize::try_from(state >> 33).unwrap() % (i + 1);
        fields.swap(i, other);
    }
    fields.concat()
}

fn records() -> impl Strategy<Value = GrantRecord> {
    let source =
        (text(), any::<bool>()).prop_map(|(entitlement_id, is_direct)| GrantSourceRecord {
            entitlement_id,
            is_direct,
            ..Default::default()
        });
    let moment = option::of(0i64..3);
    let annotation = ("[ab]", vec(0u8..2, 0..2)).prop_map(|(type_url, value)| Any {
        type_url,
        value,
        ..Default::default()
    });
    let parts = (
        "[ab]{0,1}",
        moment,
        option::of(expandable()),
        any::<bool>(),
        vec(annotation, 0..3),
        btree_map("[a-c]", source, 0..3),
    );
    parts.prop_map(
        |(external_id, seconds, expansion, needs_expansion, annotations, sources)| {
            let moment = seconds.map(|seconds| Timestamp { seconds, nanos: 0 });
            let stored = |annotation: GrantExpandable| GrantExpandableRecord {
                entitlement_ids: annotation.entitlement_ids,
                shallow: annotation.shallow,
                resource_type_ids: annotation.resource_type_ids,
                ..Default::default()
            };
            GrantRecord {
                external_id,
                discovered_at: timestamp::to_field(moment),
                expansion: expansion.map(stored).into(),
                needs_expansion,
                annotations,
                sources,
                ..Default::default()
            }
        },
    )
}

fn other(name: &str) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{name}"),
        ..Default::default()
    }
}

fn expandable_of(ids: &[&str]) -> GrantExpandable {
    GrantExpandable {
        entitlement_ids: ids.iter().map(|&id| id.to_owned()).collect(),
        ..Default::default()
    }
}

fn stored(annotations: Vec<Any>, profile: Profile) -> GrantRecord {
    let source = Grant {
        annotations,
        ..Default::default()
    };
    let put = GrantPut {
        profile,
        ..GrantPut::default()
    };
    grant::to_record(&source, &put).unwrap()
}

#[test]
fn the_first_expandable_annotation_is_lifted() {
    let (first, second) = (expandable_of(&["a", "", "b"]), expandable_of(&["c"]));
    let annotations = vec![
        other("before"),
        expandable_any(&first),
        other("between"),
        expandable_any(&second),
    ];
    for (profile, left) in [
        (Profile::Ours, vec![other("before"), other("between")]),
        (
            Profile::GoPebble,
            vec![other("before"), other("between"), expandable_any(&second)],
        ),
    ] {
        let record = stored(annotations.clone(), profile);
        assert_eq!(record.annotations, left);
        assert!(record.needs_expansion);
        assert_eq!(
            record.expansion.entitlement_ids,
            ["a", "", "b"],
            "unfiltered"
        );
        let read = grant::from_record(record.clone(), Expansion::Attach);
        assert_eq!(read.annotations.last(), Some(&expandable_any(&first)));
        let read = grant::from_record(record, Expansion::Omit);
        assert_eq!(read.annotations, left);
    }
}

#[test]
fn an_annotation_without_entitlements_goes_and_nothing_is_stored() {
    for ids in [&[][..], &[""], &[" \t\u{a0}\u{2003}", ""]] {
        let annotations = vec![expandable_any(&expandable_of(ids)), other("after")];
        let record = stored(annotations, Profile::GoPebble);
        assert_eq!(record.annotations, [other("after")]);
        assert!(record.expansion.is_unset() && !record.needs_expansion);
    }
    // The first one decides, also when a later one names an entitlement.
    let annotations = vec![
        expandable_any(&expandable_of(&[" "])),
        expandable_any(&expandable_of(&["a"])),
    ];
    assert!(
        stored(annotations.clone(), Profile::Ours)
            .annotations
            .is_empty()
    );
    let record = stored(annotations, Profile::GoPebble);
    assert!(record.expansion.is_unset());
    assert_eq!(record.annotations.len(), 1);
}

#[test]
fn an_annotation_that_does_not_decode_stays() {
    let broken = Any {
        value: vec![0xff],
        ..expandable_any(&GrantExpandable::default())
    };
    let good = expandable_any(&expandable_of(&["a"]));
    for profile in PROFILES {
        let record = stored(vec![broken.clone(), good.clone()], profile);
        assert_eq!(record.annotations, std::slice::from_ref(&broken));
        assert_eq!(record.expansion.entitlement_ids, ["a"]);
    }
}

#[test]
fn the_type_is_what_follows_the_last_slash() {
    let mut lifted = expandable_any(&expandable_of(&["a"]));
    for (url, is_lifted) in [
        ("c1.connector.v2.GrantExpandable", true),
        ("other.host/path/c1.connector.v2.GrantExpandable", true),
        (
            "type.googleapis.com/c1.connector.v2.GrantExpandable/",
            false,
        ),
        (
            "type.googleapis.com/xc1.connector.v2.GrantExpandable",
            false,
        ),
    ] {
        url.clone_into(&mut lifted.type_url);
        let record = stored(vec![lifted.clone()], Profile::Ours);
        assert_eq!(record.expansion.is_set(), is_lifted, "{url}");
    }
}

#[test]
fn writing_the_same_expansion_again_keeps_the_flag_but_in_go() {
    let same = message::encode(&expandable_of(&["a"]));
    let changed = message::encode(&expandable_of(&["b"]));
    let source = Grant {
        annotations: vec![expandable_any(&expandable_of(&["a"]))],
        ..Default::default()
    };
    for (profile, stored, needs_before, needs_after) in [
        (Profile::Ours, Some(&same), false, false),
        (Profile::Ours, Some(&same), true, true),
        (Profile::Ours, Some(&changed), false, true),
        (Profile::Ours, None, false, true),
        (Profile::GoPebble, Some(&same), false, true),
    ] {
        let put = GrantPut {
            profile,
            discovered_at: None,
            expansion: PutExpansion::Lift(Some(StoredExpansion {
                expansion: stored.map(Vec::as_slice),
                needs_expansion: needs_before,
            })),
        };
        let record = grant::to_record(&source, &put).unwrap();
        assert_eq!(
            record.needs_expansion, needs_after,
            "{profile:?} {needs_before}"
        );
    }
}

#[test]
fn a_kept_expansion_wins_over_the_annotation() {
    let kept = message::encode(&expandable_of(&["kept"]));
    let source = Grant {
        annotations: vec![expandable_any(&expandable_of(&["incoming"])), other("x")],
        ..Default::default()
    };
    for (expansion, needs_expansion) in [(Some(&kept), true), (Some(&kept), false), (None, false)] {
        let put = GrantPut {
            expansion: PutExpansion::Keep(StoredExpansion {
                expansion: expansion.map(Vec::as_slice),
                needs_expansion,
            }),
            ..GrantPut::default()
        };
        let record = grant::to_record(&source, &put).unwrap();
        assert_eq!(record.annotations, [other("x")]);
        assert_eq!(record.expansion.is_set(), expansion.is_some());
        assert_eq!(record.needs_expansion, needs_expansion);
    }
    let broken = GrantPut {
        expansion: PutExpansion::Keep(StoredExpansion {
            expansion: Some(&[0xff]),
            needs_expansion: true,
        }),
        ..GrantPut::default()
    };
    let mut out = b"before".to_vec();
    assert!(grant::encode_into(&source, &broken, &mut out).is_err());
    assert_eq!(out, b"before");
}

#[test]
fn an_empty_id_is_joined_from_its_parts() {
    let source = Grant {
        entitlement: Some(Entitlement {
            id: "e".to_owned(),
            ..Default::default()
        })
        .into(),
        principal: Some(Resource {
            id: Some(ResourceId {
                resource_type: "user".to_owned(),
                resource: "al".to_owned(),
                ..Default::default()
            })
            .into(),
            ..Default::default()
        })
        .into(),
        ..Default::default()
    };
    for (profile, stored_id) in [(Profile::Ours, "e:user:al"), (Profile::GoPebble, "")] {
        let put = GrantPut {
            profile,
            ..GrantPut::default()
        };
        let record = grant::to_record(&source, &put).unwrap();
        assert_eq!(record.external_id, stored_id);
        assert_eq!(grant::from_record(record, Expansion::Omit).id, "e:user:al");
    }
}

#[test]
fn duplicates_fold_by_the_table() {
    let record = |id: &str, seconds: Option<i64>, ids: &[&str], shallow: bool| GrantRecord {
        external_id: id.to_owned(),
        discovered_at: timestamp::to_field(seconds.map(|seconds| Timestamp { seconds, nanos: 0 })),
        expansion: Some(GrantExpandableRecord {
            entitlement_ids: ids.iter().map(|&id| id.to_owned()).collect(),
            shallow,
            resource_type_ids: vec![format!("type of {id}")],
            ..Default::default()
        })
        .into(),
        ..Default::default()
    };
    let with_source = |mut record: GrantRecord, key: &str, reference: &str, is_direct| {
        let source = GrantSourceRecord {
            entitlement_id: reference.to_owned(),
            is_direct,
            ..Default::default()
        };
        record.sources = BTreeMap::from([(key.to_owned(), source)]);
        record
    };
    let mut late = with_source(
        record("early-id", Some(9), &["b", "a"], true),
        "s",
        "z",
        true,
    );
    let mut early = with_source(
        record("late-id", Some(5), &["c", "a"], true),
        "s",
        "y",
        false,
    );
    late.needs_expansion = true;
    late.annotations = vec![other("b"), other("a")];
    early.annotations = vec![other("c"), other("b")];
    let folded = grant::fold(late, early);
    assert_eq!(
        folded.external_id, "late-id",
        "the earlier row gives the id"
    );
    assert_eq!(folded.discovered_at.seconds, 5);
    assert!(folded.needs_expansion);
    assert_eq!(folded.annotations, [other("a"), other("b"), other("c")]);
    assert_eq!(folded.expansion.entitlement_ids, ["a", "b", "c"]);
    assert_eq!(
        folded.expansion.resource_type_ids,
        ["type of early-id", "type of late-id"]
    );
    assert!(folded.expansion.shallow);
    let source = &folded.sources["s"];
    assert_eq!(
        (source.entitlement_id.as_str(), source.is_direct),
        ("y", true)
    );

    let shallow = grant::fold(
        record("x", None, &[], true),
        record("y", Some(1), &[], false),
    );
    assert!(!shallow.expansion.shallow);
    assert_eq!(shallow.external_id, "y", "a row without a time loses");
    let tie = grant::fold(
        record("b", Some(1), &[], true),
        record("a", Some(1), &[], true),
    );
    assert_eq!(tie.external_id, "a", "the smaller id wins a tie");
}

#[test]
fn a_fold_with_one_side_empty_keeps_the_order_of_the_other() {
    let a = GrantRecord {
        annotations: vec![other("z"), other("a")],
        ..Default::default()
    };
    let folded = grant::fold(GrantRecord::default(), a.clone());
    assert_eq!(folded.annotations, a.annotations);
}

#[test]
fn the_view_refuses_what_is_no_record() {
    for bytes in [
        &b"\x12\x05ab"[..],
        b"\x12\x01\xff",
        b"\x10\x01",
        b"\x1a\x03\x0a\x01\xff",
        b"\x22\x02\x08\x01",
        b"\x3a\x01\x01",
        b"\x42\x03\x0a\x01\xff",
        b"\x4a\x03\x0a\x01\xff",
        b"\x4a\x04\x12\x02\x22\x00",
        b"\x32\x03\x0a\x01\xff",
        b"\x52\x01\xff",
        b"\x07",
    ] {
        assert!(GrantView::parse(bytes).is_err(), "{bytes:x?}");
        assert!(message::decode::<GrantRecord>("grant record", bytes).is_err());
    }
}
