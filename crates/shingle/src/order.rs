//! Sorting of rows by key, from the front of the keys to their ends.
//!
//! Keys of one family begin alike, so comparing them whole looks at the same bytes over and over, in
//! memory that no cache holds. Here a group of entries first passes over what all their keys share;
//! then each entry takes the next eight bytes of its key as a number, the numbers are sorted, and
//! entries with equal numbers are a group of their own, eight bytes further on. Every byte of a key
//! is loaded about once, and the sort proper moves numbers.
//!
//! A key that ends within the eight bytes is filled up with zeros; since a longer key may hold zeros
//! there, the number of bytes taken is compared behind the number itself. Groups wait on a stack of
//! their own, so that no key can exhaust that of the thread.

/// What is sorted: a key in bytes that lie elsewhere.
pub(crate) trait Keyed {
    /// Bytes of the key at the depth that is being sorted, big-endian.
    fn head(&self) -> u64;
    /// Notes them.
    fn set_head(&mut self, head: u64);
    /// Start of the key; later rows have greater starts.
    fn start(&self) -> u32;
    /// Length of the key.
    fn key_len(&self) -> u32;

    /// The key.
    fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.start() as usize;
        bytes
            .get(start..start + self.key_len() as usize)
            .unwrap_or_default()
    }
}

/// Groups up to this size are sorted by comparing keys.
const SMALL: usize = 12;
/// Bytes of a key that are sorted at a time.
const HEAD_LEN: usize = 8;

/// Sorts `entries`, whose keys lie in `bytes`, by key; of equal keys the later one comes first.
pub(crate) fn sort<E: Keyed>(entries: &mut [E], bytes: &[u8]) {
    let mut groups = vec![(0, entries.len(), 0)];
    while let Some((start, end, depth)) = groups.pop() {
        let Some(group) = entries.get_mut(start..end) else {
            continue;
        };
        if group.len() <= SMALL {
            sort_small(group, bytes, depth);
            continue;
        }
        let depth = depth + shared(group, bytes, depth);
        load(group, bytes, depth);
        group.sort_unstable_by_key(|entry| (entry.head(), taken(entry, depth)));
        let same = |a: &E, b: &E| a.head() == b.head() && taken(a, depth) == taken(b, depth);
        let mut from = start;
        for run in group.chunk_by_mut(same) {
            let to = from + run.len();
            if run.len() > 1 {
                // Keys that end here are equal: the later row comes first.
                if run
                    .first()
                    .is_some_and(|entry| taken(entry, depth) < HEAD_LEN)
                {
                    run.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.start()));
                } else {
                    groups.push((from, to, depth + HEAD_LEN));
                }
            }
            from = to;
        }
    }
}

fn tail<'a>(entry: &impl Keyed, bytes: &'a [u8], depth: usize) -> &'a [u8] {
    entry.key(bytes).get(depth..).unwrap_or_default()
}

fn sort_small(group: &mut [impl Keyed], bytes: &[u8], depth: usize) {
    group.sort_unstable_by(|a, b| {
        let keys = tail(a, bytes, depth).cmp(tail(b, bytes, depth));
        keys.then_with(|| b.start().cmp(&a.start()))
    });
}

/// How many bytes from `depth` on the keys of `group` share.
fn shared(group: &[impl Keyed], bytes: &[u8], depth: usize) -> usize {
    let Some((first, others)) = group.split_first() else {
        return 0;
    };
    let mut shared = tail(first, bytes, depth);
    for entry in others {
        let other = tail(entry, bytes, depth);
        let len = shared.iter().zip(other).take_while(|(a, b)| a == b).count();
        shared = shared.get(..len).unwrap_or_default();
        if shared.is_empty() {
            break;
        }
    }
    shared.len()
}

/// Takes the next bytes of each key as its number.
fn load(group: &mut [impl Keyed], bytes: &[u8], depth: usize) {
    for entry in group {
        let tail = tail(entry, bytes, depth);
        let mut head = [0; HEAD_LEN];
        match tail.first_chunk::<HEAD_LEN>() {
            Some(whole) => head = *whole,
            None => head.iter_mut().zip(tail).for_each(|(to, byte)| *to = *byte),
        }
        entry.set_head(u64::from_be_bytes(head));
    }
}

/// Bytes of the key that its number holds.
fn taken(entry: &impl Keyed, depth: usize) -> usize {
    (entry.key_len() as usize - depth).min(HEAD_LEN)
}
