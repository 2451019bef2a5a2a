//! The schema as a value: descriptor sets, for files and services that describe themselves.
//!
//! The manifest of a v3 file carries the descriptors of its records, so that the file can be read
//! without knowing this schema (`c1z-envelope` §3.1, `c1z3-keyspace` §9).

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Segment};
use crate::scan::{self, Value};

#[cfg(test)]
mod tests;

/// A `google.protobuf.FileDescriptorSet` of the records of v3 files and of all that they import:
/// seven files, sorted by path, about 21 KiB. Belongs into field 10 of a manifest.
pub const fn records() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/closure.binpb"))
}

/// A `google.protobuf.FileDescriptorSet` of the whole schema, services included, sorted by path.
pub const fn schema() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/schema.binpb"))
}

/// Checks that every file which a file of the set imports is in the set, too, whatever the order.
///
/// `set` is an encoded `google.protobuf.FileDescriptorSet`. Linear in its size.
pub fn check_closed(set: &[u8]) -> Result<(), Error> {
    check_files(set).map_err(|error| error.in_message("google.protobuf.FileDescriptorSet"))
}

fn check_files(set: &[u8]) -> Result<(), Error> {
    let files: Vec<&[u8]> = strings(set, 1)?;
    let mut names = BTreeSet::new();
    for file in &files {
        names.extend(scan::only(file, 1)?);
    }
    for (index, file) in files.iter().enumerate() {
        for import in strings(file, 3)? {
            if !names.contains(import) {
                let import = String::from_utf8_lossy(import);
                let detail = format!("descriptor set lacks an imported file: import=`{import}`");
                let error = Error::new(ErrorKind::Malformed, detail);
                return Err(error
                    .within(Segment::Index(index))
                    .within(Segment::Field("file")));
            }
        }
    }
    Ok(())
}

/// All values of a length-delimited field.
fn strings(message: &[u8], number: u32) -> Result<Vec<&[u8]>, Error> {
    let mut found = Vec::new();
    for field in scan::fields(message) {
        match field? {
            scan::Field {
                number: other,
                value: Value::Bytes(bytes),
                ..
            } if other == number => {
                found.push(bytes);
            }
            _ => {}
        }
    }
    Ok(found)
}
