//! Which cells of a leaf have row ids that can be right.
//!
//! Row ids ascend on a leaf. One that a flipped bit moved would stand before or behind rows that are
//! whole; the longest ascending sequence leaves it out.

use super::super::node::Node;

/// The cells of `node` with their row ids: those of a longest sequence of ascending ones.
pub(super) fn sound_cells(node: &Node) -> Vec<(usize, i64)> {
    let rowids: Vec<_> = (0..node.cells())
        .filter_map(|i| Some((i, node.rowid(i).ok()?)))
        .collect();
    if rowids.is_sorted_by(|a, b| a.1 < b.1) {
        return rowids;
    }
    longest_ascending(&rowids)
}

/// By patience sorting: `ends[n]` is the position that ends the best sequence of `n + 1` so far.
fn longest_ascending(rowids: &[(usize, i64)]) -> Vec<(usize, i64)> {
    let rowid = |at: usize| rowids.get(at).map(|(_, rowid)| *rowid);
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(rowids.len());
    for at in 0..rowids.len() {
        let place = ends.partition_point(|&end| rowid(end) < rowid(at));
        before.push(place.checked_sub(1).and_then(|p| ends.get(p)).copied());
        match ends.get_mut(place) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut chosen = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(at) = next {
        chosen.extend(rowids.get(at));
        next = before.get(at).copied().flatten();
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rowids_out_of_order_are_left_out() {
        let cases: [(&[i64], &[i64]); 6] = [
            (&[1, 2, 3], &[1, 2, 3]),
            (&[1, 900, 3, 4], &[1, 3, 4]),
            (&[900, 2, 3, 4], &[2, 3, 4]),
            (&[1, 2, -7, 4], &[1, 2, 4]),
            (&[5, 5, 6], &[5, 6]),
            (&[], &[]),
        ];
        for (given, expected) in cases {
            let given: Vec<_> = given.iter().copied().enumerate().collect();
            let chosen: Vec<_> = longest_ascending(&given).into_iter().map(|c| c.1).collect();
            assert_eq!(chosen, expected, "{given:?}");
        }
    }
}
