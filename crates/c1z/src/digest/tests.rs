//! Vectors of `c1z3-keyspace` §8, laws of nodes, and what is refused.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::hash::{bucket_hash, bucket_of};
use super::*;
use crate::keyspace::{EntitlementIdentity, Family, GrantIdentity, GrantKey, splice};
use crate::{ErrorKind, Result};

type Rows = Vec<(Vec<u8>, Vec<u8>)>;
type Damage = fn(&mut Rows);

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn bucket_hashes_of_the_specification() {
    for (principal, hash) in [
        ("7573657200757365722d3432", 0x0908_241b_ecfa_1cd1),
        ("7573010165720069640101", 0x32ce_87a2_0b0c_2dc4),
        ("7573010265720001026964", 0xab93_8545_e9e1_b427),
        ("7573c3a97200d0b8d0b42d3432", 0x55b3_320c_ad3a_9e7b),
        ("00", 0xe934_a84a_db05_2768),
    ] {
        assert_eq!(bucket_hash(&hex(principal)), hash);
    }
    assert_eq!(bucket_of(0x0908_241b_ecfa_1cd1), 0x0908);
}

fn grant_key(entitlement: EntitlementIdentity<'_>, principal_type: &str, id: &str) -> Vec<u8> {
    Key::Grant(GrantIdentity::new(entitlement, principal_type, id)).to_vec()
}

/// A stored grant with the given sources, in the given order.
fn with_sources(sources: &[&str]) -> Vec<u8> {
    let mut value = Vec::new();
    for source in sources {
        let len = u8::try_from(source.len()).unwrap();
        value.extend([0x4a, len + 4, 0x0a, len]);
        value.extend(source.as_bytes());
        value.extend([0x12, 0]);
    }
    value
}

#[test]
fn content_hashes_of_the_specification() {
    let member = EntitlementIdentity::new("group", "eng", "group:eng:member");
    let admin = EntitlementIdentity::new("group", "eng", "custom-admin");
    let alice = grant_key(member, "user", "alice");
    let eng = grant_key(admin, "group", "eng");
    let mut hashing = GrantHasher::new();
    for (key, sources, content) in [
        (&alice, &[][..], 0x1367_d7ff_259e_c6fa),
        (&eng, &["a:src", "z:src"], 0xa9c1_2dc0_4680_8012),
        (&eng, &["z:src", "a:src", "z:src"], 0xa9c1_2dc0_4680_8012),
        (&eng, &[], 0x40b5_6d2e_b369_9795),
    ] {
        let hashed = hashing.hash(key, &with_sources(sources)).unwrap();
        assert_eq!(hashed.content, content, "{sources:?}");
    }
    let hashed = hashing.hash(&alice, b"").unwrap();
    let mut row = Vec::new();
    hashed.key_into(&mut row);
    let expected = "0307080067726f757000656e670031006d656d62657200a66b7573657200616c696365";
    assert_eq!(row, hex(expected));
    assert_eq!(
        HashedGrant::from_row(&row, &hashed.value()).unwrap(),
        hashed
    );
}

#[test]
fn sources_are_escaped_and_found_behind_other_fields() {
    let key = grant_key(EntitlementIdentity::new("g", "e", "x"), "u", "a");
    let hash = |value: &[u8]| GrantHasher::new().hash(&key, value).unwrap().content;
    let joined = hash(&with_sources(&["a\0b"]));
    assert_ne!(joined, hash(&with_sources(&["a", "b"])));
    let mut longer = b"\x12\x02id\x38\x01".to_vec();
    longer.extend(with_sources(&["a\0b"]));
    assert_eq!(hash(&longer), joined, "other fields are not covered");
    assert!(GrantHasher::new().hash(&key, b"\x4a\x01\x08").is_err());
    assert!(GrantHasher::new().hash(b"\x03\x04\0a", b"").is_err());
}

#[test]
fn widths_follow_the_count() {
    for (count, width) in [
        (0, 0),
        (512, 0),
        (513, 1),
        (1024, 1),
        (1025, 2),
        (70_000, 8),
        (300_000, 10),
        (16_777_216, 15),
        (16_777_217, 16),
        (33_554_433, 16),
        (u64::MAX, 16),
    ] {
        assert_eq!(width_of(count), width, "{count}");
    }
}

