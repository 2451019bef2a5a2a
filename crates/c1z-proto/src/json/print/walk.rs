//! The walk over a message: objects, lists, maps, strings, numbers.

use std::ops::Range;

use super::PrintOptions;
use super::slots::{Entry, Raw, Slot, fault, gather, gather_entries, latest, utf8};
use crate::check::{check_bytes, check_entry, check_message};
use crate::error::{Error, Segment};
use crate::json::{base64, text, time};
use crate::schema::{Field, Kind, Label, Message, Special};
use crate::wire::{FaultKind, WireType, split_varint};

/// One print in progress.
pub(super) struct Walk<'a> {
    pub(super) options: PrintOptions,
    /// The fields of all open messages, innermost last.
    pub(super) slots: &'a mut Vec<Slot>,
    /// The entries of all open maps, innermost last.
    pub(super) entries: &'a mut Vec<Entry>,
    pub(super) out: &'a mut Vec<u8>,
}

impl Walk<'_> {
    /// Prints a message in which others may nest `depth` deep.
    pub(super) fn message(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        depth: u32,
    ) -> Result<(), Error> {
        match message.special {
            Special::None => self.object(message, bytes, depth, None),
            Special::Any => self.any(message, bytes, depth),
            Special::Timestamp => self.time(bytes, time::print_timestamp),
            Special::Duration => self.time(bytes, time::print_duration),
            Special::Struct | Special::List => self.collection(message, bytes, depth),
            Special::Value => self.value(message, bytes, depth),
            Special::Wrapper => self.wrapper(message, bytes, depth),
        }
    }

    fn nested(&mut self, message: &'static Message, bytes: &[u8], depth: u32) -> Result<(), Error> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| fault(FaultKind::Depth, 0))?;
        self.message(message, bytes, depth)
    }

    /// Prints a message that was put together from parts, so that its offsets mean nothing.
    pub(super) fn joined(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        depth: u32,
    ) -> Result<(), Error> {
        self.nested(message, bytes, depth)
            .map_err(Error::without_offset)
    }

    /// Prints the fields of a message as an object.
    pub(super) fn object(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        depth: u32,
        type_url: Option<&str>,
    ) -> Result<(), Error> {
        self.out.push(b'{');
        if let Some(type_url) = type_url {
            self.out.extend(b"\"@type\":");
            text::string(type_url, self.out);
        }
        let frame = gather(message, bytes, self.slots)?;
        if frame.replaced {
            check_message(message, bytes, depth)?;
        }
        let mut at = frame.slots.start;
        while let Some(position) = self.slots.get(at).map(|slot| slot.field) {
            let rest = self.slots.get(at..).unwrap_or_default();
            let end = at
                + rest
                    .iter()
                    .take_while(|slot| slot.field == position)
                    .count();
            if let Some(field) = message.fields().get(usize::from(position)) {
                self.field(field, bytes, at..end, depth)
                    .map_err(|error| error.within(Segment::Field(field.name())))?;
            }
            at = end;
        }
        self.slots.truncate(frame.slots.start);
        self.out.push(b'}');
        Ok(())
    }

    /// Prints a field that occurs at the slots `run`, name and all.
    fn field(
        &mut self,
        field: &'static Field,
        bytes: &[u8],
        run: Range<usize>,
        depth: u32,
    ) -> Result<(), Error> {
        let before = self.out.len();
        self.separate();
        let key = if self.options.proto_names {
            field.proto_key
        } else {
            field.json_key
        };
        self.out.extend_from_slice(key.as_bytes());
        let after_key = self.out.len();
        match field.label() {
            Label::Singular => self.singular(field, bytes, run, depth)?,
            Label::Repeated => self.list(field, bytes, run, depth)?,
            Label::Map => self.map(field, bytes, run, depth)?,
        }
        let empty = match self.out.get(after_key..) {
            None | Some(b"") => true,
            Some(b"[]" | b"{}") => field.label() != Label::Singular,
            _ => false,
        };
        if empty {
            self.out.truncate(before);
        }
        Ok(())
    }

    /// Prints the value of a field, or nothing if it counts as unset.
    fn singular(
        &mut self,
        field: &'static Field,
        bytes: &[u8],
        run: Range<usize>,
        depth: u32,
    ) -> Result<(), Error> {
        if run.len() > 1 {
            self.check_all(field, bytes, run.clone(), depth)?;
            if let Kind::Message(message) = field.kind() {
                let parts = self.slots.get(run).unwrap_or_default().iter();
                let joined: Vec<u8> = parts
                    .flat_map(|slot| slot.raw(bytes).bytes())
                    .copied()
                    .collect();
                return self.joined(message, &joined, depth);
            }
        }
        let Some(&last) = self.slots.get(run.end - 1) else {
            return Ok(());
        };
        let raw = last.raw(bytes);
        if !field.presence() && raw.is_zero(field.kind()) {
            return Ok(());
        }
        self.single(field.kind(), raw, depth)
            .map_err(|error| error.shifted(last.start))
    }

    /// Checks all values of a field, because not all are printed as they are.
    #[cold]
    fn check_all(
        &self,
        field: &Field,
        bytes: &[u8],
        run: Range<usize>,
        depth: u32,
    ) -> Result<(), Error> {
        for slot in self.slots.get(run).unwrap_or_default() {
            check_bytes(field.kind(), slot.raw(bytes).bytes(), depth)
                .map_err(|error| error.shifted(slot.start))?;
        }
        Ok(())
    }

    pub(super) fn list(
        &mut self,
        field: &'static Field,
        bytes: &[u8],
        run: Range<usize>,
        depth: u32,
    ) -> Result<(), Error> {
        self.out.push(b'[');
        for (index, at) in run.enumerate() {
            let Some(&slot) = self.slots.get(at) else {
                continue;
            };
            let raw = slot.raw(bytes);
            if slot.delimited && field.kind().wire_type() != WireType::Bytes {
                self.packed(field.kind(), raw.bytes())
                    .map_err(|error| error.shifted(slot.start))?;
                continue;
            }
            let before = self.out.len();
            self.separate();
            let separated = self.out.len();
            self.single(field.kind(), raw, depth)
                .map_err(|error| error.shifted(slot.start).within(Segment::Index(index)))?;
            if self.out.len() == separated {
                self.out.truncate(before);
            }
        }
        self.out.push(b']');
        Ok(())
    }

    /// Prints packed numbers, without brackets.
    fn packed(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            let (number, after) = split_number(kind, rest).map_err(|kind| fault(kind, offset))?;
            rest = after;
            self.separate();
            self.number(kind, number);
        }
        Ok(())
    }

    pub(super) fn map(
        &mut self,
        field: &'static Field,
        bytes: &[u8],
        run: Range<usize>,
        depth: u32,
    ) -> Result<(), Error> {
        let slots = self.slots.get(run).unwrap_or_default();
        let start = gather_entries(bytes, slots, self.entries)?;
        self.out.push(b'{');
        let mut at = start;
        while let Some(&entry) = self.entries.get(at) {
            at += 1;
            let next = self.entries.get(at);
            if next.is_some_and(|next| next.key(bytes) == entry.key(bytes)) {
                check_entry(field.kind(), entry.bytes(bytes), depth)
                    .map_err(|error| error.shifted(entry.start))?;
            } else {
                self.entry(field.kind(), bytes, entry, depth)?;
            }
        }
        self.entries.truncate(start);
        self.out.push(b'}');
        Ok(())
    }

    /// Prints an entry of a map, or nothing if its value prints nothing.
    fn entry(&mut self, kind: Kind, bytes: &[u8], entry: Entry, depth: u32) -> Result<(), Error> {
        let key = utf8(entry.key(bytes)).map_err(|error| error.shifted(entry.key_start))?;
        let before = self.out.len();
        self.separate();
        text::string(key, self.out);
        self.out.push(b':');
        let after_key = self.out.len();
        self.entry_value(kind, entry.bytes(bytes), depth)
            .map_err(|error| {
                error
                    .shifted(entry.start)
                    .within(Segment::Key(key.to_owned()))
            })?;
        if self.out.len() == after_key {
            self.out.truncate(before);
        }
        Ok(())
    }

    fn entry_value(&mut self, kind: Kind, entry: &[u8], depth: u32) -> Result<(), Error> {
        let Some(latest) = latest(entry, 2..=2)? else {
            return self.single(kind, Raw::zero(kind), depth);
        };
        if latest.field.value.wire_type() != kind.wire_type() {
            return Err(fault(FaultKind::WireTypeMismatch, latest.field.range.start));
        }
        if !latest.only {
            check_entry(kind, entry, depth)?;
            if let Kind::Message(message) = kind {
                return self.joined(message, &latest.join(entry), depth);
            }
        }
        self.single(kind, Raw::new(latest.field.value), depth)
            .map_err(|error| error.shifted(latest.value_start()))
    }

    /// Prints one value. An `Any` may print nothing.
    pub(super) fn single(&mut self, kind: Kind, raw: Raw<'_>, depth: u32) -> Result<(), Error> {
        match kind {
            Kind::Message(message) => return self.nested(message, raw.bytes(), depth),
            Kind::String => text::string(utf8(raw.bytes())?, self.out),
            Kind::Bytes => {
                self.out.push(b'"');
                base64::encode(raw.bytes(), self.out);
                self.out.push(b'"');
            }
            _ => self.number(kind, raw.number()),
        }
        Ok(())
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "of smaller types the wire format ignores the upper bits"
    )]
    fn number(&mut self, kind: Kind, number: u64) {
        let out = &mut *self.out;
        match kind {
            Kind::Bool => out.extend_from_slice(if number == 0 { b"false" } else { b"true" }),
            Kind::Int32 | Kind::Sfixed32 => text::integer(number as i32, out),
            Kind::Uint32 | Kind::Fixed32 => text::integer(number as u32, out),
            Kind::Sint32 => {
                let number = number as u32;
                text::integer((number >> 1) as i32 ^ -((number & 1) as i32), out);
            }
            Kind::Float => text::float(f32::from_bits(number as u32), out),
            Kind::Double => text::double(f64::from_bits(number), out),
            Kind::Enum(found) => match found.value_name(number as i32) {
                _ if found.name() == "google.protobuf.NullValue" => out.extend(b"null"),
                Some(name) => text::string(name, out),
                None => text::integer(number as i32, out),
            },
            // JSON numbers are doubles to many readers, so 64 bits go into a string.
            _ => {
                out.push(b'"');
                match kind {
                    Kind::Uint64 | Kind::Fixed64 => text::integer(number, out),
                    Kind::Sint64 => {
                        text::integer((number >> 1) as i64 ^ -((number & 1) as i64), out);
                    }
                    _ => text::integer(number as i64, out),
                }
                out.push(b'"');
            }
        }
    }

    /// Puts a comma unless this is the first in its object or list.
    fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }
}

/// Splits one packed number off the front.
fn split_number(kind: Kind, bytes: &[u8]) -> Result<(u64, &[u8]), FaultKind> {
    match kind.wire_type() {
        WireType::Fixed32 => {
            let (number, rest) = bytes.split_first_chunk().ok_or(FaultKind::Truncated)?;
            Ok((u32::from_le_bytes(*number).into(), rest))
        }
        WireType::Fixed64 => {
            let (number, rest) = bytes.split_first_chunk().ok_or(FaultKind::Truncated)?;
            Ok((u64::from_le_bytes(*number), rest))
        }
        _ => split_varint(bytes),
    }
}
