//! `c1z tee-check`: whether two files say the same of their syncs.

use std::io::Write;

use c1z::engine::tee::{Allowed, CompareOptions, Comparison, Difference, KindCounts, compare};
use c1z::engine::types::SyncId;
use serde_json::{Map, Value, json};

use super::refuse_csv;
use crate::args::{Format, Global, TeeCheckArgs};
use crate::failure::{Failure, Verdict};
use crate::file;
use crate::job;
use crate::memory::Shares;
use crate::output::{data, printable, stdout};

pub(crate) fn run(global: &Global, args: &TeeCheckArgs) -> Result<Verdict, Failure> {
    refuse_csv(global, "a comparison")?;
    let shares = Shares::for_files(global, 2);
    let left = file::open_within(global, &args.left, shares.file)?;
    let right = file::open_within(global, &args.right, shares.file)?;
    let (left, right) = (left.reader(), right.reader());
    let allowed = Allowed::between(&left.metadata(), &right.metadata());
    let options = CompareOptions {
        allowed,
        budget: shares.own(),
        examples_max: args.examples,
        sync: global.sync_id.as_deref().map(SyncId::new).transpose()?,
    };
    let found = compare(left, right, &options, &*job::observer())?;
    match global.format {
        Format::Console => print(&found)?,
        Format::Ndjson => print_lines(&found)?,
        Format::Json | Format::Csv => print_document(&found)?,
    }
    Ok(if found.is_equal() {
        Verdict::Yes
    } else {
        Verdict::No
    })
}

fn print(found: &Comparison) -> Result<(), Failure> {
    let mut out = stdout();
    let verdict = if found.is_equal() {
        "equal"
    } else {
        "DIFFERENT"
    };
    writeln!(out, "{verdict}")?;
    for (kind, counts) in found.kinds() {
        writeln!(
            out,
            "  {kind}: {} | {}, {} different",
            counts.left, counts.right, counts.different
        )?;
        for example in &counts.examples {
            writeln!(out, "    - {}", printable(&example.to_string()))?;
        }
        let more = counts.different - counts.examples.len() as u64;
        if more > 0 {
            writeln!(out, "    - and {more} more")?;
        }
    }
    Ok(out.flush()?)
}

fn print_document(found: &Comparison) -> Result<(), Failure> {
    let kinds: Vec<Value> = found
        .kinds()
        .map(|(kind, counts)| Value::Object(members(kind, counts)))
        .collect();
    let mut out = data();
    writeln!(
        out,
        "{}",
        json!({ "equal": found.is_equal(), "kinds": kinds })
    )?;
    Ok(out.flush()?)
}

fn print_lines(found: &Comparison) -> Result<(), Failure> {
    let mut out = data();
    for (kind, counts) in found.kinds() {
        let mut object = Map::from_iter([("type".to_owned(), json!("kind"))]);
        object.extend(members(kind, counts));
        writeln!(out, "{}", Value::Object(object))?;
    }
    writeln!(
        out,
        "{}",
        json!({ "type": "end", "equal": found.is_equal() })
    )?;
    Ok(out.flush()?)
}

fn members(kind: &str, counts: &KindCounts) -> Map<String, Value> {
    let examples: Vec<Value> = counts.examples.iter().map(example).collect();
    Map::from_iter([
        ("kind".to_owned(), json!(kind)),
        ("left".to_owned(), json!(counts.left)),
        ("right".to_owned(), json!(counts.right)),
        ("different".to_owned(), json!(counts.different)),
        ("examples".to_owned(), Value::Array(examples)),
    ])
}

fn example(found: &Difference) -> Value {
    json!({
        "subject": found.subject,
        "record": found.record,
        "field": found.field,
        "left": found.left,
        "right": found.right,
    })
}
