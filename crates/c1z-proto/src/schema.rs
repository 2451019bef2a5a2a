//! What the schema says about each message: fields, numbers, names, kinds.
//!
//! The tables are written when the crate is built and live in read-only memory, so there is nothing
//! to set up and nothing to fail at run time. They drive everything that handles messages without
//! knowing their Rust types: JSON in both directions and the structural check.
//!
//! A message's fields stand in the order of declaration, because that is the order in which JSON
//! prints them. All maps of the schema have string keys; the build fails if one has not.

use crate::wire::WireType;

#[cfg(test)]
mod tests;

mod tables {
    #![allow(clippy::unreadable_literal, reason = "generated code")]

    use super::{Described, Enum, Field, Kind, Label, Message, Special};

    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}

/// A message type of the schema.
#[derive(Debug)]
pub struct Message {
    name: &'static str,
    fields: &'static [Field],
    /// Position + 1 of the field of each small number, 0 where there is none.
    dense: &'static [u8],
    pub(crate) special: Special,
    /// Whether any fields exclude each other.
    pub(crate) oneofs: bool,
}

impl Message {
    /// The full name, for example `c1.connector.v2.Grant`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The fields in order of declaration.
    pub const fn fields(&self) -> &'static [Field] {
        self.fields
    }

    /// What its JSON looks like.
    pub fn json_form(&self) -> JsonForm {
        match self.special {
            Special::None => JsonForm::Fields,
            Special::Timestamp | Special::Duration | Special::Wrapper => JsonForm::Plain,
            Special::Any | Special::Struct | Special::Value | Special::List => JsonForm::Open,
        }
    }

    /// The field with this number. Constant time for numbers below 128.
    #[inline]
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        self.position(number)
            .and_then(|position| self.fields.get(position))
    }

    /// The position in [`fields`](Self::fields) of the field with this number.
    #[inline]
    pub(crate) fn position(&self, number: u32) -> Option<usize> {
        match self.dense.get(number as usize) {
            Some(0) => None,
            Some(&slot) => Some(usize::from(slot) - 1),
            None => self.fields.iter().position(|field| field.number == number),
        }
    }

    /// The field with this JSON name or, failing that, this name in the schema file.
    ///
    /// Linear in the number of fields.
    pub fn field_named(&self, name: &str) -> Option<&'static Field> {
        let by_json_name = self.fields.iter().find(|field| field.json_name == name);
        by_json_name.or_else(|| self.fields.iter().find(|field| field.name == name))
    }
}

/// Two messages are equal if they are the same type.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Message {}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    number: u32,
    name: &'static str,
    json_name: &'static str,
    /// The name as JSON prints it, with quotes and colon.
    pub(crate) proto_key: &'static str,
    /// The JSON name as JSON prints it, with quotes and colon.
    pub(crate) json_key: &'static str,
    kind: Kind,
    label: Label,
    packed: bool,
    presence: bool,
    /// Position + 1 of the oneof that the field belongs to, 0 for none.
    oneof: u8,
}

impl Field {
    /// The number on the wire.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The name in the schema file.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The name in JSON.
    pub const fn json_name(&self) -> &'static str {
        self.json_name
    }

    /// What a value is; of a map, what the values of its entries are.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How many values there are.
    pub const fn label(&self) -> Label {
        self.label
    }

    /// Whether the numbers of a list are written as one value.
    pub const fn packed(&self) -> bool {
        self.packed
    }

    /// Which of the message's oneofs the field belongs to: at most one of its fields is set.
    pub fn oneof(&self) -> Option<usize> {
        usize::from(self.oneof).checked_sub(1)
    }

    /// Where the field stands among others when it is written: by number, but members of oneofs
    /// after all other fields. That is the order of the reference.
    pub(crate) fn rank(&self) -> (u8, u32) {
        (self.oneof, self.number)
    }

    /// Whether a zero value differs from an absent one.
    pub const fn presence(&self) -> bool {
        self.presence
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names are those of the schema language")]
pub enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(&'static Enum),
    Message(&'static Message),
}

impl Kind {
    /// How one value stands on the wire.
    #[inline]
    pub const fn wire_type(self) -> WireType {
        match self {
            Self::String | Self::Bytes | Self::Message(_) => WireType::Bytes,
            Self::Fixed32 | Self::Sfixed32 | Self::Float => WireType::Fixed32,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => WireType::Fixed64,
            _ => WireType::Varint,
        }
    }
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// At most one.
    Singular,
    /// Any number, in order.
    Repeated,
    /// Any number, each with a string key; no key twice.
    Map,
}

/// An enum type of the schema.
#[derive(Debug)]
pub struct Enum {
    name: &'static str,
    /// Sorted by number.
    values: &'static [(i32, &'static str)],
}

impl Enum {
    /// The full name, for example `c1.storage.v3.SyncType`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The name of a number. Enums are open: other numbers are valid, they just have no name.
    pub fn value_name(&self, number: i32) -> Option<&'static str> {
        let found = self
            .values
            .binary_search_by_key(&number, |&(number, _)| number);
        found
            .ok()
            .and_then(|position| self.values.get(position))
            .map(|&(_, name)| name)
    }

    /// The number of a name. Linear in the number of values.
    pub fn value_number(&self, name: &str) -> Option<i32> {
        self.values
            .iter()
            .find(|&&(_, other)| other == name)
            .map(|&(number, _)| number)
    }
}

/// Messages whose JSON is not an object of their fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    None,
    Any,
    Timestamp,
    Duration,
    Struct,
    Value,
    List,
    Wrapper,
}

/// What the JSON of a message looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonForm {
    /// An object of its fields.
    Fields,
    /// A text, number or truth value: times, durations, wrappers.
    Plain,
    /// Whatever it holds: `Any`, structs and their values.
    Open,
}

/// A generated message type, with its entry in the schema.
pub trait Described: buffa::Message {
    /// What the schema says about the type.
    const MESSAGE: &'static Message;
}

/// The message with this full name.
///
/// Logarithmic in the size of the schema, about 200 messages.
pub fn message(name: &str) -> Option<&'static Message> {
    let found = tables::MESSAGES.binary_search_by(|message| message.name.cmp(name));
    found
        .ok()
        .and_then(|position| tables::MESSAGES.get(position))
        .copied()
}

/// All messages, sorted by name.
pub fn messages() -> impl Iterator<Item = &'static Message> {
    tables::MESSAGES.iter().copied()
}

/// The message that a `google.protobuf.Any` with this type URL holds: what counts is the text after
/// the last slash, whatever stands before.
pub fn resolve(type_url: &str) -> Option<&'static Message> {
    message(type_url.rsplit_once('/').map_or(type_url, |(_, name)| name))
}
