//! A folder of syncs that is interrupted everywhere: starts, writes, ends, deletions, retention, packing; files published, merged and
//! compared with it.
//!
//! After each interruption a reader and then a writer look: each sync is as it was before the deed under way or as it is after it,
//! and so is each file; of a pair of differences one file may be there before the other. Then the life goes on, and ends as one that nobody
//! interrupted. After a power failure the last writes to a sync may be missing, back to the last barrier
//! (`store-contract` §0.8).

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs, Op};
use testkit::durable::{Annals, Bend, BentFs, Deed, Flaw, Seen, Turn, deeds};

use crate::image::Image;

pub(crate) const DIR: &str = "dir";

/// The life of a folder that nobody interrupts.
pub(crate) struct Undisturbed {
    pub(crate) deeds: Vec<Deed>,
    /// What is there before the first deed and after each.
    pub(crate) states: Vec<Seen>,
    /// How often each deed changes the disk.
    pub(crate) changes: Vec<u64>,
}

/// Counts changes of the disk, deed by deed.
#[derive(Debug, Default)]
struct Tally(Mutex<Vec<u64>>);

impl Bend for Tally {
    fn bend(&self, _: Op, _: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        if let Some(count) = self.0.lock().unwrap().last_mut() {
            *count += 1;
        }
        act()
    }
}

/// The annals on a file system.
pub(crate) fn annals_in(fs: Arc<dyn Fs>, flaw: Option<Flaw>) -> Annals {
    Annals {
        fs,
        dir: DIR.into(),
        flaw,
    }
}

/// A disk with the folder that everything is in.
fn disk() -> MemFs {
    let disk = MemFs::new();
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    disk
}

impl Undisturbed {
    /// Even a flawed life ends well if nobody interrupts it.
    pub(crate) fn new(flaw: Option<Flaw>) -> Self {
        let (disk, tally) = (disk(), Arc::new(Tally::default()));
        let fs = BentFs::new(Arc::new(disk.clone()), Arc::<Tally>::clone(&tally));
        let seen = annals_in(Arc::new(disk), None);
        let mut states = vec![Seen::of(&seen, false).unwrap()];
        annals_in(Arc::new(fs), flaw)
            .run(0, &mut |turn| match turn {
                Turn::Begun(_) => tally.0.lock().unwrap().push(0),
                Turn::Done(_) => states.push(Seen::of(&seen, false).unwrap()),
            })
            .unwrap();
        let changes = tally.0.lock().unwrap().clone();
        Self {
            deeds: deeds(),
            states,
            changes,
        }
    }

    /// What readers and writers find on a disk, if that may be after deeds `least..=begun` were done. Returns how many were done,
    /// as far as the syncs of the folder tell.
    pub(crate) fn examine(
        &self,
        disk: &MemFs,
        least: usize,
        begun: usize,
    ) -> Result<usize, String> {
        let annals = annals_in(Arc::new(disk.clone()), None);
        let read = |as_writer| Seen::of(&annals, as_writer).map_err(|error| format!("{error:?}"));
        let (seen, again) = (read(false)?, read(true)?);
        if (&seen.syncs, &seen.files) != (&again.syncs, &again.files) {
            return Err("a reader and a writer see different things".to_owned());
        }
        check_leftovers(disk)?;
        let is_found = |n: &usize| self.states[*n].syncs == again.syncs;
        let Some(done) = (least..=begun).find(is_found) else {
            return Err(format!("{}, not of {least} to {begun}", self.other(&again)));
        };
        for name in Annals::files() {
            self.check_file(name, &again, least, begun)?;
        }
        Ok(done)
    }

    fn other(&self, seen: &Seen) -> String {
        let same = self
            .states
            .iter()
            .position(|state| state.syncs == seen.syncs);
        let runs: Vec<_> = seen
            .syncs
            .iter()
            .map(|(id, sync)| (id, &sync.run, sync.records))
            .collect();
        format!("the syncs are those after {same:?} deeds: {runs:#?}")
    }

    /// A file is one of those that the deeds make. Of a pair the deletions come first, and go when the upserts fail.
    fn check_file(
        &self,
        name: &'static str,
        seen: &Seen,
        least: usize,
        begun: usize,
    ) -> Result<(), String> {
        let found = seen.files.get(name);
        let is_so = |n: usize| self.states[n].files.get(name) == found;
        let may_be_gone = |n: usize| match self.deeds.get(n) {
            Some(Deed::Pair(_, [_, deletions])) => *deletions == name && found.is_none(),
            _ => false,
        };
        let is_of_pair = |n: usize| match self.deeds.get(n) {
            Some(Deed::Pair(_, [upserts, deletions])) => (name == *upserts).then_some(*deletions),
            _ => None,
        };
        if !(least..=begun).any(|n| is_so(n) || may_be_gone(n)) {
            return Err(format!(
                "`{name}` is {found:?} after {least} to {begun} deeds"
            ));
        }
        // Upserts that are new come with new deletions.
        for n in (least..begun).filter(|n| is_so(n + 1) && !is_so(*n)) {
            if let Some(deletions) = is_of_pair(n)
                && seen.files.get(deletions) != self.states[n + 1].files.get(deletions)
            {
                return Err(format!("`{name}` is there without `{deletions}`"));
            }
        }
        Ok(())
    }

