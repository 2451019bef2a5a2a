//! Every long operation tells how far it is at least every five seconds, in every phase, and can be stopped there.
//!
//! The disk is slow: each read and each write takes a second of a clock that nothing else moves. So whatever happens without
//! a sign of life between six reads or writes shows as silence.
#![expect(
    clippy::disallowed_methods,
    reason = "golden files are copied to a disk in memory"
)]

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use c1z::archive::{Archive, ArchiveOptions, CleanupOptions};
use c1z::engine::tee::{Allowed, CompareOptions, compare};
use c1z::engine::types::{EntitlementRef, ResourceRef, SyncType};
use c1z::engine::{
    EntitlementFilter, GrantFilter, Identity, PageRequest, PebbleOptions, PebbleStore, Scope,
};
use c1z::envelope::{EnvelopeFile, Existing};
use c1z::ops::build::{PackOptions, publish_store};
use c1z::ops::convert::{ConvertOptions, FileFormat, convert};
use c1z::ops::copy::{CloneOptions, clone_sync, snapshot};
use c1z::ops::delta::{DeltaInput, DeltaOptions, additions};
use c1z::ops::diff::{Change, DiffOptions, Side, diff};
use c1z::ops::maintain::{estimate, optimize, recalculate_stats};
use c1z::ops::merge::{MergeOptions, merge};
use c1z::ops::ndjson::{write_database, write_v1};
use c1z::ops::repair::{RepairOptions, repair};
use c1z::ops::rollback::{RollbackOptions, rollback};
use c1z::ops::verify::{VerifyOptions, verify};
use c1z::ops::why::{WhyOptions, why};
use c1z::ops::{Observer, Progress, Pulse, SharedObserver, dump};
use c1z::v1_tables::Zone;
use c1z::{Error, ErrorKind, MemoryBudget, OpenOptions};
use shingle::vfs::{
    Clock, FileLock, Fs, ManualClock, MemFs, Metadata, OsEntropy, ReadFile, WriteFile,
};
use testkit::golden::Case;

use crate::support::grant;

/// The longest silence that is allowed.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// What a read, a write or a sync takes.
const STEP: Duration = Duration::from_secs(1);

/// A slow disk.
#[derive(Debug)]
struct Slow<T: ?Sized> {
    clock: Arc<ManualClock>,
    inner: T,
}

impl<T> Slow<T> {
    fn wait(&self) {
        self.clock.advance(STEP);
    }

    fn like<U>(&self, inner: U) -> Slow<U> {
        let clock = Arc::clone(&self.clock);
        Slow { clock, inner }
    }
}

impl ReadFile for Slow<Arc<dyn ReadFile>> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.wait();
        self.inner.read_at(offset, buf)
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }
}

impl WriteFile for Slow<Box<dyn WriteFile>> {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.wait();
        self.inner.write_all(data)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.wait();
        self.inner.sync()
    }
}

impl Fs for Slow<MemFs> {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        Ok(Arc::new(self.like(self.inner.open(path)?)))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(self.like(self.inner.create(path)?)))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(self.like(self.inner.create_new(path)?)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.inner.metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir_all(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.inner.lock(path)
    }
}

/// Notes the longest silence; gives up at the call of a number.
struct Listener {
    clock: Arc<ManualClock>,
    heard: Mutex<(Duration, Duration)>,
    calls: AtomicU64,
    gives_up_at: u64,
}

impl Listener {
    /// Seconds of the longest silence until now.
    fn silence(&self) -> Duration {
        let (last, longest) = *self.heard.lock().unwrap();
        longest.max(self.clock.monotonic().saturating_sub(last))
    }
}

impl Observer for Listener {
    fn advanced(&self, _: &Progress) -> c1z::Result<()> {
        let now = self.clock.monotonic();
        let mut heard = self.heard.lock().unwrap();
        *heard = (now, heard.1.max(now.saturating_sub(heard.0)));
        if self.calls.fetch_add(1, Ordering::Relaxed) >= self.gives_up_at {
            return Err(Error::new(ErrorKind::Cancelled, "enough"));
        }
        Ok(())
    }
}

/// Where a job works.
struct World {
    disk: MemFs,
    fs: Arc<dyn Fs>,
    clock: Arc<ManualClock>,
    listener: Arc<Listener>,
}

