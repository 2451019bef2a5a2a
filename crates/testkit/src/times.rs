//! When recorded writes happened: hooks for [`ReplayOptions::before`](crate::replay::ReplayOptions).
//!
//! A dump tells when syncs started and ended, the stored records of a v3 file when each was written. With both, a replay
//! stamps every row as the original did, to the nanosecond.

use std::collections::BTreeMap;
use std::time::Duration;

use buffa::Message;
use c1z::engine::types::Timestamp;
use c1z::keyspace::Family;
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf;
use c1z_proto::storage::v3;

use crate::clock::ManualClock;
use crate::golden::Dump;
use crate::golden::kv::Pair;
use crate::golden::ops::{Op, Step};
use crate::{Error, Result};

/// A record: its kind, and the parts of its identity.
type Name = Vec<String>;

/// Times of a recorded case.
#[derive(Clone, Debug, Default)]
pub struct Times {
    syncs: Vec<(Timestamp, Option<Timestamp>)>,
    records: BTreeMap<Name, Timestamp>,
}

impl Times {
    /// Starts and ends of the syncs of a dump. The times of single writes are not known: the clock moves by a
    /// nanosecond a step.
    pub fn of_syncs(dump: &Dump) -> Self {
        let syncs = dump.sync_runs().map(|run| (run.started_at, run.ended_at));
        Self {
            syncs: syncs.collect(),
            records: BTreeMap::new(),
        }
    }

    /// The same, with the times of the records that a v3 file holds.
    pub fn with_records(mut self, pairs: &[Pair]) -> Result<Self> {
        for pair in pairs {
            if let Some((name, at)) = record_time(pair)? {
                self.records.insert(name, at);
            }
        }
        Ok(self)
    }

    /// Number of records whose time is known.
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// Sets `clock` before each step to when the step happened.
    ///
    /// All records of a call were stamped alike, and a record that was written again bears the later stamp: so a call's
    /// own stamp is the earliest among its records that is later than all before.
    pub fn hook<'a>(&'a self, clock: &'a ManualClock) -> impl FnMut(&Step) + 'a {
        let mut started = 0;
        let mut last = Timestamp::default();
        move |step| {
            let at = match &step.op {
                Op::StartSync { .. } => {
                    started += 1;
                    self.syncs.get(started - 1).map(|(start, _)| *start)
                }
                Op::EndSync => started
                    .checked_sub(1)
                    .and_then(|index| self.syncs.get(index)?.1),
                Op::Sleep => return clock.advance(Duration::from_secs(1)),
                op => {
                    let times = names(op)
                        .into_iter()
                        .filter_map(|name| self.records.get(&name));
                    times.filter(|at| **at > last).min().copied()
                }
            };
            match at {
                Some(at) => {
                    last = at;
                    clock.set(at);
                }
                None => clock.advance(Duration::from_nanos(1)),
            }
        }
    }
}

/// Names of the records that a step writes.
fn names(op: &Op) -> Vec<Name> {
    match op {
        Op::PutResourceTypes(records) => {
            let name = |record: &v2::ResourceType| named("resource type", [record.id.clone()]);
            records.iter().map(name).collect()
        }
        Op::PutResources(records) => records
            .iter()
            .map(|record| named("resource", id_of(record)))
            .collect(),
        Op::PutEntitlements(records) => records
            .iter()
            .map(|record| named("entitlement", entitlement_parts(record)))
            .collect(),
        Op::PutGrants(records)
        | Op::StoreExpandedGrants(records)
        | Op::StoreNewExpandedGrants(records) => {
            let name = |record: &v2::Grant| {
                let entitlement = record.entitlement.as_option().map(entitlement_parts);
                let principal = record.principal.as_option().map(id_of);
                let parts = entitlement.into_iter().flatten();
                named("grant", parts.chain(principal.into_iter().flatten()))
            };
            records.iter().map(name).collect()
        }
        Op::PutAsset { id, .. } => vec![named("asset", [id.clone()])],
        _ => Vec::new(),
    }
}

