//! What walking costs: tables opened, entries looked at.

use super::*;

/// A run of `count` tables of `len` keys each: `t00/k0000`, …
fn run_of(tables: &mut MemTables, count: usize, len: usize, seq: u64) -> Run {
    (0..count)
        .map(|t| {
            let keys = (0..len).map(|k| set(&format!("t{t:02}/k{k:04}"), seq));
            tables.add(&keys.collect::<Vec<_>>())
        })
        .collect()
}

struct Walk {
    rows: u64,
    entries: u64,
    opened: usize,
}

fn walk(tables: &Arc<MemTables>, runs: &[Run], bounds: &Bounds, forward: bool) -> Walk {
    let before = tables.opened.load(Ordering::Relaxed);
    let mut rows = rows_of(tables, runs, None, bounds, SeqNo::MAX);
    if !forward {
        rows.unwind();
    }
    while if forward {
        rows.next().unwrap()
    } else {
        rows.prev().unwrap()
    } {}
    Walk {
        rows: rows.stats().rows,
        entries: rows.stats().entries,
        opened: tables.opened.load(Ordering::Relaxed) - before,
    }
}

#[test]
fn a_bounded_walk_opens_only_tables_within_its_bounds() {
    let mut tables = MemTables::default();
    let runs = [run_of(&mut tables, 20, 10, 10)];
    let tables = Arc::new(tables);
    for (bounds, rows, opened) in [
        (Bounds::all(), 200, 20),
        (Bounds::prefix(b"t07/"), 10, 1),
        (Bounds::range("t07/k0005", "t09/k0005"), 20, 3),
        (Bounds::range("t07/x", "t08/"), 0, 0),
        (Bounds::range("t07/x", "t07/"), 0, 0),
        (Bounds::range("u", "v"), 0, 0),
    ] {
        for forward in [true, false] {
            let walk = walk(&tables, &runs, &bounds, forward);
            assert_eq!(
                (walk.rows, walk.opened),
                (rows, opened),
                "{bounds:?} {forward}"
            );
        }
    }
}

#[test]
fn tables_are_opened_when_the_walk_reaches_them() {
    let mut tables = MemTables::default();
    let runs = [
        run_of(&mut tables, 20, 10, 10),
        run_of(&mut tables, 20, 10, 20),
    ];
    let tables = Arc::new(tables);
    let opened = || tables.opened.load(Ordering::Relaxed);
    let mut rows = rows_of(&tables, &runs, None, &Bounds::all(), SeqNo::MAX);
    assert_eq!(opened(), 0);
    rows.next().unwrap();
    assert_eq!(opened(), 2);
    rows.seek(b"t10/k0003");
    rows.next().unwrap();
    assert_eq!(opened(), 4);
    rows.seek(b"t10/k0007");
    rows.next().unwrap();
    assert_eq!(opened(), 4, "a seek within an open table");
    rows.prev().unwrap();
    assert_eq!((opened(), rows.key()), (4, &b"t10/k0006"[..]));
    assert_eq!(rows.value(), b"t10/k0006@20");
}

#[test]
fn covered_entries_are_passed_over_without_opening_their_tables() {
    let mut tables = MemTables::default();
    let mut runs = vec![run_of(&mut tables, 20, 1000, 10)];
    let tombstone = [delete_range("t03/", "t16/k0500", 50), set("t05/k0000", 60)];
    runs.push([tables.add(&tombstone)].into());
    let tables = Arc::new(tables);
    for forward in [true, false] {
        let walk = walk(&tables, &runs, &Bounds::all(), forward);
        // t00 to t02, half of t16, t17 to t19, and the newer set.
        assert_eq!(walk.rows, 3000 + 500 + 3000 + 1);
        assert!(walk.entries < walk.rows + 10, "{}", walk.entries);
        // Whichever table the tombstone is met in, the ones behind it stay closed.
        assert!(walk.opened <= 3 + 2 + 3 + 1, "{}", walk.opened);
    }
}

#[test]
fn tombstones_of_a_table_without_points_count() {
    let mut tables = MemTables::default();
    let runs: Vec<Run> = vec![
        run_of(&mut tables, 3, 10, 10),
        [tables.add(&[delete_range("t00/k0005", "t02/k0005", 20)])].into(),
    ];
    let tables = Arc::new(tables);
    for forward in [true, false] {
        assert_eq!(walk(&tables, &runs, &Bounds::all(), forward).rows, 10);
        let bounds = Bounds::range("t01/", "t02/");
        assert_eq!(walk(&tables, &runs, &bounds, forward).rows, 0);
    }
}

#[test]
fn prefix_bounds_end_where_the_prefix_ends() {
    let upper = |prefix: &[u8]| Bounds::prefix(prefix).upper;
    assert_eq!(upper(b"ab"), Some(b"ac".to_vec()));
    assert_eq!(upper(b"a\xff\xff"), Some(b"b".to_vec()));
    assert_eq!(upper(b"\xff"), None);
    assert_eq!(upper(b""), None);
    assert!(Bounds::prefix(b"a\xff").contains(b"a\xff\xff\xff"));
    assert!(!Bounds::prefix(b"a\xff").contains(b"b"));
}
