//! What can be read of a file that was cut or damaged.
//!
//! Every table is walked from its root as far as pages can be read; a child that cannot be leaves a
//! range of row ids that may be lost. Unless a check finds nothing wrong in all of the file, all other
//! pages are looked at: a
//! leaf of a table that no tree leads to and that is not on the freelist (an *orphan*) belongs to the
//! table whose columns its rows have. Overflow pages and trunks of the freelist are never taken for
//! leaves: they begin with a page number, whose first byte is 13 only in files of 800 GB.
//!
//! | damaged | what is done |
//! |---|---|
//! | file header | page size 4096, which all known files have |
//! | schema | the statements that the caller gives; roots are unknown, every leaf is an orphan |
//! | interior page | its leaves are orphans |
//! | leaf, cell | its rows are lost; rows with a row id out of order are, too |
//! | overflow page | the row is there, its long column is not |
//!
//! Orphans may be left over from earlier versions of a table: where a walked leaf has the same row
//! id, it wins. Memory: 8 bytes a leaf and one bit a page.

mod leaf;
mod rows;
mod shape;
mod walk;

use std::ops::RangeInclusive;
use std::sync::Arc;

use shingle::vfs::ReadFile;
use shingle::{Error, ErrorKind, Result};

use super::catalog::{ObjectKind, schema_table};
use super::check::{CheckOptions, FindingKind};
use super::database::Database;
use super::ddl::{DefaultValue, TableDef, parse_table};
use super::header::{self, FileHeader};
use super::node::read_u32;
use super::page_set::PageSet;
use super::pager::{Caching, PageNo, Pager};
use super::table::{Row, Table};
use super::value::Value;
use rows::LeafRows;
use walk::{Walked, walk};

pub use rows::{SalvagedRow, SalvagedRows};

/// Findings of the check that are looked at.
const FINDINGS_MAX: usize = 10_000;
/// Findings that are told.
const NOTES_MAX: usize = 20;

/// The tables of a damaged file, as far as they can be read.
#[derive(Debug)]
pub struct Salvage {
    tables: Vec<SalvagedTable>,
    notes: Vec<String>,
}

/// A table of which leaves were found.
#[derive(Debug)]
pub struct SalvagedTable {
    table: Table,
    walked: Vec<PageNo>,
    orphans: Vec<PageNo>,
    lost: Vec<RangeInclusive<i64>>,
}

impl SalvagedTable {
    /// What the table's statement says; not to be scanned, since its tree may be broken.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Ranges of row ids whose pages were not reached, ascending. Orphans may hold some of them.
    pub fn lost(&self) -> &[RangeInclusive<i64>] {
        &self.lost
    }

    /// Whether rows come from pages that no tree leads to.
    pub fn has_orphans(&self) -> bool {
        !self.orphans.is_empty()
    }

    /// All rows that can be read, by ascending row id.
    pub fn rows(&self) -> SalvagedRows {
        SalvagedRows::new(&self.table, &self.walked, &self.orphans)
    }
}

impl Salvage {
    /// Finds the leaves of the tables named in `wanted`, each with the statement that is taken when
    /// the file's own cannot be read.
    ///
    /// # Errors
    /// `Io` only, and `Invalid` for a statement of the caller's that does not parse.
    ///
    /// # Complexity
    /// Reads every page up to three times.
    pub fn open(file: Arc<dyn ReadFile>, wanted: &[(&str, &str)]) -> Result<Self> {
        let (mut notes, is_sound) = check(&file)?;
        let mut bytes = [0; header::LEN];
        let len = file
            .read_at(0, &mut bytes)
            .map_err(|e| Error::new(ErrorKind::Io, e.to_string()))?;
        let header = match FileHeader::decode(bytes.get(..len).unwrap_or_default()) {
            Ok(header) => header,
            Err(error) => {
                notes.push(format!("the file header cannot be read: {error}"));
                FileHeader::usual()
            }
        };
        let pager = Arc::new(Pager::open_damaged(file, header));
        let expected = pager.header().page_count;
        if let Some(expected) = expected.filter(|expected| *expected > pager.page_count()) {
            let count = pager.page_count();
            notes.push(format!("{count} of {expected} pages are there"));
        }
        let mut finder = Finder {
            claimed: PageSet::new(pager.page_count()),
            pager,
            notes,
            is_sound,
        };
        let tables = finder.tables(wanted)?;
        Ok(Self {
            tables,
            notes: finder.notes,
        })
    }

