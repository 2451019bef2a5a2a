//! The schema: the rows of `sqlite_schema`, with their statements parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shingle::{Error, ErrorKind, Result};

use super::ddl::{IndexDef, TableDef, parse_index, parse_table};
use super::pager::{PageNo, Pager};
use super::table::Rows;
use super::value::Value;

const STRUCTURE: &str = "sqlite schema row";

/// Most objects that a schema may hold.
const OBJECTS_MAX: usize = 10_000;
/// Most bytes of statements that are kept.
const TEXT_LEN_MAX: usize = 16 << 20;

/// What kind of object a schema row describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A table, perhaps virtual.
    Table,
    /// An index.
    Index,
    /// A view.
    View,
    /// A trigger.
    Trigger,
}

impl ObjectKind {
    /// The word in the schema row.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Index => "index",
            Self::View => "view",
            Self::Trigger => "trigger",
        }
    }
}

/// One row of the schema.
#[derive(Clone, Debug)]
pub struct SchemaObject {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// The table it belongs to; its own name for a table.
    pub table_name: String,
    /// Root page of its b-tree; 0 if it has none.
    pub root_page: u32,
    /// The statement that made it; none for automatic indexes.
    pub sql: Option<String>,
    pub(super) definition: Definition,
}

/// What is known of an object.
#[derive(Clone, Debug)]
pub(super) enum Definition {
    Table(Arc<TableDef>),
    Index(Arc<IndexDef>),
    /// It cannot be read, for this reason.
    Opaque(String),
}

/// All objects of a database, in the order of their rows.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    objects: Vec<SchemaObject>,
}

impl Schema {
    /// The objects in the order in which they were created.
    pub fn objects(&self) -> &[SchemaObject] {
        &self.objects
    }

    /// The object of the given kind; names are compared without regard to ASCII case.
    pub(super) fn find(&self, kind: ObjectKind, name: &str) -> Option<&SchemaObject> {
        self.objects
            .iter()
            .find(|object| object.kind == kind && object.name.eq_ignore_ascii_case(name))
    }

    /// The indexes of a table.
    pub(super) fn indexes<'a>(
        &'a self,
        table: &'a str,
    ) -> impl Iterator<Item = &'a SchemaObject> + 'a {
        self.objects.iter().filter(move |object| {
            object.kind == ObjectKind::Index && object.table_name.eq_ignore_ascii_case(table)
        })
    }

    /// Reads the schema of `pager`'s database.
    pub(super) fn read(pager: &Arc<Pager>) -> Result<Self> {
        let mut objects = read_objects(pager)?;
        let tables = define_tables(&mut objects);
        define_indexes(&mut objects, &tables);
        Ok(Self { objects })
    }
}

/// The table that holds the schema.
pub(super) fn schema_table() -> TableDef {
    let sql = "CREATE TABLE sqlite_schema(type text, name text, tbl_name text, \
               rootpage int, sql text)";
    parse_table(sql).unwrap_or_else(|_| TableDef::nameless())
}

fn read_objects(pager: &Arc<Pager>) -> Result<Vec<SchemaObject>> {
    let mut rows = Rows::all(pager, &Arc::new(schema_table()), PageNo::FIRST);
    let mut objects: Vec<SchemaObject> = Vec::new();
    let mut names = BTreeSet::new();
    let mut text_len = 0;
    while let Some(row) = rows.next()? {
        let object = object(pager, &SchemaRow(row))?;
        text_len += object.sql.as_ref().map_or(0, String::len);
        if objects.len() == OBJECTS_MAX || text_len > TEXT_LEN_MAX {
            let message =
                format!("schema beyond its limit objects=`{OBJECTS_MAX}` bytes=`{TEXT_LEN_MAX}`");
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        if !names.insert((object.kind.name(), object.name.to_ascii_lowercase())) {
            let found = format!("a second {} {}", object.kind.name(), object.name);
            return Err(SchemaRow(row).corrupt(pager, "different names", found));
        }
        objects.push(object);
    }
    Ok(objects)
}

struct SchemaRow<'a>(&'a super::table::Row);

