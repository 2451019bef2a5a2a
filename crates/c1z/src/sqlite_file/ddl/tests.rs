use super::super::value::Value;
use super::*;

fn table(text: &str) -> TableDef {
    match parse_table(text) {
        Ok(table) => table,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn column_names(table: &TableDef) -> Vec<&str> {
    table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect()
}

#[test]
fn comments_and_spellings_of_names_are_understood() {
    let table = table(
        "create temp table if not exists main.\"a \"\"b\"\"\" ( -- the first\n\
         [x y] integer primary key /* rowid ) */, `z` text,\t'q' blob)",
    );
    assert_eq!(table.name, "a \"b\"");
    assert_eq!(column_names(&table), ["x y", "z", "q"]);
    assert_eq!(table.rowid_alias, Some(0));
    assert!(table.unique_keys.is_empty());
}

#[test]
fn defaults_are_converted_as_storing_them_would() {
    let table = table(
        "CREATE TABLE t (a text not null default 'it''s', b integer default -7, \
         c real default 3, d text default 5, e default x'00fF', f int default '12', \
         g text default null, h default +1.5, i int default true, j default 0x10, \
         k datetime default '2026-01-01', l default (1 + 2), m default current_timestamp, \
         n text, o numeric default '1e2', p int default 99999999999999999999)",
    );
    let value = |i: usize| match &table.columns[i].default {
        DefaultValue::Value(value) => value.clone(),
        DefaultValue::Expression(text) => panic!("expression {text}"),
    };
    assert_eq!(value(0), Value::text("it's"));
    assert!(table.columns[0].not_null);
    assert_eq!(value(1), Value::Integer(-7));
    assert_eq!(value(2), Value::Real(3.0));
    assert_eq!(value(3), Value::text("5"));
    assert_eq!(value(4), Value::blob(&[0, 0xff]));
    assert_eq!(value(5), Value::Integer(12));
    assert_eq!(value(6), Value::Null);
    assert_eq!(value(7), Value::Real(1.5));
    assert_eq!(value(8), Value::Integer(1));
    assert_eq!(value(9), Value::Integer(16));
    assert_eq!(value(10), Value::text("2026-01-01"));
    assert_eq!(
        table.columns[11].default,
        DefaultValue::Expression("1 + 2".into())
    );
    assert_eq!(
        table.columns[12].default,
        DefaultValue::Expression("current_timestamp".into())
    );
    assert_eq!(value(13), Value::Null);
    assert_eq!(value(14), Value::Integer(100));
    assert_eq!(value(15), Value::Real(99_999_999_999_999_999_999.0));
}

#[test]
fn the_first_matching_rule_gives_the_affinity() {
    let table = table(
        "CREATE TABLE t (a INTEGER, b VARCHAR(10, 2), c, d BLOB, e DOUBLE PRECISION, f datetime, \
         g charint, h floating point, i \"unsigned big int\")",
    );
    let found: Vec<Affinity> = table.columns.iter().map(|column| column.affinity).collect();
    let want = [
        Affinity::Integer,
        Affinity::Text,
        Affinity::Blob,
        Affinity::Blob,
        Affinity::Real,
        Affinity::Numeric,
        Affinity::Integer,
        Affinity::Integer,
        Affinity::Integer,
    ];
    assert_eq!(found, want);
    assert_eq!(table.columns[1].declared_type, "VARCHAR(10, 2)");
    assert_eq!(table.columns[4].declared_type, "DOUBLE PRECISION");
}

#[test]
fn the_rowid_has_an_alias_only_where_the_format_says_so() {
    let cases = [
        ("a integer primary key", Some(0), 0),
        ("a INTEGER PRIMARY KEY ASC AUTOINCREMENT", Some(0), 0),
        ("a integer primary key desc", None, 1),
        ("a int primary key", None, 1),
        ("a text, b integer, primary key (b)", Some(1), 0),
        ("a text, b integer, primary key (b desc)", Some(1), 0),
        ("a text, b integer, primary key (b, a)", None, 1),
        (
            "a text unique, b unique, c, unique (a), constraint x unique (c, b)",
            None,
            3,
        ),
        (
            "a text primary key on conflict replace, unique (a)",
            None,
            1,
        ),
    ];
    for (columns, alias, keys) in cases {
        let table = table(&format!("CREATE TABLE t ({columns})"));
        assert_eq!(table.rowid_alias, alias, "{columns}");
        assert_eq!(table.unique_keys.len(), keys, "{columns}");
    }
}

#[test]
fn constraints_are_stepped_over() {
    let table = table(
        "CREATE TABLE t (a constraint n1 not null on conflict abort check (a > (1)) \
         collate nocase references other (x, y) on delete set null on update no action \
         match full not deferrable initially deferred, b text check (b in ('(', ')')), \
         c int generated always as (a + 1) stored, d as (c), \
         constraint fk foreign key (a) references o on delete cascade, \
         check (a <> b)) without rowid, strict",
    );
    assert_eq!(column_names(&table), ["a", "b", "c", "d"]);
    assert_eq!(table.columns[0].collation, "NOCASE");
    let generated: Vec<bool> = table
        .columns
        .iter()
        .map(|column| column.generated)
        .collect();
    assert_eq!(generated, [false, false, true, true]);
    assert!(table.without_rowid);
}

#[test]
fn what_is_not_understood_is_an_error() {
    for text in [
        "",
        "CREATE",
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "CREATE TABLE t",
        "CREATE TABLE t (",
        "CREATE TABLE t (a",
        "CREATE TABLE t (a,",
        "CREATE TABLE t ()",
        "CREATE TABLE t (a default)",
        "CREATE TABLE t (a default -'x')",
        "CREATE TABLE t (a default x'0')",
        "CREATE TABLE t (a default x'é')",
        "CREATE TABLE t (a check (1)",
        "CREATE TABLE t (a) unknown",
        "CREATE TABLE t (a, unique (b))",
        "CREATE TABLE t (a text 'unfinished)",
        "CREATE TABLE t (a /* unfinished)",
        "CREATE TABLE t (a [unfinished)",
        "CREATE TABLE t (1)",
    ] {
        assert!(parse_table(text).is_err(), "{text}");
    }
    let long = format!("CREATE TABLE t (a) -- {}", " ".repeat(TEXT_LEN_MAX));
    assert!(parse_table(&long).is_err());
}

fn grants() -> TableDef {
    table(
        "CREATE TABLE g (id integer primary key, s text, e blob, n integer, c text collate nocase)",
    )
}

fn named<'t>(table: &'t TableDef) -> impl Fn(&str) -> Option<&'t TableDef> {
    move |name: &str| name.eq_ignore_ascii_case(&table.name).then_some(table)
}

