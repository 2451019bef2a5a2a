//! The sweep: the k-th operation goes wrong, for every k until a run meets no fault; then images of the disk are examined.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs};
use testkit::durable::{
    Bend, BentFs, Content, Event, Journey, Script, Settings, Workload, bytes_of, copy_folder,
};

const DIR: &str = "sync.db";
const OUTPUT: &str = "sync.c1z";
const OLD: &[u8] = b"what stood there before";

/// The sync that is swept, and what comes of it undisturbed.
pub(crate) struct Subject {
    pub(crate) script: Script,
    pub(crate) settings: Settings,
    states: Vec<Content>,
    file: Vec<u8>,
}

impl Subject {
    pub(crate) fn new() -> Self {
        let workload = Workload {
            seed: 11,
            grants: 160,
            batch: 40,
        };
        let script = Script::new(workload.steps(), 3).unwrap();
        let states = script.states().unwrap();
        let mut subject = Self {
            script,
            settings: Settings {
                write_buffer_bytes: 6 << 10,
                ..Settings::default()
            },
            states,
            file: Vec::new(),
        };
        let disk = MemFs::new();
        let mut ignore = |_| {};
        let journey = subject.journey(Arc::new(disk.clone()));
        journey.run(&subject.script, &mut ignore).unwrap();
        subject.file = disk.read(OUTPUT).unwrap();
        subject
    }

    fn journey(&self, fs: Arc<dyn Fs>) -> Journey {
        Journey {
            fs,
            dir: DIR.into(),
            output: OUTPUT.into(),
            settings: self.settings,
            planted: None,
        }
    }
}

/// What a run had been told when it was interrupted.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// Actions that began.
    begun: usize,
    /// Actions that were acknowledged.
    done: usize,
    /// Of these, those that survive a power failure.
    durable: usize,
    is_published: bool,
}

impl Told {
    fn hear(&mut self, event: Event, script: &Script) {
        match event {
            Event::Opened(_) | Event::Publishing => {}
            Event::Begun(index) => self.begun = index + 1,
            Event::Done(index) => {
                self.done = index + 1;
                if script.is_barrier(index) {
                    self.durable = index + 1;
                }
            }
            Event::Published => self.is_published = true,
        }
    }
}

/// What is found after an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// No sync was begun.
    Nothing,
    /// An unfinished sync, which is resumed.
    Unfinished,
    /// A finished sync, not published.
    Finished,
    /// The file.
    Published,
}

/// A disk as an interruption leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Image {
    /// The process ended: everything that it wrote.
    Process,
    /// The power failed: what was synced.
    Synced,
    /// The power failed: also a random beginning of the rest.
    Partial(u64),
}

impl Image {
    fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Synced => "synced",
            Self::Partial(_) => "partial",
        }
    }

    fn of(self, disk: &MemFs, salt: u64) -> MemFs {
        match self {
            Self::Process => copy(disk),
            Self::Synced => disk.crash_clone(),
            Self::Partial(seed) => disk.crash_clone_partial(seed.wrapping_add(salt << 8)),
        }
    }
}

fn copy(disk: &MemFs) -> MemFs {
    let copied = MemFs::new();
    copy_folder(disk, Path::new(""), Path::new(""), &copied).unwrap();
    copied
}

/// One kind of fault over all operations.
pub(crate) struct Sweep<'a> {
    pub(crate) subject: &'a Subject,
    /// The plan, with `K` for the number of the operation.
    pub(crate) plan: &'a str,
    pub(crate) images: &'a [Image],
    /// What lies between the store and the faulty disk: nothing, or a planted fault.
    pub(crate) bend: Option<Arc<dyn Bend>>,
    /// Every so many operations.
    pub(crate) stride: usize,
    /// Violations after which the sweep stops.
    pub(crate) violations_max: usize,
}

/// A disk at a moment, with what the run had been told by then.
struct Left {
    image: Image,
    disk: MemFs,
    told: Told,
}

/// What a sweep saw.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Operations that the plan could have hit.
    pub(crate) operations: usize,
    /// Operations that went wrong, one a run.
    pub(crate) points: usize,
    /// What was found, by image.
    pub(crate) outcomes: BTreeMap<(&'static str, Outcome), usize>,
    /// What must not be; the first of them.
    pub(crate) violations: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operations, points, ..
        } = self;
        write!(f, "{points} points of {operations} operations;")?;
        for ((image, outcome), count) in &self.outcomes {
            write!(f, " {image}/{outcome:?} {count}")?;
        }
        write!(f, "; {} violations", self.violations.len())
    }
}

