//! `merge`: the newest of every record, and what became of the inputs.

use serde_json::Value;

use super::support::{c1z, golden, json, program, stderr, v1};

fn merge(files: &[&str], more: &[&str]) -> std::process::Output {
    program()
        .arg("merge")
        .args(files)
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn two_files_become_one_and_a_person_or_a_script_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, of) in [("v1.c1z", v1 as fn(&str) -> _), ("v3.c1z", golden)] {
        let (base, newer) = (of("diff-base"), of("diff-applied"));
        let files = [base.to_str().unwrap(), newer.to_str().unwrap()];
        let out = folder.path().join(name);
        let to = ["--out", out.to_str().unwrap()];
        let done = merge(&files, &to);
        assert!(done.status.success(), "{done:?}");
        let text = String::from_utf8(done.stdout.clone()).unwrap();
        assert!(
            text.contains("5 resource types, 16 resources, 8 entitlements, 19 grants"),
            "{text}"
        );
        assert!(stderr(&done).contains("expansion was not run again"));
        let stats = json(&out, &["stats", "-o", "json"]);
        assert_eq!(stats["stats"]["grants"], "19", "{stats}");
        let verified = c1z(&out, &["verify", out.to_str().unwrap()]);
        assert!(verified.status.success(), "{verified:?}");

        assert_eq!(merge(&files, &to).status.code(), Some(6));
        let done = merge(&files, &[to[0], to[1], "--force", "-o", "json"]);
        let document: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(document["inputs"][1]["file"], files[1]);
        assert_eq!(document["outputFormat"], &name[..2]);
    }
}

#[test]
fn one_file_or_an_unfinished_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.c1z");
    let to = ["--out", out.to_str().unwrap()];
    let (base, unfinished) = (golden("basic"), golden("unfinished"));
    assert_eq!(merge(&[base.to_str().unwrap()], &to).status.code(), Some(3));
    let files = [base.to_str().unwrap(), unfinished.to_str().unwrap()];
    let refused = merge(&files, &to);
    assert_eq!(refused.status.code(), Some(9));
    assert!(stderr(&refused).contains("unfinished"), "{refused:?}");
}

#[cfg(unix)]
#[test]
fn an_input_is_not_replaced_whatever_name_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.c1z");
    std::fs::copy(golden("basic"), &base).unwrap();
    let link = folder.path().join("link.c1z");
    std::os::unix::fs::symlink(&base, &link).unwrap();
    let newer = golden("realistic");
    let files = [base.to_str().unwrap(), newer.to_str().unwrap()];
    let names = [
        folder.path().join("./base.c1z"),
        folder
            .path()
            .join("../")
            .join(folder.path())
            .join("base.c1z"),
        link,
    ];
    for name in names {
        let refused = merge(&files, &["--out", name.to_str().unwrap(), "--force"]);
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        assert!(
            testkit::golden::read_file(base.as_ref()).unwrap()
                == testkit::golden::read_file(golden("basic").as_ref()).unwrap()
        );
    }
}
