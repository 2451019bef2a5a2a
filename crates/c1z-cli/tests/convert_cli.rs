//! `convert`, `to-pebble` and `export c1z` as their users meet them: what is printed, what is written,
//! what is refused and with which exit code. The outputs of the original tool stand in
//! `testdata/golden/cli`; durations differ from run to run.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets unexpected data must stop"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use shingle::vfs::{Fs, OsFs};
use testkit::golden::{Case, folder, read_file};

fn c1z(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_c1z"))
        .current_dir(dir)
        .args(args)
        .env("TZ", "UTC")
        .output()
        .unwrap()
}

/// A folder with the files that the original tool's outputs are about.
fn with_inputs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, case, file) in [
        ("v1.c1z", "basic", "v1.c1z"),
        ("v3.c1z", "basic", "v3.indexed_zstd.c1z"),
        ("multi.c1z", "multi-sync", "v1.c1z"),
        ("unf.c1z", "unfinished", "v3.indexed_zstd.c1z"),
        ("folds.c1z", "identity-collisions", "v1.c1z"),
    ] {
        let bytes = Case::named(case).bytes(file).unwrap();
        let mut out = OsFs.create(&dir.path().join(name)).unwrap();
        out.write_all(&bytes).unwrap();
    }
    dir
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What the original tool printed, and its exit code.
fn stored(name: &str) -> (String, String) {
    let bytes = read_file(&folder().join("cli").join(name)).unwrap();
    let text = text(&bytes);
    let (_, rest) = text.split_once('\n').unwrap();
    let (printed, exit) = rest.rsplit_once("[exit ").unwrap();
    (printed.to_owned(), exit.trim_end_matches("]\n").to_owned())
}

/// Durations become a question mark.
fn without_durations(text: &str) -> String {
    let is_duration = |word: &str| {
        let number = word.strip_suffix("ms").or_else(|| word.strip_suffix('s'));
        number.is_some_and(|number| number.parse::<f64>().is_ok())
    };
    let word = |word: &str| {
        let inner = word.trim_matches(['(', ')', '\n']);
        if is_duration(inner) {
            word.replace(inner, "?")
        } else {
            word.to_owned()
        }
    };
    let words: Vec<String> = text
        .split(' ')
        .map(|part| {
            let lines: Vec<String> = part.split('\n').map(word).collect();
            lines.join("\n")
        })
        .collect();
    words.join(" ")
}