impl Sweep<'_> {
    pub(crate) fn run(&self) -> Findings {
        let mut findings = Findings::default();
        for k in (0..).step_by(self.stride) {
            let text = self.plan.replace('K', &k.to_string());
            let disk = MemFs::new();
            disk.install(OUTPUT, OLD).unwrap();
            let faulty = FaultFs::new(Arc::new(disk.clone()), FaultPlan::parse(&text).unwrap());
            let (left, ended) = self.interrupted(k as u64, &disk, &faulty);
            if faulty.faults() == 0 {
                findings.operations = k;
                if let Err(error) = ended {
                    findings
                        .violations
                        .push(format!("without a fault: {error}"));
                }
                break;
            }
            findings.points += 1;
            for left in left {
                let Left { image, told, .. } = left;
                match self.examine(&left) {
                    Ok(outcome) => {
                        let count = findings.outcomes.entry((image.name(), outcome));
                        *count.or_default() += 1;
                    }
                    Err(what) => {
                        let violation = format!("`{text}`, {image:?}, {told:?}: {what}");
                        findings.violations.push(violation);
                    }
                }
            }
            if findings.violations.len() >= self.violations_max {
                break;
            }
        }
        findings
    }

    /// A run over the faulty disk: what it leaves when it ends, and before that when the first action after the fault is
    /// acknowledged, if one is.
    fn interrupted(
        &self,
        k: u64,
        disk: &MemFs,
        faulty: &FaultFs,
    ) -> (Vec<Left>, testkit::Result<()>) {
        let mut fs: Arc<dyn Fs> = Arc::new(faulty.clone());
        if let Some(bend) = &self.bend {
            fs = Arc::new(BentFs::new(fs, Arc::clone(bend)));
        }
        let script = &self.subject.script;
        let mut told = Told::default();
        let mut left = Vec::new();
        let leave = |left: &mut Vec<Left>, told| {
            left.extend(self.images.iter().map(|image| Left {
                image: *image,
                disk: image.of(disk, k),
                told,
            }));
        };
        let mut watch = |event| {
            told.hear(event, script);
            let is_acknowledged = matches!(event, Event::Done(_) | Event::Published);
            if left.is_empty() && is_acknowledged && faulty.faults() > 0 {
                leave(&mut left, told);
            }
        };
        let ended = self.subject.journey(fs).run(script, &mut watch);
        leave(&mut left, told);
        (left, ended)
    }

    /// What is on the disk, and whether it may be; then the run that goes on.
    fn examine(&self, left: &Left) -> Result<Outcome, String> {
        let (subject, disk, told) = (self.subject, &left.disk, left.told);
        let output = bytes_of(disk, Path::new(OUTPUT)).map_err(|e| e.to_string())?;
        let is_new = output.as_ref() == Some(&subject.file);
        let is_old = match &output {
            Some(bytes) => bytes == OLD,
            None => self.plan.starts_with("torn"),
        };
        if !(is_new || is_old && !told.is_published) {
            let len = output.map(|bytes| bytes.len());
            return Err(format!(
                "the file is neither the old nor the new one: {len:?} bytes"
            ));
        }
        let found = self.found(left)?;
        let journey = subject.journey(Arc::new(disk.clone()));
        let mut opened = 0;
        journey
            .run(&subject.script, &mut |event| {
                if let Event::Opened(position) = event {
                    opened = position;
                }
            })
            .map_err(|error| format!("does not go on: {error}"))?;
        let published = bytes_of(disk, Path::new(OUTPUT)).map_err(|e| e.to_string())?;
        if published.as_ref() != Some(&subject.file) {
            return Err(format!("went on at {opened} to another file"));
        }
        let end = subject.script.end();
        Ok(match found {
            _ if is_new => Outcome::Published,
            0 => Outcome::Nothing,
            found if found <= end => Outcome::Unfinished,
            _ => Outcome::Finished,
        })
    }

    /// The number of actions whose rows the store holds.
    fn found(&self, left: &Left) -> Result<usize, String> {
        let (subject, told) = (self.subject, left.told);
        let journey = subject.journey(Arc::new(copy(&left.disk)));
        let (store, _) = journey.open(&subject.script).map_err(|e| e.to_string())?;
        let content = Content::of(&store).map_err(|e| format!("{e:?}"))?;
        let least = match left.image {
            Image::Process => told.done,
            Image::Synced | Image::Partial(_) => told.durable,
        };
        let found = (least..=told.begun).find(|n| subject.states.get(*n) == Some(&content));
        found.ok_or_else(|| {
            let other = subject.states.iter().position(|state| *state == content);
            format!(
                "{} rows, those after {other:?} actions, not of {least} to {}",
                content.rows, told.begun
            )
        })
    }
}
