//! A validated linear model: `margin_k = intercept_k + sum_f coefficient_kf * x_f`.

use crate::error::ModelError;
use crate::schema::{Link, Schema};

/// What an importer read, not yet validated.
pub struct LinearParts {
    /// Columns, classes, and what the library's `predict` returns.
    pub schema: Schema,
    /// Number of outputs.
    pub outputs: u32,
    /// `outputs x features`, row by row.
    pub coefficients: Vec<f64>,
    /// `outputs` values.
    pub intercepts: Vec<f64>,
    /// From margin to prediction.
    pub link: Link,
}

/// A validated linear model.
pub struct Linear {
    parts: LinearParts,
}

/// Coefficients and intercepts are zero or lie between these magnitudes, so that no product and no
/// partial sum is subnormal or infinite (see `kernel::linear`).
pub const LINEAR_MAGNITUDE: (f64, f64) = (1e-120, 1e120);

impl Linear {
    /// Validates what an importer read.
    ///
    /// # Errors
    /// Counts that do not fit, coefficients that are not finite or outside [`LINEAR_MAGNITUDE`].
    pub fn try_new(parts: LinearParts) -> Result<Self, ModelError> {
        let (outputs, features) = (parts.outputs as usize, parts.schema.features as usize);
        if outputs == 0 || features == 0 {
            return Err(ModelError::Empty);
        }
        if parts.outputs > crate::ensemble::MAX_OUTPUTS
            || parts.schema.features > crate::ensemble::MAX_FEATURES
        {
            return Err(ModelError::TooMany {
                what: "coefficients",
                found: outputs.saturating_mul(features),
                cap: crate::ensemble::MAX_OUTPUTS as usize * crate::ensemble::MAX_FEATURES as usize,
            });
        }
        if parts.coefficients.len() != outputs * features || parts.intercepts.len() != outputs {
            return Err(ModelError::Coefficients);
        }
        parts.schema.check(parts.outputs)?;
        parts.link.check(parts.outputs)?;
        let (low, high) = LINEAR_MAGNITUDE;
        let fits = |v: &f64| *v == 0.0 || (v.abs() >= low && v.abs() <= high);
        if !parts.coefficients.iter().chain(&parts.intercepts).all(fits) {
            return Err(ModelError::CoefficientRange);
        }
        Ok(Self { parts })
    }

    /// The validated parts, for reading.
    pub fn parts(&self) -> &LinearParts {
        &self.parts
    }
}

/// Any model that compiles to a program.
pub enum Model {
    /// Trees.
    Ensemble(crate::ensemble::Ensemble),
    /// A linear model.
    Linear(Linear),
}

impl Model {
    /// Columns, classes and defaults.
    pub fn schema(&self) -> &Schema {
        match self {
            Model::Ensemble(ensemble) => ensemble.schema(),
            Model::Linear(linear) => &linear.parts.schema,
        }
    }
}
