//! Everything that an evaluation writes before its results: allocated once a thread, from the shape.

use crate::kernel::{TILE, row_words};
use crate::schema::Precision;
use crate::shape::{LANES, Profile, RankShape, Shape, StepShape, Sum};
use crate::sliced::Sliced;
use ops::{Line, Secret, Words};

/// Tiles of rows that pass by each table before the next table is read.
pub(crate) const BLOCK_TILES: usize = 8;
/// Rows in a block of tiles.
pub(crate) const BLOCK_ROWS: usize = BLOCK_TILES * TILE;

/// Tiles from which on the bit-sliced kernel pays: it evaluates all eight in any case.
pub(crate) const SLICED_TILES: usize = 2;

/// One thread's memory. All of it is secret, and wiped on drop.
pub(crate) struct Scratch {
    pub(crate) keys: Keys,
    /// `rows x pages`: ranks, the slots of a row side by side (strict only).
    pub(crate) rank_rows: Secret<Vec<Line>>,
    /// `tiles x pages`: ranks, the rows of a slot side by side; one tile at a time in strict.
    pub(crate) rank_planes: Secret<Vec<[Line; LANES]>>,
    /// Planes of thresholds (data-oblivious only).
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

/// `tiles x outputs` running sums.
pub(crate) enum Sums {
    F32(Secret<Vec<[f32; TILE]>>),
    F64(Secret<Vec<[f64; TILE]>>),
    I64(Secret<Vec<[i64; TILE]>>),
    U32(Secret<Vec<[u32; TILE]>>),
}

impl Scratch {
    /// Memory for blocks of at most `tiles` tiles: wiping it costs more than evaluating a few rows.
    pub(crate) fn new(shape: &Shape, tiles: usize) -> Self {
        let sizes = Sizes::of(shape, tiles);
        let words = tiles * TILE * row_words(shape.features as usize);
        let zeros = |n| Secret::new(vec![[Line::default(); LANES]; n]);
        Self {
            keys: match shape.precision {
                Precision::F32 => Keys::Narrow(Secret::new(vec![Words::default(); words])),
                Precision::F64 => Keys::Wide(Secret::new(vec![Words::default(); words])),
            },
            rank_rows: Secret::new(vec![Line::default(); sizes.rank_lines]),
            rank_planes: zeros(sizes.plane_pages),
            planes: Secret::new(vec![Line::default(); sizes.planes]),
            row_exits: zeros(1),
            lane_exits: zeros(tiles),
            skips: Secret::new(vec![[Line::default(); 2]; tiles]),
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

    /// Bytes that [`Scratch::new`] allocates for this shape and whole blocks.
    pub(crate) fn bytes(shape: &Shape) -> u64 {
        let sizes = Sizes::of(shape, BLOCK_TILES);
        let key = match shape.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        };
        let keys = BLOCK_ROWS * row_words(shape.features as usize) * 16 * key;
        let lines = sizes.rank_lines
            + sizes.planes
            + (sizes.plane_pages + 1 + BLOCK_TILES) * LANES
            + BLOCK_TILES * 2;
        let sums = sizes.sums * TILE * sizes.sum.value_bytes();
        (keys + lines * 64 + sums + (2 * sizes.margins + sizes.outputs) * 8) as u64
    }
}

struct Sizes {
    rank_lines: usize,
    plane_pages: usize,
    planes: usize,
    sums: usize,
    sum: Sum,
    margins: usize,
    outputs: usize,
}

impl Sizes {
    fn of(shape: &Shape, tiles: usize) -> Self {
        let rows = tiles * TILE;
        let mut sizes = Self {
            rank_lines: 0,
            plane_pages: 0,
            planes: 0,
            sums: 0,
            sum: Sum::SourceF64,
            margins: 0,
            outputs: 0,
        };
        if let [StepShape::Rank(rank), StepShape::Forest(forest), ..] = shape.steps.as_slice()
            && shape.profile == Profile::DataOblivious
            && tiles >= SLICED_TILES
        {
            sizes.planes = Sliced::planes(rank, forest);
        }
        for step in &shape.steps {
            match step {
                StepShape::Rank(rank) => {
                    let pages = pages(rank);
                    (sizes.rank_lines, sizes.plane_pages) = match shape.profile {
                        Profile::Strict => (rows * pages, pages),
                        Profile::DataOblivious => (0, tiles * pages),
                    };
                }
                StepShape::Forest(forest) => {
                    sizes.outputs = forest.outputs();
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
