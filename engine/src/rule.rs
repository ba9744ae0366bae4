//! Rules: straight-line programs of integer instructions over columns of secret cells.
//!
//! ```text
//! setup    once                 constants, parameters, scalar inputs -> scalars
//! rows     each block of rows   columns, scalars -> row outputs, folds into scalars
//! finish   once                 scalars -> scalar outputs
//! ```
//! A cell is an i64: an integer, a fixed-point number, a truth value (all ones or zeros), an order
//! key of a float, or a quarter of a 256-bit number. An instruction is one or a few branch-free
//! loops over a block of cells. There is no jump: which instructions run, and on which cells, is a
//! function of the shape and the number of rows.

mod check;
mod cost;
mod run;

pub use cost::{RuleCost, rule_cost};
pub use run::{RuleColumn, RuleInputs, RuleResults, evaluate_rule};

pub(crate) use check::{parameters, rule as check_rule};
pub(crate) use run::scratch_bytes;

use crate::schema::{Output, Schema};
use crate::shape::Shape;

/// Rows that one instruction works on at a time.
pub const RULE_BLOCK: usize = 512;
/// Most instructions of a rule, operands counted.
pub const MAX_RULE_OPERANDS: usize = 1 << 20;
/// Most lanes (cells of a block, or of a scalar section) that a rule keeps at a time.
pub const MAX_RULE_LANES: u32 = 1 << 14;
/// Most scalars, parameters and constants among them.
pub const MAX_RULE_SCALARS: u32 = 1 << 20;
/// Most rows.
pub const MAX_RULE_ROWS: u64 = 1 << 31;
/// Most models that a rule calls.
pub const MAX_RULE_MODELS: usize = 16;

/// The public half of a rule.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RuleShape {
    /// Most rows that it takes.
    pub most_rows: u64,
    /// The columns that it reads, in order: the cells of `face.inputs`.
    pub inputs: Vec<InputShape>,
    /// Public numbers: the first scalars.
    pub constants: Vec<i64>,
    /// Lowest and highest value of each secret parameter: the next scalars.
    pub parameters: Vec<(i64, i64)>,
    /// Scalars in all.
    pub scalars: u32,
    /// Runs once, before the rows.
    pub setup: Section,
    /// Runs for each block of rows.
    pub rows: Section,
    /// Runs once, after the rows.
    pub finish: Section,
    /// Cells that are released for each row.
    pub row_outputs: u32,
    /// Scalars that are released once.
    pub once_outputs: Vec<u32>,
    /// Models that it calls: shape and schema of each.
    pub models: Vec<(Shape, Schema)>,
    /// Names, for people.
    pub face: RuleFace,
}

/// Instructions, and the lanes that they work on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Section {
    /// Lanes of [`RULE_BLOCK`] cells (rows), or of one (setup, finish).
    pub lanes: u32,
    /// In order.
    pub code: Vec<Instruction>,
}

/// How often a value stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Per {
    /// Once in each row.
    Row,
    /// Once in all.
    Once,
}

/// What a column holds before it becomes cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Number {
    /// Integers: the cells themselves.
    Integer,
    /// 0 or 1: becomes all zeros or ones.
    Truth,
    /// f32: becomes its order key.
    F32,
    /// f64: becomes its order key.
    F64,
}

/// A column that a rule reads. Cells outside the range are clamped to it, and counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InputShape {
    /// How often it stands.
    pub per: Per,
    /// What it holds.
    pub number: Number,
    /// Lowest cell (of floats: order key).
    pub low: i64,
    /// Highest cell.
    pub high: i64,
}

/// Where an operand stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cell {
    /// A lane of the section.
    Lane(u32),
    /// A scalar, the same for all rows.
    Scalar(u32),
}

