//! The sweeps of a whole sync on disk: opening, batches, runs and their merges, checkpoints, the end, the file.
//!
//! `C1Z_SWEEP_STRIDE=1` takes every operation (`just durability`); otherwise every seventeenth is taken, from the first on.

use std::collections::BTreeMap;

use shingle::vfs::Op;
use testkit::durable::Phase;

use crate::image::Image;
use crate::subject::Subject;
use crate::sweep::Sweep;

const IMAGES: [Image; 3] = [Image::Process, Image::Synced, Image::Partial(1)];

fn stride() -> usize {
    let stride = std::env::var("C1Z_SWEEP_STRIDE");
    stride.map_or(17, |stride| stride.parse().unwrap())
}

/// Sweeps a sync of at least so many `operations` that the plan can hit.
fn sweep(subject: &Subject, plan: &str, operations: usize, stride: usize) {
    let findings = Sweep {
        subject,
        plan,
        images: &IMAGES,
        bend: None,
        stride,
        violations_max: 20,
    }
    .run();
    println!("`{plan}`: {findings}");
    assert!(findings.violations.is_empty(), "{:#?}", findings.violations);
    assert!(findings.operations >= operations, "{findings}");
}

#[test]
fn every_operation_fails_once() {
    sweep(&Subject::small(), "fail any K", 600, stride());
}

#[test]
fn every_operation_is_the_last_one_of_the_disk() {
    sweep(&Subject::small(), "fail any K..", 600, stride());
}

#[test]
fn the_disk_is_full_from_every_write_on() {
    sweep(&Subject::small(), "fail write K.. =enospc", 100, stride());
}

#[test]
fn every_write_is_done_by_half() {
    sweep(&Subject::small(), "short write K", 100, stride());
}

#[test]
fn every_rename_tears() {
    sweep(&Subject::small(), "torn rename K", 20, stride().min(5));
}

/// Temporary files alone, in a sync whose seal sorts more than its memory holds.
#[test]
fn every_operation_on_sorted_files_fails_once() {
    let subject = Subject::that_spills();
    let spilled = count(&subject, Phase::Sealing, Op::Create, "dbtmp");
    let kept = count(&subject, Phase::Sealing, Op::Rename, "sst");
    assert!(spilled > kept + 2, "{spilled} {kept}");
    sweep(&subject, "fail any K *.dbtmp", 50, stride());
}

fn count(subject: &Subject, phase: Phase, op: Op, ending: &str) -> usize {
    let key = (phase, op, ending.to_owned());
    subject.changes.get(&key).copied().unwrap_or_default()
}

#[test]
fn the_sync_that_is_swept_does_everything() {
    let subject = Subject::small();
    let mut by_phase = BTreeMap::<_, usize>::new();
    for ((phase, _, _), count) in &subject.changes {
        *by_phase.entry(phase).or_default() += count;
    }
    let count = |phase, op, ending| count(&subject, phase, op, ending);
    let log_syncs = count(Phase::Writing, Op::Sync, "log");
    let flushes = count(Phase::Writing, Op::Remove, "log");
    let runs = count(Phase::Writing, Op::Sync, "sst");
    // A table that got no rows is removed without having been synced.
    let empty = count(Phase::Writing, Op::Create, "sst") - runs;
    let merged = count(Phase::Writing, Op::Remove, "sst") - empty;
    let tables = count(Phase::Sealing, Op::Rename, "sst");
    let links = count(Phase::Publishing, Op::Link, "dbtmp");
    let files = count(Phase::Publishing, Op::Rename, "c1z");
    println!(
        "changes {by_phase:?}: {log_syncs} syncs of logs, {flushes} flushes, {runs} runs, {merged} of them merged; \
         {tables} sealed tables; {links} links, {files} file"
    );
    assert!(log_syncs >= 10 && flushes >= 5 && runs >= 20 && merged >= 9);
    assert!(tables >= 8 && links >= 8 && files == 1);
}
