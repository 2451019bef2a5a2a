//! Every v1 file that Go wrote, of every generation of the schema, against everything that Go answers about it. Also the
//! damaged ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

mod common;

use std::path::Path;
use std::sync::Arc;

use c1z::engine::page::collect_pages;
use c1z::engine::types::{EntitlementRef, ResourceRef, SyncId, SyncRun};
use c1z::engine::{
    EntitlementFilter, Fallback, GrantFilter, PageRequest, Profile, Reader, ResourceFilter, Scope,
};
use c1z::envelope::{self, EnvelopeFile, write_v1};
use c1z::v1_tables::Zone;
use c1z::{ErrorKind, MemoryBudget, OpenOptions, Store};
use common::{Comparison, open_as};
use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFile, MemFs, OsFs};
use testkit::check::Deviation;
use testkit::clock::ManualClock;
use testkit::golden::{Case, Format, PackedFile, cases_with, folder, packed_files};

fn v1_files() -> impl Iterator<Item = PackedFile> {
    packed_files()
        .unwrap()
        .into_iter()
        .filter(|file| file.format == Format::V1)
}

/// When a row is written again under its id, Go replaces the record and leaves the columns as they were (`c1z1-sqlite`
/// §5.1). Lists of grants hold the records; principals are listed from the columns, as filters are served by them.
const STALE_COLUMNS: &str = "columns of a grant that was written again name its first principal";

fn deviations(file: &PackedFile) -> Vec<Deviation> {
    match file.case.name.as_str() {
        "identity-collisions" => vec![Deviation::new(
            "principals",
            "group:g1:member",
            "u-4ac1f5",
            STALE_COLUMNS,
        )],
        _ => Vec::new(),
    }
}

#[test]
fn answers_equal_those_of_go() {
    let mut comparison = Comparison::default();
    for file in v1_files() {
        let dump = file.case.dump(file.dump).unwrap();
        let path = file.case.path(file.file);
        let store = open_as(&path, Profile::GoSqlite, &dump).unwrap();
        assert!(store.warnings().is_empty(), "{:?}", store.warnings());
        comparison.add(
            &file.label(),
            store.reader(),
            &dump,
            Profile::GoSqlite,
            deviations(&file),
        );
    }
    assert!(comparison.files > 30, "{} files", comparison.files);
    comparison.finish();
}

fn corrupt(file: &str) -> c1z::Result<Store> {
    c1z::open(folder().join("corrupt").join(file))
}

