//! Taking expansion back: the sync that Go expanded becomes the one that it had not expanded yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use c1z::engine::types::{SyncId, SyncType};
use c1z::engine::{GrantFilter, PebbleOptions, PebbleStore, Scope};
use c1z::envelope::Existing;
use c1z::ops::build::{PackOptions, publish_store};
use c1z::ops::convert::{ConvertOptions, FileFormat, convert};
use c1z::ops::rollback::{RollbackOptions, RollbackReport, count, rollback};
use c1z::{ErrorKind, Store};
use c1z_proto::connector::v2::{self, Grant};
use testkit::golden::Case;

const FILES: [&str; 2] = ["v1.c1z", "v3.indexed_zstd.c1z"];

fn options(keep_suspects: bool) -> RollbackOptions {
    RollbackOptions {
        keep_suspects,
        convert: ConvertOptions {
            existing: Existing::Replace,
            ..ConvertOptions::default()
        },
        ..RollbackOptions::default()
    }
}

/// The grants of a file by id.
fn grants(path: &Path) -> BTreeMap<String, Grant> {
    let store = c1z::open(path).unwrap();
    let scope = Scope::Sync(sync_of(&store));
    let rows = store
        .reader()
        .stream_grants(&scope, &GrantFilter::default());
    rows.unwrap()
        .map(|row| {
            let mut row = row.unwrap();
            row.grant.annotations.extend(row.expansion.map(|expansion| {
                c1z_proto::google::protobuf::Any {
                    type_url: "expansion".to_owned(),
                    value: c1z::record::message::encode(&expansion),
                    ..Default::default()
                }
            }));
            (row.grant.id.clone(), row.grant)
        })
        .collect()
}

fn sync_of(store: &Store) -> SyncId {
    store
        .reader()
        .latest_finished_sync(None)
        .unwrap()
        .unwrap()
        .id
}

fn without_sources(mut grants: BTreeMap<String, Grant>) -> BTreeMap<String, Grant> {
    for grant in grants.values_mut() {
        grant.sources = v2::GrantSources::default().into();
    }
    grants
}

#[test]
fn what_go_expanded_becomes_what_it_had_before() {
    let folder = tempfile::tempdir().unwrap();
    for file in FILES {
        let input = Case::named("expandable-expanded").path(file);
        let output = folder.path().join(file);
        let counted = count(&input, &options(false)).unwrap();
        let (report, _) = rollback(&input, &output, &options(false)).unwrap();
        assert_eq!(counted, report);
        // Go's file before expansion has 81 of the 124 grants; expansion touched 11 of them.
        let pending = grants(&Case::named("expandable-pending").path(file));
        let before = grants(&input);
        let touched = pending
            .keys()
            .filter(|id| !before[*id].sources.sources.is_empty());
        assert_eq!(report.deleted, (before.len() - pending.len()) as u64);
        assert_eq!(report.cleared, touched.count() as u64);
        assert_eq!(
            (report.deleted, report.cleared, report.suspect),
            (43, 11, 0),
            "{file}"
        );
        assert_eq!(grants(&output), without_sources(pending), "{file}");
        // Once more changes nothing.
        let again = count(&output, &options(false)).unwrap();
        let nothing = RollbackReport {
            deleted: 0,
            cleared: 0,
            ..report
        };
        assert_eq!(again, nothing);
        others_are_as_they_were(&input, &output);
    }
}

/// Everything but grants is the same, and the run but for what follows from grants.
fn others_are_as_they_were(input: &Path, output: &Path) {
    assert_eq!(lines_but_grants(input), lines_but_grants(output));
    let (before, after) = (c1z::open(input).unwrap(), c1z::open(output).unwrap());
    let id = sync_of(&before);
    let run = |store: &Store| store.reader().get_sync(&id).unwrap();
    let (before, after) = (run(&before), run(&after));
    assert_eq!(
        (before.started_at, before.ended_at),
        (after.started_at, after.ended_at)
    );
    assert!(after.supports_diff && after.token.is_empty() && !after.verification.is_complete());
}

/// The file as lines, without those of grants, runs and sidecars.
fn lines_but_grants(file: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.ndjson");
    convert(file, &path, &options(false).convert).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let kept = [
        "resource_type",
        "resource",
        "entitlement",
        "asset",
        "session",
    ];
    let is_kept = |line: &&str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        kept.contains(&line.get("type").unwrap().as_str().unwrap())
    };
    let lines: Vec<String> = text.lines().filter(is_kept).map(str::to_owned).collect();
    assert!(lines.len() > 50);
    lines
}

