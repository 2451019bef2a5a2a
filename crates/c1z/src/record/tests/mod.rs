//! Laws and tables of the records.
//!
//! Real records are checked by the integration test `records`; here are arbitrary ones, the rules that
//! real files do not exercise, and what is refused.

mod grants;
mod objects;
mod runs;
