//! What the original engine makes of several syncs, against what we make of them: `c1zcheck c1z-many` says what lies in
//! the folders. Records are compared with their times and expansion states, as lines of NDJSON.

use std::path::{Path, PathBuf};

use c1z::engine::types::SyncId;
use c1z::envelope::Existing;
use c1z::ops::convert::{ConvertOptions, FileFormat, SyncChoice, convert};
use c1z::ops::delta::{DeltaInput, DeltaOptions, additions, pair};
use c1z::ops::merge::{MergeOptions, merge};
use c1z::v1_tables::Zone;
use serde_json::Value;

use crate::Outcome;

/// What a sync holds: its run, and its records in order of their text.
struct Content {
    run: Value,
    records: Vec<Value>,
}

#[derive(Default)]
struct Counts {
    merges: usize,
    differences: usize,
    records: usize,
}

/// Checks every folder in `folder`.
pub(crate) fn all(folder: &Path) -> Outcome<String> {
    let mut counts = Counts::default();
    let mut cases: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        cases.push(entry?.path());
    }
    cases.sort();
    for case in &cases {
        one(case, &mut counts).map_err(|e| format!("{}: {e}", case.display()))?;
    }
    if counts.merges == 0 || counts.differences == 0 {
        return Err("nothing to check".into());
    }
    Ok(format!(
        "{} merges and {} differences of Go's equal ours, {} records",
        counts.merges, counts.differences, counts.records
    ))
}

fn one(case: &Path, counts: &mut Counts) -> Outcome<()> {
    let ours = case.join("ours.c1z");
    let mut inputs = Vec::new();
    while case.join(format!("in-{}.c1z", inputs.len())).exists() {
        inputs.push(case.join(format!("in-{}.c1z", inputs.len())));
    }
    let options = MergeOptions {
        convert: options(),
        ..MergeOptions::default()
    };
    merge(&inputs, &ours, &options)?;
    for strategy in ["attached", "kway", "overlay", "fold"] {
        let theirs = case.join(format!("go-{strategy}.c1z"));
        if theirs.exists() {
            let differs = same_merge(case, &ours, &theirs, strategy == "attached");
            counts.records += differs.map_err(|e| format!("{strategy}: {e}"))?;
            counts.merges += 1;
        }
    }
    if case.join("both.c1z").exists() {
        counts.records += same_additions(case)? + same_pair(case)?;
        counts.differences += 3;
    }
    Ok(())
}

fn options() -> ConvertOptions {
    ConvertOptions {
        zone: Zone::utc(),
        existing: Existing::Replace,
        // Equal identities of v1 files become one record, as in Go.
        allow_loss: true,
        ..ConvertOptions::default()
    }
}

/// Compares a merge with ours; returns the number of records.
fn same_merge(case: &Path, ours: &Path, theirs: &Path, ends_by_clock: bool) -> Outcome<usize> {
    let (mut ours, mut theirs) = (content(case, ours, None)?, content(case, theirs, None)?);
    // The fold keeps the assets of its base; no other way to merge has assets (COMPAT.md).
    theirs.records.retain(|record| !is(record, "asset"));
    let mut told = vec!["type"];
    if !ends_by_clock {
        told.push("endedAt");
    }
    for member in told {
        let of = |run: &Value| run.get("run").and_then(|run| run.get(member)).cloned();
        let (a, b) = (of(&ours.run), of(&theirs.run));
        if a != b {
            return Err(format!("run: {member} {a:?}, Go {b:?}").into());
        }
    }
    same(&mut ours, &mut theirs)
}

fn same_additions(case: &Path) -> Outcome<usize> {
    let both = case.join("both.c1z");
    let [base, applied, made] = ids(case, "ids-both")?;
    let output = case.join("additions.c1z");
    let input = |id: &SyncId| DeltaInput {
        path: both.clone(),
        sync: Some(id.clone()),
    };
    additions(&input(&base), &input(&applied), &output, &delta_options())?;
    let mut ours = content(case, &output, None)?;
    let mut theirs = content(case, &both, Some(made))?;
    // Go loses the expansion of what was added (COMPAT.md).
    for record in &mut ours.records {
        if let Some(columns) = record.get_mut("columns").and_then(Value::as_object_mut) {
            columns.remove("expansion");
            columns.remove("needsExpansion");
        }
    }
    same(&mut ours, &mut theirs)
}

fn same_pair(case: &Path) -> Outcome<usize> {
    let [old, new, upserts, deletions] = ids(case, "ids-new")?;
    let input = |file: &str, id: SyncId| DeltaInput {
        path: case.join(file),
        sync: Some(id),
    };
    let outputs = ["upserts.c1z", "deletions.c1z"].map(|name| case.join(name));
    let (old, new) = (input("old.c1z", old), input("new.c1z", new));
    pair(&old, &new, &outputs[0], &outputs[1], &delta_options())?;
    let mut records = 0;
    for (output, made) in outputs.iter().zip([upserts, deletions]) {
        let mut ours = content(case, output, None)?;
        let mut theirs = content(case, &new.path, Some(made))?;
        let found = same(&mut ours, &mut theirs);
        records += found.map_err(|e| format!("{}: {e}", output.display()))?;
    }
    Ok(records)
}

fn delta_options() -> DeltaOptions {
    DeltaOptions {
        convert: options(),
        ..DeltaOptions::default()
    }
}

fn ids<const N: usize>(case: &Path, name: &str) -> Outcome<[SyncId; N]> {
    let text = std::fs::read_to_string(case.join(name))?;
    let ids = text.lines().map(SyncId::new).collect::<Result<Vec<_>, _>>();
    Ok(ids?.try_into().map_err(|_| "another number of ids")?)
}

/// One sync of a file.
fn content(case: &Path, file: &Path, sync: Option<SyncId>) -> Outcome<Content> {
    let lines = case.join("content.ndjson");
    let converting = ConvertOptions {
        to: Some(FileFormat::Ndjson),
        sync: sync.map_or(SyncChoice::All, SyncChoice::Id),
        ..options()
    };
    convert(file, &lines, &converting)?;
    let mut content = Content {
        run: Value::Null,
        records: Vec::new(),
    };
    for line in std::fs::read_to_string(&lines)?.lines() {
        let mut line: Value = serde_json::from_str(line)?;
        if is(&line, "sync") {
            content.run = line;
        } else if !is(&line, "begin") && !is(&line, "end") {
            if let Some(record) = line.get_mut("record").and_then(Value::as_object_mut) {
                record.remove("syncId");
            }
            content.records.push(line);
        }
    }
    Ok(content)
}

fn is(line: &Value, kind: &str) -> bool {
    line.get("type").is_some_and(|found| found == kind)
}

/// Compares records; returns their number.
fn same(ours: &mut Content, theirs: &mut Content) -> Outcome<usize> {
    for content in [&mut *ours, &mut *theirs] {
        content.records.sort_by_cached_key(Value::to_string);
    }
    for (a, b) in ours.records.iter().zip(&theirs.records) {
        if a != b {
            return Err(format!("ours {a}\nGo's {b}").into());
        }
    }
    if ours.records.len() != theirs.records.len() {
        let (a, b) = (ours.records.len(), theirs.records.len());
        return Err(format!("{a} records, Go {b}").into());
    }
    Ok(ours.records.len())
}
