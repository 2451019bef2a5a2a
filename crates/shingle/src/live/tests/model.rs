//! What a database may hold: a row of states, the last of which is visible.

use super::*;
use crate::vfs::Lottery;

/// One operation of a batch.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Set(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Vec<u8>),
}

pub(super) fn batch_of(writes: &[Write]) -> Batch {
    batch(|batch| {
        for write in writes {
            match write {
                Write::Set(key, value) => batch.set(key, value)?,
                Write::Delete(key) => batch.delete(key)?,
                Write::DeleteRange(start, end) => batch.delete_range(start, end)?,
            }
        }
        Ok(())
    })
}

pub(super) fn apply(rows: &mut Rows, writes: &[Write]) {
    for write in writes {
        match write {
            Write::Set(key, value) => drop(rows.insert(key.clone(), value.clone())),
            Write::Delete(key) => drop(rows.remove(key)),
            Write::DeleteRange(start, end) => rows.retain(|key, _| key < start || end <= key),
        }
    }
}

/// Writes to about a hundred keys, most of them primary ones.
pub(super) fn draw_writes(lottery: &mut Lottery, most: u64) -> Vec<Write> {
    (0..=lottery.below(most))
        .map(|_| draw_write(lottery))
        .collect()
}

fn draw_write(lottery: &mut Lottery) -> Write {
    let mut key = || {
        let family = if lottery.below(5) == 0 { "m" } else { "p" };
        format!("{family}{:02}", lottery.below(60)).into_bytes()
    };
    let (a, b) = (key(), key());
    match lottery.below(12) {
        0 if a < b && a.first() == b.first() => Write::DeleteRange(a, b),
        0..3 => Write::Delete(a),
        _ => {
            let [first, second, ..] = lottery.draw().to_le_bytes();
            Write::Set(a, value(first % 4, second % 4, lottery.draw()))
        }
    }
}

/// The states that may be found by the next opening, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Model {
    states: Vec<Rows>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            states: vec![Rows::new()],
        }
    }

    /// What is visible.
    pub(super) fn rows(&self) -> &Rows {
        self.states.last().unwrap()
    }

    /// A batch was accepted.
    pub(super) fn accept(&mut self, writes: &[Write]) {
        let mut rows = self.rows().clone();
        apply(&mut rows, writes);
        self.states.push(rows);
    }

    /// A batch was refused: it is invisible, but may be found by the next opening.
    pub(super) fn refuse(&mut self, writes: &[Write]) {
        let visible = self.rows().clone();
        self.accept(writes);
        self.states.push(visible);
    }

    /// Everything accepted became durable.
    pub(super) fn barrier(&mut self) {
        self.states.drain(..self.states.len() - 1);
    }

    /// A database was opened: its rows must be one of the states (`any`) or the last one.
    pub(super) fn found(&mut self, database: &LiveDatabase, any: bool) {
        let found = check(database);
        let newest = self.states.len() - if any { self.states.len() } else { 1 };
        let states = &self.states[newest..];
        assert!(
            states.contains(&found),
            "{} rows are none of {} states with {:?} rows",
            found.len(),
            states.len(),
            states.iter().map(BTreeMap::len).collect::<Vec<_>>()
        );
        self.states = vec![found];
    }
}

/// The plain rows of a database, whose levels and kept families must agree with them.
pub(super) fn check(database: &LiveDatabase) -> Rows {
    database.check_levels().unwrap();
    let rows = plain_rows(database);
    let all = with_derived(&rows);
    let snapshot = database.snapshot();
    let families = Letters::new();
    for (family, deferred) in families.families().iter().zip(database.deferred()) {
        if deferred {
            continue;
        }
        let bounds = family.bounds.clone();
        let scan = snapshot
            .scan(bounds.clone(), ScanOptions::default())
            .unwrap();
        let expected = all.iter().filter(|(key, _)| bounds.contains(key));
        let expected: Rows = expected.map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(collect(scan), expected, "family {bounds:?}");
    }
    for (key, value) in &rows {
        assert_eq!(database.get(key).unwrap().as_deref(), Some(&value[..]));
    }
    rows
}
