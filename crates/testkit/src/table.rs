//! A plain text table: cases down, checks across.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Cells by row and column; rows in order of insertion, columns in order of first use.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<(String, BTreeMap<String, String>)>,
}

impl Table {
    /// A table without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a cell, adding its row and column where they are new.
    pub fn set(&mut self, row: &str, column: &str, cell: impl ToString) {
        if !self.columns.iter().any(|known| known == column) {
            self.columns.push(column.to_owned());
        }
        let cell = cell.to_string();
        match self.rows.iter_mut().find(|(name, _)| name == row) {
            Some((_, cells)) => {
                cells.insert(column.to_owned(), cell);
            }
            None => {
                let cells = BTreeMap::from([(column.to_owned(), cell)]);
                self.rows.push((row.to_owned(), cells));
            }
        }
    }

    /// Text with aligned columns; a cell that was not set is `-`.
    pub fn render(&self) -> String {
        let first = self.rows.iter().map(|(name, _)| width(name)).max();
        let mut text = format!("{:first$}", "", first = first.unwrap_or(0));
        let widths: Vec<usize> = self
            .columns
            .iter()
            .map(|name| self.width_of(name))
            .collect();
        for (column, width) in self.columns.iter().zip(&widths) {
            let _ = write!(text, "  {column:>width$}");
        }
        for (row, cells) in &self.rows {
            let _ = write!(text, "\n{row:first$}", first = first.unwrap_or(0));
            for (column, width) in self.columns.iter().zip(&widths) {
                let cell = cells.get(column).map_or("-", String::as_str);
                let _ = write!(text, "  {cell:>width$}");
            }
        }
        text.push('\n');
        text
    }

    fn width_of(&self, column: &str) -> usize {
        let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(column));
        cells
            .map(|cell| width(cell))
            .max()
            .unwrap_or(1)
            .max(width(column))
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
        table.set("basic", "rows", 12);
        table.set("basic", "lookups", 3);
        table.set("unusual-strings", "rows", 7);
        assert_eq!(
            table.render(),
            "                 rows  lookups\n\
             basic              12        3\n\
             unusual-strings     7        -\n"
        );
    }
}
