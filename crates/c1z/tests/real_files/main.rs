//! Tests on real and large files, which are not part of the repository (`.ci/real-files`). The
//! environment variable `C1Z_FIXTURES` names the folder that holds them.
#![cfg(feature = "shared-fixtures")]
#![expect(
    clippy::print_stdout,
    reason = "the tables and figures are the point of the run"
)]

#[path = "../common/mod.rs"]
mod common;
mod envelope;
mod reader;

use std::path::PathBuf;

/// A file of the folder.
fn fixture(path: &str) -> PathBuf {
    let folder = std::env::var_os("C1Z_FIXTURES").expect("C1Z_FIXTURES names a folder");
    PathBuf::from(folder).join(path)
}
