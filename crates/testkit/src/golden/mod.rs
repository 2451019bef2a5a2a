//! Golden cases: files that the Go implementation wrote, and what it reads from them.
//!
//! Cases stand in `testdata/golden` of the repository; larger ones in the folder that `C1Z_FIXTURES` names. A missing
//! file is an error, never created on the fly.

pub mod dump;
mod json;
pub mod kv;
pub mod lookup;
pub mod ndjson;
pub mod ops;
pub mod sqlite;

use std::path::{Path, PathBuf};

use shingle::vfs::{Fs as _, OsFs};

pub use dump::Dump;
pub(crate) use json::to_hex;

use crate::{Error, Result};

/// Folder of the cases that are part of the repository.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden")
}

/// Folder of the cases that are not part of the repository, if `C1Z_FIXTURES` names one.
pub fn outer_folder() -> Option<PathBuf> {
    std::env::var_os("C1Z_FIXTURES").map(PathBuf::from)
}

/// All bytes of a file.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let about = |error: std::io::Error| Error::new(error.to_string()).at(path.display());
    let file = OsFs.open(path).map_err(about)?;
    let len = usize::try_from(file.len()).map_err(|_| Error::new("file too long"))?;
    let mut bytes = vec![0; len];
    file.read_exact_at(0, &mut bytes).map_err(about)?;
    Ok(bytes)
}

/// One case: a folder with files about the same writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Name of the folder.
    pub name: String,
    folder: PathBuf,
}

impl Case {
    /// The case of this name in the repository.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: folder().join(name),
        }
    }

    /// Path of a file of the case, present or not.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Whether the case has this file.
    pub fn has(&self, file: &str) -> bool {
        OsFs.metadata(&self.path(file))
            .is_ok_and(|found| !found.is_dir)
    }

    /// Bytes of a file of the case.
    pub fn bytes(&self, file: &str) -> Result<Vec<u8>> {
        read_file(&self.path(file))
    }

    /// What the Go reader answered; `which` is `v1`, `v3`, `from-v1`, `migrated`, `compacted.v1` or `compacted.v3`.
    pub fn dump(&self, which: &str) -> Result<Dump> {
        Dump::load(&self.path(&format!("dump.{which}.ndjson.gz")))
    }

    /// The writes that made the case.
    pub fn ops(&self) -> Result<Vec<ops::Step>> {
        ops::load(&self.path("ops.ndjson.gz"))
    }

    /// Live keys and values of the inner database; `which` is empty, or as for [`Case::dump`] without `v1` and `v3`.
    pub fn kv(&self, which: &str) -> Result<Vec<kv::Pair>> {
        let dot = if which.is_empty() { "" } else { "." };
        kv::load(&self.path(&format!("kv{dot}{which}.ndjson.gz")))
    }

    /// The v1 file at table level.
    pub fn sqlite_rows(&self) -> Result<Vec<sqlite::Row>> {
        sqlite::load(&self.path("sqlite-rows.ndjson.gz"))
    }
}

/// Folders of `golden` that are no cases of the form described here: damaged files, output of the command line tool,
/// databases below the level of a file.
pub const OTHER_FOLDERS: [&str; 3] = ["cli", "corrupt", "pebble"];

/// All cases of the repository, by name.
pub fn cases() -> Result<Vec<Case>> {
    let folder = folder();
    let names = OsFs
        .list(&folder)
        .map_err(|error| Error::new(error.to_string()).at(folder.display()))?;
    let cases: Vec<Case> = names
        .iter()
        .filter(|name| !OTHER_FOLDERS.contains(&name.as_str()))
        .map(|name| Case::named(name))
        .filter(|case| case.has("CASE.md"))
        .collect();
    if cases.is_empty() {
        return Err(Error::new("no golden cases").at(folder.display()));
    }
    Ok(cases)
}

/// The cases that have this file.
pub fn cases_with(file: &str) -> Result<Vec<Case>> {
    let mut cases = cases()?;
    cases.retain(|case| case.has(file));
    Ok(cases)
}

/// The form of a packed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A SQLite database.
    V1,
    /// A Pebble database with the layout of today.
    V3,
    /// A Pebble database with the layout before July 2026, or older.
    OldV3,
}

/// A packed file with what the Go reader answers about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    /// The case it belongs to.
    pub case: Case,
    /// Name of the file.
    pub file: &'static str,
    /// Its form.
    pub format: Format,
    /// Which dump tells what is in it; see [`Case::dump`].
    pub dump: &'static str,
    /// Which key-value list tells what is in it; see [`Case::kv`]. None in v1.
    pub kv: Option<&'static str>,
}

impl PackedFile {
    /// `case/file`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.case.name, self.file)
    }
}

const PACKED: [(&str, Format, &str, Option<&str>); 10] = [
    ("v1.c1z", Format::V1, "v1", None),
    ("v3.indexed_zstd.c1z", Format::V3, "v3", Some("")),
    ("v3.tar.c1z", Format::V3, "v3", Some("")),
    ("v3.tar_zstd.c1z", Format::V3, "v3", Some("")),
    ("from-v1.c1z", Format::V3, "from-v1", Some("from-v1")),
    ("compacted.v1.c1z", Format::V1, "compacted.v1", None),
    (
        "compacted.v3.c1z",
        Format::V3,
        "compacted.v3",
        Some("compacted.v3"),
    ),
    ("migrated.c1z", Format::V3, "migrated", Some("migrated")),
    ("v3.pebble2.c1z", Format::OldV3, "v3", None),
    ("v3.pebble1.c1z", Format::OldV3, "v3", None),
];

/// Every packed file of every case, in order of case, then as listed in the fixtures' description.
pub fn packed_files() -> Result<Vec<PackedFile>> {
    let mut files = Vec::new();
    for case in cases()? {
        for (file, format, dump, kv) in PACKED {
            if case.has(file) {
                files.push(PackedFile {
                    case: case.clone(),
                    file,
                    format,
                    dump,
                    kv,
                });
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
