//! How the rows that a filter wants are found: by the index that narrows them most, or by a scan.

use crate::Result;
use crate::sqlite_file::{Database, Index, Predicate};
use crate::v1_tables::{TypedTable, V1Table};

/// A table and its usable indexes.
#[derive(Debug)]
pub(super) struct Indexed<T> {
    pub(super) typed: TypedTable<T>,
    indexes: Vec<Index>,
}

impl<T: V1Table> Indexed<T> {
    /// The table, if the file has it. Indexes are known by their columns, not by their names: two
    /// names are swapped in every file (`c1z1-sqlite` §2), and generations differ. One that this
    /// crate cannot search (none of the reference's) is left alone.
    pub(super) fn open(database: &Database) -> Result<Option<Self>> {
        let Some(typed) = TypedTable::open(database)? else {
            return Ok(None);
        };
        let indexes = database.indexes_of(T::NAME);
        let indexes = indexes.filter_map(|name| database.index(name).ok().flatten());
        let indexes = indexes.collect();
        Ok(Some(Self { typed, indexes }))
    }

    /// Where a column is in a row.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.typed.table().column(name)
    }

    /// The index with exactly these key columns.
    pub(super) fn index_on(&self, columns: &[&str]) -> Option<&Index> {
        let wanted: Option<Vec<usize>> = columns.iter().map(|name| self.column(name)).collect();
        let wanted = wanted?;
        let mut all = self.indexes.iter();
        all.find(|index| {
            index.columns() == wanted && index.definition().predicate == Predicate::All
        })
    }

    /// Plans a query; none if two of its conditions exclude each other.
    pub(super) fn plan(&self, query: &Query<'_>) -> Option<Plan> {
        let mut equals: Vec<Equal> = Vec::new();
        for (name, value) in &query.equals {
            // The columns of conditions exist in every generation.
            let position = self.column(name)?;
            let value = value.as_bytes();
            match equals.iter().find(|equal| equal.position == position) {
                Some(equal) if equal.value != value => return None,
                Some(_) => {}
                None => equals.push(Equal {
                    position,
                    value: value.to_vec(),
                    weight: weight(name),
                }),
            }
        }
        let implied: Vec<usize> = query
            .implied
            .iter()
            .filter_map(|c| self.column(c))
            .collect();
        let mut best: Option<(u32, &Index, usize)> = None;
        for index in &self.indexes {
            let key = key_prefix(index, &equals);
            let narrowing = key.iter().map(|equal| equal.weight).sum::<u32>();
            let Some(bonus) = bonus(&index.definition().predicate, &implied) else {
                continue;
            };
            let score = narrowing + bonus;
            if key.is_empty() || score <= SYNC_ALONE {
                continue;
            }
            let rest = index.columns().get(key.len()..).unwrap_or_default();
            let is_in_order = rest.iter().all(|column| Some(*column) == self.column("id"));
            let score = if is_in_order { score + IN_ORDER } else { score };
            if best.is_none_or(|(best_score, ..)| score > best_score) {
                best = Some((score, index, key.len()));
            }
        }
        let index = best.map(|(_, index, fixed)| (index.clone(), fixed));
        Some(Plan { equals, index })
    }
}

/// What a list wants: columns that equal a text, and what that implies of others.
#[derive(Clone, Debug, Default)]
pub(super) struct Query<'a> {
    equals: Vec<(&'static str, &'a str)>,
    implied: Vec<&'static str>,
}

impl<'a> Query<'a> {
    /// Rows of a sync.
    pub(super) fn of_sync(sync: &'a str) -> Self {
        Self::default().and("sync_id", sync)
    }

    /// Also wants a column to equal a text.
    pub(super) fn and(mut self, column: &'static str, value: &'a str) -> Self {
        self.equals.push((column, value));
        self
    }

    /// As [`Query::and`], unless the text is empty, which means any.
    pub(super) fn and_unless_empty(self, column: &'static str, value: &'a str) -> Self {
        if value.is_empty() {
            self
        } else {
            self.and(column, value)
        }
    }

    /// Says that this column is set in every row that is wanted, which allows an index of such rows.
    pub(super) fn where_set(mut self, column: &'static str) -> Self {
        self.implied.push(column);
        self
    }
}

/// A condition on a row: the column at `position` holds `value`.
#[derive(Clone, Debug)]
pub(super) struct Equal {
    pub(super) position: usize,
    pub(super) value: Vec<u8>,
    weight: u32,
}

/// How to find the rows of a query.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// All conditions; each row is tested.
    pub(super) equals: Vec<Equal>,
    /// The index to walk, and how many of its columns have a condition; none: scan the table.
    pub(super) index: Option<(Index, usize)>,
}

impl Plan {
    /// Whether the walk itself promises the condition on the column at `position`.
    pub(super) fn promises(&self, position: usize) -> bool {
        self.index.as_ref().is_some_and(|(index, fixed)| {
            let mut fixed = index.columns().iter().take(*fixed);
            fixed.any(|column| *column == position)
        })
    }
}

/// An index that narrows by the sync alone is not worth the lookups of its rows.
const SYNC_ALONE: u32 = 1;
/// An index that gives rows in the order of their numbers is worth more than a condition on a type:
/// so most filtered lists come in the reference's order.
const IN_ORDER: u32 = 3;

/// How much a condition on a column narrows, as a rule: an id more than a type, a principal more
/// than an entitlement, an entitlement more than a resource.
fn weight(column: &str) -> u32 {
    match column {
        "external_id" => 1_000,
        "principal_resource_id" => 80,
        "entitlement_id" => 60,
        "resource_id" | "parent_resource_id" => 40,
        "sync_id" => SYNC_ALONE,
        _ => 2,
    }
}

/// What an index of some rows only narrows beyond its key; none: it may lack rows that are wanted.
fn bonus(predicate: &Predicate, implied: &[usize]) -> Option<u32> {
    match predicate {
        Predicate::All => Some(0),
        Predicate::NotNull(column) => implied.contains(column).then_some(10),
        Predicate::Equals(column, value) => {
            (implied.contains(column) && value.as_integer() == Some(1)).then_some(11)
        }
        Predicate::Other(_) => None,
    }
}

/// The conditions on the first columns of an index, in its order.
pub(super) fn key_prefix<'e>(index: &Index, equals: &'e [Equal]) -> Vec<&'e Equal> {
    let columns = index.columns().iter();
    columns
        .map_while(|column| equals.iter().find(|equal| equal.position == *column))
        .collect()
}
