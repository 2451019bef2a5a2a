//! XLSX: worksheets of texts, written front to back in constant memory.
//!
//! An XLSX file is a ZIP archive of XML parts (ECMA-376). Only what a worksheet of texts needs is
//! written: the sheets as they come, and the parts that name them at the end, when it is known how
//! many there are. Every cell is an inline text, so a spreadsheet never takes one for a formula,
//! and numbers keep their leading zeros. The same rows give the same bytes.
//!
//! A library (`rust_xlsxwriter`) was passed over: it keeps rows in temporary files until it is told
//! to save, cannot write to a pipe, and refuses what does not fit into one sheet.

mod text;
mod zip;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{self, Write};

use text::write_text;
use zip::Zip;

/// Rows of one sheet, its head included (a limit of the format).
const SHEET_ROWS_MAX: u32 = 1_048_576;
/// Bytes of one sheet's XML after which the next sheet begins: parts of an archive are kept below
/// 4 GiB, which every reader takes.
const SHEET_BYTES_MAX: u64 = 3 << 30;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const DOCUMENT: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// A workbook under construction: `Sheet1`, and the next one wherever a sheet is full.
pub(crate) struct Workbook<W> {
    zip: Zip<W>,
    columns: &'static [&'static str],
    limits: Limits,
    sheets: u32,
    /// Rows of the open sheet so far.
    rows: u32,
    cut_cells: u64,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    rows: u32,
    bytes: u64,
}

/// What a workbook could not hold as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Sheets that were written.
    pub(crate) sheets: u32,
    /// Cells that are longer than a cell may be, and were cut.
    pub(crate) cut_cells: u64,
}

impl<W: Write> Workbook<W> {
    /// A workbook of which every sheet begins with `columns`.
    pub(crate) fn begin(out: W, columns: &'static [&'static str]) -> io::Result<Self> {
        let limits = Limits {
            rows: SHEET_ROWS_MAX,
            bytes: SHEET_BYTES_MAX,
        };
        Self::with_limits(out, columns, limits)
    }

    fn with_limits(out: W, columns: &'static [&'static str], limits: Limits) -> io::Result<Self> {
        let mut workbook = Self {
            zip: Zip::new(out),
            columns,
            limits,
            sheets: 0,
            rows: 0,
            cut_cells: 0,
            line: Vec::new(),
        };
        workbook.begin_sheet()?;
        Ok(workbook)
    }

    /// Writes a row.
    pub(crate) fn row(&mut self, cells: &[&str]) -> io::Result<()> {
        if self.rows == self.limits.rows || self.zip.part_len() > self.limits.bytes {
            self.end_sheet()?;
            self.begin_sheet()?;
        }
        self.write_row(cells)
    }

    /// Ends the last sheet and writes the parts that tell of all sheets.
    pub(crate) fn finish(mut self) -> io::Result<Summary> {
        self.end_sheet()?;
        for (name, content) in self.parts() {
            self.zip.begin(name)?;
            self.zip.write(content.as_bytes())?;
            self.zip.end()?;
        }
        let summary = Summary {
            sheets: self.sheets,
            cut_cells: self.cut_cells,
        };
        self.zip.finish()?.flush()?;
        Ok(summary)
    }

    fn begin_sheet(&mut self) -> io::Result<()> {
        self.sheets += 1;
        self.rows = 0;
        self.zip.begin(&sheet_part(self.sheets))?;
        let head = format!(r#"{HEAD}<worksheet xmlns="{MAIN}"><sheetData>"#);
        self.zip.write(head.as_bytes())?;
        self.write_row(self.columns)
    }

    fn end_sheet(&mut self) -> io::Result<()> {
        self.zip.write(b"</sheetData></worksheet>")?;
        self.zip.end()
    }

    fn write_row(&mut self, cells: &[&str]) -> io::Result<()> {
        self.rows += 1;
        self.line.clear();
        write!(self.line, r#"<row r="{}">"#, self.rows)?;
        for (column, cell) in (b'A'..=b'Z').zip(cells) {
            if cell.is_empty() {
                continue;
            }
            let column = char::from(column);
            write!(
                self.line,
                r#"<c r="{column}{}" t="inlineStr"><is><t xml:space="preserve">"#,
                self.rows
            )?;
            let whole = write_text(cell, &mut self.line);
            self.cut_cells += u64::from(!whole);
            self.line.extend_from_slice(b"</t></is></c>");
        }
        self.line.extend_from_slice(b"</row>");
        self.zip.write(&self.line)
    }

    /// The parts that tell of the sheets.
    fn parts(&self) -> [(&'static str, String); 4] {
        let (mut sheets, mut relations, mut types) = (String::new(), String::new(), String::new());
        for n in 1..=self.sheets {
            let part = sheet_part(n);
            let target = part.trim_start_matches("xl/");
            // A string takes whatever is written.
            let _ = write!(
                sheets,
                r#"<sheet name="Sheet{n}" sheetId="{n}" r:id="rId{n}"/>"#
            );
            let _ = write!(
                relations,
                r#"<Relationship Id="rId{n}" Type="{DOCUMENT}/worksheet" Target="{target}"/>"#
            );
            let _ = write!(
                types,
                r#"<Override PartName="/{part}" ContentType="{TYPE}.worksheet+xml"/>"#
            );
        }
        [
            (
                "xl/workbook.xml",
                format!(
                    r#"{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}"><sheets>{sheets}</sheets></workbook>"#
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    r#"{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{relations}</Relationships>"#
                ),
            ),
            (
                "_rels/.rels",
                format!(
                    r#"{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
                ),
            ),
            (
                "[Content_Types].xml",
                format!(
                    r#"{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>{types}</Types>"#
                ),
            ),
        ]
    }
}

fn sheet_part(n: u32) -> String {
    format!("xl/worksheets/sheet{n}.xml")
}
