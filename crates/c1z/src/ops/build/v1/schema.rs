//! The schema of v1 files as they are written today (`c1z1-sqlite` §2).
//!
//! `schema.sql` holds the statements that SQLite keeps in files of the original implementation, to
//! the byte. That implementation creates what is missing *by name* whenever it opens a file, so names
//! matter more than what they say: the two indexes of `v1_resources` whose names are swapped stay
//! swapped, or every later write of a resource fails for want of a conflict target.

use crate::ops::RecordKind;

/// The table of sync runs.
pub(super) const SYNC_RUNS: &str = "v1_sync_runs";
/// The table of session entries.
pub(super) const SESSIONS: &str = "v1_connector_sessions";

/// Every statement, the indexes of a table behind it.
pub(crate) fn statements() -> Vec<&'static str> {
    include_str!("schema.sql").split_terminator(";\n").collect()
}

/// The tables, each with its statement.
pub(crate) fn table_statements() -> Vec<(&'static str, &'static str)> {
    let named = |sql: &'static str| {
        let rest = sql.strip_prefix("CREATE TABLE ")?;
        Some((rest.split_whitespace().next()?, sql))
    };
    statements().into_iter().filter_map(named).collect()
}

/// The table that holds the records of a kind.
pub(super) const fn table_of(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::ResourceType => "v1_resource_types",
        RecordKind::Resource => "v1_resources",
        RecordKind::Entitlement => "v1_entitlements",
        RecordKind::Grant => "v1_grants",
        RecordKind::Asset => "v1_assets",
    }
}
