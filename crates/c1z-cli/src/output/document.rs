//! Rows as one JSON document in the Go tool's shape, or as JSON lines.

use std::io::{self, Write};

use crate::args::Format;
use crate::file::Selected;

/// Version of the JSON-lines schema; it changes when a consumer would have to.
const SCHEMA: &str = "c1z.rows/1";

/// Prints rows, each given as the joined members of a JSON object.
///
/// * JSON: `{"LIST":[{..},{..}]}` on one line; `{}` without rows, as the Go tool leaves empty lists
///   out.
/// * JSON lines: a line of type `begin` with the schema and the sync, a line a row with the row's
///   type, and a line of type `end` with the number of rows, so that a reader can tell a complete
///   answer from a torn one.
pub(crate) struct Rows<W> {
    out: W,
    format: Format,
    list: &'static str,
    row_type: &'static str,
    count: u64,
}

impl<W: Write> Rows<W> {
    /// Starts a document; `list` names the JSON list, `row_type` the type of a line.
    pub(crate) fn begin(
        mut out: W,
        format: Format,
        list: &'static str,
        row_type: &'static str,
        selected: Option<&Selected>,
    ) -> io::Result<Self> {
        if format == Format::Ndjson {
            write!(out, r#"{{"type":"begin","schema":"{SCHEMA}""#)?;
            if let Some(Selected { run, .. }) = selected {
                write!(
                    out,
                    r#","syncId":{}"#,
                    serde_json::Value::from(run.id.as_str())
                )?;
            }
            writeln!(out, "}}")?;
        }
        Ok(Self {
            out,
            format,
            list,
            row_type,
            count: 0,
        })
    }

    /// Prints a row with these members.
    pub(crate) fn row(&mut self, members: &[u8]) -> io::Result<()> {
        match (self.format, self.count) {
            (Format::Ndjson, _) => write!(self.out, r#"{{"type":"{}""#, self.row_type)?,
            (_, 0) => write!(self.out, r#"{{"{}":[{{"#, self.list)?,
            _ => self.out.write_all(b",{")?,
        }
        self.count += 1;
        if self.format != Format::Ndjson {
            self.out.write_all(members)?;
            return self.out.write_all(b"}");
        }
        if !members.is_empty() {
            self.out.write_all(b",")?;
        }
        self.out.write_all(members)?;
        self.out.write_all(b"}\n")
    }

    /// Ends the document; `cut`: there were more rows than were asked for.
    pub(crate) fn finish(mut self, cut: bool) -> io::Result<()> {
        let more = if cut { r#","more":true"# } else { "" };
        match (self.format, self.count) {
            (Format::Ndjson, count) => {
                writeln!(self.out, r#"{{"type":"end","rows":{count}{more}}}"#)?;
            }
            (_, 0) => writeln!(self.out, "{{}}")?,
            _ => writeln!(self.out, "]}}")?,
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(format: Format, rows: &[&str], cut: bool) -> String {
        let mut out = Vec::new();
        let mut document = Rows::begin(&mut out, format, "grants", "grant", None).unwrap();
        for row in rows {
            document.row(row.as_bytes()).unwrap();
        }
        document.finish(cut).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_leaves_an_empty_list_out() {
        assert_eq!(render(Format::Json, &[], false), "{}\n");
        assert_eq!(
            render(Format::Json, &[r#""a":1,"b":{}"#, ""], true),
            "{\"grants\":[{\"a\":1,\"b\":{}},{}]}\n"
        );
    }

    #[test]
    fn lines_say_how_many_rows_there_were() {
        assert_eq!(
            render(Format::Ndjson, &[r#""a":1"#, ""], false),
            "{\"type\":\"begin\",\"schema\":\"c1z.rows/1\"}\n\
             {\"type\":\"grant\",\"a\":1}\n{\"type\":\"grant\"}\n{\"type\":\"end\",\"rows\":2}\n"
        );
        assert!(render(Format::Ndjson, &[], true).ends_with("\"rows\":0,\"more\":true}\n"));
    }
}
