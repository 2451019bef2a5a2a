//! From JSON to encoded bytes.
//!
//! The bytes are canonical: the members of an object are encoded as they come and put in order at
//! its end, unless they are already. Strict where JSON of protobuf is: unknown and repeated
//! members, numbers out of range and wrong types are errors, `null` means unset.

mod known;
mod output;
mod walk;

use walk::Walk;

use super::lexer::Lexer;
use crate::check::DEPTH_MAX;
use crate::error::Error;
use crate::schema::{Described, Message};

/// How to parse.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParseOptions {
    /// Accept a `google.protobuf.Any` of a type that is not in the schema, in the form that
    /// [`UnknownAny::Raw`](super::UnknownAny::Raw) prints. Otherwise it is an error.
    pub raw_any: bool,
}

/// Parses JSON text as a message and returns its canonical bytes; [`parse_into`] with default
/// options.
pub fn parse(message: &'static Message, text: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    parse_into(message, text, ParseOptions::default(), &mut out)?;
    Ok(out)
}

/// Parses JSON text as a message; [`parse_into`] with default options.
pub fn parse_message<M: Described>(text: &[u8]) -> Result<M, Error> {
    crate::decode(&parse(M::MESSAGE, text)?)
}

/// Parses JSON text as a message and appends its canonical bytes to `out`, which is left as it was
/// on an error. The error says where: path and offset in the text.
///
/// Members may have their JSON name or that of the schema file. Linear in the length of the text
/// times the depth of messages in it, sorting of maps apart.
pub fn parse_into(
    message: &'static Message,
    text: &[u8],
    options: ParseOptions,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let start = out.len();
    let parsed = Lexer::new(text).and_then(|lexer| {
        let mut walk = Walk::new(lexer, options);
        walk.message(message, out, DEPTH_MAX)?;
        walk.lexer.end()
    });
    parsed.map_err(|error| {
        out.truncate(start);
        error.in_message(message.name())
    })
}
