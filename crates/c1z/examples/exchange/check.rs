//! What the original engine made, or what it answers about a file of ours, through our reader.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use c1z::OpenOptions;
use c1z::digest::global_root_key;
use c1z::engine::Profile;
use c1z::v1_tables::Zone;
use shingle::vfs::{Fs as _, OsFs};
use testkit::check::{CheckOptions, Deviation, Order, check_reader};
use testkit::clock::ManualClock;
use testkit::golden::Dump;
use testkit::rebuild;

use crate::Outcome;

/// Checks every file with a dump beside it.
pub(crate) fn all(folders: &[&str]) -> Outcome<String> {
    let (mut files, mut rows, mut sealed) = (0, 0, 0);
    for folder in folders {
        for (file, dump) in pairs(Path::new(folder))? {
            rows += answers(&file, &dump).map_err(|e| format!("{}: {e}", file.display()))?;
            sealed += usize::from(seal(&file).map_err(|e| format!("{}: {e}", file.display()))?);
            files += 1;
        }
    }
    if files == 0 {
        return Err("nothing to check".into());
    }
    Ok(format!(
        "{files} files, {rows} answers of Go's equal ours; {sealed} sealed ones built again row by row"
    ))
}

fn pairs(folder: &Path) -> Outcome<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let dump = entry?.path();
        let name = dump
            .to_str()
            .and_then(|name| name.strip_suffix(".dump.ndjson.gz"));
        if let Some(name) = name {
            found.push((PathBuf::from(format!("{name}.c1z")), dump.clone()));
        }
    }
    found.sort();
    Ok(found)
}

/// Our answers against those of Go; how many there are.
fn answers(file: &Path, dump: &Path) -> Outcome<usize> {
    let dump = Dump::load(dump)?;
    let (profile, options) = if is_v1(file)? {
        (Profile::GoSqlite, v1_options(file))
    } else {
        let deviations = deviations(file);
        (
            Profile::GoPebble,
            CheckOptions {
                deviations,
                ..CheckOptions::default()
            },
        )
    };
    let open = OpenOptions {
        clock: Arc::new(ManualClock::at(dump.read_at())),
        profile,
        zone: Zone::utc(),
        ..OpenOptions::default()
    };
    let store = c1z::open_with(file, &open)?;
    let report = check_reader(store.reader(), &dump, profile, &options);
    if report.is_clean() {
        return Ok(dump.rows.len());
    }
    Err(report.render(8).into())
}

fn is_v1(file: &Path) -> Outcome<bool> {
    let mut magic = [0; 4];
    OsFs.open(file)?.read_exact_at(0, &mut magic)?;
    Ok(magic == *b"C1ZF")
}

/// Go's SQLite engine lists the grants for a type by row number, ours by the index that has the type.
fn v1_options(file: &Path) -> CheckOptions {
    let edited = is_edited(file).then(|| Deviation::new("stats", "", "", STALE).of_engine());
    CheckOptions {
        order: Order::Primary,
        deviations: edited.into_iter().collect(),
    }
}

/// Whether the file was edited after its seal: then the statistics are those from before the edit.
fn is_edited(file: &Path) -> bool {
    let stem = file.file_stem().map(Path::new);
    let of_stem = stem.and_then(Path::extension);
    of_stem.is_some_and(|extension| extension == "edited")
}

const STALE: &str = "Go tells the statistics from before an edit without a seal, we count again";

/// Where our answers are others than those of Go on purpose.
fn deviations(file: &Path) -> Vec<Deviation> {
    const COLLISION: &str = "a resource type named as a reserved key does not hide it";
    const FULL_PAGE: &str =
        "Go's list of resources has an empty page behind a last one that is full";
    let deviation = if is_edited(file) {
        Deviation::new("stats", "", "", STALE)
    } else {
        Deviation::new("stats", "stats_map", "", COLLISION)
    };
    let pages = Deviation::new("pages of 7", "resources", "", FULL_PAGE);
    vec![deviation.of_engine(), pages.of_engine()]
}

/// Whether the file was sealed; if so its rows must follow from its records.
fn seal(file: &Path) -> Outcome<bool> {
    if is_v1(file)? {
        return Ok(false);
    }
    let (manifest, rows) = rebuild::read_v3(&OsFs, file)?;
    let finished = rebuild::run_of(&rows)?.is_some_and(|(run, _)| run.is_finished());
    if is_edited(file) || !finished || !rows.contains_key(&global_root_key()) {
        return Ok(false);
    }
    if !manifest.grant_digest_root.is_set() {
        return Err("the manifest lacks the root of the digests".into());
    }
    let different = rebuild::difference(&rows, &rebuild::rebuilt(&rows)?);
    if different.is_empty() {
        return Ok(true);
    }
    let first: Vec<_> = different.into_iter().take(8).collect();
    Err(first.join("\n").into())
}
