//! A loser tree: which of k sources is first, updated with O(log k) comparisons when one moves.
//!
//! The leaves are the sources; each inner node holds the loser of the game played there, and the
//! winner of all stands on top. When the winner moves, only the games on its way up are played
//! again. With one source no game is played.

/// The games between sources `0..k`.
#[derive(Clone, Debug, Default)]
pub(super) struct LoserTree {
    /// Losers of the inner nodes `1..k`; node `n` has the children `2n` and `2n + 1`, where leaf
    /// `i` is node `k + i`. Entry 0 is the winner.
    nodes: Vec<usize>,
}

impl LoserTree {
    /// The winner; 0 if there are no sources.
    pub(super) fn winner(&self) -> usize {
        self.nodes.first().copied().unwrap_or_default()
    }

    /// Plays all games among `count` sources anew. `beats(a, b)`: whether a is before b.
    pub(super) fn rebuild(&mut self, count: usize, beats: impl Fn(usize, usize) -> bool) {
        self.nodes.clear();
        self.nodes.resize(count, usize::MAX);
        for leaf in 0..count {
            self.enter(leaf, &beats);
        }
    }

    /// Sends a leaf up the tree until it finds a node where nobody has arrived yet, and waits
    /// there; who finds somebody plays.
    fn enter(&mut self, leaf: usize, beats: &impl Fn(usize, usize) -> bool) {
        let mut winner = leaf;
        let mut node = usize::midpoint(leaf, self.nodes.len());
        while node > 0 {
            let Some(waiting) = self.nodes.get_mut(node) else {
                return;
            };
            if *waiting == usize::MAX {
                *waiting = winner;
                return;
            }
            if beats(*waiting, winner) {
                std::mem::swap(waiting, &mut winner);
            }
            node /= 2;
        }
        if let Some(top) = self.nodes.first_mut() {
            *top = winner;
        }
    }

    /// Plays the winner's games again after it moved.
    pub(super) fn replay(&mut self, beats: impl Fn(usize, usize) -> bool) {
        let count = self.nodes.len();
        let mut winner = self.winner();
        let mut node = usize::midpoint(winner, count);
        while node > 0 {
            if let Some(loser) = self.nodes.get_mut(node)
                && beats(*loser, winner)
            {
                std::mem::swap(loser, &mut winner);
            }
            node /= 2;
        }
        if let Some(top) = self.nodes.first_mut() {
            *top = winner;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_on_top_whoever_moves(
            mut queues in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..20),
        ) {
            let mut expected: Vec<u8> = queues.iter().flatten().copied().collect();
            expected.sort_unstable();
            for queue in &mut queues {
                queue.sort_unstable_by(|a, b| b.cmp(a));
            }
            let order = |queues: &[Vec<u8>], i: usize| {
                (queues[i].last().copied().map_or(256, u16::from), i)
            };
            let mut tree = LoserTree::default();
            tree.rebuild(queues.len(), |a, b| order(&queues, a) < order(&queues, b));
            let mut merged = Vec::new();
            while let Some(item) = queues.get_mut(tree.winner()).and_then(Vec::pop) {
                merged.push(item);
                tree.replay(|a, b| order(&queues, a) < order(&queues, b));
            }
            prop_assert_eq!(merged, expected);
        }
    }
}
