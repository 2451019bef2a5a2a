//! A plain text table: cases down, checks across.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Cells by row and column, both in the order of their first use.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<String>,
    cells: BTreeMap<(String, String), String>,
}

impl Table {
    /// A table without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a cell, adding its row and column where they are new.
    pub fn set(&mut self, row: &str, column: &str, cell: &dyn ToString) {
        for (names, name) in [(&mut self.rows, row), (&mut self.columns, column)] {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        let key = (row.to_owned(), column.to_owned());
        self.cells.insert(key, cell.to_string());
    }

    /// Text with aligned columns; a cell that was not set is `-`.
    pub fn render(&self) -> String {
        let first = self.rows.iter().map(|row| width(row)).max().unwrap_or(0);
        let mut text = " ".repeat(first);
        let columns: Vec<(&String, usize)> = self
            .columns
            .iter()
            .map(|column| (column, self.width_of(column)))
            .collect();
        for (column, width) in &columns {
            let _ = write!(text, "  {column:>width$}");
        }
        for row in &self.rows {
            let _ = write!(text, "\n{row:first$}");
            for (column, width) in &columns {
                let _ = write!(text, "  {:>width$}", self.cell(row, column));
            }
        }
        text.push('\n');
        text
    }

    fn cell(&self, row: &str, column: &str) -> &str {
        let key = (row.to_owned(), column.to_owned());
        self.cells.get(&key).map_or("-", String::as_str)
    }

    fn width_of(&self, column: &str) -> usize {
        let cells = self.rows.iter().map(|row| width(self.cell(row, column)));
        cells.max().unwrap_or(0).max(width(column))
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_holes_are_visible() {
        let mut table = Table::new();
        table.set("basic", "rows", &12);
        table.set("basic", "lookups", &3);
        table.set("unusual-strings", "rows", &7);
        assert_eq!(
            table.render(),
            "                 rows  lookups\n\
             basic              12        3\n\
             unusual-strings     7        -\n"
        );
    }
}
