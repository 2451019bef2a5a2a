//! The walk over JSON text: objects, lists, maps, strings, numbers.

use std::borrow::Cow;
use std::ops::Range;

use super::ParseOptions;
use super::output::{delimit, put_number, reorder};
use crate::error::{Error, ErrorKind, Segment};
use crate::json::lexer::{Lexer, Start};
use crate::json::{base64, text, time};
use crate::schema::{Enum, Field, Kind, Label, Message, Special};
use crate::wire::{FaultKind, put_bytes_field, put_tag};

/// One parse in progress.
pub(super) struct Walk<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) options: ParseOptions,
    /// The encoded members of all open objects, innermost last.
    parts: Vec<Part>,
}

/// Where a member is in the output.
#[derive(Debug, Clone)]
struct Part {
    rank: (u8, u32),
    range: Range<usize>,
}

/// Which members an object had so far, by position of the field and number of the oneof.
#[derive(Debug, Default)]
struct Seen {
    fields: u128,
    oneofs: u128,
}

impl Seen {
    /// Notes a position; returns whether it was there before.
    fn insert(set: &mut u128, position: usize) -> bool {
        let bit = 1_u128
            .checked_shl(u32::try_from(position).unwrap_or(u32::MAX))
            .unwrap_or(0);
        let seen = *set & bit != 0;
        *set |= bit;
        seen
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(lexer: Lexer<'a>, options: ParseOptions) -> Self {
        Self {
            lexer,
            options,
            parts: Vec::new(),
        }
    }

    /// Parses a message in which others may nest `depth` deep.
    pub(super) fn message(
        &mut self,
        message: &'static Message,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Error> {
        match message.special {
            Special::None => self.object(message, out, depth, false),
            Special::Any => self.any(out, depth),
            Special::Timestamp => self.time(out, "a timestamp", time::parse_timestamp),
            Special::Duration => self.time(out, "a duration", time::parse_duration),
            Special::Struct | Special::List => match message.fields().first() {
                Some(field) => self.many(field, out, depth),
                None => Ok(()),
            },
            Special::Value => self.value(message, out, depth),
            Special::Wrapper => match message.fields().first() {
                Some(field) => self.optional(field, out, depth),
                None => Ok(()),
            },
        }
    }

    /// How deep messages may nest in the next one.
    pub(super) fn deeper(&self, depth: u32) -> Result<u32, Error> {
        depth.checked_sub(1).ok_or_else(|| {
            let error = Error::new(ErrorKind::Limit, FaultKind::Depth.text());
            error.at(self.lexer.offset())
        })
    }

    /// A message as the value of a field, with tag and length.
    fn nested(
        &mut self,
        number: u32,
        message: &'static Message,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Error> {
        let depth = self.deeper(depth)?;
        let start = out.len();
        self.message(message, out, depth)?;
        delimit(out, number, start);
        Ok(())
    }

    /// An object of the fields of a message.
    pub(super) fn object(
        &mut self,
        message: &'static Message,
        out: &mut Vec<u8>,
        depth: u32,
        skip_type: bool,
    ) -> Result<(), Error> {
        self.lexer.open_object()?;
        let mut seen = Seen::default();
        let first_part = self.parts.len();
        let mut first = true;
        let mut types = 0;
        while let Some(name) = self.lexer.member(first)? {
            first = false;
            if skip_type && types == 0 && name == "@type" {
                types += 1;
                self.lexer.string()?;
                continue;
            }
            let field = self.known(message, &name, &mut seen)?;
            let start = out.len();
            self.field(field, &mut seen, out, depth)
                .map_err(|error| error.within(Segment::Field(field.name())))?;
            self.parts.push(Part {
                rank: field.rank(),
                range: start..out.len(),
            });
        }
        self.sort_parts(first_part, out);
        Ok(())
    }

    /// The field that a member names, if it is the first to do so.
    fn known(
        &self,
        message: &'static Message,
        name: &str,
        seen: &mut Seen,
    ) -> Result<&'static Field, Error> {
        let Some(field) = message.field_named(name) else {
            return Err(self
                .lexer
                .key_error(format!("unknown field: name=`{}`", shorten(name))));
        };
        let position = message.position(field.number()).unwrap_or_default();
        if Seen::insert(&mut seen.fields, position) {
            return Err(self
                .lexer
                .key_error(format!("field occurs twice: name=`{}`", shorten(name))));
        }
        Ok(field)
    }

    /// Puts the parts of the innermost object in canonical order.
    fn sort_parts(&mut self, first: usize, out: &mut Vec<u8>) {
        let parts = self.parts.get_mut(first..).unwrap_or_default();
        if !parts.is_sorted_by_key(|part| part.rank) {
            let start = parts
                .iter()
                .map(|part| part.range.start)
                .min()
                .unwrap_or_default();
            parts.sort_unstable_by_key(|part| part.rank);
            reorder(out, start, parts.iter().map(|part| part.range.clone()));
        }
        self.parts.truncate(first);
    }

