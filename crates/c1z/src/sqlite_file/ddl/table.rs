//! `CREATE TABLE`: columns in order, the rowid alias, defaults, and the keys that make automatic
//! indexes.

use super::super::value::{Value, whole};
use super::BINARY;
use super::parser::{Parsed, Parser};
use super::token::Token;

/// Most columns that a table may have.
const COLUMNS_MAX: usize = 32_767;

/// A table as its statement describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDef {
    /// Name of the table.
    pub name: String,
    /// Columns in their order in a record.
    pub columns: Vec<Column>,
    /// The column that is the rowid under another name, if there is one.
    pub rowid_alias: Option<usize>,
    /// Columns of the automatic indexes, in the order of their numbers.
    pub unique_keys: Vec<Vec<usize>>,
    /// Whether the table has no rowid. Such a table is not read.
    pub without_rowid: bool,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name as written.
    pub name: String,
    /// Declared type as written, words separated by one space; empty if there is none.
    pub declared_type: String,
    /// What the declared type does to values.
    pub affinity: Affinity,
    /// Whether null is not allowed.
    pub not_null: bool,
    /// Name of the collation.
    pub collation: String,
    /// The value of rows that were written before the column was added.
    pub default: DefaultValue,
    /// Whether the column is computed from others. A table with such a column is not read.
    pub generated: bool,
}

/// The value of a column that a row does not have.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    /// A constant.
    Value(Value<'static>),
    /// An expression, which is not evaluated.
    Expression(String),
}

/// What a declared type does to values that are stored in the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// Prefers text.
    Text,
    /// Prefers numbers.
    Numeric,
    /// Prefers integers.
    Integer,
    /// Makes integers real.
    Real,
    /// Leaves values alone.
    Blob,
}

impl Affinity {
    /// The affinity of a declared type: the first rule that matches wins.
    fn of(declared_type: &str) -> Self {
        let upper = declared_type.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| upper.contains(word));
        if has(&["INT"]) {
            Self::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if upper.is_empty() || has(&["BLOB"]) {
            Self::Blob
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else {
            Self::Numeric
        }
    }
}

impl TableDef {
    /// A table without a column.
    pub(in super::super) fn nameless() -> Self {
        Self {
            name: String::new(),
            columns: Vec::new(),
            rowid_alias: None,
            unique_keys: Vec::new(),
            without_rowid: false,
        }
    }

