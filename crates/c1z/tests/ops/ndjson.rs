//! NDJSON keeps every byte: v3 to text to v3 gives every row back, text to text gives the same text;
//! a file that is cut, changed or made up is an error with the number of its line, never a shorter sync.

use std::io::Read;
use std::path::Path;

use c1z::ErrorKind;
use c1z::engine::PageRequest;
use c1z::engine::types::SyncRun;
use c1z::keyspace::{Family, Key, MetadataKey};
use c1z::ops::build::{InputOrder, RunToWrite, SyncBuilder};
use c1z::ops::ndjson::{Counts, Form, Head, Item, Reader, Record, Writer, write_database};
use c1z::ops::{NoObserver, RecordKind, StoredRecord};
use c1z::record::SessionView;
use c1z::{MemoryBudget, Store};
use c1z_proto::connector::v2;
use c1z_proto::storage::v3;
use shingle::db::{Database, ReadOptions};
use testkit::golden::{Case, Format, packed_files};

use crate::support::*;

fn write(database: &Database) -> (Vec<u8>, Counts) {
    let mut text = Vec::new();
    let budget = MemoryBudget::default();
    let written = write_database(database, &budget, &mut text, &NoObserver).unwrap();
    (text, written.counts)
}

fn open(case: &str) -> Store {
    c1z::open(Case::named(case).path("v3.indexed_zstd.c1z")).unwrap()
}

/// Reads a file to its end and writes every item again.
pub(crate) fn copy(text: &[u8]) -> c1z::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out)?;
    let mut reader = Reader::new(text)?;
    while let Some(item) = reader.next_item()? {
        writer.put(&item)?;
    }
    assert_eq!(writer.finish()?, reader.counts());
    Ok(out)
}

fn kind_of(text: &[u8]) -> ErrorKind {
    copy(text).expect_err("an error").kind()
}

/// What a builder makes of a file, in the order of its lines.
fn build(text: &[u8], like: &Rows) -> Rows {
    let (_, fs) = mem();
    let mut reader = Reader::new(text).unwrap();
    let mut head: Option<(SyncRun, Vec<u8>)> = None;
    let options = c1z::ops::build::BuildOptions {
        order: InputOrder::Ascending,
        ..options_for(like)
    };
    let finished = run_of(like).is_some_and(|(run, _)| run.is_finished());
    let mut builder = SyncBuilder::new(fs.clone(), "db", &options, finished).unwrap();
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            Item::Sync(sync) => head = Some((sync.decode().unwrap(), sync.run.to_vec())),
            Item::Record(Record { kind, form, value }) => match form {
                Form::Stored { key: Some(key) } => {
                    builder.put(&StoredRecord { kind, key, value }).unwrap();
                }
                Form::Stored { key: None } => builder.put_value(kind, value).unwrap(),
                Form::Message { .. } => panic!("a message in a v3 file"),
            },
            Item::Session(value) => builder
                .put_session(&SessionView::parse(value).unwrap())
                .unwrap(),
            Item::Row { key, value } => builder.put_other(key, value).unwrap(),
        }
    }
    let run = head.as_ref().map(|(run, stored)| RunToWrite {
        run,
        stored: Some(stored),
    });
    builder.finish(run).unwrap();
    rows_in(fs, Path::new("db"))
}

#[test]
fn every_golden_v3_file_comes_back_row_by_row() {
    let (mut rows_total, mut files) = (0, 0);
    for (file, golden) in golden_rows() {
        let store = c1z::open(file.case.path(file.file)).unwrap();
        let (text, counts) = write(store.database().unwrap());
        assert!(copy(&text).unwrap() == text, "{}", file.label());

        let mut expected = golden.clone();
        expected.remove(&MetadataKey::GrantIndexPending.to_vec());
        if !run_of(&golden).is_some_and(|(run, _)| run.is_finished()) {
            expected.remove(&MetadataKey::Stats.to_vec());
        }
        let mut different = difference(&expected, &build(&text, &golden));
        if golden.contains_key(&MetadataKey::GrantIndexPending.to_vec()) {
            // The index is complete with us.
            different.retain(|line| !line.starts_with(r"extra \x03\x07\x04"));
        }
        assert_eq!(different, Vec::<String>::new(), "{}", file.label());
        let records = golden
            .keys()
            .filter(|key| Family::of(key).is_some_and(|family| RecordKind::of(family).is_some()));
        let records = records.count() as u64;
        assert_eq!(
            counts.total() - counts.syncs - counts.sessions - counts.rows,
            records
        );
        rows_total += golden.len();
        files += 1;
    }
    println!("{files} files, {rows_total} rows");
    assert_eq!(files, 53);
}

