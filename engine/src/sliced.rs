//! A forest of profile `data-oblivious`, laid out for the bit-sliced kernel.
//!
//! Made from the program's parameters where a program is made, and only in that profile: what is
//! done here depends on the model, which that profile does not hide. Rows never come here.
//!
//! 1. The program's blocks are put together to trees again ([`trees`]).
//! 2. Consecutive trees share the planes of their thresholds, as many as fit ([`thresholds`]).
//! 3. Each tree is cut into blocks that suit the kernel ([`cut`]).
//!
//! Parameters that are no trees, which only hand-made program bytes have, and trees of too many
//! thresholds or leaves are not laid out: such a forest stays with `kernel::interval_max_rows`,
//! which gives what the parameters say for any of them.

mod cut;
mod thresholds;
mod trees;

use crate::kernel::{self, Block, Column, PublicSlot, SlicedTree, SlicedTrees, Split, TILE};
use crate::program::{ForestParameters, RankParameters};
use crate::scratch::{Columns, Sums};
use crate::shape::{ForestShape, LANES, RankShape};
use ops::{Backend, Key, LINE, Line, Secret, Words};
use std::ops::Range;
use thresholds::{Grouping, Slot};

/// The layout.
pub(crate) struct Sliced {
    groups: Vec<Group>,
    slots: Slots,
    trees: Vec<SlicedTree>,
    splits: Vec<Split>,
    blocks: Vec<Block>,
    nodes: Vec<u32>,
    values: Secret<Vec<Line>>,
    leaf_width: usize,
    outputs: usize,
    /// Planes that are needed at once, with the one of zeros.
    planes: usize,
    /// Masks that are needed at once.
    masks: usize,
    /// Cycles of a block of rows up to the codes, as `cut` counts them.
    code_cycles: u64,
    /// Cycles of its leaf values.
    leaf_cycles: u64,
    /// Planes that are filled for a block of rows, over all groups.
    thresholds: u64,
    /// Nodes of all trees.
    all_nodes: u64,
}

/// Trees that share planes, and the slots that fill them.
struct Group {
    trees: Range<usize>,
    slots: Range<usize>,
}

/// Slots with keys of the rows' precision.
enum Slots {
    Narrow(Tables<i32>),
    Wide(Tables<i64>),
}

struct Tables<K: Key> {
    slots: Vec<TableSlot<K>>,
    /// The search trees of all slots.
    words: Secret<Vec<Words<K>>>,
}

struct TableSlot<K> {
    feature: usize,
    missing: [K; 3],
    table: Range<usize>,
    thresholds: usize,
}

impl Sliced {
    /// Lays out a forest; `None` where that can't be.
    pub(crate) fn new(
        rank: &RankShape,
        ranks: &RankParameters,
        features: u32,
        shape: &ForestShape,
        forest: &ForestParameters,
    ) -> Option<Self> {
        let found = trees::read(rank, ranks, features, shape, forest)?;
        let Grouping { groups, slots, planes } = thresholds::group(&found)?;
        let mut layout = cut::Layout::new(shape);
        let mut all = Vec::with_capacity(found.len());
        let groups: Vec<Group> = groups
            .into_iter()
            .map(|group| {
                for tree in &found[group.trees.clone()] {
                    all.push(layout.add(tree, &|rule| group.plane(rule), forest)?);
                }
                Some(Group { trees: group.trees, slots: group.slots })
            })
            .collect::<Option<_>>()?;
        let thresholds = slots.iter().map(|slot| slot.thresholds.len() as u64).sum();
        let slots = match ranks {
            RankParameters::Narrow(_) => Slots::Narrow(Tables::of(&slots, |key| key as i32)),
            RankParameters::Wide(_) => Slots::Wide(Tables::of(&slots, |key| key)),
        };
        let cut::Layout { splits, blocks, nodes, values, masks, code_cycles, leaf_cycles, .. } =
            layout;
        let leaf_width = shape.leaf_width as usize;
        let values = Secret::new(values);
        let (trees, outputs) = (all, shape.outputs());
        Some(Self {
            groups,
            slots,
            trees,
            splits,
            blocks,
            nodes,
            values,
            leaf_width,
            outputs,
            planes,
            masks,
            code_cycles,
            leaf_cycles,
            thresholds,
            all_nodes: found.iter().map(|tree| tree.splits.len() as u64).sum(),
        })
    }

    /// Most bytes that a layout of this shape takes.
    pub(crate) fn bytes(forest: &ForestShape) -> u64 {
        let nodes = forest.total_blocks() as u64 * u64::from(forest.nodes);
        let places = cut::most_places(nodes, u64::from(forest.trees));
        let leaf = u64::from(forest.leaf_width) * forest.sum.value_bytes() as u64;
        let thresholds = nodes * (size_of::<Words<i64>>() + size_of::<Slot>()) as u64;
        let trees = u64::from(forest.trees) * (size_of::<SlicedTree>() + LINE) as u64;
        let steps = nodes * (size_of::<Split>() + size_of::<Block>()) as u64;
        trees + steps + thresholds + places * (leaf + 4)
    }

