//! Sync runs, statistics, tokens, summaries and times.

use c1z_proto::google::protobuf;
use c1z_proto::storage::v3::{IngestQualityStats, SyncRunRecord};

use crate::ErrorKind;
use crate::engine::types::{CallStat, SyncId, SyncRun, SyncStats, SyncType, Timestamp};
use crate::keyspace::{EntitlementIdentity, GrantIdentity, Key, ResourceIdentity};
use crate::record::{manifest, message, stats, sync_run, timestamp, token};

fn moment(seconds: i64, nanos: u32) -> Timestamp {
    Timestamp { seconds, nanos }
}

fn run() -> SyncRun {
    let id = SyncId::from_stored("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w");
    let mut run = SyncRun::started(id, SyncType::Partial, "parent".to_owned(), moment(5, 7));
    run.ended_at = Some(moment(9, 0));
    run.linked_id = "linked".to_owned();
    run.token = "{}".to_owned();
    run.supports_diff = true;
    run.verification.coverage = vec!["I5".to_owned()];
    run
}

#[test]
fn a_run_reads_back() {
    let run = run();
    let value = sync_run::encode_over(&run, None).unwrap();
    assert_eq!(sync_run::decode(&value).unwrap(), run);
}

#[test]
fn fields_of_newer_versions_stay_in_the_run_row() {
    let mut value = sync_run::encode_over(&run(), None).unwrap();
    // An unknown field 100 and the declared but unused `compacted`.
    value.extend(b"\x48\x01\xa2\x06\x01x");
    let mut changed = run();
    changed.token = String::new();
    changed.ended_at = None;
    let written = sync_run::encode_over(&changed, Some(&value)).unwrap();
    assert_eq!(sync_run::decode(&written).unwrap(), changed);
    assert!(written.ends_with(b"\xa2\x06\x01x"));
    let record: SyncRunRecord = message::decode("record", &written).unwrap();
    assert!(record.compacted);
    let error = sync_run::encode_over(&changed, Some(b"\xff")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
}

#[test]
fn sync_types_have_numbers_and_keep_unknown_ones() {
    for number in -1..9 {
        let sync_type = sync_run::type_from_number(number);
        assert_eq!(sync_run::type_number(&sync_type).unwrap(), number);
        assert_eq!(
            SyncType::KNOWN.contains(&sync_type),
            (1..=5).contains(&number)
        );
    }
    let foreign = SyncType::Other("differential".to_owned());
    let error = sync_run::type_number(&foreign).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn rows_are_counted_by_the_types_in_their_keys() {
    let mut counted = SyncStats::default();
    let entitlement = EntitlementIdentity::new("group", "eng", "x");
    for key in [
        Key::ResourceType(b"group".into()),
        Key::Resource(ResourceIdentity::new("user", "al")),
        Key::Resource(ResourceIdentity::new("user", "bo")),
        Key::Resource(ResourceIdentity::new("", "nameless")),
        Key::Entitlement(entitlement.clone()),
        Key::Grant(GrantIdentity::new(entitlement.clone(), "user", "al")),
        Key::GrantByPrincipal(GrantIdentity::new(entitlement, "user", "al")),
        Key::Asset(b"icon".into()),
        Key::SyncRun,
    ] {
        stats::count(&mut counted, &key.to_vec()).unwrap();
    }
    let totals = [
        counted.resource_types,
        counted.resources,
        counted.entitlements,
        counted.grants,
        counted.assets,
    ];
    assert_eq!(totals, [1, 3, 1, 1, 1]);
    assert_eq!(counted.resources_by_resource_type["user"], 2);
    assert_eq!(counted.resources_by_resource_type[""], 1);
    assert_eq!(
        counted.grants_by_resource_type["group"], 1,
        "the entitlement's type counts"
    );
    assert_eq!(counted.entitlements_by_resource_type["group"], 1);
    for bad in [&b"\x03\x04\0a"[..], b"\x03\x02\0\xff\0a"] {
        let error = stats::count(&mut counted, bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss);
    }
}

fn full_stats() -> SyncStats {
    let mut full = SyncStats {
        resource_types: 1,
        grants: 12,
        written_at: Some(moment(3, 0)),
        ..SyncStats::default()
    };
    token::lift_into(TOKEN, &mut full);
    full.grants_by_resource_type.insert("group".to_owned(), 12);
    full.resources_by_resource_type.insert(String::new(), 0);
    full
}

const TOKEN: &str = r#"{"actions":[1,2],"step_durations_ms":{"a":1,"b":null},
    "connector_call_stats":{"list":{"count":17,"total_ms":900,"max_ms":120,"errors":1,"extra":[]}},
    "session_store_stats":{"get":{}},
    "ingest_quality":{"source_cache_replay_blocked":true,"reason_flags":64}}"#;

#[test]
fn statistics_read_back_and_default_entries_stay() {
    let full = full_stats();
    let value = stats::encode(&full, "sync").unwrap();
    let (sync_id, read) = stats::decode(&value).unwrap();
    assert_eq!((sync_id.as_str(), read), ("sync", full));
    // An empty key and a zero are written out, as the reference does.
    assert!(
        value
            .windows(6)
            .any(|bytes| bytes == b"\x3a\x04\x0a\x00\x10\x00")
    );
    let broken = SyncStats {
        ingest_quality: Some(vec![0xff]),
        ..SyncStats::default()
    };
    assert_eq!(
        stats::encode(&broken, "").unwrap_err().kind(),
        ErrorKind::DataLoss
    );
}

#[test]
fn figures_are_lifted_from_a_token() {
    let full = full_stats();
    assert_eq!(full.step_durations_ms.len(), 2);
    assert_eq!(full.step_durations_ms["b"], 0);
    let list = CallStat {
        count: 17,
        total_ms: 900,
        max_ms: 120,
        errors: 1,
        timeouts: 0,
    };
    assert_eq!(full.connector_call_stats["list"], list);
    assert_eq!(full.session_store_stats["get"], CallStat::default());
    let quality: IngestQualityStats =
        message::decode("quality", full.ingest_quality.as_ref().unwrap()).unwrap();
    assert!(quality.source_cache_replay_blocked);
    assert_eq!(quality.reason_flags, 64);
}

#[test]
fn a_token_of_another_shape_yields_nothing() {
    for text in [
        "",
        "step-3",
        "[]",
        "{",
        r#"{"step_durations_ms":[]}"#,
        r#"{"step_durations_ms":{"a":"1"}}"#,
        r#"{"step_durations_ms":{"a":1.5}}"#,
        r#"{"step_durations_ms":{"a":1},"ingest_quality":3}"#,
        r#"{"step_durations_ms":{"a":1},"ingest_quality":{"reason_flags":-1}}"#,
        r#"{"step_durations_ms":{"a":1},"connector_call_stats":{"x":7}}"#,
    ] {
        let mut lifted = full_stats();
        token::lift_into(text, &mut lifted);
        assert!(lifted.step_durations_ms.is_empty(), "{text}");
        assert!(lifted.connector_call_stats.is_empty(), "{text}");
        assert!(lifted.session_store_stats.is_empty(), "{text}");
        assert_eq!(lifted.ingest_quality, None, "{text}");
        assert_eq!(lifted.grants, 12, "counts are not the token's");
    }
    let mut lifted = SyncStats::default();
    token::lift_into(
        r#"{"step_durations_ms":null,"session_store_stats":{"a":null}}"#,
        &mut lifted,
    );
    assert_eq!(lifted.session_store_stats["a"], CallStat::default());
}

#[test]
fn a_summary_tells_of_the_run_what_it_can() {
    let mut run = run();
    run.stats = Some(full_stats());
    let summary = manifest::summary(&run).unwrap();
    assert_eq!(summary.stats.sync_id, run.id.as_str());
    let read = manifest::from_summary(summary);
    assert_eq!((&read.id, &read.sync_type), (&run.id, &run.sync_type));
    assert_eq!(
        (read.started_at, read.ended_at),
        (run.started_at, run.ended_at)
    );
    assert_eq!(read.stats, run.stats);
    assert_eq!(read.token, "", "a summary has no token");
}

#[test]
fn moments_outside_a_second_carry_over() {
    for (seconds, nanos, expected) in [
        (5, 7, moment(5, 7)),
        (-1, 0, moment(-1, 0)),
        (5, -1, moment(4, 999_999_999)),
        (5, i32::MAX, moment(7, 147_483_647)),
        (i64::MIN, i32::MIN, moment(i64::MIN, 852_516_352)),
    ] {
        let stored = protobuf::Timestamp {
            seconds,
            nanos,
            ..Default::default()
        };
        assert_eq!(timestamp::from_field(&Some(stored).into()), Some(expected));
    }
}

#[test]
fn moments_are_written_as_their_message_is() {
    for at in [
        moment(0, 0),
        moment(1, 0),
        moment(0, 1),
        moment(-5, 999_999_999),
    ] {
        let mut bytes = Vec::new();
        timestamp::put(at, &mut bytes, 5);
        let field = timestamp::to_field(Some(at));
        let expected = message::encode(&*field);
        assert_eq!(bytes[..2], [0x2a, u8::try_from(expected.len()).unwrap()]);
        assert_eq!(bytes[2..], expected);
        assert_eq!(timestamp::from_field(&field), Some(at));
    }
}

#[test]
fn only_a_strictly_newer_row_replaces() {
    let (older, newer) = (Some(moment(5, 1)), Some(moment(5, 2)));
    for (incoming, stored, wins) in [
        (newer, older, true),
        (older, newer, false),
        (newer, newer, false),
        (None, None, false),
        (None, older, false),
        (older, None, true),
    ] {
        assert_eq!(
            timestamp::replaces(incoming, stored),
            wins,
            "{incoming:?} {stored:?}"
        );
    }
}
