//! Ranks to exits, and exits to sums.

use super::rank::{bytes, paged};
use super::{Choice, choices, kernel, region, section};
use crate::layout::{Class, Layout};
use crate::models::{HOSTILE, MODELS, ModelClass, Recipe};
use crate::numbers::Numbers;
use crate::plain::{bytes_of, view, view_mut};
use crate::target::{Profile, Target};
use engine::kernel::{Exits, LeafRow, LeafTiles, interval_max, interval_max_rows};
use engine::kernel::{leaf_sum_f32, leaf_sum_f64, leaf_sum_i64, leaf_sum_u32};
use engine::kernel::{leaf_sum_row_f32, leaf_sum_row_f64, leaf_sum_row_i64, leaf_sum_row_u32};
use engine::shape::StepShape;
use engine::{CompileOptions, LabelRule, Link, Precision};

const NODES: usize = 2;
const ENDS: usize = 3;
/// Rows that pass by: a multiple of every backend's rows per load.
const ROWS: usize = 8;

/// Trees of up to three nodes, in one page of slots or in more.
fn class(pages: usize) -> ModelClass {
    ModelClass::of(&Recipe {
        trees: if pages == 1 { 6 } else { 64 },
        splits: if pages == 1 { (1, 3) } else { (2, 3) },
        features: if pages == 1 { 5 } else { 30 },
        outputs: 1,
        vector_leaves: false,
        precision: Precision::F32,
        average: false,
        link: Link::Identity,
        label: LabelRule::None,
        options: CompileOptions::default(),
    })
}

pub(super) fn add(targets: &mut Vec<Target>, backend: &'static str) {
    for pages in [1, 2] {
        for one_row in [false, true] {
            let name = paged(if one_row { "interval_max+row" } else { "interval_max" }, pages);
            kernel(targets, name, backend, Profile::Strict, move |backend| {
                let class = class(pages);
                let StepShape::Rank(rank) = class.shape.steps[0] else { panic!("a forest") };
                let slots = rank.slots as usize;
                assert_eq!(slots > 64, pages > 1, "{slots} slots");
                // the portable lookups are long; other backends take as many rows at once
                let portable = backend.name() == "portable";
                let rows = match (one_row, pages > 1 && portable) {
                    (true, _) => 1,
                    (false, true) => ROWS / 2,
                    (false, false) => ROWS,
                };
                let layout = Layout::default()
                    .with(Class::Model, class.sections[0][NODES].len())
                    .with(Class::Model, 64)
                    .with(Class::Rows, rows * slots.div_ceil(64) * 64)
                    .with(Class::Output, 64 * 64);
                let inside = layout.clone();
                region(
                    layout,
                    choices(Profile::Strict, class.sections.len()),
                    |c| {
                        let ranks = bytes(c, rows * slots.div_ceil(64) * 64);
                        vec![section(&class, c, NODES), section(&class, c, ENDS), ranks]
                    },
                    Box::new(move |buffer| {
                        let [nodes, end, ranks, exits] = inside.split(buffer);
                        let (nodes, end, exits) = (view(nodes), &view(end)[0], view_mut(exits));
                        interval_max(backend, nodes, end, view(ranks), slots, exits);
                    }),
                )
            });
        }
        let name = paged("interval_max_rows", pages);
        kernel(targets, name, backend, Profile::DataOblivious, move |backend| {
            let class = class(pages);
            let planes = if pages == 1 { 4 } else { 5 };
            let layout = Layout::default()
                .with(Class::Public, class.sections[0][NODES].len())
                .with(Class::Public, 64)
                .with(Class::Rows, 2 * 64 * 64)
                .with(Class::Output, 64 * 64);
            let inside = layout.clone();
            region(
                layout,
                choices(Profile::DataOblivious, 1),
                |c| {
                    vec![section(&class, c, NODES), section(&class, c, ENDS), bytes(c, 2 * 64 * 64)]
                },
                Box::new(move |buffer| {
                    let [nodes, end, ranks, exits] = inside.split(buffer);
                    let exits = &mut view_mut(exits)[0];
                    let (nodes, end) = (view(nodes), &view(end)[0]);
                    interval_max_rows(backend, nodes, planes, end, view(ranks), exits);
                }),
            )
        });
    }
    macro_rules! sums {
        ($kernel:ident, $row:ident, $value:ty, $leaf:expr) => {
            for profile in [Profile::Strict, Profile::DataOblivious] {
                for case in CASES {
                    let name = format!("{}{}", stringify!($kernel), case.name);
                    kernel(targets, name, backend, profile, move |backend| {
                        let layout = case.layout(size_of::<$value>(), 64 * 64);
                        let inside = layout.clone();
                        let values = |c: &Choice| {
                            let start: [$value; 64] =
                                std::array::from_fn(|at| $leaf(c.number as usize + at));
                            let sums = vec![start; case.width];
                            vec![
                                case.tables::<$value>(c.model, $leaf),
                                bytes(c, 64 * 64),
                                bytes(c, 128),
                                bytes_of(&sums),
                            ]
                        };
                        region(
                            layout,
                            choices(profile, MODELS + HOSTILE),
                            values,
                            Box::new(move |buffer| {
                                let [tables, exits, skips, sums] = inside.split(buffer);
                                let exit_tables = Exits {
                                    tables: view(tables),
                                    first_block: case.first,
                                    blocks_per_sequence: case.blocks + case.first,
                                    exits: case.exits,
                                    skip_bytes: case.skip,
                                    leaf_width: case.width,
                                };
                                let tiles = LeafTiles {
                                    exits: view(exits),
                                    skips: view_mut(skips),
                                    sums: view_mut::<[$value; 64]>(sums),
                                };
                                $kernel(backend, exit_tables, tiles);
                            }),
                        )
                    });
                    let name = format!("{}{}", stringify!($row), case.name);
                    kernel(targets, name, backend, profile, move |backend| {
                        let layout = case.layout(size_of::<$value>(), 64);
                        let inside = layout.clone();
                        let values = |c: &Choice| {
                            let start: [$value; 64] =
                                std::array::from_fn(|at| $leaf(c.number as usize + at));
                            let sums = vec![start; case.width];
                            vec![
                                case.tables::<$value>(c.model, $leaf),
                                bytes(c, 64),
                                bytes(c, 128),
                                bytes_of(&sums),
                            ]
                        };
                        region(
                            layout,
                            choices(profile, MODELS + HOSTILE),
                            values,
                            Box::new(move |buffer| {
                                let [tables, exits, skips, sums] = inside.split(buffer);
                                let exit_tables = Exits {
                                    tables: view(tables),
                                    first_block: case.first,
                                    blocks_per_sequence: case.blocks + case.first,
                                    exits: case.exits,
                                    skip_bytes: case.skip,
                                    leaf_width: case.width,
                                };
                                let row = LeafRow {
                                    exits: &view(exits)[0],
                                    skip: &mut view_mut(skips)[0],
                                    sums: view_mut::<[$value; 64]>(sums),
                                    place: 1,
                                };
                                $row(backend, exit_tables, row);
                            }),
                        )
                    });
                }
            }
        };
    }
    sums!(leaf_sum_f32, leaf_sum_row_f32, f32, |at| LEAVES[at % LEAVES.len()] as f32);
    sums!(leaf_sum_f64, leaf_sum_row_f64, f64, |at| LEAVES[at % LEAVES.len()]);
    sums!(leaf_sum_i64, leaf_sum_row_i64, i64, |at| Numbers::new(at as u64).word().cast_signed()
        >> 8);
    sums!(leaf_sum_u32, leaf_sum_row_u32, u32, |at| 3 * at as u32 + 1);
}