/// The nodes of these grants, by the builder; the global root last.
fn build(entitlements: &[&[u8]], grants: &[HashedGrant<'_>]) -> Rows {
    let mut rows = Rows::new();
    let mut sink = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        Ok(())
    };
    let mut builder = DigestBuilder::new();
    let mut entitlements = entitlements.iter().peekable();
    for grant in grants {
        while let Some(partition) = entitlements.next_if(|&&p| p <= grant.grant.partition) {
            builder.entitlement(partition, &mut sink).unwrap();
        }
        builder.grant(grant, &mut sink).unwrap();
    }
    for partition in entitlements {
        builder.entitlement(partition, &mut sink).unwrap();
    }
    let global = builder.finish(&mut sink).unwrap();
    rows.push((global_root_key(), global.encode().to_vec()));
    rows
}

#[test]
fn nodes_of_the_specification() {
    let member = EntitlementIdentity::new("group", "eng", "group:eng:member");
    let admin = EntitlementIdentity::new("group", "eng", "custom-admin");
    let empty = EntitlementIdentity::new("group", "eng", "group:eng:");
    let keys = [
        grant_key(admin.clone(), "group", "eng"),
        grant_key(member.clone(), "us\0er", "\x01id"),
        grant_key(member.clone(), "user", "alice"),
    ];
    let mut hashing = GrantHasher::new();
    let grants: Vec<_> = keys
        .iter()
        .zip([with_sources(&["a:src", "z:src"]), vec![], vec![]])
        .map(|(key, value)| hashing.hash(key, &value).unwrap())
        .collect();
    let partition = |identity: &EntitlementIdentity<'_>| {
        let mut partition = Vec::new();
        identity.encode_into(&mut partition);
        partition
    };
    let partitions = [&admin, &empty, &member].map(partition);
    let expected = [
        (
            "030a080067726f75700101656e670101300101637573746f6d2d61646d696e0000",
            "000000000000000001a9c12dc046808012",
        ),
        (
            "030a080067726f75700101656e6701013101010000",
            "0000000000000000000000000000000000",
        ),
        (
            "030a080067726f75700101656e6701013101016d656d6265720000",
            "0000000000000000027925a631aeb49ea6",
        ),
        ("030a08000002", "0000000000000003d0e48bf1e8341eb4"),
    ];
    let expected: Rows = expected.map(|(key, value)| (hex(key), hex(value))).into();
    assert_eq!(
        build(&partitions.each_ref().map(Vec::as_slice), &grants),
        expected
    );
    assert_eq!(root_key(&partitions[1]), expected[1].0);
}

const PARTITION: &[u8] = b"g\0e\x001\0m";

/// Grants of one partition with chosen buckets and contents.
fn made(buckets: &[(u16, u64)]) -> Vec<HashedGrant<'static>> {
    let grant = GrantKey {
        partition: PARTITION,
        principal: b"u\0a",
    };
    let made = |&(bucket, content)| HashedGrant {
        grant,
        bucket,
        content,
    };
    buckets.iter().map(made).collect()
}

fn read(rows: &Rows) -> Result<Option<PartitionDigest>> {
    PartitionDigest::read(rows.iter().map(|(key, value)| Ok((key, value))))
}

/// The digest of made grants, without the global root.
fn digest_of(buckets: &[(u16, u64)]) -> PartitionDigest {
    let mut rows = build(&[PARTITION], &made(buckets));
    rows.pop();
    read(&rows).unwrap().unwrap()
}

/// Pseudo-random grants, spread over all buckets.
fn spread(count: u64) -> Vec<(u16, u64)> {
    let mix = |i: u64| bucket_hash(&i.to_le_bytes());
    (0..count).map(|i| (bucket_of(mix(i)), mix(i))).collect()
}

fn naive(buckets: &[(u16, u64)], level: u8) -> Vec<Bucket> {
    let mut nodes: BTreeMap<u32, Node> = BTreeMap::new();
    for &(bucket, content) in buckets {
        let index = u32::from(bucket) >> (16 - level);
        nodes.entry(index).or_default().add(content);
    }
    if level == 0 {
        nodes.entry(0).or_default();
    }
    nodes
        .into_iter()
        .map(|(index, node)| Bucket { index, node })
        .collect()
}

