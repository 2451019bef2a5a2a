//! Stores side by side that take the same steps: their answers have to be the same, and what can be read of them.

mod failing;

use std::path::Path;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use c1z::MemoryBudget;
use c1z::engine::tee::{Allowed, CompareOptions, Tee, TeeOptions, compare};
use c1z::engine::types::{SyncId, Timestamp};
use c1z::engine::{Identity, Reader, StorageEngine};
use c1z::envelope::Existing;
use c1z::ops::NoObserver;
use c1z::ops::convert::{ConvertOptions, FileFormat, convert};
use shingle::vfs::{Clock as _, MemFs};
use testkit::chance::Chance;
use testkit::clock::ManualClock;

use crate::faulty::{Fault, Faulty};
use crate::files::{FileOp, Files, Kept};
use crate::folder::Folder;
use crate::grammar::{Named, Step, held};
use crate::observe::{self, PAGES_DIFFER};
use crate::options::OptionSet;
#[cfg(feature = "sqlite")]
use crate::sqlite::Sqlite;
use crate::stores::{AnyStore, Disk, Memory, Store, model};

/// Which stores run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lineup {
    /// The model, the Pebble engine in memory, the Pebble engine on disk.
    Engines,
    /// The default tee: Pebble in memory, or on disk, and the model.
    Tee,
    /// A tee of engines that keep different things: Pebble, and the model of v1 files.
    Projected,
    /// The model of v1 files and the engine on SQLite, with any number of syncs.
    #[cfg(feature = "sqlite")]
    Sqlite,
    /// The two engines that write: Pebble in memory, or on disk, and SQLite.
    #[cfg(feature = "sqlite")]
    SqliteTee,
    /// The model of many syncs, and a folder.
    Folder,
    /// The default tee with a fault planted into the Pebble engine.
    FaultyTee(Fault),
    /// The model and a Pebble engine with a fault.
    FaultyEngines(Fault),
    /// The model and a Pebble engine on disk with a fault, of which file operations fail.
    FaultyDisk(Fault),
    /// The model of many syncs and a folder with a fault.
    FaultyFolder(Fault),
    /// The model of many syncs and a folder, and an operation over files that loses a record.
    LossyFiles(FileOp),
}

impl Lineup {
    pub(crate) const SOUND: &[Self] = &[
        Self::Engines,
        Self::Tee,
        Self::Projected,
        Self::Folder,
        #[cfg(feature = "sqlite")]
        Self::Sqlite,
        #[cfg(feature = "sqlite")]
        Self::SqliteTee,
    ];

    /// Whether ids of different records may be the same.
    pub(crate) fn ids_collide(self) -> bool {
        let projected = self == Self::Projected;
        #[cfg(feature = "sqlite")]
        let projected = projected || self == Self::SqliteTee;
        !projected
    }

    /// Whether its stores hold any number of syncs.
    pub(crate) fn is_of_many(self) -> bool {
        #[cfg(feature = "sqlite")]
        if self == Self::Sqlite {
            return true;
        }
        matches!(
            self,
            Self::Folder | Self::FaultyFolder(_) | Self::LossyFiles(_)
        )
    }

    /// Whether a store of it is on a file system that fails when it is told to.
    pub(crate) fn can_fail(self) -> bool {
        matches!(self, Self::Engines | Self::Folder | Self::FaultyDisk(_))
    }

    /// Whether two answers say the same.
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(clippy::unused_self, reason = "only the lineups with SQLite differ")
    )]
    fn is_same(self, answer: &str, expected: &str) -> bool {
        #[cfg(feature = "sqlite")]
        if self == Self::Sqlite {
            // A v1 file does not say when statistics were taken.
            let without = crate::sqlite::without_written_at;
            return without(answer) == without(expected);
        }
        answer == expected
    }

    /// The name in the file of regressions.
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// The stores, and the clock that they share.
pub(crate) struct Bench {
    lineup: Lineup,
    options: OptionSet,
    clock: Arc<ManualClock>,
    stores: Vec<(&'static str, Box<dyn AnyStore>)>,
    /// Where stores on disk are, and saved files.
    files: MemFs,
    /// Finished syncs as files of their own.
    kept: Vec<Kept>,
    /// Files that were kept so far.
    keeps: usize,
    /// The latest that the clock told.
    latest: SystemTime,
    /// File operations that failed.
    faults: u64,
}

/// Files that are kept at most.
const KEPT_MAX: usize = 4;

/// When the clocks start.
pub(crate) const START: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanos: 0,
};

