//! What a model file means, in one form: a validated tree ensemble.
//!
//! Importers fill an [`EnsembleParts`] with what they read; [`Ensemble::try_new`] is the only way to
//! an [`Ensemble`], so whoever holds one knows that every tree is a tree, every number is finite and
//! every index is in range. This is the model owner's own plain data: nothing here runs in constant
//! time, and nothing here ever runs in an enclave.

use crate::error::ModelError;
use crate::schema::{Link, Precision, Schema};

/// Most trees an ensemble may have.
pub const MAX_TREES: usize = 1 << 20;
/// Most splits over all trees of an ensemble.
pub const MAX_SPLITS: usize = 1 << 26;
/// Most outputs (classes, or targets) a model may have.
pub const MAX_OUTPUTS: u32 = 1 << 12;
/// Most features a model may read.
pub const MAX_FEATURES: u32 = 1 << 16;

/// A child of a split: another split of the same tree, or one of its leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// Index into [`Tree::splits`].
    Split(u32),
    /// Index into [`Tree::leaf_ids`].
    Leaf(u32),
}

/// How a row's value is held against the threshold: which rows go left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Left when `x < threshold` (XGBoost).
    Less,
    /// Left when `x <= threshold` (LightGBM, scikit-learn).
    LessOrEqual,
}

/// What a split does with a missing value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// NaN goes left.
    NanLeft,
    /// NaN goes right.
    NanRight,
    /// NaN counts as 0.0 (LightGBM `missing_type` None).
    NanIsZero,
    /// NaN and every |x| <= [`ZERO_THRESHOLD`] go left (LightGBM `missing_type` Zero).
    ZeroLeft,
    /// NaN and every |x| <= [`ZERO_THRESHOLD`] go right (LightGBM `missing_type` Zero).
    ZeroRight,
}

/// LightGBM's `kZeroThreshold`: an f32 literal, widened where rows are f64.
pub const ZERO_THRESHOLD: f32 = 1e-35;

/// An inner node: one feature held against one threshold.
#[derive(Clone, Copy, PartialEq)]
pub struct Split {
    /// Column of the row that is read.
    pub feature: u32,
    /// The threshold, exactly as the model file means it (an f32 widens without loss). Never NaN.
    pub threshold: f64,
    /// Which side of the threshold goes left.
    pub compare: Compare,
    /// Where missing values go.
    pub missing: Missing,
    /// Where the row goes when the comparison holds.
    pub left: Child,
    /// Where the row goes when it does not.
    pub right: Child,
}

/// One tree. A tree without splits is a single leaf.
#[derive(Clone, PartialEq)]
pub struct Tree {
    /// The output that the leaves add to; 0 where each leaf carries a value for every output.
    pub output: u32,
    /// The root: `Child::Split(0)`, or `Child::Leaf(0)` for a single-leaf tree.
    pub root: Child,
    /// The inner nodes, in any order.
    pub splits: Vec<Split>,
    /// The number that the source library gives each leaf.
    pub leaf_ids: Vec<u32>,
    /// Leaf values, `leaves x leaf_width`, exactly as the library adds them.
    pub leaf_values: Vec<f64>,
}

/// What an importer read, not yet validated.
pub struct EnsembleParts {
    /// Columns, classes, and what the library's `predict` returns.
    pub schema: Schema,
    /// Precision at which the library compares a row's value with a threshold. `F32`: rows are
    /// rounded to f32 first.
    pub compare_at: Precision,
    /// A value that stands for missing beside NaN (XGBoost's `missing`), if any.
    pub missing_value: Option<f64>,
    /// Number of outputs.
    pub outputs: u32,
    /// Values per leaf: 1, or `outputs`.
    pub leaf_width: u32,
    /// The trees, in the order in which the library adds them.
    pub trees: Vec<Tree>,
    /// Where each output's sum starts: `outputs` values.
    pub base: Vec<f64>,
    /// Precision of the library's sum.
    pub sum_at: Precision,
    /// The sum is divided by this (forests, `average_output`).
    pub average: Option<u32>,
    /// From margin to prediction.
    pub link: Link,
}

/// A validated tree ensemble with the exact semantics of the library it came from.
pub struct Ensemble {
    parts: EnsembleParts,
}

impl Ensemble {
    /// Validates what an importer read.
    ///
    /// # Errors
    /// Names the first thing that is not a model: a child out of range, a node with two parents or
    /// none, a threshold that is NaN, a leaf or base that is not finite or too large or too small
    /// for its sum, counts over the caps of this module.
    pub fn try_new(parts: EnsembleParts) -> Result<Self, ModelError> {
        check_counts(&parts)?;
        parts.schema.check(parts.outputs)?;
        parts.link.check(parts.outputs)?;
        if let Some(value) = parts.missing_value
            && !value.is_finite()
        {
            return Err(ModelError::MissingValue);
        }
        for (index, tree) in parts.trees.iter().enumerate() {
            check_tree(&parts, tree).map_err(|what| ModelError::Tree { index, what })?;
        }
        Ok(Self { parts })
    }

