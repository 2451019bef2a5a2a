//! `rollback-expansion`: the file before expansion, or what would become of it.

use super::support::{c1z, golden, json, stderr, v1};

#[test]
fn a_dry_run_counts_and_a_real_one_writes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let files = [golden("expandable-expanded"), v1("expandable-expanded")];
    for (name, file) in ["v3.c1z", "v1.c1z"].into_iter().zip(files) {
        let command = "rollback-expansion";
        let counted = json(&file, &[command, "--dry-run", "-o", "json"]);
        assert_eq!(
            (&counted["deleted"], &counted["cleared"]),
            (&43.into(), &11.into())
        );
        let out = folder.path().join(name);
        let out_text = out.to_str().unwrap();
        let output = c1z(&file, &[command, "--out", out_text]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(
            text.contains("43 grants deleted, 11 cleared of sources"),
            "{text}"
        );
        assert!(stderr(&output).contains("until expansion runs again"));
        let again = json(&out, &[command, "--dry-run", "-o", "json"]);
        assert_eq!(
            (&again["deleted"], &again["cleared"]),
            (&0.into(), &0.into())
        );
        let verified = c1z(&out, &["verify", out_text]);
        assert!(verified.status.success(), "{verified:?}");

        let refused = c1z(&file, &[command, "--out", out_text]);
        assert_eq!(refused.status.code(), Some(6), "{refused:?}");
        let replaced = c1z(&file, &[command, "--out", out_text, "--force"]);
        assert!(replaced.status.success(), "{replaced:?}");
    }
}

#[test]
fn an_output_or_a_dry_run_has_to_be_named() {
    let output = c1z(&golden("expandable-expanded"), &["rollback-expansion"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("--out"), "{output:?}");
}

#[test]
fn a_snapshot_is_the_same_file_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = golden("unfinished");
    let out = folder.path().join("copy.c1z");
    let out_text = out.to_str().unwrap();
    let output = c1z(&file, &["snapshot", out_text]);
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    let read = |path| testkit::golden::read_file(path).unwrap();
    assert_eq!(read(&out), read(&file));
    assert_eq!(c1z(&file, &["snapshot", out_text]).status.code(), Some(6));
}

#[test]
fn the_input_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.c1z");
    std::fs::copy(v1("expandable-expanded"), &file).unwrap();
    let out = folder.path().join("./file.c1z");
    let out = [
        "rollback-expansion",
        "--force",
        "--out",
        out.to_str().unwrap(),
    ];
    let refused = c1z(&file, &out);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(stderr(&refused).contains("another output"), "{refused:?}");
    assert!(
        testkit::golden::read_file(file.as_ref()).unwrap()
            == testkit::golden::read_file(v1("expandable-expanded").as_ref()).unwrap()
    );
}
