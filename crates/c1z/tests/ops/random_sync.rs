//! Small syncs of random records, so that several of them meet in identities and times.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use c1z::Result;
use c1z::engine::ids::Ksuids;
use c1z::engine::types::{SyncType, Timestamp};
use c1z::engine::{PebbleOptions, PebbleStore, Profile};
use c1z::ops::build::publish_store;
use c1z_proto::connector::v2;
use shingle::vfs::Fs;
use testkit::chance::{Chance, SeededEntropy};
use testkit::clock::ManualClock;

use super::support::{Rows, pack_options};

/// Rows of a v3 file.
pub(crate) fn rows_of_file(fs: &Arc<dyn Fs>, path: &Path) -> Rows {
    let options = c1z::OpenOptions {
        fs: Arc::clone(fs),
        ..c1z::OpenOptions::default()
    };
    let store = c1z::open_with(path, &options).unwrap();
    let database = store.database().unwrap();
    let mut scan = database.scan(
        shingle::iter::Bounds::all(),
        shingle::db::ScanOptions::default(),
    );
    let mut rows = Rows::new();
    while let Some((key, value)) = scan.next().unwrap() {
        rows.insert(key.to_vec(), value.to_vec());
    }
    rows
}

/// A file of random records that were written at random moments of a few.
pub(crate) fn random_file(
    fs: &Arc<dyn Fs>,
    path: &str,
    chance: &mut Chance,
    sync_type: &SyncType,
) -> Rows {
    let clock = Arc::new(ManualClock::at(Timestamp {
        seconds: 1_700_000_000,
        nanos: 0,
    }));
    let store = PebbleStore::in_memory(PebbleOptions {
        clock: Arc::<ManualClock>::clone(&clock),
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(
            chance.number(),
        )))),
        profile: Profile::Ours,
        ..PebbleOptions::default()
    })
    .unwrap();
    let engine = store.engine();
    let id = engine.start_new_sync(sync_type, "").unwrap();
    for _ in 0..chance.below(12) {
        clock.advance(Duration::from_secs(chance.below(3) as u64));
        let number = chance.below(5);
        let text = format!("{}", chance.below(1_000));
        write_one(engine, chance.below(5), number, text).unwrap();
    }
    engine.mark_supports_diff(&id).unwrap();
    engine.end_sync().unwrap();
    publish_store(&store, Path::new(path), &pack_options(fs, 1)).unwrap();
    let mut rows = Rows::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    };
    store.for_each_row(&mut each).unwrap();
    rows
}

fn resource(kind: &str, id: String, display_name: String) -> v2::Resource {
    v2::Resource {
        id: v2::ResourceId {
            resource_type: kind.to_owned(),
            resource: id,
            ..Default::default()
        }
        .into(),
        display_name,
        ..Default::default()
    }
}

fn write_one(
    engine: &dyn c1z::engine::StorageEngine,
    kind: usize,
    number: usize,
    text: String,
) -> Result<()> {
    let entitlement = |slug: String| v2::Entitlement {
        id: format!("e{number}"),
        resource: resource("group", "g".to_owned(), String::new()).into(),
        slug,
        ..Default::default()
    };
    match kind {
        0 => engine.put_resource_types(&[v2::ResourceType {
            id: format!("t{number}"),
            display_name: text,
            ..Default::default()
        }]),
        1 => engine.put_resources(&[resource("user", number.to_string(), text)]),
        2 => engine.put_entitlements(&[entitlement(text)]),
        3 => engine.put_asset(&format!("a{number}"), "text/plain", &mut text.as_bytes()),
        _ => engine.put_grants(&[v2::Grant {
            id: format!("grant {text}"),
            entitlement: entitlement(String::new()).into(),
            principal: resource("user", "p".to_owned(), String::new()).into(),
            ..Default::default()
        }]),
    }
}