    /// The validated parts, for reading.
    pub fn parts(&self) -> &EnsembleParts {
        &self.parts
    }

    /// Columns, classes and defaults.
    pub fn schema(&self) -> &Schema {
        &self.parts.schema
    }
}

fn check_counts(parts: &EnsembleParts) -> Result<(), ModelError> {
    let over = |what, found: usize, cap: usize| {
        if found > cap { Err(ModelError::TooMany { what, found, cap }) } else { Ok(()) }
    };
    over("trees", parts.trees.len(), MAX_TREES)?;
    over("outputs", parts.outputs as usize, MAX_OUTPUTS as usize)?;
    over("features", parts.schema.features as usize, MAX_FEATURES as usize)?;
    over("splits", parts.trees.iter().map(|t| t.splits.len()).sum(), MAX_SPLITS)?;
    if parts.outputs == 0 || parts.schema.features == 0 {
        return Err(ModelError::Empty);
    }
    if parts.leaf_width != 1 && parts.leaf_width != parts.outputs {
        return Err(ModelError::LeafWidth);
    }
    if parts.base.len() != parts.outputs as usize {
        return Err(ModelError::Base);
    }
    match parts.average {
        Some(n) if n == 0 || n > MAX_TREES as u32 => Err(ModelError::Average),
        _ => Ok(()),
    }
}

fn check_tree(parts: &EnsembleParts, tree: &Tree) -> Result<(), TreeFault> {
    let width = parts.leaf_width as usize;
    let leaves = tree.leaf_ids.len();
    if tree.leaf_values.len() != leaves * width || leaves != tree.splits.len() + 1 {
        return Err(TreeFault::LeafCount);
    }
    if tree.output >= parts.outputs || (width > 1 && tree.output != 0) {
        return Err(TreeFault::Output);
    }
    for split in &tree.splits {
        if split.feature >= parts.schema.features {
            return Err(TreeFault::Feature);
        }
        if split.threshold.is_nan() {
            return Err(TreeFault::ThresholdNan);
        }
    }
    if tree.leaf_values.iter().any(|v| !v.is_finite()) {
        return Err(TreeFault::LeafNotFinite);
    }
    check_links(tree)
}

/// Every split and leaf is reached exactly once from the root: no cycle, nothing shared, nothing
/// left over. Iterative: depth is the file's choice, our stack is not.
fn check_links(tree: &Tree) -> Result<(), TreeFault> {
    let mut split_seen = vec![false; tree.splits.len()];
    let mut leaf_seen = vec![false; tree.leaf_ids.len()];
    let mut open = vec![tree.root];
    while let Some(child) = open.pop() {
        let (seen, index) = match child {
            Child::Split(i) => (&mut split_seen, i as usize),
            Child::Leaf(i) => (&mut leaf_seen, i as usize),
        };
        match seen.get_mut(index) {
            None => return Err(TreeFault::ChildRange),
            Some(true) => return Err(TreeFault::TwoParents),
            Some(fresh) => *fresh = true,
        }
        if let Child::Split(_) = child {
            open.push(tree.splits[index].right);
            open.push(tree.splits[index].left);
        }
    }
    if split_seen.into_iter().chain(leaf_seen).all(|seen| seen) {
        Ok(())
    } else {
        Err(TreeFault::Unreached)
    }
}

/// What is wrong with a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeFault {
    /// Leaves and splits do not make a binary tree, or values are missing.
    #[error("it does not have one leaf more than splits, each with its values")]
    LeafCount,
    /// The tree adds to an output that the model does not have.
    #[error("it adds to an output that the model does not have")]
    Output,
    /// A split reads a feature that the model does not have.
    #[error("a split reads a feature that the model does not have")]
    Feature,
    /// A threshold is NaN.
    #[error("a threshold is NaN")]
    ThresholdNan,
    /// A leaf value is infinite or NaN.
    #[error("a leaf value is infinite or NaN")]
    LeafNotFinite,
    /// A child index points outside the tree.
    #[error("a child index is out of range")]
    ChildRange,
    /// A node is reached twice: a cycle, or a shared child.
    #[error("a node has two parents, or the child links form a cycle")]
    TwoParents,
    /// A node is not reached from the root.
    #[error("a node is not reached from the root")]
    Unreached,
}
