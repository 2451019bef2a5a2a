//! Random walks.

use proptest::prelude::*;

use super::model::{Database, Plan, any_plan};
use super::*;

#[derive(Clone, Debug)]
enum Move {
    Next,
    Prev,
    Seek(Vec<u8>),
    Rewind,
    Unwind,
}

fn any_move() -> impl Strategy<Value = Move> {
    let key = prop::collection::vec(prop::sample::select(b"abcde".to_vec()), 0..4);
    prop_oneof![
        8 => Just(Move::Next),
        8 => Just(Move::Prev),
        3 => key.prop_map(Move::Seek),
        1 => Just(Move::Rewind),
        1 => Just(Move::Unwind),
    ]
}

fn any_bounds() -> impl Strategy<Value = Bounds> {
    let key = || prop::option::weighted(0.6, prop::collection::vec(b'a'..=b'e', 1..3));
    (key(), key()).prop_map(|(lower, upper)| Bounds { lower, upper })
}

/// Where a walk over a list of rows stands: between two of them, or at one.
enum Place {
    Before(usize),
    At(usize),
}

/// Walks over `expected` as [`Rows`] shall walk.
struct Model {
    expected: Vec<(Vec<u8>, Vec<u8>)>,
    place: Place,
}

impl Model {
    fn apply(&mut self, step: &Move) -> Option<(Vec<u8>, Vec<u8>)> {
        let target = match (step, &self.place) {
            (Move::Next, Place::Before(n)) => Some(*n),
            (Move::Next, Place::At(n)) => Some(n + 1),
            (Move::Prev, Place::Before(n) | Place::At(n)) => n.checked_sub(1),
            (Move::Seek(key), _) => {
                let n = self.expected.partition_point(|(k, _)| k < key);
                self.place = Place::Before(n);
                return None;
            }
            (Move::Rewind, _) => {
                self.place = Place::Before(0);
                return None;
            }
            (Move::Unwind, _) => {
                self.place = Place::Before(self.expected.len());
                return None;
            }
        };
        let row = target.and_then(|n| self.expected.get(n).cloned());
        self.place = match (target, &row) {
            (Some(n), Some(_)) => Place::At(n),
            (Some(_), None) => Place::Before(self.expected.len()),
            (None, _) => Place::Before(0),
        };
        row
    }
}

fn check(plan: &Plan, bounds: &Bounds, back: u64, moves: &[Move]) -> Result<(), TestCaseError> {
    let db = Database::build(plan);
    let visible = db.last_seq.saturating_sub(back);
    let mut model = Model {
        expected: db.visible(bounds, visible),
        place: Place::Before(0),
    };
    let visible = if back == 0 {
        SeqNo::MAX
    } else {
        SeqNo(visible)
    };
    let mut rows = rows_of(&db.tables, &db.runs, Some(&db.mem), bounds, visible);
    // Once along the whole length each way, then at random.
    let all = std::iter::repeat_n(Move::Next, model.expected.len() + 1)
        .chain(std::iter::repeat_n(Move::Prev, model.expected.len() + 1));
    for step in all.chain(moves.iter().cloned()) {
        let expected = model.apply(&step);
        let found = match &step {
            Move::Next => rows.next().unwrap(),
            Move::Prev => rows.prev().unwrap(),
            Move::Seek(key) => {
                rows.seek(key);
                false
            }
            Move::Rewind => {
                rows.rewind();
                false
            }
            Move::Unwind => {
                rows.unwind();
                false
            }
        };
        let row = found.then(|| (rows.key().to_vec(), rows.value().to_vec()));
        prop_assert_eq!(row, expected, "{:?}", step);
        prop_assert_eq!(found, rows.is_at_row());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_walk_over_any_database_sees_what_the_model_sees(
        plan in any_plan(),
        bounds in any_bounds(),
        moves in prop::collection::vec(any_move(), 0..40),
    ) {
        check(&plan, &bounds, 0, &moves)?;
    }
}

/// Reads in the past need tombstones cut at that time, which tables in this test do not offer: only
/// the memtable is asked.
#[test]
fn older_states_are_seen_through_a_memtable() {
    let config = ProptestConfig::with_cases(500);
    let moves = || prop::collection::vec(any_move(), 0..20);
    proptest!(config, |(plan in any_plan(), back in 0_u64..40, moves in moves())| {
        let mut plan = plan;
        for (_, run) in &mut plan.writes {
            *run = 0;
        }
        plan.writes.retain(|(write, _)| !matches!(write, model::Write::Ingest(..)));
        check(&plan, &Bounds::all(), back, &moves)?;
    });
}

#[test]
fn a_failed_walk_stays_failed_until_a_seek() {
    let mut tables = MemTables::default();
    let bad = Entry::Point(b"b".to_vec(), 11, Kind::Merge, Vec::new());
    let table = tables.add(&[set("a", 10), bad, set("c", 12)]);
    let runs: Vec<Run> = vec![[table].into()];
    let tables = Arc::new(tables);
    let mut rows = rows_of(&tables, &runs, None, &Bounds::all(), SeqNo::MAX);
    assert!(rows.next().unwrap());
    let error = rows.next().unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("merge operand key=`b`"),
        "{error}"
    );
    assert_eq!(rows.next().unwrap_err().kind(), crate::ErrorKind::Invalid);
    assert_eq!(rows.prev().unwrap_err().kind(), crate::ErrorKind::Invalid);
    rows.seek(b"c");
    assert!(rows.next().unwrap());
    assert_eq!(rows.key(), b"c");
}

#[test]
fn keys_out_of_order_are_corrupt() {
    let mut tables = MemTables::default();
    // The first table holds a key behind its bounds.
    let first = tables.add(&[set("a", 10), set("y", 10)]);
    let first = Arc::new(TableMeta {
        largest: InternalKey::new("b", Trailer::new(SeqNo(10), Kind::Set)),
        ..(*first).clone()
    });
    let second = tables.add(&[set("c", 11), set("d", 11)]);
    let runs: Vec<Run> = vec![[first, second].into()];
    let tables = Arc::new(tables);
    let mut rows = rows_of(&tables, &runs, None, &Bounds::all(), SeqNo::MAX);
    let walk = |rows: &mut Rows<MemTables>, forward: bool| loop {
        match if forward { rows.next() } else { rows.prev() } {
            Ok(true) => {}
            Ok(false) => panic!("disorder went unseen"),
            Err(error) => return error.kind(),
        }
    };
    assert_eq!(walk(&mut rows, true), crate::ErrorKind::Corrupt);
    rows.unwind();
    assert_eq!(walk(&mut rows, false), crate::ErrorKind::Corrupt);
}

#[test]
fn a_tombstone_cut_between_tables_covers_the_first_key_of_the_second() {
    let mut tables = MemTables::default();
    let runs: Vec<Run> = vec![
        [tables.add(&[set("cac", 10)])].into(),
        [
            tables.add(&[delete_range("a", "cac", 11)]),
            tables.add(&[delete_range("cac", "d", 11)]),
        ]
        .into(),
    ];
    let tables = Arc::new(tables);
    let mut rows = rows_of(&tables, &runs, None, &Bounds::all(), SeqNo::MAX);
    assert!(!rows.next().unwrap());
    assert!(!rows.prev().unwrap());
}