impl SchemaRow<'_> {
    fn text(&self, pager: &Pager, i: usize, what: &str) -> Result<String> {
        let value = self.0.get(i)?;
        value
            .as_text()
            .map(str::to_owned)
            .ok_or_else(|| self.corrupt(pager, format_args!("{what}: text"), value.type_name()))
    }

    fn corrupt(
        &self,
        pager: &Pager,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Error {
        let (page, at) = self.0.place();
        pager.corrupt(STRUCTURE, page, at, expected, found)
    }
}

fn object(pager: &Pager, row: &SchemaRow<'_>) -> Result<SchemaObject> {
    let kind = match row.text(pager, 0, "type")?.as_str() {
        "table" => ObjectKind::Table,
        "index" => ObjectKind::Index,
        "view" => ObjectKind::View,
        "trigger" => ObjectKind::Trigger,
        other => {
            let expected = "type: table, index, view or trigger";
            return Err(row.corrupt(pager, expected, other.escape_debug()));
        }
    };
    let sql = match row.0.get(4)? {
        Value::Null => None,
        _ => Some(row.text(pager, 4, "sql")?),
    };
    Ok(SchemaObject {
        kind,
        name: row.text(pager, 1, "name")?,
        table_name: row.text(pager, 2, "table name")?,
        root_page: root_page(pager, row, kind)?,
        sql,
        definition: Definition::Opaque(format!("a {} is not read", kind.name())),
    })
}

fn root_page(pager: &Pager, row: &SchemaRow<'_>, kind: ObjectKind) -> Result<u32> {
    let value = row.0.get(3)?;
    let max = i64::from(pager.page_count());
    let has_none = match kind {
        ObjectKind::Table | ObjectKind::Index => false,
        ObjectKind::View | ObjectKind::Trigger => true,
    };
    match value {
        Value::Integer(no) if no == 0 || (2..=max).contains(&no) => {
            Ok(u32::try_from(no).unwrap_or_default())
        }
        Value::Null if has_none => Ok(0),
        other => {
            let expected = format!("root page: 0 or from 2 to {max}");
            Err(row.corrupt(pager, expected, format_args!("{other:?}")))
        }
    }
}

fn define_tables(objects: &mut [SchemaObject]) -> BTreeMap<String, Arc<TableDef>> {
    let mut tables = BTreeMap::new();
    for object in objects {
        if object.kind != ObjectKind::Table {
            continue;
        }
        match table_definition(object) {
            Ok(table) => {
                let table = Arc::new(table);
                tables.insert(object.name.to_ascii_lowercase(), Arc::clone(&table));
                object.definition = Definition::Table(table);
            }
            Err(reason) => object.definition = Definition::Opaque(reason),
        }
    }
    tables
}

fn table_definition(object: &SchemaObject) -> Result<TableDef, String> {
    let sql = object.sql.as_deref().ok_or("a table without statement")?;
    let table = parse_table(sql)?;
    if object.root_page == 0 {
        return Err("a table without root page".to_owned());
    }
    if table.without_rowid {
        return Err("a table without rowid".to_owned());
    }
    if table.columns.iter().any(|column| column.generated) {
        return Err("a table with generated columns".to_owned());
    }
    Ok(table)
}

fn define_indexes(objects: &mut [SchemaObject], tables: &BTreeMap<String, Arc<TableDef>>) {
    for object in objects {
        if object.kind == ObjectKind::Index {
            object.definition = match index_definition(object, tables) {
                Ok(index) => Definition::Index(Arc::new(index)),
                Err(reason) => Definition::Opaque(reason),
            };
        }
    }
}

fn index_definition(
    object: &SchemaObject,
    tables: &BTreeMap<String, Arc<TableDef>>,
) -> Result<IndexDef, String> {
    if object.root_page == 0 {
        return Err("an index without root page".to_owned());
    }
    let table = |name: &str| tables.get(&name.to_ascii_lowercase()).map(Arc::as_ref);
    if let Some(sql) = &object.sql {
        return parse_index(sql, table);
    }
    let table = table(&object.table_name).ok_or("an index of a table that is not read")?;
    // `sqlite_autoindex_TABLE_N` is the N-th key of its table.
    let columns = object
        .name
        .rsplit_once('_')
        .and_then(|(_, number)| number.parse::<usize>().ok())
        .and_then(|number| table.unique_keys.get(number.checked_sub(1)?))
        .ok_or("an index without statement")?;
    Ok(IndexDef::automatic(&object.name, table, columns))
}
