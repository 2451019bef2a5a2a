//! Workbooks read back by a reader that is not ours.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

use super::text::CELL_UNITS_MAX;
use super::{Limits, Summary, Workbook};

const COLUMNS: &[&str] = &["A", "B", "C"];

fn write(rows: &[[&str; 3]], limits: Limits) -> (Vec<u8>, Summary) {
    let mut out = Vec::new();
    let mut workbook = Workbook::with_limits(&mut out, COLUMNS, limits).unwrap();
    for row in rows {
        workbook.row(row).unwrap();
    }
    let summary = workbook.finish().unwrap();
    (out, summary)
}

const WIDE: Limits = Limits {
    rows: 1000,
    bytes: 1 << 20,
};

/// All sheets: their names and rows; every cell must be text.
fn read(bytes: &[u8]) -> Vec<(String, Vec<Vec<String>>)> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let sheets = book.worksheets();
    let texts = sheets.into_iter().map(|(name, range)| {
        assert!(book.worksheet_formula(&name).unwrap().is_empty());
        let rows = range.rows().map(|row| {
            let cells = row.iter().map(|cell| match cell {
                Data::String(text) => text.clone(),
                Data::Empty => String::new(),
                other => panic!("no text: {other:?}"),
            });
            cells.collect()
        });
        (name, rows.collect())
    });
    texts.collect()
}

#[test]
fn texts_come_back_whatever_they_hold() {
    let long = "é".repeat(CELL_UNITS_MAX);
    let rows = [
        ["=1+1", "+1", "@SUM(A1)"],
        ["=HYPERLINK(\"http://x\",\"y\")", "-2", "\t=1"],
        ["<b>&amp;</b>", "a\"'b", "]]>"],
        [" spaces ", "", "line\nbreak"],
        ["Zoë 日本 😀", "0042", "1e5"],
        [&long, "true", "#REF!"],
        ["", "", "c"],
    ];
    let (bytes, summary) = write(&rows, WIDE);
    let read = read(&bytes);
    assert_eq!(
        summary,
        Summary {
            sheets: 1,
            cut_cells: 0
        }
    );
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].0, "Sheet1");
    assert_eq!(read[0].1[0], COLUMNS);
    for (row, found) in rows.iter().zip(&read[0].1[1..]) {
        assert_eq!(row.as_slice(), found.as_slice());
    }
    assert_eq!(read[0].1.len(), 1 + rows.len());
}

#[test]
fn what_xml_cannot_say_is_escaped_as_spreadsheets_do() {
    for (text, expected) in [
        ("a\u{0}b", "a_x0000_b"),
        ("\r\n", "_x000D_\n"),
        ("\u{1b}[2J", "_x001B_[2J"),
        ("_x0041_", "_x005F_x0041_"),
        ("_x004_", "_x004_"),
        ("__x0041_", "__x005F_x0041_"),
        ("\u{ffff}", "_xFFFF_"),
        ("_", "_"),
        ("a<b>&c", "a&lt;b&gt;&amp;c"),
        ("\t", "\t"),
    ] {
        let mut out = Vec::new();
        assert!(super::write_text(text, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn a_cell_that_is_too_long_is_cut_and_counted() {
    for (text, kept) in [
        ("a".repeat(CELL_UNITS_MAX + 1), CELL_UNITS_MAX),
        // Two code units each: a half one does not fit.
        ("😀".repeat(CELL_UNITS_MAX), CELL_UNITS_MAX / 2),
        ("日".repeat(CELL_UNITS_MAX + 5), CELL_UNITS_MAX),
    ] {
        let (bytes, summary) = write(&[["x", &text, ""], ["y", "", ""]], WIDE);
        assert_eq!(summary.cut_cells, 1);
        let sheets = read(&bytes);
        let cell = &sheets[0].1[1][1];
        assert_eq!(cell.chars().count(), kept);
        assert!(text.starts_with(cell.as_str()));
    }
}

#[test]
fn rows_beyond_a_sheet_stand_on_the_next_under_the_same_head() {
    let numbers: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let rows: Vec<[&str; 3]> = numbers.iter().map(|n| ["r", n.as_str(), ""]).collect();
    for limits in [Limits { rows: 4, ..WIDE }, Limits { bytes: 600, ..WIDE }] {
        let (bytes, summary) = write(&rows, limits);
        let sheets = read(&bytes);
        assert!(summary.sheets > 2, "{summary:?}");
        assert_eq!(sheets.len(), summary.sheets as usize);
        let mut found = Vec::new();
        for (at, (name, rows)) in sheets.iter().enumerate() {
            assert_eq!(*name, format!("Sheet{}", at + 1));
            // The reader leaves out the empty third column but for its head.
            assert_eq!(rows[0], COLUMNS);
            assert!(rows.len() <= limits.rows as usize);
            found.extend(rows[1..].iter().map(|row| row[1].clone()));
        }
        assert_eq!(found, numbers);
    }
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let rows = [["a", "b", "c"]; 100];
    assert!(write(&rows, WIDE).0 == write(&rows, WIDE).0);
}

#[test]
fn a_workbook_without_rows_has_its_head() {
    let (bytes, summary) = write(&[], WIDE);
    assert_eq!(summary.sheets, 1);
    assert_eq!(read(&bytes)[0].1, [COLUMNS]);
}
