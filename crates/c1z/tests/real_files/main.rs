//! Tests on real and large files, which are not part of the repository (`.ci/real-files`). The
//! environment variable `C1Z_FIXTURES` names the folder that holds them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]
#![cfg(feature = "shared-fixtures")]

#[path = "../common/mod.rs"]
mod common;
mod envelope;
mod ndjson;
mod reader;
mod verify;

use std::path::PathBuf;

/// A file of the folder.
fn fixture(path: &str) -> PathBuf {
    let folder = std::env::var_os("C1Z_FIXTURES").expect("C1Z_FIXTURES names a folder");
    PathBuf::from(folder).join(path)
}
