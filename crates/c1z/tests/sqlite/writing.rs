//! Contract: a database that the writer builds holds exactly the rows and index entries that were
//! given to it, for any sizes and counts, and is the same for any memory budget.
//!
//! Mechanics: golden databases are written again and compared row by row and index by index;
//! generated ones reach every shape of tree. Out of scope: what SQLite itself says of the files
//! (`oracle`).

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use c1z::sqlite_file::writer::{Image, Scratch, WriteOptions, Writer};
use c1z::sqlite_file::{Database, Value, fuzz};
use shingle::ErrorKind;
use shingle::vfs::{Fs, MemFile, MemFs, ReadFile, WriteFile};
use testkit::chance::Chance;

use crate::golden::check_all_indexes;
use crate::random::seeds;
use crate::support::{copy_tables, goldens, open, table_rows, write};

#[test]
fn golden_databases_are_the_same_when_written_again() {
    for golden in goldens() {
        let from = open(&golden.database).unwrap();
        let objects = from.schema().objects();
        let statements: Vec<&str> = objects.iter().filter_map(|o| o.sql.as_deref()).collect();
        let options = WriteOptions::default();
        let bytes = write(&statements, options, |writer| copy_tables(&from, writer)).unwrap();
        let copy = open(&bytes).unwrap();
        let sqls = |database: &Database| -> Vec<_> {
            let objects = database.schema().objects().iter();
            objects
                .map(|o| (o.name.clone(), o.table_name.clone(), o.sql.clone()))
                .collect()
        };
        assert_eq!(sqls(&copy), sqls(&from), "{}", golden.name);
        for object in objects
            .iter()
            .filter(|object| object.kind.name() == "table")
        {
            let found = table_rows(&copy, &object.name);
            assert_eq!(
                found,
                table_rows(&from, &object.name),
                "{} {}",
                golden.name,
                object.name
            );
        }
        check_all_indexes(&golden.name, &copy);
        fuzz::read(&bytes).1.unwrap();
    }
}

/// A table with a text index, an integer index, and room for any value.
const GENERIC: [&str; 4] = [
    "create table t (id integer primary key, a text, n integer, b)",
    "create index t_a on t (a)",
    "create unique index t_n_a on t (n, a)",
    "create index t_n on t (n) where n is not null",
];

