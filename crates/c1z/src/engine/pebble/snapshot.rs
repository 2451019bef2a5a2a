//! One sync of a v3 file: every read of the contract over its keys and values.

use std::sync::Arc;

use c1z_proto::connector::v2;
use c1z_proto::storage::v3 as stored;

use super::kv::{Kv, KvReader};
use super::plan::{self, KeyTest};
use super::{Shared, digests, lookup, rows};
use crate::engine::reader::{Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, PendingExpansion};
use crate::engine::source::{After, Cursor, RowCursor, SyncSnapshot};
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncStats};
use crate::engine::{EntitlementFilter, GrantFilter, ResourceFilter};
use crate::keyspace::splice::{self, GrantKey as SplitKey};
use crate::keyspace::{
    EntitlementIdentity, Family, GrantIdentity, Key, KeyRange, ResourceIdentity, prefix,
};
use crate::record::{
    AssetView, Expansion, GrantView, asset, entitlement, message, resource, resource_type,
};
use crate::{Error, Result};

/// A snapshot of the one sync that a v3 file holds.
#[derive(Clone, Debug)]
pub(super) struct Snapshot(pub(super) Arc<Shared>);

impl Snapshot {
    fn kv(&self) -> &Arc<dyn Kv> {
        &self.0.kv
    }

    fn get<T>(&self, key: &Key<'_>, decode: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        self.kv()
            .get(&key.to_vec())?
            .map(|value| decode(&value))
            .transpose()
    }

    /// The entitlement that a filter names, which may not exist.
    fn filter_entitlement(&self, filter: &GrantFilter) -> Result<Named> {
        let Some(id) = &filter.entitlement else {
            return Ok(Named::Any);
        };
        let kv = self.kv().as_ref();
        let found = lookup::entitlement_of_grants(kv, &self.0.opaque, id)?;
        Ok(found.map_or(Named::Absent, |identity| Named::One(Box::new(identity))))
    }
}

/// What a filter says about the entitlement.
enum Named {
    /// Nothing.
    Any,
    /// It names one that no grant can have.
    Absent,
    /// It names this one.
    One(Box<EntitlementIdentity<'static>>),
}

fn decode_resource_type(value: &[u8]) -> Result<v2::ResourceType> {
    let record: stored::ResourceTypeRecord = message::decode("resource type record", value)?;
    Ok(resource_type::from_record(record))
}

fn decode_resource(value: &[u8]) -> Result<v2::Resource> {
    let record: stored::ResourceRecord = message::decode("resource record", value)?;
    Ok(resource::from_record(record))
}

fn decode_entitlement(value: &[u8]) -> Result<v2::Entitlement> {
    let record: stored::EntitlementRecord = message::decode("entitlement record", value)?;
    Ok(entitlement::from_record(record))
}

fn attachment(attach: bool) -> Expansion {
    if attach {
        Expansion::Attach
    } else {
        Expansion::Omit
    }
}

fn decode_grant(value: &[u8], attach: bool) -> Result<v2::Grant> {
    GrantView::parse(value)?.to_message(attachment(attach))
}

/// The row of a grant that passes the conditions on its expansion.
fn decode_grant_row(value: &[u8], filter: &GrantFilter, attach: bool) -> Result<Option<GrantRow>> {
    let view = GrantView::parse(value)?;
    let state = view.stored_expansion();
    let needs_expansion = state.needs_expansion && state.expansion.is_some();
    let passes = filter
        .has_expansion
        .is_none_or(|wanted| wanted == state.expansion.is_some())
        && filter
            .needs_expansion
            .is_none_or(|wanted| wanted == needs_expansion);
    if !passes {
        return Ok(None);
    }
    let expansion = state.expansion.map(decode_expansion).transpose()?;
    Ok(Some(GrantRow {
        needs_expansion,
        expansion,
        discovered_at: view.discovered_at(),
        grant: view.to_message(attachment(attach))?,
    }))
}

fn decode_expansion(bytes: &[u8]) -> Result<v2::GrantExpandable> {
    message::decode("grant expansion", bytes)
}

fn decode_pending(value: &[u8]) -> Result<Option<PendingExpansion>> {
    let view = GrantView::parse(value)?;
    let state = view.stored_expansion();
    let (Some(bytes), true) = (state.expansion, state.needs_expansion) else {
        return Ok(None);
    };
    let grant_id = view.id().into_owned();
    let expansion = decode_expansion(bytes).map_err(|error| {
        Error::new(
            error.kind(),
            format!("expansion of a grant: grant_id=`{grant_id}`"),
        )
        .with_source(error)
    })?;
    let entitlement = view.entitlement.unwrap_or_default();
    let principal = view.principal.unwrap_or_default();
    Ok(Some(PendingExpansion {
        entitlement: EntitlementRef {
            id: entitlement.id.to_owned(),
            resource: Some(ResourceRef::new(
                entitlement.resource_type,
                entitlement.resource,
            )),
        },
        principal: ResourceRef::new(principal.resource_type, principal.resource),
        grant_id,
        expansion,
    }))
}

fn resource_key(id: &ResourceRef) -> Key<'_> {
    Key::Resource(ResourceIdentity::new(&id.resource_type, &id.resource))
}

