//! The Pebble engine against ground truth: the writes of every golden case are replayed into it, with the clock and the ids
//! of the original, and what it holds and answers is compared with Go's.
//!
//! | what | with |
//! |---|---|
//! | every key and value | `kv.ndjson.gz`, the rows of the database that Go wrote |
//! | every answer | `dump.v3.ndjson.gz`, what the Go reader says about it |
//!
//! Not compared: cases whose writes go beyond the contract (expansion, retention, diff), and those that Go's Pebble engine
//! was not given.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it compared"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use c1z::OpenOptions;
use c1z::digest::{self, Node};
use c1z::engine::types::SyncId;
use c1z::engine::{PebbleOptions, PebbleStore, Profile, StorageEngine};
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::build::{PackOptions, publish_store};
use c1z::record::{stats, sync_run};
use shingle::db::ScanOptions;
use shingle::iter::Bounds;
use shingle::vfs::{Fs, MemFs};
use testkit::chance::SeededEntropy;
use testkit::check::{CheckOptions, CheckReport, Order, check_reader, contract_deviations};
use testkit::clock::ManualClock;
use testkit::golden::ops::{Op, Step};
use testkit::golden::{Case, Dump, cases_with};
use testkit::ids::ListedIds;
use testkit::rebuild::{Rows, difference};
use testkit::replay::{ReplayOptions, replay};
use testkit::table::Table;
use testkit::times::Times;

fn goes_beyond_the_contract(step: &Step) -> bool {
    matches!(step.op, Op::Expand | Op::Cleanup | Op::GenerateDiff { .. })
}

/// Cases that Go's Pebble engine was given, with their dumps.
fn cases() -> Vec<(Case, Vec<Step>, Dump)> {
    let mut found = Vec::new();
    for case in cases_with("ops.ndjson.gz").unwrap() {
        let steps = case.ops().unwrap();
        let of_pebble = case.has("dump.v3.ndjson.gz") && case.has("kv.ndjson.gz");
        if of_pebble && !steps.iter().any(goes_beyond_the_contract) {
            let dump = case.dump("v3").unwrap();
            found.push((case, steps, dump));
        }
    }
    assert!(found.len() >= 25, "{} cases", found.len());
    found
}

fn rows_of(case: &Case) -> Rows {
    let pairs = case.kv("").unwrap().into_iter();
    pairs.map(|pair| (pair.key, pair.value)).collect()
}

fn rows_in(store: &PebbleStore) -> Rows {
    let mut rows = Rows::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    };
    store.for_each_row(&mut each).unwrap();
    rows
}

fn options(case: &Case, dump: &Dump, clock: &Arc<ManualClock>) -> PebbleOptions {
    let ids = dump.sync_runs().map(|run| SyncId::from_stored(&run.id));
    PebbleOptions {
        profile: Profile::GoPebble,
        clock: clock.clone(),
        ids: Arc::new(ListedIds::new(ids.collect::<Vec<_>>())),
        digests: case.name != "no-digest",
        ..PebbleOptions::default()
    }
}

/// Replays the steps, each at the time of the original.
fn replayed(store: &PebbleStore, steps: &[Step], times: &Times, clock: &Arc<ManualClock>) {
    let mut before = times.hook(clock);
    let options = ReplayOptions {
        before: Some(&mut before),
        handler: Some(
            &mut |engine: &dyn StorageEngine, step: &Step, sync: Option<&SyncId>| match &step.op {
                Op::Flush => Some(Ok(())),
                Op::StoreNewExpandedGrants(records) => Some(engine.store_expanded_grants(records)),
                Op::GraphBlob(graph) => {
                    let sync = sync?;
                    Some(store.set_entitlement_graph(sync, Some(graph)))
                }
                _ => None,
            },
        ),
    };
    let done = replay(store.engine(), steps, options).unwrap();
    assert_eq!(done.steps, steps.len());
    assert_eq!(done.tolerated, []);
}

/// Where a store is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Memory,
    Disk,
}

impl Place {
    const ALL: [Self; 2] = [Self::Memory, Self::Disk];

    fn open(self, fs: &Arc<dyn Fs>, options: PebbleOptions) -> PebbleStore {
        let store = match self {
            Self::Memory => PebbleStore::in_memory(options),
            Self::Disk => PebbleStore::create_in(Arc::clone(fs), "sync", options),
        };
        store.unwrap()
    }
}

/// A store that holds what the case's writes put into it.
fn store_of(
    place: Place,
    case: &Case,
    steps: &[Step],
    dump: &Dump,
) -> (PebbleStore, Arc<ManualClock>) {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    store_in(&fs, place, case, steps, dump)
}

