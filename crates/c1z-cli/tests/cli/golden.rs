//! What the Go tool printed for the same files: JSON equal as JSON, tables and trees equal in
//! content, whatever the padding. The order of rows is the engine's own on both sides and is
//! compared too, except where Go's comes out of a map.
//!
//! Every stored output is compared. Where ours differs on purpose, the difference has a name here,
//! must really occur, and is a row of `COMPAT.md`.

use std::path::PathBuf;

use serde_json::Value;
use shingle::vfs::{Fs, OsFs};
use testkit::golden::{folder, read_file};

use super::support::{c1z, cells, golden, stderr, v1};

/// What the Go tool printed.
struct Stored {
    name: String,
    /// Its arguments, without the file.
    args: Vec<String>,
    file: PathBuf,
    body: String,
    exit: i32,
}

impl Stored {
    fn load(name: &str) -> Self {
        let bytes = read_file(&folder().join("cli").join(name)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (command, rest) = text.split_once('\n').unwrap();
        let (body, exit) = rest.rsplit_once("[exit ").unwrap();
        let mut args: Vec<String> = command.split(' ').skip(2).map(str::to_owned).collect();
        let flag = args.iter().position(|arg| arg == "-f").unwrap();
        args.remove(flag);
        let file = args.remove(flag);
        Self {
            name: name.to_owned(),
            args,
            file: file_of(&file),
            body: body.to_owned(),
            exit: exit.trim_end().trim_end_matches(']').parse().unwrap(),
        }
    }

    fn is_json(&self) -> bool {
        self.body.starts_with('{')
    }
}

/// The files by the names that the commands call them; see `testdata/golden/cli/README.md`.
fn file_of(name: &str) -> PathBuf {
    match name {
        "v1.c1z" => v1("basic"),
        "v3.c1z" => golden("basic"),
        "multi.c1z" => v1("multi-sync"),
        "diff.c1z" => v1("diff-pair"),
        "unf.c1z" => golden("unfinished"),
        "bad.c1z" => folder().join("corrupt").join("bad-magic.c1z"),
        "nosuch.c1z" => PathBuf::from("nosuch.c1z"),
        other => panic!("{other} is no file of the stored outputs"),
    }
}

/// How an output differs on purpose.
enum Deviation {
    /// Both refuse; the exit code is ours, and standard error says this.
    Refusal(i32, &'static str),
    /// The same values in lists of another order: Go's order is that of a map.
    ListOrder,
    /// Go shows nothing of a file whose only sync is unfinished; ours shows this many lines, with a
    /// warning.
    UnfinishedShown(usize),
}

/// The deviations, and the row of `COMPAT.md` that each belongs to.
const DEVIATIONS: [(&str, Deviation, &str); 9] = [
    (
        "bad.stats.txt",
        Deviation::Refusal(3, "not a c1z file"),
        EXIT_CODES,
    ),
    (
        "missing.stats.txt",
        Deviation::Refusal(5, "nosuch.c1z"),
        EXIT_CODES,
    ),
    (
        "v1.diff.txt",
        Deviation::Refusal(9, "single finished full sync"),
        EXIT_CODES,
    ),
    (
        "v3.diff.txt",
        Deviation::Refusal(9, "single finished full sync"),
        EXIT_CODES,
    ),
    (
        "v1.rollback.txt",
        Deviation::Refusal(9, "no expansion ran"),
        EXIT_CODES,
    ),
    (
        "v3.rollback.txt",
        Deviation::Refusal(9, "no expansion ran"),
        "| `rollback-expansion` of a v3 file |",
    ),
    (
        "unf.stats.txt",
        Deviation::UnfinishedShown(20),
        "| `stats` of a file whose only sync is unfinished |",
    ),
    ("multi.diff.txt", Deviation::ListOrder, DIFF_ORDER),
    ("diff.diff.txt", Deviation::ListOrder, DIFF_ORDER),
];

const EXIT_CODES: &str = "| exit codes of the program |";
const DIFF_ORDER: &str = "| order of the lists that `diff` prints |";

/// Outputs of the reading commands: conversions and exports are tested where they are built.
fn names() -> Vec<String> {
    let mut names = OsFs.list(&folder().join("cli")).unwrap();
    names.retain(|name| {
        let elsewhere = [".export", "README"];
        !name.starts_with("conv") && !elsewhere.iter().any(|part| name.contains(part))
    });
    names
}

#[test]
fn every_stored_output_is_matched_or_deviates_by_name() {
    let compat = include_str!("../../../../COMPAT.md");
    let names = names();
    assert_eq!(names.len(), 45);
    let (mut matched, mut deviating) = (0, 0);
    for name in &names {
        let stored = Stored::load(name);
        if let Some((_, deviation, row)) = DEVIATIONS.iter().find(|(of, ..)| of == name) {
            assert!(compat.contains(row), "{name}: COMPAT.md has no row {row}");
            check_deviation(&stored, deviation);
            deviating += 1;
        } else {
            let difference = difference(&stored);
            assert!(difference.is_none(), "{name}: {difference:?}");
            matched += 1;
        }
    }
    println!("matched {matched}, deviating by name {deviating}");
}

/// Cells of tables, or lines of trees. Go pads tables and prints empty lines between them.
fn content(text: &str) -> Vec<Vec<String>> {
    cells(&text.replace(" |", " | "))
}

/// What differs, if anything does.
fn difference(stored: &Stored) -> Option<String> {
    let args: Vec<&str> = stored.args.iter().map(String::as_str).collect();
    let output = c1z(&stored.file, &args);
    if output.status.code() != Some(stored.exit) {
        return Some(format!(
            "exit code {:?}: {}",
            output.status,
            stderr(&output)
        ));
    }
    let ours = String::from_utf8(output.stdout).unwrap();
    if stored.is_json() {
        let ours: Value = serde_json::from_str(&ours).unwrap();
        let go: Value = serde_json::from_str(&stored.body).unwrap();
        return (ours != go).then(|| format!("ours {ours}\ngo {go}"));
    }
    let (ours, go) = (content(&ours), content(&stored.body));
    (ours != go).then(|| format!("ours {ours:?}\ngo {go:?}"))
}

fn check_deviation(stored: &Stored, deviation: &Deviation) {
    let name = &stored.name;
    assert!(
        difference(stored).is_some(),
        "{name}: the deviation does not occur"
    );
    let args: Vec<&str> = stored.args.iter().map(String::as_str).collect();
    let output = c1z(&stored.file, &args);
    match deviation {
        Deviation::Refusal(code, says) => {
            assert_ne!(stored.exit, 0, "{name}: Go does not refuse");
            assert_eq!(output.status.code(), Some(*code), "{name}: {output:?}");
            assert!(stderr(&output).contains(says), "{name}: {output:?}");
            assert!(output.stdout.is_empty(), "{name}: {output:?}");
        }
        Deviation::ListOrder => {
            let ours: Value = serde_json::from_slice(&output.stdout).unwrap();
            let go: Value = serde_json::from_str(&stored.body).unwrap();
            assert_eq!(sorted(ours), sorted(go), "{name}");
        }
        Deviation::UnfinishedShown(count) => {
            assert!(output.status.success(), "{name}: {output:?}");
            assert!(stderr(&output).contains("is not finished"), "{name}");
            let shown = cells(&String::from_utf8(output.stdout).unwrap()).len();
            assert_eq!(shown, *count, "{name}");
        }
    }
}

/// The lists of a diff, two levels down, in an order of their own.
fn sorted(mut document: Value) -> Value {
    for kind in document.as_object_mut().unwrap().values_mut() {
        for list in kind.as_object_mut().unwrap().values_mut() {
            list.as_array_mut().unwrap().sort_by_key(Value::to_string);
        }
    }
    document
}