    /// Position of a column; names are compared without regard to ASCII case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// A `PRIMARY KEY` or `UNIQUE` constraint.
struct Key {
    columns: Vec<usize>,
    primary: bool,
    /// `INTEGER PRIMARY KEY DESC` on the column itself is not the rowid.
    descending: bool,
}

/// Parses a `CREATE TABLE` statement.
pub(in super::super) fn parse_table(text: &str) -> Parsed<TableDef> {
    let mut parser = Parser::new(text)?;
    parser.expect_word("create")?;
    let _ = parser.take_word("temp") || parser.take_word("temporary");
    if parser.at_word("virtual") {
        return Err("virtual table".to_owned());
    }
    parser.expect_word("table")?;
    parser.take_if_not_exists();
    let mut table = TableDef {
        name: parser.qualified_name()?,
        ..TableDef::nameless()
    };
    let keys = body(&mut parser, &mut table)?;
    options(&mut parser, &mut table)?;
    assign_keys(&mut table, keys);
    Ok(table)
}

fn body(parser: &mut Parser<'_>, table: &mut TableDef) -> Parsed<Vec<Key>> {
    const CONSTRAINTS: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];
    let mut keys = Vec::new();
    let mut in_constraints = false;
    parser.expect_symbol('(')?;
    loop {
        in_constraints |= !table.columns.is_empty() && parser.at_any(&CONSTRAINTS);
        if in_constraints {
            table_constraint(parser, table, &mut keys)?;
        } else {
            column(parser, table, &mut keys)?;
        }
        if parser.take_symbol(')') {
            return Ok(keys);
        }
        // Commas between table constraints may be left out.
        if !parser.take_symbol(',') && !in_constraints {
            return Err(parser.missing("a comma"));
        }
    }
}

fn column(parser: &mut Parser<'_>, table: &mut TableDef, keys: &mut Vec<Key>) -> Parsed<()> {
    let position = table.columns.len();
    if position == COLUMNS_MAX {
        return Err(format!("more than {COLUMNS_MAX} columns"));
    }
    let name = parser.name()?;
    let declared_type = declared_type(parser)?;
    table.columns.push(Column {
        name,
        affinity: Affinity::of(&declared_type),
        declared_type,
        not_null: false,
        collation: BINARY.to_owned(),
        default: DefaultValue::Value(Value::Null),
        generated: false,
    });
    if let Some(column) = table.columns.last_mut() {
        while !parser.at_symbol(',') && !parser.at_symbol(')') {
            column_constraint(parser, column, position, keys)?;
        }
    }
    Ok(())
}

const COLUMN_CONSTRAINTS: [&str; 12] = [
    "constraint",
    "primary",
    "not",
    "null",
    "unique",
    "check",
    "default",
    "collate",
    "references",
    "generated",
    "as",
    "on",
];

fn declared_type(parser: &mut Parser<'_>) -> Parsed<String> {
    let mut words: Vec<String> = Vec::new();
    while !parser.at_any(&COLUMN_CONSTRAINTS) {
        match parser.peek() {
            Some(Token::Word(_) | Token::Quoted(_) | Token::Text(_)) => words.push(parser.name()?),
            _ => break,
        }
    }
    let mut declared = words.join(" ");
    if !words.is_empty() && parser.at_symbol('(') {
        declared = format!("{declared}({})", parser.group()?);
    }
    Ok(declared)
}

fn column_constraint(
    parser: &mut Parser<'_>,
    column: &mut Column,
    position: usize,
    keys: &mut Vec<Key>,
) -> Parsed<()> {
    if parser.take_word("constraint") {
        parser.name()?;
        return Ok(());
    }
    if parser.take_word("primary") {
        parser.expect_word("key")?;
        keys.push(Key {
            columns: vec![position],
            primary: true,
            descending: take_order(parser),
        });
        conflict_clause(parser)?;
        parser.take_word("autoincrement");
        return Ok(());
    }
    if parser.take_word("unique") {
        keys.push(Key {
            columns: vec![position],
            primary: false,
            descending: false,
        });
        return conflict_clause(parser);
    }
    if parser.take_word("not") {
        // `NOT DEFERRABLE` belongs to a foreign key.
        if parser.take_word("deferrable") {
            return deferrable(parser);
        }
        parser.expect_word("null")?;
        column.not_null = true;
        return conflict_clause(parser);
    }
    value_constraint(parser, column)
}

/// The constraints that do not make keys.
fn value_constraint(parser: &mut Parser<'_>, column: &mut Column) -> Parsed<()> {
    if parser.take_word("null") {
        return conflict_clause(parser);
    }
    if parser.take_word("default") {
        column.default = default_value(parser, column.affinity)?;
        return Ok(());
    }
    if parser.take_word("collate") {
        column.collation = parser.name()?.to_ascii_uppercase();
        return Ok(());
    }
    if parser.take_word("check") {
        return parser.group().map(drop);
    }
    if parser.take_word("references") {
        return references(parser);
    }
    if parser.take_word("deferrable") {
        return deferrable(parser);
    }
    if parser.take_word("generated") {
        parser.expect_word("always")?;
    }
    parser.expect_word("as")?;
    parser.group()?;
    let _ = parser.take_word("stored") || parser.take_word("virtual");
    column.generated = true;
    Ok(())
}

/// Takes `ASC` or `DESC`; true for the latter.
fn take_order(parser: &mut Parser<'_>) -> bool {
    if parser.take_word("asc") {
        return false;
    }
    parser.take_word("desc")
}

fn conflict_clause(parser: &mut Parser<'_>) -> Parsed<()> {
    if parser.take_word("on") {
        parser.expect_word("conflict")?;
        parser.name()?;
    }
    Ok(())
}

/// What follows `REFERENCES`.
fn references(parser: &mut Parser<'_>) -> Parsed<()> {
    parser.name()?;
    if parser.at_symbol('(') {
        parser.group()?;
    }
    loop {
        if parser.take_word("on") {
            let _ = parser.take_word("delete") || parser.take_word("update");
            if parser.take_word("set") {
                let _ = parser.take_word("null") || parser.take_word("default");
            } else if parser.take_word("no") {
                parser.expect_word("action")?;
            } else {
                let _ = parser.take_word("cascade") || parser.take_word("restrict");
            }
        } else if parser.take_word("match") {
            parser.name()?;
        } else {
            return Ok(());
        }
    }
}

fn deferrable(parser: &mut Parser<'_>) -> Parsed<()> {
    if parser.take_word("initially") {
        parser.name()?;
    }
    Ok(())
}

fn table_constraint(parser: &mut Parser<'_>, table: &TableDef, keys: &mut Vec<Key>) -> Parsed<()> {
    if parser.take_word("constraint") {
        parser.name()?;
        return Ok(());
    }
    let primary = parser.take_word("primary");
    if primary {
        parser.expect_word("key")?;
    }
    if primary || parser.take_word("unique") {
        keys.push(Key {
            columns: key_columns(parser, table)?,
            primary,
            descending: false,
        });
        return conflict_clause(parser);
    }
    if parser.take_word("check") {
        parser.group()?;
        return conflict_clause(parser);
    }
    parser.expect_word("foreign")?;
    parser.expect_word("key")?;
    parser.group()?;
    parser.expect_word("references")?;
    references(parser)?;
    while parser.take_word("not") || parser.take_word("deferrable") {
        deferrable(parser)?;
    }
    Ok(())
}

fn key_columns(parser: &mut Parser<'_>, table: &TableDef) -> Parsed<Vec<usize>> {
    let mut columns = Vec::new();
    parser.expect_symbol('(')?;
    loop {
        let name = parser.name()?;
        let column = table
            .column(&name)
            .ok_or_else(|| format!("key over an unknown column {name}"))?;
        columns.push(column);
        if parser.take_word("collate") {
            return Err("key with a collation".to_owned());
        }
        take_order(parser);
        parser.take_word("autoincrement");
        if parser.take_symbol(')') {
            return Ok(columns);
        }
        parser.expect_symbol(',')?;
    }
}

fn options(parser: &mut Parser<'_>, table: &mut TableDef) -> Parsed<()> {
    while !parser.at_end() {
        if parser.take_word("without") {
            parser.expect_word("rowid")?;
            table.without_rowid = true;
        } else if !parser.take_word("strict") {
            return Err(parser.missing("a table option"));
        }
        parser.take_symbol(',');
    }
    Ok(())
}

/// Decides which key is the rowid and which get automatic indexes: each different list of columns
/// once, in the order of the constraints.
fn assign_keys(table: &mut TableDef, keys: Vec<Key>) {
    for key in keys {
        let sole = match key.columns.as_slice() {
            [column] => table.columns.get(*column),
            _ => None,
        };
        let is_integer = sole.is_some_and(|column| {
            column.declared_type.eq_ignore_ascii_case("integer") && !table.without_rowid
        });
        if key.primary && is_integer && !key.descending {
            table.rowid_alias = key.columns.first().copied();
        } else if !table.unique_keys.contains(&key.columns) {
            table.unique_keys.push(key.columns);
        }
    }
}

fn default_value(parser: &mut Parser<'_>, affinity: Affinity) -> Parsed<DefaultValue> {
    if parser.at_symbol('(') {
        return parser
            .group()
            .map(|text| DefaultValue::Expression(text.to_owned()));
    }
    let negative = parser.take_symbol('-');
    let signed = negative || parser.take_symbol('+');
    let value = match parser.advance() {
        Some(Token::Number(digits)) => number(digits, negative)?,
        Some(Token::Text(text) | Token::Quoted(text)) if !signed => owned_text(&text),
        Some(Token::Blob(digits)) if !signed => blob(digits)?,
        Some(Token::Word(word)) if !signed => match word.to_ascii_lowercase().as_str() {
            "null" => Value::Null,
            "true" => Value::Integer(1),
            "false" => Value::Integer(0),
            "current_time" | "current_date" | "current_timestamp" => {
                return Ok(DefaultValue::Expression(word.to_owned()));
            }
            _ => owned_text(word),
        },
        _ => return Err("a default that is not a literal".to_owned()),
    };
    Ok(DefaultValue::Value(convert(value, affinity)))
}

fn owned_text(text: &str) -> Value<'static> {
    Value::text(text).into_owned()
}

