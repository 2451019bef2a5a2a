//! Every file that Go wrote is clean.

use std::collections::BTreeMap;

use c1z::ops::NoObserver;
use c1z::ops::verify::{Depth, VerifyOptions, verify};
use testkit::golden::packed_files;

#[test]
fn files_written_by_go_are_clean() {
    let mut notices: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut bad = Vec::new();
    let mut files = 0;
    for file in packed_files().unwrap() {
        for depth in [Depth::Quick, Depth::Full] {
            let options = VerifyOptions {
                depth,
                ..VerifyOptions::default()
            };
            let path = file.case.path(file.file);
            let report = match verify(&path, &options, &NoObserver) {
                Ok(report) => report,
                Err(error) => {
                    bad.push(format!("{} {depth:?}: {error:?}", file.label()));
                    continue;
                }
            };
            files += 1;
            for group in report.groups() {
                let line = format!("{}/{}", group.class, group.subject);
                if group.class.severity() == c1z::ops::verify::Severity::Notice {
                    notices.entry(line).or_default().push(format!(
                        "{} {}",
                        file.label(),
                        group.count
                    ));
                } else {
                    bad.push(format!(
                        "{} {depth:?}: {line} {}: {:?}",
                        file.label(),
                        group.count,
                        group.examples.first()
                    ));
                }
            }
        }
    }
    println!("{files} checks");
    for (line, labels) in &notices {
        println!(
            "{line}: {}: {}",
            labels.len(),
            labels
                .iter()
                .take(4)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    for line in &bad {
        println!("{line}");
    }
    assert_eq!(bad, Vec::<String>::new());
}