fn passes(test: &KeyTest, key: &[u8]) -> Result<bool> {
    if test.is_trivial() {
        return Ok(true);
    }
    let halves = SplitKey::parse(key)?;
    Ok(test.passes(halves.partition, halves.principal))
}

impl SyncSnapshot for Snapshot {
    fn resource_types(&self, after: After<'_>) -> Result<Cursor<v2::ResourceType>> {
        let range = Family::ResourceType.range();
        Ok(rows::over(self.kv(), &[range], after, |_, value| {
            decode_resource_type(value).map(Some)
        }))
    }

    fn resources(&self, filter: &ResourceFilter, after: After<'_>) -> Result<Cursor<v2::Resource>> {
        let kind = filter.resource_type.clone();
        let Some(parent) = &filter.parent else {
            let range = match kind.as_str() {
                "" => Family::Resource.range(),
                kind => prefix::resources_of_type(kind.as_bytes()),
            };
            return Ok(rows::over(self.kv(), &[range], after, |_, value| {
                decode_resource(value).map(Some)
            }));
        };
        let mut components = vec![parent.resource_type.as_bytes(), parent.resource.as_bytes()];
        if !kind.is_empty() {
            components.push(kind.as_bytes());
        }
        let range = KeyRange::of_components(Family::ResourceByParent, &components);
        let resolve = |key: &[u8], primary: &mut Vec<u8>| {
            splice::child_of_parent_key_into(key, primary).map(|()| true)
        };
        Ok(rows::through(
            self.kv(),
            &[range],
            after,
            resolve,
            |_, value| decode_resource(value).map(Some),
        ))
    }

    fn entitlements(
        &self,
        filter: &EntitlementFilter,
        after: After<'_>,
    ) -> Result<Cursor<v2::Entitlement>> {
        let kind = filter.resource_type.as_bytes();
        let ranges = match &filter.resource {
            Some(on) if !kind.is_empty() && kind != on.resource_type.as_bytes() => Vec::new(),
            Some(on) => {
                vec![prefix::entitlements_of(
                    on.resource_type.as_bytes(),
                    on.resource.as_bytes(),
                )]
            }
            None if kind.is_empty() => vec![Family::Entitlement.range()],
            None => vec![prefix::entitlements_of_type(kind)],
        };
        Ok(rows::over(self.kv(), &ranges, after, |_, value| {
            decode_entitlement(value).map(Some)
        }))
    }

    fn grants(
        &self,
        filter: &GrantFilter,
        attach: bool,
        after: After<'_>,
    ) -> Result<Cursor<GrantRow>> {
        let entitlement = match self.filter_entitlement(filter)? {
            Named::Any => None,
            Named::Absent => return Ok(Box::new(Nothing)),
            Named::One(identity) => Some(identity),
        };
        let plan = plan::plan(filter, entitlement.as_deref(), self.0.index_complete);
        let (filter, test) = (filter.clone(), plan.test.clone());
        let decode = move |key: &[u8], value: &[u8]| {
            if passes(&test, key)? {
                decode_grant_row(value, &filter, attach)
            } else {
                Ok(None)
            }
        };
        let test = plan.test;
        Ok(match plan.source {
            plan::Source::Nothing => Box::new(Nothing),
            plan::Source::Point(key) => {
                let upper = [key.as_slice(), &[0]].concat();
                let range = KeyRange {
                    lower: key,
                    upper: Some(upper),
                };
                rows::over(self.kv(), &[range], after, decode)
            }
            plan::Source::Primary(ranges) => rows::over(self.kv(), &ranges, after, decode),
            plan::Source::ByPrincipal(ranges) => {
                let resolve = move |key: &[u8], primary: &mut Vec<u8>| {
                    let halves = SplitKey::parse_by_principal(key)?;
                    halves.primary_into(primary);
                    Ok(test.passes(halves.partition, halves.principal))
                };
                rows::through(self.kv(), &ranges, after, resolve, decode)
            }
            plan::Source::NeedsExpansion(range) => {
                let resolve = move |key: &[u8], primary: &mut Vec<u8>| {
                    let halves = SplitKey::parse_needs_expansion(key)?;
                    halves.primary_into(primary);
                    Ok(test.passes(halves.partition, halves.principal))
                };
                rows::through(self.kv(), &[range], after, resolve, decode)
            }
        })
    }

    fn pending_expansion(&self, after: After<'_>) -> Result<Cursor<PendingExpansion>> {
        let range = Family::GrantNeedsExpansion.range();
        let resolve = |key: &[u8], primary: &mut Vec<u8>| {
            SplitKey::parse_needs_expansion(key)?.primary_into(primary);
            Ok(true)
        };
        Ok(rows::through(
            self.kv(),
            &[range],
            after,
            resolve,
            |_, value| decode_pending(value),
        ))
    }

