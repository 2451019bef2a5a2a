//! The kill harness: the program is started, killed by SIGKILL in a phase drawn by a seed, examined, and started again, until
//! it has published; then it begins anew, until enough kills have landed.
//!
//! Half of the kills come at a moment (so many microseconds after the phase begins), half at a place: the program stops
//! before the n-th change of the disk in the phase, and is killed there. `C1Z_KILLS` says how many kills there shall be (default 24),
//! `C1Z_KILL_SEED` where they are drawn from.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use shingle::vfs::{MemFs, OsFs};
use testkit::chance::Chance;
use testkit::durable::{
    Content, Journey, Phase, Planted, Script, Settings, Workload, bytes_of, copy_folder,
};

pub(crate) const SIGKILL: i32 = 9;
/// Lives of one sync; the last one is not killed.
const LIVES_MAX: usize = 9;
/// Kills of one sync after its end.
const AFTER_END_MAX: usize = 3;
/// Longest wait before a kill at a moment, by phase, in microseconds.
const DELAY_MAX: [(Phase, usize); 4] = [
    (Phase::Writing, 100_000),
    (Phase::Sealing, 15_000),
    (Phase::Marking, 5_000),
    (Phase::Publishing, 15_000),
];
const WORKLOAD: Workload = Workload {
    seed: 3,
    grants: 800,
    batch: 40,
};
const CHECKPOINT_EVERY: usize = 4;

pub(crate) fn setting(name: &str, default: usize) -> usize {
    let value = std::env::var(name);
    value.map_or(default, |value| value.parse().unwrap())
}

/// When a life is ended.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Never.
    Spared,
    /// So long after the phase began.
    Moment(Phase, Duration),
    /// Before this change of the disk in the phase.
    Place(Phase, u64),
}

/// What a life said, and how it ended.
#[derive(Debug)]
struct Life {
    opened: Option<usize>,
    /// Actions that began, and that were acknowledged.
    begun: usize,
    done: usize,
    phase: Phase,
    is_published: bool,
    was_killed: bool,
    has_succeeded: bool,
    /// Changes of the disk by phase, if the program said them.
    changes: Vec<usize>,
}

/// What the harness saw.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kills: BTreeMap<Phase, usize>,
    kills_at_places: usize,
    syncs: usize,
    /// Kills after which the rows had to be those after a certain action, and were compared.
    compared: usize,
    pub(crate) violations: Vec<String>,
}

impl Findings {
    pub(crate) fn kills(&self) -> usize {
        self.kills.values().sum()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kills {:?}", self.kills(), self.kills)?;
        let Self {
            kills_at_places,
            syncs,
            compared,
            ..
        } = self;
        write!(
            f,
            ", {kills_at_places} of them at places; {syncs} syncs; rows compared {compared} times; {} violations",
            self.violations.len()
        )
    }
}

/// One sync, killed again and again.
pub(crate) struct Harness {
    planted: Option<Planted>,
    chance: Chance,
    script: Script,
    states: Vec<Content>,
    /// What an uninterrupted run publishes, and its changes of the disk by phase.
    file: Vec<u8>,
    changes: Vec<usize>,
    findings: Findings,
}

impl Harness {
    pub(crate) fn new(seed: u64, planted: Option<Planted>) -> Self {
        let script = Script::new(WORKLOAD.steps(), CHECKPOINT_EVERY).unwrap();
        let mut harness = Self {
            planted,
            chance: Chance::seeded(seed),
            states: script.states().unwrap(),
            script,
            file: Vec::new(),
            changes: Vec::new(),
            findings: Findings::default(),
        };
        let folder = tempfile::tempdir().unwrap();
        let place = Place::in_folder(&folder);
        let whole = harness.live(&place, Fate::Spared);
        assert!(whole.has_succeeded, "an uninterrupted run fails: {whole:?}");
        harness.changes = whole.changes;
        harness.file = bytes_of(&OsFs, &place.output).unwrap().unwrap();
        harness
    }

