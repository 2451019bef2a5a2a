//! Relations of stores with many syncs, and of operations over their files (`store-contract` §8.3). Each is tested over
//! several seeds.
//!
//! | relation | test |
//! |---|---|
//! | m7 a cleanup changes no sync that stays, and a second one nothing | [`m7_a_cleanup_changes_no_sync_that_stays`] |
//! | m8 merge(a, ∅) = a but for assets; merge(a, a) = a; merging is associative under strict times | [`m8_merging_is_idempotent_and_associative`] |
//! | m9, the half that needs no expansion: a rollback leaves what was there before it | [`m9_a_rollback_leaves_what_was_there_before`] |

use std::path::Path;
use std::sync::Arc;

use c1z::engine::page::collect_pages;
use c1z::engine::tee::HasEngine;
use c1z::engine::types::{SyncId, SyncRun, SyncType};
use c1z::engine::{Identity, StorageEngine};
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;
use shingle::vfs::MemFs;
use testkit::chance::Chance;
use testkit::clock::ManualClock;
use testkit::generate::{GenerateOptions, generate};

use crate::bench::{START, TICK};
use crate::files::{Files, Records, Rows, newest, records};
use crate::folder::Folder;
use crate::options::OptionSet;
use crate::retention;
use crate::stores::Store;

const SEEDS: u64 = 12;

/// A folder, and what goes with it.
struct Shelf {
    folder: Folder,
    clock: Arc<ManualClock>,
    options: OptionSet,
    fs: MemFs,
}

impl Shelf {
    fn new(seed: u64) -> Self {
        let options = OptionSet::draw(&mut Chance::seeded(seed));
        let clock = Arc::new(ManualClock::at(START));
        let fs = MemFs::new();
        Self {
            folder: Folder::new(&fs, &options, &clock),
            clock,
            options,
            fs,
        }
    }

    fn engine(&self) -> &dyn StorageEngine {
        HasEngine::engine(&self.folder)
    }

    /// A sync, ended or not, of records that other syncs hold too.
    fn sync(&self, chance: &mut Chance, of: &SyncType, is_finished: bool) -> SyncId {
        let engine = self.engine();
        let id = engine.start_new_sync(of, "").unwrap();
        for seed in [1, 2, 3] {
            self.clock.advance(TICK);
            if chance.percent(60) {
                let mut records = generate(&GenerateOptions::small(seed));
                for resource in &mut records.resources {
                    resource.display_name = format!("{}", chance.below(3));
                }
                records.write_to(engine, 30).unwrap();
            }
        }
        self.clock.advance(TICK);
        engine.mark_supports_diff(&id).unwrap();
        if is_finished {
            engine.end_sync().unwrap();
        } else {
            // The next sync is started by another handle.
            engine.checkpoint_sync("left").unwrap();
        }
        id
    }

    fn runs(&self) -> Vec<SyncRun> {
        let engine = self.engine();
        collect_pages(|page| engine.list_sync_runs(page)).unwrap()
    }

    fn records(&self, id: &SyncId) -> Records {
        records(self.engine(), id, Identity::Structural).unwrap()
    }

    fn isolate(&self, id: &SyncId, path: &str) {
        let pack = self.options.pack(&self.fs);
        self.folder.isolate(id, Path::new(path), &pack).unwrap();
    }

    fn files(&self) -> Files<'_> {
        Files::new(&self.fs, &self.options, &self.clock, None)
    }
}

#[test]
fn m7_a_cleanup_changes_no_sync_that_stays() {
    let mut gone = 0;
    for seed in 0..SEEDS {
        let mut chance = Chance::seeded(seed + 700);
        let mut shelf = Shelf::new(seed);
        for _ in 0..3 + chance.below(6) {
            let types = [
                SyncType::Full,
                SyncType::Full,
                SyncType::Partial,
                SyncType::PartialUpserts,
            ];
            let of = chance.pick(&types).unwrap().clone();
            let is_finished = chance.percent(85);
            shelf.sync(&mut chance, &of, is_finished);
            if !is_finished {
                shelf.folder = shelf.folder.reopen(false);
            }
        }
        let runs = shelf.runs();
        let before: Vec<Records> = runs.iter().map(|run| shelf.records(&run.id)).collect();
        let keep = 1 + chance.below(2);
        let deleted = shelf.folder.cleanup(keep).unwrap();
        assert_eq!(deleted, retention::expired(&runs, None, keep), "{seed}");
        gone += deleted.len();
        for again in [false, true] {
            let left = shelf.runs();
            assert_eq!(left.len() + deleted.len(), runs.len(), "{seed}");
            for run in &left {
                let at = runs.iter().position(|of| of == run).unwrap();
                assert_eq!(before.get(at), Some(&shelf.records(&run.id)), "{seed}");
            }
            if !again {
                assert_eq!(shelf.folder.cleanup(keep).unwrap(), [], "{seed}");
                shelf.folder = shelf.folder.reopen(false);
            }
        }
    }
    println!("{SEEDS} histories, {gone} syncs deleted");
    assert!(gone > 10);
}

