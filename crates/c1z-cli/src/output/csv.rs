//! CSV records: RFC 4180 quoting, lines ended by LF as the Go tool ends them, and no cell that a
//! spreadsheet runs.
//!
//! Display names and ids come from the systems that were synced, so whoever may name an account
//! there writes into these cells. A spreadsheet takes a cell that begins like a formula for one,
//! quoted or not (CWE-1236); such a cell gets a `'` in front, which spreadsheets read as *this is
//! text*. JSON carries the same cells unchanged.

use std::io::{self, Write};

/// First characters that make a spreadsheet take a cell for a formula, or skip to one. The last
/// four are the full-width forms, which count in some locales.
const FORMULA_STARTS: [char; 11] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

/// Prints records as they come; holds nothing back.
#[derive(Debug)]
pub(crate) struct Csv<W> {
    out: W,
}

impl<W: Write> Csv<W> {
    /// A writer in front of `out`, which should be buffered.
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }

    /// Prints one record. Control characters other than line ends stand as they are, inside quotes.
    pub(crate) fn record<C: AsRef<str>>(
        &mut self,
        cells: impl IntoIterator<Item = C>,
    ) -> io::Result<()> {
        let mut count = 0_usize;
        let mut blank = true;
        for cell in cells {
            if count > 0 {
                self.out.write_all(b",")?;
            }
            let cell = cell.as_ref();
            self.cell(cell)?;
            count += 1;
            blank = count == 1 && cell.is_empty();
        }
        if blank {
            // One empty cell would be an empty line, which readers skip.
            self.out.write_all(b"\"\"")?;
        }
        self.out.write_all(b"\n")
    }

    /// Hands everything on.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn cell(&mut self, cell: &str) -> io::Result<()> {
        let mark = if cell.starts_with(FORMULA_STARTS) {
            "'"
        } else {
            ""
        };
        if !needs_quotes(cell) {
            self.out.write_all(mark.as_bytes())?;
            return self.out.write_all(cell.as_bytes());
        }
        write!(self.out, "\"{mark}")?;
        for (i, part) in cell.split('"').enumerate() {
            if i > 0 {
                self.out.write_all(b"\"\"")?;
            }
            self.out.write_all(part.as_bytes())?;
        }
        self.out.write_all(b"\"")
    }
}

/// Quotes also guard blanks at the ends, which some readers trim.
fn needs_quotes(cell: &str) -> bool {
    cell.contains(|c: char| matches!(c, '"' | ',') || c.is_control())
        || cell.starts_with(' ')
        || cell.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        let mut out = Vec::new();
        let mut csv = Csv::new(&mut out);
        csv.record(cells).unwrap();
        csv.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (cells, expected) in [
            (&["a", "b c", ""][..], "a,b c,\n"),
            (&["a,b", "say \"hi\""], "\"a,b\",\"say \"\"hi\"\"\"\n"),
            (
                &["two\nlines", "cr\rlf\r\n"],
                "\"two\nlines\",\"cr\rlf\r\n\"\n",
            ),
            (&[" a", "a "], "\" a\",\"a \"\n"),
            (&["nul\0", "esc\u{1b}[2J"], "\"nul\0\",\"esc\u{1b}[2J\"\n"),
            (&["日本", "Zoë"], "日本,Zoë\n"),
            (&[""], "\"\"\n"),
            (&["", ""], ",\n"),
            (&["\""], "\"\"\"\"\n"),
        ] {
            assert_eq!(line(cells), expected, "{cells:?}");
        }
    }

    #[test]
    fn no_cell_begins_like_a_formula() {
        for (cell, expected) in [
            ("=1+1", "'=1+1\n"),
            ("+49 30", "'+49 30\n"),
            ("-1", "'-1\n"),
            ("@SUM(A1)", "'@SUM(A1)\n"),
            ("\t=1", "\"'\t=1\"\n"),
            ("\r=1", "\"'\r=1\"\n"),
            ("\n=1", "\"'\n=1\"\n"),
            ("＝1", "'＝1\n"),
            ("=A1,\"x\"", "\"'=A1,\"\"x\"\"\"\n"),
            ("a=1", "a=1\n"),
            ("'=1", "'=1\n"),
        ] {
            assert_eq!(line(&[cell]), expected, "{cell:?}");
        }
    }
}
