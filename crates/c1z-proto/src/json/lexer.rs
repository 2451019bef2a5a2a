//! JSON text, piece by piece.
//!
//! The parser asks for what may come next; the lexer knows text and positions, nothing of messages.
//! The grammar is that of RFC 8259 without extensions. Strings without escapes are borrowed.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind};

/// A cursor over JSON text.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Offset of the next byte.
    at: usize,
    /// Offset of the latest key of an object.
    key_at: usize,
}

/// What a value starts like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Result<Self, Error> {
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Self {
                text,
                at: 0,
                key_at: 0,
            }),
            Err(error) => {
                Err(Error::new(ErrorKind::Json, "text is not UTF-8").at(error.valid_up_to()))
            }
        }
    }

    /// Offset of the next byte.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    /// Offset of the next byte that is not white space.
    pub(super) fn mark(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// An error at the next byte.
    pub(super) fn error(&self, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Json, detail).at(self.at)
    }

    /// An error at the latest key of an object.
    pub(super) fn key_error(&self, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Json, detail).at(self.key_at)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest().bytes();
        let white = rest.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += white.count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips a byte if it is next.
    fn skip_if(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn unexpected(&mut self, wanted: &str) -> Error {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(_) => self.rest().chars().next().unwrap_or_default().to_string(),
        };
        self.error(format!(
            "unexpected token: expected=`{wanted}` found=`{found}`"
        ))
    }

    /// Checks that nothing follows but white space.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end")),
        }
    }

    /// What the next value starts like.
    pub(super) fn start(&mut self) -> Result<Start, Error> {
        Ok(match self.peek() {
            Some(b'{') => Start::Object,
            Some(b'[') => Start::Array,
            Some(b'"') => Start::String,
            Some(b'-' | b'0'..=b'9') => Start::Number,
            Some(b't' | b'f') => Start::Bool,
            Some(b'n') => Start::Null,
            _ => return Err(self.unexpected("a value")),
        })
    }

    pub(super) fn open_object(&mut self) -> Result<(), Error> {
        if self.skip_if(b'{') {
            Ok(())
        } else {
            Err(self.unexpected("{"))
        }
    }

    pub(super) fn open_array(&mut self) -> Result<(), Error> {
        if self.skip_if(b'[') {
            Ok(())
        } else {
            Err(self.unexpected("["))
        }
    }

    /// The key of the next member of an object, up to the value; `None` at its end.
    pub(super) fn member(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, Error> {
        if self.skip_if(b'}') {
            return Ok(None);
        }
        if !first && !self.skip_if(b',') {
            return Err(self.unexpected(","));
        }
        self.peek();
        self.key_at = self.at;
        let key = self.string()?;
        if !self.skip_if(b':') {
            return Err(self.unexpected(":"));
        }
        Ok(Some(key))
    }

    /// Whether another element of an array follows.
    pub(super) fn element(&mut self, first: bool) -> Result<bool, Error> {
        if self.skip_if(b']') {
            return Ok(false);
        }
        if !first && !self.skip_if(b',') {
            return Err(self.unexpected(","));
        }
        Ok(true)
    }

    pub(super) fn null(&mut self) -> Result<(), Error> {
        if self.word("null") {
            Ok(())
        } else {
            Err(self.unexpected("null"))
        }
    }

    pub(super) fn bool(&mut self) -> Result<bool, Error> {
        match () {
            () if self.word("true") => Ok(true),
            () if self.word("false") => Ok(false),
            () => Err(self.unexpected("true or false")),
        }
    }

    /// Skips a word if it is next.
    fn word(&mut self, word: &str) -> bool {
        self.peek();
        let found = self.rest().strip_prefix(word).is_some_and(ends_token);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// A number as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, Error> {
        self.peek();
        let rest = self.rest();
        let split = number_len(rest).and_then(|length| rest.split_at_checked(length));
        let Some((number, _)) = split.filter(|(_, after)| ends_token(after)) else {
            return Err(self.unexpected("a number"));
        };
        self.at += number.len();
        Ok(number)
    }

    /// A string, with escapes resolved.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        if !self.skip_if(b'"') {
            return Err(self.unexpected("a string"));
        }
        let plain = self.plain()?;
        if self.skip_quote() {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            text.push(self.escape()?);
            text.push_str(self.plain()?);
            if self.skip_quote() {
                return Ok(Cow::Owned(text));
            }
        }
    }

    /// What of a string comes before the next quote or escape.
    fn plain(&mut self) -> Result<&'a str, Error> {
        let rest = self.rest();
        let length = rest
            .bytes()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        let length = length.ok_or_else(|| self.error("string without end"))?;
        self.at += length;
        if matches!(rest.as_bytes().get(length), Some(0..0x20)) {
            return Err(self.error("control character in string"));
        }
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn skip_quote(&mut self) -> bool {
        let found = self.rest().starts_with('"');
        self.at += usize::from(found);
        found
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Result<char, Error> {
        let mut rest = self.rest().bytes().skip(1);
        let char = match rest.next() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("invalid escape in string")),
        };
        self.at += 2;
        Ok(char)
    }

    /// `\u` with four hexadecimal digits, or two of them for a pair of surrogates.
    fn unicode_escape(&mut self) -> Result<char, Error> {
        let high = self.code_unit(self.at);
        let char = match high {
            Some(high @ 0xd800..0xdc00) => {
                let low = self
                    .code_unit(self.at + 6)
                    .filter(|low| (0xdc00..0xe000).contains(low));
                low.and_then(|low| char::from_u32(0x10000 + ((high - 0xd800) << 10) + low - 0xdc00))
            }
            code => code.and_then(char::from_u32),
        };
        let char = char.ok_or_else(|| self.error("invalid escape in string"))?;
        self.at += if char > '\u{ffff}' { 12 } else { 6 };
        Ok(char)
    }

    /// The value of `\uXXXX` at an offset.
    fn code_unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        // The library would accept a sign.
        let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| hex)
    }

    /// Skips a value. Of what is inside only strings and brackets are looked at, so this is for
    /// text that is read again.
    pub(super) fn skip_value(&mut self) -> Result<(), Error> {
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => drop(self.string()?),
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') if open > 0 => {
                    open -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if open > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(b't' | b'f') => drop(self.bool()?),
                Some(b'n') => self.null()?,
                Some(b'-' | b'0'..=b'9') => drop(self.number()?),
                _ => return Err(self.unexpected("a value")),
            }
            if open == 0 {
                return Ok(());
            }
        }
    }
}

/// Whether a number or word may end before `rest`.
fn ends_token(rest: &str) -> bool {
    !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || "+-._".contains(next))
}

/// Length of the number at the start of the text.
pub(super) fn number_len(text: &str) -> Option<usize> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = text.strip_prefix('-').unwrap_or(text);
    let count = digits(whole);
    if count == 0 || count > 1 && whole.starts_with('0') {
        return None;
    }
    let mut rest = whole.get(count..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        rest = fraction.get(count..).filter(|_| count > 0)?;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(exponent);
        rest = exponent.get(count..).filter(|_| count > 0)?;
    }
    Some(text.len() - rest.len())
}