fn number(digits: &str, negative: bool) -> Parsed<Value<'static>> {
    let bad = || format!("a number {digits}");
    if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        let value = u64::from_str_radix(hex, 16)
            .map_err(|_| bad())?
            .cast_signed();
        let value = if negative {
            value.wrapping_neg()
        } else {
            value
        };
        return Ok(Value::Integer(value));
    }
    let text = format!("{}{digits}", if negative { "-" } else { "" });
    if let Ok(value) = text.parse() {
        return Ok(Value::Integer(value));
    }
    text.parse().map(Value::Real).map_err(|_| bad())
}

fn blob(digits: &str) -> Parsed<Value<'static>> {
    let bad = || "an odd blob literal".to_owned();
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return Err(bad());
    }
    let bytes = (0..digits.len())
        .step_by(2)
        .map(|i| {
            digits
                .get(i..i + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(bad)?;
    Ok(Value::blob(&bytes).into_owned())
}

/// Applies an affinity to a constant, as storing it in the column would.
fn convert(value: Value<'static>, affinity: Affinity) -> Value<'static> {
    match (affinity, &value) {
        (Affinity::Text, Value::Integer(number)) => owned_text(&number.to_string()),
        #[expect(
            clippy::cast_precision_loss,
            reason = "the column's own rule: integers become real"
        )]
        (Affinity::Real, Value::Integer(number)) => Value::Real(*number as f64),
        (Affinity::Numeric | Affinity::Integer | Affinity::Real, Value::Text(_)) => {
            match value
                .as_text()
                .map(str::trim)
                .map(|text| number(text, false))
            {
                Some(Ok(Value::Integer(number))) if affinity != Affinity::Real => {
                    Value::Integer(number)
                }
                Some(Ok(number)) => convert(number, affinity),
                _ => value,
            }
        }
        // A whole number is stored as an integer where that is exact.
        (Affinity::Numeric | Affinity::Integer, Value::Real(real)) => {
            whole(*real).map_or(value, Value::Integer)
        }
        _ => value,
    }
}
