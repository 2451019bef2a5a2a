//! Rows, entries, and whether they agree.

use std::sync::Arc;

use shingle::Result;
use xxhash_rust::xxh64::xxh64;

use super::super::catalog::{Definition, SchemaObject, schema_table};
use super::super::database::Database;
use super::super::ddl::{IndexDef, Predicate, TableDef};
use super::super::index::{Index, IndexEntry};
use super::super::node::{Node, TreeKind};
use super::super::pager::PageNo;
use super::super::table::{Row, Table};
use super::super::value::Value;
use super::tree::Visit;
use super::{Checker, FindingKind, table_of};

const SCHEMA: &str = "sqlite_schema";

/// The number of entries and the sums of two hashes of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Digest {
    count: u64,
    sums: [u64; 2],
}

impl Digest {
    /// Adds the entry that `encoded` stands for.
    fn add(&mut self, encoded: &[u8]) {
        self.count += 1;
        for (sum, seed) in self.sums.iter_mut().zip([0, 0x5eed]) {
            *sum = sum.wrapping_add(xxh64(encoded, seed));
        }
    }
}

/// Appends a value so that equal values, and no others, have equal bytes.
fn encode(value: &Value<'_>, out: &mut Vec<u8>) {
    let whole = match value {
        Value::Real(real) => super::super::value::whole(*real),
        Value::Integer(integer) => Some(*integer),
        _ => None,
    };
    match (whole, value) {
        (Some(integer), _) => {
            out.push(1);
            out.extend_from_slice(&integer.to_be_bytes());
        }
        (None, Value::Null | Value::Integer(_)) => out.push(0),
        (None, Value::Real(real)) => {
            out.push(2);
            out.extend_from_slice(&real.to_be_bytes());
        }
        (None, Value::Text(bytes)) => encode_bytes(3, bytes, out),
        (None, Value::Blob(bytes)) => encode_bytes(4, bytes, out),
    }
}

fn encode_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// An index while its table is walked.
struct Compared {
    index: Index,
    rows: Digest,
    entries: Digest,
}

impl Compared {
    /// Whether the index holds `row`; `None` if its condition is not understood.
    fn holds(&self, row: &Row) -> Result<Option<bool>> {
        Ok(match &self.index.definition().predicate {
            Predicate::All => Some(true),
            Predicate::NotNull(i) => Some(!row.get(*i)?.is_null()),
            Predicate::Equals(i, value) => Some(row.get(*i)?.compare(value).is_eq()),
            Predicate::Other(_) => None,
        })
    }

    fn has_known_condition(&self) -> bool {
        !matches!(self.index.definition().predicate, Predicate::Other(_))
    }

    fn add_row(&mut self, row: &Row, scratch: &mut Vec<u8>) -> Result<()> {
        if self.holds(row)? == Some(true) {
            scratch.clear();
            for column in self.index.columns() {
                encode(&row.get(*column)?, scratch);
            }
            encode(&Value::Integer(row.rowid()), scratch);
            self.rows.add(scratch);
        }
        Ok(())
    }
}

