//! Laws of the key codec over arbitrary bytes, and the examples of `c1z3-keyspace` §2 to §4 and §8.
//!
//! Keys of real files are checked by the integration test `records`; the readings of bare ids and the
//! stamps have their tables here.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::prelude::*;

use super::bare_id::{self, Candidates};
use super::*;
use crate::ErrorKind;
use crate::record::wire;

/// Bytes from the corner of the alphabet where codecs break, mixed with any others.
fn component() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        Just(0x00u8),
        Just(0x01),
        Just(0x02),
        Just(0xff),
        Just(b':'),
        Just(b'a'),
        any::<u8>(),
    ];
    vec(byte, 0..6)
}

fn encode(components: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    tuple::encode_into(&mut out, components.iter().map(Vec::as_slice));
    out
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).unwrap();
        u8::from_str_radix(pair, 16).unwrap()
    });
    pairs.collect()
}

proptest! {
    #[test]
    fn a_tuple_reads_back(components in vec(component(), 1..7)) {
        let encoded = encode(&components);
        let decoded: Vec<Vec<u8>> = tuple::Components::new(&encoded, 0)
            .map(|part| part.unwrap().into_owned())
            .collect();
        prop_assert_eq!(decoded, components);
    }

    #[test]
    fn byte_order_is_tuple_order(a in vec(component(), 1..5), b in vec(component(), 1..5)) {
        prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.cmp(&b));
    }

    #[test]
    fn no_tuple_begins_another_of_the_same_arity_once_ended(
        a in vec(component(), 3), b in vec(component(), 3),
    ) {
        let (mut x, mut y) = (encode(&a), encode(&b));
        x.push(0);
        y.push(0);
        prop_assert_eq!(x.starts_with(&y), a == b);
    }

    #[test]
    fn decoding_any_bytes_gives_what_encodes_to_them(bytes in component()) {
        let parts: Result<Vec<_>, _> = tuple::Components::new(&bytes, 0).collect();
        if let Ok(parts) = parts {
            let parts: Vec<Vec<u8>> = parts.into_iter().map(Cow::into_owned).collect();
            prop_assert_eq!(encode(&parts), bytes);
        }
    }

    #[test]
    fn the_upper_bound_is_tight(prefix in component(), key in component()) {
        let range = KeyRange::of_prefix(prefix.clone());
        prop_assert_eq!(range.contains(&key), key.starts_with(&prefix));
    }

    #[test]
    fn a_component_range_holds_equal_components_only(
        family in prop::sample::select(&[Family::Resource, Family::Grant][..]),
        wanted in vec(component(), 1..3),
        row in vec(component(), 3),
    ) {
        let mut key = family.header().to_vec();
        key.push(0);
        key.extend(encode(&row));
        let wanted_slices: Vec<&[u8]> = wanted.iter().map(Vec::as_slice).collect();
        let range = KeyRange::of_components(family, &wanted_slices);
        prop_assert_eq!(range.contains(&key), row.starts_with(&wanted));
    }

    #[test]
    fn an_entitlement_id_comes_back(
        rt in component(), rid in component(), tail in component(), strip in any::<bool>(),
    ) {
        let id = if strip { [&rt[..], &rid, &tail].join(&b':') } else { tail };
        let identity = EntitlementIdentity::new(&rt, &rid, &id);
        prop_assert_eq!(&*identity.external_id(), &id[..]);
        prop_assert!(identity.is_canonical());
        let mut partition = Vec::new();
        identity.encode_into(&mut partition);
        prop_assert_eq!(EntitlementIdentity::decode(&partition).unwrap(), identity);
    }

    #[test]
    fn different_entitlements_of_a_resource_have_different_identities(
        rt in component(), rid in component(), a in component(), b in component(),
    ) {
        let (x, y) = (
            EntitlementIdentity::new(&rt, &rid, &a),
            EntitlementIdentity::new(&rt, &rid, &b),
        );
        prop_assert_eq!(x == y, a == b);
    }

    #[test]
    fn keys_read_back(parts in vec(component(), 7), bucket in any::<u16>()) {
        for key in keys_of(&parts, bucket) {
            let bytes = key.to_vec();
            prop_assert_eq!(Key::parse(&bytes).unwrap(), key);
        }
    }

    #[test]
    fn any_accepted_key_encodes_to_itself(
        header in prop::sample::select(&Family::ALL[..]),
        separator in any::<bool>(),
        body in vec(component(), 1..7),
    ) {
        let mut bytes = header.header().to_vec();
        bytes.extend(separator.then_some(0));
        bytes.extend(body.join(&0));
        if let Ok(key) = Key::parse(&bytes) {
            prop_assert_eq!(key.to_vec(), bytes.clone());
        }
        if let Ok(key) = ExternalIdKey::parse(&bytes) {
            let mut out = Vec::new();
            key.encode_into(&mut out);
            prop_assert_eq!(out, bytes);
        }
    }

    #[test]
    fn splices_agree_with_typed_keys(parts in vec(component(), 7), bucket in any::<u16>()) {
        let grant = grant_of(&parts);
        let primary = Key::Grant(grant.clone()).to_vec();
        let spliced = GrantKey::parse(&primary).unwrap();
        let mut out = Vec::new();
        spliced.by_principal_into(&mut out);
        prop_assert_eq!(&out, &Key::GrantByPrincipal(grant.clone()).to_vec());
        prop_assert_eq!(GrantKey::parse_by_principal(&out).unwrap(), spliced);
        out.clear();
        spliced.needs_expansion_into(&mut out);
        prop_assert_eq!(&out, &Key::GrantNeedsExpansion(grant.clone()).to_vec());
        prop_assert_eq!(GrantKey::parse_needs_expansion(&out).unwrap(), spliced);
        out.clear();
        spliced.hash_into(bucket, &mut out);
        prop_assert_eq!(&out, &Key::GrantHash { grant: grant.clone(), bucket }.to_vec());
        let hash = HashKey::parse(&out).unwrap();
        prop_assert_eq!((hash.grant(), hash.bucket), (spliced, bucket));
        out.clear();
        spliced.primary_into(&mut out);
        prop_assert_eq!(&out, &primary);
        out.clear();
        splice::entitlement_key_into(spliced.partition, &mut out);
        prop_assert_eq!(&out, &Key::Entitlement(grant.entitlement).to_vec());
        prop_assert_eq!(splice::entitlement_partition(&out).unwrap(), spliced.partition);
    }

    #[test]
    fn the_parent_splice_agrees_and_turns_back(parts in vec(component(), 4)) {
        let parent = ResourceIdentity::new(&parts[0], &parts[1]);
        let child = ResourceIdentity::new(&parts[2], &parts[3]);
        let primary = Key::Resource(child.clone()).to_vec();
        let mut spliced = Vec::new();
        splice::by_parent_into(&primary, &parts[0], &parts[1], &mut spliced).unwrap();
        prop_assert_eq!(&spliced, &Key::ResourceByParent { parent, child }.to_vec());
        let mut back = Vec::new();
        splice::child_of_parent_key_into(&spliced, &mut back).unwrap();
        prop_assert_eq!(back, primary);
    }

    #[test]
    fn a_splice_accepts_what_the_typed_parser_accepts_save_for_escapes(
        body in vec(component(), 1..9),
    ) {
        let mut key = vec![3, 4, 0];
        key.extend(body.join(&0));
        if Key::parse(&key).is_ok() {
            prop_assert!(GrantKey::parse(&key).is_ok());
        }
        let pieces = key[3..].split(|&byte| byte == 0).count();
        prop_assert_eq!(GrantKey::parse(&key).is_ok(), pieces == 6);
    }

    #[test]
    fn session_ranges_follow_the_key_prefix(
        sync in component(), prefix in component(), key in component(),
    ) {
        let row = Key::Session { sync_id: Cow::Borrowed(&sync), key: Cow::Borrowed(&key) };
        let range = prefix::sessions_of(&sync, &prefix);
        prop_assert_eq!(range.contains(&row.to_vec()), key.starts_with(&prefix));
    }

    #[test]
    fn digest_ranges_hold_one_partition(a in vec(component(), 7), b in vec(component(), 7)) {
        let (x, y) = (grant_of(&a).entitlement, grant_of(&b).entitlement);
        let (mut px, mut py) = (Vec::new(), Vec::new());
        x.encode_into(&mut px);
        y.encode_into(&mut py);
        let leaf = Key::DigestNode {
            partition: Cow::Borrowed(&py),
            position: NodePosition::Leaf(0xff00),
        };
        prop_assert_eq!(prefix::digest_nodes_of(&px).contains(&leaf.to_vec()), px == py);
        let row = Key::GrantHash { grant: grant_of(&b), bucket: 0xffff };
        prop_assert_eq!(prefix::hash_rows_of(&px).contains(&row.to_vec()), px == py);
    }

    #[test]
    fn a_partition_sorts_like_its_grants_and_its_nodes(
        a in vec(component(), 7), b in vec(component(), 7),
    ) {
        let (x, y) = (grant_of(&a), grant_of(&b));
        let node = |grant: &GrantIdentity<'_>| {
            let mut partition = Vec::new();
            grant.entitlement.encode_into(&mut partition);
            Key::DigestNode { partition: partition.into(), position: NodePosition::Root }.to_vec()
        };
        if x.entitlement != y.entitlement {
            let grants = Key::Grant(x.clone()).to_vec().cmp(&Key::Grant(y.clone()).to_vec());
            prop_assert_eq!(node(&x).cmp(&node(&y)), grants);
        }
    }
}

