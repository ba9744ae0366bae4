//! Keys to columns, columns to planes of bits, and planes to sums.

use super::rank::bytes;
use super::{Choice, choices, kernel, region};
use crate::layout::{Class, Layout};
use crate::numbers::Numbers;
use crate::plain::{bytes_of, view, view_mut};
use crate::rows::{values_f32, values_f64};
use crate::target::{Profile, Target};
use engine::kernel::{
    BLOCK_DEPTH, Block, Column, PLANE_TILES, PublicSlot, SlicedTree, SlicedTrees, Split, TILE,
    bit_sliced_f32, bit_sliced_f64, bit_sliced_i64, bit_sliced_u32, columns_f32, columns_f64,
    row_words, threshold_planes_f32, threshold_planes_f64,
};
use ops::{Line, Words, key_f32, key_f64, search_order};

const FEATURES: usize = 3;
/// Planes that the trees read.
const PLANES: usize = 9;

pub(super) fn add(targets: &mut Vec<Target>, backend: &'static str) {
    macro_rules! keys {
        ($columns:ident, $planes:ident, $key:ty, $values:ident, $key_of:ident) => {
            kernel(targets, stringify!($columns), backend, Profile::DataOblivious, |backend| {
                let words = TILE * row_words(FEATURES);
                let layout = Layout::default()
                    .with(Class::Rows, words * size_of::<Words<$key>>())
                    .with(Class::Output, FEATURES * size_of::<Column<$key>>());
                let inside = layout.clone();
                region(
                    layout,
                    choices(Profile::DataOblivious, 1),
                    |c| vec![bytes(c, words * size_of::<Words<$key>>())],
                    Box::new(move |buffer| {
                        let [keys, columns] = inside.split(buffer);
                        $columns(backend, view(keys), view_mut(columns));
                    }),
                )
            });
            for (case, thresholds, missing) in [
                ("", 5, [<$key>::MAX, <$key>::MIN, <$key>::MAX]),
                ("+missing", 15, [-1, 1, <$key>::MIN]),
                ("+digits", 40, [<$key>::MAX, <$key>::MIN, <$key>::MAX]),
            ] {
                let name = format!("{}{case}", stringify!($planes));
                kernel(targets, name, backend, Profile::DataOblivious, move |backend| {
                    let levels: Vec<_> = (0..thresholds).map(|n| n as f32 - 3.0).collect();
                    let size = (thresholds as usize + 1).next_power_of_two().max(16);
                    let mut table = vec![Words([<$key>::MAX; 16]); size / 16];
                    for (entry, &level) in search_order(size - 1).zip(&levels) {
                        table[entry / 16].0[entry % 16] = $key_of(level.into());
                    }
                    let layout = Layout::default()
                        .with(Class::Rows, size_of::<Column<$key>>())
                        .with(Class::Output, thresholds as usize * 64);
                    let inside = layout.clone();
                    let levels: Vec<f64> = levels.into_iter().map(f64::from).collect();
                    region(
                        layout,
                        choices(Profile::DataOblivious, 1),
                        |c: &Choice| {
                            let values = $values(c.rows, &levels, 8 * TILE, c.number);
                            let keys: Vec<$key> = values.into_iter().map($key_of).collect();
                            vec![bytes_of(&keys)]
                        },
                        Box::new(move |buffer| {
                            let [column, planes] = inside.split(buffer);
                            let column = &view::<Column<$key>>(column)[0];
                            let slot = PublicSlot {
                                missing,
                                table: &table,
                                thresholds: thresholds as usize,
                            };
                            $planes(backend, slot, column, 1, view_mut(planes));
                        }),
                    )
                });
            }
        };
    }
    keys!(columns_f32, threshold_planes_f32, i32, values_f32, key_f32);
    keys!(columns_f64, threshold_planes_f64, i64, values_f64, key_f64);

    macro_rules! sums {
        ($kernel:ident, $value:ty, $leaf:expr) => {
            for case in &CASES {
                let name = format!("{}{}", stringify!($kernel), case.name);
                kernel(targets, name, backend, Profile::DataOblivious, move |backend| {
                    let model = OneTree::of(case, size_of::<$value>(), |at| bytes_of(&[$leaf(at)]));
                    let layout = Layout::default()
                        .with(Class::Rows, PLANES * 64)
                        .with(Class::Rows, case.tiles * size_of::<[$value; 64]>())
                        .with(Class::Output, model.blocks.len() * 64);
                    let inside = layout.clone();
                    let tiles = case.tiles;
                    region(
                        layout,
                        choices(Profile::DataOblivious, 1),
                        |c: &Choice| {
                            let start: [$value; 64] =
                                std::array::from_fn(|at| $leaf(c.number as usize + at));
                            vec![bytes(c, PLANES * 64), bytes_of(&vec![start; tiles])]
                        },
                        Box::new(move |buffer| {
                            let [planes, sums, masks] = inside.split(buffer);
                            let sums = view_mut::<[$value; 64]>(sums);
                            let (planes, masks) = (view(planes), view_mut(masks));
                            $kernel(backend, model.trees(), planes, masks, tiles, sums);
                        }),
                    )
                });
            }
        };
    }
    sums!(bit_sliced_f32, f32, |at: usize| LEAVES[at % LEAVES.len()] as f32);
    sums!(bit_sliced_f64, f64, |at: usize| LEAVES[at % LEAVES.len()]);
    sums!(bit_sliced_i64, i64, |at: usize| Numbers::new(at as u64).word().cast_signed() >> 8);
    sums!(bit_sliced_u32, u32, |at: usize| 3 * at as u32 + 1);
}

