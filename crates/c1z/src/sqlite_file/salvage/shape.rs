//! Which table a leaf belongs to, told by the columns of its rows.

use std::sync::Arc;

use shingle::{ErrorKind, Result};

use super::super::ddl::{Affinity, DefaultValue, TableDef};
use super::super::node::{Node, TreeKind};
use super::super::pager::{Caching, PageNo, Pager};
use super::super::record::Record;
use super::super::value::Value;
use super::leaf::sound_cells;

/// The position of the table that most rows of page `no` fit, and the first row id; nothing if the
/// page is no leaf of a table, or fits none by more than half of its cells.
pub(super) fn table_of<'d>(
    pager: &Arc<Pager>,
    no: PageNo,
    tables: impl Iterator<Item = &'d TableDef>,
) -> Result<Option<(usize, i64)>> {
    let page = pager.page(no, Caching::Pass)?;
    let node = match Node::parse(page, no, TreeKind::Table, pager) {
        Ok(node) if node.is_leaf() => node,
        Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
        _ => return Ok(None),
    };
    let cells = sound_cells(&node);
    let Some((_, first)) = cells.first() else {
        return Ok(None);
    };
    let counted = tables.map(|def| {
        cells
            .iter()
            .filter(|(i, _)| fits(pager, &node, *i, def))
            .count()
    });
    let best = counted.enumerate().max_by_key(|(_, count)| *count);
    Ok(best
        .filter(|(_, count)| 2 * count > node.cells())
        .map(|(at, _)| (at, *first)))
}

/// Whether the row has the columns of the table, by their number and types.
fn fits(pager: &Pager, node: &Node, i: usize, def: &TableDef) -> bool {
    let columns = &def.columns;
    let mut record = Record::empty();
    if record.load(pager, node, i, columns.len() + 1).is_err() {
        return false;
    }
    let needed = columns.iter().rposition(|column| {
        column.not_null && matches!(column.default, DefaultValue::Value(Value::Null))
    });
    let needed = needed.map_or(0, |last| last + 1);
    if record.len() < needed || record.len() > columns.len() {
        return false;
    }
    let mut held = columns.iter().enumerate().take(record.len());
    held.all(|(at, column)| {
        let serial = record.serial(at).unwrap_or_default();
        if def.rowid_alias == Some(at) {
            return serial == 0;
        }
        let is_text = serial >= 13 && !serial.is_multiple_of(2);
        match serial {
            0 => !column.not_null,
            1..=9 => matches!(column.affinity, Affinity::Integer | Affinity::Numeric),
            _ if is_text => matches!(column.affinity, Affinity::Text | Affinity::Numeric),
            _ => column.affinity == Affinity::Blob,
        }
    })
}
