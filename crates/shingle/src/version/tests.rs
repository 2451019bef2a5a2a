//! Which tables may hold a key, and how overlapping tables are split into runs.

use proptest::prelude::*;

use super::*;
use crate::key::{InternalKey, Kind, Trailer};

fn table(number: u64, smallest: u8, largest: u8, exclusive: bool, seq: u64) -> Arc<TableMeta> {
    let trailer = Trailer::new(SeqNo(seq), Kind::Set);
    let end = Trailer::new(SeqNo::MAX, Kind::RangeDelete);
    Arc::new(TableMeta {
        number: FileNumber(number),
        size: 10,
        smallest: InternalKey::new([smallest], trailer),
        largest: InternalKey::new([largest], if exclusive { end } else { trailer }),
        smallest_seq: SeqNo(seq),
        largest_seq: SeqNo(seq),
        created_at: 0,
        needs_compaction: false,
        backing: None,
    })
}

fn numbers<'a>(tables: impl Iterator<Item = (Level, &'a Arc<TableMeta>)>) -> Vec<u64> {
    tables.map(|(_, table)| table.number.0).collect()
}

#[test]
fn overlapping_tables_are_found_newest_level_first() {
    let mut version = Version::default();
    let newest = vec![
        table(1, b'a', b'm', false, 30),
        table(2, b'c', b'd', false, 20),
        table(3, b'x', b'z', false, 40),
    ];
    version.set_level(Level::L0, newest).unwrap();
    let oldest = vec![
        table(4, b'a', b'c', false, 1),
        table(5, b'd', b'f', true, 1),
        table(6, b'f', b'h', false, 1),
    ];
    version.set_level(Level::L6, oldest).unwrap();
    let found = |lower: Option<&[u8]>, upper: Option<&[u8]>| {
        let found = numbers(version.overlapping(lower, upper));
        let mut naive = numbers(version.tables().filter(|(_, t)| t.overlaps(lower, upper)));
        assert_eq!(found, naive, "the order is that of all tables");
        naive.sort_unstable();
        found
    };
    for key in [&b"a"[..], b"c", b"cc", b"f", b"x", b"zz", b""] {
        let next = [key, b"\0"].concat();
        assert_eq!(
            numbers(version.containing(key)),
            found(Some(key), Some(&next))
        );
    }
    assert_eq!(found(None, None), [3, 1, 2, 4, 5, 6]);
    assert_eq!(found(Some(b"c"), Some(b"d")), [1, 2, 4]);
    assert_eq!(found(Some(b"f"), None), [3, 1, 6]);
    assert_eq!(found(None, Some(b"a")), [0_u64; 0]);
    assert_eq!(found(Some(b"zz"), None), [0_u64; 0]);
    assert_eq!(
        found(Some(b"d"), Some(b"c")),
        [1],
        "an empty range asks no sorted level"
    );
}

proptest! {
    #[test]
    fn runs_hold_every_table_once_and_none_overlaps_its_neighbour(
        bounds in prop::collection::vec((any::<u8>(), any::<u8>(), any::<bool>()), 0..40),
    ) {
        let tables: Vec<_> = bounds
            .iter()
            .zip(1..)
            .map(|(&(a, b, exclusive), number)| {
                table(number, a.min(b), a.max(b), exclusive && a != b, number)
            })
            .collect();
        let runs = run::partition(&tables);
        let mut seen: Vec<_> = runs.iter().flat_map(|r| r.iter().map(|t| t.number.0)).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (1..=tables.len() as u64).collect::<Vec<_>>());
        for run in &runs {
            for pair in run.windows(2) {
                prop_assert!(run::precedes(&pair[0], &pair[1]));
            }
        }
        // As many runs as tables cover one key: fewer cannot be.
        let depth = (0..=255).map(|key: u8| {
            tables.iter().filter(|t| t.smallest.user[..] <= [key][..] && t.reaches(&[key])).count()
        });
        prop_assert_eq!(runs.len(), depth.max().unwrap_or(0));
    }
}
