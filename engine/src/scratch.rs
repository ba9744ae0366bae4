//! Everything that an evaluation writes before its results: allocated once a thread, from the shape.

use crate::kernel::{Column, TILE, row_words};
use crate::schema::{Output, Precision};
use crate::shape::{LANES, Profile, RankShape, Shape, StepShape, Sum};
use crate::sliced::Sliced;
use crate::walk::Walk;
use ops::{Line, Secret, Words};

/// Tiles of rows that pass by each table before the next table is read.
pub(crate) const BLOCK_TILES: usize = 8;
/// Rows in a block of tiles.
pub(crate) const BLOCK_ROWS: usize = BLOCK_TILES * TILE;

/// One thread's memory. All of it is secret, and wiped on drop.
pub(crate) struct Scratch {
    pub(crate) keys: Keys,
    /// `features`: the same keys by column (bit-sliced only).
    pub(crate) columns: Columns,
    /// `rows x pages`: ranks, the slots of a row side by side (lanes and one row).
    pub(crate) rank_rows: Secret<Box<[Line]>>,
    /// `tiles x pages`: ranks, the rows of a slot side by side; one tile at a time for lanes.
    pub(crate) rank_planes: Secret<Box<[[Line; LANES]]>>,
    /// Planes of thresholds (bit-sliced only).
    pub(crate) planes: Secret<Box<[Line]>>,
    /// One tile's exits, a line for each row (lanes only).
    pub(crate) row_exits: Secret<Box<[[Line; TILE]]>>,
    /// `tiles`: exits, a line for each lane.
    pub(crate) lane_exits: Secret<Box<[[Line; LANES]]>>,
    /// `tiles`: skip counters.
    pub(crate) skips: Secret<Box<[[Line; 2]]>>,
    pub(crate) sums: Sums,
    /// `rows x outputs`: margins as f64.
    pub(crate) margins: Secret<Box<[f64]>>,
    /// `rows x outputs`: after the link, where there is one.
    pub(crate) linked: Secret<Box<[f64]>>,
    /// `outputs`: one row's probabilities, where labels are chosen by them.
    pub(crate) one_row: Secret<Box<[f64]>>,
}

pub(crate) enum Keys {
    Narrow(Secret<Box<[Words<i32>]>>),
    Wide(Secret<Box<[Words<i64>]>>),
}

pub(crate) enum Columns {
    Narrow(Secret<Box<[Column<i32>]>>),
    Wide(Secret<Box<[Column<i64>]>>),
}

/// `tiles x outputs` running sums.
pub(crate) enum Sums {
    F32(Secret<Box<[[f32; TILE]]>>),
    F64(Secret<Box<[[f64; TILE]]>>),
    I64(Secret<Box<[[i64; TILE]]>>),
    U32(Secret<Box<[[u32; TILE]]>>),
}

impl Scratch {
    /// Memory for blocks of at most `tiles` tiles, since wiping it costs more than evaluating a few
    /// rows.
    pub(crate) fn new(shape: &Shape, tiles: usize, walk: Option<Walk>, output: Output) -> Self {
        let sizes = Sizes::of(shape, tiles, walk.unwrap_or(Walk::Lanes));
        let words = sizes.rows * row_words(shape.features as usize);
        // margins are handed out as they are
        let (linked, one_row) = match output {
            Output::Margin | Output::Leaf => (0, 0),
            _ => (sizes.margins, sizes.outputs),
        };
        Self {
            keys: match shape.precision {
                Precision::F32 => Keys::Narrow(Secret::filled(words, Words::default)),
                Precision::F64 => Keys::Wide(Secret::filled(words, Words::default)),
            },
            columns: match shape.precision {
                Precision::F32 => {
                    Columns::Narrow(Secret::filled(sizes.columns, || [Words::default(); 32]))
                }
                Precision::F64 => {
                    Columns::Wide(Secret::filled(sizes.columns, || [Words::default(); 32]))
                }
            },
            rank_rows: Secret::filled(sizes.rank_lines, Line::default),
            rank_planes: Secret::filled(sizes.plane_pages, || [Line::default(); LANES]),
            planes: Secret::filled(sizes.planes, Line::default),
            row_exits: Secret::filled(sizes.row_exits, || [Line::default(); TILE]),
            lane_exits: Secret::filled(sizes.exit_tiles, || [Line::default(); LANES]),
            skips: Secret::filled(sizes.exit_tiles, || [Line::default(); 2]),
            sums: match sizes.sum {
                Sum::SourceF32 => Sums::F32(Secret::filled(sizes.sums, || [0.0; TILE])),
                Sum::SourceF64 => Sums::F64(Secret::filled(sizes.sums, || [0.0; TILE])),
                Sum::Fixed { .. } => Sums::I64(Secret::filled(sizes.sums, || [0; TILE])),
                Sum::LeafIds => Sums::U32(Secret::filled(sizes.sums, || [0; TILE])),
            },
            margins: Secret::filled(sizes.margins, || 0.0),
            linked: Secret::filled(linked, || 0.0),
            one_row: Secret::filled(one_row, || 0.0),
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
        let keys = (sizes.rows * row_words(shape.features as usize) * 16
            + sizes.columns * BLOCK_ROWS)
            * key;
        let lines = sizes.rank_lines
            + sizes.planes
            + (sizes.plane_pages + sizes.row_exits + sizes.exit_tiles) * LANES
            + sizes.exit_tiles * 2;
        let sums = sizes.sums * TILE * sizes.sum.value_bytes();
        (keys + lines * 64 + sums + (2 * sizes.margins + sizes.outputs) * 8) as u64
    }
}

struct Sizes {
    rows: usize,
    columns: usize,
    rank_lines: usize,
    plane_pages: usize,
    planes: usize,
    row_exits: usize,
    exit_tiles: usize,
    sums: usize,
    sum: Sum,
    margins: usize,
    outputs: usize,
}

impl Sizes {
    fn of(shape: &Shape, tiles: usize, walk: Walk) -> Self {
        let rows = if let Walk::Few(rows) = walk { rows } else { tiles * TILE };
        let (columns, planes) = match walk {
            Walk::Sliced(planes) => (shape.features as usize, planes),
            _ => (0, 0),
        };
        let mut sizes = Self {
            rows,
            columns,
            rank_lines: 0,
            plane_pages: 0,
            planes,
            row_exits: 0,
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
                        Walk::Few(_) => (pages, 0),
                        Walk::Rows => (0, tiles * pages),
                        Walk::Sliced(_) => (0, 0),
                    };
                }
                StepShape::Forest(forest) => {
                    sizes.outputs = forest.outputs();
                    (sizes.row_exits, sizes.exit_tiles) = match walk {
                        Walk::Lanes => (1, tiles),
                        Walk::Rows => (0, tiles),
                        Walk::Few(_) | Walk::Sliced(_) => (0, 0),
                    };
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
