//! Building v1 files from records: a SQLite database of the schema of today in its envelope
//! (`c1z1-sqlite` §2, §4 to §6.3).
//!
//! ```text
//! rows of one kind ──> V1Table ──┐
//! session entries ───> sessions ─┼──> V1Builder ──> published file
//! sync runs ─────────> finish ───┘    statistics, envelope
//! ```
//!
//! Tables are written one after another, each once, rows in the order in which they come; indexes are
//! sorted within the memory given and on disk beyond it. Statistics are counted on the way. What is
//! written depends on the rows alone.

mod builder;
mod count;
mod expanded;
mod row;
mod run;
mod schema;
mod typed;

pub use builder::{V1Builder, V1Options, V1Summary, V1Table};
pub(crate) use expanded::Expanded;
pub use row::{V1Columns, V1Grant, V1Row};
pub use run::V1Run;
#[cfg(feature = "sqlite")]
pub(crate) use run::stats_json;
#[cfg(feature = "sqlite")]
pub(crate) use schema::statements;
pub(crate) use schema::table_statements;
pub(crate) use typed::{RecordRow, RecordTable};
