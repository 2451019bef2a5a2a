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
use testkit::check::{
    CheckOptions, CheckReport, Deviation, Order, check_reader, contract_deviations,
};
use testkit::clock::ManualClock;
use testkit::golden::ops::{Op, Step};
use testkit::golden::{Case, Dump, cases_with};
use testkit::ids::ListedIds;
use testkit::replay::{ReplayOptions, replay};
use testkit::table::Table;
use testkit::times::Times;

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
        one_sync: false,
    });
    let times = Times::of_syncs(dump);
    let mut before = times.hook(&clock);
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

/// The model builds no digests.
fn no_digests() -> [Deviation; 3] {
    const REASON: &str = "the model builds no digests";
    [
        ("GetEntitlementGrantDigest", "Root(None)"),
        ("GetEntitlementGrantDigestNodes", "Nodes([])"),
        ("GrantGenerationDigest", "Global(None)"),
    ]
    .map(|(check, found)| Deviation::new(check, "", found, REASON).of_engine())
}

/// D2, D16: a row that is put again with other references moves; Go's SQLite engine leaves it where it was in filters.
const MOVED: &str = "a row written again moves in all lists (D2, D16)";
/// D13: an asset without data is not stored, one without a type is `unknown`.
const ASSETS: &str = "empty assets and content types (D13)";
const SLIM: &str = "an optional writer of Go strips grants; the model keeps records whole";

/// Deviations of writing, as against reading a file that Go wrote.
fn of_writes(case: &str, profile: Profile) -> Vec<Deviation> {
    let rows: &[[&'static str; 3]] = match (profile, case) {
        (Profile::GoPebble, "unusual-strings") => &[
            ["assets", "listed", "\"unknown\", 1)"],
            ["assets", "empty-content-type", "\"unknown\""],
            ["assets", "empty-data", "NotFound"],
            ["stats", "stats_map", "\"assets\": 3"],
            ["stats", "stats", "assets: 3"],
            ["ListSyncs", "recorded stats", "assets: 3"],
        ],
        (Profile::GoSqlite, "overwrites-deletes") => &[["ListResources", "Parent", "u-147dba"]],
        (Profile::GoSqlite, "identity-collisions") => &[
            ["ListGrantsForPrincipal", "u-4ac1f5", ""],
            ["ListGrantsForPrincipal", "u-147dba", "one-id-for-two-pairs"],
            ["ListEntitlements", "\"g0\"", ""],
            ["ListEntitlements", "\"g1\"", "shared-id"],
            ["ListGrants", "\"g1\"", ""],
            ["ListGrants", "\"g2\"", "one-id-for-two-pairs"],
            ["ListGrantsForEntitlement", "group:g1:member", ""],
            ["ListGrantsForEntitlement", "group:g2:member", ""],
        ],
        (Profile::GoSqlite, "slim-grants") => &[["rows", "grants of", ""]],
        _ => &[],
    };
    let reason = match (profile, case) {
        (Profile::GoPebble, _) => ASSETS,
        (_, "slim-grants") => SLIM,
        _ => MOVED,
    };
    let rows = rows.iter();
    rows.map(|[check, about, found]| Deviation::new(check, about, found, reason))
        .collect()
}

fn deviations(case: &str, profile: Profile) -> Vec<Deviation> {
    let mut deviations = contract_deviations(case, profile);
    deviations.extend(of_writes(case, profile));
    if profile == Profile::GoPebble {
        deviations.extend(no_digests());
    }
    deviations
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
