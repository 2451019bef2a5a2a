//! Messages of connectors as the records that a v3 database stores.

use c1z::engine::Profile;
use c1z::engine::types::Timestamp;
use c1z::ops::RecordKind;
use c1z::record::{AssetView, GrantPut, entitlement, grant, message, resource, resource_type};

use crate::generate::Generated;

/// A record to be put: its kind and its bytes.
pub type Stored = (RecordKind, Vec<u8>);

/// The records of `made` as the Go Pebble engine stores them in the sync `sync_id`, written at `at`.
pub fn records(made: &Generated, sync_id: &str, at: Timestamp) -> c1z::Result<Vec<Stored>> {
    let at = Some(at);
    let mut records = Vec::new();
    for source in &made.resource_types {
        let record = resource_type::to_record(source, at);
        records.push((RecordKind::ResourceType, message::encode(&record)));
    }
    for source in &made.resources {
        let record = resource::to_record(source, at);
        records.push((RecordKind::Resource, message::encode(&record)));
    }
    for source in &made.entitlements {
        let record = entitlement::to_record(source, at);
        records.push((RecordKind::Entitlement, message::encode(&record)));
    }
    let put = GrantPut {
        profile: Profile::GoPebble,
        discovered_at: at,
        ..GrantPut::default()
    };
    for source in &made.grants {
        let mut value = Vec::new();
        grant::encode_into(source, &put, &mut value)?;
        records.push((RecordKind::Grant, value));
    }
    for asset in &made.assets {
        let view = AssetView {
            sync_id,
            external_id: &asset.id,
            content_type: &asset.content_type,
            data: &asset.data,
            discovered_at: at,
        };
        let mut value = Vec::new();
        view.encode_into(&mut value);
        records.push((RecordKind::Asset, value));
    }
    Ok(records)
}
