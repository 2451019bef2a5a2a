//! Whether bytes are a well-formed message, at all depths, without decoding them.
//!
//! Accepts what [`decode`](crate::decode) accepts, apart from its limits on memory, and says where
//! the fault is when there is one. Values of `google.protobuf.Any` are opaque and not looked into;
//! unknown fields need only be well-formed on the wire.

use crate::error::{Error, Segment};
use crate::scan::{self, Field as WireField, Value};
use crate::schema::{Field, Kind, Label, Message};
use crate::wire::{Fault, FaultKind, WireType, split_varint};

#[cfg(test)]
mod tests;

/// Messages may stand inside each other this deep, counting the entries of maps not.
///
/// A nested object of a `google.protobuf.Struct` takes two levels. The reference implementation
/// allows 10,000, at which decoders that recurse need more stack than a thread of 2 MiB has: an
/// unoptimised build overflows it at about 800, an optimised one at about 3,000. This is low enough
/// for both, and five times the usual limit of protobuf libraries.
pub const DEPTH_MAX: u32 = 500;

/// Checks that bytes are a well-formed message.
///
/// Linear in the number of bytes; allocates only for an error.
pub fn check(message: &'static Message, bytes: &[u8]) -> Result<(), Error> {
    check_message(message, bytes, DEPTH_MAX).map_err(|error| error.in_message(message.name()))
}

pub(crate) fn check_message(message: &Message, bytes: &[u8], depth: u32) -> Result<(), Error> {
    for (index, wire_field) in scan::fields(bytes).enumerate() {
        let wire_field = wire_field?;
        if let Some(field) = message.field(wire_field.number) {
            check_field(field, &wire_field, depth).map_err(|error| {
                let error = match field.label() {
                    Label::Singular => error,
                    // Only now it is worth counting the elements before this one.
                    Label::Repeated | Label::Map => {
                        error.within(Segment::Index(count(bytes, field, index)))
                    }
                };
                error.within(Segment::Field(field.name()))
            })?;
        }
    }
    Ok(())
}

/// How many of the first `limit` wire fields of a message belong to `field`.
fn count(bytes: &[u8], field: &Field, limit: usize) -> usize {
    let before = scan::fields(bytes).take(limit).flatten();
    before
        .filter(|wire_field| wire_field.number == field.number())
        .count()
}

/// Errors count offsets from the start of the message that holds the field.
fn check_field(field: &Field, wire_field: &WireField<'_>, depth: u32) -> Result<(), Error> {
    let start = wire_field.range.start;
    let Value::Bytes(bytes) = wire_field.value else {
        let fits =
            field.label() != Label::Map && wire_field.value.wire_type() == field.kind().wire_type();
        return if fits {
            Ok(())
        } else {
            Err(fault(FaultKind::WireTypeMismatch, start))
        };
    };
    let offset = wire_field.range.end - bytes.len();
    if field.label() == Label::Map {
        return check_entry(field.kind(), bytes, depth).map_err(|error| error.shifted(offset));
    }
    match field.kind() {
        kind if kind.wire_type() != WireType::Bytes => {
            if field.label() != Label::Repeated {
                return Err(fault(FaultKind::WireTypeMismatch, start));
            }
            check_packed(kind, bytes).map_err(|error| error.shifted(offset))
        }
        kind => check_bytes(kind, bytes, depth).map_err(|error| error.shifted(offset)),
    }
}

/// Checks a string, bytes or a message.
pub(crate) fn check_bytes(kind: Kind, bytes: &[u8], depth: u32) -> Result<(), Error> {
    match kind {
        Kind::Message(message) => {
            let depth = depth
                .checked_sub(1)
                .ok_or_else(|| fault(FaultKind::Depth, 0))?;
            check_message(message, bytes, depth)
        }
        Kind::String => match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(fault(FaultKind::Utf8, error.valid_up_to())),
        },
        _ => Ok(()),
    }
}

/// Checks an entry of a map: key 1, value 2.
pub(crate) fn check_entry(kind: Kind, bytes: &[u8], depth: u32) -> Result<(), Error> {
    for wire_field in scan::fields(bytes) {
        let wire_field = wire_field?;
        let kind = match wire_field.number {
            1 => Kind::String,
            2 => kind,
            _ => continue,
        };
        if wire_field.value.wire_type() != kind.wire_type() {
            return Err(fault(FaultKind::WireTypeMismatch, wire_field.range.start));
        }
        if let Value::Bytes(bytes) = wire_field.value {
            let offset = wire_field.range.end - bytes.len();
            check_bytes(kind, bytes, depth).map_err(|error| error.shifted(offset))?;
        }
    }
    Ok(())
}

/// Checks that packed numbers end where the last number ends.
fn check_packed(kind: Kind, bytes: &[u8]) -> Result<(), Error> {
    let width = match kind.wire_type() {
        WireType::Fixed32 => 4,
        WireType::Fixed64 => 8,
        _ => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let offset = bytes.len() - rest.len();
                rest = split_varint(rest).map_err(|kind| fault(kind, offset))?.1;
            }
            return Ok(());
        }
    };
    let whole = bytes.len() / width * width;
    if whole == bytes.len() {
        Ok(())
    } else {
        Err(fault(FaultKind::Truncated, whole))
    }
}

fn fault(kind: FaultKind, offset: usize) -> Error {
    Error::from(Fault { offset, kind })
}
