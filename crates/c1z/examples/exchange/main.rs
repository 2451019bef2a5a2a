//! Makes databases and files for the original engine, and reads back what it made of them. Run by
//! `interop/run ours` and `interop/run theirs`.
//!
//! | arguments | what |
//! |---|---|
//! | `databases OUT COUNT SEED` | COUNT databases of each shape: `OUT/SHAPE-SEED/{db,kv.ndjson.gz}` |
//! | `files OUT COUNT SEED` | COUNT v3 files of each kind: `OUT/KIND-SEED.{c1z,kv.ndjson.gz}` |
//! | `stores OUT` | what stores on disk leave: `OUT/open/NAME/{db,kv.ndjson.gz}`, `OUT/refused/NAME`, `OUT/files/NAME.{c1z,kv.ndjson.gz}` |
//! | `golden OUT` | the golden v3 files written again, and `OUT/dumps`: `FILE<tab>DUMP` lines |
//! | `check FOLDER...` | every `X.c1z` with `X.dump.ndjson.gz` beside it: our answers against those of Go; a sealed one is built again from its records and must come out row by row |
//! | `many FOLDER` | what Go made of several syncs ([`many`]) against what we make of them |
//!
//! Everything comes from the seeds, but for the start of unfinished syncs: those that are a week old
//! count as abandoned.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test tool outside the product"
)]

mod check;
mod databases;
mod files;
mod golden;
mod levels;
mod list;
mod many;
mod stores;

use std::path::Path;
use std::process::ExitCode;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("exchange {}: {failure}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Outcome<String> {
    match *words {
        ["databases", out, count, seed] => {
            databases::make(Path::new(out), count.parse()?, seed.parse()?)
        }
        ["files", out, count, seed] => files::make(Path::new(out), count.parse()?, seed.parse()?),
        ["stores", out] => stores::make(Path::new(out)),
        ["golden", out] => golden::make(Path::new(out)),
        ["check", ref folders @ ..] if !folders.is_empty() => check::all(folders),
        ["many", folder] => many::all(Path::new(folder)),
        _ => Err("see the head of crates/c1z/examples/exchange/main.rs".into()),
    }
}
