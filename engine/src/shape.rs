//! The public half of a program: every number that the trace of an evaluation may depend on.
//!
//! A shape holds no secret. In profile `strict` two programs of one shape have the same trace for
//! the same number of rows; in `data-oblivious` the trace may depend on the model too. What stands
//! here is what the shape card prints, and nothing else of a program is public.
//!
//! # Rounding
//! Class `auto` rounds every number that a model chooses up to a published size, so that many
//! models share one shape; class `exact` keeps what the model needs. The published sizes:
//!
//! | number | sizes |
//! |---|---|
//! | trees, blocks per sequence, rank groups | 1, 2, 4, 8, 16, then `m * 2^k` with `m` in 8..=15 (at most 12.5% more) |
//! | nodes per block | 1, 3, 7, 15, 23, 31, 47, 63, 95, 127, 191, 255; 63 where trees are cut into blocks |
//! | slots per rank group | 16, 32, 48, 64, 96, 128, 192, 256, then multiples of 256 |
//! | thresholds per slot | 15, 31, 63, 127, 255 (in class `exact` too) |
//! | fraction bits of a fixed sum | 0, 8, 16, 24, 32, 40, 48, 56 |
//!
//! Features, outputs, values per leaf, precision, the divisor of an average, the link and the label
//! rule are part of the input and output schema and are never rounded.

use crate::rule::RuleShape;
use crate::schema::{LabelRule, Link, Precision};

/// What the trace may depend on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// The shape and the row count alone.
    Strict,
    /// The shape, the row count and the model; never the rows.
    DataOblivious,
}

/// How a shape was rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShapeClass {
    /// To the published sizes.
    Auto,
    /// Not at all: the shape tells the model's own sizes.
    Exact,
}

/// Arithmetic of the leaf sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sum {
    /// The library's own: f32 in tree order, starting at the base.
    SourceF32,
    /// The library's own: f64 in tree order, starting at the base.
    SourceF64,
    /// Integers with this many fraction bits.
    Fixed {
        /// Weight of the lowest bit is `2^-fraction_bits`.
        fraction_bits: u8,
    },
    /// No sum: one sequence for each tree, which yields the number of the leaf.
    LeafIds,
}

impl Sum {
    /// Bytes of one leaf value.
    pub fn value_bytes(self) -> usize {
        match self {
            Sum::SourceF32 | Sum::LeafIds => 4,
            Sum::SourceF64 | Sum::Fixed { .. } => 8,
        }
    }

    /// The bits of what changes no sum: -0.0 for floats (x + -0.0 is x, bit for bit, for every x), 0
    /// for integers.
    pub(crate) fn nothing(self) -> u64 {
        match self {
            Sum::SourceF32 => u64::from((-0.0f32).to_bits()),
            Sum::SourceF64 => (-0.0f64).to_bits(),
            Sum::Fixed { .. } | Sum::LeafIds => 0,
        }
    }
}

/// Ranking: each slot turns one feature into the number of thresholds at or below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RankShape {
    /// Sets of slots. Lane groups are dealt to them in order.
    pub groups: u32,
    /// Slots in each set; a multiple of 16.
    pub slots: u32,
    /// Thresholds per slot: 15, 31, 63, 127 or 255. A rank is one byte.
    pub thresholds: u32,
}

/// A forest as sequences of blocks: a block is a tree, or a connected part of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForestShape {
    /// Trees at most: bounds the number of leaves that one row adds up.
    pub trees: u32,
    /// Sequences; each adds up on its own. One for each output, or one where leaves carry a value
    /// for every output, or one for each tree where leaf numbers are asked for.
    pub sequences: u32,
    /// Blocks in each sequence.
    pub blocks: u32,
    /// Nodes per block, at most 255. A block has one exit more.
    pub nodes: u32,
    /// Bytes of the skip counter: 0 where each block is a whole tree, else 1 or 2.
    pub skip_bytes: u32,
    /// Values per leaf.
    pub leaf_width: u32,
    /// Lane groups (64 blocks side by side) that share one rank group.
    pub lane_groups_per_rank_group: u32,
    /// Arithmetic of the leaf sum.
    pub sum: Sum,
    /// The sum is divided by this.
    pub average: Option<u32>,
}