    /// Most planes and masks that a layout of this shape needs at once.
    pub(crate) fn most_planes(forest: &ForestShape) -> usize {
        let nodes = forest.total_blocks() * forest.nodes as usize;
        2 + nodes.min(thresholds::MOST_PLANES) + nodes.min(cut::MOST_BLOCKS)
    }

    /// Planes, with the one of zeros, and masks that this layout needs at once.
    pub(crate) fn planes(&self) -> usize {
        self.planes + self.masks
    }

    /// Cycles of a block of rows up to the codes, as `cut` counts them: one row takes as many.
    pub(crate) fn code_cycles(&self) -> u64 {
        self.code_cycles
    }

    /// Cycles of the leaf values of a tile of rows.
    pub(crate) fn leaf_cycles(&self) -> u64 {
        self.leaf_cycles / kernel::PLANE_TILES as u64
    }

    /// Planes that are filled for a block of rows, over all groups.
    pub(crate) fn thresholds(&self) -> u64 {
        self.thresholds
    }

    /// Nodes of all trees.
    pub(crate) fn nodes(&self) -> u64 {
        self.all_nodes
    }

    /// Adds the leaves of at most eight tiles of rows to their sums.
    pub(crate) fn sums(
        &self,
        backend: Backend,
        columns: &Columns,
        planes: &mut [Line],
        tiles: usize,
        sums: &mut Sums,
    ) {
        let (planes, masks) = planes.split_at_mut(self.planes);
        for group in &self.groups {
            let slots = group.slots.clone();
            let (_, filled) = planes.split_at_mut(1);
            match (&self.slots, columns) {
                (Slots::Narrow(tables), Columns::Narrow(columns)) => {
                    tables.fill(slots, columns.expose(), filled, |slot, column, planes| {
                        kernel::threshold_planes_f32(backend, slot, column, tiles, planes);
                    });
                }
                (Slots::Wide(tables), Columns::Wide(columns)) => {
                    tables.fill(slots, columns.expose(), filled, |slot, column, planes| {
                        kernel::threshold_planes_f64(backend, slot, column, tiles, planes);
                    });
                }
                _ => {}
            }
            let trees = SlicedTrees {
                trees: &self.trees[group.trees.clone()],
                splits: &self.splits,
                blocks: &self.blocks,
                nodes: &self.nodes,
                values: self.values.expose(),
                leaf_width: self.leaf_width,
            };
            macro_rules! add_with {
                ($kernel:ident, $all:ident) => {{
                    let sums = &mut $all.expose_mut()[..tiles * self.outputs];
                    kernel::$kernel(backend, trees, planes, masks, tiles, sums);
                }};
            }
            match sums {
                Sums::F32(all) => add_with!(bit_sliced_f32, all),
                Sums::F64(all) => add_with!(bit_sliced_f64, all),
                Sums::I64(all) => add_with!(bit_sliced_i64, all),
                Sums::U32(all) => add_with!(bit_sliced_u32, all),
            }
        }
    }
}

impl<K: Key> Tables<K> {
    fn of(slots: &[Slot], narrow: impl Fn(i64) -> K) -> Self {
        let mut words = Vec::new();
        let slots = slots
            .iter()
            .map(|slot| {
                let first = words.len();
                let size = (slot.thresholds.len() + 1).next_power_of_two().max(16);
                words.resize(first + size / 16, Words([K::NAN; 16]));
                for (entry, &threshold) in ops::search_order(size - 1).zip(&slot.thresholds) {
                    words[first + entry / 16].0[entry % 16] = narrow(threshold);
                }
                TableSlot {
                    feature: slot.source.feature as usize,
                    missing: slot.source.missing.map(&narrow),
                    table: first..words.len(),
                    thresholds: slot.thresholds.len(),
                }
            })
            .collect();
        Self { slots, words: Secret::new(words) }
    }

    /// Hands every slot to the kernel, with its column and its planes.
    fn fill(
        &self,
        slots: Range<usize>,
        columns: &[Column<K>],
        mut planes: &mut [Line],
        kernel: impl Fn(PublicSlot<'_, K>, &Column<K>, &mut [Line]),
    ) {
        for slot in &self.slots[slots] {
            let (here, rest) = planes.split_at_mut(slot.thresholds);
            let table = &self.words.expose()[slot.table.clone()];
            let public = PublicSlot { missing: slot.missing, table, thresholds: slot.thresholds };
            kernel(public, &columns[slot.feature], here);
            planes = rest;
        }
    }
}

const _: () = assert!(kernel::PLANE_TILES * TILE == 8 * LANES);
