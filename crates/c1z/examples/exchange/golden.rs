//! The golden v3 files, written again from their records.

use std::fmt::Write as _;
use std::path::Path;

use c1z::envelope::{Existing, PayloadEncoding};
use c1z::ops::build::{PackOptions, RunToWrite, V3Builder};
use shingle::vfs::OsFs;
use testkit::golden::{Format, PackedFile, packed_files};
use testkit::rebuild;

use crate::Outcome;

/// Cases whose files answer otherwise when we have written them, and what about.
const ON_PURPOSE: [(&str, &str); 2] = [
    (
        "deferred-index-unfinished",
        "the index that waits for the end of the sync is complete",
    ),
    (
        "legacy-pebble2-unfinished",
        "a sync that is not finished gets no statistics",
    ),
];

/// Writes every v3 file in today's layout again, in the payload encoding that it has, and the list of
/// the dumps that tell what Go must answer.
pub(crate) fn make(out: &Path) -> Outcome<String> {
    std::fs::create_dir_all(out)?;
    let (mut lines, mut files, mut dumps) = (String::new(), 0, 0);
    for file in packed_files()? {
        if file.format != Format::V3 {
            continue;
        }
        let target = out.join(format!("{}.{}", file.case.name, file.file));
        write(&file, &target).map_err(|e| format!("{}: {e}", file.label()))?;
        files += 1;
        if ON_PURPOSE.iter().any(|(case, _)| *case == file.case.name) {
            continue;
        }
        let dump = file.case.path(&format!("dump.{}.ndjson.gz", file.dump));
        writeln!(lines, "{}\t{}", target.display(), dump.display())?;
        dumps += 1;
    }
    std::fs::write(out.join("dumps"), lines)?;
    let apart = ON_PURPOSE.map(|(case, why)| format!("; not compared: {case} ({why})"));
    Ok(format!(
        "{files} golden v3 files written again, {dumps} must give the answers of Go's{}",
        apart.concat()
    ))
}

fn write(file: &PackedFile, target: &Path) -> Outcome<()> {
    let (manifest, rows) = rebuild::read_v3(&OsFs, &file.case.path(file.file))?;
    let run = rebuild::run_of(&rows)?;
    let finished = run.as_ref().is_some_and(|(run, _)| run.is_finished());
    let mut pack = PackOptions {
        existing: Existing::Replace,
        ..PackOptions::default()
    };
    pack.write.encoding = match manifest.payload_encoding.to_i32() {
        1 => PayloadEncoding::TarZstd,
        2 => PayloadEncoding::Tar,
        _ => PayloadEncoding::IndexedZstd,
    };
    let mut builder = V3Builder::new(target, &rebuild::options_for(&rows), &pack, finished)?;
    rebuild::put_all(builder.sync(), &rows)?;
    builder.finish(run.as_ref().map(|(run, stored)| RunToWrite {
        run,
        stored: Some(stored),
    }))?;
    Ok(())
}
