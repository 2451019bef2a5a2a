//! Messages as the Go tool's JSON.

use buffa::{EnumValue, Enumeration};
use c1z_proto::json::{PrintOptions, Printer, UnknownAny};
use c1z_proto::schema::Described;

use crate::failure::Failure;

/// Prints messages; keeps its working memory.
pub(crate) struct Json(Printer);

impl Json {
    /// A printer that leaves out annotations of types that this build does not know, as the Go tool
    /// does.
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
        self.append(message, &mut out)?;
        Ok(out)
    }

    /// Appends a message as JSON.
    pub(crate) fn append<M: Described>(
        &mut self,
        message: &M,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
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

/// Appends a text as JSON.
pub(crate) fn append_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}
