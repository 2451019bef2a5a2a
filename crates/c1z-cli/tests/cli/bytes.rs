//! Bytes that are no records: assets and session entries, listed and fetched.

use std::path::Path;

use shingle::vfs::{Fs, OsFs};
use testkit::golden::read_file;

use super::support::{c1z, csv, golden, json, program, run, stderr, v1, v3};

#[test]
fn assets_are_listed_and_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let listed = csv(&run(&v3(), &["assets", "list", "-o", "csv"]));
    assert_eq!(
        listed,
        [
            ["id", "contentType", "size"],
            ["icon-app-000", "image/png", "447"]
        ]
    );
    let piped = c1z(&v3(), &["assets", "get", "icon-app-000"]);
    assert_eq!(piped.stdout.len(), 447);
    assert!(piped.stdout.starts_with(b"\x89PNG"));
    let path = folder.path().join("icon.png");
    let path = path.to_str().unwrap();
    let get = ["assets", "get", "icon-app-000", "--out", path];
    assert_eq!(run(&v3(), &get), "");
    assert_eq!(read(path), piped.stdout);
    let again = c1z(&v3(), &get);
    assert_eq!(again.status.code(), Some(6));
    assert!(stderr(&again).contains("--force"), "{again:?}");
    assert_eq!(run(&v3(), &[&get[..], &["--force"]].concat()), "");
    let absent = c1z(&v3(), &["assets", "get", "nope", "--out", path, "--force"]);
    assert_eq!(absent.status.code(), Some(5));
    assert_eq!(read(path), piped.stdout);
}

#[test]
fn the_file_that_is_read_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.c1z");
    let bytes = read_file(&v3()).unwrap();
    OsFs.create(&path).unwrap().write_all(&bytes).unwrap();
    let out = path.to_str().unwrap();
    let output = c1z(
        &path,
        &["assets", "get", "icon-app-000", "--force", "--out", out],
    );
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(read(out), bytes);
}

fn read(path: &str) -> Vec<u8> {
    read_file(Path::new(path)).unwrap()
}

#[test]
fn sessions_are_listed_and_fetched() {
    for file in [v1("sessions-finished"), golden("sessions-finished")] {
        sessions_of(&file);
    }
}

fn sessions_of(file: &Path) {
    let document = json(file, &["sessions", "list", "-o", "json"]);
    let rows = document["sessions"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let key = row["key"].as_str().unwrap();
        if key.contains('\0') {
            continue;
        }
        let output = program()
            .args(["sessions", "get", "-f"])
            .arg(file)
            .args(["--", key])
            .output()
            .unwrap();
        assert!(output.status.success(), "{key}: {output:?}");
        assert_eq!(row["size"], output.stdout.len().to_string(), "{key}");
    }
    let absent = c1z(file, &["sessions", "get", "no such key"]);
    assert_eq!(absent.status.code(), Some(5));
}
