//! The two forms in which records are compared: as v3 files store them, or as v1 files do where both inputs are such.

use c1z_proto::connector::v2;
use c1z_proto::schema::Described;
use c1z_proto::storage::v3::{EntitlementRecord, ResourceRecord};

use super::DeltaOptions;
use crate::keyspace::{EntitlementIdentity, Key};
use crate::ops::build::v1::V1Columns;
use crate::ops::convert::source::SourceRecord;
use crate::ops::convert::upgrade::Upgrade;
use crate::ops::convert::{FileFormat, LossKind, LossReport};
use crate::ops::diff::Compared;
use crate::ops::merge::v1_row::{self, StoredRow};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::grant::GrantView;
use crate::record::{self, message, resource_type};
use crate::{Error, ErrorKind, Result};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Rows under external ids.
    V1,
    /// Records under primary keys.
    V3,
}

/// Takes identity and bytes of a record.
type Take<'t> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 't;

impl Form {
    /// The form for inputs of these formats.
    pub(super) fn of(formats: [FileFormat; 2], options: &DeltaOptions) -> Result<Self> {
        let all_v1 = formats.iter().all(|format| *format == FileFormat::V1);
        if formats.contains(&FileFormat::Folder) {
            let error = Error::invalid("a folder of syncs is not one file");
            return Err(error.with_hint("name the files in it"));
        }
        match options.to {
            None | Some(FileFormat::V1) if all_v1 => Ok(Form::V1),
            None | Some(FileFormat::V3) => Ok(Form::V3),
            Some(FileFormat::V1) => Err(Error::new(
                ErrorKind::EngineMismatch,
                "v1 is asked for, and an input is not a v1 file",
            )),
            Some(other) => {
                let message = format!("format is not written format=`{}`", other.as_str());
                Err(Error::invalid(message))
            }
        }
    }

    /// The format of results.
    pub(super) fn format(self) -> FileFormat {
        match self {
            Form::V1 => FileFormat::V1,
            Form::V3 => FileFormat::V3,
        }
    }

    /// Gives identity and bytes of a record of a source to `take`.
    pub(super) fn take(
        self,
        record: &SourceRecord<'_>,
        losses: &mut LossReport,
        take: &mut Take<'_>,
    ) -> Result<()> {
        match (self, record) {
            (_, SourceRecord::Unnamed(_, error)) => {
                losses.add(LossKind::Record, || error.to_string());
                Ok(())
            }
            (Form::V3, SourceRecord::Stored(record)) => take(record.key, record.value),
            (Form::V3, SourceRecord::Row(row)) => {
                Upgrade::default().record(row, losses, &mut |record| take(record.key, record.value))
            }
            (Form::V1, SourceRecord::Row(row)) => {
                let mut bytes = Vec::new();
                v1_row::encode(row, &mut bytes)?;
                take(row.external_id.as_bytes(), &bytes)
            }
            (Form::V1, SourceRecord::Stored(_)) => Err(Error::new(
                ErrorKind::Internal,
                "a v3 record among v1 inputs",
            )),
        }
    }

    /// Whether two versions of a record say different things. Times and the needs-expansion flag are not looked at.
    pub(super) fn differ(self, kind: RecordKind, base: &[u8], applied: &[u8]) -> Result<bool> {
        if base == applied {
            return Ok(false);
        }
        match self {
            Form::V3 => Ok(v3_content(kind, base)? != v3_content(kind, applied)?),
            Form::V1 => Ok(v1_content(kind, base)? != v1_content(kind, applied)?),
        }
    }

    /// Gives kind and identity of every record that a record refers to.
    pub(super) fn references(
        self,
        kind: RecordKind,
        bytes: &[u8],
        take: &mut dyn FnMut(RecordKind, &[u8]) -> Result<()>,
    ) -> Result<()> {
        match self {
            Form::V1 => v1_references(&StoredRow::decode(bytes)?, take),
            Form::V3 => v3_references(kind, bytes, take),
        }
    }
}

/// What a stored record says, canonically, with its expansion.
fn v3_content(kind: RecordKind, value: &[u8]) -> Result<Vec<u8>> {
    Ok(match kind {
        RecordKind::ResourceType => message::encode(&v2::ResourceType::of_stored(value)?),
        RecordKind::Resource => message::encode(&v2::Resource::of_stored(value)?),
        RecordKind::Entitlement => message::encode(&v2::Entitlement::of_stored(value)?),
        RecordKind::Grant => message::encode(&v2::Grant::of_stored(value)?),
        RecordKind::Asset => {
            let asset = record::AssetView::parse(value)?;
            [asset.content_type.as_bytes(), b"\0", asset.data].concat()
        }
    })
}