    /// A table that was asked for.
    pub fn table(&self, name: &str) -> Option<&SalvagedTable> {
        let mut tables = self.tables.iter();
        tables.find(|found| found.table.definition().name.eq_ignore_ascii_case(name))
    }

    /// What is wrong with the file beside its tables.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// A row of the schema.
struct Object {
    name: String,
    root: u32,
    def: Option<TableDef>,
}

/// Looks for leaves.
struct Finder {
    pager: Arc<Pager>,
    claimed: PageSet,
    notes: Vec<String>,
    /// Whether a check of the whole file found nothing.
    is_sound: bool,
}

impl Finder {
    fn tables(&mut self, wanted: &[(&str, &str)]) -> Result<Vec<SalvagedTable>> {
        let (objects, schema_is_lost) = self.schema()?;
        let mut tables = Vec::new();
        for object in &objects {
            let walked = walk(&self.pager, PageNo(object.root), &mut self.claimed)?;
            let is_wanted = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(&object.name);
            let Some((_, statement)) = wanted.iter().find(is_wanted) else {
                continue;
            };
            let usual = default_table(statement)?;
            // A statement with a damaged name is no better than none.
            let def = object.def.as_ref().filter(|def| has_needed(def, &usual));
            let def = def.cloned().unwrap_or(usual);
            tables.push(self.table(def, PageNo(object.root), walked));
        }
        for (name, statement) in wanted {
            let is_found = objects.iter().any(|o| o.name.eq_ignore_ascii_case(name));
            // A table that the schema does not have is older than that table, if the schema is whole.
            if is_found || !schema_is_lost {
                continue;
            }
            let everything = Walked {
                leaves: Vec::new(),
                lost: vec![i64::MIN..=i64::MAX],
            };
            tables.push(self.table(default_table(statement)?, PageNo::FIRST, everything));
        }
        if !self.is_sound {
            self.freelist()?;
            self.orphans(&mut tables)?;
        }
        Ok(tables)
    }

    fn table(&self, def: TableDef, root: PageNo, walked: Walked) -> SalvagedTable {
        SalvagedTable {
            table: Table::new(Arc::clone(&self.pager), Arc::new(def), root),
            walked: walked.leaves,
            orphans: Vec::new(),
            lost: walked.lost,
        }
    }

    /// The tables that the schema names, and whether some of it is lost.
    fn schema(&mut self) -> Result<(Vec<Object>, bool)> {
        let walked = walk(&self.pager, PageNo::FIRST, &mut self.claimed)?;
        let def = Arc::new(schema_table());
        let mut rows = LeafRows::new(&self.pager, &def, walked.leaves.clone());
        let mut objects = Vec::new();
        let mut last = None;
        while rows.fill(last)? {
            last = rows.rowid();
            if let Some(row) = rows.take()
                && let Some(object) = object(row)
            {
                objects.push(object);
            }
        }
        let is_damaged = !walked.lost.is_empty() || rows.broken() > 0;
        if is_damaged {
            let note = "part of the schema is lost: tables are told by the columns of their rows";
            self.notes.push(note.to_owned());
        }
        Ok((objects, is_damaged))
    }

