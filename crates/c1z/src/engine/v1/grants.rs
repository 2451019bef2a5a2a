//! Grants of a v1 file, whatever generation wrote them (`c1z1-sqlite` §3, §5.2).
//!
//! | stored | read |
//! |---|---|
//! | expansion in its columns | as the columns say |
//! | columns missing, or not complete for the sync | lifted from the annotations, and pending |
//! | without entitlement or principal (*slim*) | rebuilt from the columns: ids only |
//! | an empty expansion | none: an interrupted migration left it |
//!
//! What is lifted is what the reference lifts when it migrates a file.

use buffa::MessageField;
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;

use crate::engine::reader::{GrantRow, PendingExpansion};
use crate::engine::types::{EntitlementRef, ResourceRef};
use crate::engine::{GrantFilter, Profile};
use crate::record::annotation::{self, EXPANDABLE_URL};
use crate::record::message;
use crate::v1_tables::{GrantRow as Stored, Zone};
use crate::{Error, Result};

const TABLE: &str = "v1_grants";

/// How the grants of a sync are read.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Reading {
    /// Whether the expansion columns are complete; if not, annotations tell.
    pub(in crate::engine) backfilled: bool,
    /// Whether the expansion is put back among the annotations.
    pub(in crate::engine) attach: bool,
    /// The zone of the file's times.
    pub(in crate::engine) zone: Zone,
}

/// Conditions on the expansion of a grant.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Wanted {
    has_expansion: Option<bool>,
    needs_expansion: Option<bool>,
}

impl Wanted {
    pub(in crate::engine) fn of(filter: &GrantFilter) -> Self {
        Self {
            has_expansion: filter.has_expansion,
            needs_expansion: filter.needs_expansion,
        }
    }

    /// Whether every grant that passes has an expansion.
    pub(in crate::engine) fn implies_expansion(self) -> bool {
        self.has_expansion == Some(true) || self.needs_expansion == Some(true)
    }

    /// Whether every grant that passes is pending.
    pub(in crate::engine) fn implies_pending(self) -> bool {
        self.needs_expansion == Some(true)
    }

    fn passes(self, state: &State) -> bool {
        self.has_expansion
            .is_none_or(|wanted| wanted == state.expansion.is_some())
            && self
                .needs_expansion
                .is_none_or(|wanted| wanted == state.needs_expansion)
    }
}

/// The expansion of a grant, encoded, and whether it is pending.
#[derive(Clone, Debug, Default)]
struct State {
    expansion: Option<Vec<u8>>,
    needs_expansion: bool,
}

impl State {
    fn of_columns(row: &Stored<'_>) -> Self {
        let expansion = row.expansion.as_deref().filter(|bytes| !bytes.is_empty());
        Self {
            needs_expansion: row.needs_expansion && expansion.is_some(),
            expansion: expansion.map(<[u8]>::to_vec),
        }
    }

    /// Takes the expansion out of a stored grant. One that names no entitlement stays where it is.
    fn lifted_from(grant: &mut v2::Grant) -> Self {
        let lifted = annotation::lift(&grant.annotations, Profile::GoSqlite);
        let Some(expansion) = lifted.expansion else {
            return Self::default();
        };
        for at in lifted.removed.into_iter().rev() {
            grant.annotations.remove(at);
        }
        Self {
            expansion: Some(message::encode(&expansion)),
            needs_expansion: true,
        }
    }

    fn decoded(&self, grant_id: &str) -> Result<Option<v2::GrantExpandable>> {
        let decode = |bytes: &Vec<u8>| {
            message::decode("grant expansion", bytes).map_err(|error| {
                let message = format!("expansion of a grant: grant_id=`{grant_id}`");
                Error::new(error.kind(), message).with_source(error)
            })
        };
        self.expansion.as_ref().map(decode).transpose()
    }
}

/// A grant and its expansion, if it passes.
fn read(row: &Stored<'_>, reading: &Reading, wanted: Wanted) -> Result<Option<(v2::Grant, State)>> {
    let mut state = State::of_columns(row);
    let is_told_by_columns = reading.backfilled || state.expansion.is_some();
    if is_told_by_columns && !wanted.passes(&state) {
        return Ok(None);
    }
    let mut grant: v2::Grant =
        message::decode("grant", &row.data).map_err(|error| error.in_row(TABLE, row.id))?;
    if !is_told_by_columns {
        state = State::lifted_from(&mut grant);
        if !wanted.passes(&state) {
            return Ok(None);
        }
    }
    fill_in(&mut grant, row);
    Ok(Some((grant, state)))
}

/// Rebuilds the sides that a slim grant lacks.
fn fill_in(grant: &mut v2::Grant, row: &Stored<'_>) {
    if grant.entitlement.is_unset() {
        grant.entitlement = MessageField::some(v2::Entitlement {
            id: row.entitlement_id.clone().into_owned(),
            resource: MessageField::some(stub(&row.resource_type_id, &row.resource_id)),
            ..Default::default()
        });
    }
    if grant.principal.is_unset() {
        let (kind, id) = (&row.principal_resource_type_id, &row.principal_resource_id);
        grant.principal = MessageField::some(stub(kind, id));
    }
}

fn stub(resource_type: &str, resource: &str) -> v2::Resource {
    v2::Resource {
        id: MessageField::some(v2::ResourceId {
            resource_type: resource_type.to_owned(),
            resource: resource.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The row of a list, if it passes.
pub(in crate::engine) fn listed(
    row: &Stored<'_>,
    reading: &Reading,
    wanted: Wanted,
) -> Result<Option<GrantRow>> {
    let Some((mut grant, state)) = read(row, reading, wanted)? else {
        return Ok(None);
    };
    let expansion = state.decoded(&row.external_id)?;
    if let (true, Some(value)) = (reading.attach, state.expansion) {
        grant.annotations.push(Any {
            type_url: EXPANDABLE_URL.to_owned(),
            value,
            ..Default::default()
        });
    }
    let discovered_at = reading.zone.instant(&row.discovered_at);
    Ok(Some(GrantRow {
        grant,
        needs_expansion: state.needs_expansion,
        expansion,
        discovered_at: Some(discovered_at.map_err(|error| error.in_row(TABLE, row.id))?),
    }))
}

/// The grant's entry in the list of pending expansions, if it has one. Decodes no grant that columns
/// tell of.
pub(in crate::engine) fn pending(
    row: &Stored<'_>,
    reading: &Reading,
) -> Result<Option<PendingExpansion>> {
    let mut state = State::of_columns(row);
    if !reading.backfilled && state.expansion.is_none() {
        let wanted = Wanted {
            needs_expansion: Some(true),
            has_expansion: None,
        };
        let Some((_, lifted)) = read(row, reading, wanted)? else {
            return Ok(None);
        };
        state = lifted;
    }
    if !state.needs_expansion {
        return Ok(None);
    }
    let expansion = state.decoded(&row.external_id)?;
    Ok(expansion.map(|expansion| PendingExpansion {
        grant_id: row.external_id.clone().into_owned(),
        entitlement: EntitlementRef {
            id: row.entitlement_id.clone().into_owned(),
            resource: Some(ResourceRef::new(
                row.resource_type_id.clone(),
                row.resource_id.clone(),
            )),
        },
        principal: ResourceRef::new(
            row.principal_resource_type_id.clone(),
            row.principal_resource_id.clone(),
        ),
        expansion,
    }))
}
