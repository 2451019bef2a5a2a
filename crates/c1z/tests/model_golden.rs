//! The model against ground truth: the writes of every golden case are replayed into it, and everything that the Go
//! reader answered about the files it made of the same writes is asked of the model.
//!
//! With structural identity the model is compared with Go's Pebble engine, with external ids with its SQLite engine.
//! Ids and times of syncs are those of the dump. Not compared: cases whose writes go beyond the contract (expansion,
//! retention, diff).

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets unexpected data must stop, and says what it compared"
)]

use std::fmt::Write as _;
use std::sync::Arc;

use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::types::SyncId;
use c1z::engine::{Identity, Profile, StorageEngine};
use testkit::check::{CheckOptions, CheckReport, Deviation, Order, check_reader};
use testkit::clock::ManualClock;
use testkit::golden::ops::{Op, Step};
use testkit::golden::{Case, Dump, cases_with};
use testkit::ids::ListedIds;
use testkit::replay::{ReplayOptions, replay, times_of_dump};
use testkit::table::Table;

/// Steps that ask for more than the contract has.
fn goes_beyond_the_contract(step: &Step) -> bool {
    matches!(step.op, Op::Expand | Op::Cleanup | Op::GenerateDiff { .. })
}

/// Steps about the inside of Go's Pebble engine mean nothing to a model, and new expanded grants are expanded grants.
fn handle(engine: &dyn StorageEngine, step: &Step) -> Option<c1z::Result<()>> {
    match &step.op {
        Op::Flush | Op::GraphBlob(_) => Some(Ok(())),
        Op::StoreNewExpandedGrants(records) => Some(engine.store_expanded_grants(records)),
        _ => None,
    }
}

/// A model that holds what the case's writes put into it, opened for reading when Go read the file.
fn replayed(case: &Case, dump: &Dump, identity: Identity, profile: Profile) -> Model {
    let clock = Arc::new(ManualClock::at(dump.read_at()));
    let ids = dump.sync_runs().map(|run| SyncId::from_stored(&run.id));
    let model = Model::new(ModelOptions {
        identity,
        profile,
        clock: clock.clone(),
        ids: Arc::new(ListedIds::new(ids.collect::<Vec<_>>())),
        rows_max: 100_000,
    });
    let mut before = times_of_dump(dump, &clock);
    let options = ReplayOptions {
        before: Some(&mut before),
        handler: Some(&mut |engine, step, _| handle(engine, step)),
    };
    let steps = case.ops().unwrap();
    let done = replay(&model, &steps, options).unwrap();
    assert_eq!(done.steps, steps.len());
    clock.set(dump.read_at());
    model.reopen(true)
}

const NO_DIGESTS: [Deviation; 3] = [
    Deviation {
        check: "GetEntitlementGrantDigest",
        about: "",
        found: "Root(None)",
        of_engine: true,
        reason: "the model builds no digests",
    },
    Deviation {
        check: "GetEntitlementGrantDigestNodes",
        about: "",
        found: "Nodes([])",
        of_engine: true,
        reason: "the model builds no digests",
    },
    Deviation {
        check: "GrantGenerationDigest",
        about: "",
        found: "Global(None)",
        of_engine: true,
        reason: "the model builds no digests",
    },
];

fn deviation(
    check: &'static str,
    about: &'static str,
    found: &'static str,
    reason: &'static str,
) -> Deviation {
    Deviation {
        check,
        about,
        found,
        of_engine: false,
        reason,
    }
}

/// D2, D16: a row that is put again with other references moves; Go's SQLite engine leaves it where it was in filters.
const MOVED: &str = "a re-put row moves in all lists (D2, D16)";
/// D13: an asset without data is not stored, one without a type is `unknown`.
const ASSETS: &str = "empty assets and content types (D13)";
const DEFERRED: &str = "rows of a deferred index are never missing (c1z3-keyspace 7.3)";

