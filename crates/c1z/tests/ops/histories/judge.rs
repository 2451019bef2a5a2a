//! What files say, in a form in which it can be compared: by the judges' reckoning and as it was read.

use std::collections::BTreeMap;

use c1z::ops::RecordKind;
use c1z_proto::encode_canonical;

use super::projection::projected;
use super::records::{Body, Record};
use super::syncs::{BEGIN, Format, Sync};

/// What identifies a record.
pub(super) type Id = (RecordKind, Vec<String>);

/// All that a file says of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// As v1 files write it; empty: not known.
    pub(super) at: String,
    pub(super) message: Vec<u8>,
    pub(super) expansion: Option<Vec<u8>>,
    pub(super) needs_expansion: bool,
    /// The content type of an asset.
    pub(super) content_type: String,
}

/// Records by what identifies them.
pub(super) type Map = BTreeMap<Id, Told>;

impl Told {
    /// What a file of the format says of a record.
    pub(super) fn of(record: &Record, format: Format) -> Self {
        let record = match format {
            Format::V1 => record.clone(),
            Format::V3 => projected(record),
        };
        let mut told = Self {
            at: record.at.map(time_text).unwrap_or_default(),
            message: Vec::new(),
            expansion: None,
            needs_expansion: false,
            content_type: String::new(),
        };
        told.message = match record.body {
            Body::ResourceType(of) => encode_canonical(&of),
            Body::Resource(of) => encode_canonical(&of),
            Body::Entitlement(of) => encode_canonical(&of),
            Body::Grant {
                message,
                expansion,
                needs_expansion,
            } => {
                told.expansion = expansion.map(|of| encode_canonical(&of));
                told.needs_expansion = needs_expansion;
                encode_canonical(&message)
            }
            Body::Asset {
                content_type, data, ..
            } => {
                told.content_type = content_type;
                data
            }
        };
        told
    }

    /// What counts as a difference: neither time nor the flag.
    pub(super) fn content(&self) -> (&[u8], Option<&[u8]>) {
        (&self.message, self.expansion.as_deref())
    }
}

/// What a record is known by in a file of the format.
pub(super) fn id_of(record: &Record, format: Format) -> Id {
    let parts = match format {
        Format::V1 => vec![record.external_id()],
        Format::V3 => record.structure(),
    };
    (record.kind(), parts)
}

/// The records of a sync, as a file of the format has them: of several that become one the last.
pub(super) fn map_of(sync: &Sync, format: Format) -> Map {
    let records = sync.records.iter();
    records
        .map(|record| (id_of(record, format), Told::of(record, format)))
        .collect()
}

/// How many records of a sync become one with a later one in a file of the format.
pub(super) fn folded(sync: &Sync, format: Format) -> usize {
    sync.records.len() - map_of(sync, format).len()
}

/// A time in universal time: fractions without zeros at the end, as text.
pub(super) fn time_text(tenths: u32) -> String {
    let text = format!("2023-11-14 22:13:{}", 20 + tenths / 10);
    match tenths % 10 {
        0 => text,
        fraction => format!("{text}.{fraction}"),
    }
}

/// The same of a time that was read; one that no history has is told apart.
pub(super) fn text_of(at: Option<c1z::engine::types::Timestamp>) -> String {
    let Some(at) = at else {
        return String::new();
    };
    let tenths = (at.seconds - BEGIN) * 10 + i64::from(at.nanos / 100_000_000);
    match u32::try_from(tenths) {
        Ok(tenths) if at.nanos % 100_000_000 == 0 && tenths < 400 => time_text(tenths),
        _ => format!("{at:?}"),
    }
}

/// The first difference of two maps, or nothing.
pub(super) fn compare(what: &str, found: &Map, expected: &Map) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    for (id, told) in expected {
        match found.get(id) {
            None => return Err(format!("{what}: {id:?} is missing")),
            Some(other) if other != told => {
                return Err(format!("{what}: {id:?} is {other:?} instead of {told:?}"));
            }
            Some(_) => {}
        }
    }
    let extra = found.keys().find(|id| !expected.contains_key(*id));
    Err(format!("{what}: {extra:?} should not be there"))
}
