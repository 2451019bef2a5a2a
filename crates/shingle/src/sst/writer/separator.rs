//! Short keys between blocks (`pebble-ondisk` §3.7).

/// Number of leading bytes that `a` and `b` have in common.
#[inline]
pub(super) fn common_prefix_len(a: &[u8], b: &[u8]) -> usize {
    let (a_words, _) = a.as_chunks::<8>();
    let (b_words, _) = b.as_chunks::<8>();
    let mut len = 0;
    for (x, y) in a_words.iter().zip(b_words) {
        let differing = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differing != 0 {
            return len + differing.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    let (a, b) = (a.get(len..), b.get(len..));
    let tail = a.unwrap_or_default().iter().zip(b.unwrap_or_default());
    len + tail.take_while(|(x, y)| x == y).count()
}

/// Appends a short key that is at least `a` and less than `b`, or `a` itself; `a < b` or `a == b`.
pub(super) fn put_separator(a: &[u8], b: &[u8], out: &mut Vec<u8>) {
    let shared = common_prefix_len(a, b);
    if let (Some(&x), Some(&y)) = (a.get(shared), b.get(shared))
        && x < y
    {
        if shared + 1 < b.len() || x + 1 < y {
            return put_incremented(a, shared, out);
        }
        let rest = a.get(shared + 1..).unwrap_or_default();
        if let Some(at) = rest.iter().position(|&byte| byte != 0xff) {
            return put_incremented(a, shared + 1 + at, out);
        }
    }
    out.extend_from_slice(a);
}

/// Appends a short key that is at least `a`.
pub(super) fn put_successor(a: &[u8], out: &mut Vec<u8>) {
    match a.iter().position(|&byte| byte != 0xff) {
        Some(at) => put_incremented(a, at, out),
        None => out.extend_from_slice(a),
    }
}

/// Appends `a` up to `at`, and the byte there plus one.
fn put_incremented(a: &[u8], at: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(a.get(..=at).unwrap_or_default());
    if let Some(last) = out.last_mut() {
        *last = last.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn separator(a: &[u8], b: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_separator(a, b, &mut out);
        out
    }

    #[test]
    fn separators_are_those_of_the_reference() {
        for (a, b, expected) in [
            (&b"apple"[..], &b"banana"[..], &b"b"[..]),
            (b"abc", b"abcd", b"abc"),
            (b"abc", b"abd", b"abd"),
            (b"abcx", b"abd", b"abcy"),
            (b"abc\xff\x01", b"abd", b"abc\xff\x02"),
            (b"abc\xff", b"abd", b"abc\xff"),
            (b"a", b"c", b"b"),
            (b"same", b"same", b"same"),
            (b"", b"x", b""),
        ] {
            if (a, b) != (b"abc", b"abd") {
                assert_eq!(separator(a, b), expected, "{a:x?} {b:x?}");
            }
        }
        // The next byte would reach `b` itself, and nothing follows it.
        assert_eq!(separator(b"abc", b"abd"), b"abc");
    }

    #[test]
    fn successors_are_those_of_the_reference() {
        for (a, expected) in [
            (&b"green"[..], &b"h"[..]),
            (b"\xffa", b"\xffb"),
            (b"\xff\xff", b"\xff\xff"),
            (b"", b""),
        ] {
            let mut out = Vec::new();
            put_successor(a, &mut out);
            assert_eq!(out, expected, "{a:x?}");
        }
    }

    proptest! {
        #[test]
        fn separators_separate(
            prefix in proptest::collection::vec(any::<u8>(), 0..20),
            a in proptest::collection::vec(prop_oneof![any::<u8>(), Just(255)], 0..6),
            b in proptest::collection::vec(prop_oneof![any::<u8>(), Just(255)], 0..6),
        ) {
            let (mut a, mut b) = ([&prefix[..], &a].concat(), [&prefix[..], &b].concat());
            if a > b {
                std::mem::swap(&mut a, &mut b);
            }
            let found = separator(&a, &b);
            prop_assert!(found >= a && found <= b && found.len() <= a.len());
            prop_assert!(a == b || found < b);
            let mut after = Vec::new();
            put_successor(&b, &mut after);
            prop_assert!(after >= b && after.len() <= b.len());
            let naive = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
            prop_assert_eq!(common_prefix_len(&a, &b), naive);
        }
    }
}
