use std::path::Path;
use std::sync::Arc;

use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;
use shingle::vfs::{Fs, MemFs};

use super::grants::{self, Reading, Wanted};
use super::{V1Source, principals};
use crate::ErrorKind;
use crate::engine::GrantFilter;
use crate::engine::source::Source;
use crate::engine::types::{EntitlementRef, SyncId};
use crate::record::annotation::EXPANDABLE_URL;
use crate::record::message;
use crate::sqlite_file::writer::{Image, WriteOptions, Writer};
use crate::sqlite_file::{Database, Value};
use crate::v1_tables::{GrantRow, Zone};

fn expansion(ids: &[&str]) -> v2::GrantExpandable {
    v2::GrantExpandable {
        entitlement_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..Default::default()
    }
}

fn annotation(value: Vec<u8>) -> Any {
    Any {
        type_url: EXPANDABLE_URL.to_owned(),
        value,
        ..Default::default()
    }
}

/// A row with this expansion in its columns, and these annotations in its record.
fn row(expansion: Option<Vec<u8>>, needs: bool, annotations: Vec<Any>) -> GrantRow<'static> {
    let grant = v2::Grant {
        id: "g".into(),
        annotations,
        ..Default::default()
    };
    GrantRow {
        id: 7,
        resource_type_id: "group".into(),
        resource_id: "1".into(),
        entitlement_id: "e".into(),
        principal_resource_type_id: "user".into(),
        principal_resource_id: "u".into(),
        external_id: "g".into(),
        expansion: expansion.map(Into::into),
        needs_expansion: needs,
        data: message::encode(&grant).into(),
        sync_id: "s".into(),
        discovered_at: "2026-03-03 09:45:13.056791".into(),
    }
}

fn reading(backfilled: bool, attach: bool) -> Reading {
    Reading {
        backfilled,
        attach,
        zone: Zone::utc(),
    }
}

#[test]
fn an_empty_expansion_is_none_and_never_pending() {
    let stored = row(Some(Vec::new()), true, Vec::new());
    for backfilled in [true, false] {
        let reading = reading(backfilled, true);
        let listed = grants::listed(&stored, &reading, Wanted::default())
            .unwrap()
            .unwrap();
        assert_eq!((listed.expansion, listed.needs_expansion), (None, false));
        assert_eq!(listed.grant.annotations, []);
        assert_eq!(grants::pending(&stored, &reading).unwrap(), None);
    }
}

#[test]
fn columns_win_over_annotations_and_are_put_back_last() {
    let of_columns = expansion(&["a"]);
    let other = Any {
        type_url: "x/y".into(),
        ..Default::default()
    };
    let stored = row(
        Some(message::encode(&of_columns)),
        false,
        vec![other.clone()],
    );
    let listed = grants::listed(&stored, &reading(false, true), Wanted::default());
    let listed = listed.unwrap().unwrap();
    assert_eq!(listed.expansion, Some(of_columns.clone()));
    assert!(!listed.needs_expansion);
    let attached = annotation(message::encode(&of_columns));
    assert_eq!(listed.grant.annotations, [other.clone(), attached]);
    let omitted = grants::listed(&stored, &reading(true, false), Wanted::default());
    assert_eq!(omitted.unwrap().unwrap().grant.annotations, [other]);
}

#[test]
fn what_is_not_back_filled_is_lifted_as_the_reference_migrates_it() {
    let first = annotation(message::encode(&expansion(&["a", " "])));
    let second = annotation(message::encode(&expansion(&["b"])));
    let stored = row(None, false, vec![first, second]);
    let pending = grants::pending(&stored, &reading(false, true))
        .unwrap()
        .unwrap();
    assert_eq!(pending.expansion, expansion(&["a", " "]));
    let listed = grants::listed(&stored, &reading(false, false), Wanted::default());
    let listed = listed.unwrap().unwrap();
    assert!(listed.needs_expansion && listed.grant.annotations.is_empty());
    // Once columns are complete, nothing is lifted.
    assert_eq!(
        grants::pending(&stored, &reading(true, true)).unwrap(),
        None
    );
    // An annotation that names no entitlement stays, and means nothing.
    let blank = vec![annotation(message::encode(&expansion(&["  "])))];
    let stored = row(None, false, blank.clone());
    let listed = grants::listed(&stored, &reading(false, true), Wanted::default());
    let listed = listed.unwrap().unwrap();
    assert_eq!((listed.expansion, listed.grant.annotations), (None, blank));
}

#[test]
fn conditions_on_the_expansion_hold_in_both_generations() {
    let encoded = message::encode(&expansion(&["a"]));
    let of_columns = row(Some(encoded.clone()), true, Vec::new());
    let of_annotation = row(None, false, vec![annotation(encoded)]);
    let none = row(None, false, Vec::new());
    for (stored, backfilled, has) in [
        (&of_columns, true, true),
        (&of_annotation, false, true),
        (&none, true, false),
        (&none, false, false),
    ] {
        for (has_expansion, needs_expansion) in [(Some(true), None), (None, Some(true))] {
            let wanted = Wanted::of(&GrantFilter {
                needs_expansion,
                has_expansion,
                ..GrantFilter::default()
            });
            let found = grants::listed(stored, &reading(backfilled, true), wanted).unwrap();
            assert_eq!(found.is_some(), has);
        }
        let wanted = Wanted::of(&GrantFilter {
            has_expansion: Some(false),
            ..GrantFilter::default()
        });
        let found = grants::listed(stored, &reading(backfilled, true), wanted).unwrap();
        assert_eq!(found.is_some(), !has);
    }
}

