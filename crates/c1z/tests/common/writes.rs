//! What the tests share that replay the writes of golden cases into engines that are not Go's Pebble.

use c1z::engine::{Profile, StorageEngine};
use testkit::check::Deviation;
use testkit::golden::ops::{Op, Step};

/// Steps that ask for more than the contract has.
pub(crate) fn goes_beyond_the_contract(step: &Step) -> bool {
    matches!(step.op, Op::Expand | Op::Cleanup | Op::GenerateDiff { .. })
}

/// Steps about the inside of Go's Pebble engine mean nothing to engines without one, and new expanded grants are expanded grants.
pub(crate) fn handle(engine: &dyn StorageEngine, step: &Step) -> Option<c1z::Result<()>> {
    match &step.op {
        Op::Flush | Op::GraphBlob(_) => Some(Ok(())),
        Op::StoreNewExpandedGrants(records) => Some(engine.store_expanded_grants(records)),
        _ => None,
    }
}

/// D2, D16: a row that is put again with other references moves; Go's SQLite engine leaves it where it was in filters.
const MOVED: &str = "a row written again moves in all lists (D2, D16)";
/// D13: an asset without data is not stored, one without a type is `unknown`.
const ASSETS: &str = "empty assets and content types (D13)";
const SLIM: &str = "an optional writer of Go strips grants; ours keep records whole";

/// Deviations of writing, as against reading a file that Go wrote.
pub(crate) fn of_writes(case: &str, profile: Profile) -> Vec<Deviation> {
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
