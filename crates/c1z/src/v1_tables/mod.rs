//! Tables of the SQLite database in a v1 file, and what a row of each holds (`c1z1-sqlite` §2, §3).
//!
//! There is no version number in the file: a reader looks at the columns. Every table has one typed
//! row and one list of columns; a column that a file is too old to have gives the default that the
//! reference fills in when it migrates the file. Unknown tables and columns are left alone.
//!
//! | table | row | unique by |
//! |---|---|---|
//! | `v1_sync_runs` | [`SyncRunRow`] | `sync_id` |
//! | `v1_resource_types` | [`ResourceTypeRow`] | `external_id`, `sync_id` |
//! | `v1_resources` | [`ResourceRow`] | `external_id`, `sync_id` |
//! | `v1_entitlements` | [`EntitlementRow`] | `external_id`, `sync_id` |
//! | `v1_grants` | [`GrantRow`] | `external_id`, `sync_id` |
//! | `v1_assets` | [`AssetRow`] | `external_id`, `sync_id` |
//! | `v1_connector_sessions` | [`SessionRow`] | `sync_id`, `key` |
//!
//! Rows borrow from the page they stand on. Times are text in the wall-clock time of the writer;
//! [`Zone`] turns them into instants. Nothing here knows which sync is read or what a filter is.

mod asset;
mod cell;
mod entitlement;
mod grant;
mod resource;
mod resource_type;
mod session;
mod stats;
mod sync_run;
mod table;
mod zone;

#[cfg(test)]
mod tests;

pub use asset::{AssetHead, AssetRow, Assets};
pub use cell::{Absent, Cells, ColumnSpec};
pub use entitlement::{EntitlementRow, Entitlements};
pub use grant::{GrantRow, Grants};
pub use resource::{ResourceRow, Resources};
pub use resource_type::{ResourceTypeRow, ResourceTypes};
pub use session::{SessionRow, Sessions};
pub use stats::decode as decode_stats;
pub use sync_run::{SyncRunRow, SyncRuns};
pub use table::{Tables, TypedTable, V1Table};
pub use zone::Zone;