impl World {
    /// A disk with the golden files of a case and of the two sides of a difference; nobody has read it yet.
    fn of(case: &str, gives_up_at: u64) -> Self {
        let disk = MemFs::new();
        for (case, file, name) in [
            (case, "v1.c1z", "v1"),
            (case, "v3.indexed_zstd.c1z", "v3"),
            ("diff-base", "v3.indexed_zstd.c1z", "base"),
            ("diff-applied", "v3.indexed_zstd.c1z", "applied"),
        ] {
            let path = Case::named(case).path(file);
            if path.is_file() {
                let mut file = disk.create(Path::new(name)).unwrap();
                file.write_all(&std::fs::read(path).unwrap()).unwrap();
                file.sync().unwrap();
            }
        }
        let clock = Arc::new(ManualClock::new(Duration::from_hours(500_000)));
        let slow = Slow {
            clock: Arc::clone(&clock),
            inner: disk.clone(),
        };
        let listener = Arc::new(Listener {
            clock: Arc::clone(&clock),
            heard: Mutex::new((clock.monotonic(), Duration::ZERO)),
            calls: AtomicU64::new(0),
            gives_up_at,
        });
        Self {
            disk,
            fs: Arc::new(slow),
            clock,
            listener,
        }
    }

    fn shared(&self) -> SharedObserver {
        SharedObserver::new(self.listener.clone())
    }

    fn convert(&self) -> ConvertOptions {
        ConvertOptions {
            fs: Arc::clone(&self.fs),
            clock: self.clock.clone(),
            observer: self.listener.clone(),
            budget: MemoryBudget::new(32 << 20),
            threads: 1,
            ..ConvertOptions::default()
        }
    }

    fn open(&self, path: &str) -> c1z::Result<c1z::Store> {
        let options = OpenOptions {
            fs: Arc::clone(&self.fs),
            clock: self.clock.clone(),
            observer: self.shared(),
            ..OpenOptions::default()
        };
        c1z::open_with(path, &options)
    }

    fn pack(&self) -> PackOptions {
        PackOptions {
            fs: Arc::clone(&self.fs),
            clock: self.clock.clone(),
            observer: self.shared(),
            ..PackOptions::default()
        }
    }

    fn pebble(&self) -> PebbleOptions {
        PebbleOptions {
            clock: self.clock.clone(),
            observer: self.shared(),
            threads: 1,
            ..PebbleOptions::default()
        }
    }

    /// A store with an unfinished sync.
    fn written(&self, options: PebbleOptions) -> c1z::Result<PebbleStore> {
        let store = PebbleStore::create_in(Arc::clone(&self.fs), "live", options)?;
        store.engine().start_new_sync(&SyncType::Full, "")?;
        for round in 0..10 {
            let grants: Vec<_> = (0..500)
                .map(|n| grant(&format!("g{n}"), "member", &format!("u{round}-{n}")))
                .collect();
            store.engine().put_grants(&grants)?;
        }
        Ok(store)
    }

    fn archive(&self) -> c1z::Result<Archive> {
        let options = ArchiveOptions {
            reading: OpenOptions {
                fs: Arc::clone(&self.fs),
                clock: self.clock.clone(),
                ..OpenOptions::default()
            },
            observer: self.shared(),
            ..ArchiveOptions::default()
        };
        Archive::create("syncs", options)
    }

    /// What the disk holds, but for the folder of syncs, whose content its own tests look at.
    fn names(&self) -> Vec<String> {
        let mut names = self.disk.list(Path::new("")).unwrap();
        names.retain(|name| name != "syncs" && name != "live");
        names
    }
}

type Job = fn(&World) -> c1z::Result<()>;