/// A grant of arbitrary parts in canonical form: parts 0 to 2 its entitlement, 3 to 4 its principal.
fn grant_of(parts: &[Vec<u8>]) -> GrantIdentity<'_> {
    let entitlement = EntitlementIdentity::new(&parts[0], &parts[1], &parts[2]);
    GrantIdentity::new(entitlement, &parts[3], &parts[4])
}

fn keys_of(parts: &[Vec<u8>], bucket: u16) -> Vec<Key<'_>> {
    let part = |i: usize| Cow::Borrowed(parts[i].as_slice());
    let grant = grant_of(parts);
    let resource = ResourceIdentity::new(&parts[5], &parts[6]);
    let mut partition = Vec::new();
    grant.entitlement.encode_into(&mut partition);
    let node = |position| Key::DigestNode {
        partition: partition.clone().into(),
        position,
    };
    vec![
        Key::ResourceType(part(0)),
        Key::Resource(resource.clone()),
        Key::Entitlement(grant.entitlement.clone()),
        Key::Grant(grant.clone()),
        Key::Asset(part(0)),
        Key::SyncRun,
        Key::ResourceByParent {
            parent: ResourceIdentity::new(&parts[0], &parts[1]),
            child: resource,
        },
        Key::GrantByPrincipal(grant.clone()),
        Key::GrantNeedsExpansion(grant.clone()),
        Key::GrantHash {
            grant: grant.clone(),
            bucket,
        },
        Key::Session {
            sync_id: part(0),
            key: part(1),
        },
        node(NodePosition::Root),
        node(NodePosition::Leaf(bucket)),
        Key::DigestNode {
            partition: Cow::Borrowed(&[]),
            position: NodePosition::Global,
        },
        Key::Metadata(MetadataKey::Stats),
        Key::Metadata(MetadataKey::EntitlementGraph),
        Key::Metadata(MetadataKey::KeyspaceVersion),
        Key::Metadata(MetadataKey::GrantIdFormat),
        Key::Metadata(MetadataKey::GrantIndexPending),
        Key::Metadata(MetadataKey::DigestBuildPending),
        Key::Metadata(MetadataKey::IndexMigration(&parts[0])),
    ]
}

