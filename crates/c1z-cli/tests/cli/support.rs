//! The program, the files it is run on, and its output taken apart.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use c1z::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
use c1z::ops::RecordKind;
use c1z::ops::build::{BuildOptions, PackOptions, RunToWrite, V3Builder};
use c1z_proto::schema::{Described, Message};
use c1z_proto::storage::v3;
use serde_json::Value;
use testkit::golden::Case;

/// The case `basic` as a v3 file.
pub(crate) fn v3() -> PathBuf {
    golden("basic")
}

/// The v3 file of a case.
pub(crate) fn golden(case: &str) -> PathBuf {
    Case::named(case).path("v3.indexed_zstd.c1z")
}

/// The v1 file of a case.
pub(crate) fn v1(case: &str) -> PathBuf {
    Case::named(case).path("v1.c1z")
}

/// The program with an environment of its own, in which nothing names a file or a format.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_c1z"));
    for name in [
        "BATON_FILE",
        "BATON_OUTPUT_FORMAT",
        "BATON_DECODER_MAX_DECODED_SIZE_MB",
        "BATON_DECODER_MAX_MEMORY_MB",
        "C1Z_MEMORY",
        "C1Z_SLOW",
        "NO_COLOR",
    ] {
        command.env_remove(name);
    }
    command.env("TZ", "UTC");
    command
}

/// Runs the program on a file.
pub(crate) fn c1z(file: &Path, args: &[&str]) -> Output {
    program().args(args).arg("-f").arg(file).output().unwrap()
}

/// Standard output of a run that must succeed.
pub(crate) fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Standard output of a successful run.
pub(crate) fn run(file: &Path, args: &[&str]) -> String {
    text(&c1z(file, args))
}

/// Standard output as JSON.
pub(crate) fn json(file: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&run(file, args)).unwrap()
}

/// Standard output as JSON lines.
pub(crate) fn lines(file: &Path, args: &[&str]) -> Vec<Value> {
    let text = run(file, args);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Cells of every line of tables, without padding; blank lines left out.
pub(crate) fn cells(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            line.split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

/// Cells of CSV records, quoted as RFC 4180 says.
pub(crate) fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            c => cell.push(c),
        }
    }
    assert!(
        !quoted && record.is_empty() && cell.is_empty(),
        "cut: {text}"
    );
    records
}

fn schema(kind: RecordKind) -> &'static Message {
    match kind {
        RecordKind::ResourceType => v3::ResourceTypeRecord::MESSAGE,
        RecordKind::Resource => v3::ResourceRecord::MESSAGE,
        RecordKind::Entitlement => v3::EntitlementRecord::MESSAGE,
        RecordKind::Grant => v3::GrantRecord::MESSAGE,
        RecordKind::Asset => v3::AssetRecord::MESSAGE,
    }
}

/// Writes a v3 file with one finished full sync that holds these records, given as JSON.
pub(crate) fn build(dir: &Path, records: &[(RecordKind, Value)]) -> PathBuf {
    let path = dir.join("built.c1z");
    let now = Timestamp {
        seconds: 1_700_000_000,
        nanos: 0,
    };
    let id = SyncId::new("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w").unwrap();
    let mut run = SyncRun::started(id, SyncType::Full, String::new(), now);
    run.ended_at = Some(now);
    let (options, pack) = (BuildOptions::default(), PackOptions::default());
    let mut builder = V3Builder::new(&path, &options, &pack, true).unwrap();
    for (kind, record) in records {
        let value = c1z_proto::json::parse(schema(*kind), record.to_string().as_bytes()).unwrap();
        builder.sync().put_value(*kind, &value).unwrap();
    }
    let run = RunToWrite {
        run: &run,
        stored: None,
    };
    builder.finish(Some(run)).unwrap();
    path
}