impl Bench {
    /// Empty stores, with the options of a seed.
    pub(crate) fn new(lineup: Lineup, seed: u64) -> Self {
        let mut chance = Chance::seeded(seed ^ 0x6f70_7469_6f6e_7321);
        let options = OptionSet::draw(&mut chance);
        let clock = Arc::new(ManualClock::at(START));
        let files = MemFs::new();
        let structural = || model(Identity::Structural, true, &options, &clock);
        let memory = || Memory::new(&options, &clock);
        let tee = |allowed| TeeOptions {
            state_every: 4 + chance.clone().below(12) as u64,
            allowed,
            origin: format!("C1Z_LINEUP={} C1Z_SEED={seed}", lineup.name()),
            budget: MemoryBudget::new(8 << 20),
            ..TeeOptions::default()
        };
        let stores: Vec<(&'static str, Box<dyn AnyStore>)> = match lineup {
            Lineup::Engines => vec![
                ("model", Box::new(structural())),
                ("pebble in memory", Box::new(memory())),
                (
                    "pebble on disk",
                    Box::new(Disk::new(&files, &options, &clock)),
                ),
            ],
            Lineup::Tee if seed.is_multiple_of(2) => {
                vec![("tee", teed(memory(), structural(), tee(Allowed::ALIKE)))]
            }
            Lineup::Tee => {
                let disk = Disk::new(&files, &options, &clock);
                vec![("tee", teed(disk, structural(), tee(Allowed::ALIKE)))]
            }
            Lineup::Projected => {
                let whole = model(Identity::External, false, &options, &clock);
                vec![("tee", teed(memory(), whole, tee(Allowed::V3_AND_V1)))]
            }
            #[cfg(feature = "sqlite")]
            Lineup::Sqlite => {
                let whole = model(Identity::External, false, &options, &clock);
                let sqlite = Sqlite::new(&options, &clock);
                vec![("model", Box::new(whole)), ("sqlite", Box::new(sqlite))]
            }
            #[cfg(feature = "sqlite")]
            Lineup::SqliteTee => {
                let (sqlite, tee) = (Sqlite::new(&options, &clock), tee(Allowed::V3_AND_V1));
                let pair = if seed.is_multiple_of(2) {
                    teed(memory(), sqlite, tee)
                } else {
                    teed(Disk::new(&files, &options, &clock), sqlite, tee)
                };
                vec![("tee", pair)]
            }
            Lineup::Folder | Lineup::LossyFiles(_) => {
                let many = model(Identity::Structural, false, &options, &clock);
                let folder = Folder::new(&files, &options, &clock);
                vec![("model", Box::new(many)), ("folder", Box::new(folder))]
            }
            Lineup::FaultyTee(fault) => {
                let faulty = Faulty::new(memory(), fault);
                vec![("tee", teed(faulty, structural(), tee(Allowed::ALIKE)))]
            }
            Lineup::FaultyEngines(fault) => vec![
                ("model", Box::new(structural())),
                ("faulty", Box::new(Faulty::new(memory(), fault))),
            ],
            Lineup::FaultyDisk(fault) => {
                let disk = Disk::new(&files, &options, &clock);
                vec![
                    ("model", Box::new(structural())),
                    ("faulty", Box::new(Faulty::new(disk, fault))),
                ]
            }
            Lineup::FaultyFolder(fault) => {
                let many = model(Identity::Structural, false, &options, &clock);
                let folder = Folder::new(&files, &options, &clock);
                vec![
                    ("model", Box::new(many)),
                    ("faulty", Box::new(Faulty::new(folder, fault))),
                ]
            }
        };
        Self {
            lineup,
            options,
            clock,
            stores,
            files,
            kept: Vec::new(),
            keeps: 0,
            latest: SystemTime::UNIX_EPOCH,
            faults: 0,
        }
    }

    /// What of its options was drawn.
    pub(crate) fn options(&self) -> &OptionSet {
        &self.options
    }

    /// The operation over files that is to lose a record.
    fn lossy(&self) -> Option<FileOp> {
        match self.lineup {
            Lineup::LossyFiles(of) => Some(of),
            _ => None,
        }
    }

    /// File operations that failed so far.
    pub(crate) fn faults(&self) -> u64 {
        self.faults
    }

    /// The place of the current sync among those that are held.
    pub(crate) fn current(&self) -> Option<usize> {
        let current = self.engine().current_sync()?;
        held(self.engine()).iter().position(|id| *id == current)
    }

