//! `optimize`, its estimate, and `recalculate-stats`, on copies of files.

use std::path::{Path, PathBuf};

use super::support::{c1z, golden, json, run, stderr, v1};

fn copy(file: &Path, folder: &Path, name: &str) -> PathBuf {
    let out = folder.join(name);
    let output = c1z(file, &["snapshot", out.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    out
}

#[test]
fn optimize_shrinks_or_stays_and_answers_as_before() {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in [("v1.c1z", v1("realistic")), ("v3.c1z", golden("many-ssts"))] {
        let file = copy(&source, folder.path(), name);
        let grants = run(&file, &["grants", "-o", "ndjson"]);
        let estimate = json(&file, &["optimize", "--estimate", "-o", "json"]);
        assert!(estimate["bytes"].as_u64() >= estimate["reclaimable"].as_u64());
        assert_eq!(run(&file, &["grants", "-o", "ndjson"]), grants);
        let done = json(&file, &["compact", "-o", "json"]);
        assert_eq!(done["replaced"], true, "{done}");
        assert!(done["bytesAfter"].as_u64() < done["bytesBefore"].as_u64());
        assert_eq!(run(&file, &["grants", "-o", "ndjson"]), grants);
        let again = run(&file, &["optimize"]);
        assert!(again.contains("stays as it is"), "{again}");
        let verified = c1z(&file, &["verify", file.to_str().unwrap()]);
        assert!(verified.status.success(), "{verified:?}");
    }
}

#[test]
fn counts_are_recorded_once_and_an_unfinished_sync_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = copy(&v1("old-schema-2023"), folder.path(), "old.c1z");
    let first = json(&file, &["recalculate-stats", "-o", "json"]);
    assert_eq!(first["changed"], first["syncs"].as_array().unwrap().len());
    let second = run(&file, &["recalculate-stats"]);
    assert!(second.ends_with("2 syncs, 0 changed\n"), "{second}");
    let unfinished = copy(&golden("unfinished"), folder.path(), "unfinished.c1z");
    let output = c1z(&unfinished, &["recalculate-stats"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("no finished sync"));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let file = copy(&v1("realistic"), folder.path(), "v1.c1z");
    let before = shingle::vfs::Fs::metadata(&shingle::vfs::OsFs, &file)
        .unwrap()
        .len;
    let link = folder.path().join("link.c1z");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let done = json(&link, &["optimize", "-o", "json"]);
    assert_eq!(done["replaced"], true, "{done}");
    assert!(link.is_symlink());
    assert!(
        shingle::vfs::Fs::metadata(&shingle::vfs::OsFs, &file)
            .unwrap()
            .len
            < before
    );
}
