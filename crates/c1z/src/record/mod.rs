//! Stored records: the values of the keyspace, read field by field.

pub mod wire;
