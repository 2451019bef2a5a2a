//! Stored records as the rows of v1 files.
//!
//! A record becomes the message that a reader gets for it, and the columns that a v1 file keeps
//! beside it. Whether anything was lost is not reasoned about but seen: the message is turned into a
//! record again and compared with the bytes that it came from.

use c1z_proto::connector::v2;
use c1z_proto::schema::Described;
use c1z_proto::storage::v3;

use super::loss::{LossKind, LossReport};
use crate::Result;
use crate::engine::Profile;
use crate::engine::types::{SyncRun, Timestamp};
use crate::ops::build::v1::{V1Columns, V1Grant, V1Row};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::grant::{self, GrantPut, PutExpansion, StoredExpansion};
use crate::record::{
    AssetView, Expansion, GrantView, entitlement, message, resource, resource_type, timestamp,
};

/// Makes rows of stored records; keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct Downgrade {
    data: Vec<u8>,
    again: Vec<u8>,
    expansion: Vec<u8>,
}

/// Where a row goes.
pub(super) type TakeV1<'t> = dyn FnMut(&V1Row<'_>) -> Result<()> + 't;

impl Downgrade {
    /// Gives the row of a record of the sync `run` to `take`.
    ///
    /// # Errors
    /// Bytes that are no record; what `take` returns.
    pub(super) fn row(
        &mut self,
        record: &StoredRecord<'_>,
        run: &SyncRun,
        losses: &mut LossReport,
        take: &mut TakeV1<'_>,
    ) -> Result<()> {
        match record.kind {
            RecordKind::ResourceType => self.resource_type(record, run, losses, take),
            RecordKind::Resource => self.resource(record, run, losses, take),
            RecordKind::Entitlement => self.entitlement(record, run, losses, take),
            RecordKind::Grant => self.grant(record, run, losses, take),
            RecordKind::Asset => asset(record, run, losses, take, &mut self.again),
        }
    }

    fn resource_type(
        &mut self,
        record: &StoredRecord<'_>,
        run: &SyncRun,
        losses: &mut LossReport,
        take: &mut TakeV1<'_>,
    ) -> Result<()> {
        let stored: v3::ResourceTypeRecord = message::decode("resource type record", record.value)?;
        let discovered_at = timestamp::from_field(&stored.discovered_at);
        let told = resource_type::from_record(stored);
        let again = message::encode(&resource_type::to_record(&told, discovered_at));
        let about = Details {
            record,
            id: &told.id,
        };
        about.compare(&again, losses);
        take(&V1Row {
            data: self.encode(&told),
            columns: V1Columns::ResourceType,
            ..about.row(run, discovered_at, losses)
        })
    }

    fn resource(
        &mut self,
        record: &StoredRecord<'_>,
        run: &SyncRun,
        losses: &mut LossReport,
        take: &mut TakeV1<'_>,
    ) -> Result<()> {
        let stored: v3::ResourceRecord = message::decode("resource record", record.value)?;
        let discovered_at = timestamp::from_field(&stored.discovered_at);
        let told = resource::from_record(stored);
        let again = message::encode(&resource::to_record(&told, discovered_at));
        let external_id = [told.id.resource_type.as_str(), &told.id.resource].join(":");
        let about = Details {
            record,
            id: &external_id,
        };
        about.compare(&again, losses);
        let parent = told.parent_resource_id.as_option();
        take(&V1Row {
            data: self.encode(&told),
            columns: V1Columns::Resource {
                resource_type: &told.id.resource_type,
                parent: parent.map(|id| (id.resource_type.as_str(), id.resource.as_str())),
            },
            ..about.row(run, discovered_at, losses)
        })
    }

    fn entitlement(
        &mut self,
        record: &StoredRecord<'_>,
        run: &SyncRun,
        losses: &mut LossReport,
        take: &mut TakeV1<'_>,
    ) -> Result<()> {
        let stored: v3::EntitlementRecord = message::decode("entitlement record", record.value)?;
        let discovered_at = timestamp::from_field(&stored.discovered_at);
        let told = entitlement::from_record(stored);
        let again = message::encode(&entitlement::to_record(&told, discovered_at));
        let about = Details {
            record,
            id: &told.id,
        };
        about.compare(&again, losses);
        let of = &told.resource.id;
        take(&V1Row {
            data: self.encode(&told),
            columns: V1Columns::Entitlement {
                resource_type: &of.resource_type,
                resource: &of.resource,
            },
            ..about.row(run, discovered_at, losses)
        })
    }

