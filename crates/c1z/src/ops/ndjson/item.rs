//! What a file holds, one after another.

use c1z_proto::connector::v2;
use c1z_proto::schema::{Described, Message};
use c1z_proto::storage::v3;

use crate::engine::types::{SyncRun, Timestamp};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::timestamp::{self, Stored};
use crate::record::wire::{self, Fields, Value};
use crate::record::{stats, sync_run};
use crate::{Error, Result};

/// One item of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A sync begins: the records up to the next one are its records.
    Sync(Head<'a>),
    /// A record.
    Record(Record<'a>),
    /// An entry of the session store: the encoded `c1.storage.v3.SessionRecord`. It names its sync.
    Session(&'a [u8]),
    /// A row that is neither a record nor made from records: a sidecar, or a row of somebody else.
    Row {
        /// Its key.
        key: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
}

/// The sync run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The encoded `c1.storage.v3.SyncRunRecord`.
    pub run: &'a [u8],
    /// The encoded `c1.storage.v3.SyncStatsRecord`, where the sync has one.
    pub stats: Option<&'a [u8]>,
}

impl Head<'_> {
    /// The run with its statistics, as [`crate::ops::build::RunToWrite`] takes it; `self.run` is its
    /// stored record.
    ///
    /// # Errors
    /// Bytes that are not such records.
    pub fn decode(&self) -> Result<SyncRun> {
        let mut run = sync_run::decode(self.run)?;
        run.stats = match self.stats {
            Some(stats) => Some(stats::decode(stats)?.1),
            None => None,
        };
        Ok(run)
    }
}

/// A record on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is.
    pub kind: RecordKind,
    /// What `value` holds, and what belongs to it.
    pub form: Form<'a>,
    /// The encoded message.
    pub value: &'a [u8],
}

/// The two levels of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// A record of `c1.storage.v3`, as a v3 database holds it.
    Stored {
        /// The primary key, if it is not the one that the record says.
        key: Option<&'a [u8]>,
    },
    /// A message of `c1.connector.v2`, as a v1 file holds it. Assets have no such message: they are
    /// always [`Form::Stored`].
    Message {
        /// What the row says beside its message: encoded [`Columns`].
        columns: &'a [u8],
    },
}

impl<'a> Record<'a> {
    /// The record of a row of a v3 database. Its key is left out if the record says it, too.
    pub fn of_row(row: StoredRecord<'a>, derived_key: &[u8]) -> Self {
        Self {
            kind: row.kind,
            form: Form::Stored {
                key: (row.key != derived_key).then_some(row.key),
            },
            value: row.value,
        }
    }

    /// The type of `value`.
    ///
    /// # Errors
    /// `InvalidArgument` for an asset as a message of a connector.
    pub(super) fn schema(kind: RecordKind, form: &Form<'_>) -> Result<&'static Message> {
        Ok(match (form, kind) {
            (Form::Stored { .. }, RecordKind::ResourceType) => v3::ResourceTypeRecord::MESSAGE,
            (Form::Stored { .. }, RecordKind::Resource) => v3::ResourceRecord::MESSAGE,
            (Form::Stored { .. }, RecordKind::Entitlement) => v3::EntitlementRecord::MESSAGE,
            (Form::Stored { .. }, RecordKind::Grant) => v3::GrantRecord::MESSAGE,
            (Form::Stored { .. }, RecordKind::Asset) => v3::AssetRecord::MESSAGE,
            (Form::Message { .. }, RecordKind::ResourceType) => v2::ResourceType::MESSAGE,
            (Form::Message { .. }, RecordKind::Resource) => v2::Resource::MESSAGE,
            (Form::Message { .. }, RecordKind::Entitlement) => v2::Entitlement::MESSAGE,
            (Form::Message { .. }, RecordKind::Grant) => v2::Grant::MESSAGE,
            (Form::Message { .. }, RecordKind::Asset) => {
                return Err(Error::invalid("an asset has no message of a connector"));
            }
        })
    }
}

/// What a row of a v1 file says beside its message. Encoded as a `c1.storage.v3.GrantRecord` of which
/// nothing else is set, whatever the kind of the row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns<'a> {
    /// When the row was written.
    pub discovered_at: Option<Timestamp>,
    /// The encoded `c1.connector.v2.GrantExpandable` of a grant.
    pub expansion: Option<&'a [u8]>,
    /// Whether the grant still has to be expanded.
    pub needs_expansion: bool,
}

impl<'a> Columns<'a> {
    /// Appends the encoded columns.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        if let Some(moment) = self.discovered_at {
            timestamp::put(moment, out, 5);
        }
        if let Some(expansion) = self.expansion {
            wire::put_header(out, 6, expansion.len());
            out.extend_from_slice(expansion);
        }
        if self.needs_expansion {
            out.extend_from_slice(&[7 << 3, 1]);
        }
    }

    /// Reads what [`Columns::encode_into`] wrote.
    ///
    /// # Errors
    /// Bytes that hold anything else.
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        let mut columns = Self::default();
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            match (field.number, field.value) {
                (5, Value::Bytes(moment)) => {
                    let mut stored = Stored::default();
                    stored.merge(moment)?;
                    columns.discovered_at = Some(stored.moment());
                }
                (6, Value::Bytes(expansion)) => columns.expansion = Some(expansion),
                (7, Value::Varint(flag)) => columns.needs_expansion = flag != 0,
                _ => return Err(fields.wrong_type("columns")),
            }
        }
        Ok(columns)
    }
}
