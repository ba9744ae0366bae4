//! The engine's errors. They speak of public facts and of the caller's own model, never of rows.

use crate::ensemble::TreeFault;

/// Why a model was refused. Said to its owner, about the owner's own file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A count is over its cap.
    #[error("the model has {found} {what}, more than the cap of {cap}")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        cap: usize,
    },
    /// No outputs, or no features.
    #[error("the model has no outputs or no features")]
    Empty,
    /// Leaves have neither one value nor one per output.
    #[error("leaves must have one value, or one for each output")]
    LeafWidth,
    /// One base value per output is needed.
    #[error("the model needs one finite base score for each output")]
    Base,
    /// The number of trees to average over is zero or too large.
    #[error("the model averages over no tree, or over too many")]
    Average,
    /// Feature names are not one per feature, or two are equal.
    #[error("feature names must be one for each feature, all different")]
    FeatureNames,
    /// A feature or class name is too long.
    #[error("a feature or class name is longer than 4096 bytes")]
    NameLength,
    /// Classes do not fit the outputs.
    #[error("the class labels do not fit the model's outputs")]
    Label,
    /// The link does not fit the outputs.
    #[error("the link function does not fit the model's outputs")]
    Link,
    /// The value that stands for missing is not finite.
    #[error("the value that stands for missing must be a finite number (NaN is always missing)")]
    MissingValue,
    /// Coefficients are not `outputs x features`.
    #[error("the coefficients are not outputs x features, with one intercept an output")]
    Coefficients,
    /// A coefficient is too large or too small for constant-time arithmetic.
    #[error("a coefficient or intercept is neither zero nor between 1e-120 and 1e120 in magnitude")]
    CoefficientRange,
    /// A tree is not a tree.
    #[error("tree {index}: {what}")]
    Tree {
        /// Position of the tree in the model.
        index: usize,
        /// What is wrong with it.
        what: TreeFault,
    },
}

/// Why a program was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// The public half is not one of a program; says which part.
    #[error("the program's shape is not valid: {0}")]
    Shape(&'static str),
    /// A section of parameters has not the length that the shape asks for.
    #[error("the program's parameters have not the length that its shape asks for")]
    SectionLength,
    /// The secret parameters are not valid: one code, whatever is wrong.
    #[error("the program's parameters are not valid")]
    Parameters,
}

/// Why a model does not compile. Said to its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A leaf could take a partial sum off the normal numbers.
    #[error(
        "tree {tree} has a leaf value so large or so small that float sums of it are not constant \
         in time: score with --sum fixed"
    )]
    LeafMagnitude {
        /// Position of the tree in the model.
        tree: usize,
    },
    /// The base score could do so.
    #[error(
        "the base score is so large or so small that float sums of it are not constant in time: \
         score with --sum fixed"
    )]
    BaseMagnitude,
    /// The leaf values do not fit 61 bits in all.
    #[error("the leaf values are too large for a fixed-point sum: score with --sum source")]
    FixedRange,
    /// A tree needs more blocks than a skip counter can count.
    #[error("tree {tree} has more than 65,535 blocks of 63 nodes: it is too large")]
    TreeTooLarge {
        /// Position of the tree in the model.
        tree: usize,
    },
    /// Too many slots: more features and thresholds meet in 64 blocks than 16,384 slots hold.
    #[error("64 neighbouring trees use more than 16,384 slots of features and thresholds")]
    TooManySlots,
    /// Rows of f64 were asked for, but the model compares at f32.
    #[error("the model compares rows at 32-bit precision: rows of 64 bits must be rounded first")]
    Precision,
    /// A fixed-point sum of a model without leaves.
    #[error(
        "a linear model has no leaves to add up in fixed point, only dot products of floats: leave \
         --sum fixed out"
    )]
    FixedLinear,
    /// Leaf numbers of a model without trees.
    #[error("a linear model has no leaves")]
    NoLeaves,
    /// The program would be larger than a program may be.
    #[error("the program would have {bytes} bytes, more than the cap of {cap}")]
    TooLarge {
        /// Bytes of parameters that it would have.
        bytes: u64,
        /// Bytes that it may have.
        cap: u64,
    },
}

/// Why an evaluation was refused, before any row was looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// The rows have another number of columns than the program reads.
    #[error("the rows have {found} columns, the program reads {expected}")]
    Features {
        /// Columns of the rows.
        found: usize,
        /// Columns that the program reads.
        expected: usize,
    },
    /// The values are no whole number of rows.
    #[error("{values} values are no whole number of rows of {features} columns")]
    Ragged {
        /// Values given.
        values: usize,
        /// Columns of a row.
        features: usize,
    },
    /// The rows have another precision than the program reads.
    #[error("the rows are not of the precision that the program reads")]
    Precision,
    /// No rows, or too many.
    #[error("there are {found} rows, the rule takes 1 to {most}")]
    Rows {
        /// Rows found.
        found: u64,
        /// Most rows that the rule takes.
        most: u64,
    },
    /// The program cannot give this output.
    #[error("the program cannot give this output")]
    Output,
    /// The program cannot be evaluated by the kernel that was asked for.
    #[error(
        "the program cannot be evaluated by this kernel: strict programs by interval-max only, \
         linear models by none that walks trees, and bit-sliced takes trees of at most 16384 \
         different thresholds"
    )]
    Kernel,
}
