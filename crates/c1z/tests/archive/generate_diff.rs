//! The steps `generate_diff` of recorded writes: the syncs before them replayed into a folder, the difference made of the
//! two databases there, and compared record by record with the one that Go wrote into its file.

use std::path::Path;
use std::sync::Arc;

use c1z::archive::Archive;
use c1z::engine::reader::AssetInfo;
use c1z::engine::types::SyncId;
use c1z::engine::{PageRequest, Scope};
use c1z::ops::NoObserver;
use c1z::ops::convert::ConvertOptions;
use c1z::ops::delta::{DeltaInput, DeltaOptions, additions};
use c1z::ops::diff::{Change, Compared, DiffOptions, Side, common_identity, diff};
use c1z::v1_tables::Zone;
use c1z::{Error, MemoryBudget, OpenOptions, Store};
use c1z_proto::connector::v2;
use shingle::vfs::{Fs, MemFs};
use testkit::golden::ops::Op;
use testkit::golden::{Case, cases_with};
use testkit::replay::{ReplayOptions, replay};

use crate::support::{FOLDER, options};

const OUTPUT: &str = "added.c1z";

/// Replays a case; the difference lies at [`OUTPUT`] then.
fn replayed(case: &Case, fs: &Arc<dyn Fs>) {
    let archive = Archive::create(FOLDER, options(Arc::clone(fs), 1)).unwrap();
    let mut handler = |engine: &dyn c1z::engine::StorageEngine,
                       step: &testkit::golden::ops::Step,
                       _: Option<&SyncId>| {
        let Op::GenerateDiff { base, applied } = &step.op else {
            return None;
        };
        let runs = engine.list_sync_runs(&PageRequest::default()).unwrap().rows;
        let input = |number: &usize| {
            let id = &runs[number - 1].id;
            DeltaInput {
                path: archive.entry(id).unwrap().path,
                sync: Some(id.clone()),
            }
        };
        let writing = DeltaOptions {
            convert: ConvertOptions {
                fs: Arc::clone(fs),
                threads: 1,
                ..ConvertOptions::default()
            },
            ..DeltaOptions::default()
        };
        Some(additions(&input(base), &input(applied), OUTPUT, &writing).map(drop))
    };
    let steps = case.ops().unwrap();
    let replaying = ReplayOptions {
        before: None,
        handler: Some(&mut handler),
    };
    let done = replay(archive.engine(), &steps, replaying).unwrap();
    assert_eq!((done.steps, done.tolerated), (steps.len(), Vec::new()));
    archive.close().unwrap();
}

fn open(path: &Path, fs: &Arc<dyn Fs>) -> Store {
    let options = OpenOptions {
        fs: Arc::clone(fs),
        zone: Zone::utc(),
        ..OpenOptions::default()
    };
    c1z::open_with(path, &options).unwrap()
}

/// Number of records of a kind, which must be the same on both sides.
fn same<R: Compared>(ours: Side<'_>, theirs: Side<'_>) -> usize {
    let (identity, as_v3) = common_identity(ours.reader, theirs.reader);
    let options = DiffOptions {
        identity,
        as_v3,
        changes: &Change::ALL,
        budget: MemoryBudget::default(),
    };
    let mut visit = |change, record: R| {
        Err::<(), _>(Error::invalid(format!(
            "{change:?} {:?}",
            record.identity(identity)
        )))
    };
    diff(ours, theirs, &options, &NoObserver, &mut visit).unwrap();
    R::rows(theirs).unwrap().map(Result::unwrap).count()
}

fn assets(side: Side<'_>) -> Vec<AssetInfo> {
    let scope = Scope::Sync(side.sync.clone());
    let mut rows = side
        .reader
        .list_assets(&scope, &PageRequest::default())
        .unwrap()
        .rows;
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

#[test]
fn the_difference_of_replayed_syncs_is_the_one_that_go_wrote() {
    let mut steps = 0;
    for case in cases_with("ops.ndjson.gz").unwrap() {
        let ops = case.ops().unwrap();
        if !ops
            .iter()
            .any(|step| matches!(step.op, Op::GenerateDiff { .. }))
        {
            continue;
        }
        steps += 1;
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        replayed(&case, &fs);
        let ours = open(Path::new(OUTPUT), &fs);
        let theirs = open(
            &case.path("v1.c1z"),
            &(Arc::new(shingle::vfs::OsFs) as Arc<dyn Fs>),
        );
        let last = |store: &Store| {
            let runs = store
                .reader()
                .list_sync_runs(&PageRequest::default())
                .unwrap()
                .rows;
            runs.into_iter().last().unwrap()
        };
        let (our_run, their_run) = (last(&ours), last(&theirs));
        assert_eq!(our_run.sync_type, their_run.sync_type);
        let (ours, theirs) = (
            Side::new(ours.reader(), &our_run.id),
            Side::new(theirs.reader(), &their_run.id),
        );
        let records = same::<v2::ResourceType>(ours, theirs)
            + same::<v2::Resource>(ours, theirs)
            + same::<v2::Entitlement>(ours, theirs)
            + same::<v2::Grant>(ours, theirs);
        assert_eq!(assets(ours), assets(theirs));
        assert!(records > 0, "{records}");
    }
    assert_eq!(steps, 1);
}
