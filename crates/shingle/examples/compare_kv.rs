//! Compares databases that the Go implementation made with the list of live rows that it wrote beside them:
//! `cargo run -p shingle --example compare_kv -- FOLDER...`, where each folder holds `db/` and `kv.ndjson.gz`, or pairs
//! `NAME.checkpoint/` and `NAME.kv.ndjson.gz`. Run by `interop/run exchange`. Exits 1 on the first difference.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test tool outside the product"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use flate2::read::GzDecoder;
use shingle::db::{Database, ReadOptions, ScanOptions};
use shingle::iter::Bounds;
use shingle::vfs::OsFs;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let (mut databases, mut rows) = (0, 0);
    for folder in std::env::args().skip(1).map(PathBuf::from) {
        match pairs(&folder) {
            Ok(pairs) => {
                for (database, list) in pairs {
                    match compare(&database, &list) {
                        Ok(count) => rows += count,
                        Err(failure) => {
                            eprintln!("{}: {failure}", database.display());
                            return ExitCode::FAILURE;
                        }
                    }
                    databases += 1;
                }
            }
            Err(failure) => {
                eprintln!("{}: {failure}", folder.display());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{databases} databases, {rows} rows, no difference");
    if databases == 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// The databases in a folder with their lists.
fn pairs(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let list = folder.join("kv.ndjson.gz");
    if list.exists() {
        return Ok(vec![(folder.join("db"), list)]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path
            .to_str()
            .and_then(|name| name.strip_suffix(".checkpoint"))
        {
            found.push((path.clone(), PathBuf::from(format!("{name}.kv.ndjson.gz"))));
        }
    }
    found.sort();
    Ok(found)
}

/// Compares forward, and by key; the number of rows.
fn compare(database: &Path, list: &Path) -> Result<u64, Failure> {
    let database = Database::open_sealed(Arc::new(OsFs), database, ReadOptions::default())?;
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let mut count = 0;
    for line in BufReader::new(GzDecoder::new(fs::File::open(list)?)).lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let field = |name: &str| row.get(name).and_then(|text| text.as_str()).map(unhex);
        let (Some(key), Some(value)) = (field("key_hex"), field("value_hex")) else {
            continue;
        };
        let found = scan.next()?.ok_or("a row fewer than Go has")?;
        if found != (key.as_slice(), value.as_slice()) {
            return Err(format!("row {count} differs: key {}", found.0.escape_ascii()).into());
        }
        if database.get(&key)?.as_deref() != Some(value.as_slice()) {
            return Err(format!("row {count} is not found by its key").into());
        }
        count += 1;
    }
    match scan.next()? {
        None => Ok(count),
        Some((key, _)) => Err(format!("a row more than Go has: {}", key.escape_ascii()).into()),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0);
    let pair = |pair: &[u8]| pair.iter().fold(0, |byte, &next| byte << 4 | digit(next));
    text.as_bytes()
        .chunks(2)
        .map(|two| u8::try_from(pair(two)).unwrap_or(0))
        .collect()
}