    fn assets(&self, after: After<'_>) -> Result<Cursor<AssetInfo>> {
        Ok(rows::over(
            self.kv(),
            &[Family::Asset.range()],
            after,
            |_, value| {
                let view = AssetView::parse(value)?;
                Ok(Some(AssetInfo {
                    id: view.external_id.to_owned(),
                    content_type: view.content_type.to_owned(),
                    len: view.data.len() as u64,
                }))
            },
        ))
    }

    fn principals(
        &self,
        entitlement: &EntitlementRef,
        after: After<'_>,
    ) -> Result<Cursor<ResourceRef>> {
        let found = lookup::entitlement_of_grants(self.kv().as_ref(), &self.0.opaque, entitlement)?;
        let ranges: Vec<_> = found.iter().map(prefix::grants_of).collect();
        Ok(rows::over(
            self.kv(),
            &ranges,
            after,
            |key, _| match Key::parse(key)? {
                Key::Grant(GrantIdentity {
                    principal_type,
                    principal,
                    ..
                }) => Ok(Some(ResourceRef::new(
                    utf8(&principal_type)?,
                    utf8(&principal)?,
                ))),
                _ => Ok(None),
            },
        ))
    }

    fn resource_type(&self, id: &str) -> Result<Option<v2::ResourceType>> {
        self.get(
            &Key::ResourceType(id.as_bytes().into()),
            decode_resource_type,
        )
    }

    fn resource(&self, id: &ResourceRef) -> Result<Option<v2::Resource>> {
        self.get(&resource_key(id), decode_resource)
    }

    fn entitlement(&self, id: &EntitlementRef) -> Result<Option<v2::Entitlement>> {
        match lookup::entitlement(self.kv().as_ref(), &self.0.opaque, id)? {
            Some(identity) => self.get(&Key::Entitlement(identity), decode_entitlement),
            None => Ok(None),
        }
    }

    fn grant(&self, id: &str, attach: bool) -> Result<Option<v2::Grant>> {
        let stored_id = |value: &[u8]| Ok(GrantView::parse(value)?.external_id.as_bytes().to_vec());
        let kv = self.kv();
        let Some(key) = lookup::grant(kv.as_ref(), &self.0.opaque, id, stored_id)? else {
            return Ok(None);
        };
        kv.get(&key)?
            .map(|value| decode_grant(&value, attach))
            .transpose()
    }

    fn grant_by_key(&self, key: &GrantKey, attach: bool) -> Result<Option<v2::Grant>> {
        let kv = self.kv();
        let entitlement =
            lookup::entitlement_of_grants(kv.as_ref(), &self.0.opaque, &key.entitlement)?;
        let Some(entitlement) = entitlement else {
            return Ok(None);
        };
        let key = lookup::grant_key(entitlement, &key.principal);
        kv.get(&key)?
            .map(|value| decode_grant(&value, attach))
            .transpose()
    }

    fn asset(&self, id: &str) -> Result<Option<Asset>> {
        let mut key = Vec::new();
        asset::key_into(id, &mut key)?;
        let Some(value) = self.kv().get(&key)? else {
            return Ok(None);
        };
        let view = AssetView::parse(&value)?;
        let content_type = view.content_type.to_owned();
        let part = asset::data_range(&value)?;
        Ok(Some(Asset {
            content_type,
            len: part.len() as u64,
            data: Box::new(KvReader::new(value, part)),
        }))
    }

    fn certified_stats(&self) -> Result<Option<SyncStats>> {
        let Some(mut stats) = digests::certified_stats(&self.0)? else {
            return Ok(None);
        };
        // Named as where rows are counted; what a conversion or the original recorded leaves out types without resources.
        let mut types = self.kv().scan(&Family::ResourceType.range())?;
        while let Some((key, _)) = types.next()? {
            crate::record::stats::name_type(&mut stats, key)?;
        }
        Ok(Some(stats))
    }

    fn count(&self) -> Result<SyncStats> {
        let mut stats = SyncStats::default();
        for family in [
            Family::ResourceType,
            Family::Resource,
            Family::Entitlement,
            Family::Grant,
            Family::Asset,
        ] {
            let mut scan = self.kv().scan(&family.range())?;
            while let Some((key, _)) = scan.next()? {
                crate::record::stats::count_with_types(&mut stats, key)?;
            }
        }
        crate::record::token::lift_into(&self.0.run.token, &mut stats);
        Ok(stats)
    }

    fn entitlement_digest(&self, entitlement: &EntitlementRef) -> Result<Option<DigestRoot>> {
        digests::root(&self.0, entitlement)
    }

    fn entitlement_digest_nodes(
        &self,
        entitlement: &EntitlementRef,
        level: u8,
    ) -> Result<Option<Vec<DigestNode>>> {
        digests::nodes(&self.0, entitlement, level)
    }

    fn grants_digest(&self) -> Result<Option<DigestNode>> {
        digests::global(&self.0)
    }
}

fn utf8(part: &[u8]) -> Result<&str> {
    crate::record::wire::text(part)
}

/// A cursor over nothing.
struct Nothing;

impl<T> RowCursor<T> for Nothing {
    fn next(&mut self) -> Result<Option<T>> {
        Ok(None)
    }

    fn position(&self) -> &[u8] {
        &[]
    }
}