    /// Files that are kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// The first store's engine.
    pub(crate) fn engine(&self) -> &dyn StorageEngine {
        self.stores.first().unwrap().1.engine()
    }

    /// Takes one step with all, and compares what comes of it; tells whether it succeeded.
    pub(crate) fn take(&mut self, step: &Step) -> Result<bool, String> {
        self.latest = self.latest.max(self.clock.now());
        match step {
            Step::Failing(operation, step) => return self.failing(*operation, step),
            Step::Reopen { read_only } => self.each(|store| store.reopen(*read_only)),
            Step::Rebuild => self.each(AnyStore::rebuild),
            Step::Save => self.save()?,
            Step::Keep(sync) => return self.keep(*sync),
            Step::Files(of, a, b) => return self.over_files(*of, *a, *b),
            Step::Wait(by) => self.clock.advance(*by),
            Step::GoBack(by) => self.clock.go_back(*by),
            Step::Compare(size) => self.compare(*size)?,
            step => return self.call(step),
        }
        Ok(true)
    }

    fn call(&self, step: &Step) -> Result<bool, String> {
        let held = held(self.engine());
        self.alike(step, |_, store| step.answer(store, &held))
    }

    /// What all stores answer alike to a step.
    fn alike(
        &self,
        step: &Step,
        call: impl Fn(usize, &dyn AnyStore) -> String,
    ) -> Result<bool, String> {
        let mut answers = self.stores.iter().enumerate().map(|(at, (name, store))| {
            let answer = call(at, &**store);
            (*name, answer)
        });
        let (first_name, first) = answers.next().unwrap();
        for (name, answer) in answers {
            if answer != first {
                return Err(format!("{step:?}\n{first_name}: {first}\n{name}: {answer}"));
            }
        }
        for (name, store) in &self.stores {
            if *name == "tee" {
                store.check()?;
            }
        }
        Ok(!first.starts_with("error"))
    }

    fn each(&mut self, change: impl Fn(Box<dyn AnyStore>) -> Box<dyn AnyStore>) {
        let stores = std::mem::take(&mut self.stores);
        let changed = stores
            .into_iter()
            .map(|(name, store)| (name, change(store)));
        self.stores = changed.collect();
    }

    /// Compares everything that can be read.
    fn compare(&self, page_size: u32) -> Result<(), String> {
        let mut all = self.stores.iter().map(|(name, store)| {
            let answers = observe::observe(store.engine(), page_size);
            (*name, answers)
        });
        let (first_name, first) = all.next().unwrap();
        for (about, answer) in &first {
            if answer.starts_with(PAGES_DIFFER) {
                return Err(format!("{first_name}: {about}: {answer}"));
            }
        }
        for (name, answers) in all {
            if answers.len() != first.len() {
                return Err(format!(
                    "{name} holds other syncs or grants than {first_name}"
                ));
            }
            for ((about, answer), (_, expected)) in answers.iter().zip(&first) {
                if !self.lineup.is_same(answer, expected) {
                    return Err(format!(
                        "{about}\n{first_name}: {expected}\n{name}: {answer}"
                    ));
                }
            }
        }
        for (_, store) in &self.stores {
            store.check()?;
        }
        Ok(())
    }

    /// Every store that can is saved, and what is read of its files is what the store says.
    fn save(&mut self) -> Result<(), String> {
        let mut is_clean = false;
        for (name, store) in &self.stores {
            let say = |error: c1z::Error| format!("{name}, saved: {error:?}");
            let pack = self.options.pack(&self.files);
            let syncs = held(store.engine());
            if syncs.is_empty() {
                continue;
            }
            match store.publish(Path::new("saved.c1z"), &pack).map_err(say)? {
                Some(FileFormat::V1) => {
                    is_clean = true;
                    self.saved_as_v1(store.engine(), &syncs, name)?;
                }
                Some(_) => self.saved_as_v3(store.engine(), &syncs, name)?,
                None => {}
            }
        }
        if is_clean {
            // The others have nothing unsaved either once they are opened.
            self.each(|store| store.reopen(false));
        }
        Ok(())
    }