/// Writes rows into [`GENERIC`], reads them back, and checks the indexes.
fn round_trip(rows: &[(i64, [Value<'_>; 3])], options: WriteOptions, context: &str) -> Vec<u8> {
    let bytes = write(&GENERIC, options, |writer| {
        let mut table = writer.table("T")?;
        for (rowid, [a, n, b]) in rows {
            table.push(*rowid, &[Value::Null, a.clone(), n.clone(), b.clone()])?;
        }
        assert_eq!(table.finish()?, rows.len() as u64);
        Ok(())
    });
    let bytes = bytes.expect(context);
    let database = open(&bytes).unwrap();
    let table = database.table("t").unwrap().unwrap();
    let mut found = table.scan(..);
    for (rowid, [a, n, b]) in rows {
        let row = found.next().unwrap().expect(context);
        let values: Vec<Value<'_>> = (0..4).map(|i| row.get(i).unwrap()).collect();
        let want = [Value::Integer(*rowid), a.clone(), n.clone(), b.clone()];
        assert_eq!(values, want, "{context}");
    }
    assert!(found.next().unwrap().is_none(), "{context}");
    check_all_indexes(context, &database);
    bytes
}

#[test]
fn rows_that_repeat_a_unique_key_are_reported_and_the_database_is_refused() {
    for (keys, repeated) in [(&[7, 8, 7, 9, 8, 7][..], &[3, 5, 6][..]), (&[1, 2, 3], &[])] {
        let written = write(&GENERIC, WriteOptions::default(), |writer| {
            let mut table = writer.table("t")?;
            for (rowid, key) in (1..).zip(keys) {
                let values = [
                    Value::Null,
                    Value::text("a"),
                    Value::Integer(*key),
                    Value::Null,
                ];
                table.push(rowid, &values)?;
            }
            assert_eq!(table.finish_reporting()?, repeated);
            Ok(())
        });
        let refused = written.err().map(|error| error.kind());
        let expected = (!repeated.is_empty()).then_some(ErrorKind::Invalid);
        assert_eq!(refused, expected);
    }
}

#[test]
fn trees_of_every_small_size_are_whole() {
    // Keys of a quarter of a page make deep trees of few rows.
    let key = |i: i64| format!("{i:06}{}", "x".repeat(970));
    let counts = (0..30).chain([60, 130, 300, 700]);
    for count in counts {
        let keys: Vec<String> = (0..count).map(key).collect();
        let rows: Vec<_> = (1..)
            .zip(&keys)
            .map(|(rowid, key)| {
                (
                    rowid,
                    [Value::text(key), Value::Integer(-rowid), Value::Null],
                )
            })
            .collect();
        round_trip(&rows, WriteOptions::default(), &format!("{count} rows"));
    }
}

#[test]
fn a_table_of_three_levels_is_whole() {
    // One row a leaf, and more leaves than an interior page has children.
    let blob = vec![7; 3_000];
    let rows: Vec<_> = (0..1_100)
        .map(|i| {
            (
                i * 1_000_003,
                [Value::text("a"), Value::Integer(i), Value::blob(&blob)],
            )
        })
        .collect();
    round_trip(&rows, WriteOptions::default(), "three levels");
}

#[test]
fn payloads_of_every_length_come_back() {
    // Around what stays on a page of a table (39 + 4061) and of an index (489, 1002), and around
    // the ends of overflow pages (4092 each).
    let near = |center: usize| center.saturating_sub(7)..center + 7;
    let lengths: BTreeSet<usize> = [
        0, 489, 1_002, 4_061, 4_092, 4_581, 5_094, 8_184, 8_673, 12_276,
    ]
    .into_iter()
    .flat_map(near)
    .collect();
    let bytes: Vec<u8> = (0..13_000_u32)
        .map(|i| i.to_be_bytes()[3] % 127 + 1)
        .collect();
    let text = std::str::from_utf8(&bytes).unwrap();
    let rows: Vec<_> = (1..)
        .zip(&lengths)
        .map(|(rowid, len)| {
            let values = [
                Value::text(&text[..*len]),
                Value::Integer(rowid),
                Value::blob(&bytes[..*len]),
            ];
            (rowid, values)
        })
        .collect();
    round_trip(&rows, WriteOptions::default(), "lengths");
}

#[test]
fn extreme_values_come_back() {
    let integers = [
        i64::MIN,
        i64::MIN + 1,
        -(1 << 47) - 1,
        -(1 << 47),
        -(1 << 31) - 1,
        -(1 << 31),
        -8_388_609,
        -8_388_608,
        -32_769,
        -32_768,
        -129,
        -128,
        -1,
        0,
        1,
        2,
        127,
        128,
        32_767,
        32_768,
        8_388_607,
        8_388_608,
        (1 << 31) - 1,
        1 << 31,
        (1 << 47) - 1,
        1 << 47,
        i64::MAX,
    ];
    let texts = [
        "",
        "\0",
        "\0\0",
        "a",
        "a\0",
        "a\0b",
        "a\u{1}",
        "\u{ff}",
        "\u{10ffff}",
    ];
    let reals = [
        0.0,
        -0.5,
        1e300,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
    ];
    let rows: Vec<_> = integers
        .iter()
        .enumerate()
        .map(|(i, integer)| {
            let values = [
                Value::text(texts[i % texts.len()]),
                Value::Integer(*integer),
                Value::Real(reals[i % reals.len()]),
            ];
            (*integer, values)
        })
        .collect();
    round_trip(&rows, WriteOptions::default(), "extremes");
}

#[test]
fn nulls_do_not_collide_in_a_unique_index() {
    let null = || [Value::text("same"), Value::Null, Value::Null];
    let rows: Vec<_> = (1..50).map(|rowid| (rowid, null())).collect();
    round_trip(&rows, WriteOptions::default(), "nulls");
}

/// Random rows in ascending order of rowid.
fn random_rows(random: &mut Chance, count: usize) -> Vec<(i64, [Value<'static>; 3])> {
    let mut rowid = -5;
    (0..count)
        .map(|i| {
            rowid += 1 + i64::try_from(random.below(3)).unwrap();
            let len = *random.pick(&[0, 1, 3, 8, 40, 300, 1_500]).unwrap();
            let text: String = (0..len)
                .map(|_| *random.pick(&['a', 'b', '\0', 'é']).unwrap())
                .collect();
            // Unique together with any text, or null.
            let number = match random.below(5) {
                0 => Value::Null,
                _ => Value::Integer(i64::try_from(i).unwrap() * 7 % 1_000_003),
            };
            let blob_len = *random.pick(&[0, 10, 200, 5_000]).unwrap();
            let blob = Value::Blob(random.bytes(blob_len).into());
            (rowid, [Value::text(&text).into_owned(), number, blob])
        })
        .collect()
}

#[test]
fn the_memory_budget_changes_nothing() {
    let (fs, dir) = (MemFs::new(), Path::new("scratch"));
    fs.create_dir_all(dir).unwrap();
    for seed in seeds(1) {
        let rows = random_rows(&mut Chance::seeded(seed), 400);
        let context = format!("seed {seed}");
        let whole = round_trip(&rows, WriteOptions::default(), &context);
        // One key a file, so that files are merged before the end; then a few files.
        for memory_bytes in [0, 60_000] {
            let options = WriteOptions {
                memory_bytes,
                scratch: Some(Scratch {
                    fs: Arc::new(fs.clone()),
                    dir: dir.to_owned(),
                }),
            };
            let spilled = round_trip(&rows, options, &context);
            assert!(spilled == whole, "{context} budget {memory_bytes}");
            let left = fs.list(dir).unwrap();
            assert!(left.is_empty(), "{context} left {left:?}");
        }
    }
}

#[test]
fn without_a_scratch_folder_too_many_keys_are_refused() {
    let options = WriteOptions {
        memory_bytes: 10_000,
        scratch: None,
    };
    let result = write(&GENERIC, options, |writer| {
        let mut table = writer.table("t")?;
        for rowid in 0..1_000 {
            table.push(
                rowid,
                &[Value::Null, Value::text("key"), rowid.into(), Value::Null],
            )?;
        }
        table.finish().map(drop)
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
}

#[test]
fn a_streamed_blob_is_the_same_as_a_given_one() {
    let statements = ["create table t (id integer primary key, before text, b blob, after text)"];
    for len in [0, 1, 4_000, 4_050, 4_061, 4_092, 300_000] {
        let blob = Chance::seeded(len as u64).bytes(len);
        let given = write(&statements, WriteOptions::default(), |writer| {
            let mut table = writer.table("t")?;
            table.push(
                5,
                &[Value::Null, "x".into(), Value::blob(&blob), "y".into()],
            )?;
            table.finish().map(drop)
        });
        let streamed = write(&statements, WriteOptions::default(), |writer| {
            let mut table = writer.table("t")?;
            let values = [Value::Null, "x".into(), Value::Null, "y".into()];
            table.push_streamed(5, &values, 2, len as u64, &mut blob.as_slice())?;
            table.finish().map(drop)
        });
        let bytes = given.unwrap();
        assert!(bytes == streamed.unwrap(), "{len} bytes");

        let table = open(&bytes).unwrap().table("t").unwrap().unwrap();
        let row = table.row(5).unwrap().unwrap();
        let mut read_back = Vec::new();
        row.stream(2).unwrap().read_to_end(&mut read_back).unwrap();
        assert!(read_back == blob, "{len} bytes");
        assert_eq!(row.bytes_len(2), Some(u32::try_from(len).unwrap()));
        // Descending and ascending order of columns; the chain is followed anew or further.
        for i in [3, 2, 1, 2, 3] {
            let want = [Value::Null, "x".into(), Value::blob(&blob), "y".into()];
            assert_eq!(row.get(i).unwrap(), want[i]);
        }
    }
}

/// The kind of the error that one row makes after a good one.
fn refused(rowid: i64, values: &[Value<'_>]) -> ErrorKind {
    let statements = [
        "create table t (id integer primary key, a text not null, n integer, b real)",
        "create unique index t_n on t (n)",
        "create index t_b on t (b)",
    ];
    let result = write(&statements, WriteOptions::default(), |writer| {
        let mut table = writer.table("t")?;
        table.push(
            1,
            &[
                Value::Integer(1),
                "a".into(),
                Value::Integer(7),
                Value::Null,
            ],
        )?;
        table.push(rowid, values)?;
        table.finish().map(drop)
    });
    result.map(drop).unwrap_err().kind()
}

#[test]
fn bad_rows_are_refused() {
    let null = || Value::Null;
    let cases: [(i64, Vec<Value<'_>>, ErrorKind); 8] = [
        (
            1,
            vec![null(), "a".into(), null(), null()],
            ErrorKind::Invalid,
        ),
        (
            0,
            vec![null(), "a".into(), null(), null()],
            ErrorKind::Invalid,
        ),
        (2, vec![null(), "a".into(), null()], ErrorKind::Invalid),
        (
            2,
            vec![Value::Integer(3), "a".into(), null(), null()],
            ErrorKind::Invalid,
        ),
        (2, vec![null(), null(), null(), null()], ErrorKind::Invalid),
        (
            2,
            vec![null(), Value::Integer(1), null(), null()],
            ErrorKind::Invalid,
        ),
        (
            2,
            vec![null(), "b".into(), Value::Integer(7), null()],
            ErrorKind::Invalid,
        ),
        (
            2,
            vec![null(), "b".into(), null(), Value::Real(0.5)],
            ErrorKind::Unsupported,
        ),
    ];
    for (rowid, values, kind) in cases {
        assert_eq!(refused(rowid, &values), kind, "{rowid} {values:?}");
    }
}

#[test]
fn tables_are_written_once_and_to_the_end() {
    let error = |fill: fn(&mut Writer) -> shingle::Result<()>| {
        let result = write(&GENERIC, WriteOptions::default(), fill);
        result.map(drop).unwrap_err().kind()
    };
    assert_eq!(
        error(|writer| writer.table("u").map(drop)),
        ErrorKind::NotFound
    );
    assert_eq!(
        error(|writer| writer.table("t_a").map(drop)),
        ErrorKind::NotFound
    );
    let twice = |writer: &mut Writer| {
        writer.table("t")?.finish()?;
        writer.table("t")?.finish().map(drop)
    };
    assert_eq!(error(twice), ErrorKind::Invalid);
    assert_eq!(
        error(|writer| writer.table("t").map(drop)),
        ErrorKind::Poisoned
    );
    let again = |writer: &mut Writer| {
        drop(writer.table("t")?);
        writer.table("t").map(drop)
    };
    assert_eq!(error(again), ErrorKind::Poisoned);
    assert!(write(&GENERIC, WriteOptions::default(), |_| Ok(())).is_ok());
}

#[test]
fn statements_that_cannot_be_written_are_refused() {
    let table = "create table t (a text, b text collate nocase)";
    for statements in [
        vec!["create table t (a) without rowid"],
        vec!["create table t (a text primary key)"],
        vec!["create table t (a, b as (a))"],
        vec!["create view v as select 1"],
        vec![table, table],
        vec![table, "create index T on t (a)"],
        vec!["create index i on t (a)", table],
        vec![table, "create index i on t (b)"],
        vec![table, "create index i on t (a desc)"],
        vec![table, "create index i on t (lower(a))"],
        vec![table, "create index i on t (a) where a like 'x'"],
    ] {
        let error = write(&statements, WriteOptions::default(), |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{statements:?}: {error}");
    }
}

#[test]
fn a_schema_of_any_length_is_readable() {
    for count in [0, 1, 5, 10, 40, 400] {
        let statements: Vec<String> = (0..count)
            .map(|i| {
                format!(
                    "create table t{i} (a text /* {} */)",
                    "-".repeat(i * 17 % 9_000)
                )
            })
            .collect();
        let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
        let bytes = write(&statements, WriteOptions::default(), |writer| {
            if count > 0 {
                let mut table = writer.table("t0")?;
                table.push(1, &["x".into()])?;
                table.finish()?;
            }
            Ok(())
        });
        let database = open(&bytes.unwrap()).unwrap();
        let objects = database.schema().objects().iter();
        let found: Vec<&str> = objects.filter_map(|object| object.sql.as_deref()).collect();
        assert_eq!(found, statements);
        assert_eq!(rows_in(&database, "t0"), i64::from(count > 0));
        assert_eq!(rows_in(&database, "t399"), 0);
    }
}

fn rows_in(database: &Database, table: &str) -> i64 {
    let Some(table) = database.table(table).unwrap() else {
        return 0;
    };
    let mut rows = table.scan(..);
    let mut count = 0;
    while rows.next().unwrap().is_some() {
        count += 1;
    }
    count
}

/// Fails after a number of bytes.
#[derive(Debug)]
struct Failing {
    bytes_left: usize,
}

impl WriteFile for Failing {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        let left = self.bytes_left.checked_sub(data.len());
        self.bytes_left = left.ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_at_any_page() {
    let blob = vec![1; 20_000];
    let fill = |writer: &mut Writer| {
        let mut table = writer.table("t")?;
        for rowid in 0..60 {
            table.push(
                rowid,
                &[Value::Null, "a".into(), rowid.into(), Value::blob(&blob)],
            )?;
        }
        table.finish().map(drop)
    };
    let mut failures = 0;
    for bytes_left in (0..).step_by(200_000) {
        let body = Box::new(Failing { bytes_left });
        let mut writer = Writer::new(body, &GENERIC, WriteOptions::default()).unwrap();
        let filled = fill(&mut writer);
        if let Err(error) = &filled {
            assert_eq!(error.kind(), ErrorKind::Io);
            assert_eq!(
                writer.table("t").map(drop).unwrap_err().kind(),
                ErrorKind::Poisoned
            );
        }
        match filled.and_then(|()| writer.finish().map(drop)) {
            Ok(()) => break,
            Err(_) => failures += 1,
        }
    }
    assert!(failures > 4, "{failures} failures");
}

#[test]
fn the_two_parts_read_as_one_file() {
    let (fs, path) = (MemFs::new(), Path::new("body"));
    let writer = Writer::new(fs.create(path).unwrap(), &GENERIC, WriteOptions::default());
    let written = writer.unwrap().finish().unwrap();
    let body = fs.read(path).unwrap();
    let whole = [&written.first_page, body.as_slice()].concat();
    let image = Image::new(written.first_page, Arc::new(MemFile::new(body)));
    assert_eq!(image.len(), whole.len() as u64);
    for (start, len) in [
        (0, 10),
        (4_090, 10),
        (0, 9_000),
        (4_096, 1),
        (5_000, 50_000),
        (90_000, 1),
    ] {
        let mut found = vec![0; len];
        let read = image.read_at(start as u64, &mut found).unwrap();
        let end = whole.len().min(start + len);
        let want = whole.get(start..end).unwrap_or_default();
        assert_eq!(&found[..read], want, "{len} bytes at {start}");
    }
    assert!(Database::open(Arc::new(image)).is_ok());
}
