//! Text tables: columns padded to the widest cell and joined by ` | `.
//!
//! Widths are taken from the first rows, which are held back; later rows stream with those widths,
//! so memory does not grow with the table. A wider cell further down pushes its own row out of line
//! and nothing else.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::{colour, printable};

/// Rows that decide the widths.
const SAMPLE: usize = 1_000;

/// A table that is being printed.
pub(crate) struct Table<W> {
    out: W,
    widths: Vec<usize>,
    held: Vec<Vec<String>>,
    streaming: bool,
}

impl<W: Write> Table<W> {
    /// A table with these column heads.
    pub(crate) fn new<H: AsRef<str>>(out: W, heads: &[H]) -> Self {
        let heads: Vec<String> = heads.iter().map(|head| head.as_ref().to_owned()).collect();
        Self {
            out,
            widths: vec![0; heads.len()],
            held: vec![heads],
            streaming: false,
        }
    }

    /// Adds a row.
    pub(crate) fn row<C: AsRef<str>>(&mut self, cells: &[C]) -> io::Result<()> {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| printable(cell.as_ref()).into_owned())
            .collect();
        if self.streaming {
            return self.print(&cells, "");
        }
        self.held.push(cells);
        if self.held.len() > SAMPLE {
            self.release()
        } else {
            Ok(())
        }
    }

    /// Prints what is held back and an empty line.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.release()?;
        writeln!(self.out)
    }

    fn release(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        for row in &held {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        // The heads are the first row that was held back, once.
        if !std::mem::replace(&mut self.streaming, true)
            && let Some((heads, rows)) = held.split_first()
        {
            let [start, end] = colour::head();
            self.out.write_all(start.as_bytes())?;
            self.print(heads, end)?;
            return rows.iter().try_for_each(|row| self.print(row, ""));
        }
        Ok(())
    }

    fn print(&mut self, cells: &[String], end: &str) -> io::Result<()> {
        for (i, (cell, width)) in cells.iter().zip(&self.widths).enumerate() {
            if i > 0 {
                self.out.write_all(b" | ")?;
            }
            self.out.write_all(cell.as_bytes())?;
            let last = i + 1 == cells.len();
            if !last {
                write!(
                    self.out,
                    "{:pad$}",
                    "",
                    pad = width.saturating_sub(cell.width())
                )?;
            }
        }
        writeln!(self.out, "{end}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(rows: &[[&str; 2]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, &["A", "Name"]);
        for row in rows {
            table.row(row).unwrap();
        }
        table.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_align_by_display_width() {
        assert_eq!(
            render(&[["é", "x"], ["日本", "y"]]),
            "A    | Name\né    | x\n日本 | y\n\n"
        );
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(
            render(&[["a\u{1b}[2Jb", "x\ny"]]),
            "A           | Name\na\\u{1b}[2Jb | x\\ny\n\n"
        );
    }

    #[test]
    fn rows_behind_the_sample_stream() {
        let rows = vec![["a", "b"]; SAMPLE + 5];
        assert_eq!(render(&rows).lines().count(), SAMPLE + 5 + 2);
    }
}
