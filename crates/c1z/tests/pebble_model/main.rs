//! The Pebble engine and the model, side by side: random sequences of calls, the same to both, have the same results and
//! leave the same state (`store-contract` §8.1, §8.3, as far as both have the operations).
//!
//! Both get the same clock and the same ids, so times are compared to the nanosecond. Ids of records come from a small, odd
//! alphabet, so that they collide: one id names several records, one record has several ids. After each sequence the index
//! rows of the Pebble engine are compared with those that follow from its primaries.
//!
//! A sequence is its seed; a failure prints it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says which seed it was"
)]

mod observe;
mod records;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use c1z::engine::ids::Ksuids;
use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::types::Timestamp;
use c1z::engine::{Identity, PebbleOptions, PebbleStore, Profile, StorageEngine};
use c1z::keyspace::{Deriver, Family, IndexSet};
use testkit::chance::{Chance, SeededEntropy};
use testkit::clock::ManualClock;

use step::Step;

/// Sequences of a run, and the most steps of one.
const SEQUENCES: u64 = 3_000;
const STEPS_MAX: usize = 40;

/// Both engines, on clocks that stand alike.
struct Pair {
    clocks: [Arc<ManualClock>; 2],
    model: Option<Model>,
    pebble: Option<PebbleStore>,
}

impl Pair {
    fn new(profile: Profile) -> Self {
        let start = Timestamp {
            seconds: 1_800_000_000,
            nanos: 0,
        };
        let clocks = [(); 2].map(|()| Arc::new(ManualClock::at(start)));
        let ids = || Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(7))));
        let model = Model::new(ModelOptions {
            identity: Identity::Structural,
            profile,
            clock: clocks[0].clone(),
            ids: ids(),
            rows_max: 100_000,
            one_sync: true,
        });
        let pebble = PebbleStore::in_memory(PebbleOptions {
            profile,
            clock: clocks[1].clone(),
            ids: ids(),
            ..PebbleOptions::default()
        });
        Self {
            clocks,
            model: Some(model),
            pebble: Some(pebble.unwrap()),
        }
    }

    fn engines(&self) -> [&dyn StorageEngine; 2] {
        [
            self.model.as_ref().unwrap(),
            self.pebble.as_ref().unwrap().engine(),
        ]
    }

    fn reopen(&mut self, read_only: bool) {
        self.model = Some(self.model.take().unwrap().reopen(read_only));
        let pebble = self.pebble.take().unwrap();
        self.pebble = Some(pebble.reopen(read_only).unwrap());
    }

    fn tick(&self, by: Duration) {
        for clock in &self.clocks {
            clock.advance(by);
        }
    }

    /// Takes one step with both, and compares what comes of it; tells whether it succeeded.
    fn step(&mut self, step: &Step) -> Result<bool, String> {
        match step {
            Step::Reopen { read_only } => self.reopen(*read_only),
            Step::Wait(by) => self.tick(*by),
            Step::GoBack(by) => self.clocks.iter().for_each(|clock| clock.go_back(*by)),
            step => {
                let [model, pebble] = self.engines().map(|engine| step.call(engine));
                if model != pebble {
                    return Err(format!("{step:?}\n model: {model}\npebble: {pebble}"));
                }
                return Ok(!model.starts_with("error"));
            }
        }
        Ok(true)
    }

    /// Compares everything that can be read.
    fn compare(&self, page_size: u32) -> Result<(), String> {
        let [model, pebble] = self
            .engines()
            .map(|engine| observe::observe(engine, page_size));
        assert_eq!(model.len(), pebble.len(), "both are asked the same");
        for ((about, model), (_, pebble)) in model.into_iter().zip(pebble) {
            if model != pebble {
                return Err(format!("{about}\n model: {model}\npebble: {pebble}"));
            }
        }
        self.indexes_are_true()
    }

    /// The index rows of the Pebble engine are those of its primaries.
    fn indexes_are_true(&self) -> Result<(), String> {
        let mut rows = BTreeMap::new();
        let mut each = |key: &[u8], value: &[u8]| {
            rows.insert(key.to_vec(), value.to_vec());
            Ok(())
        };
        self.pebble
            .as_ref()
            .unwrap()
            .for_each_row(&mut each)
            .unwrap();
        let mut expected = Vec::new();
        let mut deriver = Deriver::new(IndexSet::ALL);
        for (key, value) in &rows {
            let mut emit = |row: &[u8]| {
                expected.push(row.to_vec());
                Ok(())
            };
            deriver.derive(key, value, &mut emit).unwrap();
        }
        expected.sort();
        let is_index = |key: &&Vec<u8>| {
            matches!(
                Family::of(key),
                Some(
                    Family::ResourceByParent
                        | Family::GrantByPrincipal
                        | Family::GrantNeedsExpansion
                )
            )
        };
        let found: Vec<_> = rows.keys().filter(is_index).cloned().collect();
        if expected != found {
            return Err(format!("index rows: {expected:?}\n found: {found:?}"));
        }
        Ok(())
    }
}

/// Runs the sequence of a seed. Returns how many steps it had, and how many of them succeeded.
fn run(seed: u64) -> Result<(usize, usize), String> {
    let mut chance = Chance::seeded(seed);
    let profile = if chance.percent(20) {
        Profile::GoSqlite
    } else {
        Profile::Ours
    };
    let mut pair = Pair::new(profile);
    let steps = 1 + chance.below(STEPS_MAX);
    let mut succeeded = 0;
    for number in 0..steps {
        let known = step::Known::of(pair.engines()[0]);
        let step = Step::draw(&mut chance, &known);
        let about = |error| format!("seed {seed}, step {number}: {error}");
        succeeded += usize::from(pair.step(&step).map_err(about)?);
        if chance.percent(10) || number + 1 == steps {
            let page_size = *chance.pick(&[1, 2, 3, 7]).unwrap_or(&1);
            pair.compare(page_size).map_err(about)?;
        }
        if chance.percent(70) {
            pair.tick(Duration::from_millis(1));
        }
    }
    Ok((steps, succeeded))
}

#[test]
fn random_sequences_have_the_same_results_and_leave_the_same_state() {
    let first = std::env::var("C1Z_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let seeds = first.map_or(0..SEQUENCES, |seed| seed..seed + 1);
    let (mut sequences, mut steps, mut succeeded, mut wrong) = (0, 0, 0, Vec::new());
    for seed in seeds {
        match run(seed) {
            Ok((of_run, good)) => {
                steps += of_run;
                succeeded += good;
            }
            Err(error) => wrong.push(error),
        }
        sequences += 1;
    }
    println!(
        "{sequences} sequences, {steps} steps, {succeeded} of them accepted; {} sequences differ",
        wrong.len()
    );
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{}", shown.join("\n\n"));
    assert!(
        first.is_some() || succeeded > steps / 2,
        "most steps do something"
    );
}
