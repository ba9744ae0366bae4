//! A block of rows through a forest.

mod row;

use crate::kernel::{self, Exits, LeafTiles, Slots, TILE};
use crate::pipeline::by_row;
use crate::program::{ForestParameters, RankParameters, node_planes};
use crate::rows::{Rows, SecretValues};
use crate::scratch::{Columns, Keys, Scratch, Sums, pages};
use crate::shape::{ForestShape, LANES, RankShape, Sum};
use crate::walk::Walk;
use ops::{Backend, Line, PublicDivisor, Words, fixed_to_f64};
use std::ops::Range;

/// A forest's steps with their parameters.
pub(super) struct Forest<'a> {
    rank: RankShape,
    ranks: &'a RankParameters,
    shape: ForestShape,
    parameters: &'a ForestParameters,
    average: Option<PublicDivisor>,
    walk: Walk,
}

impl<'a> Forest<'a> {
    pub(super) fn new(
        rank: RankShape,
        ranks: &'a RankParameters,
        shape: ForestShape,
        parameters: &'a ForestParameters,
        walk: Walk,
    ) -> Self {
        let average = shape.average.map(PublicDivisor::new);
        Self { rank, ranks, shape, parameters, average, walk }
    }

    /// Which kernel walks the trees.
    pub(super) fn walk(&self) -> Walk {
        self.walk
    }

    /// Adds up the leaves of `count` rows from `first` on.
    pub(super) fn sums(
        &self,
        backend: Backend,
        rows: &Rows,
        first: usize,
        count: usize,
        scratch: &mut Scratch,
    ) {
        let tiles = count.div_ceil(TILE);
        let held = if let Walk::Few(rows) = self.walk { rows } else { tiles * TILE };
        order_keys(backend, rows, first, count, held, scratch);
        self.start(tiles, &mut scratch.sums);
        if matches!(self.walk, Walk::Few(_)) {
            let words = kernel::row_words(rows.features());
            return (0..count).for_each(|row| {
                self.row_sums(backend, row, row * words..(row + 1) * words, scratch)
            });
        }
        if let (Walk::Sliced(_), Some(sliced)) = (self.walk, &self.parameters.sliced) {
            turn_columns(backend, rows.features(), tiles, scratch);
            let Scratch { columns, planes, sums, .. } = scratch;
            return sliced.sums(backend, columns, planes.expose_mut(), tiles, sums);
        }
        for group in 0..self.rank.groups as usize {
            self.rank(backend, group, rows.features(), count, scratch);
            for lane_group in self.lane_groups(group) {
                self.exits(backend, lane_group, count, scratch);
                self.leaves(backend, lane_group, tiles, scratch);
            }
        }
    }

    /// The sums of `count` rows to margins.
    pub(super) fn margins(&self, backend: Backend, count: usize, scratch: &mut Scratch) {
        let outputs = self.shape.outputs();
        let margins = &mut scratch.margins.expose_mut()[..count * outputs];
        let places = self.places(backend);
        let divide = |sum: f64| self.average.as_ref().map_or(sum, |n| n.divide(sum));
        match (&scratch.sums, self.shape.sum) {
            (Sums::F32(sums), _) => by_row(sums.expose(), &places, outputs, margins, f64::from),
            (Sums::F64(sums), _) => by_row(sums.expose(), &places, outputs, margins, divide),
            (Sums::I64(sums), Sum::Fixed { fraction_bits }) => {
                by_row(sums.expose(), &places, outputs, margins, |sum| {
                    divide(fixed_to_f64(sum, fraction_bits))
                });
            }
            _ => {}
        }
    }

    /// Where each row of a tile stands among the sums.
    pub(super) fn places(&self, backend: Backend) -> [usize; TILE] {
        if matches!(self.walk, Walk::Few(_)) {
            return std::array::from_fn(|row| row);
        }
        kernel::row_places(backend, self.shape.sum.value_bytes())
    }

