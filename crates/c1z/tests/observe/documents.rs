//! `docs/operations.md` and the catalogue say the same.

use std::collections::BTreeMap;

use c1z::observe::metrics;

const DOCUMENT: &str = include_str!("../../../../docs/operations.md");

/// Name, type, unit and labels of each row of a table whose first cell is the name of a metric.
fn documented() -> BTreeMap<String, [String; 3]> {
    let mut found = BTreeMap::new();
    for line in DOCUMENT.lines().filter(|line| line.starts_with("| `c1z_")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, unit, labels, meaning, action] = cells[..] else {
            panic!("a metric has six cells: {line}");
        };
        assert!(!meaning.is_empty() && !action.is_empty(), "{line}");
        let name = name.trim_matches('`').to_owned();
        let cells = [kind, unit, labels].map(|cell| cell.replace('`', ""));
        assert!(found.insert(name, cells).is_none(), "twice: {line}");
    }
    found
}

#[test]
fn every_metric_has_its_row_and_every_row_its_metric() {
    let mut documented = documented();
    for metric in metrics() {
        let row = documented.remove(metric.name);
        let labels = metric.labels.join(", ");
        let expected = [metric.kind.as_str(), metric.unit.as_str(), &labels];
        assert_eq!(row, Some(expected.map(str::to_owned)), "{}", metric.name);
    }
    assert!(documented.is_empty(), "no such metrics: {documented:?}");
}

#[test]
fn names_follow_the_conventions() {
    for metric in metrics() {
        let name = metric.name;
        assert!(name.starts_with("c1z_"), "{name}");
        let is_counter = metric.kind.as_str() == "counter";
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        let base = name.strip_suffix("_total").unwrap_or(name);
        assert_eq!(
            base.ends_with("_bytes"),
            metric.unit.as_str() == "bytes",
            "{name}"
        );
        assert_eq!(
            base.ends_with("_seconds"),
            metric.unit.as_str() == "seconds",
            "{name}"
        );
    }
}
