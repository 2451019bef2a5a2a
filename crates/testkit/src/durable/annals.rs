//! The life of a folder of syncs and of files made from it: what may be interrupted at any moment.
//!
//! The life is a list of [`Deed`]s that depends on nothing. Each is one thing that happens as a whole or not at all, and can be done again:
//! whoever was interrupted goes on with the deed that was not acknowledged. Ids and times follow from the number of the deed, so
//! what is there after each deed is known beforehand ([`super::Seen`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use c1z::archive::{Archive, ArchiveOptions, CleanupOptions};
use c1z::engine::ids::SyncIds;
use c1z::engine::types::{SyncId, SyncType, Timestamp};
use c1z::engine::{PebbleOptions, StorageEngine};
use c1z::envelope::Existing;
use c1z::ops::convert::ConvertOptions;
use c1z::ops::delta::{DeltaInput, DeltaOptions, pair};
use c1z::ops::merge::{MergeOptions, merge};
use c1z::{MemoryBudget, OpenOptions};
use c1z_proto::connector::v2;
use shingle::live::Durability;
use shingle::vfs::Fs;

use super::bytes_of;
use crate::clock::ManualClock;
use crate::{Error, Result};

const BEGIN: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanos: 0,
};
/// Full syncs that a cleanup leaves.
const KEEP: usize = 2;

