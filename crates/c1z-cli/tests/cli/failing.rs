//! Failures: the exit code is that of the kind, standard output stays empty, and standard error
//! names the file and what to do.

use std::path::PathBuf;

use testkit::golden::{Case, folder};

use super::support::{c1z, golden, program, stderr, v3};

#[test]
fn errors_name_the_file_and_what_to_do() {
    let corrupt = |name: &str| folder().join("corrupt").join(name);
    let cases: [(PathBuf, &[&str], i32, &str); 10] = [
        (
            PathBuf::from("no-such-file.c1z"),
            &["stats"],
            5,
            "check the path",
        ),
        (corrupt("bad-magic.c1z"), &["stats"], 3, "not a c1z file"),
        (
            corrupt("v3-indexed-truncated.c1z"),
            &["stats"],
            15,
            "offset",
        ),
        (v3(), &["grants", "--sync-id", "nope"], 5, "sync not found"),
        (v3(), &["resources", "--sync-id", ""], 3, "sync id"),
        (v3(), &["diff"], 9, "single finished full sync"),
        (golden("unfinished"), &["diff"], 5, "no finished full sync"),
        (v3(), &["access", "-t", "user", "-r", "x"], 5, "user:x"),
        (v3(), &["assets", "get", "x"], 5, "not found"),
        (
            golden("identity-collisions"),
            &["principals", "-e", "shared-id"],
            9,
            "ambiguous",
        ),
    ];
    for (file, args, code, says) in cases {
        let output = c1z(&file, args);
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(stderr.starts_with("c1z: error: "), "{args:?}: {stderr}");
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(stderr.contains(name), "{args:?}: {stderr}");
        assert!(stderr.contains("\nhint: "), "{args:?}: {stderr}");
    }
}

#[test]
fn a_comparison_names_the_file_that_fails() {
    let args = [
        "principals",
        "compare",
        "-e",
        "group:g0:owner",
        "--compare-entitlement",
        "x",
    ];
    let output = c1z(
        &v3(),
        &[&args[..], &["--compare-file", "nosuch.c1z"]].concat(),
    );
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("nosuch.c1z"), "{output:?}");
}

#[test]
fn wrong_usage_exits_with_3() {
    for args in [
        &["grants", "-o", "yaml"][..],
        &["grants", "-r", "g0"],
        &["grants", "-t", "group", "-r", "g0", "-e", "x"],
        &["grants", "--principal", "x"],
        &["principals", "-r", "g0"],
        &["principals", "compare"],
        &["access", "-t", "user"],
        &["stats", "-o", "csv"],
        &["diff", "-o", "csv"],
        &["diff", "--sync-id", "3MUPz0jbF4rNV7Skeq3cZ2hqfqL"],
        &["access", "-t", "user", "-r", "x", "-o", "csv"],
        &["grants", "--limit", "-1"],
        &["nope"],
        &["completions", "nope"],
        &[],
    ] {
        let output = c1z(&v3(), args);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_are_answers() {
    for args in [
        &["--help"][..],
        &["grants", "--help"],
        &["help", "principals"],
        &["--version"],
    ] {
        let output = program().args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{args:?}"
        );
    }
}

#[test]
fn reading_leaves_the_file_alone() {
    let path = Case::named("basic").path("v3.indexed_zstd.c1z");
    let before = testkit::golden::read_file(&path).unwrap();
    for args in [
        &["grants"][..],
        &["stats"],
        &["principals"],
        &["inspect", "lsm"],
    ] {
        assert!(c1z(&path, args).status.success());
    }
    assert_eq!(testkit::golden::read_file(&path).unwrap(), before);
}
