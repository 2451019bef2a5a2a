//! Two rows with one identity become one, whatever the order they come in.
//!
//! | part | rule |
//! |---|---|
//! | external id, time | of the row written earliest; a row without a time loses; on a tie the smaller id |
//! | needs expansion | either |
//! | annotations | union without exact duplicates; sorted by type and value when both rows have some |
//! | sources | union by key; direct if either is; references: the smallest that is not empty |
//! | expansion | ids: sorted unions; shallow only if both are |
//!
//! Parts without a rule (parent of the principal, scope key, unknown fields) follow the row that
//! gives the id. Used where external ids were identity: v1 files and the older v3 layout
//! (`c1z3-keyspace` §5.6, `store-contract` §4.7).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use c1z_proto::google::protobuf::Any;
use c1z_proto::storage::v3::{GrantExpandableRecord, GrantRecord, GrantSourceRecord};

use crate::engine::types::Timestamp;
use crate::record::timestamp;

/// The one row that two rows of the same identity stand for. Commutative and associative.
pub fn fold(a: GrantRecord, b: GrantRecord) -> GrantRecord {
    let (mut first, second) = if rank(&a) <= rank(&b) { (a, b) } else { (b, a) };
    first.needs_expansion |= second.needs_expansion;
    let annotations = std::mem::take(&mut first.annotations);
    first.annotations = fold_annotations(annotations, second.annotations);
    fold_sources(&mut first.sources, second.sources);
    let expansion = (first.expansion.take(), second.expansion.into_option());
    first.expansion = fold_expansion(expansion).into();
    first
}

/// Smaller is the row that gives id and time. The encoded rest breaks ties of both, so that the
/// result does not depend on the order.
fn rank(record: &GrantRecord) -> (bool, Option<Timestamp>, &str, Vec<u8>) {
    let written = timestamp::from_field(&record.discovered_at);
    let principal = crate::record::message::encode(&*record.principal);
    (written.is_none(), written, &record.external_id, principal)
}

fn fold_annotations(a: Vec<Any>, b: Vec<Any>) -> Vec<Any> {
    if a.is_empty() || b.is_empty() {
        return if a.is_empty() { b } else { a };
    }
    let mut all = [a, b].concat();
    all.sort_by(|x, y| (&x.type_url, &x.value).cmp(&(&y.type_url, &y.value)));
    all.dedup_by(|x, y| x.type_url == y.type_url && x.value == y.value);
    all
}

fn fold_sources(
    into: &mut BTreeMap<String, GrantSourceRecord>,
    from: BTreeMap<String, GrantSourceRecord>,
) {
    for (key, source) in from {
        match into.entry(key) {
            Entry::Vacant(slot) => {
                slot.insert(source);
            }
            Entry::Occupied(mut slot) => {
                let kept = slot.get_mut();
                kept.is_direct |= source.is_direct;
                keep_smallest(&mut kept.resource_type_id, source.resource_type_id);
                keep_smallest(&mut kept.resource_id, source.resource_id);
                keep_smallest(&mut kept.entitlement_id, source.entitlement_id);
            }
        }
    }
}

fn keep_smallest(kept: &mut String, other: String) {
    if kept.is_empty() || (!other.is_empty() && other < *kept) {
        *kept = other;
    }
}

fn fold_expansion(
    pair: (Option<GrantExpandableRecord>, Option<GrantExpandableRecord>),
) -> Option<GrantExpandableRecord> {
    let (mut first, second) = match pair {
        (Some(first), Some(second)) => (first, second),
        (one, other) => return one.or(other),
    };
    let union = |a: &mut Vec<String>, b: Vec<String>| {
        a.extend(b);
        a.sort();
        a.dedup();
    };
    union(&mut first.entitlement_ids, second.entitlement_ids);
    union(&mut first.resource_type_ids, second.resource_type_ids);
    first.shallow &= second.shallow;
    Some(first)
}
