//! A table of a file, read as this version knows it.

use std::marker::PhantomData;

use super::cell::{Absent, Cells, ColumnSpec};
use super::{Assets, Entitlements, Grants, ResourceTypes, Resources, Sessions, SyncRuns};
use crate::sqlite_file::{Database, Row, Table};
use crate::{Error, ErrorKind, Result};

/// What is known of a table: its name, its columns, how a row is read.
pub trait V1Table {
    /// A row. Borrows from the page it stands on, unless it continues on others.
    type Row<'a>;
    /// The table's name.
    const NAME: &'static str;
    /// The columns, in the order of the newest generation.
    const COLUMNS: &'static [ColumnSpec];

    /// Reads a row.
    ///
    /// # Errors
    /// `DataLoss` for a cell that does not hold what its column is for.
    fn read<'a>(cells: &Cells<'a>) -> Result<Self::Row<'a>>;
}

/// A table of an open file.
#[derive(Clone, Debug)]
pub struct TypedTable<T> {
    table: Table,
    /// Where each column of [`V1Table::COLUMNS`] is; none: the file is too old to have it.
    positions: Vec<Option<usize>>,
    of: PhantomData<T>,
}

impl<T: V1Table> TypedTable<T> {
    /// The table, if the file has it.
    ///
    /// # Errors
    /// `DataLoss` for a table without a column that every generation has, `Unsupported` for one that is
    /// no plain table.
    pub fn open(database: &Database) -> Result<Option<Self>> {
        let table = database.table(T::NAME)?;
        table.map(Self::of).transpose()
    }

    /// The table, whatever file it is of.
    ///
    /// # Errors
    /// `DataLoss` for a table without a column that every generation has.
    pub fn of(table: Table) -> Result<Self> {
        let positions: Vec<_> = T::COLUMNS
            .iter()
            .map(|column| table.column(column.name))
            .collect();
        let lost = T::COLUMNS
            .iter()
            .zip(&positions)
            .find(|(column, position)| position.is_none() && column.absent == Absent::Required);
        match lost {
            Some((column, _)) => Err(Error::new(
                ErrorKind::DataLoss,
                format!(
                    "a table lacks a column that every generation has table=`{}` column=`{}`",
                    T::NAME,
                    column.name
                ),
            )),
            None => Ok(Self {
                table,
                positions,
                of: PhantomData,
            }),
        }
    }

    /// The table without its types.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Whether the file has a column of this name.
    pub fn has(&self, column: &str) -> bool {
        self.table.column(column).is_some()
    }

    /// Reads a row of this table.
    ///
    /// # Errors
    /// As [`V1Table::read`].
    pub fn read<'a>(&'a self, row: &'a Row) -> Result<T::Row<'a>> {
        T::read(&self.cells(row)).map_err(|error| error.in_row(T::NAME, row.rowid()))
    }

    pub(super) fn cells<'a>(&'a self, row: &'a Row) -> Cells<'a> {
        Cells {
            columns: T::COLUMNS,
            positions: &self.positions,
            row,
        }
    }
}

/// The tables of a file; a missing one is as good as an empty one.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of the tables")]
pub struct Tables {
    pub sync_runs: Option<TypedTable<SyncRuns>>,
    pub resource_types: Option<TypedTable<ResourceTypes>>,
    pub resources: Option<TypedTable<Resources>>,
    pub entitlements: Option<TypedTable<Entitlements>>,
    pub grants: Option<TypedTable<Grants>>,
    pub assets: Option<TypedTable<Assets>>,
    pub sessions: Option<TypedTable<Sessions>>,
}

impl Tables {
    /// Finds the tables of a database.
    ///
    /// # Errors
    /// As [`TypedTable::open`].
    pub fn open(database: &Database) -> Result<Self> {
        Ok(Self {
            sync_runs: TypedTable::open(database)?,
            resource_types: TypedTable::open(database)?,
            resources: TypedTable::open(database)?,
            entitlements: TypedTable::open(database)?,
            grants: TypedTable::open(database)?,
            assets: TypedTable::open(database)?,
            sessions: TypedTable::open(database)?,
        })
    }
}