/// Every long operation: its name, the golden case that it works on, what it does.
const JOBS: &[(&str, &str, Job)] = &[
    ("open v1", "realistic", |world| world.open("v1").map(drop)),
    ("convert v1 to v3", "realistic", |world| {
        converted(world, "v1", FileFormat::V3)
    }),
    ("convert v1 to v1", "realistic", |world| {
        converted(world, "v1", FileFormat::V1)
    }),
    ("convert v3 to v1", "realistic", |world| {
        converted(world, "v3", FileFormat::V1)
    }),
    ("convert v3 to v3", "realistic", |world| {
        converted(world, "v3", FileFormat::V3)
    }),
    ("convert v3 to a directory", "realistic", |world| {
        converted(world, "v3", FileFormat::PebbleDir)
    }),
    ("convert v3 to NDJSON", "realistic", |world| {
        converted(world, "v3", FileFormat::Ndjson)
    }),
    ("export v3", "realistic", |world| {
        let store = world.open("v3")?;
        let database = store.database().unwrap();
        let budget = MemoryBudget::new(8 << 20);
        write_database(database, &budget, &mut io::sink(), &*world.listener).map(drop)
    }),
    ("export v1", "realistic", |world| {
        let store = world.open("v1")?;
        let database = store.sqlite().unwrap();
        write_v1(
            database,
            &Zone::utc(),
            None,
            &mut io::sink(),
            &*world.listener,
        )
        .map(drop)
    }),
    ("diff", "realistic", |world| {
        let (base, applied) = (world.open("base")?, world.open("applied")?);
        let sync = |store: &c1z::Store| {
            let latest = store.reader().latest_finished_sync(None);
            latest.map(|run| run.unwrap().id)
        };
        let options = DiffOptions {
            identity: Identity::Structural,
            changes: &Change::ALL,
            as_v3: false,
            budget: MemoryBudget::new(8 << 20),
        };
        diff(
            Side::new(base.reader(), &sync(&base)?),
            Side::new(applied.reader(), &sync(&applied)?),
            &options,
            &*world.listener,
            &mut |_, _: c1z_proto::connector::v2::Grant| Ok::<_, Error>(()),
        )
    }),
    ("compare", "realistic", |world| {
        let (left, right) = (world.open("v3")?, world.open("v3")?);
        let (left, right) = (left.reader(), right.reader());
        let options = CompareOptions {
            allowed: Allowed::between(&left.metadata(), &right.metadata()),
            budget: MemoryBudget::new(8 << 20),
            examples_max: 1,
            sync: None,
        };
        compare(left, right, &options, &*world.listener).map(drop)
    }),
    ("search", "expandable-expanded", |world| {
        let store = world.open("v3")?;
        let reader = store.reader();
        let page = PageRequest::first(1);
        let grants = reader.list_grants(&Scope::Default, &GrantFilter::default(), &page)?;
        let entitlements =
            reader.list_entitlements(&Scope::Default, &EntitlementFilter::default(), &page)?;
        let id = grants.rows[0].grant.principal.id.as_option().unwrap();
        let principal = ResourceRef::new(&*id.resource_type, &*id.resource);
        let entitlement = EntitlementRef::bare(&*entitlements.rows[0].id);
        let options = WhyOptions {
            observer: &*world.listener,
            ..WhyOptions::default()
        };
        why(reader, &Scope::Default, &principal, &entitlement, &options).map(drop)
    }),
    ("additions", "realistic", |world| {
        let options = DeltaOptions {
            convert: world.convert(),
            ..DeltaOptions::default()
        };
        let (base, applied) = (DeltaInput::latest("base"), DeltaInput::latest("applied"));
        additions(&base, &applied, "out", &options).map(drop)
    }),
    ("merge", "realistic", |world| {
        let options = MergeOptions {
            convert: world.convert(),
            ..MergeOptions::default()
        };
        merge(&["base", "applied"], "out", &options).map(drop)
    }),
    ("verify v1", "realistic", |world| verified(world, "v1")),
    ("verify v3", "realistic", |world| verified(world, "v3")),
    ("repair v1", "realistic", |world| repaired(world, "v1")),
    ("repair v3", "realistic", |world| repaired(world, "v3")),
    ("rollback", "expandable-expanded", |world| {
        let options = RollbackOptions {
            convert: world.convert(),
            ..RollbackOptions::default()
        };
        rollback("v3", "out", &options).map(drop)
    }),
    ("optimize v1", "realistic", |world| {
        optimize("v1", &world.convert()).map(drop)
    }),
    ("optimize v3", "realistic", |world| {
        optimize("v3", &world.convert()).map(drop)
    }),
    ("estimate v1", "realistic", |world| {
        estimate("v1", &world.convert()).map(drop)
    }),
    ("estimate v3", "realistic", |world| {
        estimate("v3", &world.convert()).map(drop)
    }),
    ("recalculate", "realistic", |world| {
        recalculate_stats("v1", None, &world.convert()).map(drop)
    }),
    ("clone", "realistic", |world| {
        let options = CloneOptions {
            convert: world.convert(),
            ..CloneOptions::default()
        };
        clone_sync("v1", "out", &options).map(drop)
    }),
    ("snapshot", "realistic", |world| {
        snapshot("v3", "out", &world.convert()).map(drop)
    }),
    ("dump", "realistic", |world| {
        let options = c1z::envelope::OpenOptions::default();
        let pulse = Pulse::new(world.shared(), world.clock.clone());
        let fs = pulse.fs(Arc::clone(&world.fs));
        let work = || {
            let file = EnvelopeFile::open(&*fs, Path::new("v3"), &options)?;
            dump(&fs, &OsEntropy, &file, Path::new("out")).map(drop)
        };
        pulse.end(work())
    }),
    ("publish", "realistic", |world| {
        // The store reads and writes its own files: what it does is told to its own observer.
        let store = world.written(world.pebble())?;
        store.engine().end_sync()?;
        rested(world);
        publish_store(&store, Path::new("out"), &world.pack()).map(drop)
    }),
    ("seal", "realistic", |world| {
        let store = world.written(world.pebble())?;
        store.engine().end_sync()
    }),
    ("compact", "realistic", |world| {
        let store = world.written(world.pebble())?;
        store.compact(&*world.listener).map(drop)
    }),
    ("add and clean up", "multi-sync", |world| {
        let archive = world.archive()?;
        rested(world);
        archive.add(Path::new("v1"), true)?;
        let keep = CleanupOptions {
            keep: Some(1),
            ..CleanupOptions::default()
        };
        archive.cleanup(&keep).map(drop)
    }),
    ("pack and publish from a folder", "realistic", |world| {
        let archive = world.archive()?;
        let engine = archive.engine();
        let sync = engine.start_new_sync(&SyncType::Full, "")?;
        engine.put_grants(&[grant("g", "member", "u")])?;
        engine.end_sync()?;
        rested(world);
        archive.pack_all()?;
        archive.publish(&sync, Path::new("out"), Existing::Keep)
    }),
];

