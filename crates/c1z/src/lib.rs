//! c1z

pub mod sqlite_file;
