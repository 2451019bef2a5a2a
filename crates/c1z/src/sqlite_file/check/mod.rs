//! A walk over all of a file that reports what contradicts the format, instead of stopping at it.
//!
//! Checked are: the place of every cell on every page; the order of keys and the depth of leaves;
//! the length of every overflow chain; that every page belongs to exactly one tree, chain, list or
//! map, and none to nothing; the freelist; pointer maps; that every row can be decoded and has no
//! null where none is allowed; that unique keys are; and that tables and indexes agree both ways.
//!
//! Tables and indexes are compared by sums of hashes over all entries, in one sequential walk each.
//! Where the sums differ a second pass looks for the rows and entries that are wrong. Equal sums of
//! differing contents are possible (two 64-bit hashes) for somebody who seeks them, not for damage.
//!
//! Memory: one bit a page, and a few pages.

mod agreement;
mod lists;
mod pages;
mod tree;

use std::fmt;
use std::sync::Arc;

use shingle::{Error, ErrorKind, Result};

use super::catalog::{Definition, ObjectKind, SchemaObject};
use super::database::Database;
use super::node::{TreeKind, header_offset};
use super::page_set::PageSet;
use super::pager::{Caching, PageNo, Pager};
use pages::Role;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// A page, cell or record contradicts the format.
    Malformed,
    /// A page belongs to two owners, or a tree contains itself.
    Shared,
    /// A page belongs to nothing.
    Unused,
    /// Keys are not in order, or leaves are not at one depth.
    Order,
    /// The freelist is not as long as the header says.
    Freelist,
    /// A pointer map says something else of a page.
    PointerMap,
    /// A column that must not be null is.
    Null,
    /// Two entries of a unique index have one key.
    Duplicate,
    /// An index entry is of a row that does not exist.
    EntryWithoutRow,
    /// An index entry is of a row with other values.
    EntryOfOtherRow,
    /// A row has no entry in an index.
    RowWithoutEntry,
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The table, index or list that is concerned.
    pub object: String,
    /// The page, if one is.
    pub page: Option<u32>,
    /// The rest, for people.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.object)?;
        if let Some(page) = self.page {
            write!(f, "page {page}: ")?;
        }
        f.write_str(&self.detail)
    }
}

/// Settings of a check.
#[derive(Clone, Copy, Debug)]
pub struct CheckOptions {
    /// Findings after which the check stops. Default 100.
    pub findings_max: usize,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { findings_max: 100 }
    }
}

/// What was checked and what was found.
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    /// What contradicts the format; empty for a sound file.
    pub findings: Vec<Finding>,
    /// Whether the check stopped at its limit of findings.
    pub stopped: bool,
    /// Pages of the file.
    pub pages: u32,
    /// Pages on the freelist.
    pub free_pages: u32,
    /// Rows of all tables that could be read.
    pub rows: u64,
    /// Entries of all indexes that could be read.
    pub entries: u64,
    /// Bytes of all rows, entries and separators of sound pages, with what points to them.
    pub cell_bytes: u64,
    /// Bytes after the last page; the format ignores them.
    pub trailing_bytes: u64,
    /// Objects of which only the pages were checked, and why.
    pub opaque: Vec<(String, String)>,
}

impl CheckReport {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Database {
    /// Checks the whole file.
    ///
    /// # Errors
    /// `Io` only: what is wrong with the bytes becomes a finding. (A file whose header or schema
    /// cannot be read does not open in the first place.)
    ///
    /// # Complexity
    /// Reads every page once, and rows and entries once more for those indexes that disagree with
    /// their table.
    pub fn check(&self, options: CheckOptions) -> Result<CheckReport> {
        let Some(pager) = self.pager() else {
            return Ok(CheckReport::default());
        };
        let mut checker = Checker::new(pager, options);
        checker.run(self)?;
        Ok(checker.report)
    }
}

/// The state of one check.
struct Checker<'a> {
    pager: &'a Arc<Pager>,
    pages: PageSet,
    findings_max: usize,
    report: CheckReport,
}

impl<'a> Checker<'a> {
    fn new(pager: &'a Arc<Pager>, options: CheckOptions) -> Self {
        let count = pager.page_count();
        let page_bytes = u64::from(count) * u64::from(pager.header().page_size);
        Self {
            pager,
            pages: PageSet::new(count),
            findings_max: options.findings_max.max(1),
            report: CheckReport {
                pages: count,
                trailing_bytes: pager.file_len().saturating_sub(page_bytes),
                ..CheckReport::default()
            },
        }
    }

    fn run(&mut self, database: &Database) -> Result<()> {
        self.claim_pointer_maps();
        self.walk_schema()?;
        for object in database.schema().objects() {
            if object.kind == ObjectKind::Table && !self.report.stopped {
                self.check_table(database, object)?;
            }
        }
        // Indexes of tables that are not read are walked, not compared.
        for object in database.schema().objects() {
            if object.kind == ObjectKind::Index && !self.report.stopped {
                self.check_lone_index(database, object)?;
            }
        }
        self.walk_freelist()?;
        if !self.report.stopped {
            self.report_unused();
        }
        Ok(())
    }

    /// Walks an object of which nothing but its root is known.
    fn walk_opaque(&mut self, object: &SchemaObject, reason: &str) -> Result<()> {
        let entry = (object.name.clone(), reason.to_owned());
        self.report.opaque.push(entry);
        if object.root_page == 0 {
            return Ok(());
        }
        let no = PageNo(object.root_page);
        let page = self.pager.page(no, Caching::Pass)?;
        let kind = page.get(header_offset(no)).copied().unwrap_or_default();
        let tree = if [5, 13].contains(&kind) {
            TreeKind::Table
        } else {
            TreeKind::Index
        };
        self.walk_pages(&object.name, tree, no)
    }

    /// Records a finding.
    fn find(&mut self, kind: FindingKind, object: &str, page: Option<PageNo>, detail: String) {
        if self.report.findings.len() == self.findings_max {
            self.report.stopped = true;
            return;
        }
        self.report.findings.push(Finding {
            kind,
            object: object.to_owned(),
            page: page.map(|no| no.0),
            detail,
        });
    }

    /// Turns an error about the bytes into a finding; any other goes on.
    fn note<T>(&mut self, object: &str, page: PageNo, result: Result<T>) -> Result<Option<T>> {
        let error: Error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::Unsupported => {
                let detail = error.chain();
                self.find(FindingKind::Malformed, object, Some(page), detail);
                Ok(None)
            }
            _ => Err(error),
        }
    }
}

/// The definition of an object that can be read.
fn table_of(object: &SchemaObject) -> Result<&Arc<super::ddl::TableDef>, &str> {
    match &object.definition {
        Definition::Table(def) => Ok(def),
        Definition::Index(_) => Err("an index"),
        Definition::Opaque(reason) => Err(reason),
    }
}