    /// Begins syncs until so many kills have landed, or something is wrong.
    pub(crate) fn run(mut self, kills: usize) -> Findings {
        while self.findings.kills() < kills && self.findings.violations.is_empty() {
            self.sync();
            self.findings.syncs += 1;
        }
        self.findings
    }

    /// One sync, from nothing to the file.
    fn sync(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::in_folder(&folder);
        // Over all lives: actions that may have been done, and the last phase that was reached.
        let (mut ceiling, mut durable, mut reached) = (0, 0, Phase::Writing);
        let mut after_end = 0;
        for number in 1.. {
            let fate = if number == LIVES_MAX || after_end == AFTER_END_MAX {
                Fate::Spared
            } else {
                self.fate(reached, durable)
            };
            let life = self.live(&place, fate);
            if life.was_killed {
                *self.findings.kills.entry(life.phase).or_default() += 1;
                let at_place = matches!(fate, Fate::Place(..));
                self.findings.kills_at_places += usize::from(at_place);
            } else if !life.has_succeeded {
                return self.report(&life, fate, "the program failed");
            }
            if let Some(opened) = life.opened.filter(|opened| *opened < durable) {
                let what = format!("opened at {opened} though {durable} actions were durable");
                return self.report(&life, fate, &what);
            }
            for index in 0..life.done {
                if self.script.is_barrier(index) {
                    durable = durable.max(index + 1);
                }
            }
            if let Err(what) = self.examine(&place, &life, ceiling) {
                return self.report(&life, fate, &what);
            }
            if life.has_succeeded {
                return;
            }
            ceiling = ceiling.max(life.begun);
            reached = reached.max(life.phase);
            after_end += usize::from(life.phase > Phase::Sealing);
        }
    }

    /// A kill in one of the phases that may still come, most of them while something is left to write.
    fn fate(&mut self, reached: Phase, position: usize) -> Fate {
        let phase = match (reached, self.chance.below(10)) {
            (Phase::Writing, 0..5) => Phase::Writing,
            (Phase::Writing, 5..8) | (Phase::Sealing, 0..5) => Phase::Sealing,
            (_, 8) => Phase::Marking,
            _ => Phase::Publishing,
        };
        if self.chance.percent(50) {
            let most = DELAY_MAX.iter().find(|(of, _)| *of == phase).unwrap().1;
            let micros = self.chance.below(most) as u64;
            return Fate::Moment(phase, Duration::from_micros(micros));
        }
        let mut most = self.changes[phase as usize];
        if phase == Phase::Writing {
            // What was written is not written again.
            most = most * (self.script.end() - position.min(self.script.end()) + 1)
                / self.script.end();
        }
        Fate::Place(phase, self.chance.below(most) as u64)
    }

    fn report(&mut self, life: &Life, fate: Fate, what: &str) {
        let violation = format!("{fate:?}, {life:?}: {what}");
        self.findings.violations.push(violation);
    }