#[test]
fn damaged_files_are_refused_with_the_file_and_what_is_wrong() {
    for file in [
        "v1-truncated.c1z",
        "v1-truncated-4.c1z",
        "v1-flip.c1z",
        "v1-not-sqlite.c1z",
    ] {
        let error = corrupt(file).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::DataLoss,
            "{file}: {}",
            error.chain()
        );
        assert!(error.to_string().contains(file), "{error}");
    }
    // A magic and nothing else is an empty database, for Go too.
    let empty = corrupt("v1-header-only.c1z").unwrap();
    let reader = empty.reader();
    assert_eq!(
        reader.list_sync_runs(&PageRequest::default()).unwrap().rows,
        []
    );
    assert_eq!(
        reader
            .list_resource_types(&Scope::Default, &PageRequest::default())
            .unwrap()
            .rows,
        []
    );
    let filter = GrantFilter::default();
    assert_eq!(
        reader
            .list_grants(&Scope::Default, &filter, &PageRequest::default())
            .unwrap()
            .rows,
        []
    );
    assert_eq!(
        reader.stats(None, None).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn a_half_empty_reference_is_refused_by_every_form() {
    for file in ["v1.c1z", "v3.indexed_zstd.c1z"] {
        let store = c1z::open(Case::named("basic").path(file)).unwrap();
        let (reader, scope, page) = (store.reader(), Scope::Default, PageRequest::default());
        for half in [ResourceRef::new("group", ""), ResourceRef::new("", "g0")] {
            let children = ResourceFilter {
                parent: Some(half.clone()),
                ..Default::default()
            };
            let on = EntitlementFilter {
                resource: Some(half.clone()),
                ..Default::default()
            };
            let of = EntitlementRef {
                id: "x".into(),
                resource: Some(half.clone()),
            };
            let grants = [
                GrantFilter {
                    entitlement_resource: Some(half.clone()),
                    ..Default::default()
                },
                GrantFilter {
                    principal: Some(half.clone()),
                    ..Default::default()
                },
                GrantFilter {
                    entitlement: Some(of.clone()),
                    ..Default::default()
                },
            ];
            let mut kinds = vec![
                reader.list_resources(&scope, &children, &page).map(drop),
                reader.stream_resources(&scope, &children).map(drop),
                reader.list_entitlements(&scope, &on, &page).map(drop),
                reader.stream_entitlements(&scope, &on).map(drop),
                reader.get_resource(&scope, &half).map(drop),
                reader.get_entitlement(&scope, &of).map(drop),
                reader
                    .list_principals_for_entitlement(&scope, &of, &page)
                    .map(drop),
                reader
                    .list_grants_for_entitlements(&scope, &[of], &page)
                    .map(drop),
            ];
            for filter in &grants {
                kinds.push(reader.list_grants(&scope, filter, &page).map(drop));
                kinds.push(reader.stream_grants(&scope, filter).map(drop));
            }
            for (i, found) in kinds.into_iter().enumerate() {
                let kind = found.map_err(|error| error.kind());
                assert_eq!(
                    kind,
                    Err(ErrorKind::InvalidArgument),
                    "{file} {half} form {i}"
                );
            }
        }
    }
}

fn in_zone(case: &str, zone: &Zone) -> Store {
    let options = OpenOptions {
        zone: zone.clone(),
        ..OpenOptions::default()
    };
    c1z::open_with(Case::named(case).path("v1.c1z"), &options).unwrap()
}

fn runs(store: &Store) -> Vec<SyncRun> {
    collect_pages(|page| store.reader().list_sync_runs(page)).unwrap()
}

/// The files were written in UTC in November 2026: read as local time of another zone, every time moves by its offset.
#[test]
fn times_are_instants_in_the_zone_of_the_writer() {
    let utc = in_zone("multi-sync", &Zone::utc());
    let rows = |store: &Store| {
        let full = store
            .reader()
            .resolve(&Scope::Default, Fallback::List)
            .unwrap();
        let scope = Scope::Sync(full.unwrap());
        let rows = store
            .reader()
            .stream_grants(&scope, &GrantFilter::default());
        rows.unwrap().collect::<c1z::Result<Vec<_>>>().unwrap()
    };
    for (name, hours_west) in [
        ("UTC", 0),
        ("Europe/Berlin", -1),
        ("America/Los_Angeles", 8),
    ] {
        let local = in_zone("multi-sync", &Zone::named(name).unwrap());
        let moved = |at: Option<c1z::engine::types::Timestamp>| {
            at.map(|at| at.plus_seconds(hours_west * 3_600))
        };
        for (here, there) in runs(&utc).iter().zip(runs(&local)) {
            assert_eq!(there.started_at, moved(here.started_at), "{name}");
            assert_eq!(there.ended_at, moved(here.ended_at), "{name}");
        }
        let (here, there) = (rows(&utc), rows(&local));
        assert!(!here.is_empty());
        for (here, there) in here.iter().zip(&there) {
            assert_eq!(there.discovered_at, moved(here.discovered_at), "{name}");
            assert_eq!(here.grant, there.grant);
        }
        // Which sync is the latest does not depend on the zone.
        for fallback in [Fallback::List, Fallback::Point] {
            let latest = |store: &Store| store.reader().resolve(&Scope::Default, fallback).unwrap();
            assert_eq!(latest(&utc), latest(&local), "{name}");
        }
    }
}

/// Seven days are counted between instants, not between wall clocks.
#[test]
fn an_unfinished_sync_is_abandoned_after_seven_days_in_its_own_zone() {
    for name in ["UTC", "Asia/Kolkata", "America/Los_Angeles"] {
        let zone = Zone::named(name).unwrap();
        let started = runs(&in_zone("unfinished", &zone))[0].started_at.unwrap();
        for (age_seconds, is_seen) in [(7 * 86_400 - 1, true), (7 * 86_400 + 1, false)] {
            let options = OpenOptions {
                zone: zone.clone(),
                profile: Profile::GoSqlite,
                clock: Arc::new(ManualClock::at(started.plus_seconds(age_seconds))),
                ..OpenOptions::default()
            };
            let store = c1z::open_with(Case::named("unfinished").path("v1.c1z"), &options).unwrap();
            let found = store
                .reader()
                .resolve(&Scope::Default, Fallback::List)
                .unwrap();
            assert_eq!(found.is_some(), is_seen, "{name} after {age_seconds} s");
        }
    }
}

/// All that a file answers, in short.
fn everything(reader: &dyn Reader) -> String {
    let scope = Scope::Default;
    let runs = collect_pages(|page| reader.list_sync_runs(page)).unwrap();
    let grants = reader
        .stream_grants(&scope, &GrantFilter::default())
        .unwrap();
    let grants: Vec<_> = grants.map(Result::unwrap).collect();
    let resources = reader
        .stream_resources(&scope, &ResourceFilter::default())
        .unwrap();
    let resources: Vec<_> = resources.map(Result::unwrap).collect();
    format!(
        "{runs:?}{grants:?}{resources:?}{:?}",
        reader.stats(None, None).unwrap()
    )
}

/// A file system with a golden file at `in/x.c1z` and an empty folder `scratch`.
fn memory(case: &str) -> MemFs {
    let fs = MemFs::new();
    fs.create_dir_all(Path::new("in")).unwrap();
    fs.create_dir_all(Path::new("scratch")).unwrap();
    let mut file = fs.create(Path::new("in/x.c1z")).unwrap();
    file.write_all(&Case::named(case).bytes("v1.c1z").unwrap())
        .unwrap();
    fs
}

#[test]
fn a_database_beyond_the_budget_is_read_from_a_file_without_a_name() {
    let case = Case::named("realistic");
    let whole = c1z::open(case.path("v1.c1z")).unwrap();
    assert!(whole.warnings().is_empty(), "{:?}", whole.warnings());
    for (scratch, announced) in [(Some("scratch"), "`scratch`"), (None, "`in`")] {
        let fs = memory("realistic");
        let options = OpenOptions {
            fs: Arc::new(fs.clone()),
            budget: MemoryBudget::new(256 << 10),
            scratch: scratch.map(Into::into),
            ..OpenOptions::default()
        };
        let store = c1z::open_with("in/x.c1z", &options).unwrap();
        let [warning] = store.warnings() else {
            panic!("{:?}", store.warnings());
        };
        assert!(
            warning.contains(announced) && warning.contains("temporary file"),
            "{warning}"
        );
        assert_eq!(everything(store.reader()), everything(whole.reader()));
        assert_eq!(fs.list(Path::new("in")).unwrap(), ["x.c1z"]);
        assert!(fs.list(Path::new("scratch")).unwrap().is_empty());
        assert!(options.budget.peak() <= options.budget.limit());
    }
}

/// Older files say that they were written with a write-ahead log; it was checkpointed before they were packed.
#[test]
fn a_header_that_names_the_write_ahead_log_changes_nothing() {
    let path = Case::named("realistic").path("v1.c1z");
    let EnvelopeFile::V1(file) =
        EnvelopeFile::open(&OsFs, &path, &envelope::OpenOptions::default()).unwrap()
    else {
        panic!("no v1 file");
    };
    let mut image = Vec::new();
    file.decode_into(&mut image).unwrap();
    assert_eq!(image[18..20], [1, 1]);
    image[18..20].fill(2);
    let fs = MemFs::new();
    let mut packed = Vec::new();
    write_v1(&MemFile::new(image), 1, &mut packed).unwrap();
    let mut out = fs.create(Path::new("x.c1z")).unwrap();
    out.write_all(&packed).unwrap();
    let options = OpenOptions {
        fs: Arc::new(fs.clone()),
        ..OpenOptions::default()
    };
    let store = c1z::open_with("x.c1z", &options).unwrap();
    let whole = c1z::open(&path).unwrap();
    assert_eq!(everything(store.reader()), everything(whole.reader()));
    assert_eq!(fs.list(Path::new("")).unwrap(), ["x.c1z"]);
}

/// Go asks its database for keys *like* the prefix, which takes `A` for `a` and knows two wildcards.
#[test]
fn a_session_prefix_is_compared_byte_by_byte() {
    let store = c1z::open(Case::named("sessions-open").path("v1.c1z")).unwrap();
    let (reader, sync) = (store.reader(), runs(&store)[0].id.clone());
    let all = reader.session_get_all(&sync, "", "").unwrap().rows;
    assert!(all.len() > 5, "{} entries", all.len());
    let mut prefixes: Vec<String> = all
        .iter()
        .flat_map(|(key, _)| key.char_indices().map(|(at, _)| key[..at].to_owned()))
        .collect();
    let shouted: Vec<String> = prefixes
        .iter()
        .map(|prefix| prefix.to_uppercase())
        .collect();
    prefixes.extend(shouted);
    prefixes.extend(["%", "_", "\\", "no such prefix"].map(str::to_owned));
    for prefix in &prefixes {
        let expected: Vec<_> = all
            .iter()
            .filter_map(|(key, value)| {
                Some((key.strip_prefix(prefix.as_str())?.to_owned(), value.clone()))
            })
            .collect();
        let found = reader.session_get_all(&sync, prefix, "").unwrap();
        assert_eq!(found.rows, expected, "{prefix:?}");
        // From the second one on.
        if let Some((second, _)) = expected.get(1) {
            let rest = reader.session_get_all(&sync, prefix, second).unwrap();
            assert_eq!(rest.rows, expected[1..], "{prefix:?} from {second:?}");
        }
        for (key, value) in &expected {
            let found = reader.session_get(&sync, prefix, key).unwrap();
            assert_eq!(found.as_ref(), Some(value), "{prefix:?} {key:?}");
        }
    }
}

/// The same on a real file system, where a file without a name lives on in its handle.
#[test]
fn a_file_without_a_name_can_be_read() {
    let scratch = tempfile::tempdir().unwrap();
    let path = Case::named("realistic").path("v1.c1z");
    let options = OpenOptions {
        budget: MemoryBudget::new(256 << 10),
        scratch: Some(scratch.path().to_owned()),
        ..OpenOptions::default()
    };
    let store = c1z::open_with(&path, &options).unwrap();
    assert!(OsFs.list(scratch.path()).unwrap().is_empty());
    let whole = c1z::open(&path).unwrap();
    assert_eq!(everything(store.reader()), everything(whole.reader()));
}

/// Too large for the caller's limits is not too large for the budget: nothing is written.
#[test]
fn a_database_beyond_the_limits_is_refused_before_a_file_is_made() {
    let fs = memory("realistic");
    let mut options = OpenOptions {
        fs: Arc::new(FaultFs::new(
            Arc::new(fs),
            FaultPlan::parse("fail create *.unpacked =denied").unwrap(),
        )),
        ..OpenOptions::default()
    };
    options.limits.decoded_max = Some(1 << 12);
    let error = c1z::open_with("in/x.c1z", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error:?}");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_said_with_what_to_do() {
    let plan: FaultPlan = FaultPlan::parse("fail create *.unpacked =denied").unwrap();
    let fs = FaultFs::new(Arc::new(memory("realistic")), plan);
    let options = OpenOptions {
        fs: Arc::new(fs),
        budget: MemoryBudget::new(256 << 10),
        ..OpenOptions::default()
    };
    let error = c1z::open_with("in/x.c1z", &options).unwrap_err();
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("memory budget")),
        "{error:?}"
    );
}

