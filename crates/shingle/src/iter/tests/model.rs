//! Random databases, and what is visible of them.

use proptest::prelude::*;

use super::*;

/// What a database is built from.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Writes in the order of their sequence numbers, each with the run that it goes to.
    pub(crate) writes: Vec<(Write, usize)>,
    /// Keys at which runs are cut into tables.
    pub(crate) cuts: Vec<Vec<u8>>,
    /// Whether tables become parts of larger files: the n-th table by the n-th bit.
    pub(crate) virtual_tables: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Write {
    Set(Vec<u8>),
    Delete(Vec<u8>, Kind),
    DeleteRange(Vec<u8>, Vec<u8>),
    /// An ingested table: distinct keys, and maybe a tombstone, under one sequence number.
    Ingest(Vec<Vec<u8>>, Option<(Vec<u8>, Vec<u8>)>),
}

/// A built database.
pub(crate) struct Database {
    pub(crate) tables: Arc<MemTables>,
    pub(crate) runs: Vec<Run>,
    /// What the table files hold, and what stands in the memtable.
    pub(crate) files: BTreeMap<FileNumber, Vec<Entry>>,
    pub(crate) log: Vec<Entry>,
    pub(crate) mem: Arc<MemTable>,
    points: Vec<(Vec<u8>, u64, Kind, Vec<u8>)>,
    ranges: Vec<(Vec<u8>, Vec<u8>, u64)>,
    pub(crate) last_seq: u64,
}

fn any_key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"abcd".to_vec()), 1..4)
}

fn any_range() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (any_key(), any_key()).prop_map(|(a, b)| (a.clone().min(b.clone()), a.max(b)))
}

fn any_write() -> impl Strategy<Value = Write> {
    let deletes = prop::sample::select(vec![Kind::Delete, Kind::SingleDelete, Kind::DeleteSized]);
    prop_oneof![
        8 => any_key().prop_map(Write::Set),
        3 => (any_key(), deletes).prop_map(|(key, kind)| Write::Delete(key, kind)),
        2 => any_range().prop_map(|(start, end)| Write::DeleteRange(start, end)),
        1 => (
            prop::collection::btree_set(any_key(), 1..6),
            prop::option::of(any_range()),
        )
            .prop_map(|(keys, range)| Write::Ingest(keys.into_iter().collect(), range)),
    ]
}

pub(crate) fn any_plan() -> impl Strategy<Value = Plan> {
    let writes =
        (1_usize..6).prop_flat_map(|runs| prop::collection::vec((any_write(), 0..runs), 0..60));
    let cuts = prop::collection::vec(any_key(), 0..6);
    (writes, cuts, any::<u64>()).prop_map(|(writes, cuts, virtual_tables)| Plan {
        writes,
        cuts,
        virtual_tables,
    })
}

impl Database {
    /// Runs other than 0, which is the memtable, become tables.
    pub(crate) fn build(plan: &Plan) -> Self {
        let mut db = Database {
            tables: Arc::default(),
            runs: Vec::new(),
            files: BTreeMap::new(),
            log: Vec::new(),
            mem: Arc::default(),
            points: Vec::new(),
            ranges: Vec::new(),
            last_seq: 10 + plan.writes.len() as u64,
        };
        let mut tables = MemTables::default();
        let mut by_run: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
        for ((write, run), seq) in plan.writes.iter().zip(10..) {
            let entries = db.record(write, seq);
            if matches!(write, Write::Ingest(..)) {
                let run: Run = [ingest(&mut tables, &entries)].into();
                db.runs.push(run);
            } else {
                by_run.entry(*run).or_default().extend(entries);
            }
        }
        db.log = by_run.remove(&0).unwrap_or_default();
        db.mem = Arc::new(memtable(&db.log));
        for entries in by_run.values() {
            let run = cut_into_tables(&mut tables, entries, plan);
            db.runs.push(run);
        }
        db.files = std::mem::take(&mut tables.entries);
        db.tables = Arc::new(tables);
        db
    }

    /// Notes a write for the model; returns its entries.
    fn record(&mut self, write: &Write, seq: u64) -> Vec<Entry> {
        let value = |key: &[u8]| [key, b"@", seq.to_string().as_bytes()].concat();
        let mut entries = Vec::new();
        match write {
            Write::Set(key) => {
                let kind = if seq.is_multiple_of(3) {
                    Kind::SetWithDelete
                } else {
                    Kind::Set
                };
                entries.push(Entry::Point(key.clone(), seq, kind, value(key)));
            }
            Write::Delete(key, kind) => {
                entries.push(Entry::Point(key.clone(), seq, *kind, Vec::new()));
            }
            Write::DeleteRange(start, end) => {
                entries.push(Entry::Range(start.clone(), end.clone(), seq));
            }
            Write::Ingest(keys, range) => {
                for key in keys {
                    entries.push(Entry::Point(key.clone(), seq, Kind::Set, value(key)));
                }
                if let Some((start, end)) = range {
                    entries.push(Entry::Range(start.clone(), end.clone(), seq));
                }
            }
        }
        entries.retain(|entry| !matches!(entry, Entry::Range(start, end, _) if start >= end));
        for entry in &entries {
            match entry.clone() {
                Entry::Point(key, seq, kind, value) => self.points.push((key, seq, kind, value)),
                Entry::Range(start, end, seq) => self.ranges.push((start, end, seq)),
            }
        }
        entries
    }