#[test]
fn damage_names_the_grant_or_its_row() {
    let mut stored = row(Some(vec![0xff]), true, Vec::new());
    let error = grants::pending(&stored, &reading(true, true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert!(error.to_string().contains("grant_id=`g`"), "{error}");
    stored.data = vec![0xff].into();
    stored.expansion = None;
    let error = grants::listed(&stored, &reading(true, true), Wanted::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert!(
        error.to_string().contains("table=`v1_grants` row=`7`"),
        "{error}"
    );
    let mut stored = row(None, false, Vec::new());
    stored.discovered_at = "yesterday".into();
    let error = grants::listed(&stored, &reading(true, true), Wanted::default()).unwrap_err();
    assert!(error.to_string().contains("yesterday"), "{error}");
}

const RUNS: &str = "create table v1_sync_runs (id integer primary key, sync_id text not null, \
     started_at datetime not null, ended_at datetime, sync_token text not null)";
const GRANTS: &str = "create table v1_grants (id integer primary key, resource_type_id text not null, \
     resource_id text not null, entitlement_id text not null, principal_resource_type_id text not null, \
     principal_resource_id text not null, external_id text not null, data blob not null, \
     sync_id text not null, discovered_at datetime not null)";
const IN_ORDER: &str = "create index a on v1_grants (entitlement_id, principal_resource_type_id, \
     principal_resource_id)";
const AT: &str = "2023-03-03 09:45:13";

/// Two syncs with grants of `e` to users 0 to 9, each twice, in no order; one more user in the other.
fn source(statements: &[&str]) -> V1Source {
    let fs = MemFs::new();
    let body = fs.create(Path::new("body")).unwrap();
    let mut writer = Writer::new(body, statements, WriteOptions::default()).unwrap();
    let mut out = writer.table("v1_sync_runs").unwrap();
    for (id, sync) in [(1, "s"), (2, "t")] {
        let at = Value::text(AT);
        let values = [
            Value::Null,
            Value::text(sync),
            at.clone(),
            at,
            Value::text(""),
        ];
        out.push(id, &values).unwrap();
    }
    out.finish().unwrap();
    let mut out = writer.table("v1_grants").unwrap();
    let mut id = 0;
    for (sync, users) in [("s", 10), ("t", 11)] {
        for user in (0..users).rev().chain(0..users) {
            id += 1;
            let (user, grant) = (format!("u{user:02}"), format!("g{id}"));
            let texts = ["group", "1", "e", "user", &user, &grant].map(Value::text);
            let mut values = vec![Value::Null];
            values.extend(texts);
            values.extend([Value::blob(b""), Value::text(sync), Value::text(AT)]);
            out.push(id, &values).unwrap();
        }
    }
    out.finish().unwrap();
    let written = writer.finish().unwrap();
    let image = Image::new(written.first_page, fs.open(Path::new("body")).unwrap());
    let database = Database::open(Arc::new(image)).unwrap();
    V1Source::open(&database, Zone::utc(), 0).unwrap()
}

fn principals_of(source: &V1Source, sync: &str) -> Vec<String> {
    let sync = SyncId::new(sync).unwrap();
    let of = EntitlementRef::bare("e");
    let mut cursor = principals::cursor(&source.file, &sync, &of, None).unwrap();
    let mut found = Vec::new();
    while let Some(next) = cursor.next().unwrap() {
        found.push(next.resource);
        // Every row may be the last one of a page.
        let position = cursor.position().to_vec();
        cursor = principals::cursor(&source.file, &sync, &of, Some(&position)).unwrap();
    }
    let mut whole = principals::cursor(&source.file, &sync, &of, None).unwrap();
    for expected in &found {
        assert_eq!(whole.next().unwrap().unwrap().resource, *expected);
    }
    assert_eq!(whole.next().unwrap(), None);
    found
}

#[test]
fn principals_come_in_order_with_and_without_an_index_that_has_them() {
    for statements in [&[RUNS, GRANTS][..], &[RUNS, GRANTS, IN_ORDER]] {
        let source = source(statements);
        for (sync, users) in [("s", 10), ("t", 11)] {
            let expected: Vec<String> = (0..users).map(|user| format!("u{user:02}")).collect();
            assert_eq!(principals_of(&source, sync), expected, "{statements:?}");
        }
    }
}

#[test]
fn a_position_of_another_walk_is_refused() {
    let source = source(&[RUNS, GRANTS, IN_ORDER]);
    let snapshot = source.snapshot(&SyncId::new("s").unwrap()).unwrap();
    let by_entitlement = GrantFilter {
        entitlement: Some(EntitlementRef::bare("e")),
        ..GrantFilter::default()
    };
    for position in [
        &b""[..],
        b"1234567",
        b"12345678",
        b"12345678\x02\0\0\0\0\0\0\0\xffx",
    ] {
        let found = snapshot.grants(&by_entitlement, false, Some(position));
        let kind = found.err().map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::InvalidPageToken), "{position:?}");
    }
}