impl ForestShape {
    /// Blocks over all sequences.
    pub fn total_blocks(&self) -> usize {
        self.sequences as usize * self.blocks as usize
    }

    /// Groups of 64 blocks.
    pub fn lane_groups(&self) -> usize {
        self.total_blocks().div_ceil(LANES)
    }

    /// Sums per row.
    pub fn outputs(&self) -> usize {
        self.sequences as usize * self.leaf_width as usize
    }

    /// 64-byte lines of one plane of a block's exit table.
    pub fn exit_lines(&self) -> usize {
        (self.nodes as usize + 1).div_ceil(LANES)
    }

    /// Byte planes of a block's exit table: the skip counter, then the values.
    pub fn exit_planes(&self) -> usize {
        self.skip_bytes as usize + self.leaf_width as usize * self.sum.value_bytes()
    }
}

/// A linear model: one dot product in f64 for each output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinearShape {
    /// Dot products per row.
    pub outputs: u32,
}

/// From margins to what is released.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinkShape {
    /// The link function.
    pub link: Link,
    /// How a class is chosen.
    pub label: LabelRule,
}

/// One step of a program.
#[derive(Clone, PartialEq, Debug)]
pub enum StepShape {
    /// Feature values to ranks.
    Rank(RankShape),
    /// Ranks to margins.
    Forest(ForestShape),
    /// Feature values to margins.
    Linear(LinearShape),
    /// Margins to probabilities and labels.
    Link(LinkShape),
    /// A rule: the only step of its program.
    Rule(Box<RuleShape>),
}

/// The public half of a program. See the module's documentation.
#[derive(Clone, PartialEq, Debug)]
pub struct Shape {
    /// What the trace may depend on.
    pub profile: Profile,
    /// How the numbers below were rounded.
    pub class: ShapeClass,
    /// Columns of a row.
    pub features: u32,
    /// Precision of a row's values: f32 rows have 32-bit order keys, f64 rows 64-bit ones.
    pub precision: Precision,
    /// A value that stands for missing beside NaN.
    pub missing_value: Option<f64>,
    /// The steps, in order.
    pub steps: Vec<StepShape>,
}

impl Shape {
    /// The shape of a rule's program.
    pub fn of_rule(rule: RuleShape) -> Self {
        Self {
            profile: Profile::Strict,
            class: ShapeClass::Exact,
            features: 0,
            precision: Precision::F64,
            missing_value: None,
            steps: vec![StepShape::Rule(Box::new(rule))],
        }
    }
}

/// Blocks evaluated side by side, and rows in one tile.
pub const LANES: usize = 64;

/// Rounds a count of trees, blocks or groups up to a published size.
pub fn round_count(n: usize) -> usize {
    if n <= 16 {
        return n.max(1).next_power_of_two();
    }
    let step = 1 << (n.ilog2() - 3);
    n.div_ceil(step) * step
}

/// Rounds the nodes of a block up to a published size; `None` above 255.
pub fn round_nodes(n: usize) -> Option<usize> {
    [1, 3, 7, 15, 23, 31, 47, 63, 95, 127, 191, 255].into_iter().find(|&size| size >= n)
}

/// Rounds the slots of a rank group up to a published size.
pub fn round_slots(n: usize) -> usize {
    [16, 32, 48, 64, 96, 128, 192, 256]
        .into_iter()
        .find(|&size| size >= n)
        .unwrap_or_else(|| n.next_multiple_of(256))
}

/// Rounds the thresholds of a slot up to a published size; never above 255.
pub fn round_thresholds(n: usize) -> usize {
    [15, 31, 63, 127].into_iter().find(|&size| size >= n).unwrap_or(255)
}
