//! The `google.protobuf` types that have a JSON form of their own.

use super::UnknownAny;
use super::slots::{Raw, fault, fits, gather, latest, mismatch, utf8};
use super::walk::Walk;
use crate::check::check_message;
use crate::error::{Error, ErrorKind, Segment};
use crate::json::{base64, text};
use crate::scan::{self, Value};
use crate::schema::{self, Kind, Message, Special};
use crate::wire::FaultKind;

impl Walk<'_> {
    /// Prints `google.protobuf.Any`: the message that it holds, behind its type.
    pub(super) fn any(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        depth: u32,
    ) -> Result<(), Error> {
        let type_url = latest(bytes, 1..=1)?;
        let value = latest(bytes, 2..=2)?;
        for field in [&type_url, &value].into_iter().flatten() {
            if !field.only || field.field.value.bytes().is_none() {
                check_message(message, bytes, depth)?;
            }
        }
        let (type_url, type_start) = type_url.map_or((&[] as &[u8], 0), |found| {
            (Raw::new(found.field.value).bytes(), found.value_start())
        });
        let (value, value_start) = value.map_or((&[] as &[u8], 0), |found| {
            (Raw::new(found.field.value).bytes(), found.value_start())
        });
        let type_url = utf8(type_url)
            .map_err(|error| error.shifted(type_start).within(Segment::Field("type_url")))?;
        let Some(message) = schema::resolve(type_url) else {
            return self.unknown_any(type_url, value);
        };
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| fault(FaultKind::Depth, 0))?;
        self.any_content(message, type_url, value, depth)
            .map_err(|error| error.shifted(value_start).within(Segment::Field("value")))
    }

    fn any_content(
        &mut self,
        message: &'static Message,
        type_url: &str,
        value: &[u8],
        depth: u32,
    ) -> Result<(), Error> {
        if message.special == Special::None {
            return self.object(message, value, depth, Some(type_url));
        }
        self.out.extend(b"{\"@type\":");
        text::string(type_url, self.out);
        self.out.extend(b",\"value\":");
        let before = self.out.len();
        self.message(message, value, depth)?;
        if self.out.len() == before {
            // An unknown `Any` in an `Any`, left out.
            self.out.extend(b"{}");
        }
        self.out.push(b'}');
        Ok(())
    }

    fn unknown_any(&mut self, type_url: &str, value: &[u8]) -> Result<(), Error> {
        match self.options.unknown_any {
            UnknownAny::Omit => {}
            _ if type_url.is_empty() && value.is_empty() => self.out.extend(b"{}"),
            UnknownAny::Error => {
                let detail = format!("type is not in the schema: type_url=`{type_url}`");
                return Err(Error::new(ErrorKind::UnknownType, detail));
            }
            UnknownAny::Raw => {
                self.out.extend(b"{\"@type\":");
                text::string(type_url, self.out);
                self.out.extend(b",\"value\":\"");
                base64::encode(value, self.out);
                self.out.extend(b"\"}");
            }
        }
        Ok(())
    }

    /// Prints a timestamp or duration: seconds in field 1, nanoseconds in field 2.
    #[expect(clippy::cast_possible_truncation, reason = "nanoseconds have 32 bits")]
    pub(super) fn time(
        &mut self,
        bytes: &[u8],
        print: fn(i64, i32, &mut Vec<u8>) -> Option<()>,
    ) -> Result<(), Error> {
        let (mut seconds, mut nanos) = (0, 0);
        for field in scan::fields(bytes) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Varint(value)) => seconds = value.cast_signed(),
                (2, Value::Varint(value)) => nanos = value.cast_signed() as i32,
                (1 | 2, _) => {
                    return Err(fault(FaultKind::WireTypeMismatch, field.range.start));
                }
                _ => {}
            }
        }
        print(seconds, nanos, self.out).ok_or_else(|| {
            let detail = format!("time out of range: seconds=`{seconds}` nanos=`{nanos}`");
            Error::new(ErrorKind::Unprintable, detail)
        })
    }

    /// Prints `google.protobuf.Struct` or `ListValue`: the content of its only field.
    pub(super) fn collection(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        depth: u32,
    ) -> Result<(), Error> {
        let run = gather(message, bytes, self.slots)?.slots;
        let start = run.start;
        let Some(field) = message.fields().first() else {
            return Ok(());
        };
        if message.special == Special::Struct {
            self.map(field, bytes, run, depth)?;
        } else {
            self.list(field, bytes, run, depth)?;
        }
        self.slots.truncate(start);
        Ok(())
    }

    /// Prints `google.protobuf.Value`: one of null, number, string, bool, struct and list.
    pub(super) fn value(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        depth: u32,
    ) -> Result<(), Error> {
        let Some(latest) = latest(bytes, 1..=6)? else {
            return Err(Error::new(ErrorKind::Unprintable, "value without content"));
        };
        let Some(member) = message.field(latest.field.number) else {
            return Ok(());
        };
        if !fits(member, latest.field.value.wire_type()) {
            return Err(mismatch(member, latest.field.range.start));
        }
        if !latest.only {
            check_message(message, bytes, depth)?;
            if let Kind::Message(message) = member.kind() {
                return self.joined(message, &latest.join(bytes), depth);
            }
        }
        let raw = Raw::new(latest.field.value);
        if matches!(member.kind(), Kind::Double) && !f64::from_bits(raw.number()).is_finite() {
            return Err(Error::new(
                ErrorKind::Unprintable,
                "value is not a finite number",
            ));
        }
        self.single(member.kind(), raw, depth)
            .map_err(|error| error.shifted(latest.value_start()))
    }

    /// Prints `google.protobuf.BoolValue` and its kin: the value of the only field, also if zero.
    pub(super) fn wrapper(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        depth: u32,
    ) -> Result<(), Error> {
        let Some(field) = message.fields().first() else {
            return Ok(());
        };
        let Some(latest) = latest(bytes, field.number()..=field.number())? else {
            return self.single(field.kind(), Raw::zero(field.kind()), depth);
        };
        if !latest.only || !fits(field, latest.field.value.wire_type()) {
            check_message(message, bytes, depth)?;
        }
        self.single(field.kind(), Raw::new(latest.field.value), depth)
            .map_err(|error| error.shifted(latest.value_start()))
    }
}