    /// Goes on after an interruption; the end is that of an undisturbed life.
    pub(crate) fn go_on(&self, disk: &MemFs, from: usize) -> Result<(), String> {
        let annals = annals_in(Arc::new(disk.clone()), None);
        let went = annals.run(from, &mut |_| {});
        went.map_err(|error| format!("going on from deed {from}: {error:?}"))?;
        self.check_end(disk)
    }

    pub(crate) fn check_end(&self, disk: &MemFs) -> Result<(), String> {
        let annals = annals_in(Arc::new(disk.clone()), None);
        let seen = Seen::of(&annals, true).map_err(|error| format!("{error:?}"))?;
        if Some(&seen) == self.states.last() {
            return Ok(());
        }
        Err(format!(
            "another end: {}, {:?}",
            self.other(&seen),
            seen.packed
        ))
    }
}

/// A writer leaves nothing of what was under way.
fn check_leftovers(disk: &MemFs) -> Result<(), String> {
    let names = disk.list(&Path::new(DIR).join("syncs")).unwrap_or_default();
    let is_left = |name: &&String| name.starts_with('.') || *name == "c1z.intent";
    match names.iter().find(is_left) {
        Some(left) => Err(format!("`{left}` is left in the folder")),
        None => Ok(()),
    }
}

/// What a sweep saw.
#[derive(Debug, Default)]
struct Findings {
    points: usize,
    images: usize,
    operations: usize,
    violations: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            points,
            images,
            operations,
            violations,
        } = self;
        let violations = violations.len();
        write!(
            f,
            "{points} points of {operations} operations, {images} images, {violations} violations"
        )
    }
}

/// Fails every `stride`-th operation under `plan`, in which `K` is its number.
fn sweep(plan: &str, stride: usize, first: usize) -> Findings {
    let life = Undisturbed::new(None);
    let mut findings = Findings::default();
    for k in (first..).step_by(stride) {
        let disk = disk();
        let text = plan.replace('K', &k.to_string());
        let faulty = FaultFs::new(Arc::new(disk.clone()), FaultPlan::parse(&text).unwrap());
        let (mut begun, mut done, mut durable) = (0, 0, 0);
        let annals = annals_in(Arc::new(faulty.clone()), None);
        let ended = annals.run(0, &mut |turn| match turn {
            Turn::Begun(deed) => begun = deed + 1,
            Turn::Done(deed) => {
                done = deed + 1;
                if life.deeds[deed].is_barrier() {
                    durable = done;
                }
            }
        });
        if faulty.faults() == 0 {
            findings.operations = k;
            if let Err(error) = ended {
                findings
                    .violations
                    .push(format!("without a fault: {error:?}"));
            }
            return findings;
        }
        findings.points += 1;
        for image in [Image::Synced, Image::Partial(k as u64), Image::Process] {
            let least = if image == Image::Process {
                done
            } else {
                durable
            };
            let left = image.of(&disk, k as u64);
            findings.images += 1;
            let judged = life.examine(&left, least, begun);
            let judged = judged.and_then(|from| life.go_on(&left, from.min(done)));
            if let Err(what) = judged {
                let violation = format!("`{text}`, {image:?}, {done} done: {what}");
                findings.violations.push(violation);
            }
        }
        if findings.violations.len() > 3 {
            return findings;
        }
    }
    unreachable!("the sweep ends")
}

/// Every so many operations: `C1Z_FOLDER_STRIDE`.
fn stride(default: usize) -> usize {
    let told = std::env::var("C1Z_FOLDER_STRIDE").ok();
    told.map_or(default, |text| text.parse().unwrap())
}

#[test]
fn faults_of_a_folder_on_a_dead_disk() {
    let findings = sweep("fail any K..", stride(601), 7);
    println!("dead disk: {findings}");
    assert!(findings.violations.is_empty(), "{:#?}", findings.violations);
    assert!(findings.points >= 4);
}

#[test]
fn faults_of_a_folder_that_happen_once() {
    let findings = sweep("fail any K", stride(601), 101);
    println!("once: {findings}");
    assert!(findings.violations.is_empty(), "{:#?}", findings.violations);
    assert!(findings.points >= 4);
}