#[test]
fn escapes_of_the_specification() {
    for (raw, escaped) in [
        ("616c696365", "616c696365"),
        ("", ""),
        ("7573006572", "757301016572"),
        ("016964", "01026964"),
        ("670072", "67010172"),
    ] {
        let mut out = Vec::new();
        tuple::escape_into(&mut out, &from_hex(raw));
        assert_eq!(out, from_hex(escaped));
    }
    let group = ["group", "eng", "1", ""].map(|part| part.as_bytes().to_vec());
    assert_eq!(encode(&group), from_hex("67726f757000656e67003100"));
}

#[test]
fn malformed_escapes_are_refused_with_their_place() {
    for (bytes, at) in [(&b"a\x01"[..], 11), (b"ab\x01\x03", 12), (b"\x01\x00", 10)] {
        let error = tuple::unescape(bytes, 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss);
        assert!(
            error.to_string().contains(&format!("offset=`{at}`")),
            "{error}"
        );
    }
}

#[test]
fn primary_keys_of_the_specification() {
    let member = EntitlementIdentity::new("group", "eng", "group:eng:member");
    let admin = EntitlementIdentity::new("group", "eng", "custom-admin");
    let table = [
        (Key::ResourceType(b"group".into()), "0301 00 67726f7570"),
        (
            Key::Resource(ResourceIdentity::new("us\0er", "\x01id")),
            "0302 00 757301016572 00 01026964",
        ),
        (
            Key::Entitlement(member.clone()),
            "0303 00 67726f7570 00 656e67 00 31 00 6d656d626572",
        ),
        (
            Key::Entitlement(EntitlementIdentity::new("group", "eng", "group:eng:")),
            "0303 00 67726f7570 00 656e67 00 31 00",
        ),
        (
            Key::Entitlement(admin.clone()),
            "0303 00 67726f7570 00 656e67 00 30 00 637573746f6d2d61646d696e",
        ),
        (
            Key::Grant(GrantIdentity::new(member.clone(), "user", "alice")),
            "0304 00 67726f7570 00 656e67 00 31 00 6d656d626572 00 75736572 00 616c696365",
        ),
        (Key::Asset(b"icon-1".into()), "0305 00 69636f6e2d31"),
        (Key::SyncRun, "0306"),
        (
            Key::ResourceByParent {
                parent: ResourceIdentity::new("org", "o1"),
                child: ResourceIdentity::new("group", "eng"),
            },
            "030701 00 6f7267 00 6f31 00 67726f7570 00 656e67",
        ),
        (
            Key::GrantByPrincipal(GrantIdentity::new(member, "user", "alice")),
            "030704 00 75736572 00 616c696365 00 67726f7570 00 656e67 00 31 00 6d656d626572",
        ),
        (
            Key::GrantNeedsExpansion(GrantIdentity::new(admin, "group", "eng")),
            "030705 00 67726f7570 00 656e67 00 30 00 637573746f6d2d61646d696e 00 67726f7570 00 656e67",
        ),
    ];
    for (key, text) in table {
        assert_eq!(key.to_vec(), from_hex(text), "{key:?}");
        assert_eq!(Key::parse(&from_hex(text)).unwrap(), key);
    }
}

