//! `c1z verify`.

use std::io::Write;
use std::path::{Path, PathBuf};

use c1z::MemoryBudget;
use c1z::ops::convert::FileFormat;
use c1z::ops::verify::{Depth, Finding, Group, Report, Severity, VerifyOptions, verify};
use serde_json::{Map, Value, json};
use shingle::vfs::{Fs, OsFs};

use super::refuse_csv;
use crate::args::{Format, Global, VerifyArgs};
use crate::failure::{Failure, Verdict};
use crate::file;
use crate::job;
use crate::output::{data, printable, stdout};

/// The most memory that a check takes, bytes; more makes it no faster.
const MEMORY_MAX: u64 = 96 << 20;

pub(crate) fn run(global: &Global, args: &VerifyArgs) -> Result<Verdict, Failure> {
    refuse_csv(global, "a check")?;
    let options = VerifyOptions {
        budget: MemoryBudget::new(global.limits.memory.min(MEMORY_MAX)),
        variables: file::variables(&global.limits),
        depth: if args.quick {
            Depth::Quick
        } else {
            Depth::Full
        },
        examples_max: args.examples,
        fs: job::fs(),
        ..VerifyOptions::default()
    };
    let named = match args.files.as_slice() {
        [] => std::slice::from_ref(&global.file),
        files => files,
    };
    let files = each_file(named)?;
    let mut documents = Vec::new();
    let mut is_clean = true;
    for path in &files {
        let report = verify(path, &options, job::observer())?;
        is_clean &= report.is_clean();
        match global.format {
            Format::Console => print(path, &report)?,
            Format::Ndjson => print_lines(path, &report)?,
            Format::Json | Format::Csv => documents.push(document(path, &report)),
        }
    }
    if global.format == Format::Json {
        let mut out = data();
        writeln!(out, "{}", json!({ "files": documents }))?;
        out.flush()?;
    }
    Ok(if is_clean { Verdict::Yes } else { Verdict::No })
}

/// The files and database directories that were named, and those in folders that were: what a folder
/// holds besides is passed over.
fn each_file(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        if !matches!(FileFormat::of_existing(&OsFs, path), Ok(FileFormat::Folder)) {
            files.push(path.clone());
            continue;
        }
        let failed = |e| c1z::Error::io("list the folder", path, e);
        let mut names = OsFs.list(path).map_err(failed)?;
        names.sort_unstable();
        let before = files.len();
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            let entry = path.join(name);
            let is_named = entry
                .extension()
                .is_some_and(|extension| extension == "c1z");
            let format = FileFormat::of_existing(&OsFs, &entry);
            if is_named || matches!(format, Ok(FileFormat::PebbleDir)) {
                files.push(entry);
            }
        }
        if files.len() == before {
            let error = c1z::Error::not_found("folder holds no c1z file and no database");
            return Err(error.in_file(path).into());
        }
    }
    Ok(files)
}

fn print(path: &Path, report: &Report) -> Result<(), Failure> {
    let mut out = stdout();
    let verdict = if report.is_clean() {
        "clean"
    } else {
        "NOT CLEAN"
    };
    writeln!(
        out,
        "{}: {verdict} ({}): {} damage, {} inconsistencies, {} notices",
        path.display(),
        report.format,
        report.count(Severity::Damage),
        report.count(Severity::Inconsistency),
        report.count(Severity::Notice),
    )?;
    let checked = report.checked;
    let counts = [
        (checked.files, "files"),
        (checked.bytes, "bytes"),
        (checked.pages, "pages"),
        (checked.tables, "tables"),
        (checked.blocks, "blocks"),
        (checked.rows, "rows"),
        (checked.records, "records"),
        (checked.index_rows, "index rows"),
    ];
    let shown = counts.iter().filter(|(count, _)| *count > 0);
    let shown: Vec<_> = shown
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    if !shown.is_empty() {
        writeln!(out, "  checked: {}", shown.join(", "))?;
    }
    for group in report.groups() {
        print_group(&mut out, group)?;
    }
    Ok(out.flush()?)
}

fn print_group(out: &mut impl Write, group: &Group) -> Result<(), Failure> {
    let (class, subject) = (group.class, group.subject);
    let (severity, count) = (class.severity(), group.count);
    writeln!(out, "  {severity}: {class} ({subject}): {count}")?;
    for finding in &group.examples {
        writeln!(out, "    - {}", printable(&line(finding)))?;
    }
    let more = group.count - group.examples.len() as u64;
    if more > 0 {
        writeln!(out, "    - and {more} more")?;
    }
    writeln!(out, "    what to do: {}", class.advice())?;
    Ok(())
}

/// Place and detail in one line.
fn line(finding: &Finding) -> String {
    let place = &finding.place;
    let mut parts = Vec::new();
    parts.extend(place.file.clone());
    parts.extend(place.offset.map(|offset| format!("offset {offset}")));
    parts.extend(place.readable_key());
    parts.extend(place.hex_key().map(|hex| format!("[{hex}]")));
    let place = parts.join(" ");
    if place.is_empty() {
        finding.detail.clone()
    } else {
        format!("{place}: {}", finding.detail)
    }
}

fn print_lines(path: &Path, report: &Report) -> Result<(), Failure> {
    let mut out = data();
    let path = path.display().to_string();
    for group in report.groups() {
        let mut object = Map::from_iter([("type".to_owned(), json!("finding"))]);
        object.insert("path".to_owned(), json!(path));
        object.extend(group_members(group));
        writeln!(out, "{}", Value::Object(object))?;
    }
    let mut end = Map::from_iter([("type".to_owned(), json!("end"))]);
    end.insert("path".to_owned(), json!(path));
    end.extend(summary(report));
    writeln!(out, "{}", Value::Object(end))?;
    Ok(out.flush()?)
}

fn document(path: &Path, report: &Report) -> Value {
    let mut object = Map::from_iter([("path".to_owned(), json!(path.display().to_string()))]);
    object.extend(summary(report));
    let groups = report
        .groups()
        .map(|group| Value::Object(group_members(group)));
    object.insert("findings".to_owned(), groups.collect());
    Value::Object(object)
}

fn summary(report: &Report) -> Map<String, Value> {
    let checked = report.checked;
    let value = json!({
        "format": report.format,
        "clean": report.is_clean(),
        "damage": report.count(Severity::Damage),
        "inconsistencies": report.count(Severity::Inconsistency),
        "notices": report.count(Severity::Notice),
        "checked": {
            "files": checked.files,
            "bytes": checked.bytes,
            "pages": checked.pages,
            "tables": checked.tables,
            "blocks": checked.blocks,
            "entries": checked.entries,
            "rows": checked.rows,
            "records": checked.records,
            "indexRows": checked.index_rows,
        },
    });
    members(value)
}

fn group_members(group: &Group) -> Map<String, Value> {
    let examples: Vec<Value> = group.examples.iter().map(example).collect();
    members(json!({
        "severity": group.class.severity().as_str(),
        "class": group.class.as_str(),
        "subject": group.subject,
        "count": group.count,
        "advice": group.class.advice(),
        "examples": examples,
    }))
}

fn example(finding: &Finding) -> Value {
    let place = &finding.place;
    let mut object = Map::from_iter([("detail".to_owned(), json!(finding.detail))]);
    let parts = [
        ("file", place.file.clone().map(Value::from)),
        ("offset", place.offset.map(Value::from)),
        ("key", place.readable_key().map(Value::from)),
        ("keyHex", place.hex_key().map(Value::from)),
    ];
    let known = parts
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    object.extend(known);
    Value::Object(object)
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
