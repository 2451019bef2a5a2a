//! Digests over grants, and what they certify (`c1z3-keyspace` §7.1, §8). Present means exact; absent means *not built*.

use super::kv::Kv;
use super::{Shared, lookup};
use crate::Result;
use crate::digest::{self, Bucket, Node, PartitionDigest};
use crate::engine::reader::{DigestNode, DigestRoot};
use crate::engine::types::{EntitlementRef, SyncId, SyncStats};
use crate::keyspace::{EntitlementIdentity, KeyRange, MetadataKey, prefix};
use crate::record::stats;

/// The statistics that were recorded for this sync, if any. Those of another sync say nothing.
pub(super) fn recorded_stats(kv: &dyn Kv, sync: &SyncId) -> Result<Option<SyncStats>> {
    let Some(value) = kv.get(&MetadataKey::Stats.to_vec())? else {
        return Ok(None);
    };
    let (of, stats) = stats::decode(&value)?;
    Ok((of == sync.as_str()).then_some(stats))
}

/// Recorded statistics whose number of grants the global digest confirms: edits after the seal drop the digest, but leave
/// the statistics as they were.
pub(super) fn certified_stats(shared: &Shared) -> Result<Option<SyncStats>> {
    let Some(stats) = &shared.run.stats else {
        return Ok(None);
    };
    let certified =
        global(shared)?.is_some_and(|root| i64::try_from(root.count) == Ok(stats.grants));
    Ok(certified.then(|| stats.clone()))
}

/// The digest over all grants.
pub(super) fn global(shared: &Shared) -> Result<Option<DigestNode>> {
    if !shared.digests_usable {
        return Ok(None);
    }
    let value = shared.kv.get(&digest::global_root_key())?;
    value
        .map(|value| Ok(node(0, Node::decode(&value)?)))
        .transpose()
}

/// Root of the digest over an entitlement's grants.
pub(super) fn root(shared: &Shared, id: &EntitlementRef) -> Result<Option<DigestRoot>> {
    Ok(partition(shared, id)?.map(|(_, digest)| DigestRoot {
        width: digest.root.width,
        node: node(0, digest.root.node),
    }))
}

/// Nodes at a level, from the stored leaves or, finer than those, from the hash index.
pub(super) fn nodes(
    shared: &Shared,
    id: &EntitlementRef,
    level: u8,
) -> Result<Option<Vec<DigestNode>>> {
    let Some((partition, digest)) = partition(shared, id)? else {
        return Ok(None);
    };
    let buckets = if level <= digest.root.width {
        digest.nodes_at(level)?
    } else {
        digest::nodes_of_rows(level, rows(shared, &prefix::hash_rows_of(&partition))?)?
    };
    Ok(Some(
        buckets
            .into_iter()
            .map(|Bucket { index, node: sum }| node(index, sum))
            .collect(),
    ))
}

/// The encoded partition of an entitlement and its digest.
fn partition(shared: &Shared, id: &EntitlementRef) -> Result<Option<(Vec<u8>, PartitionDigest)>> {
    if !shared.digests_usable {
        return Ok(None);
    }
    let kv = shared.kv.as_ref();
    let Some(identity) = lookup::entitlement_of_grants(kv, &shared.opaque, id)? else {
        return Ok(None);
    };
    let partition = encode(&identity);
    let rows = rows(shared, &prefix::digest_nodes_of(&partition))?;
    Ok(PartitionDigest::read(rows)?.map(|digest| (partition, digest)))
}

fn encode(identity: &EntitlementIdentity<'_>) -> Vec<u8> {
    let mut partition = Vec::new();
    identity.encode_into(&mut partition);
    partition
}

/// The rows of a range, copied one by one.
fn rows(
    shared: &Shared,
    range: &KeyRange,
) -> Result<impl Iterator<Item = Result<(Vec<u8>, Vec<u8>)>> + use<>> {
    let mut scan = shared.kv.scan(range)?;
    Ok(std::iter::from_fn(move || {
        let row = scan
            .next()
            .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())));
        row.transpose()
    }))
}

fn node(index: u32, node: Node) -> DigestNode {
    DigestNode {
        index,
        count: node.count,
        hash: node.xor.to_be_bytes(),
    }
}