/// Leaf values that a program may hold: zeros, large and small ones.
const LEAVES: [f64; 9] = [0.5, -0.0, 0.0, 8e-28, -8e-28, 1.25, -3.75, 1e6, -1e20];

/// A shape of leaf sums.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    blocks: usize,
    skip: usize,
    exits: usize,
    width: usize,
    /// Blocks before the first one; 0 where a sequence starts here.
    first: usize,
}

const CASES: [Case; 4] = [
    Case { name: "", blocks: 2, skip: 0, exits: 4, width: 1, first: 0 },
    Case { name: "+skip1", blocks: 2, skip: 1, exits: 4, width: 1, first: 0 },
    Case { name: "+skip2", blocks: 2, skip: 2, exits: 4, width: 1, first: 3 },
    Case { name: "+pages", blocks: 1, skip: 0, exits: 96, width: 2, first: 0 },
];

impl Case {
    fn lines(self) -> usize {
        self.exits.div_ceil(64)
    }

    /// `exits`: bytes of the rows' exits.
    fn layout(self, value: usize, exits: usize) -> Layout {
        let planes = self.skip + self.width * value;
        Layout::default()
            .with(Class::Model, self.blocks * planes * self.lines() * 64)
            .with(Class::Rows, exits)
            .with(Class::Rows, 128)
            .with(Class::Rows, self.width * 64 * value)
    }

    /// Exit tables of a model: skip counters at random, values that a program may hold.
    fn tables<V: crate::plain::Plain>(self, model: usize, leaf: impl Fn(usize) -> V) -> Vec<u8> {
        let mut numbers = Numbers::new(500 + model as u64);
        let (plane, value) = (self.lines() * 64, size_of::<V>());
        let mut tables = Vec::new();
        for block in 0..self.blocks {
            let most = if model < MODELS { 3 } else { 256 };
            tables.extend((0..self.skip * plane).map(|_| numbers.below(most) as u8));
            for _ in 0..self.width {
                let mut planes = vec![0; value * plane];
                for exit in 0..plane {
                    let bytes = bytes_of(&[leaf(numbers.below(1 << 20) + block)]);
                    for (byte, bits) in bytes.into_iter().enumerate() {
                        planes[byte * plane + exit] = bits;
                    }
                }
                tables.extend(planes);
            }
        }
        tables
    }
}