/// Two cells to one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Binary {
    /// Sum, wrapping.
    Add,
    /// Difference, wrapping.
    Sub,
    /// Product, wrapping.
    Mul,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// All ones where `a < b`.
    Less,
    /// All ones where `a <= b`.
    AtMost,
    /// All ones where equal.
    Equal,
    /// The smaller one.
    Min,
    /// The larger one.
    Max,
    /// Sum, saturating.
    AddSaturating,
    /// Difference, saturating.
    SubSaturating,
    /// Product, saturating.
    MulSaturating,
    /// All ones where the sum overflows.
    AddOverflows,
    /// All ones where the difference overflows.
    SubOverflows,
    /// All ones where the product overflows.
    MulOverflows,
}

/// Two 256-bit numbers to one, or to a truth value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wide {
    /// Sum, wrapping, and its overflow.
    Add,
    /// Difference, wrapping, and its overflow.
    Sub,
    /// Product, wrapping, and its overflow.
    Mul,
    /// All ones where `a < b`.
    Less,
    /// All ones where equal.
    Equal,
}

/// Where the quotient goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rounding {
    /// Towards zero.
    Truncate,
    /// Towards minus infinity.
    Floor,
}

/// A block of cells to one scalar.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fold {
    /// Their sum, wrapping.
    Sum,
    /// Their bitwise and.
    And,
    /// Their bitwise or.
    Or,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// How a cell becomes a value of a model's column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Feature {
    /// An order key of the model's own precision.
    Key,
    /// An integer; exact where it is below 2^24 (f32) or 2^53 (f64) in magnitude.
    Integer,
}

/// How a model's answer becomes a cell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// An order key of the model's own precision.
    Key,
    /// A class number.
    Class,
    /// Fixed point with so many fraction bits, to nearest, ties to even, clamped to the range.
    Fixed {
        /// Fraction bits.
        bits: u8,
        /// Lowest cell.
        low: i64,
        /// Highest cell.
        high: i64,
    },
}

/// One instruction. `into` names lanes that no operand of it stands in.
#[derive(Clone, PartialEq, Debug)]
pub enum Instruction {
    /// A column's cells: order keys made, clamped and counted. Each column is loaded once.
    Load {
        /// Which column.
        column: u32,
        /// Where to.
        into: u32,
    },
    /// Two cells to one.
    Binary {
        /// Which.
        op: Binary,
        /// First operand.
        a: Cell,
        /// Second operand.
        b: Cell,
        /// Where to.
        into: u32,
    },
    /// `yes` where the mask is all ones, `no` where it is zero.
    Select {
        /// All ones or zeros.
        mask: Cell,
        /// Under the mask.
        yes: Cell,
        /// Elsewhere.
        no: Cell,
        /// Where to.
        into: u32,
    },
    /// Division by a public number.
    Divide {
        /// Dividend.
        a: Cell,
        /// Divisor, not zero.
        by: i64,
        /// Where the quotient goes.
        rounding: Rounding,
        /// Where to.
        into: u32,
    },
    /// `from[index]`; zero where there is none. Every entry is looked at.
    Lookup {
        /// From 0.
        index: Cell,
        /// The entries.
        from: Vec<Cell>,
        /// Where to.
        into: u32,
    },
    /// All ones where some entry is equal. Every entry is looked at.
    Member {
        /// What to look for.
        a: Cell,
        /// The entries.
        of: Vec<Cell>,
        /// Where to.
        into: u32,
    },
    /// Two 256-bit numbers. Arithmetic fills five lanes (words, lowest first, and overflow),
    /// comparison one.
    Wide {
        /// Which.
        op: Wide,
        /// First operand.
        a: [Cell; 4],
        /// Second operand.
        b: [Cell; 4],
        /// Where to.
        into: Vec<u32>,
    },
    /// All ones where some 256-bit entry is equal. Every entry is looked at.
    WideMember {
        /// What to look for.
        a: [Cell; 4],
        /// The entries.
        of: Vec<[Cell; 4]>,
        /// Where to.
        into: u32,
    },
    /// A model's answer on some cells.
    Model {
        /// Which model.
        model: u32,
        /// Which output.
        output: Output,
        /// Its columns.
        features: Vec<(Cell, Feature)>,
        /// What becomes of its answer.
        answer: Answer,
        /// One lane for each value of the answer.
        into: Vec<u32>,
    },
    /// A lane to a scalar, over all rows.
    Fold {
        /// How.
        fold: Fold,
        /// Which cells.
        a: Cell,
        /// The scalar.
        into: u32,
    },
    /// The first smallest or largest cell over all rows, and its row.
    FoldFirst {
        /// [`Fold::Min`] or [`Fold::Max`].
        fold: Fold,
        /// Which cells.
        a: Cell,
        /// The scalar that gets the cell.
        best: u32,
        /// The scalar that gets the row, from 0.
        row: u32,
    },
    /// Releases a cell of each row.
    Emit {
        /// Which cell.
        a: Cell,
        /// Which output.
        output: u32,
    },
}