fn index(text: &str) -> IndexDef {
    match parse_index(text, named(&grants())) {
        Ok(index) => index,
        Err(error) => panic!("{text}: {error}"),
    }
}

#[test]
fn index_columns_are_positions() {
    let found = index("CREATE UNIQUE INDEX IF NOT EXISTS main.i ON G (\"S\", n ASC, id)");
    assert!(found.unique);
    assert_eq!(found.name, "i");
    assert_eq!(found.plain_columns(), Some(vec![1, 3, 0]));
    assert_eq!(found.predicate, Predicate::All);
}

#[test]
fn other_orders_are_not_plain() {
    for columns in [
        "s desc",
        "s collate nocase",
        "c",
        "lower(s)",
        "s || n",
        "n + 1, s",
    ] {
        let found = index(&format!("CREATE INDEX i ON g ({columns})"));
        assert_eq!(found.plain_columns(), None, "{columns}");
    }
    let found = index("CREATE INDEX i ON g (c collate binary, s collate \"BINARY\" asc)");
    assert_eq!(found.plain_columns(), Some(vec![4, 1]));
}

#[test]
fn conditions_of_the_known_schemas_are_understood() {
    let cases = [
        ("e is NOT null", Predicate::NotNull(2)),
        ("n = 1", Predicate::Equals(3, Value::Integer(1))),
        ("s = 'x'", Predicate::Equals(1, Value::text("x"))),
        // Comparing these would convert a value or fold case first.
        ("s = 1", Predicate::Other("s = 1".into())),
        ("n = '1'", Predicate::Other("n = '1'".into())),
        ("c = 'x'", Predicate::Other("c = 'x'".into())),
        (
            "n = 1 and s = 'x'",
            Predicate::Other("n = 1 and s = 'x'".into()),
        ),
        ("n > 1", Predicate::Other("n > 1".into())),
    ];
    for (condition, want) in cases {
        let found = index(&format!("CREATE INDEX i ON g (s) WHERE {condition}"));
        assert_eq!(found.predicate, want, "{condition}");
    }
}

#[test]
fn bad_indexes_are_errors() {
    for text in [
        "CREATE INDEX i ON other (s)",
        "CREATE INDEX i ON g",
        "CREATE INDEX i ON g (s",
        "CREATE INDEX i ON g (s) unknown",
        "CREATE TABLE i (s)",
    ] {
        assert!(parse_index(text, named(&grants())).is_err(), "{text}");
    }
}
