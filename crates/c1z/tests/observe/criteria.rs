//! The 36 criteria in `COMPAT.md`: each names a test that exists in the sources, or says that it is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../../../COMPAT.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Names of all test functions below a folder.
fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for test in text.split("#[test]").skip(1) {
                let name = test
                    .split_once("fn ")
                    .and_then(|(_, rest)| rest.split_once('('));
                found.extend(name.map(|(name, _)| name.to_owned()));
            }
        }
    }
}

/// Number, state and tests of each row.
fn criteria() -> Vec<[&'static str; 3]> {
    let section = DOCUMENT
        .split("## Criteria of the original proposal")
        .nth(1)
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section
        .lines()
        .map(|line| line.trim_matches('|').split('|').map(str::trim));
    let rows = rows.map(Iterator::collect::<Vec<_>>);
    let rows = rows.filter(|cells| cells[0].len() == 3 && cells[0].as_bytes()[1] == b'.');
    rows.map(|cells| {
        let [number, _, state, _, tests] = cells[..] else {
            panic!("a criterion has five cells: {cells:?}");
        };
        [number, state, tests]
    })
    .collect()
}

#[test]
fn every_criterion_names_a_test_or_says_that_it_is_missing() {
    let mut found = BTreeSet::new();
    for crate_dir in root().join("crates").read_dir().unwrap() {
        for part in ["src", "tests"] {
            let folder = crate_dir.as_ref().unwrap().path().join(part);
            if folder.is_dir() {
                collect(&folder, &mut found);
            }
        }
    }
    let criteria = criteria();
    let per_chapter = [4, 6, 5, 5, 4, 4, 4, 4];
    let chapters = (1..).zip(per_chapter);
    let expected =
        chapters.flat_map(|(chapter, count)| (1..=count).map(move |n| format!("{chapter}.{n}")));
    let numbers: Vec<_> = criteria
        .iter()
        .map(|[number, ..]| (*number).to_owned())
        .collect();
    assert_eq!(numbers, expected.collect::<Vec<_>>());
    for [number, state, tests] in criteria {
        if tests.starts_with("missing") {
            assert!(state != "met", "{number} is met and has no test");
            continue;
        }
        assert_ne!(state, "not built yet", "{number}");
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        let is_test = |name: &&str| {
            let last = name.rsplit("::").next().unwrap_or(name);
            name.contains("::") && found.contains(last)
        };
        let is_suite = |name: &&str| name.starts_with(".ci/") && root().join(name).is_file();
        assert!(
            names.iter().any(|name| is_test(name) || is_suite(name)),
            "{number}: {tests}"
        );
        // A function that is named exists: names of tests are sentences.
        for name in names
            .iter()
            .filter(|name| name.contains("::") && name.matches('_').count() > 2)
        {
            assert!(is_test(name), "{number}: no test `{name}`");
        }
    }
}
