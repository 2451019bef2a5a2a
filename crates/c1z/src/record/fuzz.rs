//! Entry points for hostile values. Each takes any bytes, must return, and must not panic but where two
//! ways of reading the same record disagree.

use c1z_proto::connector::v2::Grant;
use c1z_proto::schema::Described;
use c1z_proto::storage::v3::{
    AssetRecord, EntitlementRecord, GrantRecord, ResourceRecord, ResourceTypeRecord, SessionRecord,
};

use super::{
    AssetView, Expansion, GrantView, SessionView, discovered_at, entitlement, grant, message,
    primary_key_into, resource, resource_type, stats, sync_run, timestamp, token,
};
use crate::engine::types::SyncStats;
use crate::keyspace::{Family, Key};

/// Reads `bytes` as a record of `family` in every way.
///
/// # Panics
/// If two ways of reading the record disagree.
pub fn value(family: Family, bytes: &[u8]) {
    drop(discovered_at(family, bytes));
    let mut key = Vec::new();
    if primary_key_into(family, bytes, &mut key).is_ok() {
        let parsed = Key::parse(&key);
        assert!(parsed.is_ok_and(|key| key.family() == Some(family)));
    }
    match family {
        Family::ResourceType => {
            if let Some(record) = decode::<ResourceTypeRecord>(bytes) {
                let discovered_at = timestamp::from_field(&record.discovered_at);
                let message = resource_type::from_record(record);
                let again = resource_type::to_record(&message, discovered_at);
                assert_eq!(resource_type::from_record(again), message);
            }
        }
        Family::Resource => {
            if let Some(record) = decode::<ResourceRecord>(bytes) {
                drop(resource::from_record(record));
            }
        }
        Family::Entitlement => {
            if let Some(record) = decode::<EntitlementRecord>(bytes) {
                drop(entitlement::from_record(record));
            }
        }
        Family::Grant => grant(bytes),
        Family::Asset => asset(bytes),
        Family::Session => session(bytes),
        Family::SyncRun => {
            if let Ok(run) = sync_run::decode(bytes) {
                drop(sync_run::encode_over(&run, Some(bytes)));
            }
        }
        _ => {
            if let Ok((sync_id, stats)) = stats::decode(bytes) {
                assert!(stats::encode(&stats, &sync_id).is_ok());
            }
        }
    }
}

fn decode<M: Described>(bytes: &[u8]) -> Option<M> {
    message::decode("record", bytes).ok()
}

/// The view of a grant against its message.
fn grant(bytes: &[u8]) {
    let view = GrantView::parse(bytes);
    let sound = c1z_proto::check(GrantRecord::MESSAGE, bytes).is_ok();
    assert_eq!(view.is_ok(), sound, "the view accepts what is a message");
    let (Ok(view), Some(record)) = (view, decode::<GrantRecord>(bytes)) else {
        return;
    };
    assert_eq!(view.external_id, record.external_id);
    assert_eq!(view.needs_expansion, record.needs_expansion);
    assert_eq!(
        view.discovered_at(),
        timestamp::from_field(&record.discovered_at)
    );
    assert_eq!(view.identity().ok(), grant::identity(&record).ok());
    let mut filled = Grant::default();
    for expansion in [Expansion::Omit, Expansion::Attach] {
        let plain = grant::from_record(record.clone(), expansion);
        assert_eq!(view.id(), plain.id);
        let mut written = Vec::new();
        assert!(view.write_v2(expansion, &mut written).is_ok());
        assert_eq!(written, message::encode(&plain));
        assert!(view.fill_message(expansion, &mut filled).is_ok());
        assert_eq!(filled, plain);
    }
}

fn asset(bytes: &[u8]) {
    let view = AssetView::parse(bytes);
    let record = decode::<AssetRecord>(bytes);
    assert_eq!(view.is_ok(), record.is_some());
    if let (Ok(view), Some(record)) = (view, record) {
        assert_eq!(view.data, record.data);
        assert_eq!(view.external_id, record.external_id);
        assert_eq!(
            view.discovered_at,
            timestamp::from_field(&record.discovered_at)
        );
        let mut again = Vec::new();
        view.encode_into(&mut again);
        assert_eq!(AssetView::parse(&again).ok(), Some(view));
    }
}

fn session(bytes: &[u8]) {
    let view = SessionView::parse(bytes);
    let record = decode::<SessionRecord>(bytes);
    assert_eq!(view.is_ok(), record.is_some());
    if let (Ok(view), Some(record)) = (view, record) {
        assert_eq!((view.key, view.value), (&*record.key, &*record.value));
    }
}

/// Looks for statistics in any text.
pub fn token(text: &str) {
    token::lift_into(text, &mut SyncStats::default());
}
