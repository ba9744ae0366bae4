//! The public face of a model: its columns, its classes, and how a margin becomes a prediction.
//!
//! Everything here is public: it stands on the shape card and may steer control flow.

use crate::error::ModelError;

/// Width of a floating-point number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

/// What an evaluation hands out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// The raw sum, before the link.
    Margin,
    /// The probability after the link.
    Probability,
    /// The value after the link where it is no probability (exp of Poisson, gamma, Tweedie).
    Prediction,
    /// The class.
    Label,
    /// Each tree's leaf, as the source library numbers it.
    Leaf,
}

/// From margin to prediction.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Link {
    /// The margin is the prediction.
    Identity,
    /// The margin already is a probability per class (forests, trees).
    Proportion,
    /// `1 / (1 + exp(-scale * margin))`, for each output on its own.
    Sigmoid {
        /// Factor on the margin before the link; LightGBM's `sigmoid`, else 1.
        scale: f64,
    },
    /// Sigmoid for each output, then divided by their sum (one-versus-rest).
    OneVersusRest,
    /// `exp(margin_k) / sum_j exp(margin_j)`.
    Softmax,
    /// `exp(margin)`.
    Exp,
}

impl Link {
    pub(crate) fn check(self, outputs: u32) -> Result<(), ModelError> {
        match self {
            Link::Softmax | Link::OneVersusRest if outputs < 2 => Err(ModelError::Link),
            Link::Sigmoid { scale } if !(1e-6..=1e6).contains(&scale) => Err(ModelError::Link),
            _ => Ok(()),
        }
    }
}

/// How the library turns an evaluation into a class.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum LabelRule {
    /// No classes: regression, ranking.
    None,
    /// One output; class 1 when `margin >= flip`, else class 0. `flip` is the smallest margin at
    /// which the library's own link flips.
    Flip {
        /// The smallest margin of class 1. Never NaN.
        flip: f64,
    },
    /// First largest margin.
    ArgMaxMargin,
    /// First largest probability, as rounded to the sum's precision.
    ArgMaxProbability,
}

/// The columns that a program reads, the classes it knows, and what its library returns by default.
#[derive(Clone, PartialEq, Debug)]
pub struct Schema {
    /// Number of columns.
    pub features: u32,
    /// Their names, if the model file has them: `features` of them.
    pub feature_names: Option<Vec<String>>,
    /// How a class is chosen.
    pub label: LabelRule,
    /// The class labels as text, if there are classes: what the `label` column prints.
    pub classes: Vec<String>,
    /// What the library's `predict` returns.
    pub default_output: Output,
}

/// Longest feature or class name, in bytes.
pub const MAX_NAME: usize = 4096;

impl Schema {
    /// The schema of a rule's program: empty, since a rule has a face of its own.
    pub fn of_rule() -> Self {
        Self {
            features: 0,
            feature_names: None,
            label: LabelRule::None,
            classes: Vec::new(),
            default_output: Output::Margin,
        }
    }

    pub(crate) fn check(&self, outputs: u32) -> Result<(), ModelError> {
        if let Some(names) = &self.feature_names {
            if names.len() != self.features as usize {
                return Err(ModelError::FeatureNames);
            }
            let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
            sorted.sort_unstable();
            if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(ModelError::FeatureNames);
            }
        }
        let names = self.feature_names.iter().flatten().chain(&self.classes);
        if names.clone().any(|name| name.len() > MAX_NAME) {
            return Err(ModelError::NameLength);
        }
        let classes = match self.label {
            LabelRule::None => 0,
            LabelRule::Flip { flip } if flip.is_nan() || outputs != 1 => {
                return Err(ModelError::Label);
            }
            LabelRule::Flip { .. } => 2,
            LabelRule::ArgMaxMargin | LabelRule::ArgMaxProbability => outputs as usize,
        };
        if self.classes.len() != classes {
            return Err(ModelError::Label);
        }
        Ok(())
    }
}