    /// The visible rows within `bounds`, found by asking every write.
    pub(crate) fn visible(&self, bounds: &Bounds, visible: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut newest: BTreeMap<&[u8], (u64, Kind, &[u8])> = BTreeMap::new();
        for (key, seq, kind, value) in &self.points {
            let held = newest.get(&key[..]).map_or(0, |held| held.0);
            if *seq <= visible && *seq > held && bounds.contains(key) {
                newest.insert(key, (*seq, *kind, value));
            }
        }
        let covered = |key: &[u8], seq: u64| {
            self.ranges
                .iter()
                .any(|(s, e, t)| *t <= visible && *t > seq && &s[..] <= key && key < &e[..])
        };
        newest
            .into_iter()
            .filter(|(key, (seq, kind, _))| {
                matches!(kind, Kind::Set | Kind::SetWithDelete) && !covered(key, *seq)
            })
            .map(|(key, (_, _, value))| (key.to_vec(), value.to_vec()))
            .collect()
    }
}

/// A table whose file says sequence number 0 everywhere.
fn ingest(tables: &mut MemTables, entries: &[Entry]) -> Arc<TableMeta> {
    let zeroed: Vec<_> = entries
        .iter()
        .cloned()
        .map(|entry| match entry {
            Entry::Point(key, _, kind, value) => Entry::Point(key, 0, kind, value),
            Entry::Range(start, end, _) => Entry::Range(start, end, 0),
        })
        .collect();
    let number = tables.add(&zeroed).number;
    Arc::new(meta_of(number, entries))
}

/// Cuts a run at user keys. Some tables become a part of a file that holds more on either side.
fn cut_into_tables(tables: &mut MemTables, entries: &[Entry], plan: &Plan) -> Run {
    let mut cuts = plan.cuts.clone();
    cuts.sort();
    cuts.dedup();
    let mut run = Vec::new();
    for piece in 0..=cuts.len() {
        let lower = piece.checked_sub(1).map(|before| &cuts[before]);
        let upper = cuts.get(piece);
        let part: Vec<_> = entries
            .iter()
            .filter_map(|e| clip(e, lower, upper))
            .collect();
        if part.is_empty() {
            continue;
        }
        let is_virtual = plan.virtual_tables >> (tables.files.len() % 64) & 1 == 1;
        // An inclusive bound may not cut a tombstone.
        let table = if is_virtual {
            let meta = meta_of(FileNumber(0), &part);
            let file = tables.add(&with_foreign_rows(&part, &meta)).number;
            Arc::new(TableMeta {
                number: FileNumber(1000 + file.0),
                backing: Some(file),
                smallest_seq: SeqNo(0),
                ..meta
            })
        } else {
            tables.add(&part)
        };
        run.push(table);
    }
    run.into()
}

/// A file of which only a part is shown: it holds rows outside of the part's bounds, and tombstones
/// that reach the bounds stick out of them.
fn with_foreign_rows(part: &[Entry], meta: &TableMeta) -> Vec<Entry> {
    const FOREIGN: u64 = 9;
    let mut file: Vec<_> = part
        .iter()
        .cloned()
        .map(|entry| match entry {
            Entry::Range(start, end, seq) => {
                let sticks_out = meta.excludes_largest() && end == meta.largest.user;
                let end = if sticks_out { b"z".to_vec() } else { end };
                let start = if start == meta.smallest.user {
                    b"A".to_vec()
                } else {
                    start
                };
                Entry::Range(start, end, seq)
            }
            point @ Entry::Point(..) => point,
        })
        .collect();
    for key in [
        &b"A"[..],
        b"a",
        b"ab",
        b"b",
        b"bc",
        b"c",
        b"ccc",
        b"d",
        b"z",
    ] {
        let outside = key < &meta.smallest.user[..] || !meta.reaches(key);
        let shown = part
            .iter()
            .any(|e| matches!(e, Entry::Point(k, ..) if k == key));
        if outside && !shown {
            let value = b"foreign".to_vec();
            file.push(Entry::Point(key.to_vec(), FOREIGN, Kind::Set, value));
        }
    }
    file
}

/// The part of an entry within `[lower, upper)`.
fn clip(entry: &Entry, lower: Option<&Vec<u8>>, upper: Option<&Vec<u8>>) -> Option<Entry> {
    match entry {
        Entry::Point(key, ..) => {
            let inside = lower.is_none_or(|l| l <= key) && upper.is_none_or(|u| key < u);
            inside.then(|| entry.clone())
        }
        Entry::Range(start, end, seq) => {
            let start = lower.map_or(start, |l| l.max(start));
            let end = upper.map_or(end, |u| u.min(end));
            (start < end).then(|| Entry::Range(start.clone(), end.clone(), *seq))
        }
    }
}
