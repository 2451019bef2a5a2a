//! The engine over a seam that a test watches, stops and breaks; what a caller cannot reach.

mod edits;
mod ends;
mod faults;
mod on_disk;
#[cfg(feature = "schedules")]
mod schedules;
mod seam;
mod writes;

use std::sync::Arc;

use c1z_proto::connector::v2;
use shingle::vfs::{Clock, ManualClock};

use super::PebbleOptions;
use super::store::PebbleStore;
use crate::engine::GrantFilter;
use crate::engine::ids::SyncIds;
use crate::engine::page::collect_pages;
use crate::engine::types::{SyncId, Timestamp};
use crate::engine::{Scope, StorageEngine};
use crate::ksuid::Ksuid;
use seam::Watched;

type Rows = std::collections::BTreeMap<Vec<u8>, Vec<u8>>;

/// The one id of the one sync.
#[derive(Debug)]
struct OneId;

impl SyncIds for OneId {
    fn next(&self, _: Timestamp) -> crate::Result<SyncId> {
        SyncId::new(Ksuid::from_bytes([7; 20]).to_string())
    }
}

fn options() -> PebbleOptions {
    PebbleOptions {
        clock: clock(),
        ids: Arc::new(OneId),
        ..PebbleOptions::default()
    }
}

fn clock() -> Arc<dyn Clock> {
    let since_epoch = std::time::Duration::from_millis(1_800_000_000_100);
    Arc::new(ManualClock::new(since_epoch))
}

/// An engine over a watched seam.
fn watched() -> (PebbleStore, Arc<Watched>) {
    let seam = Arc::new(Watched::new());
    let store = PebbleStore::open(seam.clone(), options(), false).unwrap();
    (store, seam)
}

fn rows(store: &PebbleStore) -> Rows {
    let mut rows = Rows::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    };
    store.for_each_row(&mut each).unwrap();
    rows
}

fn resource(of: &str, id: &str) -> v2::Resource {
    v2::Resource {
        id: Some(v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id.to_owned(),
            ..Default::default()
        })
        .into(),
        ..Default::default()
    }
}

fn resource_type(id: &str) -> v2::ResourceType {
    v2::ResourceType {
        id: id.to_owned(),
        ..Default::default()
    }
}

fn entitlement(id: &str) -> v2::Entitlement {
    v2::Entitlement {
        resource: Some(resource("group", "g")).into(),
        id: id.to_owned(),
        ..Default::default()
    }
}

/// The grant of `group:g:member` to a user.
fn grant(user: &str) -> v2::Grant {
    v2::Grant {
        entitlement: Some(entitlement("group:g:member")).into(),
        principal: Some(resource("user", user)).into(),
        ..Default::default()
    }
}

fn named(user: &str, id: &str) -> v2::Grant {
    v2::Grant {
        id: id.to_owned(),
        ..grant(user)
    }
}

/// Ids of all grants.
fn grant_ids(engine: &dyn StorageEngine) -> Vec<String> {
    let filter = GrantFilter::default();
    let rows = collect_pages(|page| engine.list_grants(&Scope::Default, &filter, page));
    rows.unwrap().into_iter().map(|row| row.grant.id).collect()
}