#[test]
fn identities_of_the_specification() {
    for (rt, rid, id, form, tail) in [
        (
            "group",
            "eng",
            "group:eng:member",
            IdForm::Stripped,
            "member",
        ),
        ("group", "eng", "group:eng:", IdForm::Stripped, ""),
        ("group", "eng", "group:eng", IdForm::Opaque, "group:eng"),
        ("a:b", "c:d", "a:b:c:d:e:f", IdForm::Stripped, "e:f"),
        ("group", "op", "opaque\0id", IdForm::Opaque, "opaque\0id"),
    ] {
        let identity = EntitlementIdentity::new(rt, rid, id);
        assert_eq!((identity.form, &*identity.tail), (form, tail.as_bytes()));
    }
    let hidden = EntitlementIdentity {
        form: IdForm::Opaque,
        ..EntitlementIdentity::new("group", "eng", "x")
    };
    assert!(hidden.is_canonical());
    let hidden = EntitlementIdentity {
        tail: b"group:eng:x".into(),
        ..hidden
    };
    assert!(!hidden.is_canonical());
}

#[test]
fn incomplete_identities_name_the_missing_field() {
    let entitlement = |rt, rid, id| EntitlementIdentity::new(rt, rid, id);
    let missing = entitlement("", "eng", "x").check_complete().unwrap_err();
    assert_eq!(missing.to_string(), "entitlement without resource type");
    assert_eq!(missing.kind(), ErrorKind::InvalidArgument);
    assert!(entitlement("group", "eng", "").check_complete().is_ok());
    for (grant, field) in [
        (("", "e", "i", "t", "p"), "entitlement resource type"),
        (("r", "", "i", "t", "p"), "entitlement resource id"),
        (("r", "e", "", "t", "p"), "entitlement id"),
        (("r", "e", "i", "", "p"), "principal type"),
        (("r", "e", "i", "t", ""), "principal id"),
    ] {
        let (rt, rid, id, pt, p) = grant;
        let grant = GrantIdentity::new(entitlement(rt, rid, id), pt, p);
        let error = grant.check_complete().unwrap_err();
        assert_eq!(error.to_string(), format!("grant without {field}"));
    }
    let bare = GrantIdentity::new(entitlement("r", "e", "r:e:"), "t", "p");
    assert!(bare.check_complete().is_ok());
    assert_eq!(bare.concatenated_id(), b"r:e::t:p");
}

