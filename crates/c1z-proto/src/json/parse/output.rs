//! Putting encoded pieces together.

use std::ops::Range;

use crate::schema::Kind;
use crate::wire::{WireType, put_tag, put_varint};

/// Puts tag and length before what was written since `start`.
pub(super) fn delimit(out: &mut Vec<u8>, number: u32, start: usize) {
    let end = out.len();
    let len = (end - start) as u64;
    put_tag(out, number, WireType::Bytes);
    put_varint(out, len);
    let head = out.len() - end;
    if let Some(tail) = out.get_mut(start..) {
        tail.rotate_right(head);
    }
}

/// Puts pieces of the output, which together are all of it from `start` on, in another order.
pub(super) fn reorder(out: &mut Vec<u8>, start: usize, pieces: impl Iterator<Item = Range<usize>>) {
    let mut ordered = Vec::with_capacity(out.len() - start);
    pieces.for_each(|piece| ordered.extend_from_slice(out.get(piece).unwrap_or_default()));
    out.truncate(start);
    out.append(&mut ordered);
}

/// Appends a number without tag.
pub(super) fn put_number(out: &mut Vec<u8>, kind: Kind, number: u64) {
    match kind.wire_type() {
        WireType::Fixed64 => out.extend(number.to_le_bytes()),
        WireType::Fixed32 => out.extend(number.to_le_bytes().iter().take(4)),
        _ => put_varint(out, number),
    }
}
