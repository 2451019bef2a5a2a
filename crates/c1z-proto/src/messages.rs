//! The generated message types.

#![allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::indexing_slicing,
    reason = "generated code"
)]

include!(concat!(env!("OUT_DIR"), "/messages.rs"));