/// Name and time of a stored record; none for keys of other families.
fn record_time(pair: &Pair) -> Result<Option<(Name, Timestamp)>> {
    let value = pair.value.as_slice();
    let (name, at) = match Family::of(&pair.key) {
        Some(Family::ResourceType) => {
            let record: v3::ResourceTypeRecord = decoded(value)?;
            let name = named("resource type", [record.external_id]);
            (name, record.discovered_at.into_option())
        }
        Some(Family::Resource) => {
            let record: v3::ResourceRecord = decoded(value)?;
            let name = named("resource", [record.resource_type_id, record.resource_id]);
            (name, record.discovered_at.into_option())
        }
        Some(Family::Entitlement) => {
            let record: v3::EntitlementRecord = decoded(value)?;
            let on = record.resource.into_option().unwrap_or_default();
            let parts = [on.resource_type_id, on.resource_id, record.external_id];
            (
                named("entitlement", parts),
                record.discovered_at.into_option(),
            )
        }
        Some(Family::Grant) => {
            let record: v3::GrantRecord = decoded(value)?;
            let of = record.entitlement.into_option().unwrap_or_default();
            let to = record.principal.into_option().unwrap_or_default();
            let parts = [
                of.resource_type_id,
                of.resource_id,
                of.entitlement_id,
                to.resource_type_id,
                to.resource_id,
            ];
            (named("grant", parts), record.discovered_at.into_option())
        }
        Some(Family::Asset) => {
            let record: v3::AssetRecord = decoded(value)?;
            (
                named("asset", [record.external_id]),
                record.discovered_at.into_option(),
            )
        }
        _ => return Ok(None),
    };
    Ok(at.and_then(|at| Some((name, timestamp(&at)?))))
}

fn decoded<T: Message>(value: &[u8]) -> Result<T> {
    T::decode_from_slice(value).map_err(|error| Error::new(error.to_string()))
}

fn timestamp(at: &protobuf::Timestamp) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: at.seconds,
        nanos: u32::try_from(at.nanos).ok()?,
    })
}

fn named(kind: &str, parts: impl IntoIterator<Item = String>) -> Name {
    [kind.to_owned()].into_iter().chain(parts).collect()
}

fn id_of(record: &v2::Resource) -> Vec<String> {
    let id = record.id.as_option();
    id.map(|id| vec![id.resource_type.clone(), id.resource.clone()])
        .unwrap_or_default()
}

fn entitlement_parts(record: &v2::Entitlement) -> Vec<String> {
    let mut parts = record.resource.as_option().map(id_of).unwrap_or_default();
    parts.push(record.id.clone());
    parts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use c1z::engine::model::{Model, ModelOptions};
    use c1z::engine::page::collect_pages;
    use c1z::engine::reader::Reader as _;
    use c1z::engine::types::SyncId;
    use c1z::engine::{GrantFilter, Identity, Profile, Scope};

    use super::*;
    use crate::golden::cases_with;
    use crate::ids::ListedIds;
    use crate::replay::{ReplayOptions, first_unsupported, replay};

    /// A replay stamps every grant as Go did.
    #[test]
    fn a_replay_can_happen_when_the_original_did() {
        let mut compared = 0;
        for case in cases_with("kv.ndjson.gz").unwrap() {
            if !case.has("ops.ndjson.gz") || !case.has("dump.v3.ndjson.gz") {
                continue;
            }
            let steps = case.ops().unwrap();
            if first_unsupported(&steps).is_some() {
                continue;
            }
            let dump = case.dump("v3").unwrap();
            let times = Times::of_syncs(&dump)
                .with_records(&case.kv("").unwrap())
                .unwrap();
            let clock = Arc::new(ManualClock::at(dump.read_at()));
            let ids = dump.sync_runs().map(|run| SyncId::from_stored(&run.id));
            let model = Model::new(ModelOptions {
                identity: Identity::Structural,
                profile: Profile::GoPebble,
                clock: clock.clone(),
                ids: Arc::new(ListedIds::new(ids.collect::<Vec<_>>())),
                rows_max: 100_000,
                one_sync: false,
            });
            let mut before = times.hook(&clock);
            let options = ReplayOptions {
                before: Some(&mut before),
                handler: None,
            };
            replay(&model, &steps, options).unwrap();
            clock.set(dump.read_at());
            let filter = GrantFilter::default();
            let rows = collect_pages(|page| model.list_grants(&Scope::Default, &filter, page));
            for row in rows.unwrap() {
                let name = names(&Op::PutGrants(vec![row.grant])).remove(0);
                assert_eq!(
                    row.discovered_at,
                    times.records.get(&name).copied(),
                    "{}: {name:?}",
                    case.name
                );
                compared += 1;
            }
        }
        assert!(compared > 1_900, "{compared} grants");
    }
}