    fn grant(
        &mut self,
        record: &StoredRecord<'_>,
        run: &SyncRun,
        losses: &mut LossReport,
        take: &mut TakeV1<'_>,
    ) -> Result<()> {
        let view = GrantView::parse(record.value)?;
        let discovered_at = view.discovered_at();
        let state = view.stored_expansion();
        self.data.clear();
        view.write_v2(Expansion::Omit, &mut self.data)?;
        let id = view.id();
        let about = Details { record, id: &id };
        if view.external_id.is_empty() {
            losses.add(LossKind::ImpliedId, || about.name());
        }
        about.compare(self.grant_again(&view, discovered_at, state)?, losses);
        self.expansion.clear();
        self.expansion
            .extend_from_slice(state.expansion.unwrap_or_default());
        let (entitlement, principal) = (
            view.entitlement.unwrap_or_default(),
            view.principal.unwrap_or_default(),
        );
        take(&V1Row {
            data: &self.data,
            columns: V1Columns::Grant(V1Grant {
                resource_type: entitlement.resource_type,
                resource: entitlement.resource,
                entitlement: entitlement.id,
                principal_type: principal.resource_type,
                principal: principal.resource,
                expansion: state.expansion.map(|_| self.expansion.as_slice()),
                needs_expansion: state.needs_expansion,
            }),
            ..about.row(run, discovered_at, losses)
        })
    }

    /// The record that the message in `data` becomes.
    fn grant_again(
        &mut self,
        view: &GrantView<'_>,
        discovered_at: Option<Timestamp>,
        state: StoredExpansion<'_>,
    ) -> Result<&[u8]> {
        let mut told: v2::Grant = message::decode("grant", &self.data)?;
        if view.external_id.is_empty() {
            told.id.clear();
        }
        let put = GrantPut {
            // The profile that changes nothing on the way.
            profile: Profile::GoPebble,
            discovered_at,
            expansion: PutExpansion::Keep(state),
        };
        self.again.clear();
        grant::encode_into(&told, &put, &mut self.again)?;
        Ok(&self.again)
    }

    fn encode<M: Described>(&mut self, told: &M) -> &[u8] {
        self.data = message::encode(told);
        &self.data
    }
}

fn asset(
    record: &StoredRecord<'_>,
    run: &SyncRun,
    losses: &mut LossReport,
    take: &mut TakeV1<'_>,
    again: &mut Vec<u8>,
) -> Result<()> {
    let view = AssetView::parse(record.value)?;
    again.clear();
    let of_run = AssetView {
        sync_id: run.id.as_str(),
        ..view
    };
    of_run.encode_into(again);
    let about = Details {
        record,
        id: view.external_id,
    };
    about.compare(again, losses);
    take(&V1Row {
        data: view.data,
        columns: V1Columns::Asset {
            content_type: view.content_type,
        },
        ..about.row(run, view.discovered_at, losses)
    })
}

/// What a report says about a record.
struct Details<'a> {
    record: &'a StoredRecord<'a>,
    id: &'a str,
}

impl<'a> Details<'a> {
    fn name(&self) -> String {
        format!("{} {}", self.record.kind.as_str(), self.id.escape_debug())
    }

    fn compare(&self, again: &[u8], losses: &mut LossReport) {
        if again != self.record.value {
            losses.add(LossKind::Fields, || self.name());
        }
    }

    /// The parts of a row that records of every kind have.
    fn row(
        &self,
        run: &'a SyncRun,
        discovered_at: Option<Timestamp>,
        losses: &mut LossReport,
    ) -> V1Row<'a> {
        if discovered_at.is_none() {
            losses.add(LossKind::MissingTime, || self.name());
        }
        V1Row {
            rowid: None,
            sync_id: run.id.as_str(),
            external_id: self.id,
            discovered_at: discovered_at.unwrap_or_else(|| filled_in(run)),
            data: &[],
            columns: V1Columns::ResourceType,
        }
    }
}

/// The moment of a record that does not tell one: nothing of a sync is older than its start.
fn filled_in(run: &SyncRun) -> Timestamp {
    run.started_at.or(run.ended_at).unwrap_or_default()
}