fn deviations(case: &str, profile: Profile) -> Vec<Deviation> {
    let of_case = match (profile, case) {
        (Profile::GoPebble, "deferred-index-unfinished") => vec![
            deviation("ListGrantsForResourceType", "", "", DEFERRED),
            deviation("ListGrantsForPrincipal", "", "", DEFERRED),
        ],
        (Profile::GoPebble, "identity-collisions") => vec![deviation(
            "ListGrantsForEntitlements",
            "",
            "Ambiguous",
            "batch lookups are by bare id (5.5); the dump passed resources along",
        )],
        (Profile::GoPebble, "unusual-strings") => vec![
            deviation("assets", "listed", "\"unknown\", 1)", ASSETS),
            deviation("assets", "empty-content-type", "\"unknown\"", ASSETS),
            deviation("assets", "empty-data", "NotFound", ASSETS),
            deviation("stats", "stats_map", "\"assets\": 3", ASSETS),
            deviation("stats", "stats", "assets: 3", ASSETS),
            deviation("ListSyncs", "recorded stats", "assets: 3", ASSETS),
        ],
        (Profile::GoSqlite, "overwrites-deletes") => {
            vec![deviation("ListResources", "Parent", "u-147dba", MOVED)]
        }
        (Profile::GoSqlite, "identity-collisions") => vec![
            deviation("ListGrantsForPrincipal", "u-4ac1f5", "", MOVED),
            deviation(
                "ListGrantsForPrincipal",
                "u-147dba",
                "one-id-for-two-pairs",
                MOVED,
            ),
            deviation("ListEntitlements", "\"g0\"", "", MOVED),
            deviation("ListEntitlements", "\"g1\"", "shared-id", MOVED),
            deviation("ListGrants", "\"g1\"", "", MOVED),
            deviation("ListGrants", "\"g2\"", "one-id-for-two-pairs", MOVED),
            deviation("ListGrantsForEntitlement", "group:g1:member", "", MOVED),
            deviation("ListGrantsForEntitlement", "group:g2:member", "", MOVED),
        ],
        (Profile::GoSqlite, "slim-grants") => vec![deviation(
            "rows",
            "grants of",
            "",
            "an optional writer of Go strips entitlement and principal; the model keeps records whole",
        )],
        _ => Vec::new(),
    };
    let of_engine = match profile {
        Profile::GoPebble => NO_DIGESTS.to_vec(),
        _ => Vec::new(),
    };
    [of_engine, of_case].concat()
}

fn compare(which: &str, identity: Identity, profile: Profile, order: Order) {
    let mut table = Table::new();
    let mut wrong = String::new();
    let mut compared = 0;
    for case in cases_with("ops.ndjson.gz").unwrap() {
        let steps = case.ops().unwrap();
        if !case.has(&format!("dump.{which}.ndjson.gz"))
            || steps.iter().any(goes_beyond_the_contract)
        {
            continue;
        }
        let dump = case.dump(which).unwrap();
        let model = replayed(&case, &dump, identity, profile);
        let options = CheckOptions {
            order,
            deviations: deviations(&case.name, profile),
        };
        let report: CheckReport = check_reader(&model, &dump, profile, &options);
        report.fill(&mut table, &case.name);
        if !report.is_clean() {
            let _ = write!(
                wrong,
                "== {} ({which})
{}",
                case.name,
                report.render(20)
            );
        }
        compared += 1;
    }
    println!("{}", table.render());
    assert!(wrong.is_empty(), "{wrong}");
    assert!(compared > 20, "{compared} cases");
}

#[test]
fn by_structure_it_answers_as_the_pebble_engine() {
    compare(
        "v3",
        Identity::Structural,
        Profile::GoPebble,
        Order::Primary,
    );
}

#[test]
fn by_external_id_it_answers_as_the_sqlite_engine() {
    compare("v1", Identity::External, Profile::GoSqlite, Order::Any);
}
