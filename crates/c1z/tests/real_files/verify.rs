//! Real and large files are clean, and what is cut off them costs no more than it must.

use std::sync::Arc;

use c1z::envelope::OpenOptions;
use c1z::ops::NoObserver;
use c1z::ops::build::{BuildOptions, PackOptions};
use c1z::ops::repair::{RepairOptions, RepairReport, repair};
use c1z::ops::verify::{Severity, VerifyOptions, verify};

use super::fixture;

const FILES: [&str; 9] = [
    "upstream/sync-in-progress.c1z",
    "upstream/sync.36zGvJw3uxU1QMJKU2yPVQ1hBOC.unexpanded",
    "upstream/sync.36zGvJw3uxU1QMJKU2yPVQ1hBOC.unexpanded.pebble.c1z",
    "large/v1-100k.c1z",
    "large/v1-applied-100k.c1z",
    "large/v3-100k.c1z",
    "large/v3-applied-100k.c1z",
    "large/v3-1m.c1z",
    "realistic/v3.indexed_zstd.c1z",
];

#[test]
fn real_files_are_clean() {
    for name in FILES {
        let options = VerifyOptions::default();
        let report = verify(fixture(name), &options, &NoObserver).unwrap();
        let peak = options.budget.peak() >> 20;
        println!("{name}: {:?}, budget peak {peak} MiB", report.checked);
        for group in report.groups() {
            println!(
                "  {} {} {}: {}",
                group.class.severity(),
                group.class,
                group.subject,
                group.count
            );
        }
        let faults = report.count(Severity::Damage) + report.count(Severity::Inconsistency);
        assert_eq!(faults, 0, "{name}");
    }
}

fn mend(bytes: &[u8]) -> Option<RepairReport> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.c1z"), folder.path().join("out.c1z"));
    std::fs::write(&input, bytes).unwrap();
    let options = RepairOptions {
        build: BuildOptions {
            sync: false,
            ..BuildOptions::default()
        },
        pack: PackOptions::default(),
        opening: OpenOptions::default(),
    };
    let report = repair(&input, &output, &options, Arc::new(NoObserver)).ok()?;
    let checked = verify(&output, &VerifyOptions::default(), &NoObserver).unwrap();
    assert!(checked.is_clean());
    Some(report)
}

#[test]
fn cut_files_give_what_stands_before_the_cut() {
    for (name, step) in [
        (
            "upstream/sync.36zGvJw3uxU1QMJKU2yPVQ1hBOC.unexpanded.pebble.c1z",
            1,
        ),
        ("large/v3-100k.c1z", 5),
    ] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        println!("{name}: records saved per mille, from {step} % in steps of {step} %");
        let mut last = None;
        let mut line = String::new();
        for percent in (step..=100).step_by(step) {
            let report = mend(&bytes[..bytes.len() * percent / 100]);
            let share = report.as_ref().map_or(0, |report| {
                let sum = |counts: [Option<i64>; 5]| counts.into_iter().flatten().sum::<i64>();
                let saved = sum(report.by_kind().map(|(_, saved, _)| Some(saved)));
                let recorded = sum(report.by_kind().map(|(.., recorded)| recorded));
                saved * 1000 / recorded.max(1)
            });
            line += &format!("{share:5}");
            last = report;
        }
        println!("{line}");
        assert!(last.is_some_and(|report| report.is_complete), "{name}");
    }
}
