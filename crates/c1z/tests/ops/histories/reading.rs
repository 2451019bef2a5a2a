//! Files as what they say.

use std::path::Path;
use std::sync::Arc;

use c1z::Store;
use c1z::ops::{RecordKind, StoredRecord};
use c1z::record::{self, AssetView, Expansion, message};
use c1z_proto::storage::v3::{EntitlementRecord, GrantRecord, ResourceRecord, ResourceTypeRecord};
use c1z_proto::{connector::v2, encode_canonical};
use shingle::vfs::Fs;

use super::judge::{Map, Told, text_of};
use super::records::{Body, Record, pair_of};
use super::syncs::Format;
use crate::random_sync::rows_of_file;

/// Every record of a v3 file.
pub(super) fn read_v3(fs: &Arc<dyn Fs>, path: &Path) -> Map {
    let mut map = Map::new();
    for (key, value) in rows_of_file(fs, path) {
        let Some(row) = StoredRecord::of_row(&key, &value) else {
            continue;
        };
        let mut told = Told {
            at: text_of(row.discovered_at().unwrap()),
            message: Vec::new(),
            expansion: None,
            needs_expansion: false,
            content_type: String::new(),
        };
        let body = match row.kind {
            RecordKind::ResourceType => {
                let record = message::decode::<ResourceTypeRecord>("record", &value).unwrap();
                Body::ResourceType(record::resource_type::from_record(record))
            }
            RecordKind::Resource => {
                let record = message::decode::<ResourceRecord>("record", &value).unwrap();
                Body::Resource(record::resource::from_record(record))
            }
            RecordKind::Entitlement => {
                let record = message::decode::<EntitlementRecord>("record", &value).unwrap();
                Body::Entitlement(record::entitlement::from_record(record))
            }
            RecordKind::Grant => {
                let mut record = message::decode::<GrantRecord>("record", &value).unwrap();
                let expansion = std::mem::take(&mut record.expansion);
                told.expansion = expansion.as_option().map(message::encode);
                told.needs_expansion = record.needs_expansion;
                Body::Grant {
                    message: record::grant::from_record(record, Expansion::Omit),
                    expansion: None,
                    needs_expansion: false,
                }
            }
            RecordKind::Asset => {
                let asset = AssetView::parse(&value).unwrap();
                asset.content_type.clone_into(&mut told.content_type);
                Body::Asset {
                    id: asset.external_id.to_owned(),
                    content_type: String::new(),
                    data: asset.data.to_vec(),
                }
            }
        };
        let record = Record { at: None, body };
        told.message = Told::of(&record, Format::V1).message;
        map.insert((row.kind, record.structure()), told);
    }
    map
}

const TABLES: [(RecordKind, &str); 5] = [
    (RecordKind::ResourceType, "v1_resource_types"),
    (RecordKind::Resource, "v1_resources"),
    (RecordKind::Entitlement, "v1_entitlements"),
    (RecordKind::Grant, "v1_grants"),
    (RecordKind::Asset, "v1_assets"),
];

/// Every row of every table; the columns say what the message says.
pub(super) fn read_v1(store: &Store) -> Map {
    let mut map = Map::new();
    for (kind, name) in TABLES {
        let table = store.sqlite().unwrap().table(name).unwrap().unwrap();
        let mut rows = table.scan(..);
        while let Some(row) = rows.next().unwrap() {
            let mut cells = std::collections::BTreeMap::new();
            for (i, column) in row.columns().iter().enumerate() {
                cells.insert(column.name.clone(), row.get(i).unwrap().into_owned());
            }
            let text = |name: &str| {
                let cell = cells.get(name).and_then(|value| value.as_text());
                cell.unwrap_or_default().to_owned()
            };
            let bytes = |name: &str| {
                let cell = cells.get(name).and_then(|value| value.as_bytes());
                cell.map(<[u8]>::to_vec)
            };
            let flag = cells
                .get("needs_expansion")
                .and_then(c1z::sqlite_file::Value::as_integer);
            let (message, columns) = canonical(kind, &bytes("data").unwrap_or_default());
            for (name, expected) in columns {
                assert_eq!(text(name), expected, "{name} of {}", text("external_id"));
            }
            let told = Told {
                at: text("discovered_at"),
                message,
                expansion: bytes("expansion"),
                needs_expansion: flag == Some(1),
                content_type: text("content_type"),
            };
            let id = (kind, vec![text("external_id")]);
            assert!(map.insert(id, told).is_none(), "a row twice");
        }
    }
    map
}

/// The message with its map in order, and what the columns of its kind must say.
fn canonical(kind: RecordKind, data: &[u8]) -> (Vec<u8>, Vec<(&'static str, String)>) {
    let of_pair = |names: [&'static str; 2], of: &v2::Resource| {
        names.into_iter().zip(pair_of(of)).collect::<Vec<_>>()
    };
    let own = ["resource_type_id", "resource_id"];
    match kind {
        RecordKind::Asset | RecordKind::ResourceType => (data.to_vec(), Vec::new()),
        RecordKind::Resource => {
            let of = message::decode::<v2::Resource>("row", data).unwrap();
            let [of_type, _] = pair_of(&of);
            let parent = &of.parent_resource_id;
            let columns = vec![
                ("resource_type_id", of_type),
                ("parent_resource_type_id", parent.resource_type.clone()),
                ("parent_resource_id", parent.resource.clone()),
            ];
            (encode_canonical(&of), columns)
        }
        RecordKind::Entitlement => {
            let of = message::decode::<v2::Entitlement>("row", data).unwrap();
            let columns = of_pair(own, &of.resource);
            (encode_canonical(&of), columns)
        }
        RecordKind::Grant => {
            let of = message::decode::<v2::Grant>("row", data).unwrap();
            let mut columns = of_pair(own, &of.entitlement.resource);
            let principal = ["principal_resource_type_id", "principal_resource_id"];
            columns.extend(of_pair(principal, &of.principal));
            columns.push(("entitlement_id", of.entitlement.id.clone()));
            (encode_canonical(&of), columns)
        }
    }
}
