//! From encoded bytes to JSON.
//!
//! Each message is walked once to note where its fields stand (a slot for each), because JSON wants
//! them in order of declaration and the wire may have them in any. The notes of all open messages
//! lie on one stack that is kept from message to message. What the wire may repeat is merged as a
//! decoder would: the last scalar wins, messages are joined, the last member of a oneof and the
//! last entry of a key stay. What is replaced must be well-formed all the same.

mod known;
mod slots;
mod walk;

use slots::{Entry, Slot};
use walk::Walk;

use crate::check::DEPTH_MAX;
use crate::error::Error;
use crate::schema::{Described, Message};

/// How to print.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrintOptions {
    /// Print the names of the schema file (`display_name`) instead of those of JSON
    /// (`displayName`).
    pub proto_names: bool,
    /// What to do about a `google.protobuf.Any` of a type that is not in the schema.
    pub unknown_any: UnknownAny,
}

/// What to do about a `google.protobuf.Any` of a type that is not in the schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownAny {
    /// Fail with [`ErrorKind::UnknownType`](crate::ErrorKind::UnknownType), as the JSON printer of
    /// the reference does.
    #[default]
    Error,
    /// Leave it out, as the command-line tool of the reference does; a list may get shorter. That
    /// tool still fails on one inside another `Any`, which is left out here, too.
    Omit,
    /// Print `{"@type":…,"value":…}` with the value as base64.
    Raw,
}

/// Prints messages as JSON; keeps its working memory.
#[derive(Debug, Default)]
pub struct Printer {
    options: PrintOptions,
    slots: Vec<Slot>,
    entries: Vec<Entry>,
    /// For messages that are not encoded yet.
    encoded: Vec<u8>,
}

impl Printer {
    /// A printer with these options.
    pub const fn new(options: PrintOptions) -> Self {
        Self {
            options,
            slots: Vec::new(),
            entries: Vec::new(),
            encoded: Vec::new(),
        }
    }

    /// Appends the JSON of an encoded message to `out`, which is left as it was on an error.
    ///
    /// Fails if the bytes are malformed, if an `Any` is of unknown type and that is an error, or if
    /// a value has no JSON: a date outside of the years 1 to 9999, a `google.protobuf.Value`
    /// without content.
    ///
    /// Linear in the number of bytes, but for maps and fields that are out of order, which are
    /// sorted.
    pub fn print(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let start = out.len();
        self.slots.clear();
        self.entries.clear();
        let mut walk = Walk {
            options: self.options,
            slots: &mut self.slots,
            entries: &mut self.entries,
            out,
        };
        walk.message(message, bytes, DEPTH_MAX).map_err(|error| {
            out.truncate(start);
            error.in_message(message.name())
        })
    }

    /// [`print`](Self::print) for a message that is not encoded.
    pub fn print_message<M: Described>(
        &mut self,
        message: &M,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        let result = crate::encode_canonical_into(message, &mut encoded)
            .and_then(|()| self.print(M::MESSAGE, &encoded, out));
        self.encoded = encoded;
        result
    }
}