/// Names and types for people and files. Public, and without effect on an evaluation.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RuleFace {
    /// Those who bring inputs and get outputs.
    pub parties: Vec<String>,
    /// In the order of the columns.
    pub inputs: Vec<ValueFace>,
    /// In the order of the parameters.
    pub parameters: Vec<ValueFace>,
    /// In the order of the released cells: those of each row, and those that are released once.
    pub outputs: Vec<ValueFace>,
}

/// A named value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueFace {
    /// Its name.
    pub name: String,
    /// Whose it is, or who gets it.
    pub party: u32,
    /// How often it stands.
    pub per: Per,
    /// Its type.
    pub kind: Kind,
    /// Entries of a vector; `None` for a single value.
    pub length: Option<u32>,
}

impl ValueFace {
    /// Cells that it takes.
    pub fn cells(&self) -> usize {
        self.kind.cells() * self.length.unwrap_or(1) as usize
    }
}

/// A type of the rule language.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A 64-bit integer.
    I64,
    /// An integer with so many fraction bits.
    Fixed(u8),
    /// An unsigned 256-bit integer.
    U256,
    /// An f32 that is compared and chosen, not computed with.
    F32,
    /// An f64 that is compared and chosen, not computed with.
    F64,
}

impl Kind {
    /// Cells of one value.
    pub fn cells(self) -> usize {
        if self == Kind::U256 { 4 } else { 1 }
    }
}

impl RuleShape {
    /// The sections, in the order in which they run.
    pub fn sections(&self) -> [&Section; 3] {
        [&self.setup, &self.rows, &self.finish]
    }
}

impl Instruction {
    /// The cells that it reads.
    pub fn operands(&self) -> Vec<Cell> {
        match self {
            Self::Load { .. } => Vec::new(),
            Self::Binary { a, b, .. } => vec![*a, *b],
            Self::Select { mask, yes, no, .. } => vec![*mask, *yes, *no],
            Self::Divide { a, .. }
            | Self::Fold { a, .. }
            | Self::FoldFirst { a, .. }
            | Self::Emit { a, .. } => vec![*a],
            Self::Lookup { index: a, from: of, .. } | Self::Member { a, of, .. } => {
                [&[*a], of.as_slice()].concat()
            }
            Self::Wide { a, b, .. } => [*a, *b].concat(),
            Self::WideMember { a, of, .. } => [a.as_slice(), of.as_flattened()].concat(),
            Self::Model { features, .. } => features.iter().map(|(cell, _)| *cell).collect(),
        }
    }

    /// The lanes that it writes.
    pub fn targets(&self) -> &[u32] {
        match self {
            Self::Load { into, .. }
            | Self::Binary { into, .. }
            | Self::Select { into, .. }
            | Self::Divide { into, .. }
            | Self::Lookup { into, .. }
            | Self::Member { into, .. }
            | Self::WideMember { into, .. } => std::slice::from_ref(into),
            Self::Wide { into, .. } | Self::Model { into, .. } => into,
            Self::Fold { .. } | Self::FoldFirst { .. } | Self::Emit { .. } => &[],
        }
    }
}
