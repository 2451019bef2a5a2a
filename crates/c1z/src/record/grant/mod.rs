//! Grants: who holds which entitlement. Both sides are stored as references.
//!
//! [`to_record`] and [`from_record`] are the definition of the map, over whole messages. The other
//! files are shortcuts for hot paths and are tested to agree with it: [`encode_into`] writes stored
//! bytes from a message, [`MessageView`] from the bytes of one, [`GrantView`] borrows from stored bytes and writes message bytes. [`fold`]
//! joins two rows that have one identity (`c1z3-keyspace` §4.2, §5.2, §5.3, §5.6).

mod build;
mod encode;
mod fold;
mod from_message;
mod origin;
mod sources;
mod transcode;
mod view;

pub use encode::encode_into;
pub use fold::fold;
pub use from_message::MessageView;
pub use origin::{Origin, put_message_without_sources, put_stored_without_sources};
pub use sources::Sources;
pub use view::{EntitlementRefView, GrantView, PrincipalRefView};

use c1z_proto::connector::v2::{Entitlement, Grant, GrantSources, grant_sources::GrantSource};
use c1z_proto::google::protobuf::Any;
use c1z_proto::storage::v3::{
    EntitlementRef, GrantExpandableRecord, GrantRecord, GrantSourceRecord, PrincipalRef,
};

use super::annotation::{self, Expansion, Lifted};
use super::{message, resource, timestamp};
use crate::Result;
use crate::engine::Profile;
use crate::engine::types::Timestamp;
use crate::keyspace::{EntitlementIdentity, GrantIdentity};

/// The sources of a stored grant, by a scan for them alone: in the order of the bytes, ascending in
/// canonical records. Fields besides them are skipped, not checked.
pub fn sources_of(value: &[u8]) -> Sources<'_> {
    Sources::new(value)
}

/// How a grant is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantPut<'a> {
    /// Whose behaviour applies where they differ. [`Profile::GoPebble`] leaves an empty id empty,
    /// takes only the first `GrantExpandable` out, and sets the flag whenever there is one; the
    /// others store the concatenated id, take all of them out, and know an expansion that did not
    /// change.
    pub profile: Profile,
    /// When the record is written; for rows that are copied, when the source was.
    pub discovered_at: Option<Timestamp>,
    /// Where the stored expansion comes from.
    pub expansion: PutExpansion<'a>,
}

/// Where the expansion of a written grant comes from. In every case the annotation leaves the
/// payload.
#[derive(Clone, Copy, Debug)]
pub enum PutExpansion<'a> {
    /// From the annotation; the row needs expansion when there is one. The state of the row that is
    /// being replaced, if any, keeps its flag when the expansion does not change (not in Go).
    Lift(Option<StoredExpansion<'a>>),
    /// As given, whatever the annotation says: the state of the row that expansion writes over, or
    /// the columns of a v1 row.
    Keep(StoredExpansion<'a>),
}

impl Default for PutExpansion<'_> {
    fn default() -> Self {
        PutExpansion::Lift(None)
    }
}

/// Expansion state of a stored grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredExpansion<'a> {
    /// Encoded `GrantExpandableRecord` or `GrantExpandable`, which have the same fields.
    pub expansion: Option<&'a [u8]>,
    /// Whether expansion is pending or was done from it.
    pub needs_expansion: bool,
}

/// The stored form of a grant.
///
/// # Errors
/// Data loss when the given expansion state is not a message.
pub fn to_record(source: &Grant, put: &GrantPut<'_>) -> Result<GrantRecord> {
    let lifted = annotation::lift(&source.annotations, put.profile);
    let annotations = kept(&source.annotations, &lifted);
    let (expansion, needs_expansion) = expansion_state(lifted.expansion, put)?;
    let (entitlement, principal) = (source.entitlement.as_option(), source.principal.as_option());
    Ok(GrantRecord {
        external_id: stored_id(source, put.profile),
        entitlement: entitlement.map(entitlement_ref).into(),
        principal: principal.map(principal_ref).into(),
        discovered_at: timestamp::to_field(put.discovered_at),
        expansion: expansion.into(),
        needs_expansion,
        annotations,
        sources: stored_sources(source),
        ..Default::default()
    })
}

fn kept(annotations: &[Any], lifted: &Lifted) -> Vec<Any> {
    let mut removed = lifted.removed.iter().peekable();
    let mut kept = Vec::with_capacity(annotations.len() - lifted.removed.len());
    for (i, annotation) in annotations.iter().enumerate() {
        if removed.next_if_eq(&&i).is_none() {
            kept.push(annotation.clone());
        }
    }
    kept
}

/// The expansion to store and its flag.
pub(crate) fn expansion_state(
    lifted: Option<GrantExpandableRecord>,
    put: &GrantPut<'_>,
) -> Result<(Option<GrantExpandableRecord>, bool)> {
    let decode = |bytes: Option<&[u8]>| {
        bytes
            .map(|bytes| message::decode::<GrantExpandableRecord>("grant expansion", bytes))
            .transpose()
    };
    match put.expansion {
        PutExpansion::Keep(state) => Ok((decode(state.expansion)?, state.needs_expansion)),
        PutExpansion::Lift(replaced) => {
            let mut needs_expansion = lifted.is_some();
            if let (Some(state), Some(_)) = (replaced, &lifted)
                && put.profile != Profile::GoPebble
                && decode(state.expansion)? == lifted
            {
                needs_expansion = state.needs_expansion;
            }
            Ok((lifted, needs_expansion))
        }
    }
}

