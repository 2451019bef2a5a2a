//! Messages as JSON, and back.
//!
//! The mapping is that of protobuf's own JSON format as the reference implementation prints it:
//! fields in order of declaration, unset fields left out, 64-bit integers and bytes (base64) as
//! strings, enums by name, maps sorted by key, `google.protobuf` types in their short forms, `Any`
//! expanded behind an `"@type"`. There is no white space. Text that the printer wrote parses back
//! to the canonical bytes of the message, unless it holds unknown fields: those are not printed.
//!
//! Both directions work on encoded bytes and the tables of [`schema`](crate::schema), so nothing is
//! decoded into message types; a [`Printer`] keeps its working memory and allocates nothing per
//! message once it is warm. The JSON support of the protobuf library was passed over because it
//! prints the names of the schema file never, fails on an `Any` of an unknown type, and works on
//! decoded messages only.
//!
//! ```
//! use c1z_proto::json::{self, Printer, PrintOptions};
//! use c1z_proto::schema;
//!
//! let message = schema::message("c1.connector.v2.ResourceId").unwrap();
//! let bytes = json::parse(message, br#"{"resourceType": "group", "resource": "g1"}"#)?;
//! let mut out = Vec::new();
//! Printer::new(PrintOptions::default()).print(message, &bytes, &mut out)?;
//! assert_eq!(out, br#"{"resourceType":"group","resource":"g1"}"#);
//! # Ok::<(), c1z_proto::Error>(())
//! ```

mod base64;
mod lexer;
mod parse;
mod print;
mod text;
mod time;

#[cfg(test)]
mod tests;

pub use parse::{ParseOptions, parse, parse_into, parse_message};
pub use print::{PrintOptions, Printer, UnknownAny};
