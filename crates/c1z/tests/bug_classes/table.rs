//! `docs/testing.md` names a test for every bug class and canary; each of them is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Classes of the specification.
const CLASSES: usize = 67;
/// How a row without a test says why.
const NOT_BUILT: &str = "*not built yet*";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The cells of the rows of the table under a heading, without its head.
fn rows_under(heading: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let section = text.split(&format!("\n## {heading}\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| "));
    lines
        .skip(1)
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// Checks the tests that a cell names: `` `file` `fn` ``, several behind each other; the functions after
/// a file are of that file. Returns their number.
fn check_tests(cell: &str, sources: &mut BTreeMap<String, String>) -> usize {
    let mut file: Option<String> = None;
    let mut tests = 0;
    for word in cell.split('`').skip(1).step_by(2) {
        if word.contains('/') {
            let path = root().join("crates").join(word);
            let text = sources.entry(word.to_owned()).or_insert_with(|| {
                std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{word}: {e}"))
            });
            assert!(text.contains("#[test]"), "no test in {word}");
            file = Some(word.to_owned());
            continue;
        }
        let of = file
            .as_ref()
            .unwrap_or_else(|| panic!("`{word}` without a file"));
        assert!(is_test(&sources[of], word), "no test `{word}` in {of}");
        tests += 1;
    }
    tests
}

/// Whether the source has a function of this name behind a `#[test]`.
fn is_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    source.match_indices(&head).any(|(at, _)| {
        let before = &source[..at];
        let item = before
            .rfind("\n\n")
            .or_else(|| before.rfind("{\n"))
            .unwrap_or(0);
        before[item..].contains("#[test]")
    })
}

#[test]
fn every_bug_class_has_its_test() {
    let mut sources = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let (mut tests, mut not_built) = (0, Vec::new());
    for row in rows_under("Bug classes") {
        let [number, class, cell] = row.as_slice() else {
            panic!("{row:?}");
        };
        let number: usize = number.parse().unwrap();
        assert!(seen.insert(number), "class {number} twice");
        assert!(class.len() > 10, "{row:?}");
        let named = check_tests(cell, &mut sources);
        tests += named;
        if cell.contains(NOT_BUILT) {
            not_built.push(number);
        } else {
            assert!(named > 0, "class {number} has no test");
        }
    }
    assert_eq!(seen, (1..=CLASSES).collect());
    println!("{CLASSES} classes, {tests} tests named; {NOT_BUILT}: {not_built:?}");
    assert_eq!(not_built, [60]);
    assert!(tests >= CLASSES - not_built.len(), "{tests}");
}

#[test]
fn every_canary_has_its_test() {
    let mut sources = BTreeMap::new();
    let mut instruments = BTreeSet::new();
    let mut tests = 0;
    for row in rows_under("Canaries") {
        let [instrument, fault, cell] = row.as_slice() else {
            panic!("{row:?}");
        };
        instruments.insert(instrument.clone());
        let named = check_tests(cell, &mut sources);
        assert!(named > 0, "{instrument}: {fault}");
        tests += named;
    }
    println!("{tests} tests of canaries for {instruments:?}");
    for instrument in ["verify", "fuzz", "schedules", "metamorphic, fault steps"] {
        assert!(instruments.contains(instrument), "{instrument}");
    }
}

#[test]
fn a_name_that_is_no_test_is_noticed() {
    let source = "#[test]\nfn a() {}\n\nfn b() {}\n\n#[test]\n#[ignore]\nfn c() {}\n";
    assert!(is_test(source, "a") && is_test(source, "c"));
    assert!(!is_test(source, "b") && !is_test(source, "d"));
}
