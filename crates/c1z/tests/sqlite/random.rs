//! Seeds of randomised tests.

use std::ops::Range;

/// The seeds to run: `0..count`, or as the variable `C1Z_SEEDS` says (`17`, or `0..100000`).
pub(crate) fn seeds(count: u64) -> Range<u64> {
    let Ok(text) = std::env::var("C1Z_SEEDS") else {
        return 0..count;
    };
    match text.split_once("..") {
        Some((first, after)) => first.parse().unwrap()..after.parse().unwrap(),
        None => text.parse().map(|seed| seed..seed + 1).unwrap(),
    }
}