#[test]
fn m8_merging_is_idempotent_and_associative() {
    for seed in 0..SEEDS {
        let mut chance = Chance::seeded(seed + 800);
        let shelf = Shelf::new(seed);
        for name in ["a", "b", "c"] {
            let id = shelf.sync(&mut chance, &SyncType::Full, true);
            shelf.isolate(&id, name);
        }
        let empty = shelf.engine().start_new_sync(&SyncType::Full, "").unwrap();
        shelf.engine().end_sync().unwrap();
        shelf.isolate(&empty, "nothing");
        let files = shelf.files();
        let rows = |path: &str| newest(files.rows(path).unwrap(), Rows::new());
        files.merged(&["a", "nothing"], "a-nothing").unwrap();
        assert_eq!(rows("a-nothing"), rows("a"), "{seed}");
        files.merged(&["a", "a-nothing"], "a-a").unwrap();
        assert_eq!(rows("a-a"), rows("a"), "{seed}");
        files.merged(&["a", "b"], "ab").unwrap();
        files.merged(&["b", "c"], "bc").unwrap();
        let all = [["ab", "c"], ["a", "bc"]];
        let [left, right] = all.map(|inputs| {
            files.merged(&inputs, "all").unwrap();
            rows("all")
        });
        assert_eq!(left, right, "{seed}");
        files.merged(&["a", "b", "c"], "all").unwrap();
        assert_eq!(rows("all"), left, "{seed}");
    }
}

#[test]
fn m9_a_rollback_leaves_what_was_there_before() {
    for seed in 0..SEEDS {
        let mut chance = Chance::seeded(seed + 900);
        let shelf = Shelf::new(seed);
        let id = shelf.sync(&mut chance, &SyncType::Full, true);
        let engine = shelf.engine();
        engine.set_current_sync(&id).unwrap();
        // As the source system told it: without what the generator made up.
        let mut grants = generate(&GenerateOptions::small(1)).grants;
        for grant in &mut grants {
            grant.sources = None.into();
        }
        let own: Vec<v2::Grant> = grants.split_off(grants.len() / 2);
        engine.put_grants(&own).unwrap();
        let before = shelf.records(&id);
        let noted = own
            .iter()
            .map(|grant| with_source(grant, &grant.entitlement.id));
        let noted: Vec<_> = noted.collect();
        let made: Vec<_> = own
            .iter()
            .zip(1..)
            .map(|(grant, n)| product(grant, n))
            .collect();
        engine.store_expanded_grants(&noted).unwrap();
        engine.store_expanded_grants(&made).unwrap();
        engine.mark_supports_diff(&id).unwrap();
        engine.end_sync().unwrap();
        assert_eq!(
            shelf.records(&id).len(),
            before.len() + made.len(),
            "{seed}"
        );
        shelf.isolate(&id, "expanded");
        let left = shelf.files().rolled_back("expanded", "left", &id).unwrap();
        assert_eq!(left, crate::files::rolled_back(&before), "{seed}");
        let kept = |grant: &v2::Grant| {
            left.values()
                .any(|bytes| *bytes == c1z_proto::encode_canonical(grant))
        };
        assert!(!noted.iter().any(kept) && !made.iter().any(kept), "{seed}");
    }
}

/// As expansion notes it on a grant.
fn with_source(grant: &v2::Grant, entitlement: &str) -> v2::Grant {
    let source = v2::grant_sources::GrantSource::default();
    v2::Grant {
        sources: v2::GrantSources {
            sources: [(entitlement.to_owned(), source)].into_iter().collect(),
            ..Default::default()
        }
        .into(),
        ..grant.clone()
    }
}

/// A grant that expansion made of another: to somebody who had none.
fn product(grant: &v2::Grant, number: usize) -> v2::Grant {
    let mut made = with_source(grant, "another entitlement");
    let principal = v2::Resource {
        id: v2::ResourceId {
            resource_type: "user".to_owned(),
            resource: format!("made {number}"),
            ..Default::default()
        }
        .into(),
        ..Default::default()
    };
    made.id = format!("made {number}");
    made.principal = principal.into();
    made.annotations = vec![Any {
        type_url: "type.googleapis.com/c1.connector.v2.GrantImmutable".to_owned(),
        ..Default::default()
    }];
    made
}