/// As [`store_of`], on the file system `fs` if it is on disk.
fn store_in(
    fs: &Arc<dyn Fs>,
    place: Place,
    case: &Case,
    steps: &[Step],
    dump: &Dump,
) -> (PebbleStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(dump.read_at()));
    let store = place.open(fs, options(case, dump, &clock));
    let times = Times::of_syncs(dump).with_records(&case.kv("").unwrap());
    replayed(&store, steps, &times.unwrap(), &clock);
    (store, clock)
}

/// Go reads the clock once more for the statistics; here they are written when the sync ends.
fn with_stats_at_the_end(rows: &Rows) -> Rows {
    let mut rows = rows.clone();
    let key = MetadataKey::Stats.to_vec();
    let run = rows.get(Family::SyncRun.header());
    let ended_at = run.and_then(|run| sync_run::decode(run).unwrap().ended_at);
    if let (Some(value), Some(ended_at)) = (rows.get_mut(&key), ended_at) {
        let (sync, mut of_go) = stats::decode(value).unwrap();
        assert!(of_go.written_at >= Some(ended_at), "{:?}", of_go.written_at);
        of_go.written_at = Some(ended_at);
        *value = stats::encode(&of_go, &sync).unwrap();
    }
    rows
}

/// The one case that cannot be equal: Go leaves rows out of the index by principal until the sync ends, and says so by a
/// marker; here the index is complete whenever it is read.
fn is_deferred_index(case: &Case, line: &str) -> bool {
    let header = Family::GrantByPrincipal.header().escape_ascii().to_string();
    let marker = MetadataKey::GrantIndexPending.to_vec();
    case.name == "deferred-index-unfinished"
        && (line.starts_with(&format!("extra {header}"))
            || *line == format!("missing {}", marker.escape_ascii()))
}

/// Every case with every place.
fn in_all_places() -> impl Iterator<Item = (Place, (Case, Vec<Step>, Dump))> {
    let places = Place::ALL.into_iter();
    places.flat_map(|place| cases().into_iter().map(move |case| (place, case)))
}

#[test]
fn every_row_is_that_of_go() {
    let mut table = Table::new();
    let mut wrong = String::new();
    let (mut equal, mut of_deferred_index) = (0, 0);
    for (place, (case, steps, dump)) in in_all_places() {
        let (store, _) = store_of(place, &case, &steps, &dump);
        let expected = with_stats_at_the_end(&rows_of(&case));
        let found = rows_in(&store);
        for family in Family::ALL {
            let of_family = |rows: &Rows| {
                rows.keys()
                    .filter(|key| Family::of(key) == Some(family))
                    .count()
            };
            if of_family(&expected) > 0 {
                let counts = format!("{}/{}", of_family(&found), of_family(&expected));
                table.set(&case.name, &format!("{family:?}"), &counts);
            }
        }
        let different = difference(&expected, &found);
        let (deferred, other): (Vec<_>, Vec<_>) = different
            .into_iter()
            .partition(|line| is_deferred_index(&case, line));
        of_deferred_index += deferred.len();
        equal += expected.len();
        for line in other.iter().take(5) {
            let _ = writeln!(wrong, "{} in {place:?}: {line}", case.name);
        }
    }
    println!("{}", table.render());
    println!("{equal} rows, {of_deferred_index} more in an index that Go defers");
    assert!(wrong.is_empty(), "{wrong}");
    assert!(of_deferred_index > 1, "{of_deferred_index}");
    assert!(equal > 17_000, "{equal} rows");
}

