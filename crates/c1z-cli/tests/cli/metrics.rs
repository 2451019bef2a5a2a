//! `--metrics` and `--slow`.

use prometheus_parse::{Scrape, Value};

use super::support::{c1z, program, stderr, text, v3};

#[test]
fn metrics_are_written_whole_and_a_foreign_parser_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c1z.prom");
    let flag = format!("--metrics={}", file.display());
    let plain = text(&c1z(&v3(), &["grants", "-o", "json"]));
    let measured = c1z(&v3(), &["grants", "-o", "json", &flag]);
    assert_eq!(text(&measured), plain);
    assert!(measured.stderr.is_empty(), "{measured:?}");
    let written = std::fs::read_to_string(&file).unwrap();
    let scrape = Scrape::parse(written.lines().map(|line| Ok(line.to_owned()))).unwrap();
    let streams = scrape.samples.iter().find(|sample| {
        let name = sample.labels.get("operation");
        sample.metric == "c1z_operations_total" && name == Some("stream_grants")
    });
    assert!(matches!(streams.unwrap().value, Value::Counter(n) if n >= 1.0));
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn metrics_that_cannot_be_written_fail_the_run_and_keep_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let flag = format!("--metrics={}/nowhere/c1z.prom", folder.path().display());
    let output = c1z(&v3(), &["stats", "-o", "json", &flag]);
    assert!(!output.status.success());
    assert!(!output.stdout.is_empty());
    assert!(stderr(&output).starts_with("c1z: error:"), "{output:?}");
}

#[test]
fn slow_calls_are_lines_on_standard_error() {
    let output = program()
        .args(["stats", "-f"])
        .arg(v3())
        .env("C1Z_SLOW", "0s")
        .output()
        .unwrap();
    assert!(output.status.success());
    let lines = stderr(&output);
    assert!(lines.contains("c1z: slow operation=`"), "{lines}");
    let quiet = c1z(&v3(), &["stats", "--slow"]);
    assert!(quiet.stderr.is_empty(), "{quiet:?}");
}