#[test]
fn files_of_the_older_layout_are_written_in_todays() {
    let mut files = 0;
    for file in packed_files().unwrap() {
        if file.format != Format::V3 || !file.case.name.starts_with("legacy-pebble2") {
            continue;
        }
        let store = c1z::open(file.case.path(file.file)).unwrap();
        let (text, counts) = write(store.database().unwrap());
        assert!(copy(&text).unwrap() == text);
        let runs = store.reader().list_sync_runs(&PageRequest::default());
        for run in runs.unwrap().rows {
            let stats = store.reader().stats(Some(&run.id), None).unwrap();
            let found = [counts.entitlements, counts.grants];
            let told = [stats.entitlements, stats.grants];
            assert_eq!(found, told.map(i64::unsigned_abs), "{}", file.label());
        }
        files += 1;
    }
    assert!(files >= 8, "{files}");
}

/// A small file with everything in it: an unknown field, a key of its own, columns, a session, rows.
fn small() -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out).unwrap();
    for item in small_items().items() {
        writer.put(&item).unwrap();
    }
    writer.finish().unwrap();
    out
}

struct Small {
    run: Vec<u8>,
    stats: Vec<u8>,
    records: Vec<(RecordKind, Option<Vec<u8>>, Vec<u8>)>,
    message: Vec<u8>,
    columns: Vec<u8>,
    session: Vec<u8>,
}

impl Small {
    fn items(&self) -> Vec<Item<'_>> {
        let mut items = vec![Item::Sync(Head {
            run: &self.run,
            stats: Some(&self.stats),
        })];
        items.extend(self.records.iter().map(|(kind, key, value)| {
            let key = key.as_deref();
            Item::Record(Record {
                kind: *kind,
                form: Form::Stored { key },
                value,
            })
        }));
        items.push(Item::Record(Record {
            kind: RecordKind::Grant,
            form: Form::Message {
                columns: &self.columns,
            },
            value: &self.message,
        }));
        items.push(Item::Session(&self.session));
        items.push(Item::Row {
            key: &[3, 255, 0, 9],
            value: &[0, 159, 146, 150],
        });
        items
    }
}

fn json<M: c1z_proto::schema::Described>(text: &str) -> Vec<u8> {
    c1z_proto::json::parse(M::MESSAGE, text.as_bytes()).unwrap()
}

