//! Times a folder of many small finished syncs: `bench_folder make|read|clean-up DIR directories|packed COUNT` (`just bench-folder`).
//!
//! Nothing is synced. Each line says how often files were opened, read, listed and looked up.
#![expect(clippy::print_stdout, reason = "the figures are the point of the run")]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use c1z::archive::{Archive, ArchiveOptions, CleanupOptions};
use c1z::engine::page::collect_pages;
use c1z::engine::types::{SyncId, SyncType};
use c1z::engine::{GrantFilter, PageRequest, PebbleOptions, Scope, StorageEngine};
use c1z::{Error, OpenOptions};
use c1z_proto::connector::v2;
use shingle::live::Durability;
use shingle::vfs::{Clock, FaultFs, FaultPlan, Fs, Op, OsClock, OsFs};
use testkit::durable::{Bend, BentFs};

/// Leaves out what only a power failure would miss.
#[derive(Debug)]
struct Unsynced;

impl Bend for Unsynced {
    fn bend(&self, op: Op, _: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        match op {
            Op::Sync | Op::SyncDir => Ok(()),
            _ => act(),
        }
    }
}

/// A file system that counts, and how it is read and written.
struct Bench {
    counting: FaultFs,
}

impl Bench {
    fn new() -> c1z::Result<Self> {
        let disk: Arc<dyn Fs> = Arc::new(BentFs::new(Arc::new(OsFs), Arc::new(Unsynced)));
        // A plan that nothing meets.
        let plan = FaultPlan::parse("fail lock 1000000");
        let plan = plan.map_err(|error| Error::invalid(error.to_string()))?;
        Ok(Self {
            counting: FaultFs::new(disk, plan),
        })
    }

    fn options(&self) -> ArchiveOptions {
        ArchiveOptions {
            reading: OpenOptions {
                fs: Arc::new(self.counting.clone()),
                ..OpenOptions::default()
            },
            writing: PebbleOptions {
                durability: Durability::None,
                memory_bytes_max: 1 << 20,
                threads: 1,
                ..PebbleOptions::default()
            },
            ..ArchiveOptions::default()
        }
    }

    /// Runs a phase and prints what it took.
    fn phase<T>(&self, name: &str, run: impl FnOnce() -> c1z::Result<T>) -> c1z::Result<T> {
        let ops = [
            (Op::Open, "opened"),
            (Op::Read, "read"),
            (Op::List, "listed"),
            (Op::Metadata, "looked up"),
        ];
        let before = ops.map(|(op, _)| self.counting.operations(op));
        let start = OsClock.monotonic();
        let result = run()?;
        let took: Duration = OsClock.monotonic().saturating_sub(start);
        print!("{name:<36} {:>9.4} s", took.as_secs_f64());
        for ((op, name), before) in ops.into_iter().zip(before) {
            print!("  {name} {:>6}", self.counting.operations(op) - before);
        }
        println!();
        Ok(result)
    }
}

fn main() -> c1z::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [phase, dir, form, count] = words.as_slice() else {
        return Err(Error::invalid("four words: see the top of bench_folder.rs"));
    };
    let count = count
        .parse()
        .map_err(|_| Error::invalid("COUNT is no number"))?;
    let (bench, dir) = (Bench::new()?, Path::new(dir));
    match phase.as_str() {
        "make" => make(&bench, dir, form == "packed", count),
        "read" => read(&bench, dir, count),
        _ => clean_up(&bench, dir),
    }
}

fn make(bench: &Bench, dir: &Path, packed: bool, count: usize) -> c1z::Result<()> {
    let archive = Archive::create(dir, bench.options())?;
    bench.phase("write", || write(archive.engine(), count))?;
    if packed {
        bench.phase("pack", || archive.pack_all().map(drop))?;
    }
    let bytes = bench.phase("size on disk", || archive.engine().size_on_disk())?;
    println!("{bytes} bytes");
    bench.phase("close, the catalog with it", || archive.close())
}

fn write(engine: &dyn StorageEngine, count: usize) -> c1z::Result<()> {
    for number in 0..count {
        engine.start_new_sync(&SyncType::Full, "")?;
        let of = |of: &str, id: &str| v2::Resource {
            id: v2::ResourceId {
                resource_type: of.to_owned(),
                resource: id.to_owned(),
                ..Default::default()
            }
            .into(),
            ..Default::default()
        };
        let entitlement = v2::Entitlement {
            id: "member".to_owned(),
            resource: of("group", "g").into(),
            ..Default::default()
        };
        engine.put_entitlements(std::slice::from_ref(&entitlement))?;
        let grants: Vec<v2::Grant> = (0..3)
            .map(|i| v2::Grant {
                id: format!("{number} {i}"),
                entitlement: entitlement.clone().into(),
                principal: of("user", &i.to_string()).into(),
                ..Default::default()
            })
            .collect();
        engine.put_grants(&grants)?;
        engine.end_sync()?;
    }
    Ok(())
}

fn read(bench: &Bench, dir: &Path, count: usize) -> c1z::Result<()> {
    let without = ArchiveOptions {
        catalog: false,
        ..bench.options()
    };
    bench.phase("open for reading without a catalog", || {
        Archive::open_for_reading(dir, without).map(drop)
    })?;
    let archive = bench.phase("open for reading with the catalog", || {
        Archive::open_for_reading(dir, bench.options())
    })?;
    let engine = archive.engine();
    let runs = bench.phase("list all runs", || {
        collect_pages(|page| engine.list_sync_runs(page))
    })?;
    assert_eq!(runs.len(), count, "every sync is listed");
    bench.phase("list all runs, 100 a page", || {
        collect_pages(|page| {
            engine.list_sync_runs(&PageRequest {
                size: 100,
                ..page.clone()
            })
        })
    })?;
    bench.phase("latest finished", || engine.latest_finished_sync(None))?;
    let middle = runs.get(count / 2).map(|run| run.id.clone());
    let middle: SyncId = middle.ok_or_else(|| Error::not_found("no sync"))?;
    bench.phase("view one and list its grants", || {
        engine.view_sync(Some(&middle))?;
        let grants = engine.stream_grants(&Scope::Default, &GrantFilter::default())?;
        assert_eq!(grants.count(), 3, "its grants");
        Ok(())
    })
}

fn clean_up(bench: &Bench, dir: &Path) -> c1z::Result<()> {
    let archive = bench.phase("open for writing, with the catalog", || {
        Archive::open(dir, bench.options())
    })?;
    let dry = CleanupOptions {
        dry_run: true,
        ..CleanupOptions::default()
    };
    bench.phase("decide what cleanup deletes", || archive.cleanup(&dry))?;
    let report = bench.phase("clean up, 2 stay", || {
        archive.cleanup(&CleanupOptions::default())
    })?;
    println!(
        "{} syncs and {} bytes gone, {} bytes stay",
        report.deleted.len(),
        report.bytes,
        archive.engine().size_on_disk()?
    );
    bench.phase("close", || archive.close())
}