impl Checker<'_> {
    pub(super) fn walk_schema(&mut self) -> Result<()> {
        let def = Arc::new(schema_table());
        let rows = self.report.rows;
        self.walk_rows(SCHEMA, &def, PageNo::FIRST, &mut [])?;
        // The schema is not a table of the user's.
        self.report.rows = rows;
        Ok(())
    }

    /// Walks a table and its indexes and compares them.
    pub(super) fn check_table(&mut self, database: &Database, object: &SchemaObject) -> Result<()> {
        let def = match table_of(object) {
            Ok(def) => def,
            Err(reason) => return self.walk_opaque(object, reason),
        };
        let findings = self.report.findings.len();
        let mut compared = Vec::new();
        for name in database.indexes_of(&object.name) {
            // One that cannot be searched is walked later, with the indexes of other tables.
            if let Ok(Some(index)) = database.index(name) {
                compared.push(Compared {
                    index,
                    rows: Digest::default(),
                    entries: Digest::default(),
                });
            }
        }
        self.walk_rows(&object.name, def, PageNo(object.root_page), &mut compared)?;
        for compared in &mut compared {
            self.walk_entries(compared)?;
        }
        // In a broken tree the second pass would only repeat what was found.
        if self.report.findings.len() > findings {
            return Ok(());
        }
        let Some(table) = database.table(&object.name)? else {
            return Ok(());
        };
        for compared in compared {
            if compared.has_known_condition() && compared.rows != compared.entries {
                let explained = self.explain(&table, &compared);
                let index = &compared.index;
                self.note(&index.definition().name, index.root(), explained)?;
            }
        }
        Ok(())
    }

    /// Walks an index that was not compared with a table.
    pub(super) fn check_lone_index(
        &mut self,
        database: &Database,
        object: &SchemaObject,
    ) -> Result<()> {
        if database.index(&object.name).is_ok() {
            return Ok(());
        }
        match &object.definition {
            Definition::Opaque(reason) => self.walk_opaque(object, &reason.clone()),
            _ => self.walk_opaque(object, "an index in another order"),
        }
    }

    fn walk_rows(
        &mut self,
        object: &str,
        def: &Arc<TableDef>,
        root: PageNo,
        compared: &mut [Compared],
    ) -> Result<()> {
        let mut rows = RowCheck {
            row: Row::empty(self.pager, def),
            bound: None,
            scratch: Vec::new(),
        };
        self.walk_tree(object, TreeKind::Table, root, &mut |checker, visit| {
            match visit {
                Visit::Separator(node, rowid) => rows.separator(checker, object, node, rowid),
                Visit::Entry(node, i) => {
                    let seen = rows.row(checker, object, node, i, compared);
                    checker.note(object, node.no(), seen)?;
                }
            }
            Ok(())
        })
    }

    fn walk_entries(&mut self, compared: &mut Compared) -> Result<()> {
        let index = compared.index.clone();
        let mut check = EntryCheck {
            entry: IndexEntry::empty(self.pager, index.columns().len()),
            before: IndexEntry::empty(self.pager, index.columns().len()),
            is_first: true,
            scratch: Vec::new(),
        };
        let def = index.definition();
        let root = index.root();
        self.walk_tree(&def.name, TreeKind::Index, root, &mut |checker, visit| {
            if let Visit::Entry(node, i) = visit {
                let seen = check.entry(checker, def, node, i, &mut compared.entries);
                checker.note(&def.name, node.no(), seen)?;
            }
            Ok(())
        })
    }

    /// Looks for the rows and entries that do not agree.
    fn explain(&mut self, table: &Table, compared: &Compared) -> Result<()> {
        let before = self.report.findings.len();
        let index = &compared.index;
        let name = &index.definition().name;
        let mut lookup = table.lookup();
        let mut entries = index.seek(&[])?;
        while let Some(entry) = entries.next()? {
            if self.report.stopped {
                return Ok(());
            }
            let row = lookup.row(entry.rowid())?;
            let wrong = match row {
                Some(row) => !agree(compared, row, entry)?,
                None => true,
            };
            if wrong {
                let (kind, what) = if row.is_some() {
                    (FindingKind::EntryOfOtherRow, "has other values")
                } else {
                    (FindingKind::EntryWithoutRow, "does not exist")
                };
                let detail = format!("an entry for row {}, which {what}", entry.rowid());
                self.find(kind, name, None, detail);
            }
        }
        let mut rows = table.scan(..);
        while let Some(row) = rows.next()? {
            if self.report.stopped {
                return Ok(());
            }
            if compared.holds(row)? == Some(true) && !has_entry(index, row)? {
                let detail = format!("no entry for row {}", row.rowid());
                self.find(FindingKind::RowWithoutEntry, name, None, detail);
            }
        }
        if self.report.findings.len() == before {
            let (entries, rows) = (compared.entries.count, compared.rows.count);
            let detail = format!("{entries} entries for {rows} rows, of other contents");
            self.find(FindingKind::EntryWithoutRow, name, None, detail);
        }
        Ok(())
    }
}

