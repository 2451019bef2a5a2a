//! The same questions to the v1 file and to the v3 files of a case: the same answers, but for what a v3 file cannot hold
//! (`store-contract` §1.8: the v1 answers are put through the v3 record and back) and for the order of rows (§8.1).
//!
//! Two cases are different by design and have a table of their own: colliding identities, and assets without data.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

#[path = "common/answers.rs"]
mod answers;

use answers::{answers, subjects};
use c1z::engine::Scope;
use c1z::engine::page::collect_pages;
use c1z::engine::types::SyncId;
use c1z::v1_tables::Zone;
use c1z::{OpenOptions, Store};
use testkit::golden::{Case, cases_with};
use testkit::table::Table;

fn open(case: &Case, file: &str) -> Store {
    let options = OpenOptions {
        zone: Zone::utc(),
        ..OpenOptions::default()
    };
    c1z::open_with(case.path(file), &options).unwrap()
}

/// The sync that both files of a case have: the only one of the v3 file, and the one of the same id, or the only one, in
/// the v1 file.
fn syncs(v1: &Store, v3: &Store) -> Option<(Scope, Scope)> {
    let runs = |store: &Store| collect_pages(|page| store.reader().list_sync_runs(page)).unwrap();
    let (of_v1, of_v3) = (runs(v1), runs(v3));
    let kept = of_v3.first()?;
    let same = of_v1.iter().find(|run| run.id == kept.id);
    let same = same.or_else(|| of_v1.first().filter(|_| of_v1.len() == 1))?;
    let scope = |id: &SyncId| Scope::Sync(id.clone());
    Some((scope(&same.id), scope(&kept.id)))
}

/// Questions with different answers.
fn differences(case: &Case, file: &str) -> Option<(usize, Vec<String>)> {
    let (v1, v3) = (open(case, "v1.c1z"), open(case, file));
    let (of_v1, of_v3) = syncs(&v1, &v3)?;
    let about = subjects(v1.reader(), &of_v1).with(subjects(v3.reader(), &of_v3));
    let answers_v1 = answers(v1.reader(), &of_v1, &about);
    let answers_v3 = answers(v3.reader(), &of_v3, &about);
    let mut different = Vec::new();
    for (question, answer) in &answers_v1 {
        let other = &answers_v3[question];
        if answer != other {
            different.push(format!(
                "{question}\n   v1 {answer:.200?}\n   v3 {other:.200?}"
            ));
        }
    }
    Some((answers_v1.len(), different))
}

/// Questions that are answered otherwise by design: how they begin, how many, and why.
type Expected = (&'static str, usize, &'static str);

const BY_ID: &str = "identity: v1 by external id, v3 by structure (D2)";
const FOLDED: &str = "the conversion folds rows of one structure (store-contract 4.7)";
const STALE: &str =
    "Go leaves the columns of a row that is written again as they were; filters are served by them";
const ASSETS: &str = "Go's v1 writer stores no empty asset, and `unknown` for no type (D13)";
const TOKEN: &str = "the conversion takes no figures over from the token";

/// The two tables of their own, and three single answers. Everything else is equal.
fn expected(case: &str, file: &str) -> &'static [Expected] {
    match (case, file) {
        ("identity-collisions", "v3.indexed_zstd.c1z") => &[
            ("entitlement ", 1, BY_ID),
            ("entitlements", 3, BY_ID),
            ("grant ", 3, BY_ID),
            ("grants", 11, BY_ID),
            ("GrantFilter", 5, BY_ID),
            ("stats", 1, BY_ID),
        ],
        ("identity-collisions", "from-v1.c1z") => &[
            ("entitlements on group:g", 2, STALE),
            ("grant ", 3, FOLDED),
            ("grants", 8, FOLDED),
            ("GrantFilter", 4, FOLDED),
            ("principals of", 1, STALE),
            ("stats", 1, FOLDED),
        ],
        ("unusual-strings", "v3.indexed_zstd.c1z") => &[
            ("asset empty-content-type", 1, ASSETS),
            ("asset empty-data", 1, ASSETS),
            ("stats", 1, ASSETS),
        ],
        ("overwrites-deletes", "v3.indexed_zstd.c1z") => &[("children of app:app-000", 1, STALE)],
        ("multi-sync" | "tokens-finished", "from-v1.c1z") => &[("stats", 1, TOKEN)],
        _ => &[],
    }
}

#[test]
fn the_same_questions_have_the_same_answers() {
    let mut table = Table::new();
    let mut wrong = String::new();
    let mut files = 0;
    for case in cases_with("v1.c1z").unwrap() {
        for file in ["v3.indexed_zstd.c1z", "from-v1.c1z"] {
            if !case.has(file) {
                continue;
            }
            let Some((questions, different)) = differences(&case, file) else {
                assert_eq!(case.name, "no-syncs");
                continue;
            };
            let label = format!("{}/{file}", case.name);
            let known = expected(&case.name, file);
            let begin = |start: &str| different.iter().filter(|q| q.starts_with(start)).count();
            for (start, count, reason) in known {
                assert_eq!(begin(start), *count, "{label}: {start}: {reason}");
            }
            let unknown: Vec<_> = different
                .iter()
                .filter(|question| known.iter().all(|(start, ..)| !question.starts_with(start)))
                .collect();
            table.set(&label, "questions", &questions);
            table.set(
                &label,
                "different by design",
                &(different.len() - unknown.len()),
            );
            table.set(&label, "different", &unknown.len());
            for question in unknown.iter().take(40) {
                wrong.extend(["== ", &label, " ", question, "\n"]);
            }
            files += 1;
        }
    }
    println!("{}", table.render());
    assert!(wrong.is_empty(), "{wrong}");
    assert!(files >= 35, "{files} pairs of files");
}
