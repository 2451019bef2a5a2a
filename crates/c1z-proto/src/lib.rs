//! The protobuf messages of `.c1z` files and of the services that serve them.
//!
//! The message types are generated from the schema files under `proto/` when the crate is built;
//! no protoc is needed. Names, numbers and types are those of the wire contract (`messages`
//! specification); [`connector::v2`] holds the objects, [`storage::v3`] the values of the v3
//! keyspace, [`c1z::v3`] the manifest of the envelope.
//!
//! Maps are ordered, unknown fields are kept at every depth, also in messages inside messages.
//!
//! Left out: messages that are neither stored in a file nor needed to read one (provisioning,
//! actions, events, tickets, configuration).

#[allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::indexing_slicing,
    reason = "generated code"
)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

pub use messages::c1::{c1z, connector, connectorapi, reader, storage};
pub use messages::google;
