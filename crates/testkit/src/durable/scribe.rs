//! How each deed is done.

use std::path::Path;
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

use super::annals::BEGIN;
use super::{Annals, Deed, Flaw, bytes_of};
use crate::clock::ManualClock;

/// Full syncs that a cleanup leaves.
const KEEP: usize = 2;

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
pub(super) struct Scribe<'a> {
    annals: &'a Annals,
    deeds: &'a [Deed],
    archive: Option<Archive>,
    clock: Arc<ManualClock>,
    ids: Arc<Ids>,
}

impl<'a> Scribe<'a> {
    pub(super) fn new(annals: &'a Annals, deeds: &'a [Deed]) -> Self {
        Self {
            annals,
            deeds,
            archive: None,
            clock: Arc::new(ManualClock::at(BEGIN)),
            ids: Arc::default(),
        }
    }

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

    pub(super) fn perform(&mut self, index: usize, deed: &Deed) -> c1z::Result<()> {
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
