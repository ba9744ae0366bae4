//! Everything that an evaluation writes before its results: allocated once a thread, from the shape.

use crate::kernel::{Column, TILE, row_words};
use crate::schema::Precision;
use crate::shape::{LANES, Profile, RankShape, Shape, StepShape, Sum};
use crate::sliced::Sliced;
use crate::walk::Walk;
use ops::{Key, Line, Secret, Words};

/// Tiles of rows that pass by each table before the next table is read.
pub(crate) const BLOCK_TILES: usize = 8;
/// Rows in a block of tiles.
pub(crate) const BLOCK_ROWS: usize = BLOCK_TILES * TILE;

/// One thread's memory. All of it is secret, and wiped on drop.
pub(crate) struct Scratch {
    pub(crate) keys: Keys,
    /// `features`: the same keys by column (bit-sliced only).
    pub(crate) columns: Columns,
    /// `rows x pages`: ranks, the slots of a row side by side (lanes only).
    pub(crate) rank_rows: Secret<Vec<Line>>,
    /// `tiles x pages`: ranks, the rows of a slot side by side; one tile at a time for lanes.
    pub(crate) rank_planes: Secret<Vec<[Line; LANES]>>,
    /// Planes of thresholds (bit-sliced only).
    pub(crate) planes: Secret<Vec<Line>>,
    /// One tile's exits, a line for each row.
    pub(crate) row_exits: Secret<Vec<[Line; TILE]>>,
    /// `tiles`: exits, a line for each lane.
    pub(crate) lane_exits: Secret<Vec<[Line; LANES]>>,
    /// `tiles`: skip counters.
    pub(crate) skips: Secret<Vec<[Line; 2]>>,
    pub(crate) sums: Sums,
    /// `rows x outputs`: margins as f64.
    pub(crate) margins: Secret<Vec<f64>>,
    /// `rows x outputs`: after the link.
    pub(crate) linked: Secret<Vec<f64>>,
    /// `outputs`: one row's probabilities, where labels are chosen by them.
    pub(crate) one_row: Secret<Vec<f64>>,
}

pub(crate) enum Keys {
    Narrow(Secret<Vec<Words<i32>>>),
    Wide(Secret<Vec<Words<i64>>>),
}

pub(crate) enum Columns {
    Narrow(Secret<Vec<Column<i32>>>),
    Wide(Secret<Vec<Column<i64>>>),
}

/// `tiles x outputs` running sums.
pub(crate) enum Sums {
    F32(Secret<Vec<[f32; TILE]>>),
    F64(Secret<Vec<[f64; TILE]>>),
    I64(Secret<Vec<[i64; TILE]>>),
    U32(Secret<Vec<[u32; TILE]>>),
}

impl Scratch {
    /// Memory for blocks of at most `tiles` tiles, since wiping it costs more than evaluating a few
    /// rows.
    pub(crate) fn new(shape: &Shape, tiles: usize, walk: Option<Walk>) -> Self {
        let sizes = Sizes::of(shape, tiles, walk.unwrap_or(Walk::Lanes));
        let words = tiles * TILE * row_words(shape.features as usize);
        let zeros = |n| Secret::new(vec![[Line::default(); LANES]; n]);
        Self {
            keys: match shape.precision {
                Precision::F32 => Keys::Narrow(Secret::new(vec![Words::default(); words])),
                Precision::F64 => Keys::Wide(Secret::new(vec![Words::default(); words])),
            },
            columns: match shape.precision {
                Precision::F32 => Columns::Narrow(columns(sizes.columns)),
                Precision::F64 => Columns::Wide(columns(sizes.columns)),
            },
            rank_rows: Secret::new(vec![Line::default(); sizes.rank_lines]),
            rank_planes: zeros(sizes.plane_pages),
            planes: Secret::new(vec![Line::default(); sizes.planes]),
            row_exits: zeros(sizes.exit_tiles.min(1)),
            lane_exits: zeros(sizes.exit_tiles),
            skips: Secret::new(vec![[Line::default(); 2]; sizes.exit_tiles]),
            sums: match sizes.sum {
                Sum::SourceF32 => Sums::F32(Secret::new(vec![[0.0; TILE]; sizes.sums])),
                Sum::SourceF64 => Sums::F64(Secret::new(vec![[0.0; TILE]; sizes.sums])),
                Sum::Fixed { .. } => Sums::I64(Secret::new(vec![[0; TILE]; sizes.sums])),
                Sum::LeafIds => Sums::U32(Secret::new(vec![[0; TILE]; sizes.sums])),
            },
            margins: Secret::new(vec![0.0; sizes.margins]),
            linked: Secret::new(vec![0.0; sizes.margins]),
            one_row: Secret::new(vec![0.0; sizes.outputs]),
        }
    }

