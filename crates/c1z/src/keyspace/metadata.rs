//! The engine's own rows under `03ff`: stamps, sidecars and crash markers.
//!
//! The name follows the header without a separator. Names that are not known here belong to somebody
//! else: they are ignored and survive (`c1z3-keyspace` §3.6, §7.3).

use super::family::Family;

const KEYSPACE_VERSION: &[u8] = b"keyspace_version";
const GRANT_ID_FORMAT: &[u8] = b"grant_entitlement_id_format";
const STATS: &[u8] = b"stats\0";
const ENTITLEMENT_GRAPH: &[u8] = b"entitlement-graph\0";
const GRANT_INDEX_PENDING: &[u8] = b"deferred_grant_idx_pending";
const DIGEST_BUILD_PENDING: &[u8] = b"grant_digest_build_pending";
const INDEX_MIGRATION: &[u8] = b"idx\0";

/// A key of the metadata family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataKey<'a> {
    /// Stamp of the layout; value: [`super::stamp::CURRENT`]. Required on a database with rows.
    KeyspaceVersion,
    /// Stamp of the identity format; value: [`super::stamp::CURRENT`]. Absent in older layouts.
    GrantIdFormat,
    /// The stats record.
    Stats,
    /// The expander's graph, opaque.
    EntitlementGraph,
    /// Present while the principal index lacks rows; empty value.
    GrantIndexPending,
    /// Present while digests are being built; empty value.
    DigestBuildPending,
    /// Version of a migrated index, by name.
    IndexMigration(&'a [u8]),
    /// Somebody else's row.
    Unknown(&'a [u8]),
}

impl<'a> MetadataKey<'a> {
    /// Reads a key of the metadata family; the header is skipped, not checked.
    pub(crate) fn parse(key: &'a [u8]) -> Self {
        let name = key
            .get(Family::Metadata.header().len()..)
            .unwrap_or_default();
        match name {
            KEYSPACE_VERSION => MetadataKey::KeyspaceVersion,
            GRANT_ID_FORMAT => MetadataKey::GrantIdFormat,
            STATS => MetadataKey::Stats,
            ENTITLEMENT_GRAPH => MetadataKey::EntitlementGraph,
            GRANT_INDEX_PENDING => MetadataKey::GrantIndexPending,
            DIGEST_BUILD_PENDING => MetadataKey::DigestBuildPending,
            _ => match name.strip_prefix(INDEX_MIGRATION) {
                Some(index) => MetadataKey::IndexMigration(index),
                None => MetadataKey::Unknown(name),
            },
        }
    }

    /// Appends the key's bytes to `out`.
    pub fn encode_into(self, out: &mut Vec<u8>) {
        out.extend_from_slice(Family::Metadata.header());
        match self {
            MetadataKey::KeyspaceVersion => out.extend_from_slice(KEYSPACE_VERSION),
            MetadataKey::GrantIdFormat => out.extend_from_slice(GRANT_ID_FORMAT),
            MetadataKey::Stats => out.extend_from_slice(STATS),
            MetadataKey::EntitlementGraph => out.extend_from_slice(ENTITLEMENT_GRAPH),
            MetadataKey::GrantIndexPending => out.extend_from_slice(GRANT_INDEX_PENDING),
            MetadataKey::DigestBuildPending => out.extend_from_slice(DIGEST_BUILD_PENDING),
            MetadataKey::IndexMigration(index) => {
                out.extend_from_slice(INDEX_MIGRATION);
                out.extend_from_slice(index);
            }
            MetadataKey::Unknown(name) => out.extend_from_slice(name),
        }
    }

    /// The key's bytes.
    pub fn to_vec(self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }
}
