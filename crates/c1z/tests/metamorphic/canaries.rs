//! Each instrument finds each planted fault. A fault that no longer is found means that the instrument went blind.

use std::fmt::Debug;

use crate::bench::Lineup;
use crate::faulty::Fault;
use crate::files::FileOp;
use crate::run::{Failure, Totals, run};

/// Sequences in which a fault has to show.
const SEQUENCES_MAX: u64 = 400;

/// Where the search begins: near the first seed that showed the fault when this was written, to save time. Any other seed
/// finds it too, later.
fn first_seed(fault: Fault) -> u64 {
    match fault {
        Fault::ClearsAnyCase => 160,
        Fault::ResolvesFirst => 181,
        Fault::ForgetsIndexRow | Fault::StaleGet => 27,
        Fault::ForgetsDirty | Fault::ViewsBesideCurrent => 19,
        Fault::ResumesAbandoned | Fault::ResumesFinished => 33,
        _ => 0,
    }
}

/// The first sequence that shows the fault, and how many it took.
fn caught(lineup: Lineup, first: u64) -> Option<(u64, Failure)> {
    let mut totals = Totals::default();
    (first..first + SEQUENCES_MAX).find_map(|seed| {
        let failure = run(lineup, seed, &mut totals).err()?;
        Some((totals.sequences, failure))
    })
}

fn each_is_caught<F: Copy + Debug>(
    instrument: &str,
    faults: &[F],
    first_seed: impl Fn(F) -> u64,
    lineup: impl Fn(F) -> Lineup,
) {
    let mut missed = Vec::new();
    for fault in faults.iter().copied() {
        match caught(lineup(fault), first_seed(fault)) {
            Some((sequences, failure)) => println!(
                "{instrument}: {fault:?}: caught by sequence {sequences}, shrunk to {} steps\n{failure}",
                failure.steps.len()
            ),
            None => missed.push(fault),
        }
    }
    assert!(missed.is_empty(), "{instrument} misses {missed:?}");
}

#[test]
fn the_tee_catches_each_planted_fault() {
    each_is_caught("tee", &Fault::ALL, first_seed, Lineup::FaultyTee);
}

#[test]
fn the_metamorphic_run_catches_each_planted_fault() {
    each_is_caught(
        "metamorphic run",
        &Fault::ALL,
        first_seed,
        Lineup::FaultyEngines,
    );
}

#[test]
fn failing_file_operations_show_what_is_half_done() {
    each_is_caught(
        "fault steps",
        &Fault::OF_FAILURES,
        |_| 0,
        Lineup::FaultyDisk,
    );
}

#[test]
fn many_syncs_show_what_is_kept_too_long_or_read_of_another() {
    each_is_caught("folder", &Fault::OF_MANY, |_| 0, Lineup::FaultyFolder);
}

#[test]
fn each_operation_over_files_that_loses_a_record_is_caught() {
    each_is_caught("files", &FileOp::ALL, |_| 0, Lineup::LossyFiles);
}