#[test]
fn large_partitions_fold_like_a_count_by_bucket() {
    // Both sides of the switch from a list to a table, and a width at which leaves are sparse.
    for count in [0, 1, 512, 513, 4_000, 65_535, 65_536, 65_537, 140_000] {
        let buckets = spread(count);
        let digest = digest_of(&buckets);
        assert_eq!(digest.root.width, width_of(count));
        assert_eq!(digest.root.node.count, count);
        for level in 0..=digest.root.width {
            assert_eq!(
                digest.nodes_at(level).unwrap(),
                naive(&buckets, level),
                "{count}"
            );
        }
        let error = digest.nodes_at(digest.root.width + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn leaves_without_grants_are_left_out() {
    let buckets: Vec<(u16, u64)> = (0..2_000).map(|i| (0xc000, i)).collect();
    let mut rows = build(&[], &made(&buckets));
    rows.pop();
    assert_eq!(rows.len(), 2, "a root and one leaf");
    assert!(rows[1].0.ends_with(&[0x00, 0x01, 0xc0, 0x00]));
}

#[test]
fn partitions_out_of_order_are_refused() {
    let mut builder = DigestBuilder::new();
    let mut sink = |_: &[u8], _: &[u8]| Ok(());
    builder.entitlement(b"b", &mut sink).unwrap();
    builder.entitlement(b"b", &mut sink).unwrap();
    let error = builder.entitlement(b"a", &mut sink).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
}

#[test]
fn a_sink_that_fails_stops_the_build() {
    let mut builder = DigestBuilder::new();
    builder.entitlement(b"a", &mut |_, _| Ok(())).unwrap();
    let mut failing = |_: &[u8], _: &[u8]| Err(crate::Error::invalid("full"));
    assert!(builder.entitlement(b"b", &mut failing).is_err());
    assert!(builder.finish(&mut failing).is_err());
}

#[test]
fn the_sorter_keeps_its_budget() {
    let grants = made(&[(2, 1), (1, 2)]);
    let mut rows = Rows::new();
    let mut sink = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        Ok(())
    };
    let mut sorter = HashRowSorter::new(80);
    sorter.add(&grants[0], &mut sink).unwrap();
    sorter.add(&grants[1], &mut sink).unwrap();
    let error = sorter.add(&grants[0], &mut sink).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    sorter.finish(&mut sink).unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.is_sorted());
}

proptest! {
    #[test]
    fn rows_are_sorted_within_each_partition(
        grants in vec((0u8..3, vec(any::<u8>(), 0..3), any::<u16>()), 0..20),
    ) {
        let mut keys: Vec<_> = grants
            .iter()
            .map(|(partition, id, bucket)| {
                let entitlement = EntitlementIdentity::new(&b"g"[..], b"e", std::slice::from_ref(partition));
                let grant = GrantIdentity::new(entitlement, &b"u"[..], id);
                (Key::Grant(grant).to_vec(), *bucket)
            })
            .collect();
        keys.sort();
        keys.dedup_by(|a, b| a.0 == b.0);
        let mut rows = Rows::new();
        let mut sink = |key: &[u8], value: &[u8]| {
            rows.push((key.to_vec(), value.to_vec()));
            Ok(())
        };
        let mut sorter = HashRowSorter::new(1 << 16);
        for (key, bucket) in &keys {
            let grant = GrantKey::parse(key).unwrap();
            let hashed = HashedGrant { grant, bucket: *bucket, content: 7 };
            sorter.add(&hashed, &mut sink).unwrap();
        }
        sorter.finish(&mut sink).unwrap();
        prop_assert!(rows.is_sorted());
        prop_assert_eq!(rows.len(), keys.len());
    }

    #[test]
    fn nodes_of_rows_agree_with_a_count_by_bucket(
        buckets in vec((any::<u16>(), any::<u64>()), 0..40), level in 0u8..=16,
    ) {
        let mut rows: Rows = made(&buckets)
            .iter()
            .map(|grant| {
                let mut key = Vec::new();
                grant.key_into(&mut key);
                (key, grant.value().to_vec())
            })
            .collect();
        rows.sort();
        let nodes = nodes_of_rows(level, rows.iter().map(|(key, value)| Ok((key, value)))).unwrap();
        let mut expected = naive(&buckets, level);
        expected.retain(|bucket| bucket.node.count > 0);
        prop_assert_eq!(nodes, expected);
    }

    #[test]
    fn differing_ranges_are_those_whose_grants_differ(
        common in 0u64..2_000, more in vec((any::<u16>(), any::<u64>()), 0..5), extra in 0u64..600,
    ) {
        let mine = spread(common);
        let mut theirs = spread(common + extra);
        theirs.extend(&more);
        let (a, b) = (digest_of(&mine), digest_of(&theirs));
        let (level, found) = a.differing(&b);
        prop_assert_eq!(level, a.root.width.min(b.root.width));
        prop_assert_eq!(&b.differing(&a).1, &found);
        let (x, y) = (naive(&mine, level), naive(&theirs, level));
        for index in 0..1u32 << level {
            let node = |nodes: &[Bucket]| nodes.iter().find(|n| n.index == index).map(|n| n.node);
            let differ = node(&x) != node(&y);
            prop_assert_eq!(found.contains(&index), differ, "index {}", index);
        }
        for &(bucket, _) in &more {
            let ranges = (0..1u32 << level).filter(|&i| read::contains(level, i, bucket));
            prop_assert_eq!(ranges.count(), 1);
        }
    }

    #[test]
    fn values_read_back(count in any::<u64>(), xor in any::<u64>(), width in 0u8..=16) {
        let node = Node { count, xor };
        prop_assert_eq!(Node::decode(&node.encode()).unwrap(), node);
        let root = Root { width, node };
        prop_assert_eq!(Root::decode(&root.encode()).unwrap(), root);
    }
}

#[test]
fn values_of_another_shape_are_refused() {
    for len in 0..20 {
        let value = vec![0; len];
        assert_eq!(Node::decode(&value).is_ok(), len == 16);
        assert_eq!(Root::decode(&value).is_ok(), len == 17);
    }
    let mut wide = [0; 17];
    wide[0] = 17;
    assert_eq!(Root::decode(&wide).unwrap_err().kind(), ErrorKind::DataLoss);
    let row = made(&[(1, 2)])[0];
    let mut key = Vec::new();
    row.key_into(&mut key);
    assert!(HashedGrant::from_row(&key, &[0; 7]).is_err());
    assert!(HashedGrant::from_row(&key[..10], &[0; 8]).is_err());
}

#[test]
fn rows_that_contradict_each_other_are_refused() {
    let good = {
        let mut rows = build(&[], &made(&spread(1_500)));
        rows.pop();
        rows
    };
    assert_eq!(read(&good).unwrap().unwrap().root.width, 2);
    assert_eq!(read(&Rows::new()).unwrap(), None);
    let damages: [(&str, Damage); 9] = [
        ("no root", |rows| drop(rows.remove(0))),
        ("a leaf is missing", |rows| drop(rows.pop())),
        ("leaves out of order", |rows| rows.swap(1, 2)),
        ("a leaf twice", |rows| rows[2] = rows[1].clone()),
        ("an empty leaf", |rows| rows[1].1 = vec![0; 16]),
        ("another count", |rows| rows[0].1[8] ^= 1),
        ("another hash", |rows| rows[1].1[15] ^= 1),
        ("a leaf between buckets", |rows| {
            *rows[1].0.last_mut().unwrap() = 1;
        }),
        ("a leaf of another partition", |rows| rows[1].0[4] ^= 1),
    ];
    for (name, damage) in damages {
        let mut rows = good.clone();
        damage(&mut rows);
        let error = read(&rows).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{name}");
    }
    let mut narrow = good.clone();
    narrow[0].1[0] = 0;
    assert!(read(&narrow).is_err(), "leaves below a root of width 0");
    let mut foreign = good;
    foreign[1].0 = Family::SyncRun.header().to_vec();
    assert!(read(&foreign).is_err());
}

#[test]
fn rows_out_of_order_are_refused() {
    let rows: Rows = made(&[(5, 1), (2, 1)])
        .iter()
        .map(|grant| {
            let mut key = Vec::new();
            grant.key_into(&mut key);
            (key, grant.value().to_vec())
        })
        .collect();
    let pairs = || rows.iter().map(|(key, value)| Ok((key, value)));
    assert_eq!(
        nodes_of_rows(16, pairs()).unwrap_err().kind(),
        ErrorKind::DataLoss
    );
    assert_eq!(
        nodes_of_rows(17, pairs()).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn the_manifest_tells_the_global_root() {
    let node = Node {
        count: 3,
        xor: 0xd0e4_8bf1_e834_1eb4,
    };
    let mut told = node.to_manifest();
    assert_eq!(told.xor_digest, hex("d0e48bf1e8341eb4"));
    assert_eq!((told.count, told.abi_version), (3, 1));
    assert_eq!(Node::from_manifest(&told).unwrap(), Some(node));
    told.abi_version = 2;
    assert_eq!(Node::from_manifest(&told).unwrap(), None);
    told.abi_version = 1;
    told.count = -1;
    assert!(Node::from_manifest(&told).is_err());
    told.count = 3;
    told.xor_digest.pop();
    assert!(Node::from_manifest(&told).is_err());
}

#[test]
fn an_entitlement_key_names_its_partition() {
    let identity = EntitlementIdentity::new("g", "e", "g:e:m");
    let key = Key::Entitlement(identity.clone()).to_vec();
    let mut partition = Vec::new();
    identity.encode_into(&mut partition);
    assert_eq!(splice::entitlement_partition(&key).unwrap(), partition);
    let grant = grant_key(identity, "u", "a");
    assert_eq!(GrantKey::parse(&grant).unwrap().partition, partition);
}