    /// A v3 file, and what becomes of it as a v1 file and back.
    fn saved_as_v3(
        &self,
        live: &dyn StorageEngine,
        syncs: &[SyncId],
        name: &str,
    ) -> Result<(), String> {
        self.same(live, "saved.c1z", syncs, Allowed::ALIKE, name)?;
        if self.lineup.ids_collide() {
            return Ok(());
        }
        self.convert("saved.c1z", "v1.c1z", FileFormat::V1)?;
        self.same(live, "v1.c1z", syncs, Allowed::V3_AND_V1, name)?;
        self.convert("v1.c1z", "back.c1z", FileFormat::V3)?;
        self.same(live, "back.c1z", syncs, Allowed::ALIKE.counted_anew(), name)
    }

    /// A v1 file of all syncs.
    fn saved_as_v1(
        &self,
        live: &dyn StorageEngine,
        syncs: &[SyncId],
        name: &str,
    ) -> Result<(), String> {
        self.same(live, "saved.c1z", syncs, Allowed::ALIKE_V1, name)
    }

    /// Keeps a finished sync: every store that can saves a file, of which a clone is taken.
    fn keep(&mut self, sync: Named) -> Result<bool, String> {
        let id = sync.id(&held(self.engine()));
        let run = self.engine().get_sync(&id);
        if !run.is_ok_and(|run| run.is_finished()) {
            return Ok(false);
        }
        let files = Files::new(&self.files, &self.options, &self.clock, self.lossy());
        let pack = self.options.pack(&self.files);
        for (name, store) in &self.stores {
            let say = |error: c1z::Error| format!("{name}, kept: {error:?}");
            let saved = Path::new("isolated.c1z");
            let Some(format) = store.isolate(&id, saved, &pack).map_err(say)? else {
                continue;
            };
            let kept = files.keep(saved, &id, format, self.engine(), self.keeps)?;
            self.keeps += 1;
            let allowed = match format {
                FileFormat::V1 => Allowed::ALIKE_V1,
                _ => Allowed::ALIKE,
            };
            self.same(
                store.engine(),
                &kept.path,
                slice::from_ref(&id),
                allowed.counted_anew(),
                name,
            )?;
            self.kept.push(kept);
        }
        if self.kept.len() > KEPT_MAX {
            self.kept.drain(..1);
        }
        Ok(true)
    }

    fn over_files(&self, of: FileOp, a: usize, b: usize) -> Result<bool, String> {
        if self.kept.is_empty() {
            return Ok(false);
        }
        let kept = |at: usize| self.kept.get(at % self.kept.len()).unwrap();
        let files = Files::new(&self.files, &self.options, &self.clock, self.lossy());
        files.check(of, kept(a), kept(b))
    }

    fn convert(&self, from: &str, to: &str, format: FileFormat) -> Result<(), String> {
        let options = ConvertOptions {
            fs: Arc::new(self.files.clone()),
            to: Some(format),
            existing: Existing::Replace,
            ..ConvertOptions::default()
        };
        let done = convert(from, to, &options);
        done.map(drop)
            .map_err(|error| format!("{from} to {to}: {error:?}"))
    }

    /// A file says the same of each sync as a live store.
    fn same(
        &self,
        live: &dyn StorageEngine,
        file: &str,
        syncs: &[SyncId],
        allowed: Allowed,
        name: &str,
    ) -> Result<(), String> {
        let open = self.options.open(&self.files, &self.clock);
        let say = |error: c1z::Error| format!("{name}, {file}: {error:?}");
        let saved = c1z::open_with(file, &open).map_err(say)?;
        for sync in syncs {
            let found = differences(live, saved.reader(), allowed, sync).map_err(say)?;
            if let Some(found) = found.first() {
                return Err(format!("{name} and its {file}: {found}"));
            }
        }
        Ok(())
    }
}

/// What differs of a sync in two stores, in words.
pub(crate) fn differences(
    left: &dyn Reader,
    right: &dyn Reader,
    allowed: Allowed,
    sync: &SyncId,
) -> c1z::Result<Vec<String>> {
    let options = CompareOptions {
        allowed,
        budget: MemoryBudget::new(8 << 20),
        examples_max: 3,
        sync: Some(sync.clone()),
    };
    let found = compare(left, right, &options, &NoObserver)?;
    let examples = found.kinds().flat_map(|(_, counts)| &counts.examples);
    Ok(examples.map(ToString::to_string).collect())
}

fn teed<A: Store, B: Store>(primary: A, shadow: B, options: TeeOptions) -> Box<dyn AnyStore> {
    Box::new(Tee::new(primary, shadow, options))
}

/// A tick between two steps.
pub(crate) const TICK: Duration = Duration::from_millis(1);