fn converted(world: &World, input: &str, to: FileFormat) -> c1z::Result<()> {
    let options = ConvertOptions {
        to: Some(to),
        ..world.convert()
    };
    convert(input, "out", &options).map(drop)
}

fn verified(world: &World, input: &str) -> c1z::Result<()> {
    let options = VerifyOptions {
        fs: Arc::clone(&world.fs),
        clock: world.clock.clone(),
        threads: 1,
        ..VerifyOptions::default()
    };
    verify(input, &options, Arc::clone(&world.listener)).map(drop)
}

fn repaired(world: &World, input: &str) -> c1z::Result<()> {
    let options = RepairOptions {
        pack: world.pack(),
        ..RepairOptions::default()
    };
    repair(input, "out", &options, world.listener.clone()).map(drop)
}

/// What was done to prepare is no part of the job.
fn rested(world: &World) {
    *world.listener.heard.lock().unwrap() = (world.clock.monotonic(), Duration::ZERO);
}

#[test]
fn no_operation_is_silent_for_more_than_five_seconds() {
    let mut long = 0;
    for (name, case, job) in JOBS {
        let world = World::of(case, u64::MAX);
        let started = world.clock.monotonic();
        job(&world).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let took = world.clock.monotonic().saturating_sub(started);
        let silence = world.listener.silence();
        let calls = world.listener.calls.load(Ordering::Relaxed);
        println!("{name}: {calls} calls in {took:?}, longest silence {silence:?}");
        assert!(silence <= SILENCE_MAX, "{name} was silent for {silence:?}");
        long += usize::from(took > SILENCE_MAX);
    }
    assert!(long >= 20, "only {long} took longer at all");
}

#[test]
fn every_operation_can_be_stopped_whenever_it_speaks() {
    for (name, case, job) in JOBS {
        let calls = {
            let world = World::of(case, u64::MAX);
            job(&world).unwrap();
            world.listener.calls.load(Ordering::Relaxed)
        };
        // The first and the last calls, and some in between.
        let stride = (calls / 4).max(1);
        let sampled = (0..calls).step_by(usize::try_from(stride).unwrap());
        let (mut stopped, mut went_on, mut unasked) = (0, 0, 0);
        for at in sampled.chain(calls.saturating_sub(2)..calls) {
            let world = World::of(case, at);
            let before = world.names();
            match job(&world) {
                // Threads may make it speak a little less often in this run.
                Ok(()) if world.listener.calls.load(Ordering::Relaxed) <= at => unasked += 1,
                Ok(()) => went_on += 1,
                Err(error) => {
                    assert_eq!(
                        error.kind(),
                        ErrorKind::Cancelled,
                        "{name} at {at}: {error:?}"
                    );
                    assert_eq!(world.names(), before, "{name} at {at}");
                    stopped += 1;
                }
            }
        }
        println!("{name}: stopped {stopped} times, went on {went_on}, not asked {unasked} times");
        // A store is asked at rows alone: a failed write to its log would end writing for good.
        let is_store = ["publish", "seal", "compact"].contains(name) || *case == "multi-sync";
        let is_store = is_store || name.contains("folder");
        assert!(
            stopped >= 3 && (is_store || went_on == 0),
            "{name}: {stopped}, {went_on}"
        );
    }
}