#[test]
fn digest_keys_of_the_specification() {
    let entitlement = EntitlementIdentity::new("g\0r", "\x01", "g\0r:\x01:\0t\x01");
    let mut partition = Vec::new();
    entitlement.encode_into(&mut partition);
    assert_eq!(
        partition,
        from_hex("67 0101 72 00 0102 00 31 00 0101 74 0102")
    );
    let root = Key::DigestNode {
        partition: partition.into(),
        position: NodePosition::Root,
    };
    let text = "030a08006701020102720101010202010131010101020102740102020000";
    assert_eq!(root.to_vec(), from_hex(text));
    let global = Key::DigestNode {
        partition: Cow::Borrowed(&[]),
        position: NodePosition::Global,
    };
    assert_eq!(global.to_vec(), from_hex("030a08000002"));
}

#[test]
fn a_hash_bucket_that_looks_like_separators_is_read_by_counting() {
    let grant = GrantIdentity::new(EntitlementIdentity::new("r", "e", "r:e:t"), "u", "a");
    for bucket in [0x0000, 0x0001, 0x0100, 0x00ff] {
        let key = Key::GrantHash {
            grant: grant.clone(),
            bucket,
        };
        assert_eq!(Key::parse(&key.to_vec()).unwrap(), key);
    }
}

#[test]
fn keys_that_contradict_the_layout_are_refused() {
    for text in [
        "0301",
        "030161",
        "0301 00 61 00 62",
        "0302 00 61",
        "0303 00 61 00 62 00 32 00 63",
        "0303 00 61 00 62 00 31",
        "0304 00 61 00 62 00 31 00 63 00 64",
        "0304 00 61 00 62 00 31 00 63 00 64 00 65 00 66",
        "0305 00 01",
        "030600",
        "030708 00 61 00 62 00 31 00 63 00 aa",
        "030708 00 61 00 62 00 31 00 63 00 aabb 64",
        "030a",
        "030a08",
        "030a0800",
        "030a08 00 61 00 02",
        "030a08 00 61 00 01 00",
        "030a08 00 61 00 00 00",
        "030a08 00 00 00",
        "030a08 00 00 01 0000",
        "030a08 00 61 00 03",
    ] {
        let key = from_hex(text);
        let error = Key::parse(&key).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{text}");
    }
}

#[test]
fn strangers_are_tolerated_and_kept() {
    for (text, retired) in [
        ("", false),
        ("03", false),
        ("04aa", false),
        ("030b00", false),
        ("03fe", false),
        ("030709", false),
        ("0307", false),
        ("030a0900", false),
        ("030702 00 61", true),
        ("0308 00", true),
    ] {
        let bytes = from_hex(text);
        let key = Key::parse(&bytes).unwrap();
        assert_eq!(matches!(key, Key::Retired(..)), retired, "{text}");
        assert_eq!(matches!(key, Key::Unassigned(_)), !retired, "{text}");
        assert_eq!(key.to_vec(), bytes);
    }
    let foreign = MetadataKey::Unknown(b"someone");
    let bytes = foreign.to_vec();
    assert_eq!(Key::parse(&bytes).unwrap(), Key::Metadata(foreign));
}

