//! `CREATE INDEX`: key columns in order, and the condition of a partial index.

use super::super::value::Value;
use super::BINARY;
use super::parser::{Parsed, Parser};
use super::table::{Affinity, TableDef};
use super::token::{Token, split};

/// An index as its statement describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexDef {
    /// Name of the index.
    pub name: String,
    /// Name of its table.
    pub table: String,
    /// Whether two rows with the same key are not allowed (keys with a null excepted).
    pub unique: bool,
    /// Key columns in order. In the file each key is followed by the rowid.
    pub columns: Vec<IndexColumn>,
    /// Which rows the index holds.
    pub predicate: Predicate,
}

/// A column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexColumn {
    /// What is indexed.
    pub key: IndexKey,
    /// Name of the collation.
    pub collation: String,
    /// Whether the order is descending.
    pub descending: bool,
}

/// What a column of a key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexKey {
    /// A column of the table, by position.
    Column(usize),
    /// An expression, which is not evaluated.
    Expression(String),
}

/// The condition of a partial index.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// No condition: the index holds every row.
    All,
    /// Rows whose column is not null.
    NotNull(usize),
    /// Rows whose column equals a constant.
    Equals(usize, Value<'static>),
    /// A condition that is not evaluated.
    Other(String),
}

impl IndexDef {
    /// The key's columns if all of them are plain columns in ascending binary order: the order
    /// that this crate can search and build.
    pub fn plain_columns(&self) -> Option<Vec<usize>> {
        self.columns
            .iter()
            .map(|column| match column.key {
                IndexKey::Column(position) if !column.descending && column.collation == BINARY => {
                    Some(position)
                }
                _ => None,
            })
            .collect()
    }

    /// The automatic index over `columns` of `table`.
    pub(in super::super) fn automatic(name: &str, table: &TableDef, columns: &[usize]) -> Self {
        let columns = columns
            .iter()
            .map(|&position| IndexColumn {
                key: IndexKey::Column(position),
                collation: column_collation(table, position),
                descending: false,
            })
            .collect();
        Self {
            name: name.to_owned(),
            table: table.name.clone(),
            unique: true,
            columns,
            predicate: Predicate::All,
        }
    }
}

fn column_collation(table: &TableDef, position: usize) -> String {
    table
        .columns
        .get(position)
        .map_or_else(|| BINARY.to_owned(), |column| column.collation.clone())
}

/// Whether a statement starts like one that makes an index.
pub(in super::super) fn makes_index(text: &str) -> bool {
    Parser::new(text).is_ok_and(|mut parser| {
        let created = parser.take_word("create");
        parser.take_word("unique");
        created && parser.at_word("index")
    })
}

/// Parses a `CREATE INDEX` statement; `table` finds the table by its name.
pub(in super::super) fn parse_index<'t>(
    text: &str,
    table: impl Fn(&str) -> Option<&'t TableDef>,
) -> Parsed<IndexDef> {
    let mut parser = Parser::new(text)?;
    parser.expect_word("create")?;
    let unique = parser.take_word("unique");
    parser.expect_word("index")?;
    parser.take_if_not_exists();
    let name = parser.qualified_name()?;
    parser.expect_word("on")?;
    let on = parser.name()?;
    let table = table(&on).ok_or_else(|| format!("an index on {on}, which is not read"))?;
    parser.expect_symbol('(')?;
    let mut columns = vec![column(&mut parser, table)?];
    while parser.take_symbol(',') {
        columns.push(column(&mut parser, table)?);
    }
    parser.expect_symbol(')')?;
    let predicate = if parser.take_word("where") {
        predicate(parser.rest(), table)
    } else {
        Predicate::All
    };
    if !parser.at_end() {
        return Err(parser.missing("the end"));
    }
    Ok(IndexDef {
        name,
        table: table.name.clone(),
        unique,
        columns,
        predicate,
    })
}

fn column(parser: &mut Parser<'_>, table: &TableDef) -> Parsed<IndexColumn> {
    let (text, _) = parser.skip_element()?;
    let mut tokens = split(text)?.into_iter().map(|spanned| spanned.token);
    let name = match tokens.next() {
        Some(Token::Word(name)) => Some(name.to_owned()),
        Some(Token::Quoted(name) | Token::Text(name)) => Some(name.into_owned()),
        _ => None,
    };
    let position = name.and_then(|name| table.column(&name));
    let rest: Vec<Token<'_>> = tokens.collect();
    let Some((position, (collation, descending))) = position.zip(modifiers(&rest)) else {
        return Ok(IndexColumn {
            key: IndexKey::Expression(text.to_owned()),
            collation: BINARY.to_owned(),
            descending: false,
        });
    };
    Ok(IndexColumn {
        key: IndexKey::Column(position),
        collation: collation.unwrap_or_else(|| column_collation(table, position)),
        descending,
    })
}

/// `COLLATE name` and `ASC` or `DESC` after a column; `None` if anything else follows it.
fn modifiers(tokens: &[Token<'_>]) -> Option<(Option<String>, bool)> {
    let is = |token: &Token<'_>, word: &str| match token {
        Token::Word(found) => found.eq_ignore_ascii_case(word),
        _ => false,
    };
    let (collation, order) = match tokens {
        [collate, Token::Word(name), order @ ..] if is(collate, "collate") => {
            (Some(name.to_ascii_uppercase()), order)
        }
        [collate, Token::Quoted(name), order @ ..] if is(collate, "collate") => {
            (Some(name.to_ascii_uppercase()), order)
        }
        order => (None, order),
    };
    match order {
        [] => Some((collation, false)),
        [word] if is(word, "asc") => Some((collation, false)),
        [word] if is(word, "desc") => Some((collation, true)),
        _ => None,
    }
}

/// Understands the two conditions that the known schemas use.
fn predicate(text: &str, table: &TableDef) -> Predicate {
    simple_predicate(text, table).unwrap_or_else(|| Predicate::Other(text.to_owned()))
}

fn simple_predicate(text: &str, table: &TableDef) -> Option<Predicate> {
    let tokens: Vec<Token<'_>> = split(text)
        .ok()?
        .into_iter()
        .map(|spanned| spanned.token)
        .collect();
    let (first, rest) = tokens.split_first()?;
    let column = match first {
        Token::Word(name) => table.column(name)?,
        Token::Quoted(name) => table.column(name)?,
        _ => return None,
    };
    match rest {
        [Token::Word(is), Token::Word(not), Token::Word(null)]
            if is.eq_ignore_ascii_case("is")
                && not.eq_ignore_ascii_case("not")
                && null.eq_ignore_ascii_case("null") =>
        {
            Some(Predicate::NotNull(column))
        }
        [Token::Symbol('='), literal] => equals(column, literal, table),
        _ => None,
    }
}

/// `column = literal`, unless the comparison would convert the literal first.
fn equals(position: usize, literal: &Token<'_>, table: &TableDef) -> Option<Predicate> {
    let column = table.columns.get(position)?;
    let value = match (literal, column.affinity) {
        (Token::Number(digits), Affinity::Integer | Affinity::Numeric) => {
            Value::Integer(digits.parse().ok()?)
        }
        (Token::Text(text), Affinity::Text) if column.collation == BINARY => Value::text(text),
        _ => return None,
    };
    Some(Predicate::Equals(position, value.into_owned()))
}