/// Whether an entry says of a row what the row says.
fn agree(compared: &Compared, row: &Row, entry: &IndexEntry) -> Result<bool> {
    if compared.holds(row)? != Some(true) {
        return Ok(false);
    }
    for (i, column) in compared.index.columns().iter().enumerate() {
        if entry.get(i)?.compare(&row.get(*column)?).is_ne() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn has_entry(index: &Index, row: &Row) -> Result<bool> {
    let mut key = Vec::with_capacity(index.columns().len() + 1);
    for column in index.columns() {
        key.push(row.get(*column)?);
    }
    key.push(Value::Integer(row.rowid()));
    Ok(index.seek(&key)?.next()?.is_some())
}

/// The state of a walk over rows.
struct RowCheck {
    row: Row,
    /// The last rowid or separator.
    bound: Option<i64>,
    scratch: Vec<u8>,
}

impl RowCheck {
    fn separator(&mut self, checker: &mut Checker<'_>, object: &str, node: &Node, rowid: i64) {
        if self.bound.is_some_and(|bound| rowid < bound) {
            let detail = format!("separator {rowid} after rowid {:?}", self.bound);
            checker.find(FindingKind::Order, object, Some(node.no()), detail);
        }
        self.bound = Some(rowid);
    }

    fn row(
        &mut self,
        checker: &mut Checker<'_>,
        object: &str,
        node: &Node,
        i: usize,
        compared: &mut [Compared],
    ) -> Result<()> {
        self.row.load(node, i)?;
        let rowid = self.row.rowid();
        if self.bound.is_some_and(|bound| rowid <= bound) {
            let detail = format!("rowid {rowid} after {:?}", self.bound);
            checker.find(FindingKind::Order, object, Some(node.no()), detail);
        }
        self.bound = Some(rowid);
        checker.report.rows += 1;
        for (column, def) in self.row.columns().iter().enumerate() {
            if def.not_null && self.row.get(column)?.is_null() {
                let detail = format!("null in column {} of row {rowid}", def.name);
                checker.find(FindingKind::Null, object, Some(node.no()), detail);
            }
        }
        for compared in compared {
            compared.add_row(&self.row, &mut self.scratch)?;
        }
        Ok(())
    }
}

/// The state of a walk over index entries.
struct EntryCheck {
    entry: IndexEntry,
    before: IndexEntry,
    is_first: bool,
    scratch: Vec<u8>,
}

impl EntryCheck {
    fn entry(
        &mut self,
        checker: &mut Checker<'_>,
        def: &IndexDef,
        node: &Node,
        i: usize,
        digest: &mut Digest,
    ) -> Result<()> {
        std::mem::swap(&mut self.entry, &mut self.before);
        let is_first = std::mem::replace(&mut self.is_first, true);
        self.entry.load(node, i)?;
        // After an entry that cannot be read there is nothing to compare with.
        self.is_first = false;
        checker.report.entries += 1;
        let values = self.entry.values()?;
        if !is_first {
            let order = self.before.compare(&values)?;
            let same_key = order.is_ne() && def.unique && self.same_key(&values)?;
            if order.is_ge() {
                let detail = format!("the entry of row {} is not in order", self.entry.rowid());
                checker.find(FindingKind::Order, &def.name, Some(node.no()), detail);
            } else if same_key {
                let (a, b) = (self.before.rowid(), self.entry.rowid());
                let detail = format!("rows {a} and {b} have one key");
                checker.find(FindingKind::Duplicate, &def.name, Some(node.no()), detail);
            }
        }
        self.scratch.clear();
        for value in &values {
            encode(value, &mut self.scratch);
        }
        digest.add(&self.scratch);
        Ok(())
    }

    /// Whether the entry before has the same key, without a null in it.
    fn same_key(&self, values: &[Value<'_>]) -> Result<bool> {
        let key = values.get(..values.len() - 1).unwrap_or_default();
        let has_null = key.iter().any(Value::is_null);
        Ok(!has_null && self.before.compare(key)?.is_eq())
    }
}
