//! What a file holds, one after another.

use c1z_proto::connector::v2;
use c1z_proto::schema::{Described, Message};
use c1z_proto::storage::v3;

use crate::Result;
use crate::engine::types::SyncRun;
use crate::ops::{RecordKind, StoredRecord};
use crate::record::{stats, sync_run};

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
        /// What the columns of the row say beside the message: an encoded record of `c1.storage.v3` of
        /// the same kind, of which nothing else is set. A resource's `resource_id` is what follows
        /// `TYPE:` in the column `external_id`.
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
}

/// The type of stored records of a kind, and of the columns beside messages.
pub(super) fn stored_schema(kind: RecordKind) -> &'static Message {
    match kind {
        RecordKind::ResourceType => v3::ResourceTypeRecord::MESSAGE,
        RecordKind::Resource => v3::ResourceRecord::MESSAGE,
        RecordKind::Entitlement => v3::EntitlementRecord::MESSAGE,
        RecordKind::Grant => v3::GrantRecord::MESSAGE,
        RecordKind::Asset => v3::AssetRecord::MESSAGE,
    }
}

/// The type of a connector's messages of a kind; none for assets.
pub(super) fn message_schema(kind: RecordKind) -> Option<&'static Message> {
    match kind {
        RecordKind::ResourceType => Some(v2::ResourceType::MESSAGE),
        RecordKind::Resource => Some(v2::Resource::MESSAGE),
        RecordKind::Entitlement => Some(v2::Entitlement::MESSAGE),
        RecordKind::Grant => Some(v2::Grant::MESSAGE),
        RecordKind::Asset => None,
    }
}
