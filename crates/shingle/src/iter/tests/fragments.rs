//! Cutting tombstones into fragments, against asking every tombstone.

use proptest::prelude::*;

use super::*;

prop_compose! {
    fn any_tombstone()(start in 0_u8..40, len in 0_u8..20, seq in 1_u64..30) -> RangeTombstone {
        RangeTombstone {
            start: vec![start],
            end: vec![start + len],
            seq: SeqNo(seq),
        }
    }
}

proptest! {
    #[test]
    fn fragments_say_what_the_tombstones_say(
        tombstones in prop::collection::vec(any_tombstone(), 0..30),
        visible in 0_u64..32,
        probes in prop::collection::vec(0_u8..64, 0..60),
    ) {
        let fragments = Fragments::new(&tombstones, SeqNo(visible));
        let list: Vec<_> = fragments.iter().collect();
        prop_assert!(list.len() < 2 * tombstones.len().max(1));
        for pair in list.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
            prop_assert!(pair[0].end < pair[1].start || pair[0].seq != pair[1].seq, "joined");
        }
        let mut hint = 0;
        for probe in probes {
            let key = [probe];
            let newest = tombstones
                .iter()
                .filter(|t| t.seq.0 <= visible && t.start[..] <= key[..] && key[..] < t.end[..])
                .map(|t| t.seq)
                .max();
            let found = fragments.covering(&key, &mut hint);
            prop_assert_eq!(found.map(|f| f.seq), newest, "key {}", probe);
        }
    }
}
