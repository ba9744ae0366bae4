//! One row through a forest: nothing is turned, and nothing is as long as a tile.

use super::Forest;
use crate::kernel::{self, LeafRow, Slots};
use crate::program::RankParameters;
use crate::scratch::{Keys, Scratch, Sums};
use ops::{Backend, Line, Secret};
use std::ops::Range;

impl Forest<'_> {
    /// Adds up the leaves of a row, whose keys are these words of the scratch memory's.
    pub(super) fn row_sums(
        &self,
        backend: Backend,
        row: usize,
        words: Range<usize>,
        scratch: &mut Scratch,
    ) {
        let mut exits = Secret::new([Line::default()]);
        let mut skip = Secret::new([Line::default(); 2]);
        for group in 0..self.rank.groups as usize {
            self.rank_row(backend, group, words.clone(), scratch);
            for lane_group in self.lane_groups(group) {
                let slots = self.rank.slots as usize;
                let (nodes, end) = self.nodes(lane_group);
                let ranks = scratch.rank_rows.expose();
                kernel::interval_max(backend, nodes, end, ranks, slots, exits.expose_mut());
                let exits = &exits.expose()[0];
                self.row_leaves(backend, lane_group, row, exits, skip.expose_mut(), scratch);
            }
        }
    }

    fn rank_row(&self, backend: Backend, group: usize, row: Range<usize>, scratch: &mut Scratch) {
        let (heads, tables) = self.slots(group);
        let ranks = scratch.rank_rows.expose_mut();
        macro_rules! rank_with {
            ($kernel:ident, $parameters:ident, $keys:ident) => {{
                let slots = Slots {
                    heads: &$parameters.heads.expose()[heads],
                    tables: &$parameters.tables.expose()[tables],
                };
                kernel::$kernel(backend, slots, &$keys.expose()[row], ranks);
            }};
        }
        match (self.ranks, &scratch.keys) {
            (RankParameters::Narrow(parameters), Keys::Narrow(keys)) => {
                rank_with!(rank_row_f32, parameters, keys);
            }
            (RankParameters::Wide(parameters), Keys::Wide(keys)) => {
                rank_with!(rank_row_f64, parameters, keys);
            }
            _ => {}
        }
    }

    fn row_leaves(
        &self,
        backend: Backend,
        lane_group: usize,
        place: usize,
        exits: &Line,
        skip: &mut [Line; 2],
        scratch: &mut Scratch,
    ) {
        let tables = self.exit_tables(lane_group);
        macro_rules! add_with {
            ($kernel:ident, $sums:ident) => {{
                let row = LeafRow { exits, skip, sums: $sums.expose_mut(), place };
                kernel::$kernel(backend, tables, row);
            }};
        }
        match &mut scratch.sums {
            Sums::F32(sums) => add_with!(leaf_sum_row_f32, sums),
            Sums::F64(sums) => add_with!(leaf_sum_row_f64, sums),
            Sums::I64(sums) => add_with!(leaf_sum_row_i64, sums),
            Sums::U32(sums) => add_with!(leaf_sum_row_u32, sums),
        }
    }
}