    /// Most bytes that [`Scratch::new`] allocates for this shape.
    pub(crate) fn bytes(shape: &Shape) -> u64 {
        let mut walks = vec![Walk::Lanes];
        if let [_, StepShape::Forest(forest), ..] = shape.steps.as_slice()
            && shape.profile == Profile::DataOblivious
        {
            walks.extend([Walk::Rows, Walk::Sliced(Sliced::most_planes(forest))]);
        }
        walks.into_iter().map(|walk| Self::bytes_with(shape, walk)).max().unwrap_or(0)
    }

    fn bytes_with(shape: &Shape, walk: Walk) -> u64 {
        let sizes = Sizes::of(shape, BLOCK_TILES, walk);
        let key = match shape.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        };
        let keys = (BLOCK_ROWS * row_words(shape.features as usize) * 16
            + sizes.columns * BLOCK_ROWS)
            * key;
        let lines = sizes.rank_lines
            + sizes.planes
            + (sizes.plane_pages + sizes.exit_tiles.min(1) + sizes.exit_tiles) * LANES
            + sizes.exit_tiles * 2;
        let sums = sizes.sums * TILE * sizes.sum.value_bytes();
        (keys + lines * 64 + sums + (2 * sizes.margins + sizes.outputs) * 8) as u64
    }
}

fn columns<K: Key + Default>(count: usize) -> Secret<Vec<Column<K>>> {
    Secret::new(vec![[Words::default(); 32]; count])
}

struct Sizes {
    columns: usize,
    rank_lines: usize,
    plane_pages: usize,
    planes: usize,
    exit_tiles: usize,
    sums: usize,
    sum: Sum,
    margins: usize,
    outputs: usize,
}

impl Sizes {
    fn of(shape: &Shape, tiles: usize, walk: Walk) -> Self {
        let rows = tiles * TILE;
        let (columns, planes) = match walk {
            Walk::Sliced(planes) => (shape.features as usize, planes),
            _ => (0, 0),
        };
        let mut sizes = Self {
            columns,
            rank_lines: 0,
            plane_pages: 0,
            planes,
            exit_tiles: 0,
            sums: 0,
            sum: Sum::SourceF64,
            margins: 0,
            outputs: 0,
        };
        for step in &shape.steps {
            match step {
                StepShape::Rank(rank) => {
                    let pages = pages(rank);
                    (sizes.rank_lines, sizes.plane_pages) = match walk {
                        Walk::Lanes => (rows * pages, pages),
                        Walk::Rows => (0, tiles * pages),
                        Walk::Sliced(_) => (0, 0),
                    };
                }
                StepShape::Forest(forest) => {
                    sizes.outputs = forest.outputs();
                    sizes.exit_tiles = if matches!(walk, Walk::Sliced(_)) { 0 } else { tiles };
                    sizes.sums = tiles * sizes.outputs;
                    sizes.sum = forest.sum;
                }
                StepShape::Linear(linear) => sizes.outputs = linear.outputs as usize,
                StepShape::Link(_) | StepShape::Rule(_) => {}
            }
        }
        sizes.margins = if sizes.sum == Sum::LeafIds { 0 } else { rows * sizes.outputs };
        sizes
    }
}

/// Pages of 64 slots.
pub(crate) fn pages(rank: &RankShape) -> usize {
    (rank.slots as usize).div_ceil(LANES)
}
