//! Messages as JSON from which the very bytes come back, or the knowledge that they do not.

use c1z_proto::json::{ParseOptions, PrintOptions, Printer, UnknownAny, parse_into};
use c1z_proto::schema::Message;

use super::JSON_BYTES_MAX;

/// The names of one message in a line: its JSON, its bytes in base64, its length where data lines
/// follow.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) json: &'static str,
    pub(super) pb: &'static str,
    pub(super) bytes: &'static str,
}

pub(super) const RUN: Names = Names {
    json: "run",
    pb: "runPb",
    bytes: "runBytes",
};
pub(super) const STATS: Names = Names {
    json: "stats",
    pb: "statsPb",
    bytes: "statsBytes",
};
pub(super) const RECORD: Names = Names {
    json: "record",
    pb: "recordPb",
    bytes: "recordBytes",
};
pub(super) const MESSAGE: Names = Names {
    json: "message",
    pb: "messagePb",
    bytes: "messageBytes",
};
pub(super) const COLUMNS: Names = Names {
    json: "columns",
    pb: "columnsPb",
    bytes: "columnsBytes",
};

/// How the JSON of a message relates to its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fidelity {
    /// They come back from it.
    Exact,
    /// It shows them, but they do not come back.
    Shown,
    /// There is none.
    None,
}

/// Prints and parses messages; keeps its working memory.
#[derive(Debug)]
pub(super) struct Codec {
    printer: Printer,
    again: Vec<u8>,
}

const PARSE: ParseOptions = ParseOptions { raw_any: true };

impl Codec {
    pub(super) fn new() -> Self {
        let options = PrintOptions {
            unknown_any: UnknownAny::Raw,
            ..PrintOptions::default()
        };
        Self {
            printer: Printer::new(options),
            again: Vec::new(),
        }
    }

    /// Appends the JSON of a message, if it has one of sensible length.
    pub(super) fn print(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Fidelity {
        let start = out.len();
        if self.printer.print(message, bytes, out).is_err() {
            return Fidelity::None;
        }
        let json = out.get(start..).unwrap_or_default();
        if json.len() > JSON_BYTES_MAX {
            out.truncate(start);
            return Fidelity::None;
        }
        self.again.clear();
        match parse_into(message, json, PARSE, &mut self.again) {
            Ok(()) if self.again == bytes => Fidelity::Exact,
            _ => Fidelity::Shown,
        }
    }

    /// Replaces `out` by the message that `json` says.
    pub(super) fn parse(
        message: &'static Message,
        json: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), c1z_proto::Error> {
        out.clear();
        parse_into(message, json.as_bytes(), PARSE, out)
    }

    /// Whether `json` is what is printed for `bytes`.
    pub(super) fn shows(&mut self, message: &'static Message, bytes: &[u8], json: &str) -> bool {
        self.again.clear();
        let printed = self.printer.print(message, bytes, &mut self.again);
        printed.is_ok() && self.again == json.as_bytes()
    }
}
