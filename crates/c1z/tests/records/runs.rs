//! Sync runs, statistics and digests against what Go's reader says of them.

use std::collections::BTreeMap;

use c1z::digest::{Bucket, Node, PartitionDigest, global_root_key, nodes_of_rows};
use c1z::engine::types::{CallStat, SyncRun, SyncStats, Timestamp};
use c1z::keyspace::{Family, Key, MetadataKey, prefix};
use c1z::record::{stats, sync_run};
use serde_json::Value;

use crate::golden::{Era, cases};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn check_run(line: &Value, run: &SyncRun) {
    // Go's dump leaves out trailing zeros.
    let moment = |moment: Option<Timestamp>| {
        let text = moment.map_or(String::new(), |moment| moment.to_string());
        match text.strip_suffix('Z') {
            Some(digits) if digits.contains('.') => digits.trim_end_matches('0').to_owned() + "Z",
            _ => text,
        }
    };
    assert_eq!(run.id.as_str(), text(&line["id"]));
    assert_eq!(run.sync_type.as_str(), text(&line["type"]));
    assert_eq!(run.parent_id, text(&line["parent_sync_id"]));
    assert_eq!(run.linked_id, text(&line["linked_sync_id"]));
    assert_eq!(run.token, text(&line["sync_token"]));
    assert_eq!(run.supports_diff, line["supports_diff"] == true);
    assert_eq!(moment(run.started_at), text(&line["started_at"]));
    assert_eq!(moment(run.ended_at), text(&line["ended_at"]));
}

fn count(value: &Value) -> i64 {
    match value {
        Value::Null => 0,
        value => text(value).parse().expect("a count"),
    }
}

fn counts(value: &Value) -> BTreeMap<String, i64> {
    let entries = value.as_object().into_iter().flatten();
    entries
        .map(|(key, value)| (key.clone(), count(value)))
        .collect()
}

fn call_stat(stat: &Value) -> CallStat {
    CallStat {
        count: count(&stat["count"]),
        total_ms: count(&stat["total_ms"]),
        max_ms: count(&stat["max_ms"]),
        errors: count(&stat["errors"]),
        timeouts: count(&stat["timeouts"]),
    }
}

fn check_stats(result: &Value, stats: &SyncStats) {
    assert_eq!(stats.resource_types, count(&result["resource_types"]));
    assert_eq!(stats.resources, count(&result["resources"]));
    assert_eq!(stats.entitlements, count(&result["entitlements"]));
    assert_eq!(stats.grants, count(&result["grants"]));
    assert_eq!(stats.assets, count(&result["assets"]));
    let by_type = [
        (
            &stats.resources_by_resource_type,
            "resources_by_resource_type",
        ),
        (
            &stats.entitlements_by_resource_type,
            "entitlements_by_resource_type",
        ),
        (&stats.grants_by_resource_type, "grants_by_resource_type"),
        (&stats.step_durations_ms, "step_durations_ms"),
    ];
    for (ours, name) in by_type {
        assert_eq!(*ours, counts(&result[name]), "{name}");
    }
    for (ours, name) in [
        (&stats.connector_call_stats, "connector_call_stats"),
        (&stats.session_store_stats, "session_store_stats"),
    ] {
        let theirs = result[name].as_object().into_iter().flatten();
        let theirs: BTreeMap<String, CallStat> = theirs
            .map(|(key, stat)| (key.clone(), call_stat(stat)))
            .collect();
        assert_eq!(*ours, theirs, "{name}");
    }
}

fn recounted(rows: &Rows) -> SyncStats {
    let mut counted = SyncStats::default();
    for key in rows.keys() {
        stats::count(&mut counted, key).unwrap();
    }
    counted
}

