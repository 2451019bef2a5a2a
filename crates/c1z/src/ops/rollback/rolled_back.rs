//! A source whose grants of one sync are as they were before expansion.

use super::super::convert::source::{
    Source, SourceRecord, SourceSync, TakeRecord, TakeRow, TakeSession,
};
use super::{RollbackOptions, is_grant};
use crate::Result;
use crate::engine::types::Verification;
use crate::keyspace::MetadataKey;
use crate::ops::build::v1::{V1Columns, V1Row};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::grant::{Origin, put_message_without_sources, put_stored_without_sources};

/// Another source, with the expansion of one sync taken back.
pub(super) struct RolledBack<'a> {
    source: &'a dyn Source,
    /// The position of the sync.
    at: usize,
    syncs: Vec<SourceSync>,
    keep_suspects: bool,
}

impl<'a> RolledBack<'a> {
    pub(super) fn new(source: &'a dyn Source, at: usize, options: &RollbackOptions) -> Self {
        let mut syncs = source.syncs().to_vec();
        if let Some(sync) = syncs.get_mut(at) {
            sync.run.token.clone_from(&options.token);
            sync.run.verification = Verification::default();
            sync.run.stats = None;
        }
        Self {
            source,
            at,
            syncs,
            keep_suspects: options.keep_suspects,
        }
    }

    fn grant(&self, at: usize, record: SourceRecord<'_>, take: &mut TakeRecord<'_>) -> Result<()> {
        let origin = match origin(&record)? {
            Some(origin) if at == self.at => origin,
            _ => return take(at, record),
        };
        match origin {
            Origin::Untouched => take(at, record),
            Origin::Direct => cleared(at, &record, take),
            Origin::Product { is_marked: false } if self.keep_suspects => take(at, record),
            Origin::Product { .. } => Ok(()),
        }
    }
}

impl Source for RolledBack<'_> {
    fn syncs(&self) -> &[SourceSync] {
        &self.syncs
    }

    fn records(&self, kind: RecordKind, syncs: &[usize], take: &mut TakeRecord<'_>) -> Result<u64> {
        self.source.records(kind, syncs, &mut |at, record| {
            if is_grant(&record) {
                self.grant(at, record, take)
            } else {
                take(at, record)
            }
        })
    }

    fn sessions(&self, sync: usize, take: &mut TakeSession<'_>) -> Result<()> {
        self.source.sessions(sync, take)
    }

    fn others(&self, sync: usize, take: &mut TakeRow<'_>) -> Result<()> {
        let graph = MetadataKey::EntitlementGraph.to_vec();
        self.source.others(sync, &mut |key, value| {
            // It describes the grants as they were expanded.
            if sync == self.at && key == graph {
                return Ok(());
            }
            take(key, value)
        })
    }

    fn foreign(&self) -> Vec<String> {
        self.source.foreign()
    }
}

/// Where a grant comes from; none for records that are no readable grants.
pub(super) fn origin(record: &SourceRecord<'_>) -> Result<Option<Origin>> {
    match record {
        SourceRecord::Stored(record) => Origin::of_stored(record.value).map(Some),
        SourceRecord::Row(row) => match row.columns {
            V1Columns::Grant(grant) => Origin::of_message(row.data, grant.entitlement).map(Some),
            _ => Ok(None),
        },
        SourceRecord::Unnamed(..) => Ok(None),
    }
}

/// Passes a grant on without its sources.
fn cleared(at: usize, record: &SourceRecord<'_>, take: &mut TakeRecord<'_>) -> Result<()> {
    let mut bytes = Vec::new();
    match record {
        SourceRecord::Stored(record) => {
            put_stored_without_sources(record.value, &mut bytes)?;
            take(
                at,
                SourceRecord::Stored(StoredRecord {
                    value: &bytes,
                    ..*record
                }),
            )
        }
        SourceRecord::Row(row) => {
            put_message_without_sources(row.data, &mut bytes)?;
            take(
                at,
                SourceRecord::Row(&V1Row {
                    data: &bytes,
                    ..**row
                }),
            )
        }
        SourceRecord::Unnamed(..) => Ok(()),
    }
}
