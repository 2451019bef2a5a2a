//! The `google.protobuf` types that have a JSON form of their own.

use std::borrow::Cow;

use super::output::delimit;
use super::walk::{Walk, error, shorten};
use crate::error::{Error, ErrorKind, Segment};
use crate::json::lexer::Start;
use crate::schema::{self, Message, Special};
use crate::wire::{put_bytes_field, put_varint_field};

impl<'a> Walk<'a> {
    pub(super) fn time(
        &mut self,
        out: &mut Vec<u8>,
        what: &str,
        parse: fn(&str) -> Option<(i64, i32)>,
    ) -> Result<(), Error> {
        let offset = self.lexer.mark();
        let text = self.lexer.string()?;
        let Some((seconds, nanos)) = parse(&text) else {
            let text = shorten(&text);
            return Err(error(
                offset,
                format!("string is not {what}: value=`{text}`"),
            ));
        };
        if seconds != 0 {
            put_varint_field(out, 1, seconds.cast_unsigned());
        }
        if nanos != 0 {
            put_varint_field(out, 2, i64::from(nanos).cast_unsigned());
        }
        Ok(())
    }

    /// `google.protobuf.Value`: any JSON.
    pub(super) fn value(
        &mut self,
        message: &'static Message,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Error> {
        let number = match self.lexer.start()? {
            Start::Null => {
                self.lexer.null()?;
                put_varint_field(out, 1, 0);
                return Ok(());
            }
            Start::Number => 2,
            Start::String => 3,
            Start::Bool => 4,
            Start::Object => 5,
            Start::Array => 6,
        };
        match message.field(number) {
            Some(member) => self.optional(member, out, depth),
            None => Ok(()),
        }
    }

    /// `google.protobuf.Any`: the message that it holds, with an `"@type"` anywhere in it.
    pub(super) fn any(&mut self, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
        let Some(type_url) = self.type_url()? else {
            // Empty, so without a type.
            self.lexer.open_object()?;
            self.lexer.member(true)?;
            return Ok(());
        };
        let depth = self.deeper(depth)?;
        if !type_url.is_empty() {
            put_bytes_field(out, 1, type_url.as_bytes());
        }
        let start = out.len();
        match schema::resolve(&type_url) {
            Some(message) if message.special == Special::None => {
                self.object(message, out, depth, true)?;
            }
            Some(message) => self.any_value(|walk| walk.message(message, out, depth))?,
            None if self.options.raw_any => self.any_value(|walk| walk.bytes(out))?,
            None => {
                let detail = format!(
                    "type is not in the schema: type_url=`{}`",
                    shorten(&type_url)
                );
                let error = Error::new(ErrorKind::UnknownType, detail);
                return Err(error.at(self.lexer.offset()));
            }
        }
        if out.len() > start {
            delimit(out, 2, start);
        }
        Ok(())
    }

    /// Looks ahead for the type of an `Any`; `None` if it is an empty object.
    fn type_url(&self) -> Result<Option<Cow<'a, str>>, Error> {
        let mut ahead = self.lexer.clone();
        ahead.open_object()?;
        let mut first = true;
        while let Some(name) = ahead.member(first)? {
            first = false;
            if name == "@type" {
                let offset = ahead.mark();
                let type_url = ahead.string()?;
                if type_url.is_empty() && !self.options.raw_any {
                    return Err(error(offset, "type is empty"));
                }
                return Ok(Some(type_url));
            }
            ahead.skip_value()?;
        }
        if first {
            Ok(None)
        } else {
            Err(self.lexer.error("object has no \"@type\""))
        }
    }

    /// An object of `"@type"` and `"value"`, each once.
    fn any_value(
        &mut self,
        value: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.lexer.open_object()?;
        let (mut first, mut types) = (true, 0);
        let mut value = Some(value);
        while let Some(name) = self.lexer.member(first)? {
            first = false;
            match &*name {
                "@type" if types == 0 => {
                    types += 1;
                    self.lexer.string()?;
                }
                "value" if value.is_some() => {
                    if let Some(value) = value.take() {
                        value(self).map_err(|error| error.within(Segment::Field("value")))?;
                    }
                }
                "@type" | "value" => {
                    return Err(self
                        .lexer
                        .key_error(format!("field occurs twice: name=`{}`", shorten(&name))));
                }
                _ => {
                    return Err(self
                        .lexer
                        .key_error(format!("unknown field: name=`{}`", shorten(&name))));
                }
            }
        }
        if value.is_some() {
            Err(self.lexer.error("object has no \"value\""))
        } else {
            Ok(())
        }
    }
}
