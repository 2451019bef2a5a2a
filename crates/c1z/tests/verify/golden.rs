//! Every file that Go wrote is clean; what is worth a notice is counted.

use std::collections::BTreeMap;

use c1z::ops::NoObserver;
use c1z::ops::verify::{Depth, Severity, VerifyOptions, verify};
use testkit::golden::packed_files;

/// Class and subject of every notice, and how many checks of the golden files have it.
const NOTICES: [(&str, u32); 13] = [
    // Unfinished syncs, files of July 2026 and those that were written without.
    ("absent/digests", 76),
    ("absent/sync", 3),
    // `identity-collisions` grants what has no entitlement, `fanout` to nobody.
    ("reference/grant-entitlement", 7),
    ("reference/grant-principal", 13),
    ("reference/sync-parent", 2),
    // The layouts of June and July 2026.
    ("unchecked/layout", 20),
    ("unfinished/by-principal", 6),
    ("unfinished/sync", 40),
    // Records put again with other columns.
    ("unusual/entitlement", 1),
    ("unusual/grant", 1),
    ("unusual/resource", 1),
    // What a compaction leaves of statistics, and the end of its source.
    ("unusual/stats", 1),
    ("unusual/times", 2),
];

#[test]
fn files_written_by_go_are_clean() {
    let mut notices: BTreeMap<String, u32> = BTreeMap::new();
    let mut faults = Vec::new();
    let mut checks = 0;
    for file in packed_files().unwrap() {
        for depth in [Depth::Quick, Depth::Full] {
            let options = VerifyOptions {
                depth,
                ..VerifyOptions::default()
            };
            let path = file.case.path(file.file);
            let report = verify(&path, &options, &NoObserver).unwrap();
            checks += 1;
            for group in report.groups() {
                let kind = format!("{}/{}", group.class, group.subject);
                if group.class.severity() == Severity::Notice {
                    *notices.entry(kind).or_default() += 1;
                } else {
                    let first = group.examples.first();
                    faults.push(format!("{} {depth:?} {kind}: {first:?}", file.label()));
                }
            }
        }
    }
    println!("{checks} checks, {} kinds of notices", notices.len());
    assert_eq!(faults, Vec::<String>::new());
    let expected: BTreeMap<_, _> = NOTICES.map(|(kind, n)| (kind.to_owned(), n)).into();
    assert_eq!(notices, expected);
}