/// Something that is done to a folder, or a file that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The sync of this name begins and is current.
    Start(&'static str, SyncType),
    /// A few resources are put into it, in one call; the number tells which.
    PutResources(&'static str, usize),
    /// A few grants, in one call.
    PutGrants(&'static str, usize),
    /// It supports a diff.
    Mark(&'static str),
    /// A token is stored: what was put before survives power failures.
    Checkpoint(&'static str),
    /// It ends.
    End(&'static str),
    /// Its directory becomes a file.
    Pack(&'static str),
    /// It gets a partner; packed, it becomes a directory again.
    Link(&'static str),
    /// It is deleted.
    Delete(&'static str),
    /// Retention deletes what is too old, all of it at once.
    Cleanup,
    /// The folder is closed and opened.
    Reopen,
    /// A sync is published as a file, which replaces the one before.
    Publish(&'static str, &'static str),
    /// Files are merged into another.
    Merge([&'static str; 2], &'static str),
    /// The differences of two files, as two files: upserts and deletions.
    Pair([&'static str; 2], [&'static str; 2]),
    /// The sync of a file comes into the folder.
    Add(&'static str),
}

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Retention deletes one sync after another.
    OneByOne,
    /// A merged file is copied to its place piece by piece.
    CopiedInPlace,
    /// Calls return before what they wrote is in a log.
    NoLog,
}

/// A folder, and the files that are made beside it.
#[derive(Clone, Debug)]
pub struct Annals {
    /// Where files are.
    pub fs: Arc<dyn Fs>,
    /// Holds the folder `syncs` and the files.
    pub dir: PathBuf,
    /// What is wrong on purpose.
    pub flaw: Option<Flaw>,
}

/// What happens on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The deed begins.
    Begun(usize),
    /// The deed is acknowledged.
    Done(usize),
}

fn whole(name: &'static str, of: SyncType) -> [Deed; 5] {
    [
        Deed::Start(name, of),
        Deed::PutResources(name, 0),
        Deed::PutGrants(name, 0),
        Deed::Mark(name),
        Deed::End(name),
    ]
}

/// All deeds, in order.
pub fn deeds() -> Vec<Deed> {
    use Deed::{
        Add, Checkpoint, Cleanup, Delete, End, Link, Merge, Pack, Pair, Publish, PutGrants,
        PutResources, Reopen, Start,
    };
    let mut deeds = whole("a", SyncType::Full).to_vec();
    deeds.extend([
        Start("left", SyncType::Partial),
        PutResources("left", 0),
        PutGrants("left", 0),
        PutGrants("left", 1),
        Checkpoint("left"),
        Reopen,
    ]);
    deeds.extend(whole("b", SyncType::Full));
    deeds.extend([
        Pack("a"),
        Publish("a", "a.c1z"),
        Publish("b", "b.c1z"),
        Pair(["a.c1z", "b.c1z"], ["upserts.c1z", "deletions.c1z"]),
        Merge(["a.c1z", "b.c1z"], "merged.c1z"),
        Add("merged.c1z"),
        Add("deletions.c1z"),
        Add("upserts.c1z"),
        Link("a"),
    ]);
    deeds.extend(whole("c", SyncType::ResourcesOnly));
    deeds.extend([Delete("b"), Pack("c"), Reopen]);
    deeds.extend(whole("d", SyncType::Full));
    // Over those that are there.
    deeds.extend([
        Publish("d", "a.c1z"),
        Merge(["a.c1z", "b.c1z"], "merged.c1z"),
        Pair(["b.c1z", "a.c1z"], ["upserts.c1z", "deletions.c1z"]),
    ]);
    deeds.extend(whole("e", SyncType::Full));
    deeds.extend([
        PutGrants("left", 2),
        Checkpoint("left"),
        // What is current counts for retention, and nothing is after an interruption.
        Reopen,
        Cleanup,
        PutGrants("left", 3),
        End("left"),
        Pack("left"),
        Reopen,
    ]);
    deeds
}

impl Deed {
    /// Whether what it and all deeds before it did survives power failures once it is acknowledged.
    pub fn is_barrier(&self) -> bool {
        !matches!(
            self,
            Deed::PutResources(..) | Deed::PutGrants(..) | Deed::Mark(_) | Deed::Reopen
        )
    }
}

/// Ids of a deed, the same whenever it is done.
#[derive(Debug, Default)]
struct Ids {
    deed: AtomicU64,
    given: AtomicU64,
}

impl Ids {
    fn enter(&self, deed: usize) {
        self.deed.store(deed as u64, Ordering::Relaxed);
        self.given.store(0, Ordering::Relaxed);
    }
}

impl SyncIds for Ids {
    fn next(&self, _: Timestamp) -> c1z::Result<SyncId> {
        let (deed, given) = (&self.deed, &self.given);
        let number = deed.load(Ordering::Relaxed) * 100 + given.fetch_add(1, Ordering::Relaxed);
        SyncId::new(id_text(number))
    }
}

/// An id of 27 digits that is greater for greater numbers.
fn id_text(number: u64) -> String {
    format!("1{number:026}")
}

/// What a run needs from deed to deed.
struct Scribe<'a> {
    annals: &'a Annals,
    deeds: &'a [Deed],
    archive: Option<Archive>,
    clock: Arc<ManualClock>,
    ids: Arc<Ids>,
}

impl Annals {
    /// The folder.
    pub fn folder(&self) -> PathBuf {
        self.dir.join("syncs")
    }

    /// A file beside it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The names of all files that are made, each once.
    pub fn files() -> Vec<&'static str> {
        let mut names: Vec<&'static str> = Vec::new();
        for deed in deeds() {
            match deed {
                Deed::Publish(_, file) | Deed::Merge(_, file) => names.push(file),
                Deed::Pair(_, files) => names.extend(files),
                _ => {}
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How files and syncs are read.
    pub fn reading(&self) -> OpenOptions {
        OpenOptions {
            fs: Arc::clone(&self.fs),
            clock: Arc::new(ManualClock::at(BEGIN)),
            budget: MemoryBudget::new(16 << 20),
            ..OpenOptions::default()
        }
    }

    /// Does deeds from the given one to the last.
    pub fn run(&self, from: usize, watch: &mut dyn FnMut(Turn)) -> Result<()> {
        let deeds = deeds();
        let mut scribe = Scribe {
            annals: self,
            deeds: &deeds,
            archive: None,
            clock: Arc::new(ManualClock::at(BEGIN)),
            ids: Arc::default(),
        };
        for (index, deed) in deeds.iter().enumerate().skip(from) {
            watch(Turn::Begun(index));
            let done = scribe.perform(index, deed);
            done.map_err(|error| Error::new(format!("{deed:?}: {error:?}")))?;
            watch(Turn::Done(index));
        }
        Ok(())
    }
}

impl Scribe<'_> {
    /// The folder, open for writing.
    fn open(&mut self) -> c1z::Result<&Archive> {
        let annals = self.annals;
        let durability = match annals.flaw {
            Some(Flaw::NoLog) => Durability::None,
            _ => Durability::PerBatch,
        };
        if self.archive.is_none() {
            let options = ArchiveOptions {
                reading: OpenOptions {
                    clock: Arc::<ManualClock>::clone(&self.clock),
                    ..annals.reading()
                },
                writing: PebbleOptions {
                    ids: Arc::<Ids>::clone(&self.ids),
                    memory_bytes_max: 1 << 20,
                    threads: 1,
                    durability,
                    ..PebbleOptions::default()
                },
                open_entries_max: 2,
                ..ArchiveOptions::default()
            };
            self.archive = Some(Archive::create(annals.folder(), options)?);
        }
        let archive = self.archive.as_ref();
        archive.ok_or_else(|| c1z::Error::invalid("the folder is closed"))
    }

    /// The id of a sync: that of the deed in which it starts.
    fn id(&self, name: &str) -> c1z::Result<SyncId> {
        let mut deeds = self.deeds.iter();
        let starts = deeds.position(|deed| matches!(deed, Deed::Start(of, _) if *of == name));
        let starts = starts.ok_or_else(|| c1z::Error::not_found("no such sync"))?;
        SyncId::new(id_text(starts as u64 * 100))
    }

    fn perform(&mut self, index: usize, deed: &Deed) -> c1z::Result<()> {
        self.clock.set(BEGIN);
        self.clock.advance(Duration::from_secs(60 * index as u64));
        self.ids.enter(index);
        match deed {
            Deed::Start(name, of) => self.start(name, of),
            Deed::PutResources(name, part) => {
                let resources = resources(name, *part);
                self.current(name)?.put_resources(&resources)
            }
            Deed::PutGrants(name, part) => {
                let grants = grants(name, *part);
                self.current(name)?.put_grants(&grants)
            }
            Deed::Mark(name) => {
                let id = self.id(name)?;
                self.current(name)?.mark_supports_diff(&id)
            }
            Deed::Checkpoint(name) => self.current(name)?.checkpoint_sync(&format!("at {index}")),
            Deed::End(name) => {
                let id = self.id(name)?;
                if self.open()?.engine().get_sync(&id)?.is_finished() {
                    return Ok(());
                }
                self.current(name)?.end_sync()
            }
            Deed::Pack(name) => {
                let id = self.id(name)?;
                self.open()?.pack(&id).map(drop)
            }
            Deed::Link(name) => {
                let id = self.id(name)?;
                self.open()?.engine().set_sync_link(&id, "partner")
            }
            Deed::Delete(name) => {
                let id = self.id(name)?;
                self.open()?.engine().delete_sync_run(&id)
            }
            Deed::Cleanup => self.cleanup(),
            Deed::Reopen => {
                if let Some(archive) = self.archive.take() {
                    archive.close()?;
                }
                self.open().map(drop)
            }
            Deed::Publish(name, file) => {
                let (id, path) = (self.id(name)?, self.annals.file(file));
                self.open()?.publish(&id, &path, Existing::Replace)
            }
            Deed::Merge(inputs, output) => self.merge(*inputs, output),
            Deed::Pair(inputs, outputs) => self.pair(*inputs, *outputs),
            Deed::Add(file) => self.add(file),
        }
    }

    fn start(&mut self, name: &str, of: &SyncType) -> c1z::Result<()> {
        let id = self.id(name)?;
        let engine = self.open()?.engine();
        match engine.get_sync(&id) {
            // It was started, and nobody was told.
            Ok(_) => engine.resume_sync(None, Some(&id)).map(drop),
            Err(_) => engine.start_new_sync(of, "").map(drop),
        }
    }

    /// The engine, in which the sync is current.
    fn current(&mut self, name: &str) -> c1z::Result<&dyn StorageEngine> {
        let id = self.id(name)?;
        let engine = self.open()?.engine();
        if engine.current_sync().as_ref() != Some(&id) {
            engine.set_current_sync(&id)?;
        }
        Ok(engine)
    }

    fn cleanup(&mut self) -> c1z::Result<()> {
        let one_by_one = self.annals.flaw == Some(Flaw::OneByOne);
        let archive = self.open()?;
        let options = CleanupOptions {
            keep: Some(KEEP),
            dry_run: one_by_one,
            ..CleanupOptions::default()
        };
        let report = archive.cleanup(&options)?;
        if one_by_one {
            for gone in report.deleted {
                archive.engine().delete_sync_run(&gone.id)?;
            }
        }
        Ok(())
    }

    fn convert_options(&self) -> ConvertOptions {
        ConvertOptions {
            fs: Arc::clone(&self.annals.fs),
            existing: Existing::Replace,
            budget: MemoryBudget::new(32 << 20),
            threads: 1,
            level: 1,
            ..ConvertOptions::default()
        }
    }

    fn merge(&self, inputs: [&str; 2], output: &str) -> c1z::Result<()> {
        let annals = self.annals;
        let inputs = inputs.map(|input| annals.file(input));
        let options = MergeOptions {
            clock: Arc::<ManualClock>::clone(&self.clock),
            ids: Arc::<Ids>::clone(&self.ids),
            convert: self.convert_options(),
            ..MergeOptions::default()
        };
        let output = annals.file(output);
        if annals.flaw != Some(Flaw::CopiedInPlace) {
            return merge(&inputs, output, &options).map(drop);
        }
        let aside = annals.file("aside.c1z");
        merge(&inputs, &aside, &options)?;
        copy_in_place(&*annals.fs, &aside, &output)
    }

    fn pair(&self, inputs: [&str; 2], outputs: [&str; 2]) -> c1z::Result<()> {
        let [base, applied] = inputs.map(|input| DeltaInput::latest(self.annals.file(input)));
        let [upserts, deletions] = outputs.map(|output| self.annals.file(output));
        let options = DeltaOptions {
            clock: Arc::<ManualClock>::clone(&self.clock),
            ids: Arc::<Ids>::clone(&self.ids),
            convert: self.convert_options(),
            ..DeltaOptions::default()
        };
        pair(&base, &applied, upserts, deletions, &options).map(drop)
    }

    fn add(&mut self, file: &str) -> c1z::Result<()> {
        let path = self.annals.file(file);
        let store = c1z::open_with(&path, &self.annals.reading())?;
        let run = store.reader().latest_finished_sync(None)?;
        drop(store);
        let archive = self.open()?;
        let id = run.map(|run| run.id);
        if id.is_some_and(|id| archive.engine().get_sync(&id).is_ok()) {
            // It came, and nobody was told.
            return Ok(());
        }
        archive.add(&path, false).map(drop)
    }
}

/// The fault of [`Flaw::CopiedInPlace`].
fn copy_in_place(fs: &dyn Fs, from: &Path, to: &Path) -> c1z::Result<()> {
    let bytes = bytes_of(fs, from).map_err(|error| c1z::Error::invalid(format!("{error:?}")))?;
    let failed = |error: std::io::Error| c1z::Error::invalid(error.to_string());
    let mut file = fs.create(to).map_err(failed)?;
    for piece in bytes.unwrap_or_default().chunks(200) {
        file.write_all(piece).map_err(failed)?;
    }
    file.sync().map_err(failed)
}

fn resource(of: &str, id: String, display_name: &str) -> v2::Resource {
    v2::Resource {
        id: v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id,
            ..Default::default()
        }
        .into(),
        display_name: display_name.to_owned(),
        ..Default::default()
    }
}

/// Resources of a sync: some of its own, and some that all have, of another name in each.
fn resources(name: &str, part: usize) -> Vec<v2::Resource> {
    let own = (0..4).map(|i| resource("user", format!("{name}-{part}-{i}"), ""));
    let common = (0..3).map(|i| resource("group", format!("{i}"), name));
    own.chain(common).collect()
}

fn grants(name: &str, part: usize) -> Vec<v2::Grant> {
    let entitlement = v2::Entitlement {
        resource: resource("group", "0".to_owned(), "").into(),
        id: "group:0:member".to_owned(),
        ..Default::default()
    };
    let users = (0..4).map(|i| format!("{name}-{part}-{i}"));
    let all = users.chain((0..2).map(|i| format!("common-{i}")));
    all.map(|user| v2::Grant {
        id: format!("{user} by {name}"),
        entitlement: entitlement.clone().into(),
        principal: resource("user", user, "").into(),
        ..Default::default()
    })
    .collect()
}
