//! Random histories of syncs, and what must come of them: comparing, differences as files, merging.
//!
//! A history is a few syncs, each made from the one before: records stay, go, come, and change in
//! any field; they keep their time, get another or (v3) have none. Each sync is written as a file
//! of a format drawn by the seed, beside syncs that must not be read. Judges are maps over the
//! records as they were made up (`store-contract` §4.1, §4.2, §4.6); they know neither keys nor
//! stored records, and what a v3 file cannot hold they leave out themselves ([`projection`], §1.8).
//!
//! `C1Z_HISTORIES` says how many histories of each operation there are (default few enough for
//! every run), `C1Z_SEED` the first seed. Each operation has canaries: its judge must notice a
//! result that is wrong in one place.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::large_enum_variant,
    clippy::print_stdout,
    reason = "numbers and records are few and small; what was counted is printed"
)]

mod changes;
mod delta;
mod diff;
mod files;
mod judge;
mod merge;
mod projection;
mod reading;
mod records;
mod syncs;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use judge::folded;
use syncs::{Format, Sync};

/// Histories of each operation, unless told otherwise: a second or two in a build for tests.
const FEW: u64 = 40;

/// What happened in histories, by name: a judge that never met a tie says nothing about ties.
#[derive(Debug, Default)]
struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    fn add(&mut self, name: &'static str, count: usize) {
        *self.0.entry(name).or_default() += count as u64;
    }

    /// Counts of syncs: what folds in files of a format, and how many hold nothing.
    fn add_syncs(&mut self, syncs: &[Sync], format: Format) {
        self.add(
            "folded",
            syncs.iter().map(|sync| folded(sync, format)).sum(),
        );
        let empty = syncs.iter().filter(|sync| sync.records.is_empty());
        self.add("empty syncs", empty.count());
    }

    /// The counts of `names`, none of which may be missing.
    fn require(&self, names: &[&'static str]) {
        for name in names {
            let count = self.0.get(name).copied().unwrap_or_default();
            assert!(count > 0, "no history had `{name}`: {self:?}");
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    let told = std::env::var(name).ok();
    told.map_or(default, |text| text.parse().expect("a number"))
}

/// Judges histories one after another and prints what was met.
fn judge_all(operation: &str, judge: impl Fn(u64, &mut Counts) -> Result<(), String>) -> Counts {
    let (count, first) = (setting("C1Z_HISTORIES", FEW), setting("C1Z_SEED", 0));
    let mut counts = Counts::default();
    for seed in first..first + count {
        if let Err(what) = judge(seed, &mut counts) {
            panic!("{operation}, C1Z_HISTORIES=1 C1Z_SEED={seed}: {what}");
        }
    }
    let mut line = format!(
        "{operation}: {count} histories, seeds {first} to {}",
        first + count - 1
    );
    for (name, count) in &counts.0 {
        let _ = write!(line, ", {count} {name}");
    }
    println!("{line}");
    counts
}

/// The judge must object to every one of `faults` in some history of a few.
fn canaries<F: Copy + std::fmt::Debug>(
    faults: &[F],
    judge: impl Fn(u64, F, &mut Counts) -> Result<(), String>,
) {
    for fault in faults {
        let objection = (0..FEW * 4).find_map(|seed| {
            let judged = judge(seed, *fault, &mut Counts::default());
            judged.err().map(|what| (seed, what))
        });
        let (seed, what) = objection.unwrap_or_else(|| panic!("{fault:?} is not noticed"));
        let line: String = what.chars().take(100).collect();
        println!("{fault:?}: noticed with seed {seed}: {line}");
    }
}
