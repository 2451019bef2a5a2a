//! Drives a sync through a store on disk, resuming what an earlier run left: the program that the kill tests kill.
//!
//! ```text
//! replay DIR -o FILE [OPTION VALUE]…
//!
//! --ops FILE             the steps of a golden case; otherwise a sync made of a seed:
//! --seed N --grants N --batch N
//! --checkpoint-every N   steps
//! --memory N --write-buffer N --fan-in N --threads N
//! --halt PHASE:N         stop for ever before the N-th change of the disk in writing, sealing, marking or publishing
//! --plant FAULT          forgotten-batch or no-log
//! ```
//!
//! It prints what it does, a line an event, and at the end how often it changed the disk in each phase.
#![expect(clippy::print_stdout, reason = "the lines tell the test where to kill")]

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use shingle::vfs::{Op, OsFs};
use testkit::durable::{Bend, BentFs, Event, Journey, Phase, Planted, Script, Settings, Workload};
use testkit::golden::ops;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const PHASES: [Phase; 4] = [
    Phase::Writing,
    Phase::Sealing,
    Phase::Marking,
    Phase::Publishing,
];

struct Arguments {
    journey: Journey,
    script: Script,
    changes: Arc<Changes>,
}

/// Counts changes of the disk by phase, and stops before one of them.
#[derive(Debug, Default)]
struct Changes {
    phase: AtomicUsize,
    counts: [AtomicU64; PHASES.len()],
    halt: Option<(Phase, u64)>,
}

impl Changes {
    fn enter(&self, phase: Phase) {
        self.phase.store(phase as usize, Ordering::SeqCst);
    }
}

impl Bend for Changes {
    fn bend(&self, _: Op, _: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let phase = self.phase.load(Ordering::SeqCst);
        let number = self
            .counts
            .get(phase)
            .map(|n| n.fetch_add(1, Ordering::SeqCst));
        let here = PHASES.get(phase).copied().zip(number);
        if here.is_some() && here == self.halt {
            println!("halted");
            loop {
                std::thread::park();
            }
        }
        act()
    }
}

fn main() -> Outcome<()> {
    let Arguments {
        journey,
        script,
        changes,
    } = arguments(std::env::args().skip(1))?;
    journey.run(&script, &mut |event| match event {
        Event::Opened(position) => println!("opened {position}"),
        Event::Begun(index) => {
            changes.enter(script.phase(index));
            println!("begun {index}");
        }
        Event::Done(index) => println!("done {index}"),
        Event::Publishing => {
            changes.enter(Phase::Publishing);
            println!("publishing");
        }
        Event::Published => println!("published"),
    })?;
    for (phase, count) in PHASES.iter().zip(&changes.counts) {
        println!("changes {phase:?} {}", count.load(Ordering::SeqCst));
    }
    Ok(())
}

fn arguments(mut words: impl Iterator<Item = String>) -> Outcome<Arguments> {
    let dir = words
        .next()
        .ok_or("no directory; see the top of replay.rs")?;
    let mut workload = Workload {
        seed: 1,
        grants: 1000,
        batch: 50,
    };
    let mut settings = Settings {
        threads: 2,
        ..Settings::default()
    };
    let (mut output, mut file, mut every) = (None, None, 4);
    let (mut halt, mut planted) = (None, None);
    while let Some(option) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("`{option}` has no value"))?;
        match option.as_str() {
            "-o" => output = Some(PathBuf::from(value)),
            "--ops" => file = Some(PathBuf::from(value)),
            "--seed" => workload.seed = number(&value)?,
            "--grants" => workload.grants = number(&value)?,
            "--batch" => workload.batch = number(&value)?,
            "--checkpoint-every" => every = number(&value)?,
            "--memory" => settings.memory_bytes = number(&value)?,
            "--write-buffer" => settings.write_buffer_bytes = number(&value)?,
            "--fan-in" => settings.fan_in = number(&value)?,
            "--threads" => settings.threads = number(&value)?,
            "--halt" => halt = Some(halt_at(&value)?),
            "--plant" => planted = Some(fault(&value)?),
            _ => return Err(format!("unknown option `{option}`").into()),
        }
    }
    let steps = match file {
        Some(file) => ops::load(&file)?,
        None => workload.steps(),
    };
    let changes = Arc::new(Changes {
        halt,
        ..Changes::default()
    });
    let fs = BentFs::new(Arc::new(OsFs), Arc::<Changes>::clone(&changes));
    Ok(Arguments {
        journey: Journey {
            fs: Arc::new(fs),
            dir: dir.into(),
            output: output.ok_or("no output: `-o FILE`")?,
            settings,
            planted,
        },
        script: Script::new(steps, every)?,
        changes,
    })
}

fn number<T: FromStr>(text: &str) -> Outcome<T> {
    text.parse()
        .map_err(|_| format!("no number: `{text}`").into())
}

fn halt_at(text: &str) -> Outcome<(Phase, u64)> {
    let (phase, at) = text.split_once(':').ok_or("`--halt` wants PHASE:N")?;
    let phase = match phase {
        "writing" => Phase::Writing,
        "sealing" => Phase::Sealing,
        "marking" => Phase::Marking,
        "publishing" => Phase::Publishing,
        _ => return Err(format!("unknown phase `{phase}`").into()),
    };
    Ok((phase, number(at)?))
}

fn fault(text: &str) -> Outcome<Planted> {
    match text {
        "forgotten-batch" => Ok(Planted::ForgottenBatch),
        "no-log" => Ok(Planted::NoLog),
        _ => Err(format!("unknown fault `{text}`").into()),
    }
}
