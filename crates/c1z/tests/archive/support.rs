//! Folders in memory, and syncs with something in them.

use std::path::Path;
use std::sync::Arc;

use buffa::MessageField;
use c1z::OpenOptions;
use c1z::archive::{Archive, ArchiveOptions};
use c1z::engine::ids::Ksuids;
use c1z::engine::page::collect_pages;
use c1z::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
use c1z::engine::{GrantFilter, PebbleOptions, Reader, Scope, StorageEngine};
use c1z_proto::connector::v2;
use shingle::vfs::Fs;
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;

/// The folder of all tests.
pub(crate) const FOLDER: &str = "syncs";

/// When the clock starts.
pub(crate) const START: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanos: 0,
};

/// Options on a file system, with ids and temporary names that depend on `seed` alone.
pub(crate) fn options(fs: Arc<dyn Fs>, seed: u64) -> ArchiveOptions {
    let clock = Arc::new(ManualClock::at(
        START.plus_seconds(i64::try_from(seed).unwrap()),
    ));
    ArchiveOptions {
        reading: OpenOptions {
            fs,
            clock,
            ..OpenOptions::default()
        },
        writing: PebbleOptions {
            ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(seed)))),
            memory_bytes_max: 1 << 20,
            ..PebbleOptions::default()
        },
        entropy: Arc::new(SeededEntropy::seeded(seed + 1)),
        open_entries_max: 3,
        ..ArchiveOptions::default()
    }
}

/// The folder of a file system, to be written.
pub(crate) fn open(fs: &(impl Fs + Clone + 'static), seed: u64) -> Archive {
    Archive::create(FOLDER, options(Arc::new(fs.clone()), seed)).unwrap()
}

/// The path of a name in the folder.
pub(crate) fn path(name: &str) -> std::path::PathBuf {
    Path::new(FOLDER).join(name)
}

pub(crate) fn resource(of: &str, id: &str) -> v2::Resource {
    v2::Resource {
        id: MessageField::some(v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub(crate) fn entitlement() -> v2::Entitlement {
    v2::Entitlement {
        resource: MessageField::some(resource("group", "g")),
        id: "group:g:member".to_owned(),
        ..Default::default()
    }
}

pub(crate) fn grant(user: &str) -> v2::Grant {
    v2::Grant {
        entitlement: MessageField::some(entitlement()),
        principal: MessageField::some(resource("user", user)),
        ..Default::default()
    }
}

/// Writes a sync of `count` grants, each of which bears its name.
pub(crate) fn fill(engine: &dyn StorageEngine, name: &str, count: usize) -> c1z::Result<()> {
    let users: Vec<String> = (0..count).map(|i| format!("{name}-{i}")).collect();
    let resources: Vec<_> = users.iter().map(|user| resource("user", user)).collect();
    let grants: Vec<_> = users.iter().map(|user| grant(user)).collect();
    let kind = v2::ResourceType {
        id: name.to_owned(),
        ..Default::default()
    };
    engine.put_resource_types(&[kind])?;
    engine.put_resources(&resources)?;
    engine.put_entitlements(&[entitlement()])?;
    engine.put_grants(&grants)
}

/// A finished sync.
pub(crate) fn finished(
    engine: &dyn StorageEngine,
    of: &SyncType,
    name: &str,
) -> c1z::Result<SyncId> {
    let id = engine.start_new_sync(of, "")?;
    fill(engine, name, 3)?;
    engine.end_sync()?;
    Ok(id)
}

pub(crate) fn runs(reader: &(impl Reader + ?Sized)) -> Vec<SyncRun> {
    collect_pages(|page| reader.list_sync_runs(page)).unwrap()
}

pub(crate) fn ids(reader: &(impl Reader + ?Sized)) -> Vec<SyncId> {
    runs(reader).into_iter().map(|run| run.id).collect()
}

/// Principals of all grants of a sync, sorted.
pub(crate) fn holders(reader: &(impl Reader + ?Sized), scope: &Scope) -> Vec<String> {
    let rows = reader
        .stream_grants(scope, &GrantFilter::default())
        .unwrap();
    let mut holders: Vec<String> = rows
        .map(|row| row.unwrap().grant.principal.id.resource.clone())
        .collect();
    holders.sort();
    holders
}
