//! Index rows without a record are no records.

use std::collections::BTreeMap;
use std::sync::Arc;

use c1z::engine::types::{ResourceRef, SyncType};
use c1z::engine::{GrantFilter, PebbleOptions, PebbleStore, Scope};
use c1z::keyspace::Family;
use c1z::ops::NoObserver;
use c1z::ops::verify::{Class, VerifyOptions, verify};
use shingle::bulk::{BulkBuilder, BulkOptions};
use shingle::vfs::{Fs, MemFs};
use testkit::chance::SeededEntropy;

use crate::saving::grant;

/// A database whose principal index has a row for a grant that is not there.
fn with_orphan() -> Arc<dyn Fs> {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let store = PebbleStore::in_memory(PebbleOptions::default()).unwrap();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a"), grant("b")]).unwrap();
    engine.end_sync().unwrap();
    let mut rows = BTreeMap::new();
    store
        .for_each_row(&mut |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            Ok(())
        })
        .unwrap();
    // The record goes, the rows of its indexes stay.
    let gone = rows
        .keys()
        .find(|key| Family::of(key) == Some(Family::Grant));
    let gone = gone.unwrap().clone();
    rows.remove(&gone);
    let options = BulkOptions::default();
    let mut builder = BulkBuilder::new(Arc::clone(&fs), "db", options).unwrap();
    for (key, value) in &rows {
        builder.add(key, value).unwrap();
    }
    builder.finish().unwrap();
    fs
}

#[test]
fn an_index_row_without_its_record_is_found_and_never_returned() {
    let fs = with_orphan();
    let options = VerifyOptions {
        fs: Arc::clone(&fs),
        entropy: Arc::new(SeededEntropy::seeded(1)),
        scratch: "".into(),
        ..VerifyOptions::default()
    };
    let report = verify("db", &options, &NoObserver).unwrap();
    let mut groups = report.groups();
    assert!(groups.any(|group| group.class == Class::IndexOrphan));
    // Lists by principal go through that index.
    let store = PebbleStore::open_in(fs, "db", PebbleOptions::default()).unwrap();
    let of = |user: &str| {
        let filter = GrantFilter {
            principal: Some(ResourceRef::new("user", user)),
            ..GrantFilter::default()
        };
        let rows = store.engine().stream_grants(&Scope::Default, &filter);
        let rows = rows.unwrap().map(Result::unwrap);
        rows.map(|row| row.grant.id).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("a"), of("b")),
        (Vec::new(), vec!["grant-of-b".to_owned()])
    );
}