    /// The lane groups that share a rank group's slots.
    fn lane_groups(&self, group: usize) -> Range<usize> {
        let per_group = self.shape.lane_groups_per_rank_group as usize;
        group * per_group..((group + 1) * per_group).min(self.shape.lane_groups())
    }

    /// A rank group's slots: where their heads and their tables stand.
    fn slots(&self, group: usize) -> (Range<usize>, Range<usize>) {
        let chunks = self.rank.slots as usize / 16;
        let words = self.rank.slots as usize * (self.rank.thresholds as usize + 1) / 16;
        (group * chunks..(group + 1) * chunks, group * words..(group + 1) * words)
    }

    /// A lane group's nodes and ends.
    fn nodes(&self, lane_group: usize) -> (&[Line], &Line) {
        let lines = self.shape.nodes as usize * node_planes(&self.rank);
        let nodes = &self.parameters.nodes.expose()[lane_group * lines..][..lines];
        (nodes, &self.parameters.ends.expose()[lane_group])
    }

    /// Every output's sum starts at its base.
    fn start(&self, tiles: usize, sums: &mut Sums) {
        let base = self.parameters.base.expose();
        match sums {
            Sums::F32(sums) => fill(sums.expose_mut(), base, tiles, |b| f32::from_bits(b as u32)),
            Sums::F64(sums) => fill(sums.expose_mut(), base, tiles, f64::from_bits),
            Sums::I64(sums) => fill(sums.expose_mut(), base, tiles, u64::cast_signed),
            Sums::U32(sums) => fill(sums.expose_mut(), base, tiles, |b| b as u32),
        }
    }

    fn rank(
        &self,
        backend: Backend,
        group: usize,
        features: usize,
        count: usize,
        scratch: &mut Scratch,
    ) {
        let pages = pages(&self.rank);
        let row_words = kernel::row_words(features);
        let (heads, all_tables) = self.slots(group);
        for tile in 0..count.div_ceil(TILE) {
            let rows = rows_of(tile, count).next_multiple_of(16);
            let keys = tile * TILE * row_words..(tile * TILE + rows) * row_words;
            let first_page = if self.walk == Walk::Lanes { 0 } else { tile * pages };
            let planes = &mut scratch.rank_planes.expose_mut()[first_page..][..pages];
            macro_rules! rank_with {
                ($kernel:ident, $tables:ident, $keys:ident) => {{
                    let slots = Slots {
                        heads: &$tables.heads.expose()[heads.clone()],
                        tables: &$tables.tables.expose()[all_tables.clone()],
                    };
                    kernel::$kernel(backend, slots, rows, &$keys.expose()[keys], planes);
                }};
            }
            match (self.ranks, &scratch.keys) {
                (RankParameters::Narrow(tables), Keys::Narrow(all)) => {
                    rank_with!(rank_f32, tables, all);
                }
                (RankParameters::Wide(tables), Keys::Wide(all)) => {
                    rank_with!(rank_f64, tables, all);
                }
                _ => {}
            }
            if self.walk == Walk::Lanes {
                let rows = tile * TILE * pages..(tile + 1) * TILE * pages;
                kernel::rank_rows(backend, planes, &mut scratch.rank_rows.expose_mut()[rows]);
            }
        }
    }

    /// Every lane's exit, for every tile, one line per lane.
    fn exits(&self, backend: Backend, lane_group: usize, count: usize, scratch: &mut Scratch) {
        let pages = pages(&self.rank);
        let planes = node_planes(&self.rank);
        let (nodes, end) = self.nodes(lane_group);
        for tile in 0..count.div_ceil(TILE) {
            let lane_exits = &mut scratch.lane_exits.expose_mut()[tile];
            if self.walk == Walk::Lanes {
                // as many rows as any backend takes at once
                let rows = rows_of(tile, count).next_multiple_of(8);
                let ranks = &scratch.rank_rows.expose()[tile * TILE * pages..][..rows * pages];
                let row_exits = &mut scratch.row_exits.expose_mut()[0];
                let slots = self.rank.slots as usize;
                kernel::interval_max(backend, nodes, end, ranks, slots, row_exits);
                kernel::transpose(backend, row_exits, lane_exits);
            } else {
                let ranks = &scratch.rank_planes.expose()[tile * pages..][..pages];
                kernel::interval_max_rows(backend, nodes, planes, end, ranks, lane_exits);
            }
        }
    }