    /// Takes the pages of the freelist, which hold what was deleted.
    fn freelist(&mut self) -> Result<()> {
        let mut trunk = self.pager.header().freelist_head;
        let mut rest = self.pager.header().freelist_count;
        while trunk != 0 && rest > 0 {
            let no = PageNo(trunk);
            if trunk > self.pager.page_count() || !self.claimed.insert(no) {
                break;
            }
            rest -= 1;
            let page = self.pager.page(no, Caching::Pass)?;
            let count = read_u32(&page, 4).unwrap_or_default() as usize;
            for i in 0..count.min(self.pager.usable() / 4 - 2) {
                let free = read_u32(&page, 8 + 4 * i).unwrap_or_default();
                if self.claimed.insert(PageNo(free)) {
                    rest = rest.saturating_sub(1);
                }
            }
            trunk = read_u32(&page, 0).unwrap_or_default();
        }
        if rest > 0 {
            let note = "part of the freelist is lost: rows that were deleted may have come back";
            self.notes.push(note.to_owned());
        }
        Ok(())
    }

    /// Gives every leaf that nobody has taken to the table whose columns its rows have.
    fn orphans(&mut self, tables: &mut [SalvagedTable]) -> Result<()> {
        let mut found: Vec<Vec<(i64, PageNo)>> = vec![Vec::new(); tables.len()];
        for no in 1..=self.pager.page_count() {
            let no = PageNo(no);
            if self.claimed.contains(no) {
                continue;
            }
            let defs = tables.iter().map(|found| found.table.definition());
            if let Some((at, first)) = shape::table_of(&self.pager, no, defs)?
                && let Some(of_table) = found.get_mut(at)
            {
                of_table.push((first, no));
            }
        }
        for (table, mut found) in tables.iter_mut().zip(found) {
            found.sort_unstable_by_key(|(first, no)| (*first, no.0));
            table.orphans = found.into_iter().map(|(_, no)| no).collect();
        }
        Ok(())
    }
}

/// What a check of the file says against its tables, and whether it found anything at all.
fn check(file: &Arc<dyn ReadFile>) -> Result<(Vec<String>, bool)> {
    let options = CheckOptions {
        findings_max: FINDINGS_MAX,
    };
    let opened = Database::open(Arc::clone(file));
    let checked = opened.and_then(|database| Ok((database.check(options)?, database)));
    let (report, database) = match checked {
        Ok(checked) => checked,
        Err(error) if error.kind() == ErrorKind::Io => return Err(error),
        Err(error) => return Ok((vec![format!("the database does not open: {error}")], false)),
    };
    let is_table = |name: &str| {
        let mut objects = database.schema().objects().iter();
        objects.any(|object| object.kind == ObjectKind::Table && object.name == name)
    };
    let told = report.findings.iter().filter(|finding| match finding.kind {
        // An index is made anew, but what it alone names may be a row that is lost.
        FindingKind::EntryWithoutRow => true,
        FindingKind::RowWithoutEntry | FindingKind::EntryOfOtherRow => false,
        _ => is_table(&finding.object),
    });
    let mut notes: Vec<_> = told.map(ToString::to_string).collect();
    let more = notes.len().saturating_sub(NOTES_MAX);
    notes.truncate(NOTES_MAX);
    if more > 0 {
        notes.push(format!("and {more} more findings in tables"));
    }
    Ok((notes, report.is_sound()))
}

/// Whether a table has the columns that rows of all generations fill.
fn has_needed(def: &TableDef, usual: &TableDef) -> bool {
    let mut needed = usual.columns.iter().filter(|column| {
        column.not_null && matches!(column.default, DefaultValue::Value(Value::Null))
    });
    needed.all(|column| def.column(&column.name).is_some())
}

fn default_table(statement: &str) -> Result<TableDef> {
    parse_table(statement).map_err(Error::invalid)
}

/// What a schema row says of a table; nothing for other objects.
fn object(row: &Row) -> Option<Object> {
    let text = |i| row.get(i).ok()?.as_text().map(str::to_owned);
    if text(0)? != "table" {
        return None;
    }
    let Ok(Value::Integer(root)) = row.get(3) else {
        return None;
    };
    let def = text(4).and_then(|sql| parse_table(&sql).ok());
    Some(Object {
        name: text(1)?,
        // A root that is nowhere is one that cannot be read.
        root: u32::try_from(root).unwrap_or_default(),
        def: def.filter(|def| !def.without_rowid),
    })
}