/// What a row says, canonically, and its expansion.
fn v1_content(kind: RecordKind, bytes: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    let stored = StoredRow::decode(bytes)?;
    let row = stored.row("");
    let content = match kind {
        RecordKind::ResourceType => canonical::<v2::ResourceType>(row.data)?,
        RecordKind::Resource => canonical::<v2::Resource>(row.data)?,
        RecordKind::Entitlement => canonical::<v2::Entitlement>(row.data)?,
        RecordKind::Grant => canonical::<v2::Grant>(row.data)?,
        RecordKind::Asset => row.data.to_vec(),
    };
    let expansion = match row.columns {
        V1Columns::Grant(grant) => grant.expansion,
        _ => None,
    };
    let expansion = expansion
        .map(canonical::<v2::GrantExpandable>)
        .transpose()?;
    Ok((content, expansion))
}

fn canonical<M: Described>(bytes: &[u8]) -> Result<Vec<u8>> {
    Ok(message::encode(&message::decode::<M>("record", bytes)?))
}

fn v1_references(
    stored: &StoredRow<'_>,
    take: &mut dyn FnMut(RecordKind, &[u8]) -> Result<()>,
) -> Result<()> {
    let resource = |of: &str, id: &str, take: &mut dyn FnMut(RecordKind, &[u8]) -> Result<()>| {
        take(RecordKind::ResourceType, of.as_bytes())?;
        take(RecordKind::Resource, format!("{of}:{id}").as_bytes())
    };
    match stored.row("").columns {
        V1Columns::Resource {
            resource_type,
            parent,
        } => {
            take(RecordKind::ResourceType, resource_type.as_bytes())?;
            match parent {
                Some((of, id)) => resource(of, id, take),
                None => Ok(()),
            }
        }
        V1Columns::Entitlement {
            resource_type,
            resource: id,
        } => resource(resource_type, id, take),
        V1Columns::Grant(grant) => {
            take(RecordKind::Entitlement, grant.entitlement.as_bytes())?;
            resource(grant.principal_type, grant.principal, take)
        }
        V1Columns::ResourceType | V1Columns::Asset { .. } => Ok(()),
    }
}

fn v3_references(
    kind: RecordKind,
    value: &[u8],
    take: &mut dyn FnMut(RecordKind, &[u8]) -> Result<()>,
) -> Result<()> {
    match kind {
        RecordKind::Resource => {
            let record = message::decode::<ResourceRecord>("resource record", value)?;
            take_resource_type(&record.resource_type_id, take)?;
            match record.parent.as_option() {
                Some(parent) => take_resource(&parent.resource_type_id, &parent.resource_id, take),
                None => Ok(()),
            }
        }
        RecordKind::Entitlement => {
            let record = message::decode::<EntitlementRecord>("entitlement record", value)?;
            let resource = &record.resource;
            take_resource(&resource.resource_type_id, &resource.resource_id, take)
        }
        RecordKind::Grant => {
            let view = GrantView::parse(value)?;
            if let Some(of) = view.entitlement {
                let identity = EntitlementIdentity::new(of.resource_type, of.resource, of.id);
                take(
                    RecordKind::Entitlement,
                    &Key::Entitlement(identity).to_vec(),
                )?;
            }
            match view.principal {
                Some(principal) => take_resource(principal.resource_type, principal.resource, take),
                None => Ok(()),
            }
        }
        RecordKind::ResourceType | RecordKind::Asset => Ok(()),
    }
}

fn take_resource_type(
    id: &str,
    take: &mut dyn FnMut(RecordKind, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut key = Vec::new();
    match resource_type::key_into(id, &mut key) {
        Ok(()) => take(RecordKind::ResourceType, &key),
        // An empty id names nothing.
        Err(_) => Ok(()),
    }
}

/// A resource and its type, which the sync may hold though it does not hold the resource.
fn take_resource(
    resource_type: &str,
    id: &str,
    take: &mut dyn FnMut(RecordKind, &[u8]) -> Result<()>,
) -> Result<()> {
    take_resource_type(resource_type, take)?;
    let mut key = Vec::new();
    match record::resource::key_into(resource_type, id, &mut key) {
        Ok(()) => take(RecordKind::Resource, &key),
        Err(_) => Ok(()),
    }
}

/// The record of a key and bytes in the form of v3.
pub(super) fn stored<'a>(kind: RecordKind, key: &'a [u8], value: &'a [u8]) -> StoredRecord<'a> {
    StoredRecord { kind, key, value }
}
