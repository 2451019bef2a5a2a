//! The manifest of a file that was built (`c1z3-keyspace` §9).

use c1z_proto::c1z::v3::PebbleIdIndexFormat;
use c1z_proto::descriptors;
use c1z_proto::google::protobuf::FileDescriptorSet;
use shingle::manifest::FormatVersion;

use super::BuiltSync;
use crate::Result;
use crate::envelope::{EngineName, Manifest};
use crate::record::{self, message};

/// The manifest of `built`: engine, format of the database, descriptors of all records, and what
/// header-only readers trust: the sync run with its statistics, the root of the digests.
///
/// # Errors
/// `InvalidArgument` for a sync type that v3 files have no number for.
pub fn manifest_of(built: &BuiltSync) -> Result<Manifest> {
    let descriptors: FileDescriptorSet = message::decode("descriptors", descriptors::records())?;
    let sync_runs = built.run.iter().map(record::manifest::summary);
    Ok(Manifest {
        engine: EngineName::Pebble3.as_str().to_owned(),
        engine_schema_version: FormatVersion::NEWEST.number().into(),
        descriptors: Some(descriptors).into(),
        sync_runs: sync_runs.collect::<Result<_>>()?,
        pebble_id_index_format: PebbleIdIndexFormat::PEBBLE_ID_INDEX_FORMAT_STRUCTURED_V1.into(),
        grant_digest_root: built.digest_root.map(|root| root.to_manifest()).into(),
        ..Manifest::default()
    })
}
