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
use c1z::engine::{Identity, Profile};
use testkit::check::{
    CheckOptions, CheckReport, Deviation, Order, check_reader, contract_deviations,
};
use testkit::clock::ManualClock;
use testkit::golden::{Case, Dump, cases_with};
use testkit::ids::ListedIds;
use testkit::replay::{ReplayOptions, replay};
use testkit::table::Table;
use testkit::times::Times;

#[path = "common/writes.rs"]
mod writes;

use writes::{goes_beyond_the_contract, handle, of_writes};

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