#[test]
fn families_are_listed_once_in_key_order() {
    for pair in Family::ALL.windows(2) {
        assert!(pair[0].header() < pair[1].header(), "{pair:?}");
        assert_eq!(pair[0].range().upper.unwrap()[..2].len(), 2);
    }
    for family in Family::ALL {
        assert_eq!(Family::of(family.header()), Some(family));
        let kinds = [
            family.is_primary(),
            family.is_derived(),
            family.is_retired(),
        ];
        let other = matches!(family, Family::SyncRun | Family::Session | Family::Metadata);
        let named = kinds.iter().filter(|&&kind| kind).count();
        assert_eq!(named, usize::from(!other), "{family:?}");
    }
}

#[test]
fn wipes_remove_what_they_should() {
    let new_sync = prefix::wiped_by_new_sync();
    for family in Family::ALL {
        let wiped = new_sync.contains(family.header());
        assert_eq!(wiped, family != Family::Metadata, "{family:?}");
        let digest = prefix::digests()
            .iter()
            .any(|r| r.contains(family.header()));
        assert_eq!(
            digest,
            matches!(family, Family::DigestNode | Family::GrantHash),
            "{family:?}"
        );
        let cloned = prefix::dropped_by_clone()
            .iter()
            .any(|r| r.contains(family.header()));
        assert_eq!(
            cloned,
            matches!(family, Family::Counter | Family::Session),
            "{family:?}"
        );
    }
}

#[test]
fn stamps_decide_the_layout() {
    let two = Some(&stamp::CURRENT[..]);
    let (one, three) = (Some(&[0, 0, 0, 1][..]), Some(&[0, 0, 0, 3][..]));
    let bad = Some(&[2][..]);
    for (version, format, rows, expected) in [
        (two, two, true, Ok(Layout::Current)),
        (two, two, false, Ok(Layout::Current)),
        (None, None, false, Ok(Layout::Current)),
        (two, None, false, Ok(Layout::Current)),
        (two, None, true, Ok(Layout::ExternalId)),
        (None, None, true, Err(ErrorKind::FormatOlder)),
        (None, two, true, Err(ErrorKind::FormatOlder)),
        (one, two, true, Err(ErrorKind::FormatOlder)),
        (three, two, true, Err(ErrorKind::FormatNewer)),
        (two, one, true, Err(ErrorKind::FormatOlder)),
        (two, three, false, Err(ErrorKind::FormatNewer)),
        (bad, two, true, Err(ErrorKind::DataLoss)),
        (two, bad, true, Err(ErrorKind::DataLoss)),
    ] {
        let found = stamp::layout(version, format, rows).map_err(|error| error.kind());
        assert_eq!(found, expected, "{version:?} {format:?} {rows}");
    }
}

#[test]
fn readings_of_an_entitlement_id() {
    let read = |id: &str| match bare_id::entitlement_candidates(id) {
        Candidates::Some(found) => found.len(),
        Candidates::TooMany => usize::MAX,
    };
    assert_eq!(read("member"), 0);
    assert_eq!(read("group:eng"), 0);
    assert_eq!(read("group:eng:"), 1);
    assert_eq!(read("a:b:c:d"), 3);
    assert_eq!(read("::a"), 0);
    assert_eq!(read(&"x:".repeat(64)), 64 * 63 / 2);
    assert_eq!(read(&"x:".repeat(65)), usize::MAX);
}

#[test]
fn readings_of_a_grant_id() {
    let id = "g:e:m:user:al:ice";
    let known = EntitlementIdentity::new("other", "thing", "g:e:m");
    let Candidates::Some(found) = bare_id::grant_candidates(id, |entitlement| {
        (entitlement == "g:e:m").then(|| known.clone())
    }) else {
        panic!("few colons");
    };
    let expect = GrantIdentity::new(known.clone(), "user", "al:ice");
    assert!(found.contains(&expect));
    let expect = GrantIdentity::new(
        EntitlementIdentity::new("g", "e", "g:e:m"),
        "user",
        "al:ice",
    );
    assert!(found.contains(&expect));
    // Five colons: C(5,4) readings by structure, two more by the known entitlement.
    assert_eq!(found.len(), 5 + 2);
    assert!(found.is_sorted());

    let count = |id: &str| match bare_id::grant_candidates(id, |_| None) {
        Candidates::Some(found) => found.len(),
        Candidates::TooMany => usize::MAX,
    };
    assert_eq!(count("a:b"), 0);
    assert_eq!(count("a:b:c:d"), 0);
    assert_eq!(count("a:b::c:d"), 1);
    // C(18,4) = 3060 and C(19,4) = 3876 readings fit; C(20,4) = 4845 do not. The id ends in a
    // colon, whose reading has no principal id, so one colon more is needed than that.
    assert_eq!(count(&"x:".repeat(20)), 3876);
    assert_eq!(count(&"x:".repeat(21)), usize::MAX);
    assert_eq!(count(&":".repeat(65)), usize::MAX);
}

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_bytes(&mut out, number, bytes);
    out
}