/// The id that is stored: the grant's own, or the concatenated one.
pub(crate) fn stored_id(source: &Grant, profile: Profile) -> String {
    if source.id.is_empty() && profile != Profile::GoPebble {
        let principal = &source.principal.id;
        return concatenated_id(
            &source.entitlement.id,
            &principal.resource_type,
            &principal.resource,
        );
    }
    source.id.clone()
}

/// The public id of a grant that has none of its own.
pub(crate) fn concatenated_id(entitlement: &str, principal_type: &str, principal: &str) -> String {
    [entitlement, principal_type, principal].join(":")
}

fn entitlement_ref(source: &Entitlement) -> EntitlementRef {
    let of = &source.resource.id;
    EntitlementRef {
        resource_type_id: of.resource_type.clone(),
        resource_id: of.resource.clone(),
        entitlement_id: source.id.clone(),
        ..Default::default()
    }
}

fn principal_ref(source: &c1z_proto::connector::v2::Resource) -> PrincipalRef {
    let (id, parent) = (&source.id, &source.parent_resource_id);
    PrincipalRef {
        resource_type_id: id.resource_type.clone(),
        resource_id: id.resource.clone(),
        parent_resource_type_id: parent.resource_type.clone(),
        parent_resource_id: parent.resource.clone(),
        ..Default::default()
    }
}

fn stored_sources(source: &Grant) -> std::collections::BTreeMap<String, GrantSourceRecord> {
    let sources = source.sources.sources.iter();
    let stored = sources.map(|(id, source)| {
        let record = GrantSourceRecord {
            is_direct: source.is_direct,
            ..Default::default()
        };
        (id.clone(), record)
    });
    stored.collect()
}

/// What a reader gets for a stored grant: entitlement and principal as stubs.
pub fn from_record(record: GrantRecord, expansion: Expansion) -> Grant {
    let (entitlement, principal) = (&record.entitlement, &record.principal);
    let id = if record.external_id.is_empty() && entitlement.is_set() && principal.is_set() {
        concatenated_id(
            &entitlement.entitlement_id,
            &principal.resource_type_id,
            &principal.resource_id,
        )
    } else {
        record.external_id
    };
    let mut annotations = record.annotations;
    if let (Expansion::Attach, Some(stored)) = (expansion, record.expansion.as_option()) {
        annotations.push(annotation::attached(stored));
    }
    Grant {
        entitlement: record
            .entitlement
            .into_option()
            .map(entitlement_stub)
            .into(),
        principal: record.principal.into_option().map(principal_stub).into(),
        id,
        sources: read_sources(record.sources).into(),
        annotations,
        ..Default::default()
    }
}

fn entitlement_stub(stored: EntitlementRef) -> Entitlement {
    let of = resource::stub(stored.resource_type_id, stored.resource_id);
    Entitlement {
        resource: Some(of).into(),
        id: stored.entitlement_id,
        ..Default::default()
    }
}

fn principal_stub(stored: PrincipalRef) -> c1z_proto::connector::v2::Resource {
    let mut principal = resource::stub(stored.resource_type_id, stored.resource_id);
    if !stored.parent_resource_id.is_empty() {
        let (parent_type, parent) = (stored.parent_resource_type_id, stored.parent_resource_id);
        principal.parent_resource_id = Some(resource::id(parent_type, parent)).into();
    }
    principal
}

fn read_sources(
    stored: std::collections::BTreeMap<String, GrantSourceRecord>,
) -> Option<GrantSources> {
    if stored.is_empty() {
        return None;
    }
    let sources = stored.into_iter().map(|(id, source)| {
        let source = GrantSource {
            is_direct: source.is_direct,
            ..Default::default()
        };
        (id, source)
    });
    Some(GrantSources {
        sources: sources.collect(),
        ..Default::default()
    })
}

/// The identity of a stored grant, complete.
///
/// # Errors
/// Invalid argument, naming the part that is missing.
pub fn identity(record: &GrantRecord) -> Result<GrantIdentity<'_>> {
    let (entitlement, principal) = (&record.entitlement, &record.principal);
    complete(
        [
            &entitlement.resource_type_id,
            &entitlement.resource_id,
            &entitlement.entitlement_id,
        ],
        &principal.resource_type_id,
        &principal.resource_id,
    )
}

/// The identity of a grant message, complete.
///
/// # Errors
/// Invalid argument, naming the part that is missing.
pub fn identity_of(grant: &Grant) -> Result<GrantIdentity<'_>> {
    let (of, principal) = (&grant.entitlement.resource.id, &grant.principal.id);
    complete(
        [&of.resource_type, &of.resource, &grant.entitlement.id],
        &principal.resource_type,
        &principal.resource,
    )
}

pub(crate) fn complete<'a>(
    entitlement: [&'a str; 3],
    principal_type: &'a str,
    principal: &'a str,
) -> Result<GrantIdentity<'a>> {
    let [resource_type, resource, id] = entitlement;
    let entitlement = EntitlementIdentity::new(resource_type, resource, id);
    let identity = GrantIdentity::new(entitlement, principal_type, principal);
    identity.check_complete()?;
    Ok(identity)
}
