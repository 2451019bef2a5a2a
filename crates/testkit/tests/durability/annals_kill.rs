//! The program `annals` is killed by SIGKILL in deed after deed, examined and started again, until it is done; then it begins
//! anew, until enough kills have landed.
//!
//! Half of the kills come so many microseconds after a deed began, half before its n-th change of the disk. `C1Z_KILLS` (default 24)
//! and `C1Z_KILL_SEED` are those of the other kill harness.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use shingle::vfs::{MemFs, OsFs};
use testkit::chance::Chance;
use testkit::durable::{Deed, Flaw, copy_folder};

use crate::annals::{DIR, Undisturbed};
use crate::kill::{SIGKILL, setting, wait};

/// Longest wait before a kill at a moment, in microseconds.
const DELAY_MAX: usize = 12_000;
/// How far ahead a kill is drawn, in deeds.
const AHEAD: usize = 5;

/// When a life is ended.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// So long after the deed began.
    Moment(usize, Duration),
    /// Before this change of the disk in the deed.
    Place(usize, u64),
}

impl Fate {
    fn deed(self) -> usize {
        match self {
            Fate::Moment(deed, _) | Fate::Place(deed, _) => deed,
        }
    }
}

/// What a life said, and how it ended.
#[derive(Debug, Default)]
struct Life {
    /// Deeds that began, and that were acknowledged, in this life or before.
    begun: usize,
    done: usize,
    was_killed: bool,
    has_succeeded: bool,
}

/// What the harness saw.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) kills: usize,
    at_places: usize,
    folders: usize,
    /// Deeds in which kills landed.
    pub(crate) deeds: BTreeSet<usize>,
    pub(crate) violations: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kills,
            at_places,
            folders,
            deeds,
            violations,
        } = self;
        write!(
            f,
            "{kills} kills in {} deeds, {at_places} of them at places; {folders} folders; {} violations",
            deeds.len(),
            violations.len()
        )
    }
}

/// A folder that is killed again and again.
pub(crate) struct Harness {
    life: Undisturbed,
    flaw: Option<Flaw>,
    /// Kills come in these deeds alone; none: in all.
    only: Option<fn(&Deed) -> bool>,
    chance: Chance,
    findings: Findings,
}

impl Harness {
    pub(crate) fn new(seed: u64, flaw: Option<Flaw>, only: Option<fn(&Deed) -> bool>) -> Self {
        Self {
            life: Undisturbed::new(flaw),
            flaw,
            only,
            chance: Chance::seeded(seed),
            findings: Findings::default(),
        }
    }

    /// Begins folders until so many kills have landed, or something is wrong.
    pub(crate) fn run(mut self, kills: usize) -> Findings {
        while self.findings.kills < kills && self.findings.violations.is_empty() {
            self.folder(kills);
            self.findings.folders += 1;
        }
        self.findings
    }

    /// One folder, from nothing to its last deed.
    fn folder(&mut self, kills: usize) {
        let dir = tempfile::tempdir().unwrap();
        let mut position = 0;
        loop {
            let fate = (self.findings.kills < kills)
                .then(|| self.fate(position))
                .flatten();
            let life = self.live(dir.path(), position, fate);
            if life.was_killed {
                self.findings.kills += 1;
                self.findings.at_places += usize::from(matches!(fate, Some(Fate::Place(..))));
                self.findings.deeds.insert(life.begun.saturating_sub(1));
            } else if !life.has_succeeded {
                return self.report(fate, &life, "the program failed");
            }
            let copy = MemFs::new();
            copy_folder(&OsFs, dir.path(), Path::new(DIR), &copy).unwrap();
            let examined = if life.has_succeeded {
                self.life.check_end(&copy)
            } else {
                self.life.examine(&copy, life.done, life.begun).map(drop)
            };
            if let Err(what) = examined {
                return self.report(fate, &life, &what);
            }
            if life.has_succeeded {
                return;
            }
            position = life.done;
        }
    }

    /// A kill in one of the next deeds; none if there is none to be killed in.
    fn fate(&mut self, position: usize) -> Option<Fate> {
        let deeds: Vec<usize> = (position..self.life.deeds.len())
            .filter(|deed| self.only.is_none_or(|only| only(&self.life.deeds[*deed])))
            .take(AHEAD)
            .collect();
        let deed = *self.chance.pick(&deeds)?;
        Some(if self.chance.percent(50) {
            let micros = self.chance.below(DELAY_MAX) as u64;
            Fate::Moment(deed, Duration::from_micros(micros))
        } else {
            let changes = usize::try_from(self.life.changes[deed]).unwrap();
            Fate::Place(deed, self.chance.below(changes) as u64)
        })
    }

    fn report(&mut self, fate: Option<Fate>, life: &Life, what: &str) {
        let deed = fate.map(|fate| &self.life.deeds[fate.deed()]);
        let violation = format!("{fate:?} {deed:?}, {life:?}: {what}");
        self.findings.violations.push(violation);
    }

    /// Starts the program and listens until its end.
    fn live(&self, dir: &Path, position: usize, fate: Option<Fate>) -> Life {
        let mut command = Command::new(env!("CARGO_BIN_EXE_annals"));
        command.arg(dir).args(["--from", &position.to_string()]);
        if let Some(Fate::Place(deed, change)) = fate {
            command.args(["--halt", &format!("{deed}:{change}")]);
        }
        match self.flaw {
            Some(Flaw::OneByOne) => drop(command.args(["--plant", "one-by-one"])),
            Some(Flaw::CopiedInPlace) => drop(command.args(["--plant", "copied-in-place"])),
            Some(Flaw::NoLog) => drop(command.args(["--plant", "no-log"])),
            None => {}
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut life = Life {
            begun: position,
            done: position,
            ..Life::default()
        };
        for line in lines {
            let line = line.unwrap();
            let (word, number) = line.split_once(' ').unwrap_or((&line, ""));
            match (word, number.parse::<usize>().ok()) {
                ("begun", Some(deed)) => {
                    life.begun = deed + 1;
                    if let Some(Fate::Moment(at, delay)) = fate
                        && at == deed
                    {
                        wait(delay);
                        child.kill().unwrap();
                    }
                }
                ("done", Some(deed)) => life.done = deed + 1,
                ("halted", None) => child.kill().unwrap(),
                _ => panic!("what is `{line}`?"),
            }
        }
        let status = child.wait().unwrap();
        life.was_killed = status.signal() == Some(SIGKILL);
        life.has_succeeded = status.success();
        life
    }
}

#[test]
fn kill_a_folder_of_syncs_anywhere_and_it_ends_the_same() {
    let (kills, seed) = (setting("C1Z_KILLS", 24), setting("C1Z_KILL_SEED", 1));
    let findings = Harness::new(seed as u64, None, None).run(kills);
    println!("seed {seed}: {findings}");
    assert!(findings.violations.is_empty(), "{:#?}", findings.violations);
    assert!(findings.kills >= kills);
    assert!(findings.deeds.len() >= 5, "{findings}");
}