#[test]
fn reading_leaves_the_file_as_it_was() {
    for case in cases_with("v1.c1z").unwrap() {
        let path = case.path("v1.c1z");
        let before = (OsFs.metadata(&path).unwrap(), case.bytes("v1.c1z").unwrap());
        let names = OsFs.list(path.parent().unwrap()).unwrap();
        let store = c1z::open(&path).unwrap();
        let list = collect_pages(|page| store.reader().list_resource_types(&Scope::Default, page));
        drop(list.unwrap());
        drop(store);
        assert_eq!(
            (OsFs.metadata(&path).unwrap(), case.bytes("v1.c1z").unwrap()),
            before
        );
        assert_eq!(OsFs.list(path.parent().unwrap()).unwrap(), names);
    }
}

#[test]
fn a_sync_that_is_not_there_is_not_found_on_every_surface() {
    let store = c1z::open(Case::named("multi-sync").path("v1.c1z")).unwrap();
    let scope = Scope::Sync(SyncId::new("3MUPzzzzzzzzzzzzzzzzzzzzzzz").unwrap());
    let (reader, page) = (store.reader(), PageRequest::default());
    let filter = GrantFilter::default();
    let found = [
        reader.list_resource_types(&scope, &page).map(drop),
        reader.list_grants(&scope, &filter, &page).map(drop),
        reader.stream_grants(&scope, &filter).map(drop),
        reader.list_pending_expansion(&scope, &page).map(drop),
        reader.list_assets(&scope, &page).map(drop),
        reader.get_grant(&scope, "x").map(drop),
        reader.get_asset(&scope, "x").map(drop),
    ];
    for found in found {
        assert_eq!(
            found.map_err(|error| error.kind()),
            Err(ErrorKind::NotFound)
        );
    }
}
