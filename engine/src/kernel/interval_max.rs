//! Interval-max: any tree of at most 255 nodes, 64 trees or blocks side by side, one row at a time.
//!
//! Node `i` of every lane is treated in the same step, in preorder. Node `i` has the exits
//! `first..end` below it, its left subtree `first..middle`. The state of a lane is the first exit
//! that is still possible, kept relative to the current node's `first` mod 256, as `e`:
//!
//! 1. `e += first[i-1] - first[i]`: the same exit, seen from this node;
//! 2. where the row goes right (`rank > threshold`): `e = max(e, middle - first)`.
//!
//! After the last node `e + first[last]` is the exit, for these reasons. Let `x` be the exit that
//! the row reaches. Going right at a node on the row's path rules out all exits before `middle`, so
//! the state never passes `x`, and at the end it is `x`, since each exit before `x` is ruled out by
//! the node where the paths part. A node off the row's path must change nothing:
//!
//! * the row's path left the node's subtree to its right, so the state is at least `end >= middle`
//!   already (preorder: the node where the paths part came before), and the max keeps it;
//! * the row's path left to its left, so the state `s` is some exit before `first`: `e` wraps to
//!   `256 - (first - s)`, and because there are at most 256 exits, `first - s + middle - first =
//!   middle - s <= 255`, hence `e = 256 - (first - s) >= middle - first + 1`, and the max keeps it.
//!
//! No guard, no compare of `e`, four byte instructions for 64 nodes. A padding node has threshold
//! 255, which no rank exceeds, and shift and reach 0. `tests/tests/interval_max.rs` runs it on every
//! tree of up to 9 nodes with every outcome of every node, and on blocks of 255 nodes.

use crate::shape::LANES;
use ops::{Backend, Kernel, Lanes, Line};

/// Evaluates one lane group on one tile of rows.
///
/// `nodes`: `nodes x planes` lines, where 4 planes (slot, threshold rank, shift, reach) serve up to
/// 64 slots and the fifth is the slot's page; `end`: first exit of each lane's last node; `ranks`:
/// `rows x lines`, as `kernel::rank_rows` leaves them, of which `slots` bytes a row are used, for one
/// row or a multiple of 8 rows up to 64; `exits`: the exit of each lane, one line per row.
///
/// # Leaks
/// Nothing beyond the shape.
pub fn interval_max(
    backend: Backend,
    nodes: &[Line],
    end: &Line,
    ranks: &[Line],
    slots: usize,
    exits: &mut [Line],
) {
    backend.run(IntervalMax { nodes, end, ranks, slots, exits });
}

struct IntervalMax<'a> {
    nodes: &'a [Line],
    end: &'a Line,
    ranks: &'a [Line],
    slots: usize,
    exits: &'a mut [Line],
}

impl Kernel for IntervalMax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let one_row = self.ranks.len() == self.slots.div_ceil(LANES);
        match (self.slots <= LANES, L::ROWS) {
            (true, _) if one_row => self.one_page::<L, 1>(l),
            (false, _) if one_row => self.pages::<L, 1>(l),
            (true, 8) => self.one_page::<L, 8>(l),
            (true, 4) => self.one_page::<L, 4>(l),
            (true, _) => self.one_page::<L, 2>(l),
            (false, 8) => self.pages::<L, 8>(l),
            (false, _) => self.pages::<L, 2>(l),
        }
    }
}

impl IntervalMax<'_> {
    /// At most 64 slots: each lane's rank is one lookup.
    #[inline(always)]
    fn one_page<L: Lanes, const ROWS: usize>(self, l: L) {
        let (nodes, _) = self.nodes.as_chunks::<4>();
        let end = l.load(self.end);
        for (exits, rows) in self.exits.chunks_exact_mut(ROWS).zip(self.ranks.chunks_exact(ROWS)) {
            let mut e = [l.splat(0); ROWS];
            for [slot, threshold, shift, reach] in nodes {
                let [slot, threshold, shift, reach] =
                    [slot, threshold, shift, reach].map(|line| l.load(line));
                for (e, ranks) in e.iter_mut().zip(rows) {
                    let rank = l.lookup(ranks, self.slots, slot);
                    *e = l.raise_where_greater(l.add(*e, shift), rank, threshold, reach);
                }
            }
            for (e, exit) in e.into_iter().zip(exits) {
                l.store(l.add(e, end), exit);
            }
        }
    }

    /// More slots: a lookup in every page, of which each lane keeps one.
    #[inline(always)]
    fn pages<L: Lanes, const ROWS: usize>(self, l: L) {
        let (nodes, _) = self.nodes.as_chunks::<5>();
        let lines = self.slots.div_ceil(LANES);
        let end = l.load(self.end);
        let tile = self.exits.chunks_exact_mut(ROWS).zip(self.ranks.chunks_exact(ROWS * lines));
        for (exits, rows) in tile {
            let mut e = [l.splat(0); ROWS];
            for [slot, threshold, shift, reach, page] in nodes {
                let [slot, threshold, shift, reach, page] =
                    [slot, threshold, shift, reach, page].map(|line| l.load(line));
                let mut rank = [l.splat(0); ROWS];
                for (row, rank) in rank.iter_mut().enumerate() {
                    *rank = l.lookup(&rows[row * lines], LANES, slot);
                }
                for line in 1..lines {
                    let here = l.equal(page, l.splat(line as u8));
                    let entries = LANES.min(self.slots - line * LANES);
                    for (row, rank) in rank.iter_mut().enumerate() {
                        let table = &rows[row * lines + line];
                        *rank = l.lookup_where(here, table, entries, slot, *rank);
                    }
                }
                for (e, rank) in e.iter_mut().zip(rank) {
                    *e = l.raise_where_greater(l.add(*e, shift), rank, threshold, reach);
                }
            }
            for (e, exit) in e.into_iter().zip(exits) {
                l.store(l.add(e, end), exit);
            }
        }
    }
}