    /// The exit tables of a lane group's blocks.
    fn exit_tables(&self, lane_group: usize) -> Exits<'_> {
        let block_lines = self.shape.exit_planes() * self.shape.exit_lines();
        let first_block = lane_group * LANES;
        let blocks = LANES.min(self.shape.total_blocks() - first_block);
        let all = self.parameters.exits.expose();
        Exits {
            tables: &all[first_block * block_lines..][..blocks * block_lines],
            first_block,
            blocks_per_sequence: self.shape.blocks as usize,
            exits: self.shape.nodes as usize + 1,
            skip_bytes: self.shape.skip_bytes as usize,
            leaf_width: self.shape.leaf_width as usize,
        }
    }

    fn leaves(&self, backend: Backend, lane_group: usize, tiles: usize, scratch: &mut Scratch) {
        let exits = self.exit_tables(lane_group);
        let lanes = &scratch.lane_exits.expose()[..tiles];
        let skips = &mut scratch.skips.expose_mut()[..tiles];
        let sums = tiles * self.shape.outputs();
        macro_rules! add_with {
            ($kernel:ident, $all:ident) => {
                kernel::$kernel(
                    backend,
                    exits,
                    LeafTiles { exits: lanes, skips, sums: &mut $all.expose_mut()[..sums] },
                )
            };
        }
        match &mut scratch.sums {
            Sums::F32(all) => add_with!(leaf_sum_f32, all),
            Sums::F64(all) => add_with!(leaf_sum_f64, all),
            Sums::I64(all) => add_with!(leaf_sum_i64, all),
            Sums::U32(all) => add_with!(leaf_sum_u32, all),
        }
    }
}

/// How many of `count` rows are in a tile.
fn rows_of(tile: usize, count: usize) -> usize {
    TILE.min(count - tile * TILE)
}

/// Keys of the rows; those up to `held` are filled up with the key of zero.
fn order_keys(
    backend: Backend,
    rows: &Rows,
    first: usize,
    count: usize,
    held: usize,
    scratch: &mut Scratch,
) {
    let features = rows.features();
    let words = kernel::row_words(features);
    macro_rules! keys_with {
        ($kernel:ident, $values:ident, $keys:ident) => {{
            let values = &$values.expose()[first * features..][..count * features];
            let keys = &mut $keys.expose_mut()[..held * words];
            let (keys, rest) = keys.split_at_mut(count * words);
            kernel::$kernel(backend, features, values, keys);
            rest.fill(Words::default());
        }};
    }
    match (&rows.values, &mut scratch.keys) {
        (SecretValues::F32(values), Keys::Narrow(all)) => {
            keys_with!(order_keys_f32, values, all);
        }
        (SecretValues::F64(values), Keys::Wide(all)) => keys_with!(order_keys_f64, values, all),
        _ => {}
    }
}

/// The same keys by column.
fn turn_columns(backend: Backend, features: usize, tiles: usize, scratch: &mut Scratch) {
    let keys = tiles * TILE * kernel::row_words(features);
    match (&scratch.keys, &mut scratch.columns) {
        (Keys::Narrow(all), Columns::Narrow(columns)) => {
            kernel::columns_f32(backend, &all.expose()[..keys], columns.expose_mut());
        }
        (Keys::Wide(all), Columns::Wide(columns)) => {
            kernel::columns_f64(backend, &all.expose()[..keys], columns.expose_mut());
        }
        _ => {}
    }
}

fn fill<V: Copy>(sums: &mut [[V; TILE]], base: &[u64], tiles: usize, f: impl Fn(u64) -> V) {
    for tile in sums.chunks_exact_mut(base.len()).take(tiles) {
        for (sum, &bits) in tile.iter_mut().zip(base) {
            *sum = [f(bits); TILE];
        }
    }
}