fn small_items() -> Small {
    let user =
        json::<v3::ResourceTypeRecord>(r#"{"externalId":"user","displayName":"Zoë \u0000\""}"#);
    // A field that this version does not know.
    let unknown = [user.as_slice(), &[0xfa, 0x3e, 2, b'h', b'i']].concat();
    // An annotation of a type that nobody knows.
    let mut any = json::<v3::ResourceTypeRecord>(r#"{"externalId":"x"}"#);
    any.extend([0x2a, 8, 0x0a, 3, b'a', b'/', b'b', 0x12, 1, 0xff]);
    // Not the canonical encoding: the id after the name.
    let order = [0x1a, 1, b'n', 0x12, 1, b'i'].to_vec();
    // Text that is not UTF-8 has no JSON at all.
    let bad_text = [0x12, 2, 0xc3, 0x28].to_vec();
    Small {
        run: json::<v3::SyncRunRecord>(
            r#"{"syncId":"2qVyMyUb4B6tF8S1zv0KqZ3xQ1w","type":"SYNC_TYPE_FULL","startedAt":"2026-01-01T00:00:00.123456789Z"}"#,
        ),
        stats: json::<v3::SyncStatsRecord>(
            r#"{"grants":"1","resourcesByResourceType":{"a":"1","b":"2"}}"#,
        ),
        records: vec![
            (RecordKind::ResourceType, None, user),
            (RecordKind::ResourceType, None, unknown),
            (RecordKind::ResourceType, None, any),
            (RecordKind::ResourceType, None, order),
            (
                RecordKind::ResourceType,
                Some(b"\x03\x01\x00k".to_vec()),
                bad_text,
            ),
            (
                RecordKind::Asset,
                None,
                json::<v3::AssetRecord>(r#"{"externalId":"a","data":"AAE="}"#),
            ),
            (RecordKind::Grant, None, Vec::new()),
        ],
        message: json::<v2::Grant>(r#"{"id":"g","principal":{"displayName":"p"}}"#),
        columns: json::<v3::GrantRecord>(
            r#"{"externalId":"g","principal":{"resourceId":"p"},"discoveredAt":"0001-01-01T00:00:00.999999999Z",
                "expansion":{"entitlementIds":["e"]},"needsExpansion":true}"#,
        ),
        session: json::<v3::SessionRecord>(r#"{"syncId":"s","key":"k","value":"/w=="}"#),
    }
}

#[test]
fn what_json_cannot_carry_stands_beside_it() {
    let text = small();
    let small = small_items();
    let mut reader = Reader::new(text.as_slice()).unwrap();
    for expected in small.items() {
        assert_eq!(reader.next_item().unwrap(), Some(expected));
    }
    assert_eq!(reader.next_item().unwrap(), None);
    assert_eq!(reader.next_item().unwrap(), None);
    assert!(copy(&text).unwrap() == text);

    let text = String::from_utf8(text).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // sync, then the records in their order.
    assert!(lines[1]["run"].is_object() && lines[1]["runPb"].is_null());
    for (line, has_json, has_bytes) in [
        (2, true, false),
        (3, true, true),
        (4, true, false),
        (5, true, true),
        (6, false, true),
        (7, true, false),
        (8, true, false),
    ] {
        let found = (
            lines[line]["record"].is_object(),
            lines[line]["recordPb"].is_string(),
        );
        assert_eq!(found, (has_json, has_bytes), "{}", lines[line]);
    }
    assert_eq!(
        lines[9]["columns"]["discoveredAt"],
        "0001-01-01T00:00:00.999999999Z"
    );
    assert_eq!(lines[9]["columns"]["needsExpansion"], true);
    assert_eq!(lines.last().unwrap()["counts"]["resource_type"], 5);
}

#[test]
fn a_cut_file_is_an_error_wherever_it_is_cut() {
    let text = small();
    for len in 0..text.len() {
        let kind = kind_of(&text[..len]);
        let first_line = text.iter().position(|&byte| byte == b'\n').unwrap();
        let expected = if len == 0 {
            ErrorKind::InvalidArgument
        } else {
            ErrorKind::DataLoss
        };
        assert_eq!(kind, expected, "at byte {len} (first line {first_line})");
    }
}

#[test]
fn a_missing_line_is_an_error_whichever_it_is() {
    let text = small();
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    for missing in 0..lines.len() {
        let rest: Vec<&[u8]> = lines
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != missing)
            .map(|(_, line)| *line)
            .collect();
        assert!(copy(&rest.concat()).is_err(), "line {missing}");
        let twice = [&text[..], lines[missing]].concat();
        assert!(copy(&twice).is_err(), "line {missing} again at the end");
    }
}

#[test]
fn a_changed_byte_is_an_error_wherever_it_is() {
    let text = small();
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        assert!(copy(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn lines_that_say_something_else_are_refused_with_their_number() {
    let begin = r#"{"type":"begin","schema":"c1z.sync/1"}"#;
    let sync = r#"{"type":"sync","run":{"syncId":"s"}}"#;
    let cases: [(&str, &str); 22] = [
        ("null", "object"),
        ("[]", "object"),
        ("{", "EOF"),
        ("{}", "no member `type`"),
        (r#"{"type":"grant"}"#, "no member `record`"),
        (r#"{"type":"grants","record":{}}"#, "unknown type"),
        (r#"{"type":"grant","record":{},"x":1}"#, "does not belong"),
        (r#"{"type":"grant","record":{},"record":{}}"#, "twice"),
        (r#"{"type":"grant","record":{"nope":1}}"#, "nope"),
        (
            r#"{"type":"grant","record":{},"message":{}}"#,
            "does not belong",
        ),
        (r#"{"type":"grant","message":{}}"#, "no member `columns`"),
        (
            r#"{"type":"asset","message":{},"columns":{}}"#,
            "no member `record`",
        ),
        (
            r#"{"type":"grant","record":{"externalId":"a"},"recordPb":""}"#,
            "is not what",
        ),
        (r#"{"type":"grant","recordPb":"AAE"}"#, "base64"),
        (r#"{"type":"grant","recordPb":"AAF="}"#, "base64"),
        (r#"{"type":"grant","recordBytes":-1}"#, "recordBytes"),
        (r#"{"type":"grant","recordBytes":99999999999}"#, "too long"),
        (r#"{"type":"row","value":""}"#, "no member `key`"),
        (r#"{"type":"row","key":""}"#, "no member `valueBytes`"),
        (r#"{"type":"data","pb":""}"#, "unknown type"),
        (r#"{"type":"begin","schema":"c1z.sync/1"}"#, "unknown type"),
        (
            r#"{"type":"end","lines":2,"counts":{},"sha256":""}"#,
            "does not end this file",
        ),
    ];
    for (line, says) in cases {
        let error = copy(format!("{begin}\n{sync}\n{line}\n").as_bytes()).expect_err(line);
        let told = error.chain();
        assert!(told.contains(says), "{line}: {told}");
        assert!(
            told.contains("line 3") || error.kind() == ErrorKind::ResourceExhausted,
            "{line}: {told}"
        );
    }
    let early = copy(format!("{begin}\n{{\"type\":\"grant\",\"record\":{{}}}}\n").as_bytes());
    assert!(
        early
            .expect_err("too early")
            .chain()
            .contains("before any sync")
    );
    let deep = format!("{begin}\n{sync}\n{}\n", "[".repeat(1 << 20));
    assert_eq!(kind_of(deep.as_bytes()), ErrorKind::DataLoss);
}

#[test]
fn other_files_and_newer_ones_are_told_apart() {
    for other in [
        "",
        "\n",
        "{}\n",
        "SQLite format 3\0",
        "{\"type\":\"begin\",\"schema\":\"c1z.rows/1\"}\n",
        "{\"type\":\"end\",\"schema\":\"c1z.sync/1\"}\n",
    ] {
        let kind = Reader::new(other.as_bytes())
            .map(drop)
            .expect_err(other)
            .kind();
        let cut = other.starts_with("SQLite");
        let expected = if cut {
            ErrorKind::DataLoss
        } else {
            ErrorKind::InvalidArgument
        };
        assert_eq!(kind, expected, "{other}");
    }
    let newer = "{\"type\":\"begin\",\"schema\":\"c1z.sync/2\"}\n";
    let error = Reader::new(newer.as_bytes()).map(drop).expect_err(newer);
    assert_eq!(error.kind(), ErrorKind::FormatNewer);
}

#[test]
fn a_line_without_end_takes_no_memory_without_end() {
    let endless = std::io::BufReader::new(std::io::repeat(b'['));
    let error = Reader::new(endless).map(drop).expect_err("endless");
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);

    let begin = &b"{\"type\":\"begin\",\"schema\":\"c1z.sync/1\"}\n"[..];
    let endless = std::io::BufReader::new(begin.chain(std::io::repeat(b' ')));
    let mut reader = Reader::new(endless).unwrap();
    assert_eq!(
        reader.next_item().expect_err("endless").kind(),
        ErrorKind::ResourceExhausted
    );
    // An error is not forgotten.
    assert_eq!(
        reader.next_item().expect_err("again").kind(),
        ErrorKind::FailedPrecondition
    );
}

#[test]
fn long_messages_are_cut_into_lines_and_joined_again() {
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let asset = v3::AssetRecord {
        external_id: "big".into(),
        data: bytes.clone(),
        ..Default::default()
    };
    let value = c1z_proto::encode_canonical(&asset);
    let run = json::<v3::SyncRunRecord>(r#"{"syncId":"s"}"#);
    // Text that takes six times its bytes as JSON.
    let token = v3::SyncRunRecord {
        sync_token: "\u{1}".repeat(1_048_000),
        ..Default::default()
    };
    let token = c1z_proto::encode_canonical(&token);
    let items = [
        Item::Sync(Head {
            run: &run,
            stats: None,
        }),
        Item::Record(Record {
            kind: RecordKind::Asset,
            form: Form::Stored { key: Some(b"key") },
            value: &value,
        }),
        Item::Row {
            key: b"k",
            value: &bytes,
        },
        Item::Sync(Head {
            run: &token,
            stats: Some(&bytes[..1_100_000]),
        }),
    ];
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text).unwrap();
    for item in &items {
        writer.put(item).unwrap();
    }
    writer.finish().unwrap();
    let longest = text
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::len)
        .max()
        .unwrap();
    println!("longest line {longest} of {} bytes", text.len());
    assert!(longest < 10 << 20);
    let mut reader = Reader::new(text.as_slice()).unwrap();
    for item in &items {
        assert_eq!(reader.next_item().unwrap().as_ref(), Some(item));
    }
    assert_eq!(reader.next_item().unwrap(), None);

    // A data line too few, one too many, one too long.
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let data = lines
        .iter()
        .position(|line| line.contains("\"data\""))
        .unwrap();
    for changed in [
        [&lines[..data], &lines[data + 1..]].concat(),
        [&lines[..=data], &lines[data..]].concat(),
        [
            &lines[..data],
            &[r#"{"type":"data","pb":""}"#][..],
            &lines[data..],
        ]
        .concat(),
    ] {
        assert_eq!(
            kind_of((changed.join("\n") + "\n").as_bytes()),
            ErrorKind::DataLoss
        );
    }
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let grant = Item::Record(Record {
        kind: RecordKind::Grant,
        form: Form::Stored { key: None },
        value: &[],
    });
    assert_eq!(
        writer.put(&grant).expect_err("early").kind(),
        ErrorKind::InvalidArgument
    );
    let run = json::<v3::SyncRunRecord>(r#"{"syncId":"s"}"#);
    writer
        .put(&Item::Sync(Head {
            run: &run,
            stats: None,
        }))
        .unwrap();
    let asset = Item::Record(Record {
        kind: RecordKind::Asset,
        form: Form::Message { columns: &[] },
        value: &[],
    });
    assert_eq!(
        writer.put(&asset).expect_err("asset").kind(),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn rows_that_stand_elsewhere_than_they_say_keep_their_place() {
    // A session whose key is not its record's, and a row of a family that nobody knows.
    let golden = rows_of_case(&Case::named("basic"), "");
    let mut rows = golden.clone();
    let session = SessionView {
        sync_id: "s",
        key: "k",
        value: b"v",
    };
    let mut value = Vec::new();
    session.encode_into(&mut value);
    let elsewhere = Key::Session {
        sync_id: b"s"[..].into(),
        key: b"other"[..].into(),
    };
    rows.insert(elsewhere.to_vec(), value);
    rows.insert(b"\x03\x77unknown".to_vec(), b"x".to_vec());
    // A resource type under the id of another.
    let named = json::<v3::ResourceTypeRecord>(r#"{"externalId":"named"}"#);
    rows.insert(Key::ResourceType(b"placed"[..].into()).to_vec(), named);
    let (_, fs) = mem();
    let run = run_of(&rows).unwrap();
    let mut builder = SyncBuilder::new(fs.clone(), "db", &options_for(&rows), true).unwrap();
    put_all(&mut builder, &rows).unwrap();
    builder
        .finish(Some(RunToWrite {
            run: &run.0,
            stored: Some(&run.1),
        }))
        .unwrap();
    let database = Database::open_sealed(fs, Path::new("db"), ReadOptions::default()).unwrap();
    let (text, counts) = write(&database);
    assert_eq!((counts.rows, counts.sessions), (2, 0));
    // The statistics count one more type than those of the case.
    let stats = MetadataKey::Stats.to_vec();
    let (mut found, mut rows) = (build(&text, &golden), rows);
    assert!(found.remove(&stats).is_some() && rows.remove(&stats).is_some());
    assert_eq!(difference(&rows, &found), Vec::<String>::new());
}

#[test]
fn sessions_graph_and_assets_have_their_lines() {
    for (case, count) in [
        ("sessions-open", |counts: &Counts| counts.sessions),
        ("graph-blob", |counts: &Counts| counts.rows),
        ("basic", |counts: &Counts| counts.assets),
        ("big-asset", |counts: &Counts| counts.assets),
    ] as [(&str, fn(&Counts) -> u64); 4]
    {
        assert!(
            count(&write(open(case).database().unwrap()).1) > 0,
            "{case}"
        );
    }
}
