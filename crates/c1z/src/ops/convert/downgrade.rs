//! Stored records as the rows of v1 files.
//!
//! A record becomes the message that a reader gets for it, and the columns that a v1 file keeps
//! beside it. Whether anything was lost is not reasoned about but seen: the message is turned into a
//! record again and compared with the bytes that it came from.

use c1z_proto::connector::v2;
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
        let one = One {
            record,
            run,
            losses,
            take,
        };
        match record.kind {
            RecordKind::ResourceType => resource_type(one),
            RecordKind::Resource => resource(one),
            RecordKind::Entitlement => entitlement(one),
            RecordKind::Grant => self.grant(one),
            RecordKind::Asset => self.asset(one),
        }
    }

    fn grant(&mut self, mut one: One<'_, '_>) -> Result<()> {
        let view = GrantView::parse(one.record.value)?;
        let state = view.stored_expansion();
        self.data.clear();
        view.write_v2(Expansion::Omit, &mut self.data)?;
        let id = view.id();
        if view.external_id.is_empty() {
            one.lose(LossKind::ImpliedId, &id);
        }
        grant_again(&self.data, &view, state, &mut self.again)?;
        let (entitlement, principal) = (
            view.entitlement.unwrap_or_default(),
            view.principal.unwrap_or_default(),
        );
        let told = Told {
            id: &id,
            discovered_at: view.discovered_at(),
            data: &self.data,
            columns: V1Columns::Grant(V1Grant {
                resource_type: entitlement.resource_type,
                resource: entitlement.resource,
                entitlement: entitlement.id,
                principal_type: principal.resource_type,
                principal: principal.resource,
                expansion: state.expansion,
                needs_expansion: state.needs_expansion,
            }),
        };
        one.give(&told, &self.again)
    }

    fn asset(&mut self, one: One<'_, '_>) -> Result<()> {
        let view = AssetView::parse(one.record.value)?;
        self.again.clear();
        let of_run = AssetView {
            sync_id: one.run.id.as_str(),
            ..view
        };
        of_run.encode_into(&mut self.again);
        let told = Told {
            id: view.external_id,
            discovered_at: view.discovered_at,
            data: view.data,
            columns: V1Columns::Asset {
                content_type: view.content_type,
            },
        };
        one.give(&told, &self.again)
    }
}

fn resource_type(one: One<'_, '_>) -> Result<()> {
    let stored: v3::ResourceTypeRecord = message::decode("resource type record", one.record.value)?;
    let discovered_at = timestamp::from_field(&stored.discovered_at);
    let told = resource_type::from_record(stored);
    let again = message::encode(&resource_type::to_record(&told, discovered_at));
    let row = Told {
        id: &told.id,
        discovered_at,
        data: &message::encode(&told),
        columns: V1Columns::ResourceType,
    };
    one.give(&row, &again)
}

fn resource(one: One<'_, '_>) -> Result<()> {
    let stored: v3::ResourceRecord = message::decode("resource record", one.record.value)?;
    let discovered_at = timestamp::from_field(&stored.discovered_at);
    let told = resource::from_record(stored);
    let again = message::encode(&resource::to_record(&told, discovered_at));
    let parent = told.parent_resource_id.as_option();
    let row = Told {
        id: &[told.id.resource_type.as_str(), &told.id.resource].join(":"),
        discovered_at,
        data: &message::encode(&told),
        columns: V1Columns::Resource {
            resource_type: &told.id.resource_type,
            parent: parent.map(|id| (id.resource_type.as_str(), id.resource.as_str())),
        },
    };
    one.give(&row, &again)
}

fn entitlement(one: One<'_, '_>) -> Result<()> {
    let stored: v3::EntitlementRecord = message::decode("entitlement record", one.record.value)?;
    let discovered_at = timestamp::from_field(&stored.discovered_at);
    let told = entitlement::from_record(stored);
    let again = message::encode(&entitlement::to_record(&told, discovered_at));
    let of = &told.resource.id;
    let row = Told {
        id: &told.id,
        discovered_at,
        data: &message::encode(&told),
        columns: V1Columns::Entitlement {
            resource_type: &of.resource_type,
            resource: &of.resource,
        },
    };
    one.give(&row, &again)
}

/// The record that a grant's message `data` becomes.
fn grant_again(
    data: &[u8],
    view: &GrantView<'_>,
    state: StoredExpansion<'_>,
    again: &mut Vec<u8>,
) -> Result<()> {
    let mut told: v2::Grant = message::decode("grant", data)?;
    if view.external_id.is_empty() {
        told.id.clear();
    }
    let put = GrantPut {
        // The profile that changes nothing on the way.
        profile: Profile::GoPebble,
        discovered_at: view.discovered_at(),
        expansion: PutExpansion::Keep(state),
    };
    again.clear();
    grant::encode_into(&told, &put, again)
}

/// A record on its way.
struct One<'a, 't> {
    record: &'a StoredRecord<'a>,
    run: &'a SyncRun,
    losses: &'a mut LossReport,
    take: &'a mut TakeV1<'t>,
}

/// What its row says.
struct Told<'a> {
    id: &'a str,
    discovered_at: Option<Timestamp>,
    data: &'a [u8],
    columns: V1Columns<'a>,
}

impl One<'_, '_> {
    /// Reports a loss of the record, whose id is `id`.
    fn lose(&mut self, kind: LossKind, id: &str) {
        let of = self.record.kind.as_str();
        self.losses
            .add(kind, || format!("{of} {}", id.escape_debug()));
    }

    /// Gives the row; `again` is the record that can be made of it.
    fn give(mut self, told: &Told<'_>, again: &[u8]) -> Result<()> {
        if again != self.record.value {
            self.lose(LossKind::Fields, told.id);
        }
        if told.discovered_at.is_none() {
            self.lose(LossKind::MissingTime, told.id);
        }
        (self.take)(&V1Row {
            rowid: None,
            sync_id: self.run.id.as_str(),
            external_id: told.id,
            discovered_at: told.discovered_at.unwrap_or_else(|| filled_in(self.run)),
            data: told.data,
            columns: told.columns,
        })
    }
}

/// The moment of a record that does not tell one: nothing of a sync is older than its start.
fn filled_in(run: &SyncRun) -> Timestamp {
    run.started_at.or(run.ended_at).unwrap_or_default()
}