fn counts(dir: &Path, file: &str) -> serde_json::Value {
    let output = c1z(dir, &["stats", "-o", "json", "-f", file]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn to_pebble_prints_what_the_original_tool_prints() {
    let dir = with_inputs();
    let args = ["to-pebble", "-f", "multi.c1z", "--out", "conv.c1z"];
    let output = c1z(dir.path(), &args);
    let (printed, exit) = stored("conv.txt");
    assert_eq!(
        without_durations(&text(&output.stdout)),
        without_durations(&printed)
    );
    assert_eq!(
        (code(&output).to_string(), exit),
        ("0".to_owned(), "0".to_owned())
    );
    // What the original tool does not say: which syncs are left out.
    let warnings = text(&output.stderr);
    assert!(warnings.contains("4 syncs left out"), "{warnings}");

    // conv2: the output exists. conv3: the input is no v1 file. The original exits 2 on everything.
    let again = c1z(dir.path(), &args);
    assert_eq!((code(&again), stored("conv2.txt").1.as_str()), (6, "2"));
    assert!(text(&again.stderr).contains("output exists"));
    let v3 = c1z(
        dir.path(),
        &["to-pebble", "-f", "v3.c1z", "--out", "conv3.c1z"],
    );
    assert_eq!((code(&v3), stored("conv3.txt").1.as_str()), (3, "2"));
    assert!(text(&v3.stderr).contains("not a v1 file"));
    assert!(OsFs.metadata(&dir.path().join("conv3.c1z")).is_err());
}

#[test]
fn old_flags_of_to_pebble_are_taken() {
    let dir = with_inputs();
    OsFs.create_dir_all(&dir.path().join("tmp")).unwrap();
    let id = "3MUQ10HhgnEGr7ByblesYT9r1Y3";
    let output = c1z(
        dir.path(),
        &[
            "to-pebble",
            "-f",
            "multi.c1z",
            "--batch-size",
            "5",
            "--tmp-dir",
            "tmp",
            "--sync-id",
            id,
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let printed = text(&output.stdout);
    assert!(printed.contains("Output: ./sync.pebble.c1z\n"), "{printed}");
    assert!(
        printed.contains(&format!("Source sync ID: {id}\n")),
        "{printed}"
    );
    assert!(OsFs.list(&dir.path().join("tmp")).unwrap().is_empty());
    assert!(OsFs.metadata(&dir.path().join("sync.pebble.c1z")).is_ok());
    let zero = c1z(
        dir.path(),
        &["to-pebble", "-f", "multi.c1z", "--batch-size", "0"],
    );
    assert_eq!(code(&zero), 3);
}

#[test]
fn export_c1z_prints_nothing_and_keeps_the_format() {
    let dir = with_inputs();
    for version in ["v1", "v3"] {
        let (input, out) = (format!("{version}.c1z"), format!("out-{version}.c1z"));
        let output = c1z(dir.path(), &["export", "c1z", "-f", &input, "--out", &out]);
        let (printed, exit) = stored(&format!("{version}.export-c1z.txt"));
        assert_eq!(text(&output.stdout), printed);
        assert_eq!(code(&output).to_string(), exit);
        let magic = read_file(&dir.path().join(&out)).unwrap();
        let original = read_file(&dir.path().join(&input)).unwrap();
        assert_eq!(magic[..5], original[..5]);
        assert_eq!(
            counts(dir.path(), &out)["stats"],
            counts(dir.path(), &input)["stats"]
        );
        let again = c1z(dir.path(), &["export", "c1z", "-f", &input, "--out", &out]);
        assert_eq!(code(&again), 6);
    }
    // The latest finished full sync of several.
    let output = c1z(dir.path(), &["export", "c1z", "-f", "multi.c1z"]);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let run = counts(dir.path(), "latest.c1z");
    assert_eq!(run["id"], "3MUQ0u7BHZWHnhU2RU1nKElfcMn", "{run}");
    // A sync that is not finished is not cloned.
    let unfinished = c1z(
        dir.path(),
        &["export", "c1z", "-f", "unf.c1z", "--out", "no.c1z"],
    );
    assert_eq!(code(&unfinished), 5);
    let id = "3MUQ1BHV55UvVoXjRzq16fQJthL";
    let args = [
        "export",
        "c1z",
        "-f",
        "multi.c1z",
        "--sync-id",
        id,
        "--out",
        "no.c1z",
    ];
    let unfinished = c1z(dir.path(), &args);
    assert_eq!(code(&unfinished), 9);
}

#[test]
fn convert_goes_everywhere_and_back() {
    let dir = with_inputs();
    let steps: [(&[&str], &str); 6] = [
        (&["v1.c1z", "a.c1z"], "v3"),
        (&["a.c1z", "b.ndjson"], "ndjson"),
        (&["b.ndjson", "c", "--to", "pebble-dir"], "pebble-dir"),
        (&["c", "d.c1z", "--to", "v1", "--zone", "+02:00"], "v1"),
        (
            &["d.c1z", "e.c1z", "--zone", "+0200", "--payload", "tar"],
            "v3",
        ),
        (&["e.c1z", "f.c1z", "--payload", "indexed_zstd", "-q"], "v3"),
    ];
    for (args, format) in steps {
        let output = c1z(dir.path(), &[&["convert", "-o", "json"], args].concat());
        assert!(output.status.success(), "{output:?}");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["outputFormat"], format);
        let sync = &told["syncs"][0];
        assert_eq!(
            (&sync["grants"], &sync["assetBytes"]),
            (&16.into(), &447.into())
        );
        assert!(told["losses"].get("record").is_none(), "{told}");
    }
    let bytes = |name: &str| read_file(&dir.path().join(name)).unwrap();
    assert!(bytes("a.c1z") == bytes("f.c1z"), "six conversions later");
}

#[test]
fn losses_are_refused_and_listed() {
    let dir = with_inputs();
    let refused = c1z(dir.path(), &["convert", "multi.c1z", "out.c1z"]);
    assert_eq!(code(&refused), 9);
    let message = text(&refused.stderr);
    assert!(
        message.contains("4 syncs left out") && message.contains("--allow-loss"),
        "{message}"
    );
    assert!(message.contains("file=`multi.c1z`"), "{message}");
    assert!(refused.stdout.is_empty());
    let absent = ["convert", "multi.c1z", "out.c1z", "--sync-id", "absent"];
    let absent = c1z(dir.path(), &absent);
    assert_eq!(code(&absent), 5);
    let message = text(&absent.stderr);
    assert!(message.contains("file=`multi.c1z`"), "{message}");
    let allowed = c1z(
        dir.path(),
        &["convert", "multi.c1z", "out.c1z", "--allow-loss"],
    );
    assert!(allowed.status.success(), "{allowed:?}");
    let printed = text(&allowed.stdout);
    let line = "3MUQ0u7BHZWHnhU2RU1nKElfcMn (full): 5 resource types, 14 resources, \
                8 entitlements, 15 grants, 1 assets";
    assert!(printed.contains(line), "{printed}");
    let exists = c1z(
        dir.path(),
        &["convert", "multi.c1z", "out.c1z", "--allow-loss"],
    );
    assert_eq!(code(&exists), 6);
    let message = text(&exists.stderr);
    assert!(message.contains("file=`out.c1z`"), "{message}");
    let args = [
        "convert",
        "folds.c1z",
        "out.c1z",
        "--allow-loss",
        "--overwrite",
        "-o",
        "json",
    ];
    let folds = c1z(dir.path(), &args);
    let told: serde_json::Value = serde_json::from_slice(&folds.stdout).unwrap();
    assert_eq!(told["losses"]["same_identity"]["count"], 2, "{told}");
    for usage in [
        &["convert", "v1.c1z", "out.data"][..],
        &["convert", "v1.c1z", "new.c1z", "--zone", "Nowhere"],
        &["convert", "v1.c1z", "new.c1z", "-o", "csv"],
    ] {
        assert_eq!(code(&c1z(dir.path(), usage)), 3, "{usage:?}");
    }
}

#[test]
fn another_zone_than_utc_is_pointed_out() {
    let dir = with_inputs();
    let run = |zone: &str, args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_c1z"))
            .current_dir(dir.path())
            .args(args)
            .env("TZ", zone)
            .output()
            .unwrap()
    };
    let there: PathBuf = dir.path().join("a.c1z");
    let silent = run("America/New_York", &["convert", "v1.c1z", "a.c1z"]);
    assert!(silent.status.success() && there.is_file());
    assert!(text(&silent.stderr).contains("--zone local"), "{silent:?}");
    let told = run(
        "America/New_York",
        &["convert", "v1.c1z", "b.c1z", "--zone", "local"],
    );
    assert!(!text(&told.stderr).contains("--zone local"));
    let utc = run("UTC", &["convert", "v1.c1z", "c.c1z"]);
    assert!(!text(&utc.stderr).contains("--zone local"));
    let started = |file: &str| counts(dir.path(), file)["startedAt"].clone();
    assert_eq!(started("a.c1z"), started("c.c1z"));
    assert_ne!(started("a.c1z"), started("b.c1z"));
}