    fn field(
        &mut self,
        field: &'static Field,
        seen: &mut Seen,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Error> {
        let singular = field.label() == Label::Singular;
        if self.lexer.start()? == Start::Null && !(singular && is_value(field.kind())) {
            return self.lexer.null();
        }
        if !singular {
            return self.many(field, out, depth);
        }
        let oneof = field.oneof();
        if oneof.is_some_and(|oneof| Seen::insert(&mut seen.oneofs, oneof)) {
            return Err(self
                .lexer
                .key_error("another field of the same oneof is set"));
        }
        self.optional(field, out, depth)
    }

    /// The value of a field, left out if it is zero and that is the same as unset.
    pub(super) fn optional(
        &mut self,
        field: &'static Field,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Error> {
        let start = out.len();
        let zero = self.single(field.number(), field.kind(), out, depth)?;
        if zero && !field.presence() {
            out.truncate(start);
        }
        Ok(())
    }

    /// The values of a list or map.
    fn many(&mut self, field: &'static Field, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
        match field.label() {
            Label::Map => self.map(field, out, depth),
            _ if field.packed() => self.packed(field, out),
            _ => self.list(field, out, depth),
        }
    }

    fn list(&mut self, field: &'static Field, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
        self.lexer.open_array()?;
        let mut index = 0;
        while self.lexer.element(index == 0)? {
            self.single(field.number(), field.kind(), out, depth)
                .map_err(|error| error.within(Segment::Index(index)))?;
            index += 1;
        }
        Ok(())
    }

    fn packed(&mut self, field: &'static Field, out: &mut Vec<u8>) -> Result<(), Error> {
        self.lexer.open_array()?;
        let start = out.len();
        let mut index = 0;
        while self.lexer.element(index == 0)? {
            let number = self
                .number(field.kind())
                .map_err(|error| error.within(Segment::Index(index)))?;
            put_number(out, field.kind(), number);
            index += 1;
        }
        if out.len() > start {
            delimit(out, field.number(), start);
        }
        Ok(())
    }

    fn map(&mut self, field: &'static Field, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
        self.lexer.open_object()?;
        let map_start = out.len();
        let mut entries: Vec<(Cow<'a, str>, Range<usize>)> = Vec::new();
        while let Some(key) = self.lexer.member(entries.is_empty())? {
            let start = out.len();
            put_bytes_field(out, 1, key.as_bytes());
            self.single(2, field.kind(), out, depth)
                .map_err(|error| error.within(Segment::Key(key.clone().into_owned())))?;
            delimit(out, field.number(), start);
            entries.push((key, start..out.len()));
        }
        let sorted = entries.is_sorted_by(|a, b| a.0 < b.0);
        if !sorted {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            if let Some(key) = repeated(&entries) {
                return Err(self
                    .lexer
                    .error(format!("key occurs twice: key=`{}`", shorten(key))));
            }
            reorder(out, map_start, entries.into_iter().map(|(_, range)| range));
        }
        Ok(())
    }

    /// One value, with its tag; returns whether it is zero or empty.
    fn single(
        &mut self,
        number: u32,
        kind: Kind,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<bool, Error> {
        match kind {
            Kind::Message(message) => {
                self.nested(number, message, out, depth)?;
                Ok(false)
            }
            Kind::String => {
                let text = self.lexer.string()?;
                put_bytes_field(out, number, text.as_bytes());
                Ok(text.is_empty())
            }
            Kind::Bytes => {
                let start = out.len();
                self.bytes(out)?;
                let empty = out.len() == start;
                delimit(out, number, start);
                Ok(empty)
            }
            _ => {
                let value = self.number(kind)?;
                put_tag(out, number, kind.wire_type());
                put_number(out, kind, value);
                Ok(value == 0)
            }
        }
    }

    /// Base64 text, decoded.
    pub(super) fn bytes(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let offset = self.lexer.mark();
        let text = self.lexer.string()?;
        base64::decode(&text, out).ok_or_else(|| error(offset, "string is not base64"))
    }

    /// A number, bool or enum as it stands on the wire.
    fn number(&mut self, kind: Kind) -> Result<u64, Error> {
        let offset = self.lexer.mark();
        let invalid = |text: &str| {
            let (kind, text) = (kind_name(kind), shorten(text));
            error(
                offset,
                format!("value does not fit the type: type=`{kind}` value=`{text}`"),
            )
        };
        match (kind, self.lexer.start()?) {
            (Kind::Bool, _) => Ok(self.lexer.bool()?.into()),
            (Kind::Enum(found), Start::String) => {
                let name = self.lexer.string()?;
                enum_number(found, &name).ok_or_else(|| invalid(&name))
            }
            (_, Start::String) => {
                let text = self.lexer.string()?;
                text::parse_number(kind, &text, true).ok_or_else(|| invalid(&text))
            }
            _ => {
                let text = self.lexer.number()?;
                text::parse_number(kind, text, false).ok_or_else(|| invalid(text))
            }
        }
    }
}

/// Whether `null` is a value of this kind.
fn is_value(kind: Kind) -> bool {
    matches!(kind, Kind::Message(message) if message.special == Special::Value)
}

fn enum_number(found: &Enum, name: &str) -> Option<u64> {
    found
        .value_number(name)
        .map(|number| i64::from(number).cast_unsigned())
}

fn kind_name(kind: Kind) -> String {
    match kind {
        Kind::Enum(found) => found.name().to_owned(),
        Kind::Message(message) => message.name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

/// A key that occurs twice in sorted entries.
fn repeated<'a>(entries: &'a [(Cow<'_, str>, Range<usize>)]) -> Option<&'a str> {
    let mut pairs = entries.iter().zip(entries.iter().skip(1));
    pairs.find(|(a, b)| a.0 == b.0).map(|(a, _)| &*a.0)
}

pub(super) fn error(offset: usize, detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Json, detail).at(offset)
}

/// As much of a text as belongs into an error.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((length, _)) => format!("{}…", text.get(..length).unwrap_or_default()).into(),
        None => text.into(),
    }
}