    /// Starts the program and listens until its end.
    fn live(&self, place: &Place, fate: Fate) -> Life {
        let mut command = Command::new(env!("CARGO_BIN_EXE_replay"));
        command.arg(&place.dir).arg("-o").arg(&place.output);
        let numbers = [
            ("--seed", WORKLOAD.seed),
            ("--grants", WORKLOAD.grants as u64),
            ("--batch", WORKLOAD.batch as u64),
            ("--checkpoint-every", CHECKPOINT_EVERY as u64),
        ];
        for (option, value) in numbers {
            command.arg(option).arg(value.to_string());
        }
        if let Fate::Place(phase, change) = fate {
            let phase = format!("{phase:?}").to_lowercase();
            command.arg("--halt").arg(format!("{phase}:{change}"));
        }
        match self.planted {
            Some(Planted::ForgottenBatch) => drop(command.args(["--plant", "forgotten-batch"])),
            Some(Planted::NoLog) => drop(command.args(["--plant", "no-log"])),
            None => {}
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut life = Life {
            opened: None,
            begun: 0,
            done: 0,
            phase: Phase::Writing,
            is_published: false,
            was_killed: false,
            has_succeeded: false,
            changes: Vec::new(),
        };
        let mut moment = match fate {
            Fate::Moment(phase, delay) => Some((phase, delay)),
            _ => None,
        };
        // What the program said before it died is read to the end.
        for line in lines {
            let is_halted = life.hear(&line.unwrap(), &self.script);
            if let Some((_, delay)) = moment.take_if(|(phase, _)| life.phase >= *phase) {
                wait(delay);
                child.kill().unwrap();
            } else if is_halted {
                child.kill().unwrap();
            }
        }
        let status = child.wait().unwrap();
        life.was_killed = status.signal() == Some(SIGKILL);
        life.has_succeeded = status.success();
        life
    }

    /// What is on the disk, and whether it may be.
    fn examine(&mut self, place: &Place, life: &Life, ceiling: usize) -> Result<(), String> {
        let output = bytes_of(&OsFs, &place.output).map_err(|e| e.to_string())?;
        match output {
            Some(file) if file != self.file => return Err("another file was published".to_owned()),
            None if life.is_published => return Err("the file is gone".to_owned()),
            _ => {}
        }
        let copy = MemFs::new();
        copy_folder(&OsFs, &place.dir, "db".as_ref(), &copy).map_err(|e| e.to_string())?;
        let journey = Journey {
            fs: Arc::new(copy),
            dir: "db".into(),
            output: "out.c1z".into(),
            settings: Settings::default(),
            planted: None,
        };
        let (store, _) = journey.open(&self.script).map_err(|e| e.to_string())?;
        // Before it has caught up with what was done in earlier lives, its rows are a mixture.
        if life.done < ceiling {
            return Ok(());
        }
        let content = Content::of(&store).map_err(|e| format!("{e:?}"))?;
        self.findings.compared += 1;
        let allowed = life.done..=life.begun.max(life.done);
        if allowed
            .clone()
            .any(|n| self.states.get(n) == Some(&content))
        {
            return Ok(());
        }
        let found = self.states.iter().position(|state| *state == content);
        Err(format!(
            "{} rows, those after {found:?} actions, not {allowed:?}",
            content.rows
        ))
    }
}

impl Life {
    /// Whether the program has stopped at its place.
    fn hear(&mut self, line: &str, script: &Script) -> bool {
        let mut words = line.split(' ');
        let word = words.next().unwrap_or_default();
        let number = words.next_back().and_then(|n| n.parse::<usize>().ok());
        match (word, number) {
            ("opened", Some(position)) => self.opened = Some(position),
            ("begun", Some(index)) => {
                self.begun = index + 1;
                self.phase = script.phase(index);
            }
            ("done", Some(index)) => self.done = index + 1,
            ("publishing", None) => self.phase = Phase::Publishing,
            ("published", None) => self.is_published = true,
            ("changes", Some(count)) => self.changes.push(count),
            ("halted", None) => return true,
            _ => panic!("what is `{line}`?"),
        }
        false
    }
}

#[expect(clippy::disallowed_methods, reason = "a kill comes at a moment")]
pub(crate) fn wait(delay: Duration) {
    std::thread::sleep(delay);
}

struct Place {
    dir: PathBuf,
    output: PathBuf,
}

impl Place {
    fn in_folder(folder: &tempfile::TempDir) -> Self {
        Self {
            dir: folder.path().join("db"),
            output: folder.path().join("out.c1z"),
        }
    }
}

#[test]
fn a_program_that_is_killed_and_started_again_publishes_the_same_file() {
    let (kills, seed) = (setting("C1Z_KILLS", 24), setting("C1Z_KILL_SEED", 1));
    let findings = Harness::new(seed as u64, None).run(kills);
    println!("seed {seed}: {findings}");
    assert!(findings.violations.is_empty(), "{:#?}", findings.violations);
    assert!(findings.kills() >= kills);
    assert!(findings.kills.len() >= 3, "{findings}");
}