#[test]
fn sync_runs_and_stats_say_what_go_says() {
    let (mut runs, mut stored, mut recounts) = (0, 0, 0);
    for case in cases() {
        if case.era() == Era::SyncPrefixed {
            continue;
        }
        let rows: Rows = case.kv().into_iter().collect();
        let Some(value) = rows.get(Family::SyncRun.header()) else {
            continue;
        };
        let run = sync_run::decode(value).unwrap();
        assert_eq!(
            sync_run::encode_over(&run, None).unwrap(),
            *value,
            "{}",
            case.name
        );
        assert_eq!(
            sync_run::encode_over(&run, Some(value)).unwrap(),
            *value,
            "{}",
            case.name
        );
        let dump = case.dump();
        for line in dump.iter().filter(|line| line["kind"] == "sync_run") {
            check_run(line, &run);
            runs += 1;
        }
        for line in dump.iter().filter(|line| line["kind"] == "stats_v2") {
            if !line["error"].is_null() {
                continue;
            }
            match rows.get(&MetadataKey::Stats.to_vec()) {
                Some(value) if case.era() == Era::Current => {
                    check_stats(&line["result"], &stats::decode(value).unwrap().1);
                    stored += 1;
                }
                _ if case.era() == Era::Current => {
                    check_stats(&line["result"], &recounted(&rows));
                    recounts += 1;
                }
                _ => {}
            }
        }
    }
    assert_eq!((runs, stored, recounts), (61, 47, 5));
}

/// The partitions of the entitlements with one id, which a lookup by a bare id may mean.
fn partitions_by_id(rows: &Rows) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut by_id: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for key in rows.keys() {
        if let Key::Entitlement(identity) = Key::parse(key).unwrap() {
            let mut partition = Vec::new();
            identity.encode_into(&mut partition);
            let id = identity.external_id().into_owned();
            by_id.entry(id).or_default().push(partition);
        }
    }
    by_id
}

fn stored_digest(rows: &Rows, partition: &[u8]) -> Option<PartitionDigest> {
    let range = prefix::digest_nodes_of(partition);
    let nodes = rows.iter().filter(|(key, _)| range.contains(key)).map(Ok);
    PartitionDigest::read(nodes).unwrap()
}

fn node(value: &Value) -> Node {
    let xor = u64::from_str_radix(text(&value["hash_hex"]), 16).unwrap_or(0);
    let count = value["count"].as_u64().unwrap_or(0);
    Node { count, xor }
}

fn root_agrees(rows: &Rows, partition: &[u8], line: &Value) -> bool {
    let result = &line["result"];
    match stored_digest(rows, partition) {
        Some(digest) => {
            result["found"] == true
                && digest.root.node == node(result)
                && result["level"] == digest.root.width
        }
        None => result["found"] != true,
    }
}

fn nodes_agree(rows: &Rows, partition: &[u8], line: &Value) -> bool {
    let digest = stored_digest(rows, partition).expect("a digest");
    let level = u8::try_from(line["level"].as_u64().unwrap()).unwrap();
    let ours = if level <= digest.root.width {
        digest.nodes_at(level).unwrap()
    } else {
        let range = prefix::hash_rows_of(partition);
        let of_partition = rows.iter().filter(|(key, _)| range.contains(key)).map(Ok);
        nodes_of_rows(level, of_partition).unwrap()
    };
    let theirs = line["result"].as_array().unwrap();
    let pairs = ours.iter().zip(theirs);
    let agrees = |(bucket, expected): (&Bucket, &Value)| {
        expected["index"] == bucket.index && bucket.node == node(expected)
    };
    ours.len() == theirs.len() && pairs.into_iter().all(agrees)
}

fn global_agrees(rows: &Rows, line: &Value) -> bool {
    let result = &line["result"];
    match rows.get(&global_root_key()) {
        Some(value) => result["found"] == true && Node::decode(value).unwrap() == node(result),
        None => result["found"] != true,
    }
}

#[test]
fn digests_answer_lookups_as_go_does() {
    let (mut roots, mut levels, mut globals) = (0, 0, 0);
    for case in cases() {
        if case.era() != Era::Current {
            continue;
        }
        let rows: Rows = case.kv().into_iter().collect();
        let by_id = partitions_by_id(&rows);
        for line in case.dump() {
            let mut partitions = (by_id.get(text(&line["entitlement_id"]).as_bytes()))
                .into_iter()
                .flatten();
            let agrees = match text(&line["op"]) {
                "GetEntitlementGrantDigest" => {
                    roots += 1;
                    partitions.any(|partition| root_agrees(&rows, partition, &line))
                }
                "GetEntitlementGrantDigestNodes" => {
                    levels += 1;
                    partitions.any(|partition| nodes_agree(&rows, partition, &line))
                }
                "GrantGenerationDigest" => {
                    globals += 1;
                    global_agrees(&rows, &line)
                }
                _ => continue,
            };
            assert!(line["error"].is_null() && agrees, "{} {line}", case.name);
        }
    }
    assert_eq!((roots, levels, globals), (576, 428, 52));
}
