//! Equivalence and metamorphic tests (`store-contract` §8): random sequences of calls, the same to several engines, have the
//! same results and leave the same state; and relations that hold of any sequence.
//!
//! All engines get the same clock and the same ids, so times are compared to the nanosecond. Where the engines go by the
//! same identity, ids of records come from a small, odd alphabet, so that they collide; else they are in bijection with
//! structure. A sequence is its seed; a failure is shrunk, and printed with a line for `regressions.txt`.
//!
//! | variable | meaning |
//! |---|---|
//! | `C1Z_SEQUENCES` | sequences of each lineup; default 25 |
//! | `C1Z_SEED` | the first seed; default 0 |
//! | `C1Z_SOAK_MINUTES` | run seed after seed for so long instead (`just soak`) |

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says which seed it was"
)]

mod bench;
mod canaries;
mod faulty;
mod files;
mod folder;
mod grammar;
mod many;
mod observe;
mod options;
mod records;
mod relations;
mod retention;
mod run;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stores;
mod tee;

use std::time::Duration;

use shingle::vfs::{Clock, OsClock};

use bench::Lineup;
use run::{Failure, Totals, run};

/// Sequences of each lineup that every test run takes.
const SEQUENCES: u64 = 25;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Seed after seed: so many, or for so long.
fn sequences(lineup: Lineup) {
    let first = variable("C1Z_SEED").unwrap_or(0);
    let minutes = variable("C1Z_SOAK_MINUTES");
    let until = minutes.map(|minutes| OsClock.monotonic() + Duration::from_secs(60 * minutes));
    let count = variable("C1Z_SEQUENCES").unwrap_or(SEQUENCES);
    let (mut totals, mut failures, mut seed) = (Totals::default(), Vec::<Failure>::new(), first);
    let goes_on = |seed: u64| match until {
        Some(until) => OsClock.monotonic() < until,
        None => seed < first + count,
    };
    while goes_on(seed) && failures.len() < 5 {
        failures.extend(run(lineup, seed, &mut totals).err());
        seed += 1;
    }
    println!("{}: seeds {first} to {}: {totals}", lineup.name(), seed - 1);
    let shown: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", shown.join("\n"));
    assert!(
        totals.sequences < 100 || totals.accepted > totals.steps / 2,
        "most steps do something"
    );
}

#[test]
fn engines_answer_alike() {
    sequences(Lineup::Engines);
}

#[test]
fn the_default_tee_sees_no_difference() {
    sequences(Lineup::Tee);
}

#[test]
fn a_tee_of_engines_that_keep_different_things_sees_no_difference() {
    sequences(Lineup::Projected);
}

#[test]
#[cfg(feature = "sqlite")]
fn sqlite_answers_as_the_model_of_many_syncs() {
    sequences(Lineup::Sqlite);
}

#[test]
#[cfg(feature = "sqlite")]
fn the_tee_of_pebble_and_sqlite_sees_no_difference() {
    sequences(Lineup::SqliteTee);
}

#[test]
fn a_folder_answers_as_the_model_of_many_syncs() {
    sequences(Lineup::Folder);
}

/// Seeds that failed once.
#[test]
fn what_failed_once_does_not_fail_again() {
    let lines = include_str!("regressions.txt").lines();
    let seeds = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut totals = Totals::default();
    for line in seeds {
        let (name, seed) = line.split_once(' ').unwrap();
        let seed = seed.split(' ').next().unwrap_or_default().parse().unwrap();
        let lineup = Lineup::SOUND.iter().find(|lineup| lineup.name() == name);
        let Some(lineup) = lineup else {
            let of_feature = cfg!(not(feature = "sqlite")) && name.starts_with("sqlite");
            assert!(of_feature, "no lineup is called {name}");
            continue;
        };
        if let Err(failure) = run(*lineup, seed, &mut totals) {
            panic!("{failure}");
        }
    }
    println!("regressions: {totals}");
}