fn derived(indexes: IndexSet, key: &Key<'_>, value: &[u8]) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    Deriver::new(indexes)
        .derive(&key.to_vec(), value, &mut |row| {
            rows.push(row.to_vec());
            Ok(())
        })
        .unwrap();
    rows
}

#[test]
fn a_resource_is_indexed_under_a_parent_with_an_id() {
    let key = Key::Resource(ResourceIdentity::new("group", "eng"));
    let parent = |rt: &str, id: &str| {
        let reference = [field(1, rt.as_bytes()), field(2, id.as_bytes())].concat();
        [field(2, b"group"), field(6, &reference)].concat()
    };
    let row = |rt, id| {
        let parent = ResourceIdentity::new(rt, id);
        let child = ResourceIdentity::new("group", "eng");
        Key::ResourceByParent { parent, child }.to_vec()
    };
    assert_eq!(
        derived(IndexSet::ALL, &key, &parent("org", "o1")),
        [row("org", "o1")]
    );
    assert_eq!(
        derived(IndexSet::ALL, &key, &parent("", "o1")),
        [row("", "o1")]
    );
    assert!(derived(IndexSet::ALL, &key, &parent("org", "")).is_empty());
    assert!(derived(IndexSet::ALL, &key, &field(2, b"group")).is_empty());
    // Later occurrences merge over earlier ones.
    let merged = [parent("org", "o1"), field(6, &field(2, b"o2"))].concat();
    assert_eq!(derived(IndexSet::ALL, &key, &merged), [row("org", "o2")]);
    let none = IndexSet {
        by_parent: false,
        ..IndexSet::ALL
    };
    assert!(derived(none, &key, &parent("org", "o1")).is_empty());
}

#[test]
fn a_grant_is_indexed_by_principal_and_while_it_needs_expansion() {
    let grant = GrantIdentity::new(EntitlementIdentity::new("g", "e", "x"), "user", "al");
    let key = Key::Grant(grant.clone());
    let by_principal = Key::GrantByPrincipal(grant.clone()).to_vec();
    let pending = Key::GrantNeedsExpansion(grant).to_vec();
    let needs = [field(2, b"id"), vec![7 << 3, 1]].concat();
    let reset = [needs.clone(), vec![7 << 3, 0]].concat();
    let both = [by_principal.clone(), pending.clone()];
    assert_eq!(derived(IndexSet::ALL, &key, &needs), both);
    let plain = derived(IndexSet::ALL, &key, b"");
    assert_eq!(plain, std::slice::from_ref(&by_principal));
    assert_eq!(derived(IndexSet::ALL, &key, &reset), [by_principal]);
    assert_eq!(derived(IndexSet::INLINE, &key, &needs), [pending]);
    assert!(derived(IndexSet::ALL, &Key::Asset(b"a".into()), &needs).is_empty());
}

#[test]
fn deriving_from_damaged_rows_fails() {
    let mut deriver = Deriver::new(IndexSet::ALL);
    let mut emit = |_: &[u8]| Ok(());
    let bad_key = deriver.derive(b"\x03\x04\0a", b"", &mut emit).unwrap_err();
    assert_eq!(bad_key.kind(), ErrorKind::DataLoss);
    let key = Key::Resource(ResourceIdentity::new("a", "b")).to_vec();
    for value in [&[0x32, 0x05][..], &[0xff; 12], &[0x32, 0x01, 0x08], &[0x00]] {
        let error = deriver.derive(&key, value, &mut emit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{value:?}");
    }
}
