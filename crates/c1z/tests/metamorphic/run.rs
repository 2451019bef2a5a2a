//! Runs of sequences: drawn from a seed, counted, and shrunk when they fail.

use std::collections::BTreeSet;
use std::fmt;

use testkit::chance::Chance;

use crate::bench::{Bench, Lineup, TICK};
use crate::grammar::Step;
use crate::records::Records;

/// The most steps of a sequence.
const STEPS_MAX: usize = 40;

/// The most runs that shrinking takes.
const SHRINK_RUNS_MAX: usize = 100;

/// What a run comes to.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) sequences: u64,
    pub(crate) steps: u64,
    pub(crate) accepted: u64,
    faults: u64,
    option_sets: BTreeSet<String>,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sequences, {} operations, {} of them accepted, {} option sets, {} faults",
            self.sequences,
            self.steps,
            self.accepted,
            self.option_sets.len(),
            self.faults
        )
    }
}

/// A sequence that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) lineup: Lineup,
    pub(crate) seed: u64,
    pub(crate) steps: Vec<Step>,
    pub(crate) error: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{} {}", self.lineup.name(), self.seed);
        writeln!(f, "{}", self.error)?;
        writeln!(
            f,
            "  seed: `{line}` (add it to tests/metamorphic/regressions.txt)"
        )?;
        writeln!(f, "  {} steps:", self.steps.len())?;
        for step in &self.steps {
            writeln!(f, "    {step:?}")?;
        }
        Ok(())
    }
}

/// Runs the sequence of a seed.
pub(crate) fn run(lineup: Lineup, seed: u64, totals: &mut Totals) -> Result<(), Failure> {
    let mut chance = Chance::seeded(seed);
    let records = Records::new(seed, lineup.ids_collide());
    let mut bench = Bench::new(lineup, seed);
    totals.option_sets.insert(format!("{:?}", bench.options()));
    totals.sequences += 1;
    let mut steps = Vec::new();
    let count = 1 + chance.below(STEPS_MAX);
    for number in 0..count {
        let is_writing = bench.engine().current_sync().is_some();
        let of_many = lineup.is_of_many() && chance.percent(30);
        let failing = lineup.can_fail() && chance.percent(15);
        let mut now = if of_many {
            Step::draw_of_many(&mut chance, &records, bench.current(), bench.kept())
        } else if failing {
            vec![Step::draw_failing(
                &mut chance,
                &records,
                lineup.is_of_many(),
            )]
        } else {
            vec![Step::draw(&mut chance, &records, is_writing)]
        };
        if chance.percent(10) || number + 1 == count {
            now.push(Step::Compare(
                *chance.pick(&[1, 2, 3, 7, 1_000]).unwrap_or(&1),
            ));
        }
        if chance.percent(70) {
            now.push(Step::Wait(TICK));
        }
        for step in now {
            steps.push(step);
            let Some(step) = steps.last() else { continue };
            totals.steps += 1;
            match bench.take(step) {
                Ok(accepted) => totals.accepted += u64::from(accepted),
                Err(error) => {
                    let failure = Failure {
                        lineup,
                        seed,
                        steps,
                        error,
                    };
                    return Err(failure.shrunk());
                }
            }
        }
    }
    totals.faults += bench.faults();
    Ok(())
}

impl Failure {
    /// The same failure with as few steps and records as can be found by leaving some out.
    fn shrunk(mut self) -> Self {
        let mut runs = 0;
        let mut len = self.steps.len().div_ceil(2);
        while len > 0 && runs < SHRINK_RUNS_MAX {
            let mut at = 0;
            while at < self.steps.len() && runs < SHRINK_RUNS_MAX {
                let mut steps = self.steps.clone();
                steps.drain(at..(at + len).min(steps.len()));
                runs += 1;
                if !self.take(steps) {
                    at += len;
                }
            }
            len /= 2;
        }
        let mut at = 0;
        while at < self.steps.len() && runs < SHRINK_RUNS_MAX {
            let smaller = self.steps.get(at).map(Step::smaller).unwrap_or_default();
            let found = smaller.into_iter().any(|step| {
                let mut steps = self.steps.clone();
                if let Some(place) = steps.get_mut(at) {
                    *place = step;
                }
                runs += 1;
                self.take(steps)
            });
            at += usize::from(!found);
        }
        self
    }

    /// Whether these steps fail too; if so they take the place of the ones there were.
    fn take(&mut self, steps: Vec<Step>) -> bool {
        match replay(self.lineup, self.seed, &steps) {
            Ok(()) => false,
            Err((at, error)) => {
                self.steps = steps;
                self.steps.truncate(at + 1);
                self.error = error;
                true
            }
        }
    }
}

/// Takes these steps, with the options of a seed. The place of the step that fails.
fn replay(lineup: Lineup, seed: u64, steps: &[Step]) -> Result<(), (usize, String)> {
    let mut bench = Bench::new(lineup, seed);
    for (at, step) in steps.iter().enumerate() {
        bench.take(step).map_err(|error| (at, error))?;
    }
    Ok(())
}