/// Leaf values that a program may hold: zeros, large and small ones.
const LEAVES: [f64; 9] = [0.5, -0.0, 0.0, 8e-28, -8e-28, 1.25, -3.75, 1e6, -1e20];

/// A tree that parts its rows again and again, and ends in blocks of these depths.
struct Case {
    name: &'static str,
    /// How many blocks of each depth, the deepest first.
    depths: [u32; BLOCK_DEPTH + 1],
    tiles: usize,
}

/// One line, some, so many that their number has all of a byte's bits, and more than a byte numbers.
const CASES: [Case; 5] = [
    Case { name: "", depths: [0, 0, 0, 0, 1, 1, 1], tiles: 1 },
    Case { name: "+depth6", depths: [1, 0, 0, 0, 0, 0, 0], tiles: PLANE_TILES },
    Case { name: "+lines", depths: [1, 1, 1, 1, 1, 1, 1], tiles: 1 },
    Case { name: "+byte", depths: [8, 1, 1, 0, 0, 1, 0], tiles: 1 },
    Case { name: "+bytes", depths: [256, 0, 0, 0, 0, 0, 1], tiles: 1 },
];

struct OneTree {
    tree: [SlicedTree; 1],
    splits: Vec<Split>,
    blocks: Vec<Block>,
    nodes: Vec<u32>,
    values: Vec<Line>,
}

impl OneTree {
    fn of(case: &Case, bytes: usize, leaf: impl Fn(usize) -> Vec<u8>) -> Self {
        let mut numbers = Numbers::new(case.depths[0].into());
        let mut plane = || numbers.below(PLANES) as u32;
        let (mut blocks, mut nodes, mut place) = (Vec::new(), Vec::new(), 0u32);
        for (at, &count) in case.depths.iter().enumerate() {
            for _ in 0..count {
                let code = (place % 64) | ((place / 64) << 8);
                blocks.push(Block { mask: blocks.len() as u32, code });
                nodes.extend((1..1 << (BLOCK_DEPTH - at)).map(|_| plane()));
                place += 1 << (BLOCK_DEPTH - at);
            }
        }
        let lines = place.div_ceil(64);
        let mut values = vec![Line::default(); lines as usize * bytes];
        for place in 0..lines as usize * 64 {
            for (byte, value) in leaf(place).into_iter().enumerate() {
                values[place / 64 * bytes + byte].0[place % 64] = value;
            }
        }
        let right = 1..blocks.len() as u32;
        let splits: Vec<_> =
            right.map(|right| Split { plane: plane(), mask: right / 2, right }).collect();
        let splits_range = [0, splits.len() as u32];
        let (depths, sum) = (case.depths, 0);
        let tree =
            SlicedTree { splits: splits_range, block: 0, depths, node: 0, line: 0, lines, sum };
        Self { tree: [tree], splits, blocks, nodes, values }
    }

    fn trees(&self) -> SlicedTrees<'_> {
        SlicedTrees {
            trees: &self.tree,
            splits: &self.splits,
            blocks: &self.blocks,
            nodes: &self.nodes,
            values: &self.values,
            leaf_width: 1,
        }
    }
}
