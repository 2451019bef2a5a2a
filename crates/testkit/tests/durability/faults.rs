//! The sweeps of a whole sync on disk: opening, batches, runs and their merges, checkpoints, the end, the file.
//!
//! `C1Z_SWEEP_STRIDE=1` takes every operation (`just durability`); otherwise every seventeenth is taken, from the first on.

use crate::sweep::{Image, Subject, Sweep};

const IMAGES: [Image; 3] = [Image::Process, Image::Synced, Image::Partial(1)];

fn stride() -> usize {
    let stride = std::env::var("C1Z_SWEEP_STRIDE");
    stride.map_or(17, |stride| stride.parse().unwrap())
}

/// Sweeps; at full stride there have to be `operations` at least.
fn sweep(plan: &str, operations: usize, stride: usize) {
    let subject = Subject::new();
    let findings = Sweep {
        subject: &subject,
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
    sweep("fail any K", 700, stride());
}

#[test]
fn every_operation_is_the_last_one_of_the_disk() {
    sweep("fail any K..", 700, stride());
}

#[test]
fn the_disk_is_full_from_every_write_on() {
    sweep("fail write K.. =enospc", 100, stride());
}

#[test]
fn every_write_is_done_by_half() {
    sweep("short write K", 100, stride());
}

#[test]
fn every_rename_tears() {
    sweep("torn rename K", 20, stride().min(5));
}
