//! Messages as the Go tool's JSON.

use buffa::{EnumValue, Enumeration};
use c1z_proto::json::{PrintOptions, Printer, UnknownAny};
use c1z_proto::schema::Described;

use crate::failure::Failure;

/// Prints messages; keeps its working memory.
pub(crate) struct Json(Printer);

impl Json {
    /// A printer that leaves out annotations of types that this build does not know, as the Go tool does.
    pub(crate) fn new() -> Self {
        let options = PrintOptions {
            unknown_any: UnknownAny::Omit,
            ..PrintOptions::default()
        };
        Self(Printer::new(options))
    }

    /// A message as JSON.
    pub(crate) fn render<M: Described>(&mut self, message: &M) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        self.render_into(message, &mut out)?;
        Ok(out)
    }

    /// Replaces `out` by a message as JSON.
    pub(crate) fn render_into<M: Described>(
        &mut self,
        message: &M,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        out.clear();
        self.0.print_message(message, out).map_err(|error| {
            let what = c1z::Error::new(c1z::ErrorKind::DataLoss, "cannot show a record as JSON");
            Failure::Library(what.with_source(error))
        })
    }
}

/// The name of an enum value, or its number where this build knows none.
pub(crate) fn enum_name<E: Enumeration>(value: &EnumValue<E>) -> String {
    match value.as_known() {
        Some(known) => known.proto_name().to_owned(),
        None => value.to_i32().to_string(),
    }
}

/// The members of an object whose values are texts; empty ones are left out.
pub(crate) fn string_members(members: &[(&str, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_empty()) {
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend(format!("\"{name}\":{}", serde_json::Value::from(value.as_str())).bytes());
    }
    out
}