#[test]
fn unmarked_products_are_suspects_and_may_stay() {
    let folder = tempfile::tempdir().unwrap();
    for file in FILES {
        let input = with_suspects(folder.path(), file);
        let dropped = count(&input, &options(false)).unwrap();
        let kept = count(&input, &options(true)).unwrap();
        let numbers = |r: &RollbackReport| [r.deleted, r.cleared, r.suspect, r.preserved];
        assert_eq!(numbers(&dropped), [3, 1, 2, 0], "{file}");
        assert_eq!(numbers(&kept), [1, 1, 2, 2], "{file}");
        let output = folder.path().join("kept.c1z");
        let (report, _) = rollback(&input, &output, &options(true)).unwrap();
        assert_eq!(report, kept);
        let (before, after) = (grants(&input), grants(&output));
        assert_eq!(before.len() as u64, after.len() as u64 + kept.deleted);
    }
}

/// A file of a sync in which three of five grants have sources, none of them themselves, one the mark.
fn with_suspects(folder: &Path, file: &str) -> PathBuf {
    let store = PebbleStore::in_memory(PebbleOptions::default()).unwrap();
    let engine = store.engine();
    let id = engine.start_new_sync(&SyncType::Full, "").unwrap();
    let sources = [&[][..], &["e"], &["other"], &["other", "more"], &["other"]];
    let grants: Vec<Grant> = (0..)
        .zip(sources)
        .map(|(i, sources)| grant(i, sources))
        .collect();
    engine.put_grants(&grants).unwrap();
    engine.mark_supports_diff(&id).unwrap();
    engine.end_sync().unwrap();
    let path = folder.join(file);
    let built = folder.join("built.c1z");
    let pack = PackOptions {
        existing: Existing::Replace,
        ..PackOptions::default()
    };
    publish_store(&store, &built, &pack).unwrap();
    let to = if file.starts_with("v1") {
        FileFormat::V1
    } else {
        FileFormat::V3
    };
    let options = ConvertOptions {
        to: Some(to),
        allow_loss: true,
        ..options(false).convert
    };
    convert(&built, &path, &options).unwrap();
    path
}

fn grant(i: usize, sources: &[&str]) -> Grant {
    let mark = c1z_proto::google::protobuf::Any {
        type_url: "type.googleapis.com/c1.connector.v2.GrantImmutable".to_owned(),
        ..Default::default()
    };
    let id = |kind: &str, id: String| v2::ResourceId {
        resource_type: kind.to_owned(),
        resource: id,
        ..Default::default()
    };
    let resource = |kind: &str, name: String| v2::Resource {
        id: id(kind, name).into(),
        ..Default::default()
    };
    let entitlement = v2::Entitlement {
        id: "e".to_owned(),
        resource: resource("group", "g".to_owned()).into(),
        ..Default::default()
    };
    let sources = sources
        .iter()
        .map(|id| ((*id).to_owned(), v2::grant_sources::GrantSource::default()));
    Grant {
        entitlement: entitlement.into(),
        principal: resource("user", i.to_string()).into(),
        sources: v2::GrantSources {
            sources: sources.collect(),
            ..Default::default()
        }
        .into(),
        annotations: (i == 4).then_some(mark).into_iter().collect(),
        ..Default::default()
    }
}

#[test]
fn what_was_not_expanded_is_refused() {
    let refuse = |case: &str, file: &str| {
        let input = Case::named(case).path(file);
        let output = std::env::temp_dir().join("never-written.c1z");
        let error = rollback(&input, &output, &options(false)).unwrap_err();
        assert!(error.to_string().contains(file), "{error}");
        assert!(!output.exists());
        error.kind()
    };
    assert_eq!(refuse("basic", "v1.c1z"), ErrorKind::SyncNotExpanded);
    assert_eq!(
        refuse("basic", "v3.indexed_zstd.c1z"),
        ErrorKind::SyncNotExpanded
    );
    assert_eq!(
        refuse("unfinished", "v3.indexed_zstd.c1z"),
        ErrorKind::NotFound
    );
    let input = Case::named("unfinished").path("v3.indexed_zstd.c1z");
    let id = {
        let runs = c1z::open(&input).unwrap();
        let page = c1z::engine::PageRequest::default();
        runs.reader().list_sync_runs(&page).unwrap().rows[0]
            .id
            .clone()
    };
    let named = RollbackOptions {
        sync: Some(id),
        ..options(false)
    };
    assert_eq!(
        count(&input, &named).unwrap_err().kind(),
        ErrorKind::SyncNotFinished
    );
}
