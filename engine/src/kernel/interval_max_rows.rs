//! Interval-max for profile `data-oblivious`: 64 rows side by side, one block after the other.
//!
//! The method is that of [`interval_max`](super::interval_max); here the model steers the trace:
//! which slot a node reads is an address, and a block ends with its last real node. The rows never
//! steer anything.

use crate::shape::LANES;
use ops::{Backend, Kernel, Lanes, Line};

/// Ranks of one tile, one line per slot, in pages of 64 slots.
pub type RankPlanes = [[Line; LANES]];

/// Evaluates one lane group on one tile of rows.
///
/// `nodes`, `planes_per_node` and `end` as for [`interval_max`](super::interval_max); `ranks`: one
/// line per slot; `exits`: the exit of each row, one line per lane.
///
/// # Leaks
/// Beyond the shape: the nodes, that is the model. Nothing of the rows.
pub fn interval_max_rows(
    backend: Backend,
    nodes: &[Line],
    planes_per_node: usize,
    end: &Line,
    ranks: &RankPlanes,
    exits: &mut [Line; LANES],
) {
    backend.run(IntervalMaxRows { nodes, planes_per_node, end, ranks, exits });
}

struct IntervalMaxRows<'a> {
    nodes: &'a [Line],
    planes_per_node: usize,
    end: &'a Line,
    ranks: &'a RankPlanes,
    exits: &'a mut [Line; LANES],
}

impl Kernel for IntervalMaxRows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        for (lane, exit) in self.exits.iter_mut().enumerate() {
            let mut e = l.splat(0);
            for node in self.nodes.chunks_exact(self.planes_per_node) {
                let threshold = node[1].0[lane];
                if threshold == u8::MAX {
                    break; // padding: the block has no more nodes
                }
                let page = node.get(4).map_or(0, |line| usize::from(line.0[lane]));
                let rank = l.load(&self.ranks[page][usize::from(node[0].0[lane])]);
                let (shift, reach) = (l.splat(node[2].0[lane]), l.splat(node[3].0[lane]));
                e = l.raise_where_greater(l.add(e, shift), rank, l.splat(threshold), reach);
            }
            l.store(l.add(e, l.splat(self.end.0[lane])), exit);
        }
    }
}
