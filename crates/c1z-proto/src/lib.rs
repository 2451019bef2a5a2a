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

mod check;
mod codec;
pub mod descriptors;
mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod json;
mod messages;
pub mod scan;
pub mod schema;
pub mod wire;

pub use check::{DEPTH_MAX, check};
pub use codec::{decode, encode_canonical, encode_canonical_into};
pub use error::{Error, Error as DecodeError, ErrorKind};
pub use messages::c1::{c1z, connector, connectorapi, reader, storage};
pub use messages::google;
