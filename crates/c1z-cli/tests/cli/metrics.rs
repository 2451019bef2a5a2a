//! `--metrics` and `--slow`.
#![expect(clippy::float_cmp, reason = "what is counted is a whole number")]

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

/// The sum of the samples with this label.
fn value(scrape: &Scrape, metric: &str, label: (&str, &str)) -> f64 {
    let with_label = scrape.samples.iter().filter(|sample| {
        let own = sample.labels.get(label.0);
        sample.metric == metric && own == Some(label.1)
    });
    let values = with_label.map(|sample| match sample.value {
        Value::Counter(value) | Value::Gauge(value) => value,
        ref other => panic!("{metric} {label:?}: {other:?}"),
    });
    values.sum()
}

#[test]
fn every_long_command_counts_as_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, copy, syncs) = (v3(), at("copy.c1z"), at("syncs"));
    let text = file.to_str().unwrap().to_owned();
    let v1 = super::support::v1("realistic").to_str().unwrap().to_owned();
    let jobs: &[(&str, &[&str])] = &[
        ("copy", &["snapshot", &copy]),
        ("convert", &["convert", &text, &at("out.c1z"), "--to", "v1"]),
        ("export", &["export", "ndjson", "--out", &at("out.ndjson")]),
        ("merge", &["merge", &text, &v1, "--out", &at("merged.c1z")]),
        ("diff", &["diff", &text, &v1, "--stat"]),
        ("estimate", &["optimize", "--estimate", "-f", &copy]),
        ("optimize", &["optimize", "-f", &copy]),
        ("recalculate_stats", &["recalculate-stats", "-f", &copy]),
        ("verify", &["verify", &text]),
        ("repair", &["repair", &text, &at("repaired.c1z")]),
        ("compare", &["tee-check", &text, &text]),
        ("unpack", &["dump-db", "--out", &at("db")]),
        ("add", &["archive", "add", &syncs, &text]),
        ("pack", &["archive", "pack", &syncs]),
        ("cleanup", &["cleanup", &syncs]),
    ];
    let metrics = at("c1z.prom");
    for (job, args) in jobs {
        let output = program()
            .arg("--metrics")
            .arg(&metrics)
            .args(["--slow=0s"])
            .args(*args)
            .env("BATON_FILE", &file)
            .output()
            .unwrap();
        let written = std::fs::read_to_string(&metrics).unwrap();
        let scrape = Scrape::parse(written.lines().map(|line| Ok(line.to_owned()))).unwrap();
        let ended = value(&scrape, "c1z_jobs_total", ("job", job));
        assert_eq!(ended, 1.0, "{job}: {output:?}");
        assert!(
            value(&scrape, "c1z_job_moved_bytes_total", ("job", job)) > 0.0,
            "{job}"
        );
        assert_eq!(value(&scrape, "c1z_slow_jobs_total", ("job", job)), 1.0);
        let slow = format!("c1z: slow job=`{job}`");
        assert!(stderr(&output).contains(&slow), "{job}: {output:?}");
    }
    // One that fails tells how.
    let output = program()
        .args(["--metrics", &metrics, "verify", &at("nowhere.c1z")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    let written = std::fs::read_to_string(&metrics).unwrap();
    let scrape = Scrape::parse(written.lines().map(|line| Ok(line.to_owned()))).unwrap();
    assert_eq!(
        value(&scrape, "c1z_job_errors_total", ("kind", "not_found")),
        1.0
    );
}
