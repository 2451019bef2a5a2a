//! Text tables: columns padded to the widest cell and joined by ` | `.
//!
//! Widths are taken from the first rows, which are held back; later rows stream with those widths, so memory does not
//! grow with the table. A wider cell further down pushes its own row out of line and nothing else.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

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
    pub(crate) fn new(out: W, heads: &[&str]) -> Self {
        let heads: Vec<String> = heads.iter().map(|&head| head.to_owned()).collect();
        Self {
            out,
            widths: vec![0; heads.len()],
            held: vec![heads],
            streaming: false,
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) -> io::Result<()> {
        let cells: Vec<String> = cells.into_iter().map(printable).collect();
        if self.streaming {
            return self.print(&cells);
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
        self.streaming = true;
        held.iter().try_for_each(|row| self.print(row))
    }

    fn print(&mut self, cells: &[String]) -> io::Result<()> {
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
        writeln!(self.out)
    }
}

/// Control characters would break the table or the terminal: they are shown escaped.
fn printable(cell: String) -> String {
    if cell.chars().any(char::is_control) {
        cell.chars()
            .flat_map(|c| {
                let escaped = c.is_control().then(|| c.escape_default());
                let plain = escaped.is_none().then_some(c);
                escaped.into_iter().flatten().chain(plain)
            })
            .collect()
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(rows: &[[&str; 2]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, &["A", "Name"]);
        for row in rows {
            table
                .row(row.iter().map(|&cell| cell.to_owned()).collect())
                .unwrap();
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
