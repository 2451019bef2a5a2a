//! The sync that is swept: small in every way, so that a few hundred grants make runs, merges, spills.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use shingle::vfs::{Fs, MemFs, Op};
use testkit::durable::{Bend, BentFs, Content, Event, Journey, Phase, Script, Settings, Workload};

const DIR: &str = "sync.db";
pub(crate) const OUTPUT: &str = "sync.c1z";
/// What stands at the output at first.
pub(crate) const OLD: &[u8] = b"what stood there before";

/// What changes the disk in each phase: operation, ending of the file's name, how often.
pub(crate) type Changes = BTreeMap<(Phase, Op, String), usize>;

/// Counts changes.
#[derive(Debug)]
struct Tally(Mutex<(Phase, Changes)>);

impl Tally {
    fn new() -> Self {
        Self(Mutex::new((Phase::Writing, Changes::new())))
    }

    fn enter(&self, phase: Phase) {
        self.0.lock().unwrap().0 = phase;
    }
}

impl Bend for Tally {
    fn bend(&self, op: Op, path: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        let (phase, changes) = &mut *self.0.lock().unwrap();
        *changes
            .entry((*phase, op, ending.into_owned()))
            .or_default() += 1;
        act()
    }
}

/// The sync that is swept, and what comes of it undisturbed.
pub(crate) struct Subject {
    pub(crate) script: Script,
    pub(crate) settings: Settings,
    /// What a store holds before the first action and after each.
    pub(crate) states: Vec<Content>,
    /// What is published.
    pub(crate) file: Vec<u8>,
    /// What an undisturbed run changes.
    pub(crate) changes: Changes,
}

impl Subject {
    /// One that is small enough to be swept operation by operation, and flushes and merges nevertheless.
    pub(crate) fn small() -> Self {
        Self::new(160, 6 << 10)
    }

    /// One whose seal sorts more than fits its memory.
    pub(crate) fn that_spills() -> Self {
        Self::new(900, 64 << 10)
    }

    fn new(grants: usize, write_buffer_bytes: u64) -> Self {
        let workload = Workload {
            seed: 11,
            grants,
            batch: 40,
        };
        let script = Script::new(workload.steps(), 3).unwrap();
        let states = script.states().unwrap();
        let mut subject = Self {
            script,
            settings: Settings {
                write_buffer_bytes,
                ..Settings::default()
            },
            states,
            file: Vec::new(),
            changes: Changes::new(),
        };
        let (disk, tally) = (MemFs::new(), Arc::new(Tally::new()));
        let fs = BentFs::new(Arc::new(disk.clone()), Arc::<Tally>::clone(&tally));
        let mut watch = |event| match event {
            Event::Begun(index) => tally.enter(subject.script.phase(index)),
            Event::Publishing => tally.enter(Phase::Publishing),
            _ => {}
        };
        let journey = subject.journey(Arc::new(fs));
        journey.run(&subject.script, &mut watch).unwrap();
        subject.file = disk.read(OUTPUT).unwrap();
        subject.changes = std::mem::take(&mut tally.0.lock().unwrap().1);
        subject
    }

    /// A run over `fs`.
    pub(crate) fn journey(&self, fs: Arc<dyn Fs>) -> Journey {
        Journey {
            fs,
            dir: DIR.into(),
            output: OUTPUT.into(),
            settings: self.settings,
            planted: None,
        }
    }
}
