//! The sweep: the k-th operation goes wrong, for every k until a run meets no fault; then images of the disk are examined.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs};
use testkit::durable::{Bend, BentFs, Event, Script};

use crate::image::{Examined, Examiner, Image, Output};
use crate::subject::{OLD, OUTPUT, Subject};

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
    /// Operations that the plan could have hit; 0 if the sweep stopped before it knew.
    pub(crate) operations: usize,
    /// Operations that went wrong, one a run.
    pub(crate) points: usize,
    /// What was found, by image.
    pub(crate) outcomes: BTreeMap<(&'static str, Outcome), usize>,
    /// Images examined, and different ones among them.
    pub(crate) images: (usize, usize),
    /// What must not be.
    pub(crate) violations: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (points, operations, images) = (self.points, self.operations, self.images);
        write!(f, "{points} points")?;
        if operations > 0 {
            write!(f, " of {operations} operations")?;
        }
        write!(f, ", {} images ({} different):", images.0, images.1)?;
        for ((image, outcome), count) in &self.outcomes {
            write!(f, " {image}/{outcome:?} {count}")?;
        }
        write!(f, "; {} violations", self.violations.len())
    }
}

impl Sweep<'_> {
    pub(crate) fn run(&self) -> Findings {
        let mut findings = Findings::default();
        let mut examiner = Examiner::default();
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
                let found = examiner.examine(self.subject, &left.disk);
                findings.images.0 += 1;
                match self.judge(&left, found) {
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
        findings.images.1 = examiner.distinct();
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

    /// Whether what was found may be.
    fn judge(&self, left: &Left, found: Examined) -> Result<Outcome, String> {
        let (subject, told) = (self.subject, left.told);
        let may_be = match found.output {
            Output::New => true,
            Output::Old => !told.is_published,
            Output::Absent => !told.is_published && self.plan.starts_with("torn"),
            Output::Neither(_) => false,
        };
        if !may_be {
            return Err(format!("the file at the output: {:?}", found.output));
        }
        let content = found.content?;
        found.went_on?;
        let least = match left.image {
            Image::Process => told.done,
            Image::Synced | Image::Partial(_) => told.durable,
        };
        let is_found = |n: &usize| subject.states.get(*n) == Some(&content);
        let Some(actions) = (least..=told.begun).find(is_found) else {
            let other = subject.states.iter().position(|state| *state == content);
            return Err(format!(
                "{} rows, those after {other:?} actions, not of {least} to {}",
                content.rows, told.begun
            ));
        };
        Ok(match actions {
            _ if found.output == Output::New => Outcome::Published,
            0 => Outcome::Nothing,
            unfinished if unfinished <= subject.script.end() => Outcome::Unfinished,
            _ => Outcome::Finished,
        })
    }
}
