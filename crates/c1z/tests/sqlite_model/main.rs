//! The engine on SQLite and the model, side by side: random sequences of calls over any number of syncs, the same to both,
//! have the same results and leave the same state (`store-contract` §8.1, §8.3, as far as both have the operations).
//!
//! A sequence is its seed; a failure prints it. `C1Z_SEED` runs one, `C1Z_SEQUENCES` more of them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says which seed it was"
)]

mod observe;
mod records;
mod step;

use std::sync::Arc;
use std::time::Duration;

use c1z::engine::ids::Ksuids;
use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::types::Timestamp;
use c1z::engine::{Profile, SqliteOptions, SqliteStore, StorageEngine};
use c1z::v1_tables::Zone;
use tempfile::TempDir;
use testkit::chance::{Chance, SeededEntropy};
use testkit::clock::ManualClock;

use step::Step;

/// Sequences of a run, and the most steps of one.
const SEQUENCES: u64 = 300;
const STEPS_MAX: usize = 40;

/// Both engines, on clocks that stand alike.
struct Pair {
    clocks: [Arc<ManualClock>; 2],
    model: Option<Model>,
    sqlite: Option<SqliteStore>,
    _folder: TempDir,
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
            identity: SqliteStore::IDENTITY,
            profile,
            clock: clocks[0].clone(),
            ids: ids(),
            rows_max: 100_000,
            one_sync: false,
        });
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            profile,
            clock: clocks[1].clone(),
            ids: ids(),
            zone: Zone::utc(),
            ..SqliteOptions::default()
        };
        let sqlite = SqliteStore::create_in(folder.path(), options).unwrap();
        Self {
            clocks,
            model: Some(model),
            sqlite: Some(sqlite),
            _folder: folder,
        }
    }

    fn engines(&self) -> [&dyn StorageEngine; 2] {
        [
            self.model.as_ref().unwrap(),
            self.sqlite.as_ref().unwrap().engine(),
        ]
    }

    fn reopen(&mut self, read_only: bool) {
        self.model = Some(self.model.take().unwrap().reopen(read_only));
        let sqlite = self.sqlite.take().unwrap();
        self.sqlite = Some(sqlite.reopen(read_only).unwrap());
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
                let [model, sqlite] = self.engines().map(|engine| step.call(engine));
                if model != sqlite {
                    return Err(format!("{step:?}\n model: {model}\nsqlite: {sqlite}"));
                }
                return Ok(!model.starts_with("error"));
            }
        }
        Ok(true)
    }

    /// Compares everything that can be read.
    fn compare(&self, page_size: u32) -> Result<(), String> {
        let [model, sqlite] = self
            .engines()
            .map(|engine| observe::observe(engine, page_size));
        assert_eq!(model.len(), sqlite.len(), "both are asked the same");
        for ((about, model), (_, sqlite)) in model.into_iter().zip(sqlite) {
            // A v1 file does not say when statistics were taken.
            if without_written_at(&model) != without_written_at(&sqlite) {
                return Err(format!("{about}\n model: {model}\nsqlite: {sqlite}"));
            }
        }
        Ok(())
    }
}

/// The text without the times of statistics.
fn without_written_at(text: &str) -> String {
    let mut parts = text.split("written_at: ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(match part.strip_prefix("Some(") {
            Some(time) => time.split_once(')').map_or("", |(_, rest)| rest),
            None => part.strip_prefix("None").unwrap_or(part),
        });
    }
    kept
}

/// Runs the sequence of a seed. Returns how many steps it had, and how many of them succeeded.
fn run(seed: u64) -> Result<(usize, usize), String> {
    let mut chance = Chance::seeded(seed);
    let profile = if chance.percent(50) {
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
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let first: Option<u64> = number("C1Z_SEED");
    let sequences = number("C1Z_SEQUENCES").unwrap_or(SEQUENCES);
    let seeds = first.map_or(0..sequences, |seed| seed..seed + 1);
    let (mut steps, mut succeeded, mut wrong) = (0, 0, Vec::new());
    for seed in seeds.clone() {
        match run(seed) {
            Ok((of_run, good)) => {
                steps += of_run;
                succeeded += good;
            }
            Err(error) => wrong.push(error),
        }
    }
    println!(
        "{} sequences, {steps} steps, {succeeded} of them accepted; {} sequences differ",
        seeds.count(),
        wrong.len()
    );
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{}", shown.join("\n\n"));
    assert!(
        first.is_some() || succeeded > steps / 2,
        "most steps do something"
    );
}
