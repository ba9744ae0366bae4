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