/// Every answer, when the store is opened again for reading.
#[test]
fn every_answer_is_that_of_go() {
    let mut table = Table::new();
    let mut wrong = String::new();
    for (place, (case, steps, dump)) in in_all_places() {
        let (store, clock) = store_of(place, &case, &steps, &dump);
        clock.set(dump.read_at());
        let store = store.reopen(true).unwrap();
        let options = CheckOptions {
            order: Order::AsGo,
            deviations: contract_deviations(&case.name, Profile::GoPebble),
        };
        let report: CheckReport = check_reader(store.engine(), &dump, Profile::GoPebble, &options);
        report.fill(&mut table, &case.name);
        if !report.is_clean() {
            let _ = writeln!(wrong, "== {} in {place:?}\n{}", case.name, report.render(8));
        }
    }
    println!("{}", table.render());
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the engine holds is what a file holds: packed and opened, row by row the same, and every answer is that of Go.
#[test]
fn saved_and_opened_every_answer_is_that_of_go() {
    let mut wrong = String::new();
    let (mut compared, mut roots) = (0, 0);
    for (place, (case, steps, dump)) in in_all_places() {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        let (store, clock) = store_in(&fs, place, &case, &steps, &dump);
        let pack = PackOptions {
            fs: Arc::clone(&fs),
            entropy: Arc::new(SeededEntropy::seeded(1)),
            ..PackOptions::default()
        };
        let published = publish_store(&store, Path::new("sync.c1z"), &pack).unwrap();
        let held = rows_in(&store);
        let bytes = held.iter().map(|(key, value)| key.len() + value.len());
        let built = &published.sync.database;
        assert_eq!(
            (built.rows, built.raw_bytes),
            (held.len() as u64, bytes.sum::<usize>() as u64)
        );
        clock.set(dump.read_at());
        let file = c1z::open_with(
            "sync.c1z",
            &OpenOptions {
                fs,
                clock,
                profile: Profile::GoPebble,
                ..OpenOptions::default()
            },
        );
        let file = file.unwrap();
        // Readers of the head alone see what the rows say.
        let manifest = file.envelope().unwrap().manifest();
        let root = manifest.grant_digest_root.as_option();
        let root = root.and_then(|root| Node::from_manifest(root).unwrap());
        let stored = held.get(&digest::global_root_key());
        assert_eq!(root, stored.map(|value| Node::decode(value).unwrap()));
        roots += usize::from(root.is_some());
        let stats = manifest.sync_runs[0].stats.as_option();
        assert_eq!(
            stats.is_some(),
            held.contains_key(&MetadataKey::Stats.to_vec())
        );
        let mut found = Rows::new();
        let mut scan = file
            .database()
            .unwrap()
            .scan(Bounds::all(), ScanOptions::default());
        while let Some((key, value)) = scan.next().unwrap() {
            found.insert(key.to_vec(), value.to_vec());
        }
        let different = difference(&rows_in(&store), &found);
        assert_eq!(different, [""; 0], "{} in {place:?}", case.name);
        let options = CheckOptions {
            order: Order::AsGo,
            deviations: contract_deviations(&case.name, Profile::GoPebble),
        };
        let report = check_reader(file.reader(), &dump, Profile::GoPebble, &options);
        compared += report.compared();
        if !report.is_clean() {
            let _ = writeln!(wrong, "== {} in {place:?}\n{}", case.name, report.render(8));
        }
    }
    println!("{compared} answers, {roots} roots of digests");
    assert!(roots > 20, "{roots}");
    assert!(wrong.is_empty(), "{wrong}");
}

/// The rows of an unfinished database of Go are taken over, the sync is resumed and finished: what is missing from its
/// index is there, and the rows are those of a sync that was never interrupted.
#[test]
fn unfinished_syncs_of_go_are_resumed_and_finished() {
    let mut resumed = Vec::new();
    for (case, _, dump) in cases() {
        let rows = rows_of(&case);
        let run = sync_run::decode(&rows[Family::SyncRun.header()]).unwrap();
        if run.is_finished() {
            continue;
        }
        let clock = Arc::new(ManualClock::at(dump.read_at()));
        let store = PebbleStore::from_rows(options(&case, &dump, &clock), rows.clone()).unwrap();
        assert!(store.warnings().is_empty(), "{:?}", store.warnings());
        let engine = store.engine();
        assert!(!engine.is_dirty());
        assert_eq!(
            engine.resume_sync(None, None).unwrap(),
            run.id,
            "{}",
            case.name
        );
        assert_eq!(engine.current_sync_step().unwrap(), run.token);
        engine.end_sync().unwrap();
        let finished = rows_in(&store);
        let grants = finished
            .keys()
            .filter(|key| Family::of(key) == Some(Family::Grant))
            .count();
        let of_principals = finished
            .keys()
            .filter(|key| Family::of(key) == Some(Family::GrantByPrincipal))
            .count();
        assert_eq!(of_principals, grants, "{}", case.name);
        assert!(!finished.contains_key(&MetadataKey::GrantIndexPending.to_vec()));
        for (key, value) in &rows {
            let family = Family::of(key);
            if family.is_some_and(Family::is_primary) || family == Some(Family::Session) {
                assert_eq!(finished.get(key), Some(value), "{}", case.name);
            }
        }
        if case.name == "deferred-index-unfinished" {
            assert!(
                of_principals
                    > rows
                        .keys()
                        .filter(|key| Family::of(key) == Some(Family::GrantByPrincipal))
                        .count()
            );
        }
        resumed.push(case.name);
    }
    println!("{resumed:?}");
    assert!(resumed.len() >= 5, "{resumed:?}");
}
