//! NDJSON both ways: every golden v3 file comes back with every row, every golden v1 file with every
//! row of its tables (row ids are new), and a text that was cut is refused.

use c1z::envelope::Existing;
use c1z::ops::convert::{ConvertOptions, FileFormat, LossKind, convert};
use testkit::golden::Format;

use crate::support::*;

#[test]
fn v3_comes_back_with_every_row() {
    let mut rows = 0;
    for file in distinct(Format::V3) {
        let mem = with_input(&file.case, file.file);
        // What the builder makes of the same records: statistics and digests where the file has none.
        convert_all(&mem, "in", "direct.c1z", FileFormat::V3);
        let there = convert_all(&mem, "in", "sync.ndjson", FileFormat::Ndjson);
        let back = convert_all(&mem, "sync.ndjson", "back.c1z", FileFormat::V3);
        let (manifest, expected) = read_v3(&mem, "direct.c1z");
        let (found_manifest, found) = read_v3(&mem, "back.c1z");
        assert_eq!(
            difference(&expected, &found),
            Vec::<String>::new(),
            "{}",
            file.label()
        );
        assert_eq!(manifest, found_manifest, "{}", file.label());
        assert!(mem.read("direct.c1z").unwrap() == mem.read("back.c1z").unwrap());
        let only_digests = there
            .losses
            .iter()
            .all(|(kind, _)| kind == LossKind::Digests);
        assert!(only_digests, "{}: {}", file.label(), there.losses);
        assert!(back.losses.is_empty(), "{}: {}", file.label(), back.losses);
        rows += found.len();
    }
    println!("{rows} rows");
}

#[test]
fn v1_comes_back_with_every_row() {
    let mut rows = 0;
    for file in distinct(Format::V1) {
        let mem = with_input(&file.case, file.file);
        convert_all(&mem, "in", "today.c1z", FileFormat::V1);
        let there = convert_all(&mem, "in", "sync.ndjson", FileFormat::Ndjson);
        let back = convert_all(&mem, "sync.ndjson", "back.c1z", FileFormat::V1);
        let (original, found) = (read_v1(&mem, "today.c1z"), read_v1(&mem, "back.c1z"));
        for table in original
            .schema()
            .objects()
            .iter()
            .filter(|o| o.kind.name() == "table")
        {
            let (expected, found) = (
                table_rows(&original, &table.name),
                table_rows(&found, &table.name),
            );
            let comparable = |rows: Vec<SqliteRow>| {
                let lines = rows.into_iter().map(|mut row| {
                    row.remove("id");
                    format!("{row:?}")
                });
                let mut lines: Vec<String> = lines.collect();
                lines.sort();
                lines
            };
            assert_eq!(
                comparable(expected),
                comparable(found),
                "{} {}",
                file.label(),
                table.name
            );
        }
        assert!(
            there.losses.is_empty(),
            "{}: {}",
            file.label(),
            there.losses
        );
        assert!(back.losses.is_empty(), "{}: {}", file.label(), back.losses);
        rows += back
            .syncs
            .iter()
            .map(|sync| sync.counts.grants)
            .sum::<i64>();
    }
    println!("{rows} grants");
}

#[test]
fn text_that_was_cut_is_an_error_and_leaves_nothing() {
    let mem = with_input(&testkit::golden::Case::named("basic"), "v1.c1z");
    convert_all(&mem, "in", "sync.ndjson", FileFormat::Ndjson);
    let whole = mem.read("sync.ndjson").unwrap();
    mem.install("cut.ndjson", &whole[..whole.len() * 2 / 3])
        .unwrap();
    for to in [FileFormat::V1, FileFormat::V3, FileFormat::Ndjson] {
        let options = ConvertOptions {
            existing: Existing::Keep,
            ..options(&mem, to)
        };
        let error = convert("cut.ndjson", "out", &options).unwrap_err();
        assert_eq!(error.kind(), c1z::ErrorKind::DataLoss, "{error}");
        assert!(mem.read("out").is_err());
    }
}
